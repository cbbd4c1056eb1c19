/*
 * manual_clock.h: a clock that moves only when a test moves it. A timed wait of a thread that uses
 * the clock ends when the clock is moved past the deadline of the wait.
 */
#ifndef LIFECYCLE_TESTS_MANUAL_CLOCK_H
#define LIFECYCLE_TESTS_MANUAL_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct manual_clock;

/* A clock that stands at `start` nanoseconds, above 0. NULL: no memory. */
struct manual_clock *manual_clock_new(int64_t start);
/* No thread uses the clock any more, and no timer is armed on it. */
void manual_clock_free(struct manual_clock *clock);
/*
 * Makes it the clock of the calling thread, and of the threads that this thread makes from now on.
 * NULL: the real clock again.
 */
void manual_clock_use(struct manual_clock *clock);
/*
 * Moves the clock and fires the timers that fall due, in order, on the caller's stack. One thread
 * at a time may call it.
 */
void manual_clock_advance(struct manual_clock *clock, int64_t nanoseconds);
/* How many timers and timed waits are armed on the clock. */
size_t manual_clock_waiting(struct manual_clock *clock);

#endif
