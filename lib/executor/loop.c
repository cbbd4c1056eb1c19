/*
 * loop.c: see loop.h.
 *
 * ThreadSanitizer does not see this file (nor those of fibers and stacks): the queues are one
 * thread's, but it takes each fiber for a thread. What orders one worker's doings before another's
 * is the parker, in park.c, which it does see.
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

/* ---- waking ---- */

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
    /* Release: who takes it out sees `next`. */
    while (!atomic_compare_exchange_weak_explicit(&loop->inbox, &first, fiber, memory_order_release,
                                                  memory_order_relaxed));
    /* Who put the first in has poked, or will: the thread takes all out when it comes. */
    if (!first)
        lc__loop_poke(loop);
    /* Release: after this the loop may be freed. */
    atomic_fetch_sub_explicit(&loop->wakers, 1, memory_order_release);
}

/* The inbox is a stack: turned round, so that who was woken first runs first. */
void lc__loop_empty_inbox(struct lc__loop *loop)
{
    if (!atomic_load_explicit(&loop->inbox, memory_order_relaxed))
        return;
    struct lc__fiber *taken = atomic_exchange_explicit(&loop->inbox, NULL, memory_order_acquire);
    struct lc__fiber *turned = NULL;
    while (taken) {
        struct lc__fiber *next = taken->next;
        taken->next = turned;
        turned = taken;
        taken = next;
    }
    while (turned) {
        struct lc__fiber *next = turned->next;
        lc__loop_make_ready(loop, turned);
        turned = next;
    }
}

/* ---- fibers that have not started ---- */

void lc__loop_begin(struct lc__loop *loop, struct lc__fiber *fiber)
{
    fiber->loop = loop;
    if (fiber->finishing)
        loop->finishing++;
    else
        lc__loop_count(&loop->working, 1);
}

struct lc__fiber *lc__loop_take_fresh(struct lc__loop *loop)
{
    if (atomic_load_explicit(&loop->fresh_count, memory_order_relaxed) == 0)
        return NULL;
    lc__spinlock_lock(&loop->fresh_lock);
    struct lc__fiber *fiber = STAILQ_FIRST(&loop->fresh);
    if (fiber) {
        STAILQ_REMOVE_HEAD(&loop->fresh, link);
        lc__loop_begin(loop, fiber); /* counted there before it is not counted here: see add */
        lc__loop_count(&loop->fresh_count, (size_t)-1);
    }
    lc__spinlock_unlock(&loop->fresh_lock);
    return fiber;
}

void lc__loop_add_fresh(struct lc__loop *loop, struct lc__fiber *fiber)
{
    if (loop->operations->became_ready) {
        loop->operations->became_ready(loop, fiber);
        return;
    }
    lc__spinlock_lock(&loop->fresh_lock);
    /*
     * A backlog is as old as its first; what our thread last read of the clock may be old itself.
     */
    if (STAILQ_EMPTY(&loop->fresh) && loop->threads > 1)
        loop->fresh_since = lc__clock_real.now(&lc__clock_real);
    fiber->born = loop->fresh_since;
    STAILQ_INSERT_TAIL(&loop->fresh, fiber, link);
    lc__loop_count(&loop->fresh_count, 1);
    lc__spinlock_unlock(&loop->fresh_lock);
}

void lc__loop_adopt(struct lc__loop *loop, struct lc__fiber *fiber)
{
    lc__loop_begin(loop, fiber);
    lc__loop_make_ready(loop, fiber);
}

/* Takes those that are old enough and may go, from the oldest on, at most half of all. */
static unsigned take_aged(struct lc__loop *thief, struct lc__loop *victim, int64_t now,
                          struct lc__fiber_queue *loot)
{
    struct lc__fiber_queue rest = STAILQ_HEAD_INITIALIZER(rest);
    unsigned taken = 0;
    size_t most = (atomic_load_explicit(&victim->fresh_count, memory_order_relaxed) + 1) / 2;
    most = most < STEAL_MAX ? most : STEAL_MAX;
    for (unsigned looked = 0; looked < 2 * STEAL_MAX && taken < most; looked++) {
        struct lc__fiber *fiber = STAILQ_FIRST(&victim->fresh);
        if (!fiber || now - fiber->born < LC__FRESH_AGE)
            break;
        STAILQ_REMOVE_HEAD(&victim->fresh, link);
        bool may = !fiber->group || lc__thread_group_has(fiber->group, thief->index);
        STAILQ_INSERT_TAIL(may ? loot : &rest, fiber, link);
        taken += may;
    }
    /* Those that may not go with this thief are the oldest still. */
    STAILQ_CONCAT(&rest, &victim->fresh);
    STAILQ_CONCAT(&victim->fresh, &rest);
    lc__loop_count(&victim->fresh_count, -(size_t)taken);
    return taken;
}

bool lc__loop_steal(struct lc__loop *thief, struct lc__loop *victim, int64_t now)
{
    struct lc__fiber_queue loot = STAILQ_HEAD_INITIALIZER(loot);
    if (atomic_load_explicit(&victim->fresh_count, memory_order_relaxed) == 0)
        return false;
    lc__spinlock_lock(&victim->fresh_lock);
    unsigned taken = take_aged(thief, victim, now, &loot);
    lc__spinlock_unlock(&victim->fresh_lock);
    if (taken == 0)
        return false;
    lc__spinlock_lock(&thief->fresh_lock);
    STAILQ_CONCAT(&thief->fresh, &loot);
    lc__loop_count(&thief->fresh_count, taken);
    lc__spinlock_unlock(&thief->fresh_lock);
    return true;
}

bool lc__loop_has_aged_backlog(struct lc__loop *loop)
{
    if (atomic_load_explicit(&loop->fresh_count, memory_order_relaxed) < 2)
        return false;
    loop->now = lc__clock_real.now(&lc__clock_real); /* what was read before they ran is old */
    lc__spinlock_lock(&loop->fresh_lock);
    const struct lc__fiber *oldest = STAILQ_FIRST(&loop->fresh);
    bool aged = oldest && loop->now - oldest->born >= LC__FRESH_AGE;
    lc__spinlock_unlock(&loop->fresh_lock);
    return aged;
}

/* ---- looking ---- */

size_t lc__loop_has_begun(struct lc__loop *loop)
{
    return atomic_load(&loop->working) + loop->finishing;
}

bool lc__loop_is_empty(struct lc__loop *loop)
{
    return atomic_load(&loop->fresh_count) == 0 && !atomic_load(&loop->inbox) &&
           STAILQ_EMPTY(&loop->ready) && !loop->due.first && lc__job_queue_is_empty(&loop->jobs) &&
           lc__loop_has_begun(loop) == 0;
}

void lc__loop_init(struct lc__loop *loop, const struct lc__loop_place *place)
{
    /* All but the timers, which are empty and whose lock may be taken by somebody: executor.c. */
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

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
