/*
 * clock.h: a clock that a test moves. It stands still between the moves; in a simulation it is the
 * simulation's own.
 */
#ifndef LIFECYCLE_TESTS_CLOCK_H
#define LIFECYCLE_TESTS_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct check_clock;

struct check_clock *check_clock_new(void);
/** Frees it. Only workers that are just ending may still use it. */
void check_clock_free(struct check_clock *clock);
/** The caller's clock from here on, and that of workers it starts; NULL: the usual one again. In a
 * simulation there is but one. */
void check_clock_use(struct check_clock *clock);
int64_t check_clock_now(struct check_clock *clock);
/** Lets time pass. What falls due is done when this returns, unless a simulation delays it. */
void check_clock_advance(struct check_clock *clock, int64_t nanoseconds);
/** How many timers and timed waits are armed on it. */
size_t check_clock_waiting(struct check_clock *clock);

/** For mode.c: frees the clocks of a test that has ended. */
void check_clocks_end(void);

#endif
