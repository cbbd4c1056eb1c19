/*
 * switch_ucontext.c: the switch by ucontext(3), for processors that we have no assembly for. It
 * makes a system call each time, to keep a signal mask that nobody asked to be kept. See switch.h.
 */
#include "executor/switch.h"

#ifdef LC__SWITCH_UCONTEXT

#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

/* Lies at the top of a stack that was made, or in the frame that left one. */
struct place {
    ucontext_t context;
    void (*entry)(void *arg);
    void *arg;
};

/* makecontext(3) hands on integers only. */
static void enter_stack(unsigned high, unsigned low)
{
    struct place *place = (struct place *)(((uintptr_t)high << 16 << 16) | low);
    place->entry(place->arg);
}

void *lc__switch_prepare(void *low, void *top, void (*entry)(void *arg), void *arg)
{
    struct place *place = (struct place *)((uintptr_t)((struct place *)top - 1) & ~(uintptr_t)63);
    uintptr_t address = (uintptr_t)place;
    getcontext(&place->context);
    place->entry = entry;
    place->arg = arg;
    place->context.uc_stack.ss_sp = low;
    place->context.uc_stack.ss_size = (size_t)((char *)place - (char *)low);
    place->context.uc_link = NULL;
    makecontext(&place->context, (void (*)(void))enter_stack, 2, (unsigned)(address >> 16 >> 16),
                (unsigned)address);
    return place;
}

void lc__switch(void **from, void *to)
{
    struct place here;
    struct place *there = to;
    *from = &here; /* cppcheck-suppress autoVariables ; used while this call lasts */
    /* The thread's mask, whatever it was when that stack was left. */
    pthread_sigmask(SIG_SETMASK, NULL, &there->context.uc_sigmask);
    swapcontext(&here.context, &there->context);
}

#endif

typedef int lc__switch_ucontext_is_a_file; /* ISO C has no empty ones */
