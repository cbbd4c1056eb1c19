/*
 * parker.h: the record by which a waiter is found and woken, and how a thread sleeps. park.h says
 * what it is used for. Floor 1.
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
    LC__PARKER_PARKED = 1,  /* the waiter sleeps or is about to; whatever clears it wakes it */
    LC__PARKER_EXPIRED = 2, /* a timer has ended the wait */
    LC__PARKER_READY = 4,   /* lc__parker_set_ready */
    LC__PARKER_IN_POLL = 8, /* the thread sleeps in poll(2): `descriptor` wakes it */
    LC__PARKER_ONE = 16,
    LC__PARKER_COUNT_SHIFT = 4
};

struct lc__parker {
    atomic_uint word;
    bool direct;             /* lc__park_direct: the word is not used */
    int descriptor;          /* an eventfd that wakes a thread out of poll(2); -1: none */
    struct lc__fiber *fiber; /* the waiter; NULL: a thread */
};

/* How a thread sleeps. */
struct lc__sleeper {
    struct pollfd *descriptors; /* the thread sleeps in poll(2); NULL: in the futex */
    size_t count;
    int error; /* set if poll failed */
};

/* Initialises it for waits of a thread, which need not be the caller. */
static inline void lc__parker_init_thread(struct lc__parker *parker)
{
    atomic_init(&parker->word, 0);
    parker->direct = false;
    parker->descriptor = -1;
    parker->fiber = NULL;
}
/*
 * Gives a thread's parker its eventfd, if it has none. By that thread, also while other threads
 * unpark. @return as lc__parker_init_poll.
 */
int lc__parker_need_poll(struct lc__parker *parker);
/* Gives the eventfd back, if there is one. No other thread can reach the parker any more. */
void lc__parker_end_poll(struct lc__parker *parker);

/* How often it has been unparked. Acquire: the caller sees what was done before those unparks. */
static inline unsigned lc__parker_count(struct lc__parker *parker)
{
    return atomic_load_explicit(&parker->word, memory_order_acquire) >> LC__PARKER_COUNT_SHIFT;
}

/*
 * Adds `count` to the word, sets the bits of `set`, and clears PARKED. If PARKED was set, the
 * caller owes the waiter a wake-up. The parker may be gone after the exchange, so all that the
 * wake-up needs is read before it. The fiber of a parker stays: it waits for that wake-up.
 * @return whether a wake-up is owed. *descriptor is then for lc__parker_wake_thread.
 */
LC__OF_ITS_THREAD
static inline bool lc__parker_change(struct lc__parker *parker, unsigned count, unsigned set,
                                     int *descriptor)
{
    /* Acquire: a thread that finds IN_POLL finds the descriptor. */
    unsigned word = atomic_load_explicit(&parker->word, memory_order_acquire);
    do
        *descriptor = word & LC__PARKER_IN_POLL ? parker->descriptor : -1;
    /* Release: see lc__unpark. */
    while (!atomic_compare_exchange_weak_explicit(
        &parker->word, &word, ((word + count) & ~(unsigned)LC__PARKER_PARKED) | set,
        memory_order_acq_rel, memory_order_acquire));
    return word & LC__PARKER_PARKED;
}

/* Wakes the thread of a parker. Uses the address of the parker, and not its memory. */
void lc__parker_wake_thread(struct lc__parker *parker, int descriptor);
/* lc__unpark for the parker of a thread. Also in the handler of a process signal. */
void lc__parker_unpark_thread(struct lc__parker *parker);
/*
 * Sleeps once, perhaps shorter than asked. `word` is the parker's word after the calling thread has
 * set PARKED, which is cleared on return. @return whether a descriptor became ready.
 */
bool lc__parker_sleep(struct lc__parker *parker, unsigned word, int64_t deadline,
                      struct lc__sleeper *how);

#endif
