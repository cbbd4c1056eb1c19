/*
 * clock.h: the clock of the calling thread. Nothing else in the library asks what time it is. Floor
 * 0.
 */
#ifndef LIFECYCLE_BASE_CLOCK_H
#define LIFECYCLE_BASE_CLOCK_H

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

struct lc__clock *lc__clock_current(void);
/* Sets the calling thread's clock; NULL for the real one. Threads take over their maker's. */
void lc__clock_set_current(struct lc__clock *clock);

#endif
