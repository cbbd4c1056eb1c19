/*
 * park.h: how anything waits. A waiter makes a parker on its stack, shows it to those who may wake
 * it, and parks; they unpark. All waits of the library go through here, so that what waits can be a
 * thread, one the library did not make as well, and later a fiber. Floor 1.
 *
 * The protocol:
 * - Each unpark is counted, and counting is the last thing an unpark does with the parker's memory.
 *   A waiter that knows how many were to unpark it waits for that many, and may then let its stack
 * go.
 * - park returns when the count is no longer the one seen; it may also return early. Look again at
 *   what was waited for.
 */
#ifndef LIFECYCLE_EXECUTOR_PARK_H
#define LIFECYCLE_EXECUTOR_PARK_H

#include <lifecycle/time.h>

#include <poll.h>
#include <stdatomic.h>

/* What a worker waits for: for debuggers, and for whoever reports a deadlock. */
struct lc__park_reason {
    const char *what;    /* "handle", "channel: receive", ... */
    const void *subject; /* the object of that kind, or NULL */
};

/*
 *     bit  31                          2         1         0
 *         +----------------------------+---------+---------+
 *         | how many times unparked    | EXPIRED | PARKED  |
 *         +----------------------------+---------+---------+
 */
struct lc__parker {
    atomic_uint word;
    /* What wakes the waiter: this descriptor if it is in poll, or the futex on `word` for -1. */
    int descriptor;
};

void lc__parker_init(struct lc__parker *parker);
/*
 * As init, for a waiter that will wait in lc__park_poll. @return 0, or -EMFILE, -ENFILE, -ENOMEM.
 */
int lc__parker_init_poll(struct lc__parker *parker);
/* Ends what init_poll began. The parker must not be shown to anybody any more. */
void lc__parker_end_poll(struct lc__parker *parker);

/* How often it has been unparked. Acquire: what was done before those unparks is seen. */
unsigned lc__parker_count(struct lc__parker *parker);

/*
 * Waits while the count is `seen`. The reason is borrowed for the wait.
 * @return 0; -ETIMEDOUT at the deadline, on the thread's clock; -ENOTSUP in a forked child; -ENOMEM
 * (simulated clocks only).
 */
int lc__park(struct lc__parker *parker, unsigned seen, int64_t deadline,
             const struct lc__park_reason *reason);
/* Waits, with no deadline, until the count is `target`: for unparks that are under way. */
void lc__park_until(struct lc__parker *parker, unsigned target);
/*
 * As lc__park, ended as well by poll(2) on `descriptors`, which has room for one more behind its
 * `count`.
 */
int lc__park_poll(struct lc__parker *parker, unsigned seen, struct pollfd *descriptors,
                  size_t count, int64_t deadline, const struct lc__park_reason *reason);

/*
 * Counts one and wakes the waiter. Release: what was done before is seen by the waiter. From any
 * thread.
 */
void lc__unpark(struct lc__parker *parker);

#endif
