/*
 * poller.c: see poller.h.
 *
 * Every wait for a descriptor, of a thread or a fiber, leaves a watch in the place of that
 * descriptor's number, so that lc_fd_forget finds all of them. For fibers their thread's epoll is
 * asked besides, for one event at a time (EPOLLONESHOT): what it reports only makes the waiters look
 * for themselves, by poll(2). So a report about a descriptor that was closed and opened anew, or
 * that is kept open elsewhere under the same number, does no harm.
 */
#include "executor/poller.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/memory.h"
#include "base/spin.h"
#include "base/system.h"
#include "base/task.h"
#include "executor/fiber.h"
#include "executor/loop.h"
#include "executor/simulated_fds.h"

#include <lifecycle/io.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

/* ---- who waits for which descriptor ---- */

/* One descriptor of one wait; on the waiter's stack. Linked under the lock of its place. */
struct watch {
    struct watch *next;
    struct watch **link; /* what points to it */
    int descriptor;
    short events;
    bool forgotten;
    struct lc__loop *loop; /* of the fiber; NULL: a thread, or a simulation */
    struct lc__parker *parker;
    struct lc__simulated_watch simulated; /* in a simulation that polls real descriptors */
};

/* The watches of some numbers, those of one number among others. */
struct place {
    struct lc__spinlock lock;
    struct watch *first;
};

/* So many that a wait seldom meets another's; those that are not used are no memory. */
enum { PLACES = 4096 };
static struct place places[PLACES];

static struct place *place_of(int descriptor)
{
    return &places[(unsigned)descriptor % PLACES];
}

static void add_watch(struct place *place, struct watch *watch)
{
    lc__spinlock_lock(&place->lock);
    watch->next = place->first;
    watch->link = &place->first;
    if (place->first)
        place->first->link = &watch->next;
    place->first = watch;
    lc__spinlock_unlock(&place->lock);
}

/* Under the lock of its place. */
static void unlink_watch(struct watch *watch)
{
    *watch->link = watch->next;
    if (watch->next)
        watch->next->link = watch->link;
}

/* Nobody touches the watch, or by way of it the parker, once this has returned. */
static void remove_watch(struct place *place, struct watch *watch)
{
    lc__spinlock_lock(&place->lock);
    unlink_watch(watch);
    lc__spinlock_unlock(&place->lock);
}

static void drop_from(struct place *place, const struct lc__simulation *simulation)
{
    lc__spinlock_lock(&place->lock);
    for (struct watch *watch = place->first, *next; watch; watch = next) {
        const struct lc__fiber *fiber = watch->parker->fiber;
        next = watch->next;
        if (fiber && fiber->task.simulation == simulation)
            unlink_watch(watch);
    }
    lc__spinlock_unlock(&place->lock);
}

void lc__poller_drop(const struct lc__simulation *simulation)
{
    for (size_t i = 0; i < PLACES; i++)
        drop_from(&places[i], simulation);
}

/* A number means one descriptor to the system, and others to each simulation. */
static bool is_of_this_world(const struct watch *watch)
{
    const struct lc__fiber *fiber = watch->parker->fiber;
    return (fiber ? fiber->task.simulation : NULL) == lc__task_current()->simulation;
}

int lc__poller_touch(int descriptor, bool forget)
{
    int told = 0;
    struct place *place = place_of(descriptor);
    lc__spinlock_lock(&place->lock);
    for (struct watch *watch = place->first; watch; watch = watch->next) {
        if (watch->descriptor != descriptor || !is_of_this_world(watch))
            continue;
        watch->forgotten |= forget;
        told++;
        lc__parker_set_ready(watch->parker);
    }
    lc__spinlock_unlock(&place->lock);
    return told;
}

int lc_fd_forget(int fd)
{
    return lc__forked() ? -ENOTSUP : lc__poller_touch(fd, true);
}

/* ---- a thread's epoll ---- */

_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLPRI == EPOLLPRI &&
                   POLLRDHUP == EPOLLRDHUP && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP,
               "the events have the same numbers in poll and epoll");

/* Raw calls, since to ThreadSanitizer the descriptor is the fiber's that made it. */
static int control(const struct lc__loop *loop, int operation, int descriptor,
                   struct epoll_event *event)
{
    return (int)syscall(SYS_epoll_ctl, loop->poller.epoll, operation, descriptor, event);
}

/* Makes the loop able to wait for descriptors. @return 0, -EMFILE, -ENFILE, -ENOMEM. */
static int need_epoll(struct lc__loop *loop)
{
    int result = lc__parker_need_poll(&loop->parker);
    if (result < 0 || loop->poller.epoll >= 0)
        return result;
    if (lc__memory_must_fail())
        return -EMFILE;
    int epoll = (int)syscall(SYS_epoll_create1, EPOLL_CLOEXEC);
    if (epoll < 0)
        return -errno;
    loop->poller.epoll = epoll;
    return 0;
}

/*
 * What the loop's fibers want to know of a descriptor, all together. Under the lock of its place.
 * 0: nobody waits.
 */
static uint32_t wanted(const struct lc__loop *loop, int descriptor)
{
    const struct place *place = place_of(descriptor);
    uint32_t events = 0;
    for (const struct watch *watch = place->first; watch; watch = watch->next)
        if (watch->loop == loop && watch->descriptor == descriptor)
            events |= (uint32_t)(unsigned short)watch->events | EPOLLONESHOT;
    return events;
}

/*
 * Has the epoll report what is wanted, once. A descriptor that was closed has left the epoll by
 * itself. One that it cannot watch, such as a regular file, never changes: who waits for it has
 * looked, and found that it will never be ready for what he wants.
 */
static int ask(struct lc__loop *loop, int descriptor)
{
    struct place *place = place_of(descriptor);
    struct epoll_event event = {.data.fd = descriptor};
    lc__spinlock_lock(&place->lock);
    event.events = wanted(loop, descriptor);
    lc__spinlock_unlock(&place->lock);
    if (event.events == 0)
        return 0;
    if (control(loop, EPOLL_CTL_MOD, descriptor, &event) == 0)
        return 0;
    if (errno == ENOENT && control(loop, EPOLL_CTL_ADD, descriptor, &event) == 0)
        return 0;
    if (errno == EPERM)
        return 0;
    return errno == ENOSPC ? -ENOMEM : -errno;
}

/* Wakes the fibers of this loop that wait for one of the events, and asks again for the others. */
static void report(struct lc__loop *loop, int descriptor, uint32_t events)
{
    struct place *place = place_of(descriptor);
    uint32_t always = EPOLLERR | EPOLLHUP;
    bool others = false;
    lc__spinlock_lock(&place->lock);
    for (struct watch *watch = place->first; watch; watch = watch->next) {
        if (watch->loop != loop || watch->descriptor != descriptor)
            continue;
        if (events & (always | (uint32_t)(unsigned short)watch->events))
            lc__parker_set_ready(watch->parker);
        else
            others = true;
    }
    lc__spinlock_unlock(&place->lock);
    if (others)
        ask(loop, descriptor);
}

static struct lc__loop *loop_of(struct lc__poller *poller)
{
    return (struct lc__loop *)((char *)poller - offsetof(struct lc__loop, poller));
}

void lc__poller_look(struct lc__poller *poller)
{
    enum { EVENTS = 64 };
    struct epoll_event events[EVENTS];
    int count = (int)syscall(SYS_epoll_pwait, poller->epoll, events, EVENTS, 0, NULL, 0);
    for (int i = 0; i < count; i++)
        report(loop_of(poller), events[i].data.fd, events[i].events);
}

void lc__poller_wait(struct lc__poller *poller, struct lc__parker *parker, unsigned seen,
                     int64_t deadline, const struct lc__park_reason *reason)
{
    struct pollfd descriptors[2] = {{.fd = poller->epoll, .events = POLLIN}};
    lc__park_poll(parker, seen, descriptors, 1, deadline, reason);
}

void lc__poller_end(struct lc__poller *poller, struct lc__parker *parker)
{
    if (poller->epoll >= 0)
        lc__close(poller->epoll);
    poller->epoll = -1;
    lc__parker_end_poll(parker);
}

/* ---- a wait ---- */

/* Most waits are for a few, and allocate nothing. */
enum { FEW = 4 };

struct wait {
    struct lc__parker *parker;
    struct lc__loop *loop; /* NULL: a thread, or a simulation */
    struct lc__simulation *simulation;
    struct pollfd *descriptors;
    size_t count;
    struct watch *watches;
};

static int watch_one(struct wait *wait, size_t i)
{
    const struct pollfd *polled = &wait->descriptors[i];
    struct watch *watch = &wait->watches[i];
    *watch = (struct watch){.descriptor = polled->fd,
                            .events = polled->events,
                            .loop = wait->loop,
                            .parker = wait->parker};
    add_watch(place_of(polled->fd), watch);
    if (wait->simulation)
        lc__simulated_fds_watch(wait->simulation, &watch->simulated, wait->parker, polled);
    return wait->loop ? ask(wait->loop, polled->fd) : 0;
}

/* @return whether one was forgotten. */
static bool unwatch(struct wait *wait)
{
    bool forgotten = false;
    for (size_t i = 0; i < wait->count; i++) {
        struct watch *watch = &wait->watches[i];
        if (!watch->link)
            continue;
        remove_watch(place_of(watch->descriptor), watch);
        if (wait->simulation)
            lc__simulated_fds_unwatch(wait->simulation, &watch->simulated);
        forgotten |= watch->forgotten;
    }
    return forgotten;
}

static int park(struct wait *wait, unsigned seen, int64_t deadline,
                const struct lc__park_reason *reason)
{
    if (!wait->parker->fiber)
        return lc__park_poll(wait->parker, seen, wait->descriptors, wait->count, deadline, reason);
    if (!wait->loop)
        return lc__park(wait->parker, seen, deadline, reason);
    wait->loop->poller.watching++;
    int result = lc__park(wait->parker, seen, deadline, reason);
    wait->loop->poller.watching--;
    return result;
}

static int watch_and_park(struct wait *wait, unsigned seen, int64_t deadline,
                          const struct lc__park_reason *reason)
{
    int result = wait->loop ? need_epoll(wait->loop) : 0;
    for (size_t i = 0; i < wait->count && result == 0; i++)
        result = watch_one(wait, i);
    if (result == 0)
        result = park(wait, seen, deadline, reason);
    if (unwatch(wait))
        result = -EBADF;
    lc__parker_clear_ready(wait->parker);
    return result;
}

int lc__poller_park(struct lc__parker *parker, unsigned seen, struct pollfd *descriptors,
                    size_t count, int64_t deadline, const struct lc__park_reason *reason)
{
    struct watch few[FEW];
    struct wait wait = {parker, NULL, NULL, descriptors, count, few};
    if (parker->fiber)
        wait.simulation = parker->fiber->task.simulation;
    if (parker->fiber && !wait.simulation)
        wait.loop = parker->fiber->loop;
    if (count > FEW)
        wait.watches = lc__allocate_array(count, sizeof *wait.watches);
    else
        memset(few, 0, sizeof few);
    if (!wait.watches)
        return -ENOMEM;
    int result = watch_and_park(&wait, seen, deadline, reason);
    if (wait.watches != few)
        lc__free(wait.watches);
    return result;
}

int lc__poller_now(struct pollfd *descriptors, size_t count)
{
    struct lc__simulation *simulation = lc__task_current()->simulation;
    return simulation ? lc__simulated_fds_poll(simulation, descriptors, count)
                      : lc__poll_now(descriptors, count);
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
