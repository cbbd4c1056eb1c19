/*
 * timers.c: see timers.h.
 */
#include "executor/timers.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/library.h"
#include "base/memory.h"
#include "executor/callback.h"
#include "executor/park.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <signal.h>

static int compare(const struct lc__timer *a, const struct lc__timer *b)
{
    if (a->deadline != b->deadline)
        return a->deadline < b->deadline ? -1 : 1;
    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

/* Not RB_GENERATE_STATIC, which in libbsd needs a macro that its headers leave undefined. */
RB_GENERATE_INTERNAL(lc__timer_tree, lc__timer, node, compare, __attribute__((unused)) static)

/* ---- timers of any clock ---- */

/* @return whether it is now the first. */
static bool insert(struct lc__timers *timers, struct lc__timer *timer, int64_t deadline)
{
    pthread_mutex_lock(&timers->lock);
    timer->timers = timers;
    timer->deadline = deadline;
    timer->sequence = timers->sequence++;
    timer->armed = true;
    RB_INSERT(lc__timer_tree, &timers->tree, timer);
    timers->count++;
    bool first = RB_MIN(lc__timer_tree, &timers->tree) == timer;
    pthread_mutex_unlock(&timers->lock);
    return first;
}

/* Under the lock. */
static void take_out(struct lc__timers *timers, struct lc__timer *timer)
{
    RB_REMOVE(lc__timer_tree, &timers->tree, timer);
    timers->count--;
    timer->armed = false;
}

bool lc__timer_disarm(struct lc__timer *timer)
{
    struct lc__timers *timers = timer->timers;
    if (!timers)
        return false;
    pthread_mutex_lock(&timers->lock);
    bool was_armed = timer->armed;
    if (was_armed)
        take_out(timers, timer);
    pthread_mutex_unlock(&timers->lock);
    return was_armed;
}

bool lc__timers_fire_one(struct lc__timers *timers, int64_t limit,
                         void (*set_now)(void *arg, int64_t now), void *arg)
{
    pthread_mutex_lock(&timers->lock);
    struct lc__timer *timer = RB_MIN(lc__timer_tree, &timers->tree);
    if (!timer || timer->deadline > limit) {
        pthread_mutex_unlock(&timers->lock);
        return false;
    }
    if (set_now)
        set_now(arg, timer->deadline);
    void (*fire)(struct lc__timer *) = timer->fire;
    take_out(timers, timer);
    bool wants_fire = timer->due(timer);
    pthread_mutex_unlock(&timers->lock);
    if (wants_fire) {
        lc__callback_enter();
        fire(timer);
        lc__callback_leave();
    }
    return true;
}

int64_t lc__timers_next(struct lc__timers *timers)
{
    pthread_mutex_lock(&timers->lock);
    struct lc__timer *first = RB_MIN(lc__timer_tree, &timers->tree);
    int64_t deadline = first ? first->deadline : LC_FOREVER;
    pthread_mutex_unlock(&timers->lock);
    return deadline;
}

size_t lc__timers_count(struct lc__timers *timers)
{
    pthread_mutex_lock(&timers->lock);
    size_t count = timers->count;
    pthread_mutex_unlock(&timers->lock);
    return count;
}

/* ---- the thread of the real clock ---- */

static struct lc__timers real = LC__TIMERS_INIT;
static struct {
    pthread_mutex_t lock;
    pthread_t thread;
    bool running;             /* under the lock */
    atomic_bool stopping;     /* set before the unpark that makes the thread look at it */
    struct lc__parker parker; /* unparked when there is a new first timer */
} keeper = {.lock = PTHREAD_MUTEX_INITIALIZER, .parker = {.descriptor = -1}};

static void *keep_time(void *arg)
{
    (void)arg;
    static const struct lc__park_reason reason = {"the next timer", NULL};
    pthread_setname_np(pthread_self(), "lc-timers");
    lc__library_own_thread();
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
        lc__park(&keeper.parker, seen, lc__timers_next(&real), &reason);
    }
}

static bool keeper_busy(void)
{
    size_t armed = lc__timers_count(&real);
    if (armed > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "the library cannot shut down: %zu contexts still have a deadline to come", armed);
    return armed > 0;
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

/* Signals are for the program's threads: this one has them all blocked. */
static int make_keeper(void)
{
    sigset_t all, kept;
    int guarded = lc__fork_guard();
    if (guarded < 0)
        return guarded;
    if (lc__memory_must_fail())
        return -EAGAIN;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &kept);
    int failed = pthread_create(&keeper.thread, NULL, keep_time, NULL);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    keeper.running = failed == 0;
    return -failed;
}

static int need_keeper(void)
{
    if (lc__forked())
        return -ENOTSUP;
    lc__facility_register(&keeper_facility);
    pthread_mutex_lock(&keeper.lock);
    int result = keeper.running ? 0 : make_keeper();
    pthread_mutex_unlock(&keeper.lock);
    return result;
}

int lc__timer_arm(struct lc__timer *timer, int64_t deadline)
{
    struct lc__timers *timers = lc__clock_current()->timers;
    if (timers) {
        insert(timers, timer, deadline);
        return 0;
    }
    int result = need_keeper();
    if (result == 0 && insert(&real, timer, deadline))
        lc__unpark(&keeper.parker);
    return result;
}
