/*
 * channel.c: queues of pointers. See <lifecycle/channel.h> and channel.h.
 *
 * Two kinds of waiters wait for a channel. A worker in a receive or a send stands in a queue. A
 * call from the other side serves the first worker of the queue: it hands the item over and wakes
 * the worker, which has nothing left to do. A watcher waits for several things and may not take the
 * item in the end, so all watchers are woken when there is an item, or room for one.
 *
 * No wake-up is lost, because a waiter enters a list under the lock, in the same hold in which it
 * found nothing to receive or no room, and each call that changes this takes waiters out under the
 * lock.
 */
#include "wait/channel.h"

#include "base/assert.h"
#include "base/fork.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/refs.h"
#include "base/spin.h"
#include "base/task.h"

#include <lifecycle/log.h>

#include <errno.h>

/* What waits for one side of a channel. Under its lock. */
struct side {
    struct lc__waiter *queue;    /* each in a receive, or a send: a struct transfer */
    struct lc__waiter *watchers; /* in lc_wait_any */
};

/* A receive or a send that waits. */
struct transfer {
    struct lc__waiter waiter; /* first */
    void *item;               /* to be sent; or received, once served */
    bool served;              /* set under the lock by the call that serves it */
};

/* clang-format off */
/*
 *     items:  | . | . | a | b | c | . | . |    `room` places, `length` of them in use, from
 *                       ^ head                 `head` on and round
 */
/* clang-format on */
struct lc_channel {
    atomic_uint refs;
    struct lc__spinlock lock; /* for the fields down to `sides` */
    bool closed;
    void **items;
    size_t room;
    size_t head;
    size_t length;
    size_t extra;         /* how many of them do not count against the capacity */
    struct side sides[2]; /* by enum lc__channel_side */
    /* The rest never changes. */
    size_t capacity; /* or LC_CHANNEL_UNBOUNDED */
    lc_channel_when_full when_full;
    void (*discard)(void *item);
    bool (*is_extra)(const void *item);  /* NULL: all items count */
    const struct lc__channel_view *view; /* NULL: the channel holds its items itself */
    void *viewed;                        /* for the view's functions */
};

static bool channel_is_locked(const lc_channel *channel)
{
    return lc__spinlock_is_held(&channel->lock);
}

/* ---- waking ---- */

/*
 * Waiters that were taken out under the lock and are unparked after it: a thread that is woken
 * while the lock is held runs into it and sleeps again. A waiter that finds itself taken waits for
 * its unpark.
 */
struct wake {
    struct lc__waiter *first; /* linked by `previous`; `next` is NULL in what is in no list */
};

static void wake_take_first(struct wake *wake, struct lc__waiter **list)
{
    struct lc__waiter *waiter = *list;
    if (!waiter)
        return;
    LC__ASSERT(!waiter->taken);
    lc__waiters_remove(list, waiter);
    waiter->taken = true;
    waiter->previous = wake->first;
    wake->first = waiter;
}

static void wake_take_all(struct wake *wake, struct lc__waiter **list)
{
    while (*list)
        wake_take_first(wake, list);
}

/* Takes the first transfer out of a queue, as served. @return NULL: the queue is empty. */
static struct transfer *wake_serve_first(struct wake *wake, struct side *side)
{
    struct transfer *transfer = (struct transfer *)side->queue;
    if (!transfer)
        return NULL;
    LC__ASSERT(!transfer->served);
    transfer->served = true;
    wake_take_first(wake, &side->queue);
    return transfer;
}

/* Gives the lock back and unparks. A waiter's memory may be gone once it is unparked. */
static void channel_unlock(lc_channel *channel, struct wake *wake)
{
    lc__spinlock_unlock(&channel->lock);
    for (struct lc__waiter *waiter = wake->first; waiter;) {
        struct lc__waiter *next = waiter->previous;
        lc__unpark(waiter->parker);
        waiter = next;
    }
    wake->first = NULL;
}

/* ---- items; under the lock ---- */

/* An unbounded channel never is. */
static bool channel_is_full(const lc_channel *channel)
{
    LC__ASSERT(channel_is_locked(channel) && channel->extra <= channel->length);
    return channel->length - channel->extra >= channel->capacity;
}

/* Whether it is closed and empty, so that nothing comes from it any more. */
static bool channel_is_spent(const lc_channel *channel)
{
    LC__ASSERT(channel_is_locked(channel));
    return channel->closed && channel->length == 0;
}

static bool channel_item_is_extra(const lc_channel *channel, const void *item)
{
    return channel->is_extra && channel->is_extra(item);
}

static void channel_append(lc_channel *channel, void *item)
{
    LC__ASSERT(channel_is_locked(channel) && channel->length < channel->room);
    channel->extra += channel_item_is_extra(channel, item);
    size_t at = channel->head + channel->length++;
    channel->items[at < channel->room ? at : at - channel->room] = item;
}

/* Takes the oldest item out. Also called without the lock, by the last reference. */
static void *channel_shift(lc_channel *channel)
{
    LC__ASSERT(channel->length > 0);
    void *item = channel->items[channel->head];
    channel->head = channel->head + 1 < channel->room ? channel->head + 1 : 0;
    channel->length--;
    channel->extra -= channel_item_is_extra(channel, item);
    return item;
}

/*
 * `beyond`: puts the item there even if the channel is full. @return 0; -EPIPE; -EAGAIN: full;
 * -ENOBUFS: the channel has to grow first.
 */
static int channel_put(lc_channel *channel, void *item, bool beyond, struct wake *wake)
{
    LC__ASSERT(channel_is_locked(channel));
    if (channel->closed)
        return -EPIPE;
    struct transfer *receive = wake_serve_first(wake, &channel->sides[LC__RECEIVE]);
    if (receive) {
        receive->item = item;
        return 0;
    }
    if (channel_is_full(channel) && !beyond)
        return -EAGAIN;
    if (channel->length == channel->room)
        return -ENOBUFS;
    channel_append(channel, item);
    wake_take_all(wake, &channel->sides[LC__RECEIVE].watchers);
    return 0;
}

/* @return 0; -EPIPE: closed and empty; -EAGAIN: empty. */
static int channel_take(lc_channel *channel, void **item, struct wake *wake)
{
    LC__ASSERT(channel_is_locked(channel));
    if (channel->length == 0)
        return channel->closed ? -EPIPE : -EAGAIN;
    *item = channel_shift(channel);
    if (channel_is_full(channel)) /* it held more than its capacity */
        return 0;
    const struct transfer *send = wake_serve_first(wake, &channel->sides[LC__SEND]);
    if (send)
        channel_append(channel, send->item);
    else
        wake_take_all(wake, &channel->sides[LC__SEND].watchers);
    return 0;
}

/*
 * Takes an item back that was handed to a receive which does not return. It goes to the next
 * receive in the queue, or to the front of the channel, beyond the capacity, since its place may be
 * taken. @return 0; -ENOBUFS, as channel_put().
 */
static int channel_put_back(lc_channel *channel, void *item, struct wake *wake)
{
    LC__ASSERT(channel_is_locked(channel));
    struct transfer *receive = wake_serve_first(wake, &channel->sides[LC__RECEIVE]);
    if (receive) {
        receive->item = item;
        return 0;
    }
    if (channel->length == channel->room)
        return -ENOBUFS;
    channel->head = (channel->head > 0 ? channel->head : channel->room) - 1;
    channel->items[channel->head] = item;
    channel->length++;
    channel->extra += channel_item_is_extra(channel, item);
    wake_take_all(wake, &channel->sides[LC__RECEIVE].watchers);
    return 0;
}

/* Moves the oldest item that counts to the front. The extra items before it keep their order. */
static bool channel_bring_counted_to_front(lc_channel *channel)
{
    LC__ASSERT(channel_is_locked(channel));
    size_t at = channel->head;
    for (size_t i = 0; i < channel->length; i++) {
        void *found = channel->items[at];
        if (!channel_item_is_extra(channel, found)) {
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

/* ---- a step of a transfer that has to be tried again ---- */

enum { FIRST_ROOM = 16 }; /* items */

/*
 * Doubles the room of a channel that grows. The lock is held before and after, but not while memory
 * is allocated. @return 0, -ENOMEM.
 */
static int channel_grow(lc_channel *channel)
{
    LC__ASSERT(channel_is_locked(channel));
    size_t old = channel->room;
    size_t room = old ? old * 2 : FIRST_ROOM;
    lc__spinlock_unlock(&channel->lock);
    void **items = lc__allocate_array(room, sizeof *items);
    lc__spinlock_lock(&channel->lock);
    if (!items)
        return -ENOMEM;
    void **unused = items;
    if (channel->room == old) { /* no other call has made it grow since */
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

/* Discards the oldest item that counts. The lock is held before and after, but not all the time. */
static void channel_drop_oldest(lc_channel *channel)
{
    struct wake wake = {NULL};
    void *dropped;
    if (!channel_bring_counted_to_front(channel) || channel_take(channel, &dropped, &wake) < 0)
        return;
    channel_unlock(channel, &wake);
    if (channel->discard)
        channel->discard(dropped);
    lc__spinlock_lock(&channel->lock);
}

/*
 * Removes what kept a step from success, where the channel can. The lock is held before and after,
 * but not all the time. @return 0: the step is to be tried again; or the result of the transfer.
 */
static int channel_make_way(lc_channel *channel, enum lc__channel_side side, int result)
{
    LC__ASSERT(channel_is_locked(channel) && result < 0);
    if (result == -ENOBUFS)
        return channel_grow(channel);
    if (result != -EAGAIN || side == LC__RECEIVE || channel->when_full == LC_CHANNEL_WAIT)
        return result;
    if (channel->when_full == LC_CHANNEL_REFUSE)
        return -ENOBUFS;
    channel_drop_oldest(channel);
    return 0;
}

/* ---- a transfer that waits ---- */

/* Takes a waiter out if it is still in the list. @return whether it was. */
static bool channel_leave(lc_channel *channel, struct lc__waiter **list, struct lc__waiter *waiter)
{
    lc__spinlock_lock(&channel->lock);
    bool left = waiter->next != NULL;
    LC__ASSERT(!left || !waiter->taken);
    if (left)
        lc__waiters_remove(list, waiter);
    lc__spinlock_unlock(&channel->lock);
    return left;
}

/* If memory has run out, the channel discards the item. */
static void channel_give_back(lc_channel *channel, void *item)
{
    struct wake wake = {NULL};
    int result;
    lc__spinlock_lock(&channel->lock);
    while ((result = channel_put_back(channel, item, &wake)) == -ENOBUFS)
        if ((result = channel_grow(channel)) < 0)
            break;
    channel_unlock(channel, &wake);
    if (result < 0 && channel->discard)
        channel->discard(item);
}

/*
 * Waits in the queue until the transfer is taken out, or gives up.
 * @return 0; 1, as lc__channel_transfer_or_end(); or why it gave up.
 */
static int transfer_park(struct transfer *transfer, lc_channel *channel, enum lc__channel_side side,
                         lc_handle *end_handle, int64_t deadline,
                         const struct lc__park_reason *reason)
{
    struct lc__parker *parker = transfer->waiter.parker;
    struct lc__end end = {.handle = end_handle, .waiter = {.parker = parker}};
    int waited = lc__park_or_end(&end, deadline, reason);
    if (waited == 0)
        return 0;
    bool gave_up = channel_leave(channel, &channel->sides[side].queue, &transfer->waiter);
    /* A call that has taken a waiter out unparks the parker, if it has not yet. */
    lc__park_until(parker, end.unparks + !gave_up);
    if (gave_up)
        return waited;
    bool sent = side == LC__SEND && transfer->served; /* the item is not the sender's any more */
    if (waited != -EINTR || sent)
        return waited == -EINTR;
    if (transfer->served)
        channel_give_back(channel, transfer->item);
    return waited;
}

/*
 * Waits in the queue of one side until the transfer is served, the channel or `end` is closed, or
 * the deadline has come. The lock is held before, and not after.
 */
static int transfer_wait(lc_channel *channel, enum lc__channel_side side, void **item,
                         lc_handle *end, int64_t deadline)
{
    static const char *const what[] = {"channel: receive", "channel: send"};
    struct lc__park_reason reason = {what[side], channel};
    struct lc__parker parker;
    struct transfer transfer = {.waiter = {.parker = &parker}};
    LC__ASSERT(channel_is_locked(channel));
    if (side == LC__SEND)
        transfer.item = *item;
    bool direct = lc__parker_init_direct(&parker, end ? LC_NOW : deadline);
    lc__waiters_append(&channel->sides[side].queue, &transfer.waiter);
    lc__spinlock_unlock(&channel->lock);
    int waited = 0;
    if (direct)
        lc__park_direct(&parker, &reason);
    else
        waited = transfer_park(&transfer, channel, side, end, deadline, &reason);
    if (waited < 0 || waited == LC__ENDED)
        return waited;
    if (!transfer.served)
        return -EPIPE;
    *item = transfer.item;
    return waited;
}

/* ---- sending and receiving ---- */

int lc__channel_transfer_or_end(lc_channel *channel, enum lc__channel_side side, void **item,
                                lc_handle *end, int64_t deadline)
{
    struct wake wake = {NULL};
    int result;
    LC__ASSERT(!channel->view);
    lc__spinlock_lock(&channel->lock);
    do {
        result = side == LC__SEND ? channel_put(channel, *item, false, &wake)
                                  : channel_take(channel, item, &wake);
        if (result == 0)
            break;
        result = channel_make_way(channel, side, result);
    } while (result == 0);
    if (result == -EAGAIN && deadline != LC_NOW)
        return transfer_wait(channel, side, item, end, deadline);
    channel_unlock(channel, &wake);
    if (result != -EAGAIN)
        return result;
    if (!lc_handle_is_closed(end))
        return -ETIMEDOUT;
    /* Once more: an item may have been sent between the step and the close, and comes first. */
    result = lc__channel_transfer(channel, side, item, LC_NOW);
    return result == -ETIMEDOUT ? LC__ENDED : result;
}

/* The calling task may have to end although its item has just been sent. */
static int transfer_or_end_task(lc_channel *channel, enum lc__channel_side side, void **item,
                                lc_handle *end, int64_t deadline)
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
    return transfer_or_end_task(channel, LC__SEND, &item, end, deadline);
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
    return transfer_or_end_task(channel, LC__RECEIVE, item, end, deadline);
}

int lc_channel_receive(lc_channel *channel, void **item, int64_t deadline)
{
    return lc__channel_receive_or_end(channel, item, NULL, deadline);
}

int lc__channel_send_beyond(lc_channel *channel, void *item)
{
    struct wake wake = {NULL};
    int result;
    LC__ASSERT(!channel->view);
    lc__spinlock_lock(&channel->lock);
    while ((result = channel_put(channel, item, true, &wake)) == -ENOBUFS)
        if ((result = channel_grow(channel)) < 0)
            break;
    channel_unlock(channel, &wake);
    return result;
}

bool lc__channel_look(lc_channel *channel, void (*look)(const void *item, void *arg), void *arg)
{
    LC__ASSERT(!channel->view);
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
    LC__ASSERT(!channel->view);
    lc__spinlock_lock(&channel->lock);
    bool taken = channel->length > 0 && asked(channel->items[channel->head]) &&
                 channel_take(channel, item, &wake) == 0;
    channel_unlock(channel, &wake);
    return taken;
}

/* ---- the state of a channel ---- */

void lc_channel_close(lc_channel *channel)
{
    if (!channel)
        return;
    struct wake wake = {NULL};
    lc__spinlock_lock(&channel->lock);
    channel->closed = true;
    for (int side = LC__RECEIVE; side <= LC__SEND; side++) {
        wake_take_all(&wake, &channel->sides[side].queue);
        wake_take_all(&wake, &channel->sides[side].watchers);
    }
    channel_unlock(channel, &wake);
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
    LC__ASSERT(!channel->view);
    lc__spinlock_lock(&channel->lock);
    bool spent = channel_is_spent(channel);
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

static bool channel_side_is_ready(const lc_channel *channel, enum lc__channel_side side)
{
    LC__ASSERT(channel_is_locked(channel));
    if (channel->closed)
        return true;
    if (side == LC__SEND)
        return !channel_is_full(channel) || channel->when_full == LC_CHANNEL_DROP_OLDEST;
    return channel->length > 0;
}

bool lc__channel_is_ready(lc_channel *channel, enum lc__channel_side side)
{
    if (channel->view)
        return side == LC__SEND || lc_channel_is_closed(channel) || lc_channel_length(channel) > 0;
    lc__spinlock_lock(&channel->lock);
    bool ready = channel_side_is_ready(channel, side);
    lc__spinlock_unlock(&channel->lock);
    return ready;
}

size_t lc__channel_watch_size(const lc_channel *channel)
{
    return 1 + (channel->view ? channel->view->watch_size(channel->viewed) : 0);
}

/* `spent_counts`: a channel that is spent is ready. */
static bool channel_watch_one(lc_channel *channel, enum lc__channel_side side,
                              struct lc__waiter *waiter, bool spent_counts)
{
    LC__ASSERT(waiter->parker && !waiter->next && !waiter->taken);
    lc__spinlock_lock(&channel->lock);
    bool ready =
        channel_side_is_ready(channel, side) && (spent_counts || !channel_is_spent(channel));
    if (!ready)
        lc__waiters_append(&channel->sides[side].watchers, waiter);
    lc__spinlock_unlock(&channel->lock);
    return !ready;
}

bool lc__channel_watch_source(lc_channel *source, struct lc__waiter *waiter)
{
    LC__ASSERT(!source->view);
    return channel_watch_one(source, LC__RECEIVE, waiter, false);
}

bool lc__channel_watch(lc_channel *channel, enum lc__channel_side side, struct lc__waiter *waiters)
{
    if (!channel->view)
        return channel_watch_one(channel, side, waiters, true);
    bool waits = channel_watch_one(channel, LC__RECEIVE, waiters, true);
    waits &= channel->view->watch(channel->viewed, waiters + 1);
    /* After the watches are set: a source that is spent since then wakes, or is seen here. */
    return waits && !lc__channel_is_ready(channel, side);
}

unsigned lc__channel_unwatch(lc_channel *channel, enum lc__channel_side side,
                             struct lc__waiter *waiters)
{
    if (channel->view)
        side = LC__RECEIVE;
    channel_leave(channel, &channel->sides[side].watchers, waiters);
    unsigned unparks = waiters->taken;
    if (channel->view)
        unparks += channel->view->unwatch(channel->viewed, waiters + 1);
    return unparks;
}

/* ---- making and freeing ---- */

/* `room` is in items. The capacity is not checked. */
static lc_channel *channel_new(const lc_channel_options *options, size_t room)
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
    *channel = channel_new(&options, bounded ? options.capacity : 0);
    if (!*channel)
        return lc_error_new(-ENOMEM, "no memory for a channel of capacity %zu", options.capacity);
    return NULL;
}

lc_channel *lc__channel_new_counting(const lc_channel_options *options,
                                     bool (*is_extra)(const void *item))
{
    LC__ASSERT(options->capacity > 0);
    lc_channel *channel = channel_new(options, FIRST_ROOM);
    if (channel)
        channel->is_extra = is_extra;
    return channel;
}

lc_channel *lc__channel_new_view(const struct lc__channel_view *view, void *viewed)
{
    lc_channel *channel = channel_new(LC_CHANNEL(), 0);
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
    while (channel->length > 0) {
        void *item = channel_shift(channel);
        if (channel->discard)
            channel->discard(item);
    }
    if (channel->view)
        channel->view->free(channel->viewed);
    lc__free(channel->items);
    lc__free(channel);
}
