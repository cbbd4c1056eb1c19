/*
 * manual_clock.h: a clock that moves when it is told to, for tests. Timed waits of threads that use
 * it end when it is moved past their deadline. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_MANUAL_CLOCK_H
#define LIFECYCLE_EXECUTOR_MANUAL_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct lc__manual_clock;

/* A clock that stands at `start` nanoseconds, above 0. NULL: no memory. */
struct lc__manual_clock *lc__manual_clock_new(int64_t start);
/* No thread may use it any more, no timer be armed on it. */
void lc__manual_clock_free(struct lc__manual_clock *clock);
/*
 * The calling thread's clock from here on, and that of threads it makes; NULL: the real one again.
 */
void lc__manual_clock_use(struct lc__manual_clock *clock);
/*
 * Moves the clock and fires what falls due, in order, on the caller's stack. By one thread at a
 * time.
 */
void lc__manual_clock_advance(struct lc__manual_clock *clock, int64_t nanoseconds);
/* How many timers and timed waits are armed on it. */
size_t lc__manual_clock_waiting(struct lc__manual_clock *clock);

#endif
