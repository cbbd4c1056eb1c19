/*
 * due.c: see due.h.
 *
 * What a deadline calls may be the program's, and may wait, so it is called in a fiber. One fiber,
 * the *firer*, calls one timer after the other: with a fiber for each they would run in the order
 * in which the scheduler takes fibers, and a simulation takes them in any. A timer whose function
 * waits keeps the fiber that it is called in until it returns; another firer then goes on with the
 * rest.
 *
 * ThreadSanitizer does not see this file, as it does not see loop.c, and for the same reason. This
 * file tells it that what was done until a timer fell due, and what the timers before it have
 * called, comes before what that timer calls.
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

/* One thread writes: no locked step is needed. */
static void count_due(struct lc__due *due, size_t by)
{
    size_t count = atomic_load_explicit(&due->count, memory_order_relaxed);
    atomic_store_explicit(&due->count, count + by, memory_order_relaxed);
}

void lc__due_add(struct lc__loop *loop, struct lc__timer *timer)
{
    struct lc__due *due = &loop->due;
    lc__sanitizer_release(due);
    count_due(due, 1);
    if (timer->pending++ > 0)
        return; /* it was armed again meanwhile: it is fired twice where it is */
    timer->next_due = NULL;
    if (due->first)
        due->last->next_due = timer;
    else
        due->first = timer;
    due->last = timer;
}

/* NULL: none is due. */
static struct lc__timer *take(struct lc__due *due)
{
    struct lc__timer *timer = due->first;
    if (!timer)
        return NULL;
    if (--timer->pending == 0)
        due->first = timer->next_due;
    count_due(due, (size_t)-1);
    lc__sanitizer_acquire(due);
    return timer;
}

void lc__loop_fire_timers(struct lc__loop *loop, struct lc__timers *timers, int64_t now)
{
    struct lc__timer *timer;
    while (lc__timers_take_due(timers, now, NULL, NULL, &timer))
        if (timer)
            lc__due_add(loop, timer);
}

/* ---- the firer ---- */

enum { REFUSED_MAX = 100 };

static bool need_firer(struct lc__loop *loop);

/* The fiber waits, yields or ends: if it is the firer, it is so no longer. */
static void firer_leaves(struct lc__fiber *fiber)
{
    struct lc__loop *loop = fiber->loop;
    if (loop->due.firer != fiber)
        return;
    loop->due.firer = NULL;
    need_firer(loop); /* else the thread does, when it looks around */
}

static void fire_all(void *arg)
{
    struct lc__loop *loop = arg;
    struct lc__due *due = &loop->due;
    struct lc__fiber *self = lc__fiber_current();
    struct lc__timer *timer;
    self->leaves = firer_leaves;
    due->firer_starting = false;
    if (!due->firer)
        due->firer = self;
    while (due->firer == self && (timer = take(due))) {
        lc__timer_fire(timer);
        if (self->task.unwind) /* what the program's function has deferred is of that function */
            self->task.unwind();
        lc__sanitizer_release(due);
        /* After one that waited, another may be the firer. */
        if (due->firer == self)
            lc__loop_turn(loop, self, true);
        else if (!due->firer)
            due->firer = self;
    }
    if (due->firer == self)
        due->firer = NULL;
}

/* @return false: no memory. */
static bool need_firer(struct lc__loop *loop)
{
    struct lc__due *due = &loop->due;
    if (!due->first || due->firer || due->firer_starting)
        return true;
    due->firer_starting = true;
    if (lc__fiber_make_server(loop, "deadline", fire_all) == 0)
        return true;
    due->firer_starting = false;
    return false;
}

/* On the thread's own stack, which for as long as this belongs to the loop's world. */
static void fire_here(struct lc__loop *loop, struct lc__timer *timer)
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
    bool served = need_firer(loop);
    /* What a simulation makes fail by chance will not fail each time. */
    if (!served && loop->simulation && ++due->refused < REFUSED_MAX)
        return false;
    due->refused = 0;
    /* Without memory for a fiber they are called here, where one that waits keeps the thread. */
    for (struct lc__timer *timer; !served && (timer = take(due));)
        fire_here(loop, timer);
    return true;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
