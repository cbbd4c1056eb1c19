/*
 * simulated_fds.h (internal): the real descriptors that fibers of a simulation wait for. Floor 1,
 * and of it only the files of the executor.
 */
#ifndef LIFECYCLE_EXECUTOR_SIMULATED_FDS_H
#define LIFECYCLE_EXECUTOR_SIMULATED_FDS_H

#include "executor/simulation.h"

#include <bsd/sys/queue.h>
#include <poll.h>
#include <stdbool.h>

struct lc__parker;

/* One descriptor of one wait; on the waiter's stack. Zeros: it is in no list. */
struct lc__simulated_watch {
    TAILQ_ENTRY(lc__simulated_watch) link;
    struct lc__parker *parker; /* NULL: it is in no list */
    int fd;
    short events;
    bool told; /* it was found ready; its fiber has been woken and has not run since */
};

/* Asks the source of the options, or else poll(2) without waiting. @return as lc__poller_now. */
int lc__simulated_fds_poll(struct lc__simulation *simulation, struct pollfd *descriptors,
                           size_t count);
/*
 * A fiber is about to wait for a descriptor. If the world has no source, lc__simulated_fds_wake
 * looks at the descriptor until the unwatch.
 */
void lc__simulated_fds_watch(struct lc__simulation *simulation, struct lc__simulated_watch *watch,
                             struct lc__parker *parker, const struct pollfd *polled);
void lc__simulated_fds_unwatch(struct lc__simulation *simulation,
                               struct lc__simulated_watch *watch);
/*
 * Asks poll(2) about all of them, without waiting, and wakes the fibers that wait for a ready one,
 * in the order in which they began to wait. @return whether there was one.
 */
bool lc__simulated_fds_wake(struct lc__simulation *simulation);

#endif
