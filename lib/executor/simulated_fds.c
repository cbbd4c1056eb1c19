/*
 * simulated_fds.c: see simulated_fds.h.
 *
 * One thread runs the whole simulation, so nothing here is locked. What the fibers of the
 * simulation do to a descriptor is done at once, and poll(2) tells of it at once; so what is found
 * ready, and in which order, follows from what they have done.
 */
#include "executor/simulated_fds.h"

#include "base/sanitizer.h"
#include "base/system.h"
#include "executor/park.h"

#include <stddef.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

void lc__simulated_fds_init(struct lc__simulated_fds *fds)
{
    TAILQ_INIT(&fds->watches);
}

void lc__simulated_fds_add(struct lc__simulated_fds *fds, struct lc__simulated_watch *watch,
                           struct lc__parker *parker, const struct pollfd *polled)
{
    watch->parker = parker;
    watch->fd = polled->fd;
    watch->events = polled->events;
    watch->told = false;
    TAILQ_INSERT_TAIL(&fds->watches, watch, link);
}

void lc__simulated_fds_remove(struct lc__simulated_fds *fds, struct lc__simulated_watch *watch)
{
    TAILQ_REMOVE(&fds->watches, watch, link);
    watch->parker = NULL;
}

/* poll(2) refuses more entries than a process may have descriptors. */
enum { AT_ONCE = 64 };

/*
 * Asks for some, from `first` on; a fiber that was told already is on its way, perhaps a late one,
 * and is not told again: else the clock, which it waits for, would never go on. @return the first
 * that was not asked for; NULL: there is none.
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

bool lc__simulated_fds_wake(struct lc__simulated_fds *fds)
{
    bool woken = false;
    struct lc__simulated_watch *next = TAILQ_FIRST(&fds->watches);
    while (next)
        next = watches_poll(next, &woken);
    return woken;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
