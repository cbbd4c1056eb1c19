/*
 * parker.h: the record by which a waiter is found and woken, and how a thread sleeps in it. See
 * park.h for what it is used for. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_PARKER_H
#define LIFECYCLE_EXECUTOR_PARKER_H

#include "base/sanitizer.h"

#include <lifecycle/time.h>

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct lc__fiber;

/*
 *     bit  31                     4          3        2         1         0
 *         +-----------------------+----------+--------+---------+---------+
 *         | how many times unparked | IN_POLL | READY | EXPIRED | PARKED  |
 *         +-----------------------+----------+--------+---------+---------+
 */
enum {
    LC__PARKER_PARKED = 1,
    LC__PARKER_EXPIRED = 2,
    LC__PARKER_READY = 4,
    LC__PARKER_IN_POLL = 8,
    LC__PARKER_ONE = 16,
    LC__PARKER_COUNT_SHIFT = 4
};

struct lc__parker {
    atomic_uint word;
    bool direct;             /* the word is not used: see lc__park_direct */
    int descriptor;          /* what wakes a thread out of poll; -1: none, it waits in the futex */
    struct lc__fiber *fiber; /* whom to wake; NULL: a thread */
};

/* How a thread sleeps. */
struct lc__sleeper {
    struct pollfd *descriptors; /* of a thread that waits in poll; NULL: the futex, or a fiber */
    size_t count;
    int error; /* set if poll failed */
};

/* For waits of a thread, whoever calls. */
static inline void lc__parker_init_thread(struct lc__parker *parker)
{
    atomic_init(&parker->word, 0);
    parker->direct = false;
    parker->descriptor = -1;
    parker->fiber = NULL;
}
/*
 * Gives a thread's parker what it needs to wait in poll from now on, if it has it not yet; by that
 * thread, also while others unpark. @return as init_poll.
 */
int lc__parker_need_poll(struct lc__parker *parker);
/* Ends what init_poll or need_poll began. The parker must not be shown to anybody any more. */
void lc__parker_end_poll(struct lc__parker *parker);

/* How often it has been unparked. Acquire: what was done before those unparks is seen. */
static inline unsigned lc__parker_count(struct lc__parker *parker)
{
    return atomic_load_explicit(&parker->word, memory_order_acquire) >> LC__PARKER_COUNT_SHIFT;
}

/*
 * Changes the word, to `count` more and with `set` set, and takes PARKED away. Who takes it away
 * owes the waiter a wake-up; all it needs for that is read before, since with the exchange the
 * parker may be gone. A fiber is not gone: it waits for that wake-up.
 * @return whether a wake-up is owed. *descriptor is then what lc__parker_wake_thread takes.
 */
LC__OF_ITS_THREAD
static inline bool lc__parker_change(struct lc__parker *parker, unsigned count, unsigned set,
                                     int *descriptor)
{
    /* Acquire: who finds IN_POLL finds the descriptor. */
    unsigned word = atomic_load_explicit(&parker->word, memory_order_acquire);
    do
        *descriptor = word & LC__PARKER_IN_POLL ? parker->descriptor : -1;
    /* Release: see lc__unpark. */
    while (!atomic_compare_exchange_weak_explicit(
        &parker->word, &word, ((word + count) & ~(unsigned)LC__PARKER_PARKED) | set,
        memory_order_acq_rel, memory_order_acquire));
    return word & LC__PARKER_PARKED;
}

/* Wakes a thread that sleeps. Uses the address of the parker only, never the memory. */
void lc__parker_wake_thread(struct lc__parker *parker, int descriptor);
/* lc__unpark, of a parker that is a thread's. */
void lc__parker_unpark_thread(struct lc__parker *parker);
/*
 * Sleeps once. `word` is what the parker's became with the caller's PARKED. Returns, perhaps early,
 * after that was taken away by us or by an unpark. @return whether a descriptor became ready.
 */
bool lc__parker_sleep(struct lc__parker *parker, unsigned word, int64_t deadline,
                      struct lc__sleeper *how);

#endif
