/*
 * timers.c: see timers.h.
 */
#include "executor/timers.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/library.h"
#include "base/task.h"
#include "executor/service_thread.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <string.h>

static int64_t timer_thread_work(void)
{
    while (lc__timers_fire_one(&lc__timers_real, lc__clock_real.now(&lc__clock_real), NULL, NULL))
        continue;
    return lc__timers_plan_look(&lc__timers_real);
}

static struct lc__service_thread timer_thread =
    LC__SERVICE_THREAD("lc-timers", "the next timer", timer_thread_work);
static atomic_size_t holds; /* calls of lc__timers_hold that are not released yet */

static bool timer_thread_is_busy(void)
{
    size_t held = atomic_load_explicit(&holds, memory_order_relaxed);
    size_t armed = lc__timers_count(&lc__timers_real);
    if (armed > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "the library cannot shut down: %zu contexts still have a deadline to come", armed);
    if (held > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "the library cannot shut down: supervisors and trees that still run, and "
               "contexts with a grace that have not ended: %zu",
               held);
    return armed + held > 0;
}

static void timer_thread_stop(void)
{
    lc__service_thread_stop(&timer_thread);
}

static struct lc__facility timer_facility = {.busy = timer_thread_is_busy,
                                             .shut_down = timer_thread_stop};

static int timer_thread_start(void)
{
    lc__facility_register(&timer_facility);
    int result = lc__service_thread_start(&timer_thread);
    if (result == 0)
        atomic_store(&lc__timers_unserved, false);
    return result;
}

/* Makes the thread if it is not there. */
static int timer_thread_need(void)
{
    if (lc__forked())
        return -ENOTSUP;
    return lc__service_thread_is_running(&timer_thread) ? 0 : timer_thread_start();
}

static int timer_arm_in_thread(struct lc__timer *timer, int64_t deadline)
{
    int result = timer_thread_need();
    if (result == 0 && lc__timers_arm(&lc__timers_real, timer, deadline))
        lc__service_thread_wake(&timer_thread);
    return result;
}

int lc__timer_arm(struct lc__timer *timer, int64_t deadline)
{
    /* Also on the loop's own stack, where a deadline fires for which there was no fiber. */
    struct lc__timers *timers = lc__timers_here();
    if (!timers)
        return timer_arm_in_thread(timer, deadline);
    lc__timers_arm(timers, timer, deadline);
    return 0;
}

static bool task_is_on_real_clock(void)
{
    return !lc__clock_current()->timers && !lc__task_current()->simulation;
}

int lc__timer_arm_apart(struct lc__timer *timer, int64_t deadline)
{
    return task_is_on_real_clock() ? timer_arm_in_thread(timer, deadline)
                                   : lc__timer_arm(timer, deadline);
}

int lc__timers_hold(bool *held)
{
    *held = false;
    if (!task_is_on_real_clock())
        return 0;
    int result = timer_thread_need();
    *held = result == 0;
    if (*held)
        atomic_fetch_add_explicit(&holds, 1, memory_order_relaxed);
    return result;
}

void lc__timers_release(bool *held)
{
    if (!*held)
        return;
    *held = false;
    LC__ASSERT(atomic_load(&holds) > 0);
    atomic_fetch_sub_explicit(&holds, 1, memory_order_relaxed);
}

static void timers_move_to_thread(struct lc__timers *timers)
{
    lc__timers_move(timers, &lc__timers_real);
    lc__service_thread_wake(&timer_thread);
}

int lc__timers_hand_over(struct lc__timers *timers)
{
    if (lc__timers_count(timers) == 0)
        return 0;
    int result = timer_thread_need();
    if (result == 0)
        timers_move_to_thread(timers);
    return result;
}

void lc__timers_leave(struct lc__timers *timers)
{
    lc__facility_register(&timer_facility);
    timers_move_to_thread(timers);
    /* If the thread is made between these two lines, timer_thread_start() clears the flag last. */
    atomic_store(&lc__timers_unserved, true);
    if (lc__service_thread_is_running(&timer_thread))
        atomic_store(&lc__timers_unserved, false);
}

void lc__timers_attend(void)
{
    bool unserved = atomic_load_explicit(&lc__timers_unserved, memory_order_relaxed);
    int result = unserved && lc__timers_count(&lc__timers_real) > 0 ? timer_thread_need() : 0;
    if (result < 0)
        lc_log(LC_LOG_ERROR, NULL,
               "no thread can be made for deadlines to come, so they come only while a thread "
               "waits: %s",
               strerror(-result));
}
