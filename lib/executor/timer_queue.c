/*
 * timer_queue.c: see timer_queue.h.
 */
#include "executor/timer_queue.h"

#include "base/assert.h"
#include "base/clock.h"
#include "executor/callback.h"

_Thread_local struct lc__timers *lc__timers_of_thread;

/* ---- the heap of a queue ---- */

static void timers_insert(struct lc__timers *timers, struct lc__timer *timer, int64_t deadline)
{
    LC__ASSERT(lc__lock_is_held(&timers->lock));
    LC__ASSERT(!timer->armed && timer->due);
    atomic_store_explicit(&timer->timers, timers, memory_order_relaxed);
    timer->armed = true;
    lc__heap_insert(&timers->heap, &timer->entry, deadline);
}

static void timers_remove(struct lc__timers *timers, struct lc__timer *timer)
{
    LC__ASSERT(lc__lock_is_held(&timers->lock));
    LC__ASSERT(timer->armed && atomic_load(&timer->timers) == timers);
    lc__heap_remove(&timers->heap, &timer->entry);
    timer->armed = false;
}

/* NULL: the queue is empty. */
static struct lc__timer *timers_first(const struct lc__timers *timers)
{
    LC__ASSERT(lc__lock_is_held(&timers->lock));
    return (struct lc__timer *)lc__heap_first(&timers->heap);
}

static int64_t timers_first_deadline(const struct lc__timers *timers)
{
    const struct lc__timer *first = timers_first(timers);
    return first ? first->entry.key : LC_FOREVER;
}

/*
 * The last access to the timer by a thread that holds the lock: afterwards the queue may be freed
 * before the timer, so the timer must not point to it. Release, paired with timer_lock_queue(): a
 * thread that finds NULL sees all that was done under the lock.
 */
static void timer_leave_queue(struct lc__timer *timer)
{
    LC__ASSERT(!timer->armed);
    atomic_store_explicit(&timer->timers, NULL, memory_order_release);
}

/*
 * Locks the queue that the timer is in. The timer may move to another queue, or leave its queue,
 * before this thread has the lock. Then it tries once more.
 * @return NULL if the timer is in no queue.
 */
static struct lc__timers *timer_lock_queue(struct lc__timer *timer)
{
    for (;;) {
        struct lc__timers *timers = atomic_load_explicit(&timer->timers, memory_order_acquire);
        if (!timers)
            return NULL;
        lc__lock_take(&timers->lock);
        if (atomic_load_explicit(&timer->timers, memory_order_relaxed) == timers)
            return timers;
        lc__lock_give(&timers->lock);
    }
}

/* ---- arming ---- */

void lc__timers_destroy(struct lc__timers *timers)
{
    LC__ASSERT(timers->heap.count == 0);
    lc__lock_destroy(&timers->lock);
}

bool lc__timers_arm(struct lc__timers *timers, struct lc__timer *timer, int64_t deadline)
{
    lc__lock_take(&timers->lock);
    timers_insert(timers, timer, deadline);
    /*
     * The owner takes the lock in lc__timers_plan_look(). Either it has planned its look before:
     * then this thread sees the time of that look. Or it plans later, and finds the timer. Most
     * timers are disarmed before their deadline, so one that is armed again and again wakes the
     * owner once, not each time.
     */
    bool too_late = deadline < timers->looks_at;
    lc__lock_give(&timers->lock);
    return too_late;
}

bool lc__timer_disarm(struct lc__timer *timer)
{
    struct lc__timers *timers = timer_lock_queue(timer);
    if (!timers)
        return false;
    bool was_armed = timer->armed;
    if (was_armed) {
        timers_remove(timers, timer);
        timer_leave_queue(timer);
    }
    lc__lock_give(&timers->lock);
    return was_armed;
}

void lc__timers_move(struct lc__timers *from, struct lc__timers *to)
{
    LC__ASSERT(to == &lc__timers_real && from != to);
    /* No other function holds two of these locks, but in a simulation, which is one thread. */
    lc__lock_take(&from->lock);
    lc__lock_take(&to->lock);
    for (struct lc__timer *timer; (timer = timers_first(from));) {
        timers_remove(from, timer);
        timers_insert(to, timer, timer->entry.key);
    }
    lc__lock_give(&to->lock);
    lc__lock_give(&from->lock);
}

void lc__timers_drop(struct lc__timers *timers)
{
    lc__lock_take(&timers->lock);
    for (struct lc__timer *timer; (timer = timers_first(timers));) {
        timers_remove(timers, timer);
        timer_leave_queue(timer);
    }
    lc__lock_give(&timers->lock);
}

int64_t lc__timers_next(struct lc__timers *timers)
{
    lc__lock_take(&timers->lock);
    int64_t deadline = timers_first_deadline(timers);
    lc__lock_give(&timers->lock);
    return deadline;
}

size_t lc__timers_count(struct lc__timers *timers)
{
    lc__lock_take(&timers->lock);
    size_t count = timers->heap.count;
    lc__lock_give(&timers->lock);
    return count;
}

/* ---- firing ---- */

int64_t lc__timers_plan_look(struct lc__timers *timers)
{
    lc__lock_take(&timers->lock);
    int64_t deadline = timers->looks_at = timers_first_deadline(timers);
    lc__lock_give(&timers->lock);
    return deadline;
}

bool lc__timers_take_due(struct lc__timers *timers, int64_t limit,
                         void (*set_now)(void *arg, int64_t now), void *arg,
                         struct lc__timer **fire)
{
    *fire = NULL;
    lc__lock_take(&timers->lock);
    struct lc__timer *timer = timers_first(timers);
    bool due = timer && timer->entry.key <= limit;
    if (due) {
        if (set_now)
            set_now(arg, timer->entry.key);
        timers_remove(timers, timer);
        if (timer->due(timer))
            *fire = timer;
        timer_leave_queue(timer);
    }
    lc__lock_give(&timers->lock);
    return due;
}

void lc__timer_fire(struct lc__timer *timer)
{
    LC__ASSERT(timer->fire);
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

/* ---- the real clock's timers that no executor's thread fires ---- */

struct lc__timers lc__timers_real = LC__TIMERS_INIT;
atomic_bool lc__timers_unserved;

int64_t lc__timers_unserved_next(void)
{
    bool unserved = atomic_load_explicit(&lc__timers_unserved, memory_order_relaxed);
    return unserved ? lc__timers_next(&lc__timers_real) : LC_FOREVER;
}

void lc__timers_unserved_fire(void)
{
    while (lc__timers_fire_one(&lc__timers_real, lc__clock_real.now(&lc__clock_real), NULL, NULL))
        continue;
}
