/*
 * loop_run.c: see loop_run.h.
 *
 * One pass of the thread, on its own stack:
 *
 *     count of the parker -> look around -> due timers, jobs -> a fiber? -> run fibers -> help
 *           ^                                                     | none                    |
 *           |                                                     v                         |
 *           |                                  find work of others; none: idle              |
 *           +-------------------------------------------------------------------------------+
 *
 * The count is read before the look. Work that another thread brings after the look changes the
 * count, and the sleep of `idle` does not begin: no wake-up is lost. loop.c has the whole argument.
 */
#include "executor/loop_run.h"

#include "base/clock.h"
#include "executor/due.h"
#include "executor/executor.h"
#include "executor/fiber_switch.h"
#include "executor/job_fiber.h"
#include "executor/loop_stacks.h"

#include <unistd.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

void lc__loop_let_go(struct lc__loop *loop)
{
    LC__ASSERT(loop == lc__loop_of_thread && !lc__fiber_current());
    lc__loop_keep_only(loop, 0);
    loop->cached_unused = 0;
    lc__cache_empty(&loop->cache);
    lc__sanitizer_thread_ends(&loop->sanitizer);
}

/* @return the fiber that runs next; NULL: there is none. */
static struct lc__fiber *loop_next(struct lc__loop *loop)
{
    /* A new fiber has priority, else fibers that wake each other could keep it waiting. */
    struct lc__fiber *next = lc__loop_take_fresh(loop);
    if (!next)
        next = lc__loop_pick(loop);
    if (!next && loop->operations->find_work(loop)) {
        lc__job_fiber_serve(loop);
        next = lc__loop_pick(loop);
    }
    return next;
}

/* @return false if the thread leaves the loop. */
static bool loop_pass(struct lc__loop *loop)
{
    unsigned seen = lc__parker_count(&loop->parker); /* before the look */
    loop->operations->look_around(loop);
    bool served = lc__due_serve(loop);
    served &= lc__job_fiber_serve(loop);
    loop->budget = LC__LOOP_BUDGET;
    struct lc__fiber *next = loop_next(loop);
    if (!next)
        return loop->operations->idle(loop, seen, served);
    lc__loop_run_fibers(loop, next);
    if (lc__job_fiber_has_backlog(loop) || lc__loop_has_aged_backlog(loop))
        loop->operations->call_help(loop, false);
    return true;
}

void lc__loop_run(struct lc__loop *loop)
{
    LC__ASSERT(!lc__loop_of_thread && atomic_load(&loop->running));
    lc__loop_of_thread = loop;
    lc__timers_of_thread = loop->simulation ? NULL : &loop->timers;
    atomic_store_explicit(&loop->thread_id, (int)gettid(), memory_order_relaxed);
    /* If this thread was called to help, it has come. */
    atomic_store_explicit(&loop->executor->helping, false, memory_order_relaxed);
    loop->thread_task = lc__task_of_thread();
    loop->now = lc__clock_real.now(&lc__clock_real);
    lc__sanitizer_stack_of_thread(&loop->sanitizer);
    while (loop_pass(loop))
        continue;
    lc__loop_of_thread = NULL;
    lc__timers_of_thread = NULL;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
