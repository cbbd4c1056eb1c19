/*
 * channel.h: a queue of pointers between workers, first in first out, bounded or not, closable.
 *
 * Ownership: a pointer sent belongs to the channel until it is received, then to the receiver. A
 * send that fails leaves it with the sender. The channel's discard function gets the items that a
 * full channel drops, and those that are queued when the last reference is given back.
 *
 * All calls are thread-safe. The deadline LC_NOW makes a send or receive that does not wait.
 */
#ifndef LIFECYCLE_CHANNEL_H
#define LIFECYCLE_CHANNEL_H

#include <lifecycle/api.h>
#include <lifecycle/error.h>
#include <lifecycle/time.h>

LC_BEGIN_DECLARATIONS

typedef struct lc_channel lc_channel;

/** An unbounded channel: a send never waits, and the queue grows until memory runs out. */
#define LC_CHANNEL_UNBOUNDED SIZE_MAX
/** The largest bounded capacity. */
#define LC_CHANNEL_CAPACITY_MAX ((size_t)1 << 24)

/** The default of lc_channel_options.capacity. */
#define LC_CHANNEL_CAPACITY_DEFAULT ((size_t)1024)

/** What a send does while the channel is full. An unbounded channel is never full. */
typedef enum lc_channel_when_full {
    LC_CHANNEL_WAIT,       /**< it waits for room, until its deadline; the default */
    LC_CHANNEL_REFUSE,     /**< it returns -ENOBUFS at once */
    LC_CHANNEL_DROP_OLDEST /**< it discards the oldest item, and never waits */
} lc_channel_when_full;

/** Options of a channel; see LC_CHANNEL. Zero means the default in each field. */
typedef struct lc_channel_options {
    size_t size; /**< sizeof(lc_channel_options) */
    /**
     * How many items it holds until it is full: 1 to LC_CHANNEL_CAPACITY_MAX, or
     * LC_CHANNEL_UNBOUNDED. 0: LC_CHANNEL_CAPACITY_DEFAULT.
     */
    size_t capacity;
    lc_channel_when_full when_full; /**< 0: LC_CHANNEL_WAIT */
    /**
     * Frees an item that will not be received: one that a send drops because the channel is full,
     * or one that is queued when the last reference goes. Called with no lock held. NULL: items
     * need no freeing.
     */
    void (*discard)(void *item);
} lc_channel_options;

/** Options of a channel: LC_CHANNEL(.capacity = 16, .discard = free). */
#define LC_CHANNEL(...) LC_OPTIONS(lc_channel_options, __VA_ARGS__)

/**
 * Makes a channel.
 * @param options  NULL for the defaults.
 * @param channel  receives a reference, or NULL.
 * @return NULL; -EINVAL naming the option and its limit; -ENOMEM.
 */
LC_API LC_MUST_CHECK lc_error *lc_channel_new(const lc_channel_options *options,
                                              lc_channel **channel);
/** One more reference. NULL gives NULL. */
LC_API lc_channel *lc_channel_ref(lc_channel *channel);
/**
 * Gives a reference back; the last one discards what is queued and frees the channel. NULL is
 * allowed.
 */
LC_API void lc_channel_unref(lc_channel *channel);

/**
 * Closes the channel: senders, also those waiting, get -EPIPE; receivers get what is queued, then
 * -EPIPE. Closing twice is harmless. NULL is allowed.
 */
LC_API void lc_channel_close(lc_channel *channel);
/** Whether the channel is closed. There may still be items to receive. */
LC_API bool lc_channel_is_closed(lc_channel *channel);
/** How many items are queued at this moment. */
LC_API size_t lc_channel_length(lc_channel *channel);

/**
 * Sends an item, which may be NULL. If the channel is full, it does what the channel's `when_full`
 * says.
 * @return 0; -EPIPE if it is closed; -ETIMEDOUT if it was full until the deadline
 * (LC_CHANNEL_WAIT); -ENOBUFS if it is full (LC_CHANNEL_REFUSE); -ENOMEM (unbounded only); -EINVAL
 * for a channel made by lc_channels_merge or NULL, with a line in the log; -ENOTSUP in a forked
 * child.
 */
LC_API int lc_channel_send(lc_channel *channel, void *item, int64_t deadline);

/**
 * Receives the oldest item. Waits while the channel is empty and open.
 * @return 0; -EPIPE: it is closed and empty; -ETIMEDOUT: it was empty until the deadline; -EINVAL,
 * with a line in the log: `channel` is NULL; -ENOTSUP in a forked child; -ENOMEM, of a merged
 * channel of many sources. After an error `*item` is unchanged.
 */
LC_API int lc_channel_receive(lc_channel *channel, void **item, int64_t deadline);

/**
 * Merges channels into one, from which the items of all sources are received: those of one source
 * in their order, the sources in turn. It closes when the last source is closed and empty; without
 * sources, at once. It holds no items itself: a sender still waits when its source is full, and
 * closing the merged channel does not close the sources.
 * Source: the component/lifecycle package's channel merge.
 * @param sources  borrowed for the call; the merged channel keeps a reference to each. At most
 * 1,024.
 * @param merged   receives a reference, or NULL.
 * @return NULL; -EINVAL: a source is NULL or merged itself, or there are too many, and the message
 * says which; -ENOMEM.
 */
LC_API LC_MUST_CHECK lc_error *lc_channels_merge(lc_channel *const *sources, size_t count,
                                                 lc_channel **merged);

LC_END_DECLARATIONS

#endif
