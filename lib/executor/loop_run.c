/*
 * loop_run.c: see loop_run.h.
 *
 * The thread looks around for what others have woken, for timers, for descriptors, for work of
 * others, and then it sleeps.
 */
#include "executor/loop_run.h"

#include "base/clock.h"
#include "executor/due.h"
#include "executor/executor_threads.h"
#include "executor/fiber_switch.h"
#include "executor/job_fiber.h"
#include "executor/loop_stacks.h"
#include "executor/monitor.h"
#include "executor/park.h"
#include "executor/placement.h"
#include "executor/poller.h"
#include "executor/simulation.h"

#include <unistd.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

void lc__loop_let_go(struct lc__loop *loop)
{
    lc__loop_keep_only(loop, 0);
    loop->cached_unused = 0;
    lc__cache_empty(&loop->cache);
    lc__sanitizer_thread_ends(&loop->sanitizer);
}

static void look_around(struct lc__loop *loop)
{
    lc__loop_empty_inbox(loop);
    bool timed = lc__timers_count(&loop->timers) > 0;
    if (timed || atomic_load_explicit(&loop->fresh_count, memory_order_relaxed) > 0) {
        loop->now = lc__clock_real.now(&lc__clock_real);
        lc__loop_trim_stacks(
            loop, loop->executor
                      ->idle_timeout); /* a thread that always has something to do comes here too */
    }
    if (timed)
        lc__loop_fire_timers(loop, &loop->timers, loop->now);
    if (loop->poller.watching > 0)
        lc__poller_look(&loop->poller);
}

static void sleep_until(struct lc__loop *loop, unsigned seen, int64_t deadline)
{
    static const struct lc__park_reason reason = {"something to run", NULL};
    if (loop->poller.watching > 0)
        lc__poller_wait(&loop->poller, &loop->parker, seen, deadline, &reason);
    else
        lc__park(&loop->parker, seen, deadline, &reason);
}

/* @return false if the thread is to leave. */
static bool idle(struct lc__loop *loop, unsigned seen)
{
    if (loop->simulation)
        return lc__simulation_advance(loop->simulation);
    int64_t deadline = lc__timers_next(&loop->timers);
    int64_t retire = LC_FOREVER;
    if (lc__executor_lets_go(loop, false))
        return false;
    loop->now = lc__clock_real.now(&lc__clock_real);
    if (lc__executor_may_retire(loop))
        retire = loop->executor->idle_timeout > LC_FOREVER - loop->now
                     ? LC_FOREVER
                     : loop->now + loop->executor->idle_timeout;
    retire = retire > loop->stays_until ? retire : loop->stays_until;
    if (!lc__job_queue_is_empty(&loop->jobs)) /* there was no memory for who would run them */
        retire = loop->now + LC_MILLISECOND;
    int64_t trim = lc__loop_trim_stacks(loop, loop->executor->idle_timeout);
    deadline = trim < deadline ? trim : deadline;
    atomic_store_explicit(&loop->asleep, true, memory_order_relaxed);
    sleep_until(loop, seen, deadline < retire ? deadline : retire);
    atomic_store(&loop->asleep, false);
    lc__monitor_notice();
    /* Release: see lc__executor_call_help. */
    atomic_store_explicit(&loop->executor->helping, false, memory_order_release);
    loop->now = lc__clock_real.now(&lc__clock_real);
    if (loop->now < retire)
        return true;
    if (lc__executor_lets_go(loop, true))
        return false;
    /* With a short idle_timeout, or none, it would do nothing but ask. */
    loop->stays_until = loop->now + LC_SECOND;
    return true;
}

/* Some fibers, and then a look around. @return false if the thread is to leave. */
static bool pass(struct lc__loop *loop)
{
    /*
     * Counted before looked: what is handed over after the look changes the count, and the sleep
     * does not begin.
     */
    unsigned seen = lc__parker_count(&loop->parker);
    if (loop->simulation)
        lc__loop_empty_inbox(
            loop); /* nobody of its world puts anything there, but nothing is to be lost */
    else
        look_around(loop);
    bool served = lc__due_serve(loop);
    served &= lc__job_fiber_serve(loop);
    loop->budget = LC__LOOP_BUDGET;
    /* One that has not started, else those that wake each other could keep it waiting. */
    struct lc__fiber *next = loop->simulation ? NULL : lc__loop_take_fresh(loop);
    if (!next)
        next = lc__loop_pick(loop);
    if (!next && !loop->simulation && lc__executor_find_work(loop)) {
        lc__job_fiber_serve(loop);
        next = lc__loop_pick(loop);
    }
    if (!next)
        return (loop->simulation && !served) || idle(loop, seen);
    lc__loop_run_fibers(loop, next);
    if (lc__job_fiber_has_backlog(loop) || lc__loop_has_aged_backlog(loop))
        lc__executor_call_help(loop->executor, false);
    return true;
}

void lc__loop_run(struct lc__loop *loop)
{
    struct lc__loop *outer = lc__loop_of_thread;
    bool real = !loop->simulation;
    lc__loop_of_thread = loop;
    lc__timers_of_thread = real ? &loop->timers : NULL;
    atomic_store_explicit(&loop->thread_id, (int)gettid(), memory_order_relaxed);
    /* If we were called to help, here we are. */
    atomic_store_explicit(&loop->executor->helping, false, memory_order_relaxed);
    loop->thread_task = lc__task_of_thread();
    loop->now = lc__clock_real.now(&lc__clock_real);
    lc__sanitizer_stack_of_thread(&loop->sanitizer);
    while (pass(loop))
        continue;
    if (!real) /* a real one has done so while it was still this thread's */
        lc__loop_let_go(loop);
    lc__loop_of_thread = outer;
    lc__timers_of_thread = NULL;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
