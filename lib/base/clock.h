/*
 * clock.h: the clock of the calling thread. No other file of the library reads a clock. Floor 0.
 */
#ifndef LIFECYCLE_BASE_CLOCK_H
#define LIFECYCLE_BASE_CLOCK_H

#include "base/task.h"

#include <lifecycle/time.h>

struct lc__timers;

struct lc__clock {
    int64_t (*now)(struct lc__clock *clock);
    /* The timers that fire by this clock. NULL for the real clock, where the kernel ends waits. */
    struct lc__timers *timers;
};

/* CLOCK_MONOTONIC. */
extern struct lc__clock lc__clock_real;

/*
 * The time on the calling task's clock. The real clock is read as it was at its last tick, a few
 * milliseconds ago at most, at a quarter of the cost. For notes, not for deadlines.
 */
int64_t lc__now_roughly(void);

static inline struct lc__clock *lc__clock_current(void)
{
    struct lc__clock *clock = lc__task_current()->clock;
    return clock ? clock : &lc__clock_real;
}
/* Sets the calling thread's clock; NULL: the real one. A new thread has the clock of its maker. */
void lc__clock_set_current(struct lc__clock *clock);

#endif
