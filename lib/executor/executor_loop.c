/*
 * executor_loop.c: see executor_loop.h.
 */
#include "executor/executor_loop.h"

#include "base/clock.h"
#include "executor/due.h"
#include "executor/executor_threads.h"
#include "executor/loop_stacks.h"
#include "executor/monitor.h"
#include "executor/park.h"
#include "executor/placement.h"
#include "executor/poller.h"

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

static void executor_loop_look_around(struct lc__loop *loop)
{
    lc__loop_empty_inbox(loop);
    bool timed = lc__timers_count(&loop->timers) > 0;
    if (timed || atomic_load_explicit(&loop->fresh_count, memory_order_relaxed) > 0) {
        loop->now = lc__clock_real.now(&lc__clock_real);
        /* A thread that always has something to do trims here. */
        lc__loop_trim_stacks(loop, loop->executor->idle_timeout);
    }
    if (timed)
        lc__due_collect(loop, &loop->timers, loop->now);
    if (loop->poller.watching > 0)
        lc__poller_look(&loop->poller);
}

static void executor_loop_sleep(struct lc__loop *loop, unsigned seen, int64_t deadline)
{
    static const struct lc__park_reason reason = {"something to run", NULL};
    if (loop->poller.watching > 0)
        lc__poller_wait(&loop->poller, &loop->parker, seen, deadline, &reason);
    else
        lc__park(&loop->parker, seen, deadline, &reason);
}

/* When a thread that sleeps now asks whether it may leave. */
static int64_t executor_loop_retires_at(struct lc__loop *loop)
{
    int64_t idle = loop->executor->idle_timeout;
    if (!lc__job_queue_is_empty(&loop->jobs)) /* there was no memory for a fiber to run them */
        return loop->now + LC_MILLISECOND;
    int64_t retire = LC_FOREVER;
    if (lc__executor_may_retire(loop))
        retire = idle > LC_FOREVER - loop->now ? LC_FOREVER : loop->now + idle;
    return retire > loop->stays_until ? retire : loop->stays_until;
}

static void executor_loop_sleep_until(struct lc__loop *loop, unsigned seen, int64_t deadline)
{
    atomic_store_explicit(&loop->asleep, true, memory_order_relaxed);
    executor_loop_sleep(loop, seen, deadline);
    /* A store/load handshake with the monitor, which lc__monitor_notice() wakes. */
    atomic_store(&loop->asleep, false);
    lc__monitor_notice();
    /* Release: lc__executor_call_help() that reads it does not take this thread for asleep. */
    atomic_store_explicit(&loop->executor->helping, false, memory_order_release);
    loop->now = lc__clock_real.now(&lc__clock_real);
}

static bool executor_loop_idle(struct lc__loop *loop, unsigned seen, bool served)
{
    (void)served; /* what could not be made is tried again after the sleep */
    int64_t deadline = lc__timers_next(&loop->timers);
    if (lc__executor_lets_go(loop, false))
        return false;
    loop->now = lc__clock_real.now(&lc__clock_real);
    int64_t retire = executor_loop_retires_at(loop);
    int64_t trim = lc__loop_trim_stacks(loop, loop->executor->idle_timeout);
    deadline = trim < deadline ? trim : deadline;
    executor_loop_sleep_until(loop, seen, deadline < retire ? deadline : retire);
    if (loop->now < retire)
        return true;
    if (lc__executor_lets_go(loop, true))
        return false;
    loop->stays_until =
        loop->now + LC_SECOND; /* else a short idle_timeout would ask all the time */
    return true;
}

static void executor_loop_call_help(struct lc__loop *loop, bool add)
{
    lc__executor_call_help(loop->executor, add);
}

const struct lc__loop_operations lc__executor_loop_operations = {
    .pick = lc__loop_take_fresh,
    .look_around = executor_loop_look_around,
    .find_work = lc__executor_find_work,
    .idle = executor_loop_idle,
    .call_help = executor_loop_call_help,
    .stacks_kept = 2048,
};

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
