/*
 * park.c: see park.h.
 *
 * The wait of a worker, by the word of its parker (drawn in parker.h):
 *
 *             park_once(): sets PARKED              lc__fiber_park(), lc__parker_sleep()
 *     awake -----------------------------> PARKED ------------------------------------> asleep
 *       ^        if the count is `seen`,      |                                            |
 *       |        and neither READY            | lc__parker_change(): clears PARKED         |
 *       |        nor EXPIRED is set           v                                            v
 *       +---------------------------------- woken <----------------------------------------+
 *
 * Callers. The waiter's own thread parks. Any thread unparks (lc__unpark), or ends a wait without
 * counting: a descriptor is ready, or the task must end (lc__parker_set_ready), or a timer is due
 * (EXPIRED).
 *
 * Invariant. PARKED is set by the waiter and cleared once: by the waker that then owes exactly one
 * wake-up, or by the waiting thread itself. A fiber never clears it, so each park of a fiber gets
 * exactly one wake-up.
 *
 * Why no wake-up is lost. The count, the flags and PARKED are one word. The waiter sets PARKED by a
 * compare-and-exchange that fails if the word has changed since it was looked at. So an unpark
 * comes either before, and the waiter sees its count and does not sleep; or after, and it finds
 * PARKED and wakes. A wake-up between PARKED and the sleep ends the sleep: the futex compares the
 * word, the eventfd stays readable, and a fiber's wake-up waits in a queue of its thread.
 *
 * A direct wait does without the word. Exactly one unpark comes, and makes the fiber ready on its
 * own thread. If it comes before the fiber has parked, the fiber is in a queue of its thread when
 * it parks, and runs again.
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

#include <errno.h>
#include <stdbool.h>

/* ---- the parker ---- */

void lc__parker_init(struct lc__parker *parker)
{
    lc__parker_init_thread(parker);
    parker->fiber = lc__fiber_current();
}

/* A fiber is woken once for each time it parks, so it waits if one wake-up is still to come. */
static bool task_of_fiber_waits(const struct lc__task *task, unsigned long *parks)
{
    /* Acquire: the wake-ups are read after the parks. If both grow in between, 0 is returned. */
    *parks = atomic_load_explicit(&task->parks, memory_order_acquire);
    return *parks - atomic_load_explicit(&task->wakes, memory_order_acquire) == 1;
}

bool lc__task_waits(struct lc__task *task, unsigned long *parks)
{
    if (task->fiber)
        return task_of_fiber_waits(task, parks);
    lc__spinlock_lock(&task->parker_lock);
    bool waits = task->parker && atomic_load_explicit(&task->parker->word, memory_order_acquire) &
                                     LC__PARKER_PARKED;
    *parks = atomic_load_explicit(&task->parks, memory_order_relaxed);
    lc__spinlock_unlock(&task->parker_lock);
    return waits;
}

/* Publishes a thread's parker to lc__task_waits(); NULL: withdraws it, before its memory goes. */
static void task_show_parker(struct lc__task *task, struct lc__parker *parker)
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
    /* The wait of an isolate's handler may be interrupted, which needs the word. */
    parker->direct = parker->fiber && deadline == LC_FOREVER && !task->simulation && !task->isolate;
    return parker->direct;
}

int lc__parker_init_poll(struct lc__parker *parker)
{
    lc__parker_init(parker);
    return parker->fiber ? 0 : lc__parker_need_poll(parker);
}

LC__OF_ITS_THREAD
static void parker_add_and_wake(struct lc__parker *parker, unsigned count, unsigned set,
                                bool in_handler)
{
    struct lc__fiber *fiber = parker->fiber; /* the parker may be gone after the change */
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
        parker_add_and_wake(parker, LC__PARKER_ONE, 0, false);
        return;
    }
    struct lc__fiber *fiber = parker->fiber; /* the parker may be gone once the fiber is woken */
    lc__sanitizer_release(parker);
    lc__fiber_wake(fiber, false);
}

void lc__unpark_in_handler(struct lc__parker *parker)
{
    parker_add_and_wake(parker, LC__PARKER_ONE, 0, true);
}

void lc__parker_set_ready(struct lc__parker *parker)
{
    parker_add_and_wake(parker, 0, LC__PARKER_READY, false);
}

/* ---- deadlines ---- */

/* A timer that ends a wait: of a clock that the kernel does not know, or of a fiber's thread. */
struct expiry {
    struct lc__timer timer;
    struct lc__parker *parker;
};

/* Runs under the lock of the timers: once the timer is disarmed, it does not run. */
static bool expiry_due(struct lc__timer *timer)
{
    struct expiry *expiry = (struct expiry *)timer;
    parker_add_and_wake(expiry->parker, 0, LC__PARKER_EXPIRED, false);
    return false;
}

/*
 * `word` is the parker's word after the caller has set PARKED, which is cleared on return.
 * @return whether a descriptor became ready.
 */
static bool park_sleep(struct lc__parker *parker, unsigned word, int64_t deadline,
                       struct lc__sleeper *how)
{
    if (!parker->fiber)
        return lc__parker_sleep(parker, word, deadline, how);
    lc__fiber_park();
    return false;
}

/* @return 0 if it is unparked or READY, -ETIMEDOUT if the deadline has passed, 1 if neither. */
static int parker_look(struct lc__parker *parker, unsigned *word, unsigned seen, int64_t deadline)
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
 * Sleeps once, until a deadline of the kernel's clock. Something else may end the sleep, such as a
 * process signal: its handler may have done what the caller waits for.
 */
static int park_once(struct lc__parker *parker, unsigned seen, int64_t deadline,
                     struct lc__sleeper *how)
{
    unsigned set = how->descriptors ? LC__PARKER_PARKED | LC__PARKER_IN_POLL : LC__PARKER_PARKED;
    unsigned word;
    int state;
    while ((state = parker_look(parker, &word, seen, deadline)) > 0)
        if (atomic_compare_exchange_weak_explicit(&parker->word, &word, word | set,
                                                  memory_order_acq_rel, memory_order_relaxed))
            break;
    if (state <= 0)
        return state;
    if (park_sleep(parker, word | set, deadline, how) || how->error)
        return how->error;
    state = parker_look(parker, &word, seen, deadline);
    return state < 0 ? state : 0;
}

/* A timer ends the sleep, of the task's clock or of the fiber's thread. */
static int park_with_timer(struct lc__parker *parker, unsigned seen, int64_t deadline,
                           struct lc__sleeper *how)
{
    struct expiry expiry = {.timer = {.due = expiry_due}, .parker = parker};
    struct lc__timers *timers = lc__timers_here();
    LC__ASSERT(timers); /* else park_thread() is called */
    lc__timers_arm(timers, &expiry.timer, deadline);
    /* After the arming: the clock may have passed the deadline before the timer was there. */
    bool past = lc_now() >= deadline;
    /* Else short waits in a row would keep the thread: each is over before it has begun. */
    if (past && parker->fiber)
        lc__fiber_yield();
    int result = park_once(parker, seen, past ? LC_NOW : LC_FOREVER, how);
    lc__timer_disarm(&expiry.timer);
    atomic_fetch_and_explicit(&parker->word, ~(unsigned)LC__PARKER_EXPIRED, memory_order_relaxed);
    return result;
}

/*
 * The wait of a thread until a deadline of the kernel's clock. If the timer thread could not be
 * made, threads that wait fire the timers, and their waits return early.
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

static int park_shown(struct lc__task *task, struct lc__parker *parker, unsigned seen,
                      int64_t deadline, struct lc__sleeper *how)
{
    task_show_parker(task, parker);
    struct lc__clock *clock = lc__clock_current();
    bool plain = deadline == LC_FOREVER || deadline == LC_NOW || (!clock->timers && !parker->fiber);
    int result = !plain          ? park_with_timer(parker, seen, deadline, how)
                 : parker->fiber ? park_once(parker, seen, deadline, how)
                                 : park_thread(parker, seen, deadline, how);
    task_show_parker(task, NULL);
    return result;
}

/* ---- waits that can be interrupted ---- */

static void task_set_interruptible(struct lc__task *task, struct lc__parker *parker)
{
    lc__spinlock_lock(&task->parker_lock);
    LC__ASSERT(!parker == (task->parker != NULL));
    task->parker = parker;
    lc__spinlock_unlock(&task->parker_lock);
}

/*
 * lc__task_interrupt() and this function take parker_lock. If that call comes second, it finds the
 * parker, and its READY ends this sleep or the next one. If it comes first, this function finds
 * `end_now` set. The parker is withdrawn under the lock before its memory goes.
 */
static int park_interruptible(struct lc__task *task, struct lc__parker *parker, unsigned seen,
                              int64_t deadline, struct lc__sleeper *how)
{
    LC__ASSERT(task->fiber && !parker->direct);
    int result = 0;
    task_set_interruptible(task, parker);
    if (!lc__task_must_end(task))
        result = park_shown(task, parker, seen, deadline, how);
    task_set_interruptible(task, NULL);
    if (!lc__task_must_end(task))
        return result;
    lc__parker_clear_ready(parker); /* the waiter may still wait in lc__park_until() */
    return -EINTR;
}

void lc__task_interrupt(struct lc__task *task)
{
    lc__spinlock_lock(&task->parker_lock);
    if (task->fiber && task->parker)
        lc__parker_set_ready(task->parker);
    lc__spinlock_unlock(&task->parker_lock);
}

static int task_park(struct lc__parker *parker, unsigned seen, int64_t deadline,
                     const struct lc__park_reason *reason, struct lc__sleeper *how)
{
    if (lc__forked())
        return -ENOTSUP;
    struct lc__task *task = lc__task_current();
    LC__ASSERT(parker->fiber == task->fiber && !parker->direct);
    if (task->simulation && lc__simulation_wakes_early(task->simulation))
        return 0;
    task->parked = reason;
    int result = lc__task_can_end(task) ? park_interruptible(task, parker, seen, deadline, how)
                                        : park_shown(task, parker, seen, deadline, how);
    task->parked = NULL;
    return result;
}

int lc__park(struct lc__parker *parker, unsigned seen, int64_t deadline,
             const struct lc__park_reason *reason)
{
    struct lc__sleeper how = {0};
    return task_park(parker, seen, deadline, reason, &how);
}

void lc__park_direct(struct lc__parker *parker, const struct lc__park_reason *reason)
{
    struct lc__task *task = lc__task_current();
    LC__ASSERT(parker->direct && parker->fiber == task->fiber);
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
        if (task_park(parker, count, LC_FOREVER, &reason, &how) == -ENOTSUP)
            break;
    lc__task_unshield();
}

LC__OF_ITS_THREAD
int lc__park_poll(struct lc__parker *parker, unsigned seen, struct pollfd *descriptors,
                  size_t count, int64_t deadline, const struct lc__park_reason *reason)
{
    LC__ASSERT(!parker->fiber && parker->descriptor >= 0);
    descriptors[count] = (struct pollfd){.fd = parker->descriptor, .events = POLLIN};
    struct lc__sleeper how = {descriptors, count + 1, 0};
    return task_park(parker, seen, deadline, reason, &how);
}
