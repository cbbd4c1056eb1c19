/*
 * poller.h: waiting for descriptors: threads in poll(2), fibers by the epoll of their thread. The
 * only file that knows of epoll. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_POLLER_H
#define LIFECYCLE_EXECUTOR_POLLER_H

#include "executor/park.h"

#include <poll.h>
#include <stddef.h>

struct lc__poller;
struct lc__simulation;

/*
 * Waits like lc__park, ended as well when poll(2) might report something for one of the
 * descriptors; which, and what, is to be looked at afterwards. `descriptors` has room for one more
 * behind its `count`; the parker was begun with lc__parker_init_poll.
 * @return as lc__park; -EBADF: lc_fd_forget was called for one, or it is not open; -EMFILE,
 * -ENFILE, -ENOMEM.
 */
int lc__poller_park(struct lc__parker *parker, unsigned seen, struct pollfd *descriptors,
                    size_t count, int64_t deadline, const struct lc__park_reason *reason);
/*
 * poll(2) without waiting, or what a simulation says instead. @return as poll(2), or a negative
 * errno.
 */
int lc__poller_now(struct pollfd *descriptors, size_t count);
/* Has everybody look again who waits for this descriptor. @return how many. */
int lc__poller_touch(int descriptor, bool forget);

/* No wait of this simulation will ever end: nobody is to find them any more. */
void lc__poller_drop(const struct lc__simulation *simulation);

/* ---- for the thread of a loop ---- */

/* Wakes the fibers whose descriptors have become ready; does not wait. */
void lc__poller_look(struct lc__poller *poller);
/* Parks the thread until it is unparked, a descriptor is ready, or the deadline comes. */
void lc__poller_wait(struct lc__poller *poller, struct lc__parker *parker, unsigned seen,
                     int64_t deadline, const struct lc__park_reason *reason);
/* Closes what the loop has of it. No thread is in the loop. */
void lc__poller_end(struct lc__poller *poller, struct lc__parker *parker);

#endif
