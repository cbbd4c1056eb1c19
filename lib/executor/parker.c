/*
 * parker.c: see parker.h. The only file that uses the futex.
 */
#include "executor/parker.h"

#include "base/library.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/system.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- the futex ---- */

/* Waits while `*word` is `value`, until a deadline of CLOCK_MONOTONIC; may return early. */
static void futex_wait(atomic_uint *word, unsigned value, int64_t deadline)
{
    struct timespec until = {deadline / LC_SECOND, deadline % LC_SECOND};
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value,
            deadline == LC_FOREVER ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
}

/* Uses the address only: the memory may be gone. A wake-up without a sleeper does no harm. */
static void futex_wake(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

/* ---- descriptors that wake a thread out of poll ---- */

enum { SPARE_MAX = 64 };                              /* kept for the next wait */
static struct lc__lock eventfds_lock = LC__LOCK_INIT; /* for what follows */
static int eventfds[SPARE_MAX]; /* at zero, and no thread will write to them */
static int eventfds_count;

static void eventfds_close(void)
{
    lc__lock_take(&eventfds_lock);
    while (eventfds_count > 0)
        lc__close(eventfds[--eventfds_count]);
    lc__lock_give(&eventfds_lock);
}

static struct lc__facility eventfds_facility = {.shut_down = eventfds_close};

/* A forked child shares the spares with its parent, and would take its wake-ups: it closes them. */
static void eventfds_before_fork(void)
{
    lc__lock_take(&eventfds_lock);
}

static void eventfds_after_fork_in_parent(void)
{
    lc__lock_give(&eventfds_lock);
}

static void eventfds_after_fork_in_child(void)
{
    LC__ASSERT(lc__lock_is_held(&eventfds_lock)); /* by the thread that forked */
    while (eventfds_count > 0)
        lc__close(eventfds[--eventfds_count]);
    lc__lock_give(&eventfds_lock);
}

static void eventfds_watch_forks(void)
{
    pthread_atfork(eventfds_before_fork, eventfds_after_fork_in_parent,
                   eventfds_after_fork_in_child);
}

static int eventfd_take(void)
{
    int descriptor = -1;
    lc__lock_take(&eventfds_lock);
    if (eventfds_count > 0)
        descriptor = eventfds[--eventfds_count];
    lc__lock_give(&eventfds_lock);
    if (descriptor >= 0)
        return descriptor;
    static pthread_once_t watch_forks_once = PTHREAD_ONCE_INIT;
    pthread_once(&watch_forks_once, eventfds_watch_forks);
    lc__facility_register(&eventfds_facility);
    if (lc__memory_must_fail())
        return -EMFILE;
    return lc__eventfd(EFD_CLOEXEC);
}

/* Registers again: the wait may have begun before a shutdown of the library. */
static void eventfd_give(int descriptor)
{
    bool kept = false;
    lc__facility_register(&eventfds_facility);
    lc__lock_take(&eventfds_lock);
    if (eventfds_count < SPARE_MAX) {
        eventfds[eventfds_count++] = descriptor;
        kept = true;
    }
    lc__lock_give(&eventfds_lock);
    if (!kept)
        lc__close(descriptor);
}

/* ---- the parker of a thread ---- */

LC__OF_ITS_THREAD
int lc__parker_need_poll(struct lc__parker *parker)
{
    LC__ASSERT(!parker->fiber && !parker->direct);
    if (parker->descriptor >= 0)
        return 0;
    int descriptor = eventfd_take();
    if (descriptor < 0)
        return descriptor;
    /* Published by IN_POLL, which is set after it: see lc__parker_change. */
    parker->descriptor = descriptor;
    return 0;
}

void lc__parker_end_poll(struct lc__parker *parker)
{
    if (parker->descriptor >= 0)
        eventfd_give(parker->descriptor);
}

void lc__parker_wake_thread(struct lc__parker *parker, int descriptor)
{
    if (descriptor < 0) {
        futex_wake(&parker->word);
    } else {
        uint64_t one = 1;
        lc__write_all(descriptor, &one, sizeof one);
    }
}

void lc__parker_unpark_thread(struct lc__parker *parker)
{
    LC__ASSERT(!parker->fiber);
    int descriptor;
    if (lc__parker_change(parker, LC__PARKER_ONE, 0, &descriptor))
        lc__parker_wake_thread(parker, descriptor);
}

/* @return whether a descriptor became ready. */
static bool parker_sleep_in_poll(struct lc__parker *parker, int64_t deadline,
                                 struct lc__sleeper *how)
{
    int ready = lc__poll(how->descriptors, how->count, deadline);
    if (ready < 0 && ready != -EINTR)
        how->error = ready;
    /*
     * If PARKED is gone, an unpark has written to the eventfd or is about to. The read waits for
     * it, so that it does not write after the eventfd has gone to another waiter.
     */
    unsigned before = atomic_fetch_and_explicit(
        &parker->word, ~(unsigned)(LC__PARKER_PARKED | LC__PARKER_IN_POLL), memory_order_acquire);
    uint64_t wakes;
    if (!(before & LC__PARKER_PARKED))
        lc__read(parker->descriptor, &wakes, sizeof wakes);
    return ready > 0;
}

bool lc__parker_sleep(struct lc__parker *parker, unsigned word, int64_t deadline,
                      struct lc__sleeper *how)
{
    LC__ASSERT(!parker->fiber && word & LC__PARKER_PARKED);
    if (how->descriptors)
        return parker_sleep_in_poll(parker, deadline, how);
    futex_wait(&parker->word, word, deadline);
    /* If an unpark clears PARKED at the same time, its wake-up finds no sleeper: no harm. */
    atomic_fetch_and_explicit(&parker->word, ~(unsigned)LC__PARKER_PARKED, memory_order_acquire);
    return false;
}
