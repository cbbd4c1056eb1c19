/*
 * channel.c: queues of pointers. See <lifecycle/channel.h> and channel.h.
 *
 * Two kinds wait on a channel. Workers in lc_channel_receive or send stand in a queue. A call from
 * the other side serves the first of them: hands it the item or takes it from it, and wakes it,
 * with nothing left to do. Watchers, which wait for several things and may not take the item in the
 * end, are all woken when there is an item, or a place.
 */
#include "wait/channel.h"

#include "base/fork.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/refs.h"
#include "base/spin.h"
#include "base/task.h"

#include <lifecycle/log.h>

#include <errno.h>

/* The workers that wait for one side of a channel; under its lock. */
struct side {
    struct lc__waiter *queue;    /* each in a receive, or a send: a struct party */
    struct lc__waiter *watchers; /* in lc_wait_any */
};

/* A worker in a receive, or a send, that waits. */
struct party {
    struct lc__waiter waiter; /* first */
    void *item;               /* to be sent; or received, once served */
    bool served;              /* written by who takes it out, before the unpark */
};

/* clang-format off */
/*
 *     items:  | . | . | a | b | c | . | . |    `room` places, `length` of them in use, from
 *                       ^ head                 `head` on and round
 */
/* clang-format on */
struct lc_channel {
    atomic_uint refs;
    struct lc__spinlock lock; /* for all that follows */
    bool closed;
    size_t capacity; /* or LC_CHANNEL_UNBOUNDED */
    void **items;
    size_t room;
    size_t head;
    size_t length;
    size_t extra;         /* how many of them do not count against the capacity */
    struct side sides[2]; /* by enum lc__channel_side */
    lc_channel_when_full when_full;
    void (*discard)(void *item);
    bool (*is_extra)(const void *item);  /* NULL: all count */
    const struct lc__channel_view *view; /* NULL: it holds its items itself, and is no view */
    void *viewed;                        /* for the view's functions */
};

/* ---- waking ---- */

/*
 * Waiters that were taken out under the lock, to be unparked after it: a thread that is woken while
 * the lock is held runs into it and sleeps again. A waiter that finds itself taken waits for its
 * unpark.
 */
struct wake {
    struct lc__waiter
        *first; /* linked by `previous`, since `next` tells that a waiter is in no list */
};

static void take_first(struct wake *wake, struct lc__waiter **list)
{
    struct lc__waiter *waiter = *list;
    if (!waiter)
        return;
    lc__waiters_remove(list, waiter);
    waiter->taken = true;
    waiter->previous = wake->first;
    wake->first = waiter;
}

static void take_all(struct wake *wake, struct lc__waiter **list)
{
    while (*list)
        take_first(wake, list);
}

/* Does the first in the queue's part of the transfer. @return NULL: nobody waits. */
static struct party *serve_first(struct wake *wake, struct side *side)
{
    struct party *party = (struct party *)side->queue;
    if (!party)
        return NULL;
    party->served = true;
    take_first(wake, &side->queue);
    return party;
}

/*
 * Gives the lock back and unparks. With the unpark a waiter may be gone: what is behind it is read
 * before.
 */
static void unlock(lc_channel *channel, struct wake *wake)
{
    lc__spinlock_unlock(&channel->lock);
    for (struct lc__waiter *waiter = wake->first; waiter;) {
        struct lc__waiter *next = waiter->previous;
        lc__unpark(waiter->parker);
        waiter = next;
    }
    wake->first = NULL;
}

/* Takes a waiter out if it still waits. */
static void leave(struct lc__waiter **list, struct lc__waiter *waiter)
{
    if (waiter->next)
        lc__waiters_remove(list, waiter);
}

/* ---- items; under the lock ---- */

static bool is_full(const lc_channel *channel)
{
    return channel->length - channel->extra >= channel->capacity; /* never, if unbounded */
}

/* Closed and empty: nothing comes from it any more. Under the lock. */
static bool is_spent(const lc_channel *channel)
{
    return channel->closed && channel->length == 0;
}

static bool is_extra(const lc_channel *channel, const void *item)
{
    return channel->is_extra && channel->is_extra(item);
}

static void append(lc_channel *channel, void *item)
{
    channel->extra += is_extra(channel, item);
    size_t at = channel->head + channel->length++;
    channel->items[at < channel->room ? at : at - channel->room] = item;
}

/*
 * `beyond`: also if it is full. @return 0; -EPIPE; -EAGAIN: full; -ENOBUFS: it has to be given more
 * room first.
 */
static int put(lc_channel *channel, void *item, bool beyond, struct wake *wake)
{
    if (channel->closed)
        return -EPIPE;
    struct party *receiver = serve_first(wake, &channel->sides[LC__RECEIVE]);
    if (receiver) {
        receiver->item = item;
        return 0;
    }
    if (is_full(channel) && !beyond)
        return -EAGAIN;
    if (channel->length == channel->room)
        return -ENOBUFS;
    append(channel, item);
    take_all(wake, &channel->sides[LC__RECEIVE].watchers);
    return 0;
}

/* @return 0; -EPIPE: closed and empty; -EAGAIN: empty. */
static int take(lc_channel *channel, void **item, struct wake *wake)
{
    if (channel->length == 0)
        return channel->closed ? -EPIPE : -EAGAIN;
    *item = channel->items[channel->head];
    channel->head = channel->head + 1 < channel->room ? channel->head + 1 : 0;
    channel->length--;
    channel->extra -= is_extra(channel, *item);
    if (is_full(channel)) /* it held more than it should */
        return 0;
    const struct party *sender = serve_first(wake, &channel->sides[LC__SEND]);
    if (sender)
        append(channel, sender->item);
    else
        take_all(wake, &channel->sides[LC__SEND].watchers);
    return 0;
}

/*
 * Takes an item that was handed to a receiver that does not return. Gives it to the next receiver
 * in the queue, or puts it back in front: beyond the capacity, since its place may be taken.
 * @return as put.
 */
static int put_back(lc_channel *channel, void *item, struct wake *wake)
{
    struct party *receiver = serve_first(wake, &channel->sides[LC__RECEIVE]);
    if (receiver) {
        receiver->item = item;
        return 0;
    }
    if (channel->length == channel->room)
        return -ENOBUFS;
    channel->head = (channel->head > 0 ? channel->head : channel->room) - 1;
    channel->items[channel->head] = item;
    channel->length++;
    channel->extra += is_extra(channel, item);
    take_all(wake, &channel->sides[LC__RECEIVE].watchers);
    return 0;
}

/* Moves the oldest item that counts to the front; the extra ones before it keep their order. */
static bool bring_counted_to_front(lc_channel *channel)
{
    size_t at = channel->head;
    for (size_t i = 0; i < channel->length; i++) {
        void *found = channel->items[at];
        if (!is_extra(channel, found)) {
            for (; i > 0; i--) {
                size_t before = (at > 0 ? at : channel->room) - 1;
                channel->items[at] = channel->items[before];
                at = before;
            }
            channel->items[at] = found;
            return true;
        }
        at = at + 1 < channel->room ? at + 1 : 0;
    }
    return false;
}

/* One step of a send or receive. */
static int step(lc_channel *channel, enum lc__channel_side side, void **item, struct wake *wake)
{
    return side == LC__SEND ? put(channel, *item, false, wake) : take(channel, item, wake);
}

/* ---- a send, a receive ---- */

enum { FIRST_ROOM = 16 }; /* items */

/*
 * Doubles the room of a channel that grows. The lock is held before and after, but not while memory
 * is asked for. @return 0, -ENOMEM.
 */
static int grow(lc_channel *channel)
{
    size_t old = channel->room;
    size_t room = old ? old * 2 : FIRST_ROOM;
    lc__spinlock_unlock(&channel->lock);
    void **items = lc__allocate_array(room, sizeof *items);
    lc__spinlock_lock(&channel->lock);
    if (!items)
        return -ENOMEM;
    void **unused = items;
    if (channel->room == old) { /* nobody was faster */
        for (size_t i = 0, at = channel->head; i < channel->length; i++) {
            items[i] = channel->items[at];
            at = at + 1 < old ? at + 1 : 0;
        }
        unused = channel->items;
        channel->items = items;
        channel->room = room;
        channel->head = 0;
    }
    lc__spinlock_unlock(&channel->lock);
    lc__free(unused);
    lc__spinlock_lock(&channel->lock);
    return 0;
}

/*
 * It is out of time. @return whether the party waits no more: it has been taken
 * out by itself; if not, it goes on waiting, or has been taken out by somebody who will unpark it.
 */
static bool gives_up(lc_channel *channel, enum lc__channel_side side, struct party *party)
{
    lc__spinlock_lock(&channel->lock);
    bool mine = !party->waiter.taken;
    if (mine)
        leave(&channel->sides[side].queue, &party->waiter);
    lc__spinlock_unlock(&channel->lock);
    return mine;
}

/* Without memory for it, the channel's discard function gets it, as an item never received. */
static void give_back(lc_channel *channel, void *item)
{
    struct wake wake = {NULL};
    int result;
    lc__spinlock_lock(&channel->lock);
    while ((result = put_back(channel, item, &wake)) == -ENOBUFS)
        if ((result = grow(channel)) < 0)
            break;
    unlock(channel, &wake);
    if (result < 0 && channel->discard)
        channel->discard(item);
}

/*
 * Waits, not directly, until the party is taken out, or gives up. @return 0; 1: see
 * lc__channel_transfer_or_end(); or why it gave up.
 */
static int park_in_queue(lc_channel *channel, enum lc__channel_side side, struct party *party,
                         lc_handle *end_handle, int64_t deadline,
                         const struct lc__park_reason *reason)
{
    struct lc__parker *parker = party->waiter.parker;
    struct lc__end end = {.handle = end_handle, .waiter = {.parker = parker}};
    int waited = lc__park_or_end(&end, deadline, reason);
    if (waited == 0)
        return 0;
    bool gave_up = gives_up(channel, side, party);
    /* A call that has taken a waiter out still has to unpark the parker. */
    lc__park_until(parker, end.unparks + !gave_up);
    if (gave_up)
        return waited;
    bool sent = side == LC__SEND && party->served; /* the item is not the sender's any more */
    if (waited != -EINTR || sent)
        return waited == -EINTR;
    if (party->served)
        give_back(channel, party->item);
    return waited;
}

/*
 * Waits in the queue of one side until it is served, the channel or `end` is closed, or the
 * deadline has come. The lock is held before, and not after.
 */
static int wait_in_queue(lc_channel *channel, enum lc__channel_side side, void **item,
                         lc_handle *end, int64_t deadline)
{
    static const char *const what[] = {"channel: receive", "channel: send"};
    struct lc__park_reason reason = {what[side], channel};
    struct lc__parker parker;
    struct party party = {.waiter = {.parker = &parker}};
    if (side == LC__SEND)
        party.item = *item;
    bool direct = lc__parker_init_direct(&parker, end ? LC_NOW : deadline);
    lc__waiters_append(&channel->sides[side].queue, &party.waiter);
    lc__spinlock_unlock(&channel->lock);
    int waited = 0;
    if (direct)
        lc__park_direct(&parker, &reason);
    else
        waited = park_in_queue(channel, side, &party, end, deadline, &reason);
    if (waited < 0 || waited == LC__ENDED)
        return waited;
    if (!party.served)
        return -EPIPE;
    *item = party.item;
    return waited;
}

/* Discards the oldest item that counts. The lock is held before and after. */
static void drop_oldest(lc_channel *channel)
{
    struct wake wake = {NULL};
    void *dropped;
    if (!bring_counted_to_front(channel) || take(channel, &dropped, &wake) < 0)
        return;
    unlock(channel, &wake);
    if (channel->discard)
        channel->discard(dropped);
    lc__spinlock_lock(&channel->lock);
}

/*
 * Sees to what kept a step from success, where the channel can. The lock is held before and after,
 * but not all the time. @return 0: the step is to be tried again; or the result of the transfer.
 */
static int make_way(lc_channel *channel, enum lc__channel_side side, int result)
{
    if (result == -ENOBUFS)
        return grow(channel);
    if (result != -EAGAIN || side == LC__RECEIVE || channel->when_full == LC_CHANNEL_WAIT)
        return result;
    if (channel->when_full == LC_CHANNEL_REFUSE)
        return -ENOBUFS;
    drop_oldest(channel);
    return 0;
}

int lc__channel_transfer_or_end(lc_channel *channel, enum lc__channel_side side, void **item,
                                lc_handle *end, int64_t deadline)
{
    struct wake wake = {NULL};
    int result;
    /* Before the step: an item that was sent before `end` closed is found. */
    bool ended = end && deadline == LC_NOW && lc_handle_is_closed(end);
    lc__spinlock_lock(&channel->lock);
    while ((result = step(channel, side, item, &wake)) < 0)
        if ((result = make_way(channel, side, result)) < 0)
            break;
    if (result == -EAGAIN && deadline != LC_NOW)
        return wait_in_queue(channel, side, item, end, deadline);
    unlock(channel, &wake);
    if (result == -EAGAIN)
        return ended ? LC__ENDED : -ETIMEDOUT;
    return result;
}

/* ---- what users call ---- */

/* The calling task may have to end although its item has just been sent. */
static int transfer(lc_channel *channel, enum lc__channel_side side, void **item, lc_handle *end,
                    int64_t deadline)
{
    int result = lc__channel_transfer_or_end(channel, side, item, end, deadline);
    if (result == -EINTR || result == 1)
        lc__task_check(); /* does not return */
    return result;
}

int lc__channel_send_or_end(lc_channel *channel, void *item, lc_handle *end, int64_t deadline)
{
    if (!channel || channel->view)
        return lc__refuse("lc_channel_send: the channel is %s",
                          channel ? "merged of others: send to one of those" : "NULL");
    lc__task_check();
    if (lc__forked())
        return -ENOTSUP;
    return transfer(channel, LC__SEND, &item, end, deadline);
}

int lc_channel_send(lc_channel *channel, void *item, int64_t deadline)
{
    return lc__channel_send_or_end(channel, item, NULL, deadline);
}

int lc__channel_receive_or_end(lc_channel *channel, void **item, lc_handle *end, int64_t deadline)
{
    if (!channel || !item)
        return lc__refuse("lc_channel_receive: the %s is NULL",
                          channel ? "place for the item" : "channel");
    lc__task_check();
    if (lc__forked())
        return -ENOTSUP;
    if (channel->view)
        return channel->view->receive(channel, channel->viewed, item, end, deadline);
    return transfer(channel, LC__RECEIVE, item, end, deadline);
}

int lc_channel_receive(lc_channel *channel, void **item, int64_t deadline)
{
    return lc__channel_receive_or_end(channel, item, NULL, deadline);
}

int lc__channel_send_beyond(lc_channel *channel, void *item)
{
    struct wake wake = {NULL};
    int result;
    lc__spinlock_lock(&channel->lock);
    while ((result = put(channel, item, true, &wake)) == -ENOBUFS)
        if ((result = grow(channel)) < 0)
            break;
    unlock(channel, &wake);
    return result;
}

bool lc__channel_look(lc_channel *channel, void (*look)(const void *item, void *arg), void *arg)
{
    lc__spinlock_lock(&channel->lock);
    bool there = channel->length > 0;
    if (there)
        look(channel->items[channel->head], arg);
    lc__spinlock_unlock(&channel->lock);
    return there;
}

bool lc__channel_take_if(lc_channel *channel, bool (*asked)(const void *item), void **item)
{
    struct wake wake = {NULL};
    lc__spinlock_lock(&channel->lock);
    bool taken = channel->length > 0 && asked(channel->items[channel->head]) &&
                 take(channel, item, &wake) == 0;
    unlock(channel, &wake);
    return taken;
}

bool lc__channel_take_counted(lc_channel *channel, void **item)
{
    struct wake wake = {NULL};
    lc__spinlock_lock(&channel->lock);
    bool taken = bring_counted_to_front(channel) && take(channel, item, &wake) == 0;
    unlock(channel, &wake);
    return taken;
}

void lc_channel_close(lc_channel *channel)
{
    if (!channel)
        return;
    struct wake wake = {NULL};
    lc__spinlock_lock(&channel->lock);
    channel->closed = true;
    for (int side = LC__RECEIVE; side <= LC__SEND; side++) {
        take_all(&wake, &channel->sides[side].queue);
        take_all(&wake, &channel->sides[side].watchers);
    }
    unlock(channel, &wake);
}

bool lc_channel_is_closed(lc_channel *channel)
{
    if (!channel)
        return false;
    lc__spinlock_lock(&channel->lock);
    bool closed = channel->closed;
    lc__spinlock_unlock(&channel->lock);
    return closed || (channel->view && channel->view->is_spent(channel->viewed));
}

bool lc__channel_is_view(const lc_channel *channel)
{
    return channel->view != NULL;
}

bool lc__channel_is_spent(lc_channel *channel)
{
    lc__spinlock_lock(&channel->lock);
    bool spent = is_spent(channel);
    lc__spinlock_unlock(&channel->lock);
    return spent;
}

size_t lc_channel_length(lc_channel *channel)
{
    if (!channel)
        return 0;
    if (channel->view)
        return channel->view->length(channel->viewed);
    lc__spinlock_lock(&channel->lock);
    size_t length = channel->length;
    lc__spinlock_unlock(&channel->lock);
    return length;
}

/* ---- watching ---- */

static bool is_ready_locked(const lc_channel *channel, enum lc__channel_side side)
{
    if (channel->closed)
        return true;
    if (side == LC__SEND)
        return !is_full(channel) || channel->when_full == LC_CHANNEL_DROP_OLDEST;
    return channel->length > 0;
}

bool lc__channel_is_ready(lc_channel *channel, enum lc__channel_side side)
{
    if (!channel->view) {
        lc__spinlock_lock(&channel->lock);
        bool ready = is_ready_locked(channel, side);
        lc__spinlock_unlock(&channel->lock);
        return ready;
    }
    return side == LC__SEND || lc_channel_is_closed(channel) || lc_channel_length(channel) > 0;
}

size_t lc__channel_watch_size(const lc_channel *channel)
{
    return 1 + (channel->view ? channel->view->watch_size(channel->viewed) : 0);
}

/* `spent_counts`: a channel that is spent is ready. */
static bool watch_one(lc_channel *channel, enum lc__channel_side side, struct lc__waiter *waiter,
                      bool spent_counts)
{
    lc__spinlock_lock(&channel->lock);
    bool ready = is_ready_locked(channel, side) && (spent_counts || !is_spent(channel));
    if (!ready)
        lc__waiters_append(&channel->sides[side].watchers, waiter);
    lc__spinlock_unlock(&channel->lock);
    return !ready;
}

bool lc__channel_watch_source(lc_channel *source, struct lc__waiter *waiter)
{
    return watch_one(source, LC__RECEIVE, waiter, false);
}

bool lc__channel_watch(lc_channel *channel, enum lc__channel_side side, struct lc__waiter *waiters)
{
    if (!channel->view)
        return watch_one(channel, side, waiters, true);
    bool waits = watch_one(channel, LC__RECEIVE, waiters, true);
    waits &= channel->view->watch(channel->viewed, waiters + 1);
    /* Looked at after the watches are set: a source that ends in between wakes, or is seen here. */
    return waits && !lc__channel_is_ready(channel, side);
}

/* @return 1 if it was woken, 0 if it was not, or was never added. */
static unsigned unwatch_one(lc_channel *channel, enum lc__channel_side side,
                            struct lc__waiter *waiter)
{
    lc__spinlock_lock(&channel->lock);
    leave(&channel->sides[side].watchers, waiter);
    unsigned woken = waiter->taken;
    lc__spinlock_unlock(&channel->lock);
    return woken;
}

unsigned lc__channel_unwatch(lc_channel *channel, enum lc__channel_side side,
                             struct lc__waiter *waiters)
{
    if (!channel->view)
        return unwatch_one(channel, side, waiters);
    return unwatch_one(channel, LC__RECEIVE, waiters) +
           channel->view->unwatch(channel->viewed, waiters + 1);
}

/* ---- making and freeing ---- */

/* `room` is in items. The capacity is not checked. */
static lc_channel *make(const lc_channel_options *options, size_t room)
{
    lc_channel *channel = lc__allocate(sizeof *channel);
    if (!channel)
        return NULL;
    channel->items = room > 0 ? lc__allocate_array(room, sizeof *channel->items) : NULL;
    if (room > 0 && !channel->items) {
        lc__free(channel);
        return NULL;
    }
    atomic_init(&channel->refs, 1);
    channel->capacity = options->capacity;
    channel->when_full = options->when_full;
    channel->discard = options->discard;
    channel->room = room;
    return channel;
}

LC__OPTIONS_END(lc_channel_options, discard);

static lc_error *channel_options_read(lc_channel_options *options, const lc_channel_options *given)
{
    lc_error *mistake = lc__options_read(options, sizeof *options, given, "lc_channel_options");
    if (options->capacity == 0)
        options->capacity = LC_CHANNEL_CAPACITY_DEFAULT;
    bool bounded = options->capacity != LC_CHANNEL_UNBOUNDED;
    if (!mistake && bounded && options->capacity > LC_CHANNEL_CAPACITY_MAX)
        mistake = lc_error_new(-EINVAL,
                               "a channel has a capacity of %zu: up to %zu, 0 for the default, or "
                               "LC_CHANNEL_UNBOUNDED",
                               options->capacity, LC_CHANNEL_CAPACITY_MAX);
    if (!mistake && (unsigned)options->when_full > LC_CHANNEL_DROP_OLDEST)
        mistake = lc_error_new(-EINVAL,
                               "a channel has a when_full of %d, not LC_CHANNEL_WAIT, "
                               "LC_CHANNEL_REFUSE or LC_CHANNEL_DROP_OLDEST",
                               (int)options->when_full);
    return mistake;
}

lc_error *lc_channel_new(const lc_channel_options *given, lc_channel **channel)
{
    if (!channel)
        return lc_error_new(-EINVAL, "lc_channel_new needs a place for the channel");
    *channel = NULL;
    lc_channel_options options;
    lc_error *mistake = channel_options_read(&options, given);
    if (mistake)
        return mistake;
    bool bounded = options.capacity != LC_CHANNEL_UNBOUNDED;
    *channel = make(&options, bounded ? options.capacity : 0);
    if (!*channel)
        return lc_error_new(-ENOMEM, "no memory for a channel of capacity %zu", options.capacity);
    return NULL;
}

lc_channel *lc__channel_new_counting(const lc_channel_options *options,
                                     bool (*is_extra_item)(const void *item))
{
    lc_channel *channel = make(options, FIRST_ROOM);
    if (channel)
        channel->is_extra = is_extra_item;
    return channel;
}

int lc__channel_new_growing(size_t capacity, void (*discard)(void *item),
                            bool (*is_extra_item)(const void *item), lc_channel **channel)
{
    *channel = lc__channel_new_counting(LC_CHANNEL(.capacity = capacity, .discard = discard),
                                        is_extra_item);
    return *channel ? 0 : -ENOMEM;
}

lc_channel *lc__channel_new_view(const struct lc__channel_view *view, void *viewed)
{
    lc_channel *channel = make(LC_CHANNEL(), 0);
    if (channel) {
        channel->view = view;
        channel->viewed = viewed;
    }
    return channel;
}

lc_channel *lc_channel_ref(lc_channel *channel)
{
    if (channel)
        atomic_fetch_add_explicit(&channel->refs, 1, memory_order_relaxed);
    return channel;
}

void lc_channel_unref(lc_channel *channel)
{
    if (!channel || !lc__refs_drop(&channel->refs))
        return;
    struct wake nobody = {NULL};
    for (void *item; take(channel, &item, &nobody) == 0;)
        if (channel->discard)
            channel->discard(item);
    if (channel->view)
        channel->view->free(channel->viewed);
    lc__free(channel->items);
    lc__free(channel);
}
