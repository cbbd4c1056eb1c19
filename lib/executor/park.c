/*
 * park.c: park and unpark: threads sleep as parker.c says, fibers switch. See park.h.
 */
#include "executor/park.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/sanitizer.h"
#include "base/task.h"
#include "executor/fiber_switch.h"
#include "executor/simulation.h"
#include "executor/timer_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

/* ---- the parker ---- */

void lc__parker_init(struct lc__parker *parker)
{
    lc__parker_init_thread(parker);
    parker->fiber = lc__fiber_current();
}

/* A fiber is woken once for each time it parks, so it waits if one wake-up is still to come. */
static bool fiber_waits(const struct lc__task *task, unsigned long *parks)
{
    /* Acquire: the wakes are not read before. More of both in between look like no wait. */
    *parks = atomic_load_explicit(&task->parks, memory_order_acquire);
    return *parks - atomic_load_explicit(&task->wakes, memory_order_acquire) == 1;
}

bool lc__task_waits(struct lc__task *task, unsigned long *parks)
{
    if (task->fiber)
        return fiber_waits(task, parks);
    lc__spinlock_lock(&task->parker_lock);
    bool waits = task->parker && atomic_load_explicit(&task->parker->word, memory_order_acquire) &
                                     LC__PARKER_PARKED;
    *parks = atomic_load_explicit(&task->parks, memory_order_relaxed);
    lc__spinlock_unlock(&task->parker_lock);
    return waits;
}

/* Shows a thread's parker to who asks lc__task_waits; NULL before it goes. */
static void show_parker(struct lc__task *task, struct lc__parker *parker)
{
    if (task->fiber)
        return;
    unsigned long parks = atomic_load_explicit(&task->parks, memory_order_relaxed);
    lc__spinlock_lock(&task->parker_lock);
    task->parker = parker;
    atomic_store_explicit(&task->parks, parks + 1, memory_order_relaxed);
    lc__spinlock_unlock(&task->parker_lock);
}

bool lc__parker_init_direct(struct lc__parker *parker, int64_t deadline)
{
    const struct lc__task *task = lc__task_current();
    lc__parker_init(parker);
    /* The wait of an isolate's handler may be interrupted: that needs the parker's word. */
    parker->direct = parker->fiber && deadline == LC_FOREVER && !task->simulation && !task->isolate;
    return parker->direct;
}

int lc__parker_init_poll(struct lc__parker *parker)
{
    lc__parker_init(parker);
    return parker->fiber ? 0 : lc__parker_need_poll(parker);
}

LC__OF_ITS_THREAD
static void add_and_wake(struct lc__parker *parker, unsigned count, unsigned set, bool in_handler)
{
    struct lc__fiber *fiber = parker->fiber; /* with the change the parker may be gone */
    int descriptor;
    if (!lc__parker_change(parker, count, set, &descriptor))
        return;
    if (fiber)
        lc__fiber_wake(fiber, in_handler);
    else
        lc__parker_wake_thread(parker, descriptor);
}

void lc__unpark(struct lc__parker *parker)
{
    if (!parker->direct) {
        add_and_wake(parker, LC__PARKER_ONE, 0, false);
        return;
    }
    struct lc__fiber *fiber = parker->fiber; /* with the release the parker may be gone */
    lc__sanitizer_release(parker);
    lc__fiber_wake(fiber, false);
}

void lc__unpark_in_handler(struct lc__parker *parker)
{
    add_and_wake(parker, LC__PARKER_ONE, 0, true);
}

void lc__parker_set_ready(struct lc__parker *parker)
{
    add_and_wake(parker, 0, LC__PARKER_READY, false);
}

/* ---- deadlines ---- */

/* A deadline on a clock that the kernel does not know: a timer of that clock ends the wait. */
struct expiry {
    struct lc__timer timer;
    struct lc__parker *parker;
};

/* Runs under the timers' lock, so that once disarmed it is not running. */
static bool expire(struct lc__timer *timer)
{
    struct expiry *expiry = (struct expiry *)timer;
    add_and_wake(expiry->parker, 0, LC__PARKER_EXPIRED, false);
    return false;
}

/*
 * `word` is what the parker's became with our PARKED. Returns after that was taken away by us or by
 * an unpark. @return whether a descriptor became ready.
 */
static bool sleep_parked(struct lc__parker *parker, unsigned word, int64_t deadline,
                         struct lc__sleeper *how)
{
    if (!parker->fiber)
        return lc__parker_sleep(parker, word, deadline, how);
    lc__fiber_park();
    return false;
}

/* @return 0 if it has been unparked or is ready, -ETIMEDOUT at the deadline, 1 if neither. */
static int look_at(struct lc__parker *parker, unsigned *word, unsigned seen, int64_t deadline)
{
    /* Acquire: pairs with the release of the unpark that is seen here. */
    *word = atomic_load_explicit(&parker->word, memory_order_acquire);
    if (*word >> LC__PARKER_COUNT_SHIFT != seen || *word & LC__PARKER_READY)
        return 0;
    if (*word & LC__PARKER_EXPIRED)
        return -ETIMEDOUT;
    bool passed = deadline != LC_FOREVER && lc__clock_real.now(&lc__clock_real) >= deadline;
    return passed ? -ETIMEDOUT : 1;
}

/*
 * Sleeps once, until a deadline that the kernel knows. What ends the sleep may be neither an unpark
 * nor the deadline: a process signal, say, whose handler has done something that the caller will
 * want to look at.
 */
static int park_once(struct lc__parker *parker, unsigned seen, int64_t deadline,
                     struct lc__sleeper *how)
{
    unsigned set = how->descriptors ? LC__PARKER_PARKED | LC__PARKER_IN_POLL : LC__PARKER_PARKED;
    unsigned word;
    int state;
    while ((state = look_at(parker, &word, seen, deadline)) > 0)
        if (atomic_compare_exchange_weak_explicit(&parker->word, &word, word | set,
                                                  memory_order_acq_rel, memory_order_relaxed))
            break;
    if (state <= 0)
        return state;
    if (sleep_parked(parker, word | set, deadline, how) || how->error)
        return how->error;
    state = look_at(parker, &word, seen, deadline);
    return state < 0 ? state : 0;
}

/* A timer ends the sleep: of the task's clock, or, for a fiber, of its thread. */
static int park_with_timer(struct lc__parker *parker, unsigned seen, int64_t deadline,
                           struct lc__sleeper *how)
{
    struct expiry expiry = {.timer = {.due = expire}, .parker = parker};
    lc__timers_arm(lc__timers_here(), &expiry.timer, deadline);
    /* Looked at after the arming: if the clock has moved past it in between, no timer will tell. */
    bool past = lc_now() >= deadline;
    /* Short waits in a row would else keep the thread, once each is over before it has begun. */
    if (past && parker->fiber)
        lc__fiber_yield();
    int result = park_once(parker, seen, past ? LC_NOW : LC_FOREVER, how);
    lc__timer_disarm(&expiry.timer);
    atomic_fetch_and_explicit(&parker->word, ~(unsigned)LC__PARKER_EXPIRED, memory_order_relaxed);
    return result;
}

/*
 * A thread, until a deadline that the kernel knows. If the thread that fires timers could not be
 * made, threads that wait do it; the wait then returns early.
 */
static int park_thread(struct lc__parker *parker, unsigned seen, int64_t deadline,
                       struct lc__sleeper *how)
{
    int64_t due = lc__timers_unserved_next();
    if (due >= deadline)
        return park_once(parker, seen, deadline, how);
    int result = park_once(parker, seen, due, how);
    if (result != -ETIMEDOUT)
        return result;
    lc__timers_unserved_fire();
    return 0;
}

static int park_showing(struct lc__task *task, struct lc__parker *parker, unsigned seen,
                        int64_t deadline, struct lc__sleeper *how)
{
    show_parker(task, parker);
    struct lc__clock *clock = lc__clock_current();
    bool plain = deadline == LC_FOREVER || deadline == LC_NOW || (!clock->timers && !parker->fiber);
    int result = !plain          ? park_with_timer(parker, seen, deadline, how)
                 : parker->fiber ? park_once(parker, seen, deadline, how)
                                 : park_thread(parker, seen, deadline, how);
    show_parker(task, NULL);
    return result;
}

/* ---- waits that can be interrupted ---- */

static void set_interruptible(struct lc__task *task, struct lc__parker *parker)
{
    lc__spinlock_lock(&task->parker_lock);
    assert(!parker == (task->parker != NULL));
    task->parker = parker;
    lc__spinlock_unlock(&task->parker_lock);
}

/*
 * The handshake with lc__task_interrupt, by the order of the two under the parker's lock. Either
 * that call finds the parker, and its READY ends this sleep or the next one. Or it came before, and
 * this function finds the task's `end_now` set. The parker is taken back under the lock before it
 * goes.
 */
static int park_interruptible(struct lc__task *task, struct lc__parker *parker, unsigned seen,
                              int64_t deadline, struct lc__sleeper *how)
{
    assert(task->fiber && !parker->direct);
    int result = 0;
    set_interruptible(task, parker);
    if (!lc__task_must_end(task))
        result = park_showing(task, parker, seen, deadline, how);
    set_interruptible(task, NULL);
    if (!lc__task_must_end(task))
        return result;
    lc__parker_clear_ready(parker); /* the waiter may have to wait for an unpark under way */
    return -EINTR;
}

void lc__task_interrupt(struct lc__task *task)
{
    lc__spinlock_lock(&task->parker_lock);
    if (task->fiber && task->parker)
        lc__parker_set_ready(task->parker);
    lc__spinlock_unlock(&task->parker_lock);
}

static int park(struct lc__parker *parker, unsigned seen, int64_t deadline,
                const struct lc__park_reason *reason, struct lc__sleeper *how)
{
    if (lc__forked())
        return -ENOTSUP;
    struct lc__task *task = lc__task_current();
    if (task->simulation && lc__simulation_wakes_early(task->simulation))
        return 0;
    task->parked = reason;
    int result = lc__task_can_end(task) ? park_interruptible(task, parker, seen, deadline, how)
                                        : park_showing(task, parker, seen, deadline, how);
    task->parked = NULL;
    return result;
}

int lc__park(struct lc__parker *parker, unsigned seen, int64_t deadline,
             const struct lc__park_reason *reason)
{
    struct lc__sleeper how = {0};
    return park(parker, seen, deadline, reason, &how);
}

void lc__park_direct(struct lc__parker *parker, const struct lc__park_reason *reason)
{
    struct lc__task *task = lc__task_current();
    task->parked = reason;
    lc__fiber_park();
    task->parked = NULL;
    lc__sanitizer_acquire(parker);
}

void lc__park_until(struct lc__parker *parker, unsigned target)
{
    static const struct lc__park_reason reason = {"a wake-up under way", NULL};
    struct lc__sleeper how = {0};
    lc__task_shield();
    for (unsigned count; (count = lc__parker_count(parker)) != target;)
        if (park(parker, count, LC_FOREVER, &reason, &how) == -ENOTSUP)
            break;
    lc__task_unshield();
}

LC__OF_ITS_THREAD
int lc__park_poll(struct lc__parker *parker, unsigned seen, struct pollfd *descriptors,
                  size_t count, int64_t deadline, const struct lc__park_reason *reason)
{
    descriptors[count] = (struct pollfd){.fd = parker->descriptor, .events = POLLIN};
    struct lc__sleeper how = {descriptors, count + 1, 0};
    return park(parker, seen, deadline, reason, &how);
}
