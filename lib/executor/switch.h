/*
 * switch.h: leaves one stack for another. There are three implementations; one is compiled:
 * switch_x86_64.c, switch_aarch64.c, and switch_ucontext.c for other processors, or if
 * LC__SWITCH_UCONTEXT is defined. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_SWITCH_H
#define LIFECYCLE_EXECUTOR_SWITCH_H

#include <stddef.h>

#if !defined(LC__SWITCH_UCONTEXT) && defined(__x86_64__) && defined(__LP64__)
#define LC__SWITCH_X86_64
#elif !defined(LC__SWITCH_UCONTEXT) && defined(__aarch64__)
#define LC__SWITCH_AARCH64
#elif !defined(LC__SWITCH_UCONTEXT)
#define LC__SWITCH_UCONTEXT
#endif

/*
 * Prepares a new stack, from `low` (inclusive) to `top` (exclusive, a multiple of 16). The first
 * switch to it calls `entry(arg)`, which must not return.
 * @return the place that lc__switch takes as `to`.
 */
void *lc__switch_prepare(void *low, void *top, void (*entry)(void *arg), void *arg);

/*
 * Saves on this stack the registers that a call preserves, stores the place in `*from`, and
 * continues at the place `to`. Returns when a switch continues at the stored place. The signal mask
 * stays that of the thread.
 */
void lc__switch(void **from, void *to);

#endif
