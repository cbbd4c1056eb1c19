/*
 * wait.c: waiting for the first of several things, for all of them, for time. See
 * <lifecycle/wait.h>.
 *
 * A wait looks at all things. While none is ready it goes through rounds: it shows a waiter to each
 * thing, parks, takes the waiters back, and looks again. A thing that has become ready since the
 * look refuses the waiter. One that becomes ready later unparks it. So no wake-up is lost.
 */
#include "wait/wait.h"

#include "base/assert.h"
#include "base/fork.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/sanitizer.h"
#include "base/task.h"
#include "executor/park.h"
#include "executor/poller.h"
#include "wait/channel.h"
#include "wait/handle.h"
#include "wait/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

/* What one wait works with. */
struct wait {
    lc_waitable *waitables;
    size_t count;
    lc_handle *end;    /* NULL: none; index `count` otherwise */
    size_t poll_count; /* descriptors to be polled */
    bool has_signals;
    struct lc__waiter *waiters; /* `waiter_count`, given to the waitables in order, then to `end` */
    size_t waiter_count;
    struct pollfd *polled; /* room for poll_count + 1 */
    struct lc__parker parker;
};

/* A wait for a few things allocates nothing. */
enum { FEW = 8 };
struct few {
    struct lc__waiter waiters[FEW];
    struct pollfd polled[FEW + 1];
};

/* ---- beginning ---- */

/* @return how many waiters the waitable takes; -1: it is no waitable. */
static long waitable_waiters(const lc_waitable *waitable)
{
    switch (waitable->kind) {
    case LC_WAITABLE_NONE:
    case LC_WAITABLE_FD:
        return 0;
    case LC_WAITABLE_HANDLE:
        return waitable->object ? 1 : -1;
    case LC_WAITABLE_RECEIVE:
    case LC_WAITABLE_SEND:
        return waitable->object ? (long)lc__channel_watch_size(waitable->object) : -1;
    case LC_WAITABLE_SIGNALS:
        return waitable->object ? 0 : -1;
    }
    return -1;
}

/* Each watch of signals has room for one parker. */
static bool waitable_is_watched_twice(const lc_waitable *waitables, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (waitables[i].kind == LC_WAITABLE_SIGNALS &&
            waitables[i].object == waitables[index].object)
            return true;
    return false;
}

static int wait_measure(struct wait *wait)
{
    if (wait->count > LC_WAIT_MAX || (wait->count > 0 && !wait->waitables))
        return -EINVAL;
    for (size_t i = 0; i < wait->count; i++) {
        long needed = waitable_waiters(&wait->waitables[i]);
        if (needed < 0)
            return -EINVAL;
        if (wait->waitables[i].kind == LC_WAITABLE_FD && wait->waitables[i].fd < 0)
            return -EBADF; /* poll(2) would ignore it, and wait for ever */
        wait->waiter_count += (size_t)needed;
        wait->poll_count += wait->waitables[i].kind == LC_WAITABLE_FD;
        if (wait->waitables[i].kind == LC_WAITABLE_SIGNALS) {
            wait->has_signals = true;
            if (waitable_is_watched_twice(wait->waitables, i))
                return -EINVAL;
        }
    }
    wait->waiter_count += wait->end != NULL;
    return 0;
}

static int wait_make_room(struct wait *wait, struct few *few)
{
    wait->waiters = few->waiters;
    wait->polled = few->polled;
    if (wait->waiter_count > FEW)
        wait->waiters = lc__allocate_array(wait->waiter_count, sizeof *wait->waiters);
    if (wait->poll_count > FEW)
        wait->polled = lc__allocate_array(wait->poll_count + 1, sizeof *wait->polled);
    return wait->waiters && wait->polled ? 0 : -ENOMEM;
}

static void wait_give_room(struct wait *wait, const struct few *few)
{
    if (wait->waiters != few->waiters)
        lc__free(wait->waiters);
    if (wait->polled != few->polled)
        lc__free(wait->polled);
}

/* ---- looking ---- */

static bool waitable_is_ready(const lc_waitable *waitable)
{
    switch (waitable->kind) {
    case LC_WAITABLE_HANDLE:
        return lc_handle_is_closed(waitable->object);
    case LC_WAITABLE_RECEIVE:
        return lc__channel_is_ready(waitable->object, LC__RECEIVE);
    case LC_WAITABLE_SEND:
        return lc__channel_is_ready(waitable->object, LC__SEND);
    case LC_WAITABLE_SIGNALS:
        return lc__signals_are_pending(waitable->object);
    case LC_WAITABLE_NONE:
    case LC_WAITABLE_FD:
        break;
    }
    return false;
}

/*
 * Looks at those below `bound`, from the last to the first: if two have become ready in the order
 * of their index and the later is seen ready, the earlier is seen ready too. @return the lowest
 * index that is ready, or `bound`.
 */
static size_t wait_look_at_objects(const struct wait *wait, size_t bound)
{
    size_t found = bound;
    LC__ASSERT(bound <= wait->count + 1);
    if (bound > wait->count) {
        found = lc_handle_is_closed(wait->end) ? wait->count : bound;
        bound = wait->count;
    }
    for (size_t i = bound; i-- > 0;)
        if (waitable_is_ready(&wait->waitables[i]))
            found = i;
    return found;
}

/* Fills `polled` with the descriptors below `bound`, in order. */
static size_t wait_collect_descriptors(struct wait *wait, size_t bound)
{
    size_t used = 0;
    for (size_t i = 0; i < wait->count && i < bound; i++) {
        const lc_waitable *waitable = &wait->waitables[i];
        if (waitable->kind == LC_WAITABLE_FD)
            wait->polled[used++] = (struct pollfd){waitable->fd, waitable->events, 0};
    }
    LC__ASSERT(used <= wait->poll_count);
    return used;
}

/* @return as wait_look_at_objects(). *error becomes -EBADF, or what poll(2) says. */
static size_t wait_look_at_descriptors(struct wait *wait, size_t bound, int *error)
{
    size_t used = wait_collect_descriptors(wait, bound);
    if (used == 0)
        return bound;
    int ready = lc__poller_now(wait->polled, used);
    if (ready < 0)
        *error = ready;
    if (ready <= 0)
        return bound;
    size_t at = 0;
    for (size_t i = 0; i < wait->count && i < bound; i++) {
        lc_waitable *waitable = &wait->waitables[i];
        if (waitable->kind != LC_WAITABLE_FD)
            continue;
        short reported = wait->polled[at++].revents;
        if (reported & POLLNVAL)
            *error = -EBADF;
        waitable->revents = reported;
        if (reported)
            return i;
    }
    return bound;
}

/*
 * One call looks at all descriptors, so after it this looks again at the objects of lower index,
 * and then at the descriptors below those, until it finds nothing of a lower index.
 * @return the lowest index that is ready, or the count and 1.
 */
static size_t wait_look(struct wait *wait, int *error)
{
    size_t found = wait->count + 1;
    size_t before;
    do {
        before = found;
        found = wait_look_at_objects(wait, found);
        if (wait->poll_count > 0)
            found = wait_look_at_descriptors(wait, found, error);
    } while (wait->poll_count > 0 && found < before && *error == 0);
    return found;
}

/* ---- waiting ---- */

static bool wait_show(struct wait *wait, const lc_waitable *waitable, struct lc__waiter *waiters)
{
    size_t needed = (size_t)waitable_waiters(waitable);
    for (size_t i = 0; i < needed; i++)
        waiters[i] = (struct lc__waiter){.parker = &wait->parker};
    switch (waitable->kind) {
    case LC_WAITABLE_HANDLE:
        return lc__handle_add(waitable->object, waiters);
    case LC_WAITABLE_RECEIVE:
        return lc__channel_watch(waitable->object, LC__RECEIVE, waiters);
    case LC_WAITABLE_SEND:
        return lc__channel_watch(waitable->object, LC__SEND, waiters);
    case LC_WAITABLE_SIGNALS:
        return lc__signals_show(waitable->object, &wait->parker);
    case LC_WAITABLE_NONE:
    case LC_WAITABLE_FD:
        break;
    }
    return true;
}

/*
 * Takes back what wait_show() gave. `shown`: whether a handle took the waiter. @return how many
 * unparks have come from the waitable, or are about to.
 */
static unsigned waitable_take_back(const lc_waitable *waitable, struct lc__waiter *waiters,
                                   bool shown)
{
    switch (waitable->kind) {
    case LC_WAITABLE_HANDLE:
        return shown && !lc__handle_remove(waitable->object, waiters);
    case LC_WAITABLE_RECEIVE:
        return lc__channel_unwatch(waitable->object, LC__RECEIVE, waiters);
    case LC_WAITABLE_SEND:
        return lc__channel_unwatch(waitable->object, LC__SEND, waiters);
    case LC_WAITABLE_SIGNALS:
        return lc__signals_take_back(waitable->object);
    case LC_WAITABLE_NONE:
    case LC_WAITABLE_FD:
        break;
    }
    return 0;
}

/* The waitable at an index; `end` has the index behind the last. */
static lc_waitable wait_waitable_at(const struct wait *wait, size_t i)
{
    LC__ASSERT(i < wait->count || wait->end);
    return i < wait->count ? wait->waitables[i] : lc_on_handle(wait->end);
}

static int wait_sleep(struct wait *wait, int64_t deadline)
{
    LC__ASSERT(deadline != LC_NOW);
    struct lc__park_reason reason = {"any of several", wait->waitables};
    int64_t until = wait->has_signals ? lc__deadline_for_signals(deadline) : deadline;
    int result;
    if (wait->poll_count == 0) {
        if (wait->count == 0)
            reason.what = wait->end ? "the end of a context" : "time to pass";
        result = lc__park(&wait->parker, 0, until, &reason);
    } else {
        size_t used = wait_collect_descriptors(wait, wait->count);
        if (wait->count == 1)
            reason.what = "a descriptor";
        result = lc__poller_park(&wait->parker, 0, wait->polled, used, until, &reason);
    }
    return result == -ETIMEDOUT && until < deadline ? 0 : result;
}

/*
 * One round. It stops showing waiters at the first thing that is ready; the look that follows finds
 * out which is. It returns after the last unpark of its waiters, so their memory is free again.
 */
static int wait_round(struct wait *wait, int64_t deadline)
{
    size_t all = wait->count + (wait->end != NULL);
    size_t used = 0;
    size_t i = 0;
    bool waits = true;
    for (; i < all && waits; i++) {
        lc_waitable waitable = wait_waitable_at(wait, i);
        waits = wait_show(wait, &waitable, &wait->waiters[used]);
        used += (size_t)waitable_waiters(&waitable);
    }
    LC__ASSERT(used <= wait->waiter_count);
    int result = waits ? wait_sleep(wait, deadline) : 0;
    unsigned unparks = 0;
    while (i-- > 0) {
        lc_waitable waitable = wait_waitable_at(wait, i);
        used -= (size_t)waitable_waiters(&waitable);
        unparks += waitable_take_back(&waitable, &wait->waiters[used], waits);
        waits = true; /* only the last that was shown can have been refused */
    }
    LC__ASSERT(used == 0);
    lc__park_until(&wait->parker, unparks);
    return result;
}

static int wait_init_parker(struct wait *wait)
{
    if (wait->poll_count > 0)
        return lc__parker_init_poll(&wait->parker);
    lc__parker_init(&wait->parker);
    return 0;
}

static void wait_end_parker(struct wait *wait)
{
    if (wait->poll_count > 0)
        lc__parker_end_poll(&wait->parker);
}

/* The thread that waits for signals gets them. @return whether the caller puts `kept` back. */
static bool wait_unblock_signals(const struct wait *wait, sigset_t *kept)
{
    bool changed = false;
    for (size_t i = 0; i < wait->count; i++) {
        sigset_t now;
        if (wait->waitables[i].kind != LC_WAITABLE_SIGNALS)
            continue;
        bool mine = lc__signals_unblock(wait->waitables[i].object, &now);
        if (mine && !changed)
            *kept = now;
        changed |= mine;
    }
    return changed;
}

static int wait_in_rounds(struct wait *wait, int64_t deadline)
{
    int waited = 0;
    for (;;) {
        int error = 0;
        size_t found = wait_look(wait, &error);
        if (error < 0)
            return error;
        if (found <= wait->count)
            return (int)found;
        if (waited < 0)
            return waited;
        if (deadline == LC_NOW)
            return -ETIMEDOUT;
        waited = wait_init_parker(wait);
        if (waited < 0)
            return waited;
        waited = wait_round(wait, deadline);
        wait_end_parker(wait);
        /* No look: the descriptor's number may be another one's by now; or the task has to end. */
        if (waited == -EBADF || waited == -EINTR)
            return waited;
    }
}

int lc__wait_any_holding(lc_waitable *waitables, size_t count, lc_handle *end, int64_t deadline)
{
    if (lc__forked())
        return -ENOTSUP;
    struct wait wait = {.waitables = waitables, .count = count, .end = end};
    struct few few;
    int result = wait_measure(&wait);
    if (result < 0)
        return result;
    sigset_t kept;
    bool mask_changed = wait.has_signals && wait_unblock_signals(&wait, &kept);
    result = wait_make_room(&wait, &few);
    if (result == 0)
        result = wait_in_rounds(&wait, deadline);
    if (mask_changed)
        pthread_sigmask(SIG_SETMASK, &kept, NULL);
    wait_give_room(&wait, &few);
    return result;
}

int lc__wait_any(lc_waitable *waitables, size_t count, lc_handle *end, int64_t deadline)
{
    lc__task_check();
    int result = lc__wait_any_holding(waitables, count, end, deadline);
    if (result < 0)
        lc__task_check(); /* an error of a descriptor may hide -EINTR */
    return result;
}

/* Logs why the waitable makes a wait answer -EINVAL. @return false: it does not. */
static bool waitable_refuse(const char *caller, const lc_waitable *waitables, size_t index)
{
    static const char *const makers[] = {
        [LC_WAITABLE_HANDLE] = "lc_on_handle",
        [LC_WAITABLE_RECEIVE] = "lc_on_receive",
        [LC_WAITABLE_SEND] = "lc_on_send",
        [LC_WAITABLE_SIGNALS] = "lc_on_signals",
    };
    const lc_waitable *waitable = &waitables[index];
    size_t kind = (size_t)waitable->kind;
    if (waitable_waiters(waitable) < 0 && kind < sizeof makers / sizeof makers[0])
        lc__refuse("%s: waitable %zu is %s(NULL): it waits for nothing", caller, index,
                   makers[kind]);
    else if (waitable_waiters(waitable) < 0)
        lc__refuse("%s: waitable %zu is of kind %zu, which does not exist; lc_on_handle and its "
                   "siblings make waitables",
                   caller, index, kind);
    else if (waitable->kind == LC_WAITABLE_SIGNALS && waitable_is_watched_twice(waitables, index))
        lc__refuse("%s: waitable %zu is a watch of signals that stands before it as well", caller,
                   index);
    else
        return false;
    return true;
}

int lc__wait_refuse(const char *caller, const lc_waitable *waitables, size_t count)
{
    if (count > LC_WAIT_MAX)
        return lc__refuse("%s: count is %zu; at most %d things can be waited for at once", caller,
                          count, LC_WAIT_MAX);
    if (!waitables)
        return lc__refuse("%s: waitables is NULL, and count is %zu", caller, count);
    for (size_t i = 0; i < count; i++)
        if (waitable_refuse(caller, waitables, i))
            break;
    return -EINVAL;
}

int lc_wait_any(lc_waitable *waitables, size_t count, int64_t deadline)
{
    int result = lc__wait_any(waitables, count, NULL, deadline);
    return result == -EINVAL ? lc__wait_refuse("lc_wait_any", waitables, count) : result;
}

/* ---- all of several ---- */

/* Waits until each waitable of `left` has been ready once, and then makes it LC_WAITABLE_NONE. */
static int wait_for_passing(lc_waitable *waitables, lc_waitable *left, size_t count,
                            int64_t deadline)
{
    for (;;) {
        size_t passing = 0;
        for (size_t i = 0; i < count; i++)
            passing += left[i].kind != LC_WAITABLE_NONE;
        if (passing == 0)
            return 0;
        int index = lc__wait_any_holding(left, count, NULL, deadline);
        if (index < 0)
            return index;
        waitables[index].revents = left[index].revents;
        left[index].kind = LC_WAITABLE_NONE;
    }
}

int lc_wait_all(lc_waitable *waitables, size_t count, int64_t deadline)
{
    lc__task_check();
    if (count > LC_WAIT_MAX || (count > 0 && !waitables))
        return lc__wait_refuse("lc_wait_all", waitables, count);
    for (size_t i = 0; i < count; i++)
        if (waitable_waiters(&waitables[i]) < 0)
            return lc__wait_refuse("lc_wait_all", waitables, count);
    /* A handle stays closed, so handles come last, one after the other. */
    lc_waitable few[FEW];
    lc_waitable *left = count > FEW ? lc__allocate_array(count, sizeof *left) : few;
    if (!left)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        left[i] = waitables[i];
        if (left[i].kind == LC_WAITABLE_HANDLE)
            left[i].kind = LC_WAITABLE_NONE;
    }
    int result = wait_for_passing(waitables, left, count, deadline);
    if (left != few)
        lc__free(left);
    if (result == -EINTR)
        lc__task_check(); /* does not return */
    for (size_t i = 0; i < count && result == 0; i++)
        if (waitables[i].kind == LC_WAITABLE_HANDLE)
            result = lc_handle_wait(waitables[i].object, deadline);
    return result == -EINVAL ? lc__wait_refuse("lc_wait_all", waitables, count) : result;
}

/* ---- time ---- */

int lc_sleep(int64_t timeout)
{
    int result = lc_wait_any(NULL, 0, lc_deadline_after(timeout));
    return result == -ETIMEDOUT ? 0 : result;
}
