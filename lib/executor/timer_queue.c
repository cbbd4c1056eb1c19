/*
 * timer_queue.c: see timer_queue.h.
 */
#include "executor/timer_queue.h"

#include "base/clock.h"
#include "executor/callback.h"

/* ---- timers of any clock ---- */

/* Under the lock. */
static void put_in(struct lc__timers *timers, struct lc__timer *timer, int64_t deadline)
{
    atomic_store_explicit(&timer->timers, timers, memory_order_relaxed);
    timer->armed = true;
    lc__heap_insert(&timers->heap, &timer->entry, deadline);
}

/* Under the lock. */
static void take_out(struct lc__timers *timers, struct lc__timer *timer)
{
    lc__heap_remove(&timers->heap, &timer->entry);
    timer->armed = false;
}

/* Under the lock. NULL: there is none. */
static struct lc__timer *first_of(const struct lc__timers *timers)
{
    return (struct lc__timer *)lc__heap_first(&timers->heap);
}

/* Under the lock. */
static int64_t first_deadline(const struct lc__timers *timers)
{
    const struct lc__timer *first = first_of(timers);
    return first ? first->entry.key : LC_FOREVER;
}

bool lc__timers_arm(struct lc__timers *timers, struct lc__timer *timer, int64_t deadline)
{
    pthread_mutex_lock(&timers->lock);
    put_in(timers, timer, deadline);
    bool first = first_of(timers) == timer;
    pthread_mutex_unlock(&timers->lock);
    return first;
}

/*
 * Under the lock, as the last that is done with it: the timers may be gone before the timer is, and
 * are not to be asked again. Release: who finds it left sees what was done before.
 */
static void let_go(struct lc__timer *timer)
{
    atomic_store_explicit(&timer->timers, NULL, memory_order_release);
}

/*
 * Locks the timers that it is in. They may be left for others while we are on our way to the lock:
 * then once more. @return NULL if it is in none.
 */
static struct lc__timers *lock_timers_of(struct lc__timer *timer)
{
    for (;;) {
        struct lc__timers *timers = atomic_load_explicit(&timer->timers, memory_order_acquire);
        if (!timers)
            return NULL;
        pthread_mutex_lock(&timers->lock);
        if (atomic_load_explicit(&timer->timers, memory_order_relaxed) == timers)
            return timers;
        pthread_mutex_unlock(&timers->lock);
    }
}

bool lc__timer_disarm(struct lc__timer *timer)
{
    struct lc__timers *timers = lock_timers_of(timer);
    if (!timers)
        return false;
    bool was_armed = timer->armed;
    if (was_armed) {
        take_out(timers, timer);
        let_go(timer);
    }
    pthread_mutex_unlock(&timers->lock);
    return was_armed;
}

bool lc__timers_take_due(struct lc__timers *timers, int64_t limit,
                         void (*set_now)(void *arg, int64_t now), void *arg,
                         struct lc__timer **fire)
{
    *fire = NULL;
    pthread_mutex_lock(&timers->lock);
    struct lc__timer *timer = first_of(timers);
    bool due = timer && timer->entry.key <= limit;
    if (due) {
        if (set_now)
            set_now(arg, timer->entry.key);
        take_out(timers, timer);
        if (timer->due(timer))
            *fire = timer;
        let_go(timer);
    }
    pthread_mutex_unlock(&timers->lock);
    return due;
}

void lc__timer_fire(struct lc__timer *timer)
{
    lc__callback_enter();
    timer->fire(timer);
    lc__callback_leave();
}

bool lc__timers_fire_one(struct lc__timers *timers, int64_t limit,
                         void (*set_now)(void *arg, int64_t now), void *arg)
{
    struct lc__timer *fire;
    bool due = lc__timers_take_due(timers, limit, set_now, arg, &fire);
    if (fire)
        lc__timer_fire(fire);
    return due;
}

int64_t lc__timers_next(struct lc__timers *timers)
{
    pthread_mutex_lock(&timers->lock);
    int64_t deadline = first_deadline(timers);
    pthread_mutex_unlock(&timers->lock);
    return deadline;
}

void lc__timers_drop(struct lc__timers *timers)
{
    pthread_mutex_lock(&timers->lock);
    for (struct lc__timer *timer; (timer = first_of(timers));) {
        take_out(timers, timer);
        let_go(timer);
    }
    pthread_mutex_unlock(&timers->lock);
}

size_t lc__timers_count(struct lc__timers *timers)
{
    pthread_mutex_lock(&timers->lock);
    size_t count = timers->heap.count;
    pthread_mutex_unlock(&timers->lock);
    return count;
}

/* ---- the timers of threads that are no executor's ---- */

static struct {
    struct lc__timers timers;
    int64_t looks_at; /* when their thread looks by itself, as it found last; under their lock */
    /* There are timers and no thread. A task that finds it set looks under the timers' own lock. */
    atomic_bool left;
} shared = {.timers = LC__TIMERS_INIT};

int64_t lc__shared_timers_next_look(void)
{
    pthread_mutex_lock(&shared.timers.lock);
    shared.looks_at = first_deadline(&shared.timers);
    int64_t deadline = shared.looks_at;
    pthread_mutex_unlock(&shared.timers.lock);
    return deadline;
}

bool lc__shared_timers_arm(struct lc__timer *timer, int64_t deadline)
{
    pthread_mutex_lock(&shared.timers.lock);
    put_in(&shared.timers, timer, deadline);
    bool too_late = deadline < shared.looks_at;
    pthread_mutex_unlock(&shared.timers.lock);
    return too_late;
}

void lc__shared_timers_take_over(struct lc__timers *timers)
{
    /* Nobody else holds two of these locks. */
    pthread_mutex_lock(&timers->lock);
    pthread_mutex_lock(&shared.timers.lock);
    for (struct lc__timer *timer; (timer = first_of(timers));) {
        take_out(timers, timer);
        put_in(&shared.timers, timer, timer->entry.key);
    }
    pthread_mutex_unlock(&shared.timers.lock);
    pthread_mutex_unlock(&timers->lock);
}

void lc__shared_timers_fire(void)
{
    while (lc__timers_fire_one(&shared.timers, lc__clock_real.now(&lc__clock_real), NULL, NULL))
        continue;
}

size_t lc__shared_timers_count(void)
{
    return lc__timers_count(&shared.timers);
}

void lc__shared_timers_set_left(bool left)
{
    atomic_store_explicit(&shared.left, left, memory_order_relaxed);
}

bool lc__shared_timers_are_left(void)
{
    return atomic_load_explicit(&shared.left, memory_order_relaxed);
}

int64_t lc__shared_timers_left_next(void)
{
    return lc__shared_timers_are_left() ? lc__timers_next(&shared.timers) : LC_FOREVER;
}
