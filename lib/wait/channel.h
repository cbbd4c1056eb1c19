/*
 * channel.h (internal): what a wait for several things needs of a channel. Floor 2.
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
/* The same with when_full of LC_CHANNEL_WAIT. @return 0, -ENOMEM. */
int lc__channel_new_growing(size_t capacity, void (*discard)(void *item),
                            bool (*is_extra)(const void *item), lc_channel **channel);
/*
 * Takes the oldest item out if `asked` says so, under the channel's lock. @return whether it did.
 */
bool lc__channel_take_if(lc_channel *channel, bool (*asked)(const void *item), void **item);
/* Takes out the oldest item that counts against the capacity. @return false: there is none. */
bool lc__channel_take_counted(lc_channel *channel, void **item);
/*
 * As lc_channel_send or receive, of a channel that is no view, and ended by the close of `end`, if
 * that is not NULL. The transfer wins over `end`. For a caller that holds something: the call does
 * not begin with lc__task_check(), and returns -EINTR, with nothing sent or received, if the
 * calling task must end. An item that was sent before that is sent: 1. @return also LC__ENDED.
 */
int lc__channel_transfer_or_end(lc_channel *channel, enum lc__channel_side side, void **item,
                                lc_handle *end, int64_t deadline);
static inline int lc__channel_transfer(lc_channel *channel, enum lc__channel_side side, void **item,
                                       int64_t deadline)
{
    return lc__channel_transfer_or_end(channel, side, item, NULL, deadline);
}
/* As lc_channel_send and receive, and ended by the close of `end`. @return also LC__ENDED. */
int lc__channel_send_or_end(lc_channel *channel, void *item, lc_handle *end, int64_t deadline);
int lc__channel_receive_or_end(lc_channel *channel, void **item, lc_handle *end, int64_t deadline);
/* Sends an item though the channel may be full. @return 0, -EPIPE, -ENOMEM. */
int lc__channel_send_beyond(lc_channel *channel, void *item);
/*
 * Shows the oldest item, under the channel's lock, as another thread may take it and free it; of a
 * channel that is not merged. @return whether there is one.
 */
bool lc__channel_look(lc_channel *channel, void (*look)(const void *item, void *arg), void *arg);

/*
 * What a channel that is a view of others does. It holds no items; its own closing is the
 * channel's. `viewed` is what lc__channel_new_view got.
 */
struct lc__channel_view {
    /* As lc__channel_receive_or_end. */
    int (*receive)(lc_channel *channel, void *viewed, void **item, lc_handle *end,
                   int64_t deadline);
    /* Whether nothing comes from the others any more. */
    bool (*is_spent)(void *viewed);
    size_t (*length)(void *viewed);
    /* As lc__channel_watch_size, watch and unwatch of LC__RECEIVE, of the others alone. */
    size_t (*watch_size)(const void *viewed);
    bool (*watch)(void *viewed, struct lc__waiter *waiters);
    unsigned (*unwatch)(void *viewed, struct lc__waiter *waiters);
    void (*free)(void *viewed);
};

/* NULL: no memory; then `viewed` is still the caller's. */
lc_channel *lc__channel_new_view(const struct lc__channel_view *view, void *viewed);
bool lc__channel_is_view(const lc_channel *channel);
/* Whether it is closed and empty. Of a channel that is no view. */
bool lc__channel_is_spent(lc_channel *channel);

/* Whether a receive, or a send, would not wait now. */
bool lc__channel_is_ready(lc_channel *channel, enum lc__channel_side side);

/* How many waiters a watch of this channel takes: more than one for a view. */
size_t lc__channel_watch_size(const lc_channel *channel);
/*
 * Adds waiters, whose parker is set, to be unparked when the channel may have become ready.
 * @return false if it is ready now; some may have been added all the same.
 */
bool lc__channel_watch(lc_channel *channel, enum lc__channel_side side, struct lc__waiter *waiters);
/*
 * The same for a receive from one of the sources of a view. A source that is spent is not ready,
 * since a view looks at all its sources. It is watched all the same, since an item may come back
 * to it that was handed to a receiver which did not return.
 */
bool lc__channel_watch_source(lc_channel *source, struct lc__waiter *waiter);
/* Takes them out. @return how many of them have been, or are being, unparked. */
unsigned lc__channel_unwatch(lc_channel *channel, enum lc__channel_side side,
                             struct lc__waiter *waiters);

#endif
