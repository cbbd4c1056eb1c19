/*
 * loop_run.c: see loop_run.h.
 *
 * The thread looks around for what others have woken, for timers, for descriptors, for work of
 * others, and then it sleeps.
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
    lc__loop_keep_only(loop, 0);
    loop->cached_unused = 0;
    lc__cache_empty(&loop->cache);
    lc__sanitizer_thread_ends(&loop->sanitizer);
}

/* Some fibers, and then a look around. @return false if the thread is to leave. */
static bool pass(struct lc__loop *loop)
{
    /*
     * Counted before looked: what is handed over after the look changes the count, and the sleep
     * does not begin.
     */
    unsigned seen = lc__parker_count(&loop->parker);
    loop->operations->look_around(loop);
    bool served = lc__due_serve(loop);
    served &= lc__job_fiber_serve(loop);
    loop->budget = LC__LOOP_BUDGET;
    /* One that has not started, else those that wake each other could keep it waiting. */
    struct lc__fiber *next = lc__loop_take_fresh(loop);
    if (!next)
        next = lc__loop_pick(loop);
    if (!next && loop->operations->find_work(loop)) {
        lc__job_fiber_serve(loop);
        next = lc__loop_pick(loop);
    }
    if (!next)
        return loop->operations->idle(loop, seen, served);
    lc__loop_run_fibers(loop, next);
    if (lc__job_fiber_has_backlog(loop) || lc__loop_has_aged_backlog(loop))
        loop->operations->call_help(loop, false);
    return true;
}

void lc__loop_run(struct lc__loop *loop)
{
    struct lc__loop *outer = lc__loop_of_thread;
    lc__loop_of_thread = loop;
    lc__timers_of_thread = loop->simulation ? NULL : &loop->timers;
    atomic_store_explicit(&loop->thread_id, (int)gettid(), memory_order_relaxed);
    /* If we were called to help, here we are. */
    atomic_store_explicit(&loop->executor->helping, false, memory_order_relaxed);
    loop->thread_task = lc__task_of_thread();
    loop->now = lc__clock_real.now(&lc__clock_real);
    lc__sanitizer_stack_of_thread(&loop->sanitizer);
    while (pass(loop))
        continue;
    lc__loop_of_thread = outer;
    lc__timers_of_thread = NULL;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
