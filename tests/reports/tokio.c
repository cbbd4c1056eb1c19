/*
 * tokio.c: scenarios from public bug reports of tokio (tokio-rs/tokio), rebuilt in our own terms.
 * tests/reports.md lists them with their verdicts.
 */
#include "reports/beside.h"
#include "support/check.h"
#include "support/fibers.h"
#include "support/isolates.h"
#include "support/mode.h"

#include "base/memory.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>

static int traffic_awaits_room(void *arg)
{
    lc_waitable waitable = lc_on_send(((struct traffic *)arg)->channel);
    return lc_wait_any(&waitable, 1, check_patience());
}

static int traffic_awaits_item(void *arg)
{
    lc_waitable waitable = lc_on_receive(((struct traffic *)arg)->channel);
    return lc_wait_any(&waitable, 1, check_patience());
}

/* ---- closing ---- */

static void full_and_closed_is_closed(void)
{
    lc_channel *channel = channel_of(1);
    void *item = NULL;
    CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(1), LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(2), LC_NOW), -ETIMEDOUT);
    lc_channel_close(channel);
    CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(2), LC_NOW), -EPIPE);
    CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(2), LC_FOREVER), -EPIPE);
    CU_ASSERT_EQUAL(lc_channel_receive(channel, &item, LC_NOW), 0);
    CU_ASSERT_PTR_EQUAL(item, item_of(1));
    CU_ASSERT_EQUAL(lc_channel_receive(channel, &item, LC_NOW), -EPIPE);
    lc_channel_close(channel);
    lc_channel_unref(channel);
}

/* Two park in a send, one in a wait for room. The close must end each wait. */
static void close_wakes_all_senders(void)
{
    lc_channel *channel = channel_of(1);
    struct traffic traffic[3];
    struct beside senders[3];
    CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(1), LC_NOW), 0);
    for (size_t i = 0; i < 3; i++) {
        traffic[i] = (struct traffic){channel, NULL, item_of(10 + i)};
        beside_sleeps(&senders[i], i == 1 ? traffic_awaits_room : traffic_send, &traffic[i]);
    }
    lc_channel_close(channel);
    CU_ASSERT_EQUAL(beside_ends(&senders[0]), -EPIPE);
    CU_ASSERT_EQUAL(beside_ends(&senders[1]), 0);
    CU_ASSERT_EQUAL(beside_ends(&senders[2]), -EPIPE);
    CU_ASSERT_EQUAL(lc_channel_length(channel), 1);
    lc_channel_unref(channel);
}

static void close_wakes_all_receivers(void)
{
    lc_channel *channel = channel_of(4);
    struct traffic traffic[3];
    struct beside receivers[3];
    for (size_t i = 0; i < 3; i++) {
        traffic[i] = (struct traffic){channel, NULL, NULL};
        beside_sleeps(&receivers[i], i == 1 ? traffic_awaits_item : traffic_receive, &traffic[i]);
    }
    lc_channel_close(channel);
    CU_ASSERT_EQUAL(beside_ends(&receivers[0]), -EPIPE);
    CU_ASSERT_EQUAL(beside_ends(&receivers[1]), 0);
    CU_ASSERT_EQUAL(beside_ends(&receivers[2]), -EPIPE);
    lc_channel_unref(channel);
}

/* ---- a wake-up that goes to a waiter that gives up at the same moment ---- */

/* The first of two parked senders gives up while room comes: then the second one gets the room. */
static void room_goes_to_the_next_sender(void)
{
    lc_channel *channel = channel_of(1);
    lc_context *context = lc_context_new(NULL);
    struct traffic gives_up = {channel, context, item_of(2)}, stays = {channel, NULL, item_of(3)};
    struct beside first, second, canceller;
    void *item = NULL;
    CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(1), LC_NOW), 0);
    beside_sleeps(&first, traffic_send, &gives_up);
    beside_sleeps(&second, traffic_send, &stays);
    beside_start(&canceller, traffic_cancel, &gives_up);
    CU_ASSERT_EQUAL(lc_channel_receive(channel, &item, LC_NOW), 0);
    beside_ends(&canceller);
    int result = beside_ends(&first);
    CU_ASSERT_TRUE(result == 0 || result == -ECANCELED);
    if (result == 0) { /* its item is in the way of the other's */
        CU_ASSERT_EQUAL(lc_channel_receive(channel, &item, check_patience()), 0);
        CU_ASSERT_PTR_NOT_EQUAL(item, item_of(1));
    }
    CU_ASSERT_EQUAL(beside_ends(&second), 0);
    CU_ASSERT_EQUAL(lc_channel_length(channel), 1);
    CU_ASSERT_EQUAL(lc_channel_receive(channel, &item, LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(4), LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(5), LC_NOW), -ETIMEDOUT);
    lc_context_unref(context);
    lc_channel_unref(channel);
}

/* ---- contexts as a tree of tokens ---- */

static void grandchild_outlives_its_parent(void)
{
    lc_context *parent = lc_context_new(NULL), *child = lc_context_new(parent);
    lc_context *grandchild = lc_context_new(child);
    lc_context_unref(child);
    lc_context_cancel(parent, NULL);
    lc_context_unref(parent);
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(grandchild)), -ECANCELED);
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_context_done(grandchild)));
    lc_context_unref(grandchild);
}

static void short_lived_children_leave_nothing(void)
{
    enum { COUNT = 200 };
    lc_context *parent = lc_context_new(NULL);
    lc_context_unref(lc_context_new(parent));
    size_t held = lc__memory_in_use();
    for (unsigned i = 0; i < COUNT; i++) {
        lc_context *child = lc_context_new(parent), *grandchild = lc_context_new(child);
        if (i % 2)
            lc_context_cancel(child, NULL);
        lc_context_unref(child);
        lc_context_unref(grandchild);
    }
    CU_ASSERT_EQUAL(lc__memory_in_use(), held);
    lc_context_unref(parent);
}

/* Is called while a context goes, and uses the tree that the context was part of. */
static void release_cancels(void *arg)
{
    lc_context *parent = arg, *sibling = lc_context_new(parent);
    lc_context_cancel(parent, NULL);
    CU_ASSERT_PTR_NOT_NULL(lc_context_error(sibling));
    lc_context_unref(sibling);
    lc_context_unref(parent);
}

static void release_may_use_the_tree(void)
{
    static const char key;
    lc_context *parent = lc_context_new(NULL), *other = lc_context_new(parent);
    lc_context *child =
        lc_context_with_value(parent, &key, lc_context_ref(parent), release_cancels);
    lc_context_unref(child);
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(other)), -ECANCELED);
    lc_context_unref(other);
    lc_context_unref(parent);
}

/* ---- the end of time ---- */

static void largest_durations_do_not_overflow(void)
{
    lc_receive_port port = probe_open();
    lc_timer never, repeated, rare;
    lc_context *context = lc_context_with_deadline(NULL, LC_FOREVER - 1);
    CU_ASSERT_EQUAL(lc_deadline_after(LC_FOREVER), LC_FOREVER);
    CU_ASSERT_EQUAL(lc_deadline_after(LC_FOREVER - 1), LC_FOREVER);
    CU_ASSERT_EQUAL(lc_timer_start(port.send, NULL, LC_FOREVER, 0, &never), 0);
    CU_ASSERT_EQUAL(lc_timer_start(port.send, NULL, LC_FOREVER - 1, LC_FOREVER - 1, &repeated), 0);
    CU_ASSERT_EQUAL(lc_timer_start(port.send, NULL, LC_MILLISECOND, LC_FOREVER, &rare), 0);
    PROBE_GETS(port, 0);
    CU_ASSERT_EQUAL(lc_sleep(5 * LC_MILLISECOND), 0);
    CU_ASSERT_TRUE(probe_is_empty(port));
    CU_ASSERT_PTR_NULL(lc_context_error(context));
    CU_ASSERT_TRUE(lc_timer_cancel(never));
    CU_ASSERT_TRUE(lc_timer_cancel(repeated));
    CU_ASSERT_TRUE(lc_timer_cancel(rare));
    CU_ASSERT_FALSE(lc_timer_cancel(rare));
    lc_context_unref(context);
    probe_close(port);
}

static int sleep_without_end(void *arg)
{
    return lc_context_sleep(((struct traffic *)arg)->context, LC_FOREVER);
}

static void endless_sleep_can_be_cut_short(void)
{
    struct traffic traffic = {.context = lc_context_new(NULL)};
    struct beside sleeper;
    beside_sleeps(&sleeper, sleep_without_end, &traffic);
    lc_context_cancel(traffic.context, NULL);
    CU_ASSERT_EQUAL(beside_ends(&sleeper), -ECANCELED);
    lc_context_unref(traffic.context);
}

CHECK_SUITE_IN_MODES(
    report_tokio, "report: tokio",
    {"tokio#4118 a full channel that is closed answers closed, not full",
     full_and_closed_is_closed},
    {"tokio#2854 a close wakes every parked sender", close_wakes_all_senders},
    {"tokio#8075 a close wakes every parked receiver", close_wakes_all_receivers},
    {"tokio#8260 room that comes as a sender gives up goes to the next sender",
     room_goes_to_the_next_sender},
    {"tokio#4639 a grandchild is ended and freed although its parent is held by nothing else",
     grandchild_outlives_its_parent},
    {"tokio#7026 short-lived children leave nothing with their parent",
     short_lived_children_leave_nothing},
    {"tokio#5429 a release function may use the tree that its context was part of",
     release_may_use_the_tree},
    {"tokio#8384 the largest durations do not overflow", largest_durations_do_not_overflow},
    {"tokio#6487 a sleep without end can be cut short", endless_sleep_can_be_cut_short});

/* ---- executors: real ones only ---- */

struct flood {
    atomic_uint started;
    atomic_uint run;
    atomic_int refused_with;
};

static void flood_count(void *arg)
{
    atomic_fetch_add(&((struct flood *)arg)->run, 1);
}

/* Starts fibers until the executor takes no more of them. */
static void flood_start(void *arg)
{
    struct flood *flood = arg;
    lc_fiber_options options = {.size = sizeof options};
    options.name = "late";
    options.run = flood_count;
    options.arg = flood;
    options.spread = true;
    int result = 0;
    while ((result = lc_fiber_start(&options)) == 0) {
        atomic_fetch_add(&flood->started, 1);
        lc_yield();
    }
    atomic_store(&flood->refused_with, result);
}

/* What an executor has accepted runs, also while it is being freed; the rest is refused. */
static void work_is_run_or_refused(void)
{
    enum { ROUNDS = 50 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct flood flood = {0};
        lc_executor *executor = fibers_executor(2);
        fibers_start(executor, "flood", flood_start, &flood);
        if (round % 2)
            lc_sleep((int64_t)round * LC_MICROSECOND);
        CU_ASSERT_EQUAL(lc_executor_free(executor), 0);
        CU_ASSERT_EQUAL(atomic_load(&flood.refused_with), -ESHUTDOWN);
        CU_ASSERT_EQUAL(atomic_load(&flood.started), atomic_load(&flood.run));
    }
}

struct timed {
    int result;
    int64_t slept;
};

static void sleep_a_little(void *arg)
{
    struct timed *timed = arg;
    int64_t begin = lc_now();
    timed->result = lc_sleep(20 * LC_MILLISECOND);
    timed->slept = lc_now() - begin;
}

static void sleep_outlasts_the_free(void)
{
    struct timed timed = {.result = -1};
    lc_executor *executor = fibers_executor(1);
    fibers_start(executor, "sleeper", sleep_a_little, &timed);
    CU_ASSERT_EQUAL(lc_executor_free(executor), 0);
    CU_ASSERT_EQUAL(timed.result, 0);
    CU_ASSERT_TRUE(timed.slept >= 20 * LC_MILLISECOND);
}

struct blocked {
    lc_handle *open;
    atomic_uint waiting, done;
};

static void block_on_handle(void *arg)
{
    struct blocked *blocked = arg;
    atomic_fetch_add(&blocked->waiting, 1);
    lc_handle_wait(blocked->open, check_patience());
}

static void block_in_fiber(void *arg)
{
    struct blocked *blocked = arg;
    if (lc_call_blocking(block_on_handle, blocked) == 0)
        atomic_fetch_add(&blocked->done, 1);
}

static void open_after_all(void *arg)
{
    struct blocked *blocked = arg;
    while (atomic_load(&blocked->waiting) < 4)
        lc_sleep(100 * LC_MICROSECOND);
    lc_handle_close(blocked->open);
}

/* Four fibers of one thread block for what only a fifth fiber of this thread can do. */
static void blocking_calls_leave_the_thread_free(void)
{
    struct blocked blocked = {.open = lc_handle_new()};
    lc_executor *executor = fibers_executor(1);
    for (unsigned i = 0; i < 4; i++)
        fibers_start(executor, "blocked", block_in_fiber, &blocked);
    fibers_start(executor, "opener", open_after_all, &blocked);
    fibers_end(executor);
    CU_ASSERT_EQUAL(atomic_load(&blocked.done), 4);
    lc_handle_unref(blocked.open);
}

CHECK_SUITE(report_tokio_executors, "report: tokio, executors",
            {"tokio#7499 what an executor accepts while it is being freed runs",
             work_is_run_or_refused},
            {"tokio#2789 a sleep lasts its whole time while its executor is being freed",
             sleep_outlasts_the_free},
            {"tokio#6463 blocking calls leave their thread to the fiber that ends them",
             blocking_calls_leave_the_thread_free});
