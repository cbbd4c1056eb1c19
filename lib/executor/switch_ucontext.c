/*
 * switch_ucontext.c: the switch by ucontext(3), for processors without an assembly version. Each
 * switch makes a system call for the signal mask, which is of no use here. See switch.h.
 */
#include "executor/switch.h"

#ifdef LC__SWITCH_UCONTEXT

#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

/* At the top of a new stack, or in the frame of lc__switch() that left one. */
struct switch_place {
    ucontext_t context;
    void (*entry)(void *arg);
    void *arg;
};

/* makecontext(3) passes integers only. */
static void switch_enter_stack(unsigned high, unsigned low)
{
    struct switch_place *place = (struct switch_place *)(((uintptr_t)high << 16 << 16) | low);
    place->entry(place->arg);
}

void *lc__switch_prepare(void *low, void *top, void (*entry)(void *arg), void *arg)
{
    struct switch_place *place =
        (struct switch_place *)((uintptr_t)((struct switch_place *)top - 1) & ~(uintptr_t)63);
    uintptr_t address = (uintptr_t)place;
    getcontext(&place->context);
    place->entry = entry;
    place->arg = arg;
    place->context.uc_stack.ss_sp = low;
    place->context.uc_stack.ss_size = (size_t)((char *)place - (char *)low);
    place->context.uc_link = NULL;
    makecontext(&place->context, (void (*)(void))switch_enter_stack, 2,
                (unsigned)(address >> 16 >> 16), (unsigned)address);
    return place;
}

void lc__switch(void **from, void *to)
{
    struct switch_place here;
    struct switch_place *there = to;
    *from = &here; /* cppcheck-suppress autoVariables ; used while this call lasts */
    /* The mask that the thread has now, and not the one that it had when that stack was left. */
    pthread_sigmask(SIG_SETMASK, NULL, &there->context.uc_sigmask);
    swapcontext(&here.context, &there->context);
}

#endif

typedef int lc__switch_ucontext_is_a_file; /* ISO C has no empty ones */
