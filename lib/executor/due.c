/*
 * due.c: see due.h.
 *
 * A timer may call a function of the program, which may wait, so it is called in a fiber. One
 * fiber, the *firer*, calls one timer after the other. With a fiber for each timer they would run
 * in the order in which fibers are picked, which is any order in a simulation. When a timer's
 * function waits, the fiber stops being the firer: its `leaves` hook makes another one, which goes
 * on with the rest.
 *
 * ThreadSanitizer does not see this file, for the reason given in loop.c. This file tells it that
 * what was done before a timer came due, and what the timers before it have called, happens before
 * what that timer calls.
 */
#include "executor/due.h"

#include "base/clock.h"
#include "base/sanitizer.h"
#include "executor/fiber_make.h"
#include "executor/fiber_switch.h"
#include "executor/loop.h"
#include "executor/simulation.h"

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

/* ---- the queue ---- */

/* Only the loop's thread writes: no locked instruction is needed. */
static void due_count(struct lc__due *due, size_t by)
{
    size_t count = atomic_load_explicit(&due->count, memory_order_relaxed);
    atomic_store_explicit(&due->count, count + by, memory_order_relaxed);
}

/* Puts the timer behind all others. */
static void due_append(struct lc__loop *loop, struct lc__timer *timer)
{
    struct lc__due *due = &loop->due;
    lc__sanitizer_release(due);
    due_count(due, 1);
    if (timer->pending++ > 0)
        return; /* it has come due again before its call: it is called twice in its place */
    timer->next_due = NULL;
    if (due->first)
        due->last->next_due = timer;
    else
        due->first = timer;
    due->last = timer;
}

/* Takes the first timer; NULL: none is due. */
static struct lc__timer *due_take(struct lc__due *due)
{
    struct lc__timer *timer = due->first;
    if (!timer)
        return NULL;
    if (--timer->pending == 0)
        due->first = timer->next_due;
    due_count(due, (size_t)-1);
    lc__sanitizer_acquire(due);
    return timer;
}

void lc__due_collect(struct lc__loop *loop, struct lc__timers *timers, int64_t now)
{
    LC__ASSERT(loop == lc__loop_of_thread);
    struct lc__timer *timer;
    while (lc__timers_take_due(timers, now, NULL, NULL, &timer))
        if (timer)
            due_append(loop, timer);
}

/* ---- the firer ---- */

enum { REFUSED_MAX = 100 }; /* how often a simulation tries again */

static bool firer_serve(struct lc__loop *loop);

static void firer_leaves(struct lc__fiber *fiber)
{
    struct lc__loop *loop = fiber->loop;
    if (loop->due.firer != fiber)
        return;
    loop->due.firer = NULL;
    firer_serve(loop); /* without memory the thread tries again when it looks around */
}

static void firer_main(void *arg)
{
    struct lc__loop *loop = arg;
    struct lc__due *due = &loop->due;
    struct lc__fiber *self = lc__fiber_current();
    struct lc__timer *timer;
    LC__ASSERT(loop == lc__loop_of_thread && due->firer_starting);
    self->leaves = firer_leaves;
    due->firer_starting = false;
    if (!due->firer)
        due->firer = self;
    while (due->firer == self && (timer = due_take(due))) {
        lc__timer_fire(timer);
        if (self->task.unwind) /* deferred calls belong to the function that the timer called */
            self->task.unwind();
        lc__sanitizer_release(due);
        if (due->firer == self)
            lc__loop_turn(loop, self, true);
        else if (!due->firer)
            due->firer = self;
    }
    if (due->firer == self)
        due->firer = NULL;
}

/* Makes a firer if timers are due and there is none. @return false: no memory. */
static bool firer_serve(struct lc__loop *loop)
{
    struct lc__due *due = &loop->due;
    if (!due->first || due->firer || due->firer_starting)
        return true;
    due->firer_starting = true;
    if (lc__fiber_make_server(loop, "deadline", firer_main) == 0)
        return true;
    due->firer_starting = false;
    return false;
}

/* Calls it on the thread's own stack, which is in the loop's world for that time. */
static void due_fire_here(struct lc__loop *loop, struct lc__timer *timer)
{
    struct lc__task *task = loop->thread_task;
    struct lc__clock *clock = task->clock;
    struct lc__random *random = task->random;
    if (!loop->simulation) {
        lc__timer_fire(timer);
        return;
    }
    lc__simulation_adopt(loop->simulation, task);
    lc__timer_fire(timer);
    task->clock = clock;
    task->random = random;
    task->faults = NULL;
    task->simulation = NULL;
}

bool lc__due_serve(struct lc__loop *loop)
{
    struct lc__due *due = &loop->due;
    LC__ASSERT(loop == lc__loop_of_thread && !lc__fiber_current());
    bool served = firer_serve(loop);
    /* An allocation that a simulation makes fail by chance does not fail each time. */
    if (!served && loop->simulation && ++due->refused < REFUSED_MAX)
        return false;
    due->refused = 0;
    /* Without memory they are called here, where a function that waits keeps the thread. */
    for (struct lc__timer *timer; !served && (timer = due_take(due));)
        due_fire_here(loop, timer);
    return true;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
