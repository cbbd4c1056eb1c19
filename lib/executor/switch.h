/*
 * switch.h: leaving one stack for another. Three ways to do it, one of which is compiled:
 * switch_x86_64.c, switch_aarch64.c, and switch_ucontext.c for all else, or if
 * LC__SWITCH_UCONTEXT is defined. Floor 1; fiber.c and loop.c use it.
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
 * Lays out a stack, from `low` (inclusive) to `top` (exclusive, a multiple of 16), for the first
 * switch to it to call `entry(arg)`, which must not return.
 * @return what lc__switch takes to go there.
 */
void *lc__switch_prepare(void *low, void *top, void (*entry)(void *arg), void *arg);

/*
 * Saves the registers that a call keeps on this stack, notes it in `*from`, and goes on where `to`
 * was noted. Comes back when somebody switches to what was noted. The signal mask stays the
 * thread's.
 */
void lc__switch(void **from, void *to);

#endif
