/*
 * channel.c: channels: order, bounds, deadlines, closing, discarding, and merged ones' corner
 * cases. What A17 says of merged channels is in conformance/lifecycle_combinators.c.
 */
#include "support/check.h"
#include "support/later.h"
#include "support/manual_clock.h"

#include "base/memory.h"
#include "wait/channel.h"

#include <lifecycle.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

static unsigned discarded;

static void discard(void *item)
{
    discarded += (unsigned)(uintptr_t)item;
}

static void *number(size_t n)
{
    return (void *)(uintptr_t)n;
}

static lc_channel *channel_new(size_t capacity)
{
    lc_channel *channel = NULL;
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = capacity, .discard = discard), &channel));
    discarded = 0;
    return channel;
}

static size_t received(lc_channel *channel)
{
    void *item = number(999);
    CU_ASSERT_EQUAL(lc_channel_receive(channel, &item, check_patience()), 0);
    return (size_t)(uintptr_t)item;
}

static void first_in_first_out(void)
{
    lc_channel *channel = channel_new(3);
    for (size_t round = 0; round < 5; round++) { /* goes round the ring */
        CU_ASSERT_EQUAL(lc_channel_send(channel, number(1), LC_NOW), 0);
        CU_ASSERT_EQUAL(lc_channel_send(channel, NULL, LC_NOW), 0);
        CU_ASSERT_EQUAL(lc_channel_length(channel), 2);
        CU_ASSERT_EQUAL(received(channel), 1);
        CU_ASSERT_EQUAL(received(channel), 0);
        CU_ASSERT_EQUAL(lc_channel_length(channel), 0);
    }
    lc_channel_unref(channel);
}

static void full_channel_holds_senders_back(void)
{
    lc_channel *channel = channel_new(2);
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(1), LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(2), LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(3), LC_NOW), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_channel_length(channel), 2);
    CU_ASSERT_EQUAL(received(channel), 1);
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(4), LC_NOW), 0);
    CU_ASSERT_EQUAL(received(channel), 2);
    CU_ASSERT_EQUAL(received(channel), 4);
    CU_ASSERT_EQUAL(discarded, 0); /* the refused one stays with its sender */
    lc_channel_unref(channel);
}

static void unbounded_channel_grows(void)
{
    enum { COUNT = 100000 };
    lc_channel *channel = channel_new(LC_CHANNEL_UNBOUNDED);
    bool sent = true, in_order = true;
    for (size_t i = 0; i < COUNT; i++)
        sent &= lc_channel_send(channel, number(i), LC_NOW) == 0;
    CU_ASSERT_TRUE(sent);
    CU_ASSERT_EQUAL(lc_channel_length(channel), COUNT);
    for (size_t i = 0; i < COUNT; i++)
        in_order &= received(channel) == i;
    CU_ASSERT_TRUE(in_order);
    lc_channel_unref(channel);
}

/* Grown while the queue goes round the end of its ring. */
static void unbounded_channel_grows_in_the_middle(void)
{
    lc_channel *channel = channel_new(LC_CHANNEL_UNBOUNDED);
    size_t in = 0, out = 0;
    bool in_order = true;
    for (size_t round = 0; round < 200; round++) {
        for (size_t i = 0; i < 7; i++)
            lc_channel_send(channel, number(in++), LC_NOW);
        for (size_t i = 0; i < 3; i++)
            in_order &= received(channel) == out++;
    }
    while (out < in)
        in_order &= received(channel) == out++;
    CU_ASSERT_TRUE(in_order);
    lc_channel_unref(channel);
}

static void takes_so_many(const lc_channel_options *options, size_t most)
{
    lc_channel *channel = NULL;
    size_t taken = 0;
    CHECK_SUCCESS(lc_channel_new(options, &channel));
    while (taken <= most && lc_channel_send(channel, NULL, LC_NOW) == 0)
        taken++;
    CU_ASSERT_EQUAL(taken, most);
    lc_channel_unref(channel);
}

static void zero_is_the_default(void)
{
    takes_so_many(LC_CHANNEL(), LC_CHANNEL_CAPACITY_DEFAULT);
    takes_so_many(NULL, LC_CHANNEL_CAPACITY_DEFAULT);
    takes_so_many(LC_CHANNEL(.capacity = 3), 3);
}

static void capacity_is_checked(void)
{
    lc_channel *channel = NULL;
    CHECK_SAYS(lc_channel_new(LC_CHANNEL(.capacity = LC_CHANNEL_CAPACITY_MAX + 1), &channel),
               -EINVAL, "16777216");
    CU_ASSERT_PTR_NULL(channel);
    CHECK_SAYS(lc_channel_new(LC_CHANNEL(.capacity = 1), NULL), -EINVAL, "a place");
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = LC_CHANNEL_CAPACITY_MAX), &channel));
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(1), LC_NOW), 0);
    lc_channel_unref(channel);
}

static void null_is_accepted(void)
{
    void *item = number(5);
    lc_channel_unref(NULL);
    lc_channel_close(NULL);
    CU_ASSERT_PTR_NULL(lc_channel_ref(NULL));
    CU_ASSERT_EQUAL(lc_channel_send(NULL, NULL, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(lc_channel_receive(NULL, &item, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(item, number(5));
}

/* ---- closing ---- */

static void closed_channel_gives_what_is_left(void)
{
    lc_channel *channel = channel_new(4);
    void *item = number(77);
    lc_channel_send(channel, number(1), LC_NOW);
    lc_channel_send(channel, number(2), LC_NOW);
    CU_ASSERT_FALSE(lc_channel_is_closed(channel));
    lc_channel_close(channel);
    lc_channel_close(channel);
    CU_ASSERT_TRUE(lc_channel_is_closed(channel));
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(3), check_patience()), -EPIPE);
    CU_ASSERT_EQUAL(received(channel), 1);
    CU_ASSERT_EQUAL(received(channel), 2);
    CU_ASSERT_EQUAL(lc_channel_receive(channel, &item, check_patience()), -EPIPE);
    CU_ASSERT_EQUAL(lc_channel_receive(channel, &item, LC_NOW), -EPIPE);
    CU_ASSERT_EQUAL(item, number(77));
    lc_channel_unref(channel);
}

static void last_reference_discards(void)
{
    size_t before = lc__memory_in_use();
    lc_channel *channel = channel_new(LC_CHANNEL_UNBOUNDED);
    lc_channel_send(channel, number(1), LC_NOW);
    lc_channel_send(channel, number(20), LC_NOW);
    lc_channel_send(channel, number(300), LC_NOW);
    CU_ASSERT_EQUAL(received(channel), 1);
    lc_channel_close(channel);
    CU_ASSERT_PTR_EQUAL(lc_channel_ref(channel), channel);
    lc_channel_unref(channel);
    CU_ASSERT_EQUAL(discarded, 0);
    lc_channel_unref(channel);
    CU_ASSERT_EQUAL(discarded, 320);
    CU_ASSERT_EQUAL(lc__memory_in_use(), before);
}

static lc_channel *reentered;

static void discard_into(void *item)
{
    if (lc_channel_length(reentered) < 5)
        lc_channel_send(reentered, item, LC_NOW);
}

static void discard_length(void *item)
{
    (void)item;
    discarded = (unsigned)lc_channel_length(reentered);
}

static void discard_runs_unlocked(void)
{
    lc_channel *channel = NULL;
    reentered = channel_new(LC_CHANNEL_UNBOUNDED);
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 2, .discard = discard_into), &channel));
    lc_channel_send(channel, number(6), LC_NOW);
    lc_channel_unref(channel);
    CU_ASSERT_EQUAL(received(reentered), 6);
    lc_channel_unref(reentered);
}

/* ---- full channels ---- */

static lc_channel *channel_of_two(lc_channel_when_full when_full, void (*discarder)(void *item))
{
    lc_channel *channel = NULL;
    CHECK_SUCCESS(lc_channel_new(
        LC_CHANNEL(.capacity = 2, .when_full = when_full, .discard = discarder), &channel));
    discarded = 0;
    lc_channel_send(channel, number(10), LC_NOW);
    lc_channel_send(channel, number(200), LC_NOW);
    return channel;
}

static bool has_room(lc_channel *channel)
{
    lc_waitable room = lc_on_send(channel);
    return lc_wait_any(&room, 1, LC_NOW) == 0;
}

static void full_channel_refuses(void)
{
    lc_channel *channel = channel_of_two(LC_CHANNEL_REFUSE, discard);
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(3), LC_NOW), -ENOBUFS);
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(3), LC_FOREVER), -ENOBUFS);
    CU_ASSERT_EQUAL(lc_context_send(NULL, channel, number(3), LC_FOREVER), -ENOBUFS);
    CU_ASSERT_FALSE(has_room(channel));
    CU_ASSERT_EQUAL(received(channel), 10);
    CU_ASSERT_TRUE(has_room(channel));
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(4), LC_FOREVER), 0);
    CU_ASSERT_EQUAL(received(channel), 200);
    CU_ASSERT_EQUAL(received(channel), 4);
    CU_ASSERT_EQUAL(discarded, 0); /* the refused one stays with its sender */
    lc_channel_close(channel);
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(5), LC_FOREVER), -EPIPE);
    lc_channel_unref(channel);
}

static void full_channel_drops_its_oldest(void)
{
    lc_channel *channel = channel_of_two(LC_CHANNEL_DROP_OLDEST, discard);
    CU_ASSERT_TRUE(has_room(channel));
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(3), LC_NOW), 0);
    CU_ASSERT_EQUAL(discarded, 10);
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(4), LC_FOREVER), 0);
    CU_ASSERT_EQUAL(lc_context_send(NULL, channel, number(5), LC_FOREVER), 0);
    CU_ASSERT_EQUAL(discarded, 213);
    CU_ASSERT_EQUAL(lc_channel_length(channel), 2);
    CU_ASSERT_EQUAL(received(channel), 4);
    CU_ASSERT_EQUAL(received(channel), 5);
    lc_channel_send(channel, number(6), LC_NOW);
    lc_channel_send(channel, number(7), LC_NOW);
    lc_channel_close(channel);
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(8), LC_NOW), -EPIPE);
    CU_ASSERT_EQUAL(discarded,
                    213); /* a closed channel drops nothing for an item that is refused */
    lc_channel_unref(channel);
    CU_ASSERT_EQUAL(discarded, 226);
}

static void drop_runs_unlocked(void)
{
    reentered = channel_of_two(LC_CHANNEL_DROP_OLDEST, discard_length);
    lc_channel_send(reentered, number(3), LC_NOW);
    CU_ASSERT_EQUAL(discarded, 1); /* the other one */
    CU_ASSERT_EQUAL(received(reentered), 200);
    CU_ASSERT_EQUAL(received(reentered), 3);
    lc_channel_unref(reentered);
}

static void drop_needs_no_discard_function(void)
{
    lc_channel *channel = channel_of_two(LC_CHANNEL_DROP_OLDEST, NULL);
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(3), LC_NOW), 0);
    CU_ASSERT_EQUAL(received(channel), 200);
    lc_channel_unref(channel);
}

static bool is_odd(const void *item)
{
    return (uintptr_t)item % 2 == 1;
}

static lc_channel *counting_channel(lc_channel_when_full when_full)
{
    discarded = 0;
    lc_channel *channel = lc__channel_new_counting(
        LC_CHANNEL(.capacity = 2, .when_full = when_full, .discard = discard), is_odd);
    CU_ASSERT_PTR_NOT_NULL_FATAL(channel);
    return channel;
}

static void extra_items_are_not_dropped(void)
{
    lc_channel *channel = counting_channel(LC_CHANNEL_DROP_OLDEST);
    for (size_t i = 1; i <= 5; i++) /* 2 and 4 count */
        CU_ASSERT_EQUAL(lc__channel_send_beyond(channel, number(i)), 0);
    CU_ASSERT_EQUAL(discarded, 0);
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(6), LC_NOW), 0);
    CU_ASSERT_EQUAL(discarded, 2);
    CU_ASSERT_EQUAL(received(channel), 1);
    CU_ASSERT_EQUAL(received(channel), 3);
    CU_ASSERT_EQUAL(received(channel), 4);
    CU_ASSERT_EQUAL(received(channel), 5);
    CU_ASSERT_EQUAL(received(channel), 6);
    lc_channel_unref(channel);
}

static void all_above_the_capacity_is_dropped(void)
{
    lc_channel *channel = counting_channel(LC_CHANNEL_DROP_OLDEST);
    for (size_t i = 2; i <= 8; i += 2)
        CU_ASSERT_EQUAL(lc__channel_send_beyond(channel, number(i)), 0);
    CU_ASSERT_EQUAL(lc_channel_length(channel), 4);
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(20), LC_NOW), 0);
    CU_ASSERT_EQUAL(discarded, 2 + 4 + 6);
    CU_ASSERT_EQUAL(lc_channel_length(channel), 2);
    CU_ASSERT_EQUAL(received(channel), 8);
    CU_ASSERT_EQUAL(received(channel), 20);
    lc_channel_unref(channel);
}

/* ---- waiting ---- */

static void send_seven(void *arg)
{
    lc_channel_send(arg, number(7), LC_NOW);
}

static void receive_one(void *arg)
{
    void *item;
    lc_channel_receive(arg, &item, LC_NOW);
}

static void close_channel(void *arg)
{
    lc_channel_close(arg);
}

static void receiver_is_woken_by_an_item(void)
{
    struct later then;
    lc_channel *channel = channel_new(1);
    later(&then, send_seven, channel);
    CU_ASSERT_EQUAL(received(channel), 7);
    CU_ASSERT_TRUE(later_join(&then));
    lc_channel_unref(channel);
}

static void receiver_is_woken_by_the_close(void)
{
    struct later then;
    void *item;
    lc_channel *channel = channel_new(1);
    later(&then, close_channel, channel);
    CU_ASSERT_EQUAL(lc_channel_receive(channel, &item, check_patience()), -EPIPE);
    CU_ASSERT_TRUE(later_join(&then));
    lc_channel_unref(channel);
}

static void sender_is_woken_by_room(void)
{
    struct later then;
    lc_channel *channel = channel_new(1);
    lc_channel_send(channel, number(1), LC_NOW);
    later(&then, receive_one, channel);
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(2), check_patience()), 0);
    CU_ASSERT_TRUE(later_join(&then));
    CU_ASSERT_EQUAL(received(channel), 2);
    lc_channel_unref(channel);
}

static void sender_is_woken_by_the_close(void)
{
    struct later then;
    lc_channel *channel = channel_new(1);
    lc_channel_send(channel, number(1), LC_NOW);
    later(&then, close_channel, channel);
    CU_ASSERT_EQUAL(lc_channel_send(channel, number(2), check_patience()), -EPIPE);
    CU_ASSERT_TRUE(later_join(&then));
    CU_ASSERT_EQUAL(received(channel), 1);
    lc_channel_unref(channel);
    CU_ASSERT_EQUAL(discarded, 0); /* the second stayed with its sender */
}

/* Several wait: each item wakes a receiver for itself, the close wakes the rest. */
struct receivers {
    lc_channel *channel;
    lc_channel *results;
};

static void *receive_on_thread(void *arg)
{
    struct receivers *receivers = arg;
    void *item = NULL;
    int result = lc_channel_receive(receivers->channel, &item, check_patience());
    lc_channel_send(receivers->results, result == 0 ? item : number(100), LC_NOW);
    return NULL;
}

static void many_receivers_are_woken(void)
{
    enum { COUNT = 4 };
    pthread_t threads[COUNT];
    struct receivers receivers = {channel_new(COUNT), channel_new(COUNT)};
    for (unsigned i = 0; i < COUNT; i++)
        pthread_create(&threads[i], NULL, receive_on_thread, &receivers);
    lc_channel_send(receivers.channel, number(1), LC_NOW);
    lc_channel_send(receivers.channel, number(2), LC_NOW);
    size_t sum = received(receivers.results) + received(receivers.results);
    CU_ASSERT_EQUAL(sum, 3);
    lc_channel_close(receivers.channel);
    CU_ASSERT_EQUAL(received(receivers.results), 100);
    CU_ASSERT_EQUAL(received(receivers.results), 100);
    for (unsigned i = 0; i < COUNT; i++)
        pthread_join(threads[i], NULL);
    lc_channel_unref(receivers.channel);
    lc_channel_unref(receivers.results);
}

struct timed {
    lc_channel *channel;
    struct manual_clock *clock;
    bool sends;
    int result;
};

static void *wait_on_manual_clock(void *arg)
{
    struct timed *timed = arg;
    void *item;
    manual_clock_use(timed->clock);
    timed->result = timed->sends ? lc_channel_send(timed->channel, number(2), 2000)
                                 : lc_channel_receive(timed->channel, &item, 2000);
    return NULL;
}

static void ends_at_the_deadline(bool sends)
{
    pthread_t thread;
    struct timed timed = {channel_new(1), manual_clock_new(1000), sends, 1};
    if (sends)
        lc_channel_send(timed.channel, number(1), LC_NOW);
    pthread_create(&thread, NULL, wait_on_manual_clock, &timed);
    check_waits_for(timed.clock, 1000);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(timed.result, -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_channel_length(timed.channel), sends);
    lc_channel_unref(timed.channel);
    manual_clock_free(timed.clock);
}

static void waits_end_at_the_deadline(void)
{
    ends_at_the_deadline(false);
    ends_at_the_deadline(true);
}

/* ---- nothing is lost or doubled when waiters give up ---- */

#define ITEMS 20000
#define PAIRS 2

struct traffic {
    lc_channel *channel;
    unsigned items;
    unsigned char *seen; /* a receiver each, then added up */
    bool in_order;
    unsigned from;
};

/* Draws a deadline that is now, soon, or far: all ways of waiting are mixed. */
static int64_t some_deadline(uint64_t *random)
{
    switch (check_random(random) % 4) {
    case 0:
        return LC_NOW;
    case 1:
        return lc_deadline_after((int64_t)(check_random(random) % 20000));
    default:
        return check_patience();
    }
}

static void *send_items(void *arg)
{
    struct traffic *traffic = arg;
    uint64_t random = check_seed() + traffic->from;
    for (unsigned i = 0; i < traffic->items;)
        if (lc_channel_send(traffic->channel, number(traffic->from * ITEMS + i),
                            some_deadline(&random)) == 0)
            i++;
    return NULL;
}

static void *receive_items(void *arg)
{
    struct traffic *traffic = arg;
    uint64_t random = ~check_seed() + traffic->from;
    size_t last[PAIRS] = {0};
    void *item;
    int result;
    traffic->in_order = true;
    while ((result = lc_channel_receive(traffic->channel, &item, some_deadline(&random))) !=
           -EPIPE) {
        if (result != 0)
            continue;
        size_t n = (size_t)(uintptr_t)item;
        traffic->seen[n]++;
        traffic->in_order &= n >= last[n / ITEMS];
        last[n / ITEMS] = n;
    }
    return NULL;
}

static void keeps_items_under_traffic(size_t capacity)
{
    static unsigned char seen[PAIRS][PAIRS * ITEMS];
    unsigned items = check_fewer(ITEMS);
    struct traffic senders[PAIRS], receivers[PAIRS];
    pthread_t sending[PAIRS], receiving[PAIRS];
    lc_channel *channel = NULL;
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = capacity), &channel));
    for (unsigned i = 0; i < PAIRS; i++) {
        for (unsigned n = 0; n < PAIRS * ITEMS; n++)
            seen[i][n] = 0;
        senders[i] = (struct traffic){.channel = channel, .items = items, .from = i};
        receivers[i] = (struct traffic){.channel = channel, .seen = seen[i], .from = i};
        pthread_create(&receiving[i], NULL, receive_items, &receivers[i]);
        pthread_create(&sending[i], NULL, send_items, &senders[i]);
    }
    for (unsigned i = 0; i < PAIRS; i++)
        pthread_join(sending[i], NULL);
    lc_channel_close(channel);
    for (unsigned i = 0; i < PAIRS; i++)
        pthread_join(receiving[i], NULL);
    unsigned wrong = 0;
    for (unsigned from = 0; from < PAIRS; from++)
        for (unsigned n = from * ITEMS; n < from * ITEMS + items; n++)
            wrong += seen[0][n] + seen[1][n] != 1;
    CU_ASSERT_EQUAL(wrong, 0);
    for (unsigned i = 0; i < PAIRS; i++)
        CU_ASSERT_TRUE(receivers[i].in_order);
    lc_channel_unref(channel);
}

static void items_are_neither_lost_nor_doubled(void)
{
    keeps_items_under_traffic(1);
    keeps_items_under_traffic(4);
    keeps_items_under_traffic(LC_CHANNEL_UNBOUNDED);
}

/* ---- merged ---- */

static void merged_channel_waits_in_wait_any(void)
{
    struct later then;
    lc_channel *sources[] = {channel_new(1), channel_new(1)}, *merged = NULL;
    CHECK_SUCCESS(lc_channels_merge(sources, 2, &merged));
    lc_waitable waitable = lc_on_receive(merged);
    CU_ASSERT_EQUAL(lc_wait_any(&waitable, 1, LC_NOW), -ETIMEDOUT);
    later(&then, send_seven, sources[1]);
    CU_ASSERT_EQUAL(lc_wait_any(&waitable, 1, check_patience()), 0);
    CU_ASSERT_TRUE(later_join(&then));
    CU_ASSERT_EQUAL(received(merged), 7);
    later(&then, close_channel, merged);
    CU_ASSERT_EQUAL(lc_wait_any(&waitable, 1, check_patience()), 0);
    CU_ASSERT_TRUE(later_join(&then));
    lc_channel_unref(merged);
    lc_channel_unref(sources[0]);
    lc_channel_unref(sources[1]);
}

static void merged_channel_takes_a_source_twice(void)
{
    lc_channel *source = channel_new(2), *twice[] = {source, source}, *merged = NULL;
    CHECK_SUCCESS(lc_channels_merge(twice, 2, &merged));
    lc_channel_send(source, number(1), LC_NOW);
    CU_ASSERT_EQUAL(received(merged), 1);
    struct later then;
    later(&then, send_seven, source);
    CU_ASSERT_EQUAL(received(merged), 7);
    CU_ASSERT_TRUE(later_join(&then));
    lc_channel_unref(merged);
    lc_channel_unref(source);
}

static void merged_channel_frees_a_bounded_sender(void)
{
    struct later then;
    lc_channel *source = channel_new(1), *merged = NULL;
    CHECK_SUCCESS(lc_channels_merge(&source, 1, &merged));
    lc_channel_send(source, number(1), LC_NOW);
    CU_ASSERT_EQUAL(lc_channel_send(source, number(2), LC_NOW),
                    -ETIMEDOUT); /* holds nothing itself */
    later(&then, receive_one, merged);
    CU_ASSERT_EQUAL(lc_channel_send(source, number(3), check_patience()), 0);
    CU_ASSERT_TRUE(later_join(&then));
    CU_ASSERT_EQUAL(received(merged), 3);
    lc_channel_unref(merged);
    lc_channel_unref(source);
}

CHECK_SUITE(
    unit_channel, "unit: channels", {"first in, first out; NULL is an item", first_in_first_out},
    {"a full channel holds senders back", full_channel_holds_senders_back},
    {"an unbounded channel grows", unbounded_channel_grows},
    {"an unbounded channel grows while it goes round", unbounded_channel_grows_in_the_middle},
    {"zero is the default", zero_is_the_default},
    {"the capacity is checked and the limit told", capacity_is_checked},
    {"NULL is accepted", null_is_accepted},
    {"a closed channel gives what is left, then EPIPE", closed_channel_gives_what_is_left},
    {"the last reference discards what is queued", last_reference_discards},
    {"discard is called without a lock", discard_runs_unlocked},
    {"a full channel refuses, if it is to", full_channel_refuses},
    {"a full channel drops its oldest item, if it is to", full_channel_drops_its_oldest},
    {"an item is dropped without a lock", drop_runs_unlocked},
    {"dropping needs no discard function", drop_needs_no_discard_function},
    {"items that do not count are not dropped", extra_items_are_not_dropped},
    {"a send drops all that is above the capacity", all_above_the_capacity_is_dropped},
    {"a receiver is woken by an item", receiver_is_woken_by_an_item},
    {"a receiver is woken by the close", receiver_is_woken_by_the_close},
    {"a sender is woken by room", sender_is_woken_by_room},
    {"a sender is woken by the close and keeps its item", sender_is_woken_by_the_close},
    {"many receivers are woken, one an item", many_receivers_are_woken},
    {"waits end at their deadline", waits_end_at_the_deadline},
    {"items are neither lost nor doubled under traffic", items_are_neither_lost_nor_doubled},
    {"a merged channel can be waited for with others", merged_channel_waits_in_wait_any},
    {"a merged channel takes a source twice", merged_channel_takes_a_source_twice},
    {"a receive from a merged channel frees a sender", merged_channel_frees_a_bounded_sender});
