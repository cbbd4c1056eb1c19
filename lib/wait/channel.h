/*
 * channel.h (internal): channels for ports of threads, for waits for several things, and for
 * channels that are views of others. Floor 2.
 */
#ifndef LIFECYCLE_WAIT_CHANNEL_H
#define LIFECYCLE_WAIT_CHANNEL_H

#include "wait/handle.h"

#include <lifecycle/channel.h>

/* What a watcher waits for. */
enum lc__channel_side { LC__RECEIVE, LC__SEND };

/*
 * As lc_channel_new, but a bounded channel too allocates its room as it needs it: a send may fail
 * with -ENOMEM. There is room for the first items from the start, so that a worker that waits for a
 * single message gets it even if memory has run out. An item for which `is_extra` returns true does
 * not count against the capacity, and no send drops it; lc__channel_send_beyond sends one to a full
 * channel. The channel calls `is_extra` under its lock. The capacity is 1 or more.
 */
lc_channel *lc__channel_new_counting(const lc_channel_options *options,
                                     bool (*is_extra)(const void *item));

/*
 * Takes the oldest item out if `asked`, called under the channel's lock, returns true. The channel
 * is no view. @return whether it did.
 */
bool lc__channel_take_if(lc_channel *channel, bool (*asked)(const void *item), void **item);
/*
 * Sends or receives as lc_channel_send and lc_channel_receive do. The close of `end`, which may be
 * NULL, ends the wait, unless the transfer is possible. For a caller that holds something: the call
 * does not begin with lc__task_check(). The channel is no view.
 * @return a result of lc_channel_send or lc_channel_receive; LC__ENDED; -EINTR: the calling task
 * must end, and nothing was sent or received; 1: the task must end, and the item was sent.
 */
int lc__channel_transfer_or_end(lc_channel *channel, enum lc__channel_side side, void **item,
                                lc_handle *end, int64_t deadline);
static inline int lc__channel_transfer(lc_channel *channel, enum lc__channel_side side, void **item,
                                       int64_t deadline)
{
    return lc__channel_transfer_or_end(channel, side, item, NULL, deadline);
}
/*
 * As lc_channel_send and lc_channel_receive, but the close of `end`, which may be NULL, ends the
 * wait. @return also LC__ENDED.
 */
int lc__channel_send_or_end(lc_channel *channel, void *item, lc_handle *end, int64_t deadline);
int lc__channel_receive_or_end(lc_channel *channel, void **item, lc_handle *end, int64_t deadline);
/* Sends an item even if the channel, which is no view, is full. @return 0, -EPIPE, -ENOMEM. */
int lc__channel_send_beyond(lc_channel *channel, void *item);
/*
 * Calls `look` with the oldest item under the channel's lock, so that no other thread takes and
 * frees it. The channel is no view. @return whether there is an item.
 */
bool lc__channel_look(lc_channel *channel, void (*look)(const void *item, void *arg), void *arg);

/*
 * How a channel that is a view of others finds their items, since it holds none. lc_channel_close
 * closes the view alone. `viewed` is the pointer given to lc__channel_new_view.
 */
struct lc__channel_view {
    /* As lc__channel_receive_or_end. */
    int (*receive)(lc_channel *channel, void *viewed, void **item, lc_handle *end,
                   int64_t deadline);
    /* Whether all the others are closed and empty. */
    bool (*is_spent)(void *viewed);
    size_t (*length)(void *viewed);
    /* As lc__channel_watch_size, watch and unwatch, for LC__RECEIVE and the others alone. */
    size_t (*watch_size)(const void *viewed);
    bool (*watch)(void *viewed, struct lc__waiter *waiters);
    unsigned (*unwatch)(void *viewed, struct lc__waiter *waiters);
    void (*free)(void *viewed);
};

/* Takes `viewed` over. NULL: no memory; then `viewed` is still the caller's. */
lc_channel *lc__channel_new_view(const struct lc__channel_view *view, void *viewed);
bool lc__channel_is_view(const lc_channel *channel);
/* Whether the channel, which is no view, is closed and empty. */
bool lc__channel_is_spent(lc_channel *channel);

/* Whether a receive, or a send, would not wait now. */
bool lc__channel_is_ready(lc_channel *channel, enum lc__channel_side side);

/* How many waiters a watch of this channel takes: 1, but more for a view. */
size_t lc__channel_watch_size(const lc_channel *channel);
/*
 * Adds waiters. The channel unparks their parkers, each once, when it may have become ready.
 * @return false if the channel is ready now; some waiters may have been added all the same.
 */
bool lc__channel_watch(lc_channel *channel, enum lc__channel_side side, struct lc__waiter *waiters);
/*
 * The same for a receive from one of the sources of a view. A source that is closed and empty is
 * not ready, since the view looks at all its sources. It is watched all the same: a receiver that
 * does not return gives its item back to the source.
 */
bool lc__channel_watch_source(lc_channel *source, struct lc__waiter *waiter);
/* Takes the waiters out. @return how many of them have been, or are being, unparked. */
unsigned lc__channel_unwatch(lc_channel *channel, enum lc__channel_side side,
                             struct lc__waiter *waiters);

#endif
