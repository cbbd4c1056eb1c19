/*
 * manual_clock.c: see manual_clock.h.
 */
#include "support/manual_clock.h"

#include "base/clock.h"
#include "base/memory.h"
#include "executor/timers.h"

#include <stdatomic.h>

struct manual_clock {
    struct lc__clock clock; /* first: what the tasks point to */
    struct lc__timers timers;
    /*
     * Release and acquire: a reader of a time sees all that was done before the clock came to it.
     */
    _Atomic int64_t now;
};

static int64_t read_manual(struct lc__clock *clock)
{
    return atomic_load_explicit(&((struct manual_clock *)clock)->now, memory_order_acquire);
}

static void set_manual(void *arg, int64_t now)
{
    struct manual_clock *clock = arg;
    /* A timer armed with a deadline in the past does not turn the clock back. */
    if (now > read_manual(&clock->clock))
        atomic_store_explicit(&clock->now, now, memory_order_release);
}

struct manual_clock *manual_clock_new(int64_t start)
{
    struct manual_clock *clock = lc__allocate(sizeof *clock);
    if (!clock)
        return NULL;
    clock->clock = (struct lc__clock){read_manual, &clock->timers};
    clock->timers = (struct lc__timers)LC__TIMERS_INIT;
    atomic_init(&clock->now, start);
    return clock;
}

void manual_clock_free(struct manual_clock *clock)
{
    if (!clock)
        return;
    lc__timers_destroy(&clock->timers);
    lc__free(clock);
}

void manual_clock_use(struct manual_clock *clock)
{
    lc__clock_set_current(clock ? &clock->clock : NULL);
}

void manual_clock_advance(struct manual_clock *clock, int64_t nanoseconds)
{
    int64_t target = read_manual(&clock->clock) + nanoseconds;
    while (lc__timers_fire_one(&clock->timers, target, set_manual, clock))
        continue;
    set_manual(clock, target);
}

size_t manual_clock_waiting(struct manual_clock *clock)
{
    return lc__timers_count(&clock->timers);
}
