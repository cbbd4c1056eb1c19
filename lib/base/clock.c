/*
 * clock.c: see clock.h and <lifecycle/time.h>.
 */
#include "base/clock.h"

#include <time.h>

static int64_t clock_read_monotonic(struct lc__clock *clock)
{
    (void)clock;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * LC_SECOND + now.tv_nsec;
}

struct lc__clock lc__clock_real = {clock_read_monotonic, NULL};

void lc__clock_set_current(struct lc__clock *clock)
{
    lc__task_current()->clock = clock;
}

int64_t lc__now_roughly(void)
{
    struct lc__clock *clock = lc__clock_current();
    if (clock != &lc__clock_real)
        return clock->now(clock);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * LC_SECOND + now.tv_nsec;
}

int64_t lc_now(void)
{
    struct lc__clock *clock = lc__clock_current();
    return clock->now(clock);
}

int64_t lc_deadline_after(int64_t timeout)
{
    if (timeout <= 0)
        return LC_NOW;
    int64_t now = lc_now();
    return timeout > LC_FOREVER - now ? LC_FOREVER : now + timeout;
}

int64_t lc_wall_now(void)
{
    struct lc__clock *clock = lc__clock_current();
    if (clock != &lc__clock_real)
        return LC_SIMULATION_EPOCH + clock->now(clock);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * LC_SECOND + now.tv_nsec;
}
