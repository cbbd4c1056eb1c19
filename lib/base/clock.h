/*
 * clock.h: the clock of the calling thread. Nothing else in the library asks what time it is. Floor
 * 0.
 */
#ifndef LIFECYCLE_BASE_CLOCK_H
#define LIFECYCLE_BASE_CLOCK_H

#include "base/task.h"

#include <lifecycle/time.h>

struct lc__timers;

struct lc__clock {
    int64_t (*now)(struct lc__clock *clock);
    /*
     * What fires when this clock comes to a time. NULL for the real one: there the kernel ends
     * timed waits.
     */
    struct lc__timers *timers;
};

/* CLOCK_MONOTONIC. */
extern struct lc__clock lc__clock_real;

/*
 * The present on the calling task's clock; of the real one as it was at the last tick, a few
 * milliseconds ago at most, which is told at a quarter of the cost. For notes, not for deadlines.
 */
int64_t lc__now_roughly(void);

static inline struct lc__clock *lc__clock_current(void)
{
    struct lc__clock *clock = lc__task_current()->clock;
    return clock ? clock : &lc__clock_real;
}
/* Sets the calling thread's clock; NULL for the real one. Threads take over their maker's. */
void lc__clock_set_current(struct lc__clock *clock);

#endif
