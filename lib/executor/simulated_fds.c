/*
 * simulated_fds.c: see simulated_fds.h.
 *
 * One thread runs the whole simulation, so nothing here has a lock. poll(2) reports at once what a
 * fiber of the simulation does to a descriptor. So which descriptors are ready, and in which order
 * they are found, follows from what the fibers have done.
 */
#include "executor/simulated_fds.h"

#include "base/sanitizer.h"
#include "base/system.h"
#include "executor/park.h"

#include <stddef.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

int lc__simulated_fds_poll(struct lc__simulation *simulation, struct pollfd *descriptors,
                           size_t count)
{
    const lc_simulation_options *options = &simulation->options;
    int ready = 0;
    if (!options->poll)
        return lc__poll_now(descriptors, count);
    for (size_t i = 0; i < count; i++) {
        int found = options->poll(descriptors[i].fd, descriptors[i].events, options->poll_arg);
        if (found < 0)
            return found;
        descriptors[i].revents = (short)found;
        ready += found != 0;
    }
    return ready;
}

void lc__simulated_fds_watch(struct lc__simulation *simulation, struct lc__simulated_watch *watch,
                             struct lc__parker *parker, const struct pollfd *polled)
{
    if (simulation->options.poll)
        return;
    watch->parker = parker;
    watch->fd = polled->fd;
    watch->events = polled->events;
    watch->told = false;
    TAILQ_INSERT_TAIL(&simulation->fds.watches, watch, link);
}

void lc__simulated_fds_unwatch(struct lc__simulation *simulation, struct lc__simulated_watch *watch)
{
    if (!watch->parker)
        return;
    TAILQ_REMOVE(&simulation->fds.watches, watch, link);
    watch->parker = NULL;
}

/* poll(2) refuses more entries than a process may have descriptors. */
enum { AT_ONCE = 64 };

/*
 * Asks about some, from `first` on. A fiber that has been woken and has not run is left out: its
 * wake-up may be delayed, and the clock would not move as long as something is ready.
 * @return the first watch that was not asked about; NULL: there is none.
 */
static struct lc__simulated_watch *watches_poll(struct lc__simulated_watch *first, bool *woken)
{
    struct pollfd polled[AT_ONCE];
    struct lc__simulated_watch *asked[AT_ONCE];
    size_t count = 0;
    struct lc__simulated_watch *next = first;
    for (; next && count < AT_ONCE; next = TAILQ_NEXT(next, link)) {
        if (next->told)
            continue;
        polled[count] = (struct pollfd){.fd = next->fd, .events = next->events};
        asked[count++] = next;
    }
    int ready = count > 0 ? lc__poll_now(polled, count) : 0;
    for (size_t i = 0; i < count && ready > 0; i++) {
        if (polled[i].revents == 0)
            continue;
        asked[i]->told = *woken = true;
        lc__parker_set_ready(asked[i]->parker);
    }
    return next;
}

bool lc__simulated_fds_wake(struct lc__simulation *simulation)
{
    bool woken = false;
    struct lc__simulated_watch *next = TAILQ_FIRST(&simulation->fds.watches);
    while (next)
        next = watches_poll(next, &woken);
    return woken;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
