/*
 * loop.c: see loop.h.
 *
 * The life of a fiber, by its state and the queue it is in:
 *
 *     state     queue           the fiber leaves it by
 *     FREE      none            lc__fiber_make()                  -> NEW
 *     NEW       fresh           lc__loop_steal()                  -> NEW, in another loop's `fresh`
 *                               lc__loop_take_fresh()             -> RUNNING or READY: has begun
 *     READY     ready           lc__loop_pick(), fiber_go()       -> RUNNING
 *     RUNNING   none            lc__fiber_yield()                 -> READY
 *                               lc__fiber_park()                  -> PARKED
 *                               lc__fiber_exit()                  -> FREE
 *     PARKED    none, or inbox  lc__fiber_wake(), by its thread   -> READY
 *                               lc__fiber_wake(), by another      -> the inbox, still PARKED
 *                               lc__loop_empty_inbox()            -> READY
 *
 * A fiber that must not go to another loop begins at once, and is READY (lc__loop_adopt).
 *
 * Callers. The loop's thread touches the ready queue; other threads do not. They reach the loop by
 * three ways: a woken fiber goes into the inbox, a new fiber into `fresh`, a job into the list of
 * the job queue (job.c).
 *
 * Invariant. A fiber that has begun is on one loop for good, and in at most one of: the ready
 * queue, the inbox, the thread (RUNNING), no queue (PARKED). Each park has exactly one wake-up, so
 * a fiber is put into a queue once for each time it leaves the thread. The wake-up may come just
 * before that: then the fiber is in the inbox while it still runs. Its thread empties the inbox on
 * its own stack, so not before the fiber has left.
 *
 * Why no wake-up is lost:
 * - The loop's thread reads the count of its parker, then looks at the inbox, `fresh` and the jobs,
 *   and sleeps only while the count is the one read (loop_run.c). A waker first puts the work
 *   there, and then unparks, which changes the count. So either the look finds the work, or the
 *   sleep does not begin, or the unpark ends it.
 * - The waker that finds the inbox empty pokes. A waker that finds a fiber there need not: the
 *   first waker pokes after its push, and the thread takes the whole inbox when it comes.
 * - A thread that leaves the loop stores `running = false` and then loads `bookings`; a thread that
 *   brings work stores a booking and then loads `running`: a store/load handshake, between
 *   lc__executor_lets_go() and lc__executor_need_thread().
 * - An inbox needs no booking: its fiber has begun here, so the loop's thread does not leave.
 *   `wakers` keeps the memory of the loop for the poke, since the fiber may end before it.
 *
 * ThreadSanitizer does not see this file, nor the other files that run fibers: the queues are of
 * one thread, and it takes each fiber for a thread. What orders the actions of two workers is the
 * parker, in park.c, which it does see.
 */
#include "executor/loop.h"

#include "base/clock.h"
#include "base/sanitizer.h"
#include "executor/thread_group.h"

#include <string.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

enum { STEAL_MAX = 64 }; /* fibers that a thread takes from another at a time */

_Thread_local struct lc__loop *lc__loop_of_thread;

void lc__loop_init(struct lc__loop *loop, const struct lc__loop_place *place)
{
    /* All but the timers: another thread may just take their lock, see executor.c. */
    size_t before = offsetof(struct lc__loop, timers);
    size_t behind = before + sizeof loop->timers;
    memset(loop, 0, before);
    memset((char *)loop + behind, 0, sizeof *loop - behind);
    loop->executor = place->executor;
    loop->index = place->index;
    loop->threads = place->threads;
    loop->operations = place->operations;
    loop->simulation = place->simulation;
    loop->poller.epoll = -1;
    STAILQ_INIT(&loop->ready);
    STAILQ_INIT(&loop->fresh);
    lc__job_queue_init(&loop->jobs);
    lc__parker_init_thread(&loop->parker);
}

size_t lc__loop_has_begun(struct lc__loop *loop)
{
    LC__ASSERT(lc__loop_is_here(loop));
    return atomic_load(&loop->working) + loop->finishing;
}

bool lc__loop_is_empty(struct lc__loop *loop)
{
    return atomic_load(&loop->fresh_count) == 0 && !atomic_load(&loop->inbox) &&
           STAILQ_EMPTY(&loop->ready) && !loop->due.first && lc__job_queue_is_empty(&loop->jobs) &&
           lc__loop_has_begun(loop) == 0;
}

/* ---- the inbox ---- */

void lc__loop_poke(struct lc__loop *loop)
{
    lc__parker_unpark_thread(&loop->parker);
}

void lc__loop_push_inbox(struct lc__loop *loop, struct lc__fiber *fiber)
{
    atomic_fetch_add_explicit(&loop->wakers, 1, memory_order_relaxed);
    struct lc__fiber *first = atomic_load_explicit(&loop->inbox, memory_order_relaxed);
    do
        fiber->next = first;
    /* Release: the thread that takes the fiber out sees `next`. */
    while (!atomic_compare_exchange_weak_explicit(&loop->inbox, &first, fiber, memory_order_release,
                                                  memory_order_relaxed));
    if (!first)
        lc__loop_poke(loop);
    /* Release: the loop may be freed from here on. */
    atomic_fetch_sub_explicit(&loop->wakers, 1, memory_order_release);
}

/* The inbox is a stack. It is reversed, so that the fiber that was woken first runs first. */
static struct lc__fiber *inbox_take(struct lc__loop *loop)
{
    struct lc__fiber *taken = atomic_exchange_explicit(&loop->inbox, NULL, memory_order_acquire);
    struct lc__fiber *reversed = NULL;
    while (taken) {
        struct lc__fiber *next = taken->next;
        taken->next = reversed;
        reversed = taken;
        taken = next;
    }
    return reversed;
}

void lc__loop_empty_inbox(struct lc__loop *loop)
{
    LC__ASSERT(lc__loop_is_here(loop));
    if (!atomic_load_explicit(&loop->inbox, memory_order_relaxed))
        return;
    for (struct lc__fiber *fiber = inbox_take(loop), *next; fiber; fiber = next) {
        next = fiber->next;
        lc__loop_make_ready(loop, fiber);
    }
}

/* ---- fibers that have not started ---- */

void lc__loop_begin(struct lc__loop *loop, struct lc__fiber *fiber)
{
    LC__ASSERT(lc__loop_is_here(loop) && lc__fiber_is_in(fiber, LC__FIBER_NEW));
    fiber->loop = loop;
    if (fiber->finishing)
        loop->finishing++;
    else
        lc__loop_count(&loop->working, 1);
}

void lc__loop_adopt(struct lc__loop *loop, struct lc__fiber *fiber)
{
    lc__loop_begin(loop, fiber);
    lc__loop_make_ready(loop, fiber);
}

void lc__loop_add_fresh(struct lc__loop *loop, struct lc__fiber *fiber)
{
    LC__ASSERT(lc__loop_is_here(loop) || atomic_load(&loop->bookings) > 0);
    LC__ASSERT(lc__fiber_is_in(fiber, LC__FIBER_NEW));
    if (loop->operations->became_ready) {
        loop->operations->became_ready(loop, fiber);
        return;
    }
    lc__spinlock_lock(&loop->fresh_lock);
    /* All of a backlog are as old as its first. loop->now may be old, so the clock is asked. */
    if (STAILQ_EMPTY(&loop->fresh) && loop->threads > 1)
        loop->fresh_since = lc__clock_real.now(&lc__clock_real);
    fiber->born = loop->fresh_since;
    STAILQ_INSERT_TAIL(&loop->fresh, fiber, link);
    lc__loop_count(&loop->fresh_count, 1);
    lc__spinlock_unlock(&loop->fresh_lock);
}

struct lc__fiber *lc__loop_take_fresh(struct lc__loop *loop)
{
    LC__ASSERT(lc__loop_is_here(loop));
    if (atomic_load_explicit(&loop->fresh_count, memory_order_relaxed) == 0)
        return NULL;
    lc__spinlock_lock(&loop->fresh_lock);
    struct lc__fiber *fiber = STAILQ_FIRST(&loop->fresh);
    if (fiber) {
        STAILQ_REMOVE_HEAD(&loop->fresh, link);
        lc__loop_begin(loop, fiber); /* first, so that the fiber is always counted somewhere */
        lc__loop_count(&loop->fresh_count, (size_t)-1);
    }
    lc__spinlock_unlock(&loop->fresh_lock);
    return fiber;
}

/*
 * Takes fibers that are old enough and may go, from the oldest on, at most half of all. Under the
 * victim's fresh_lock. @return how many.
 */
static unsigned fresh_take_aged(struct lc__loop *thief, struct lc__loop *victim, int64_t now,
                                struct lc__fiber_queue *taken)
{
    LC__ASSERT(lc__spinlock_is_held(&victim->fresh_lock));
    struct lc__fiber_queue rest = STAILQ_HEAD_INITIALIZER(rest);
    unsigned count = 0;
    size_t most = (atomic_load_explicit(&victim->fresh_count, memory_order_relaxed) + 1) / 2;
    most = most < STEAL_MAX ? most : STEAL_MAX;
    for (unsigned looked = 0; looked < 2 * STEAL_MAX && count < most; looked++) {
        struct lc__fiber *fiber = STAILQ_FIRST(&victim->fresh);
        if (!fiber || now - fiber->born < LC__FRESH_AGE)
            break;
        STAILQ_REMOVE_HEAD(&victim->fresh, link);
        bool may = !fiber->group || lc__thread_group_has(fiber->group, thief->index);
        STAILQ_INSERT_TAIL(may ? taken : &rest, fiber, link);
        count += may;
    }
    /* The fibers that may not go are still the oldest. */
    STAILQ_CONCAT(&rest, &victim->fresh);
    STAILQ_CONCAT(&victim->fresh, &rest);
    lc__loop_count(&victim->fresh_count, -(size_t)count);
    return count;
}

bool lc__loop_steal(struct lc__loop *thief, struct lc__loop *victim, int64_t now)
{
    LC__ASSERT(lc__loop_is_here(thief) && thief != victim);
    struct lc__fiber_queue taken = STAILQ_HEAD_INITIALIZER(taken);
    if (atomic_load_explicit(&victim->fresh_count, memory_order_relaxed) == 0)
        return false;
    lc__spinlock_lock(&victim->fresh_lock);
    unsigned count = fresh_take_aged(thief, victim, now, &taken);
    lc__spinlock_unlock(&victim->fresh_lock);
    if (count == 0)
        return false;
    lc__spinlock_lock(&thief->fresh_lock);
    STAILQ_CONCAT(&thief->fresh, &taken);
    lc__loop_count(&thief->fresh_count, count);
    lc__spinlock_unlock(&thief->fresh_lock);
    return true;
}

bool lc__loop_has_aged_backlog(struct lc__loop *loop)
{
    LC__ASSERT(lc__loop_is_here(loop));
    if (atomic_load_explicit(&loop->fresh_count, memory_order_relaxed) < 2)
        return false;
    loop->now = lc__clock_real.now(&lc__clock_real); /* fibers have run since it was set */
    lc__spinlock_lock(&loop->fresh_lock);
    const struct lc__fiber *oldest = STAILQ_FIRST(&loop->fresh);
    bool aged = oldest && loop->now - oldest->born >= LC__FRESH_AGE;
    lc__spinlock_unlock(&loop->fresh_lock);
    return aged;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
