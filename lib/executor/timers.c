/*
 * timers.c: see timers.h.
 */
#include "executor/timers.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/library.h"
#include "base/memory.h"
#include "base/task.h"
#include "executor/callback.h"
#include "executor/loop.h"
#include "executor/park.h"
#include "executor/thread_create.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <string.h>

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

/* ---- the thread that fires for those that are no executor's ---- */

static struct lc__timers real = LC__TIMERS_INIT;
static struct {
    pthread_mutex_t lock;
    pthread_t thread;
    bool running;         /* under the lock */
    size_t holds;         /* not yet released; under the lock */
    sigset_t mask;        /* of threads that it makes */
    atomic_bool stopping; /* set before the unpark that makes the thread look at it */
    /*
     * There are timers and no thread. Set under the lock. A task that reads it without the lock
     * then looks at the timers under the timers' own lock.
     */
    atomic_bool missing;
    struct lc__parker parker; /* unparked for a timer that is due before `looks_at` */
    int64_t looks_at;         /* when it looks by itself, as it found last; under real.lock */
} keeper = {.lock = PTHREAD_MUTEX_INITIALIZER, .parker = {.descriptor = -1}};

/* Notes when the keeper is to look again. @return that time. */
static int64_t next_look(void)
{
    pthread_mutex_lock(&real.lock);
    keeper.looks_at = first_deadline(&real);
    int64_t deadline = keeper.looks_at;
    pthread_mutex_unlock(&real.lock);
    return deadline;
}

/*
 * @return whether the keeper would look too late. Both sides hold the lock: either the timer is in
 * before the keeper's look, which finds it, or the time of that look is seen here. Most timers
 * never come to fire, so one armed and disarmed again and again wakes the keeper once, not each
 * time.
 */
static bool arm_real(struct lc__timer *timer, int64_t deadline)
{
    pthread_mutex_lock(&real.lock);
    put_in(&real, timer, deadline);
    bool too_late = deadline < keeper.looks_at;
    pthread_mutex_unlock(&real.lock);
    return too_late;
}

static void *keep_time(void *arg)
{
    (void)arg;
    static const struct lc__park_reason reason = {"the next timer", NULL};
    pthread_setname_np(pthread_self(), "lc-timers");
    lc__library_own_thread();
    lc__thread_bears_with(&keeper.mask);
    for (;;) {
        /*
         * The count is read before the timers: one armed after they were read changes it, and park
         * returns.
         */
        unsigned seen = lc__parker_count(&keeper.parker);
        if (atomic_load_explicit(&keeper.stopping, memory_order_acquire))
            return NULL;
        while (lc__timers_fire_one(&real, lc__clock_real.now(&lc__clock_real), NULL, NULL))
            continue;
        lc__park(&keeper.parker, seen, next_look(), &reason);
    }
}

static bool keeper_busy(void)
{
    pthread_mutex_lock(&keeper.lock);
    size_t holds = keeper.holds;
    pthread_mutex_unlock(&keeper.lock);
    size_t armed = lc__timers_count(&real);
    if (armed > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "the library cannot shut down: %zu contexts still have a deadline to come", armed);
    if (holds > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "the library cannot shut down: supervisors and trees that still run, and "
               "contexts with a grace that have not ended: %zu",
               holds);
    return armed + holds > 0;
}

/*
 * Joined without the lock: a timer that is just firing may want to arm another, and asks for the
 * thread.
 */
static void stop_keeper(void)
{
    pthread_mutex_lock(&keeper.lock);
    bool running = keeper.running;
    pthread_mutex_unlock(&keeper.lock);
    if (!running)
        return;
    atomic_store_explicit(&keeper.stopping, true, memory_order_release);
    lc__unpark(&keeper.parker);
    pthread_join(keeper.thread, NULL);
    atomic_store_explicit(&keeper.stopping, false, memory_order_relaxed);
    pthread_mutex_lock(&keeper.lock);
    keeper.running = false;
    pthread_mutex_unlock(&keeper.lock);
}

static struct lc__facility keeper_facility = {.busy = keeper_busy, .shut_down = stop_keeper};

static int make_keeper(void)
{
    int result = lc__fork_guard();
    if (result < 0)
        return result;
    if (lc__memory_must_fail())
        return -EAGAIN;
    result = lc__thread_create_silent(&keeper.thread, keep_time, &keeper.mask);
    keeper.running = result == 0;
    if (keeper.running)
        atomic_store_explicit(&keeper.missing, false, memory_order_relaxed);
    return result;
}

/* Makes it if it is not there; with `holds` it stays. */
static int need_keeper(size_t holds)
{
    if (lc__forked())
        return -ENOTSUP;
    lc__facility_register(&keeper_facility);
    pthread_mutex_lock(&keeper.lock);
    int result = keeper.running ? 0 : make_keeper();
    if (result == 0)
        keeper.holds += holds;
    pthread_mutex_unlock(&keeper.lock);
    return result;
}

static int arm_with_keeper(struct lc__timer *timer, int64_t deadline)
{
    int result = need_keeper(0);
    if (result == 0 && arm_real(timer, deadline))
        lc__unpark(&keeper.parker);
    return result;
}

int lc__timer_arm(struct lc__timer *timer, int64_t deadline)
{
    struct lc__timers *timers = lc__clock_current()->timers;
    /* Also on the loop's own stack, where a deadline fires for which there was no fiber. */
    if (!timers && lc__loop_of_thread && !lc__loop_of_thread->simulation)
        timers = &lc__loop_of_thread->timers;
    if (!timers)
        return arm_with_keeper(timer, deadline);
    lc__timers_arm(timers, timer, deadline);
    return 0;
}

static bool in_real_world(void)
{
    return !lc__clock_current()->timers && !lc__task_current()->simulation;
}

int lc__timer_arm_apart(struct lc__timer *timer, int64_t deadline)
{
    return in_real_world() ? arm_with_keeper(timer, deadline) : lc__timer_arm(timer, deadline);
}

int lc__timers_hold(bool *held)
{
    *held = false;
    if (!in_real_world())
        return 0;
    int result = need_keeper(1);
    *held = result == 0;
    return result;
}

void lc__timers_release(bool *held)
{
    if (!*held)
        return;
    *held = false;
    pthread_mutex_lock(&keeper.lock);
    keeper.holds--;
    pthread_mutex_unlock(&keeper.lock);
}

static void move_to_real(struct lc__timers *timers)
{
    /* Nobody else holds two of these locks. */
    pthread_mutex_lock(&timers->lock);
    pthread_mutex_lock(&real.lock);
    for (struct lc__timer *timer; (timer = first_of(timers));) {
        take_out(timers, timer);
        put_in(&real, timer, timer->entry.key);
    }
    pthread_mutex_unlock(&real.lock);
    pthread_mutex_unlock(&timers->lock);
    lc__unpark(&keeper.parker);
}

int lc__timers_hand_over(struct lc__timers *timers)
{
    if (lc__timers_count(timers) == 0)
        return 0;
    int result = need_keeper(0);
    if (result == 0)
        move_to_real(timers);
    return result;
}

/* ---- timers without a thread ---- */

void lc__timers_leave(struct lc__timers *timers)
{
    lc__facility_register(&keeper_facility);
    move_to_real(timers);
    pthread_mutex_lock(&keeper.lock);
    atomic_store_explicit(&keeper.missing, !keeper.running, memory_order_relaxed);
    pthread_mutex_unlock(&keeper.lock);
}

void lc__timers_attend(void)
{
    bool missing = atomic_load_explicit(&keeper.missing, memory_order_relaxed);
    int result = missing && lc__timers_count(&real) > 0 ? need_keeper(0) : 0;
    if (result < 0)
        lc_log(LC_LOG_ERROR, NULL,
               "no thread can be made for deadlines to come, so they come only while a thread "
               "waits: %s",
               strerror(-result));
}

int64_t lc__timers_left_next(void)
{
    bool left = atomic_load_explicit(&keeper.missing, memory_order_relaxed);
    return left ? lc__timers_next(&real) : LC_FOREVER;
}

void lc__timers_left_fire(void)
{
    while (lc__timers_fire_one(&real, lc__clock_real.now(&lc__clock_real), NULL, NULL))
        continue;
}
