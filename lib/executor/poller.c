/*
 * poller.c: see poller.h.
 *
 * Every wait for a descriptor, of a thread or of a fiber, adds a watch to the bucket of the
 * descriptor's number. So lc_fd_forget() finds all waits. The wait of a fiber also asks the epoll
 * of the fiber's loop, for one event at a time (EPOLLONESHOT). A report of epoll only makes the
 * waiting fibers ask poll(2) themselves. So a report is harmless if it is about a descriptor that
 * was closed and opened again, or that is kept open elsewhere under the same number.
 *
 * No wake-up is lost: a fiber adds its watch before it asks epoll, and asks epoll before it parks.
 * Whatever changes afterwards finds the watch and marks its parker ready, which ends the next
 * sleep.
 */
#include "executor/poller.h"

#include "base/assert.h"
#include "base/container.h"
#include "base/fork.h"
#include "base/memory.h"
#include "base/spin.h"
#include "base/system.h"
#include "base/task.h"
#include "executor/fiber.h"
#include "executor/loop.h"
#include "executor/simulated_fds.h"

#include <lifecycle/io.h>

#include <bsd/sys/queue.h>
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

/* ---- the waits for each descriptor ---- */

/* One descriptor of one wait; on the stack of the waiting task. */
struct poll_watch {
    LIST_ENTRY(poll_watch) link;
    struct poll_bucket *bucket; /* NULL: the watch was not added */
    int descriptor;
    short events;
    bool forgotten;        /* under the lock of the bucket */
    struct lc__loop *loop; /* of the fiber; NULL: a thread, or a simulation */
    struct lc__parker *parker;
    struct lc__simulated_watch simulated; /* in a simulation that polls real descriptors */
};

/* The watches of all descriptors with the same number modulo BUCKETS. */
struct poll_bucket {
    struct lc__spinlock lock;
    LIST_HEAD(, poll_watch) watches; /* under the lock */
};

/* So many that two waits seldom meet. Pages of it that are not used take no memory. */
enum { BUCKETS = 4096 };
static struct poll_bucket buckets[BUCKETS];

static struct poll_bucket *bucket_of(int descriptor)
{
    return &buckets[(unsigned)descriptor % BUCKETS];
}

static void bucket_add(struct poll_bucket *bucket, struct poll_watch *watch)
{
    LC__ASSERT(!watch->bucket);
    watch->bucket = bucket;
    lc__spinlock_lock(&bucket->lock);
    LIST_INSERT_HEAD(&bucket->watches, watch, link);
    lc__spinlock_unlock(&bucket->lock);
}

/* When this has returned, no other thread uses the watch, or the parker through it. */
static void bucket_remove(struct poll_bucket *bucket, struct poll_watch *watch)
{
    LC__ASSERT(watch->bucket == bucket);
    lc__spinlock_lock(&bucket->lock);
    LIST_REMOVE(watch, link);
    lc__spinlock_unlock(&bucket->lock);
}

static void bucket_drop(struct poll_bucket *bucket, const struct lc__simulation *simulation)
{
    struct poll_watch *watch, *next;
    lc__spinlock_lock(&bucket->lock);
    LIST_FOREACH_SAFE (watch, &bucket->watches, link, next) {
        const struct lc__fiber *fiber = watch->parker->fiber;
        if (fiber && fiber->task.simulation == simulation)
            LIST_REMOVE(watch, link);
    }
    lc__spinlock_unlock(&bucket->lock);
}

void lc__poller_drop(const struct lc__simulation *simulation)
{
    for (size_t i = 0; i < BUCKETS; i++)
        bucket_drop(&buckets[i], simulation);
}

/*
 * Whether the watch is of the caller's simulation, or of none as the caller: one number means
 * different descriptors to the system and to each simulation.
 */
static bool watch_is_of_this_world(const struct poll_watch *watch)
{
    const struct lc__fiber *fiber = watch->parker->fiber;
    return (fiber ? fiber->task.simulation : NULL) == lc__task_current()->simulation;
}

int lc__poller_touch(int descriptor, bool forget)
{
    int found = 0;
    struct poll_watch *watch;
    struct poll_bucket *bucket = bucket_of(descriptor);
    lc__spinlock_lock(&bucket->lock);
    LIST_FOREACH (watch, &bucket->watches, link) {
        if (watch->descriptor != descriptor || !watch_is_of_this_world(watch))
            continue;
        watch->forgotten |= forget;
        found++;
        lc__parker_set_ready(watch->parker);
    }
    lc__spinlock_unlock(&bucket->lock);
    return found;
}

int lc_fd_forget(int fd)
{
    return lc__forked() ? -ENOTSUP : lc__poller_touch(fd, true);
}

/* ---- a thread's epoll ---- */

_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLPRI == EPOLLPRI &&
                   POLLRDHUP == EPOLLRDHUP && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP,
               "the events have the same numbers in poll and epoll");

/* A raw call: ThreadSanitizer takes the descriptor for one of the fiber that made it. */
static int poller_control(const struct lc__loop *loop, int operation, int descriptor,
                          struct epoll_event *event)
{
    return (int)syscall(SYS_epoll_ctl, loop->poller.epoll, operation, descriptor, event);
}

/* Makes the loop able to wait for descriptors. @return 0, -EMFILE, -ENFILE, -ENOMEM. */
static int poller_need_epoll(struct lc__loop *loop)
{
    LC__ASSERT(loop == lc__loop_of_thread);
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

/* The events that the loop's fibers wait for, of all their waits together. 0: no fiber waits. */
static uint32_t bucket_events(const struct poll_bucket *bucket, const struct lc__loop *loop,
                              int descriptor)
{
    LC__ASSERT(lc__spinlock_is_held(&bucket->lock));
    uint32_t events = 0;
    const struct poll_watch *watch;
    LIST_FOREACH (watch, &bucket->watches, link)
        if (watch->loop == loop && watch->descriptor == descriptor)
            events |= (uint32_t)(unsigned short)watch->events | EPOLLONESHOT;
    return events;
}

/*
 * Makes epoll report the events that the loop's fibers wait for, once. A descriptor that was closed
 * has left the epoll. A descriptor that epoll cannot watch, such as a regular file, never changes:
 * poll(2) has told the fiber already that it will never be ready.
 */
static int poller_ask(struct lc__loop *loop, int descriptor)
{
    struct poll_bucket *bucket = bucket_of(descriptor);
    struct epoll_event event = {.data.fd = descriptor};
    LC__ASSERT(loop == lc__loop_of_thread);
    lc__spinlock_lock(&bucket->lock);
    event.events = bucket_events(bucket, loop, descriptor);
    lc__spinlock_unlock(&bucket->lock);
    if (event.events == 0)
        return 0;
    if (poller_control(loop, EPOLL_CTL_MOD, descriptor, &event) == 0)
        return 0;
    if (errno == ENOENT && poller_control(loop, EPOLL_CTL_ADD, descriptor, &event) == 0)
        return 0;
    if (errno == EPERM)
        return 0;
    return errno == ENOSPC ? -ENOMEM : -errno;
}

/* Wakes the fibers of the loop that wait for one of the events, and asks again for the others. */
static void poller_report(struct lc__loop *loop, int descriptor, uint32_t events)
{
    struct poll_watch *watch;
    struct poll_bucket *bucket = bucket_of(descriptor);
    uint32_t always = EPOLLERR | EPOLLHUP;
    bool others = false;
    lc__spinlock_lock(&bucket->lock);
    LIST_FOREACH (watch, &bucket->watches, link) {
        if (watch->loop != loop || watch->descriptor != descriptor)
            continue;
        if (events & (always | (uint32_t)(unsigned short)watch->events))
            lc__parker_set_ready(watch->parker);
        else
            others = true;
    }
    lc__spinlock_unlock(&bucket->lock);
    if (others)
        poller_ask(loop, descriptor);
}

void lc__poller_look(struct lc__poller *poller)
{
    enum { EVENTS = 64 };
    struct epoll_event events[EVENTS];
    struct lc__loop *loop = LC__CONTAINER_OF(poller, struct lc__loop, poller);
    LC__ASSERT(loop == lc__loop_of_thread);
    int count = (int)syscall(SYS_epoll_pwait, poller->epoll, events, EVENTS, 0, NULL, 0);
    for (int i = 0; i < count; i++)
        poller_report(loop, events[i].data.fd, events[i].events);
}

void lc__poller_wait(struct lc__poller *poller, struct lc__parker *parker, unsigned seen,
                     int64_t deadline, const struct lc__park_reason *reason)
{
    LC__ASSERT(poller->epoll >= 0 && poller->watching > 0);
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

/* Most waits are for a few descriptors, and allocate nothing. */
enum { FEW = 4 };

struct poll_wait {
    struct lc__parker *parker;
    struct lc__loop *loop; /* NULL: a thread, or a simulation */
    struct lc__simulation *simulation;
    struct pollfd *descriptors;
    size_t count;
    struct poll_watch *watches;
};

static int wait_watch(struct poll_wait *wait, size_t i)
{
    const struct pollfd *polled = &wait->descriptors[i];
    struct poll_watch *watch = &wait->watches[i];
    *watch = (struct poll_watch){.descriptor = polled->fd,
                                 .events = polled->events,
                                 .loop = wait->loop,
                                 .parker = wait->parker};
    bucket_add(bucket_of(polled->fd), watch);
    if (wait->simulation)
        lc__simulated_fds_watch(wait->simulation, &watch->simulated, wait->parker, polled);
    return wait->loop ? poller_ask(wait->loop, polled->fd) : 0;
}

/* @return whether lc_fd_forget was called for one of the descriptors. */
static bool wait_unwatch(struct poll_wait *wait)
{
    bool forgotten = false;
    for (size_t i = 0; i < wait->count; i++) {
        struct poll_watch *watch = &wait->watches[i];
        if (!watch->bucket)
            continue;
        bucket_remove(watch->bucket, watch);
        if (wait->simulation)
            lc__simulated_fds_unwatch(wait->simulation, &watch->simulated);
        forgotten |= watch->forgotten;
    }
    return forgotten;
}

static int wait_park(struct poll_wait *wait, unsigned seen, int64_t deadline,
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

static int wait_watch_and_park(struct poll_wait *wait, unsigned seen, int64_t deadline,
                               const struct lc__park_reason *reason)
{
    int result = wait->loop ? poller_need_epoll(wait->loop) : 0;
    for (size_t i = 0; i < wait->count && result == 0; i++)
        result = wait_watch(wait, i);
    if (result == 0)
        result = wait_park(wait, seen, deadline, reason);
    if (wait_unwatch(wait))
        result = -EBADF;
    lc__parker_clear_ready(wait->parker);
    return result;
}

int lc__poller_park(struct lc__parker *parker, unsigned seen, struct pollfd *descriptors,
                    size_t count, int64_t deadline, const struct lc__park_reason *reason)
{
    LC__ASSERT(!parker->direct && parker->fiber == lc__fiber_current());
    LC__ASSERT(parker->fiber || parker->descriptor >= 0); /* lc__parker_init_poll() began it */
    struct poll_watch few[FEW];
    struct poll_wait wait = {parker, NULL, NULL, descriptors, count, few};
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
    int result = wait_watch_and_park(&wait, seen, deadline, reason);
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
