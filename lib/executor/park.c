/*
 * park.c: park and unpark for threads: a futex, or a descriptor for those that wait in poll. The
 * only file that knows of the futex. See park.h.
 */
#include "executor/park.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/library.h"
#include "base/memory.h"
#include "base/system.h"
#include "base/task.h"
#include "executor/timers.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PARKED = 1, EXPIRED = 2, ONE = 4, COUNT_SHIFT = 2 };

/* ---- the futex ---- */

/* Waits while `*word` is `value`, until a deadline of CLOCK_MONOTONIC; may return early. */
static void futex_wait(atomic_uint *word, unsigned value, int64_t deadline)
{
    struct timespec until = {deadline / LC_SECOND, deadline % LC_SECOND};
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value,
            deadline == LC_FOREVER ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
}

/* Uses the address only, never the memory: the word may be gone. A wake for nobody does no harm. */
static void futex_wake(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

/* ---- descriptors that wake a thread out of poll ---- */

enum { SPARE_MAX = 64 };
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
static int spare[SPARE_MAX]; /* eventfds at zero, that nobody will write to */
static int spare_count;

static void close_spare(void)
{
    pthread_mutex_lock(&spare_lock);
    while (spare_count > 0)
        lc__close(spare[--spare_count]);
    pthread_mutex_unlock(&spare_lock);
}

static struct lc__facility wake_descriptors = {.shut_down = close_spare};

/*
 * A forked child has the spares of its parent, and would be woken in its stead: it makes its own.
 */
static void before_fork(void)
{
    pthread_mutex_lock(&spare_lock);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&spare_lock);
}

static void after_fork_in_child(void)
{
    while (spare_count > 0)
        lc__close(spare[--spare_count]);
    pthread_mutex_unlock(&spare_lock);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static int take_descriptor(void)
{
    int descriptor = -1;
    pthread_mutex_lock(&spare_lock);
    if (spare_count > 0)
        descriptor = spare[--spare_count];
    pthread_mutex_unlock(&spare_lock);
    if (descriptor >= 0)
        return descriptor;
    static pthread_once_t watch_forks_once = PTHREAD_ONCE_INIT;
    pthread_once(&watch_forks_once, watch_forks);
    lc__facility_register(&wake_descriptors);
    if (lc__memory_must_fail())
        return -EMFILE;
    descriptor = eventfd(0, EFD_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

static void give_descriptor(int descriptor)
{
    bool kept = false;
    pthread_mutex_lock(&spare_lock);
    if (spare_count < SPARE_MAX) {
        spare[spare_count++] = descriptor;
        kept = true;
    }
    pthread_mutex_unlock(&spare_lock);
    if (!kept)
        lc__close(descriptor);
}

/* ---- the parker ---- */

void lc__parker_init(struct lc__parker *parker)
{
    atomic_init(&parker->word, 0);
    parker->descriptor = -1;
}

int lc__parker_init_poll(struct lc__parker *parker)
{
    lc__parker_init(parker);
    int descriptor = take_descriptor();
    if (descriptor < 0)
        return descriptor;
    parker->descriptor = descriptor;
    return 0;
}

void lc__parker_end_poll(struct lc__parker *parker)
{
    give_descriptor(parker->descriptor);
}

unsigned lc__parker_count(struct lc__parker *parker)
{
    return atomic_load_explicit(&parker->word, memory_order_acquire) >> COUNT_SHIFT;
}

/*
 * Adds to the word and takes PARKED away. Who takes it away owes the waiter a wake-up; all it needs
 * for that is read before, since with the exchange the parker may be gone. Release: see lc__unpark.
 */
static void add_and_wake(struct lc__parker *parker, unsigned addend)
{
    int descriptor = parker->descriptor;
    unsigned word = atomic_load_explicit(&parker->word, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&parker->word, &word,
                                                  (word + addend) & ~(unsigned)PARKED,
                                                  memory_order_acq_rel, memory_order_relaxed))
        continue;
    if (!(word & PARKED))
        return;
    if (descriptor < 0) {
        futex_wake(&parker->word);
    } else {
        uint64_t one = 1;
        lc__write_all(descriptor, &one, sizeof one);
    }
}

void lc__unpark(struct lc__parker *parker)
{
    add_and_wake(parker, ONE);
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
    add_and_wake(expiry->parker, EXPIRED);
    return false;
}

/*
 * How a thread sleeps: in the futex or in poll. Returns early or late as it likes, but wakes for an
 * unpark.
 */
struct sleeper {
    struct pollfd *descriptors; /* NULL: the futex */
    size_t count;
    int error; /* set if poll failed */
};

/*
 * Returns after PARKED was taken away by us or by an unpark. @return whether a descriptor became
 * ready.
 */
static bool sleep_parked(struct lc__parker *parker, unsigned word, int64_t deadline,
                         struct sleeper *how)
{
    if (!how->descriptors) {
        futex_wait(&parker->word, word, deadline);
        /* It makes no difference who takes it away: a late futex wake finds nobody. */
        atomic_fetch_and_explicit(&parker->word, ~(unsigned)PARKED, memory_order_acquire);
        return false;
    }
    int ready = lc__poll(how->descriptors, how->count, deadline);
    if (ready < 0 && ready != -EINTR)
        how->error = ready;
    /*
     * If PARKED is gone, an unpark has written to our descriptor or is about to: take it out again,
     * or it would be written to after it has gone to another waiter.
     */
    unsigned before =
        atomic_fetch_and_explicit(&parker->word, ~(unsigned)PARKED, memory_order_acquire);
    uint64_t wakes;
    if (!(before & PARKED))
        lc__read(parker->descriptor, &wakes, sizeof wakes);
    return ready > 0;
}

/* @return 0 if it has been unparked, -ETIMEDOUT at the deadline, 1 if neither. */
static int look_at(struct lc__parker *parker, unsigned *word, unsigned seen, int64_t deadline)
{
    /* Acquire: pairs with the release of the unpark that is seen here. */
    *word = atomic_load_explicit(&parker->word, memory_order_acquire);
    if (*word >> COUNT_SHIFT != seen)
        return 0;
    if (*word & EXPIRED)
        return -ETIMEDOUT;
    bool passed = deadline != LC_FOREVER && lc__clock_real.now(&lc__clock_real) >= deadline;
    return passed ? -ETIMEDOUT : 1;
}

/*
 * Sleeps once. What ends the sleep may be neither an unpark nor the deadline: a process signal,
 * say, whose handler has done something that the caller will want to look at.
 */
static int park_on_kernel_clock(struct lc__parker *parker, unsigned seen, int64_t deadline,
                                struct sleeper *how)
{
    unsigned word;
    int state;
    while ((state = look_at(parker, &word, seen, deadline)) > 0)
        if (atomic_compare_exchange_weak_explicit(&parker->word, &word, word | PARKED,
                                                  memory_order_acq_rel, memory_order_relaxed))
            break;
    if (state <= 0)
        return state;
    if (sleep_parked(parker, word | PARKED, deadline, how) || how->error)
        return how->error;
    state = look_at(parker, &word, seen, deadline);
    return state < 0 ? state : 0;
}

static int park_on_other_clock(struct lc__parker *parker, unsigned seen, int64_t deadline,
                               struct sleeper *how)
{
    struct expiry expiry = {.timer = {.due = expire}, .parker = parker};
    int armed = lc__timer_arm(&expiry.timer, deadline);
    if (armed < 0)
        return armed;
    /* Looked at after the arming: if the clock has moved past it in between, no timer will tell. */
    bool past = lc_now() >= deadline;
    int result = park_on_kernel_clock(parker, seen, past ? LC_NOW : LC_FOREVER, how);
    lc__timer_disarm(&expiry.timer);
    atomic_fetch_and_explicit(&parker->word, ~(unsigned)EXPIRED, memory_order_relaxed);
    return result;
}

static int park(struct lc__parker *parker, unsigned seen, int64_t deadline,
                const struct lc__park_reason *reason, struct sleeper *how)
{
    if (lc__forked())
        return -ENOTSUP;
    struct lc__task *task = lc__task_current();
    task->parked = reason;
    struct lc__clock *clock = lc__clock_current();
    bool kernel_clock = !clock->timers || deadline == LC_FOREVER || deadline == LC_NOW;
    int result = kernel_clock ? park_on_kernel_clock(parker, seen, deadline, how)
                              : park_on_other_clock(parker, seen, deadline, how);
    task->parked = NULL;
    return result;
}

int lc__park(struct lc__parker *parker, unsigned seen, int64_t deadline,
             const struct lc__park_reason *reason)
{
    struct sleeper how = {0};
    return park(parker, seen, deadline, reason, &how);
}

void lc__park_until(struct lc__parker *parker, unsigned target)
{
    static const struct lc__park_reason reason = {"a wake-up under way", NULL};
    struct sleeper how = {0};
    /* Such a waiter may have shown a descriptor: then that is where the wake-up comes. */
    struct pollfd wake = {.fd = parker->descriptor, .events = POLLIN};
    if (parker->descriptor >= 0)
        how = (struct sleeper){&wake, 1, 0};
    for (unsigned count; (count = lc__parker_count(parker)) != target;)
        if (park(parker, count, LC_FOREVER, &reason, &how) == -ENOTSUP)
            return;
}

int lc__park_poll(struct lc__parker *parker, unsigned seen, struct pollfd *descriptors,
                  size_t count, int64_t deadline, const struct lc__park_reason *reason)
{
    descriptors[count] = (struct pollfd){.fd = parker->descriptor, .events = POLLIN};
    struct sleeper how = {descriptors, count + 1, 0};
    return park(parker, seen, deadline, reason, &how);
}
