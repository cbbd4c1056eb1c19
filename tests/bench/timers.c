/*
 * timers.c: arming and cancelling among a million timers that are armed.
 */
#include "bench/bench.h"

#include "executor/timers.h"

#include <lifecycle.h>

#include <stdlib.h>

/* Spread over an hour. They begin after a minute, so that none comes while it is measured. */
static int64_t *random_deadlines(size_t n)
{
    int64_t *deadlines = calloc(n, sizeof *deadlines);
    int64_t first = lc_now() + 60 * LC_SECOND;
    for (size_t i = 0; i < n; i++)
        deadlines[i] = first + (int64_t)lc_random_below(3600 * LC_SECOND);
    return deadlines;
}

static bool expire(struct lc__timer *timer)
{
    (void)timer;
    bench_fail("a timer expired while timers were measured");
}

/* Timers are part of what they are for: here they are alone, and made and freed like Go's. */
static struct lc__timer *arm(int64_t deadline)
{
    struct lc__timer *timer = calloc(1, sizeof *timer);
    timer->due = expire;
    if (lc__timer_arm(timer, deadline) < 0)
        bench_fail("lc__timer_arm");
    return timer;
}

static void cancel(struct lc__timer *timer)
{
    if (!lc__timer_disarm(timer))
        bench_fail("a timer was not armed");
    free(timer);
}

static struct lc__timer **arm_all(const int64_t *deadlines, size_t n)
{
    struct lc__timer **timers = calloc(n, sizeof(struct lc__timer *));
    for (size_t i = 0; i < n; i++)
        timers[i] = arm(deadlines[i]);
    return timers;
}

static void cancel_all(struct lc__timer **timers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cancel(timers[i]);
    free(timers);
}

static double arm_all_then_cancel(size_t n)
{
    int64_t *deadlines = random_deadlines(n);
    int64_t begin = bench_now();
    cancel_all(arm_all(deadlines, n), n);
    double took = (double)(bench_now() - begin);
    free(deadlines);
    return took / (double)n;
}

/* One at a time, `once`, while n are armed. */
static double among_armed(size_t n, void (*once)(int64_t deadline))
{
    int64_t *deadlines = random_deadlines(n);
    struct lc__timer **background = arm_all(deadlines, n);
    int64_t begin = bench_now();
    for (size_t i = 0; i < n; i++)
        once(deadlines[i]);
    double took = (double)(bench_now() - begin);
    cancel_all(background, n);
    free(deadlines);
    return took / (double)n;
}

static void arm_and_cancel(int64_t deadline)
{
    cancel(arm(deadline));
}

static double timer_arm_cancel(size_t n)
{
    return among_armed(n, arm_and_cancel);
}

static void make_and_drop_context(int64_t deadline)
{
    lc_context *context = lc_context_with_deadline(NULL, deadline);
    lc_handle *done = lc_context_done(context);
    lc_context_cancel(context, NULL);
    if (!lc_handle_is_closed(done))
        bench_fail("a cancelled context is not done");
    lc_context_unref(context);
}

static double context_deadline(size_t n)
{
    return among_armed(n, make_and_drop_context);
}

void bench_timers(void)
{
    bench_add(&(struct bench_figure){"timer_arm_cancel_1t", 1000000, timer_arm_cancel, "go", NULL});
    bench_add(&(struct bench_figure){"timer_arm_cancel_2t", 1000000, timer_arm_cancel, "go", NULL});
    bench_add(&(struct bench_figure){"timer_arm_cancel_all_1t", 1000000, arm_all_then_cancel, "go",
                                     NULL});
    bench_add(&(struct bench_figure){"timer_arm_cancel_all_2t", 1000000, arm_all_then_cancel, "go",
                                     NULL});
    bench_add(&(struct bench_figure){"context_deadline_arm_cancel_1t", 1000000, context_deadline,
                                     "go", NULL});
    bench_add(&(struct bench_figure){"context_deadline_arm_cancel_2t", 1000000, context_deadline,
                                     "go", NULL});
}
