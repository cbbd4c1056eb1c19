/*
 * merged.c: channels that are views of several others. See lc_channels_merge() in
 * <lifecycle/channel.h>.
 */
#include "base/memory.h"
#include "wait/channel.h"
#include "wait/wait.h"

#include <errno.h>

/* The most channels that can be merged into one. */
enum { SOURCES_MAX = 1024 };

/* What a merged channel is a view of. */
struct merged {
    atomic_size_t turn; /* the source to ask first, modulo `count`, so that all get their turn */
    size_t count;
    lc_channel *sources[]; /* held */
};

/* ---- receiving ---- */

static bool merged_is_spent(void *viewed)
{
    const struct merged *merged = viewed;
    for (size_t i = 0; i < merged->count; i++)
        if (!lc__channel_is_spent(merged->sources[i]))
            return false;
    return true;
}

/* @return 0, or -EAGAIN if no source has anything now. */
static int merged_take(struct merged *merged, void **item)
{
    if (merged->count == 0)
        return -EAGAIN;
    /* Relaxed: the turn only spreads the receives over the sources. */
    size_t turn = atomic_fetch_add_explicit(&merged->turn, 1, memory_order_relaxed);
    for (size_t i = 0; i < merged->count; i++) {
        lc_channel *source = merged->sources[(turn + i) % merged->count];
        if (lc__channel_transfer(source, LC__RECEIVE, item, LC_NOW) == 0)
            return 0;
    }
    return -EAGAIN;
}

static int merged_receive(lc_channel *channel, void *viewed, void **item, lc_handle *end,
                          int64_t deadline)
{
    int waited = 0;
    for (;;) {
        if (lc_channel_is_closed(channel))
            return -EPIPE;
        if (merged_take(viewed, item) == 0)
            return 0;
        if (waited < 0)
            return waited;
        lc_waitable any_source = lc_on_receive(channel);
        waited = lc__wait_any(&any_source, 1, end, deadline);
        if (waited == 1)
            return LC__ENDED;
    }
}

static size_t merged_length(void *viewed)
{
    const struct merged *merged = viewed;
    size_t length = 0;
    for (size_t i = 0; i < merged->count; i++)
        length += lc_channel_length(merged->sources[i]);
    return length;
}

/* ---- watching: a waiter for each source ---- */

static size_t merged_watch_size(const void *viewed)
{
    return ((const struct merged *)viewed)->count;
}

static bool merged_watch(void *viewed, struct lc__waiter *waiters)
{
    const struct merged *merged = viewed;
    bool waits = true;
    for (size_t i = 0; i < merged->count; i++)
        waits &= lc__channel_watch_source(merged->sources[i], &waiters[i]);
    return waits;
}

static unsigned merged_unwatch(void *viewed, struct lc__waiter *waiters)
{
    const struct merged *merged = viewed;
    unsigned woken = 0;
    for (size_t i = 0; i < merged->count; i++)
        woken += lc__channel_unwatch(merged->sources[i], LC__RECEIVE, &waiters[i]);
    return woken;
}

/* ---- making and freeing ---- */

static void merged_view_free(void *viewed)
{
    struct merged *merged = viewed;
    for (size_t i = 0; i < merged->count; i++)
        lc_channel_unref(merged->sources[i]);
    lc__free(merged);
}

static const struct lc__channel_view merged_view = {
    .receive = merged_receive,
    .is_spent = merged_is_spent,
    .length = merged_length,
    .watch_size = merged_watch_size,
    .watch = merged_watch,
    .unwatch = merged_unwatch,
    .free = merged_view_free,
};

/* @return what is wrong with the sources of a merge, or NULL. */
static lc_error *sources_check(lc_channel *const *sources, size_t count)
{
    if (count > SOURCES_MAX)
        return lc_error_new(-EINVAL, "%zu channels cannot be merged: %d at most", count,
                            SOURCES_MAX);
    if (count > 0 && !sources)
        return lc_error_new(-EINVAL, "lc_channels_merge needs the channels to merge");
    for (size_t i = 0; i < count; i++)
        if (!sources[i] || lc__channel_is_view(sources[i]))
            return lc_error_new(-EINVAL, "channel %zu of those to merge is %s", i,
                                sources[i] ? "merged itself" : "NULL");
    return NULL;
}

/* NULL: no memory. */
static struct merged *merged_new(lc_channel *const *sources, size_t count)
{
    struct merged *merged = lc__allocate(sizeof *merged + count * sizeof merged->sources[0]);
    if (!merged)
        return NULL;
    atomic_init(&merged->turn, 0);
    merged->count = count;
    for (size_t i = 0; i < count; i++)
        merged->sources[i] = lc_channel_ref(sources[i]);
    return merged;
}

lc_error *lc_channels_merge(lc_channel *const *sources, size_t count, lc_channel **merged)
{
    if (!merged)
        return lc_error_new(-EINVAL, "lc_channels_merge needs a place for the channel");
    *merged = NULL;
    lc_error *mistake = sources_check(sources, count);
    if (mistake)
        return mistake;
    struct merged *made = merged_new(sources, count);
    *merged = made ? lc__channel_new_view(&merged_view, made) : NULL;
    if (*merged)
        return NULL;
    if (made)
        merged_view_free(made);
    return lc_error_new(-ENOMEM, "no memory to merge %zu channels", count);
}
