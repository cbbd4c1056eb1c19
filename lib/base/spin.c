/*
 * spin.c: see spin.h.
 */
#include "base/spin.h"

#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void spin_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void lc__spin(unsigned *round)
{
    enum { PAUSES = 64, YIELDS = 32 };
    unsigned now = (*round)++;
    if (now < PAUSES) {
        spin_relax();
    } else if (now < PAUSES + YIELDS) {
        sched_yield();
    } else {
        /* Real time, whatever the clock of this thread is: the other thread is a real one. */
        const struct timespec moment = {0, 50000};
        syscall(SYS_nanosleep, &moment, NULL);
    }
}
