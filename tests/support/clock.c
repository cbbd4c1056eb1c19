/*
 * clock.c: see clock.h.
 */
#include "support/clock.h"

#include "support/check.h"

#include "base/clock.h"
#include "executor/park.h"
#include "executor/timers.h"
#include "support/manual_clock.h"

#include <lifecycle.h>

#include <stdlib.h>

struct check_clock {
    struct manual_clock *manual; /* NULL: in a simulation */
    struct check_clock *next;    /* among those of tests that were fibers */
};

static struct check_clock *ended;

enum { START = 1000 };

struct check_clock *check_clock_new(void)
{
    struct check_clock *clock = calloc(1, sizeof *clock);
    if (!clock)
        abort();
    if (lc_is_simulated())
        return clock;
    clock->manual = manual_clock_new(START);
    if (!clock->manual)
        abort();
    return clock;
}

/* Workers that have told that they are done may yet look at it, or disarm something. */
static void free_when_unused(struct check_clock *clock)
{
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    manual_clock_free(clock->manual);
    free(clock);
}

void check_clock_free(struct check_clock *clock)
{
    if (!clock->manual) {
        free(clock);
    } else if (lc_is_fiber()) {
        clock->next = ended;
        ended = clock;
    } else {
        free_when_unused(clock);
    }
}

void check_clocks_end(void)
{
    for (struct check_clock *clock; (clock = ended);) {
        ended = clock->next;
        free_when_unused(clock);
    }
}

void check_clock_use(struct check_clock *clock)
{
    if (!lc_is_simulated())
        manual_clock_use(clock ? clock->manual : NULL);
}

int64_t check_clock_now(struct check_clock *clock)
{
    struct lc__clock *kept = lc__clock_current();
    check_clock_use(clock);
    int64_t now = lc_now();
    lc__clock_set_current(kept);
    return now;
}

/* ---- in a simulation ---- */

struct settling {
    struct lc__timer timer; /* first */
    struct lc__parker parker;
};

static bool has_settled(struct lc__timer *timer)
{
    lc__unpark(&((struct settling *)timer)->parker);
    return false;
}

/* A timer that is due fires once nothing else can run, without the clock moving. */
static void settle(void)
{
    static const struct lc__park_reason reason = {"all others to wait", NULL};
    struct settling settling = {.timer = {.due = has_settled}};
    lc__parker_init(&settling.parker);
    lc__timer_arm(&settling.timer, lc_now());
    while (lc__parker_count(&settling.parker) == 0)
        lc__park(&settling.parker, 0, LC_FOREVER, &reason);
    lc__timer_disarm(&settling.timer); /* the thread that fired it may still be in its callback */
}

/* ---- in either ---- */

void check_clock_advance(struct check_clock *clock, int64_t nanoseconds)
{
    if (clock->manual) {
        manual_clock_advance(clock->manual, nanoseconds);
        return;
    }
    settle();
    lc_sleep(nanoseconds);
    settle();
}

size_t check_clock_waiting(struct check_clock *clock)
{
    if (clock->manual)
        return manual_clock_waiting(clock->manual);
    return lc__timers_count(lc__clock_current()->timers);
}
