/*
 * timers.c: see timers.h.
 */
#include "executor/timers.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/library.h"
#include "base/memory.h"
#include "base/task.h"
#include "executor/park.h"
#include "executor/thread_create.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <string.h>

static struct {
    pthread_mutex_t lock;
    pthread_t thread;
    bool running;         /* under the lock */
    size_t holds;         /* not yet released; under the lock */
    sigset_t mask;        /* of threads that it makes */
    atomic_bool stopping; /* set before the unpark that makes the thread look at it */
    struct lc__parker parker;
} keeper = {.lock = PTHREAD_MUTEX_INITIALIZER, .parker = {.descriptor = -1}};

static void *keep_time(void *arg)
{
    (void)arg;
    static const struct lc__park_reason reason = {"the next timer", NULL};
    pthread_setname_np(pthread_self(), "lc-timers");
    lc__library_own_thread();
    lc__thread_pass_on(&keeper.mask);
    for (;;) {
        /*
         * The count is read before the timers: one armed after they were read changes it, and park
         * returns.
         */
        unsigned seen = lc__parker_count(&keeper.parker);
        if (atomic_load_explicit(&keeper.stopping, memory_order_acquire))
            return NULL;
        while (
            lc__timers_fire_one(&lc__timers_real, lc__clock_real.now(&lc__clock_real), NULL, NULL))
            continue;
        lc__park(&keeper.parker, seen, lc__timers_plan_look(&lc__timers_real), &reason);
    }
}

static bool keeper_busy(void)
{
    pthread_mutex_lock(&keeper.lock);
    size_t holds = keeper.holds;
    pthread_mutex_unlock(&keeper.lock);
    size_t armed = lc__timers_count(&lc__timers_real);
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
    result = lc__thread_create_silent(&keeper.thread, keep_time, NULL, &keeper.mask);
    keeper.running = result == 0;
    if (keeper.running)
        atomic_store_explicit(&lc__timers_unserved, false, memory_order_relaxed);
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
    if (result == 0 && lc__timers_arm(&lc__timers_real, timer, deadline))
        lc__unpark(&keeper.parker);
    return result;
}

int lc__timer_arm(struct lc__timer *timer, int64_t deadline)
{
    /* Also on the loop's own stack, where a deadline fires for which there was no fiber. */
    struct lc__timers *timers = lc__timers_here();
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
    lc__timers_move(timers, &lc__timers_real);
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

void lc__timers_leave(struct lc__timers *timers)
{
    lc__facility_register(&keeper_facility);
    move_to_real(timers);
    pthread_mutex_lock(&keeper.lock);
    atomic_store_explicit(&lc__timers_unserved, !keeper.running, memory_order_relaxed);
    pthread_mutex_unlock(&keeper.lock);
}

void lc__timers_attend(void)
{
    bool unserved = atomic_load_explicit(&lc__timers_unserved, memory_order_relaxed);
    int result = unserved && lc__timers_count(&lc__timers_real) > 0 ? need_keeper(0) : 0;
    if (result < 0)
        lc_log(LC_LOG_ERROR, NULL,
               "no thread can be made for deadlines to come, so they come only while a thread "
               "waits: %s",
               strerror(-result));
}
