/*
 * poller.h: waiting for descriptors: a thread waits in poll(2), a fiber through the epoll of its
 * loop. The only file that knows of epoll. Floor 1; lib/wait waits through it.
 */
#ifndef LIFECYCLE_EXECUTOR_POLLER_H
#define LIFECYCLE_EXECUTOR_POLLER_H

#include "executor/park.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

struct lc__poller;
struct lc__simulation;

/*
 * Waits like lc__park. The wait also ends when poll(2) may report something for one of the
 * descriptors; the caller then asks poll(2). `descriptors` has room for one more element behind its
 * `count`. The parker was begun with lc__parker_init_poll.
 * @return as lc__park; -EBADF: lc_fd_forget was called for one of them, or it is not open; -EMFILE,
 * -ENFILE, -ENOMEM.
 */
int lc__poller_park(struct lc__parker *parker, unsigned seen, struct pollfd *descriptors,
                    size_t count, int64_t deadline, const struct lc__park_reason *reason);
/*
 * poll(2) without waiting, or in a simulation the simulation's answer. @return as poll(2), or a
 * negative errno.
 */
int lc__poller_now(struct pollfd *descriptors, size_t count);
/*
 * Makes all waits for this descriptor look again; with `forget` they end with -EBADF.
 * @return the number of these waits.
 */
int lc__poller_touch(int descriptor, bool forget);

/* Forgets the waits of a simulation: its fibers will not run again. */
void lc__poller_drop(const struct lc__simulation *simulation);

/* ---- for the thread of a loop ---- */

/* Wakes the fibers that wait for a descriptor that has become ready. Does not wait. */
void lc__poller_look(struct lc__poller *poller);
/* Parks the thread until it is unparked, a descriptor is ready, or the deadline comes. */
void lc__poller_wait(struct lc__poller *poller, struct lc__parker *parker, unsigned seen,
                     int64_t deadline, const struct lc__park_reason *reason);
/* Closes the loop's epoll. No thread is in the loop. */
void lc__poller_end(struct lc__poller *poller, struct lc__parker *parker);

#endif
