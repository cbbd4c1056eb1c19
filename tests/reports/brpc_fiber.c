/*
 * brpc_fiber.c: scenarios from public bug reports of brpc (apache/brpc) and Boost.Fiber
 * (boostorg/fiber), rebuilt in our own terms. tests/reports.md lists them with their verdicts.
 */
#include "reports/beside.h"
#include "support/check.h"
#include "support/clock.h"
#include "support/fibers.h"
#include "support/mode.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>

/* ---- deadlines that come while the wait begins ---- */

static void shortest_deadlines_are_met(void)
{
    enum { ROUNDS = 400 };
    lc_handle *never = lc_handle_new();
    lc_channel *channel = channel_of(1);
    void *item = NULL;
    for (int64_t i = 0; i < ROUNDS; i++) {
        int64_t timeout = i * 50 * LC_NANOSECOND;
        CU_ASSERT_EQUAL(lc_handle_wait(never, lc_deadline_after(timeout)), -ETIMEDOUT);
        CU_ASSERT_EQUAL(lc_channel_receive(channel, &item, lc_deadline_after(timeout)), -ETIMEDOUT);
        CU_ASSERT_EQUAL(lc_sleep(timeout), 0);
    }
    lc_handle_unref(never);
    lc_channel_unref(channel);
}

/* ---- sleeping under a context ---- */

struct sleeper {
    lc_context *context;
    int64_t timeout;
    int64_t slept;
};

static int sleep_under_context(void *arg)
{
    struct sleeper *sleeper = arg;
    int64_t begin = lc_now();
    int result = lc_context_sleep(sleeper->context, sleeper->timeout);
    sleeper->slept = lc_now() - begin;
    return result;
}

/* Each sleep under a context that has ended says so, not only the first one. */
static void ended_context_ends_every_sleep(void)
{
    struct sleeper sleeper = {.context = lc_context_new(NULL), .timeout = LC_HOUR};
    struct beside beside;
    beside_sleeps(&beside, sleep_under_context, &sleeper);
    lc_context_cancel(sleeper.context, NULL);
    CU_ASSERT_EQUAL(beside_ends(&beside), -ECANCELED);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(sleep_under_context(&sleeper), -ECANCELED);
    lc_context_unref(sleeper.context);
}

/* The end of the context and the end of the sleep fall together: the answer fits what was slept. */
static void answer_fits_the_time_slept(void)
{
    struct check_clock *clock = check_clock_new();
    struct sleeper sleeper = {.timeout = 10 * LC_MILLISECOND};
    struct beside beside;
    check_clock_use(clock);
    sleeper.context = lc_context_with_deadline(NULL, lc_deadline_after(sleeper.timeout));
    check_clock_use(NULL);
    check_clock_advance(clock, sleeper.timeout);
    CHECK_CLOSES(lc_context_done(sleeper.context));
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(sleeper.context)), -ETIMEDOUT);
    sleeper.timeout = 0; /* over before the context is looked at */
    beside_start(&beside, sleep_under_context, &sleeper);
    int result = beside_ends(&beside);
    CU_ASSERT_TRUE(result == 0 || result == -ETIMEDOUT);
    lc_context_unref(sleeper.context);
    check_clock_free(clock);

    lc_context *context = lc_context_new(NULL);
    struct sleeper short_sleep = {context, LC_MILLISECOND, 0};
    beside_start(&beside, sleep_under_context, &short_sleep);
    lc_sleep(LC_MILLISECOND);
    lc_context_cancel(context, NULL);
    result = beside_ends(&beside);
    CU_ASSERT_TRUE(result == -ECANCELED || (result == 0 && short_sleep.slept >= LC_MILLISECOND));
    lc_context_unref(context);
}

/* ---- an end that comes while a wait begins ---- */

static int cancel_context(void *arg)
{
    lc_context_cancel(((struct sleeper *)arg)->context, NULL);
    return 0;
}

/* The context ends as a wait under it begins: the wait ends, whatever it waits for. */
static void end_is_heard_by_a_wait_that_begins(void)
{
    enum { ROUNDS = 20 };
    lc_handle *never = lc_handle_new();
    lc_channel *channel = channel_of(1);
    for (int i = 0; i < ROUNDS; i++) {
        struct sleeper sleeper = {.context = lc_context_new(NULL), .timeout = LC_FOREVER};
        struct beside canceller;
        void *item = NULL;
        int result = 0;
        beside_start(&canceller, cancel_context, &sleeper);
        if (i % 3 == 0)
            result = lc_context_wait(sleeper.context, never, LC_FOREVER);
        else if (i % 3 == 1)
            result = lc_context_receive(sleeper.context, channel, &item, LC_FOREVER);
        else
            result = sleep_under_context(&sleeper);
        CU_ASSERT_EQUAL(result, -ECANCELED);
        beside_ends(&canceller);
        lc_context_unref(sleeper.context);
    }
    lc_handle_unref(never);
    lc_channel_unref(channel);
}

/* ---- a wait that has timed out leaves nothing behind ---- */

struct twice {
    lc_handle *handle;
    lc_handle *timed_out;
    int64_t slept;
};

static int wait_then_sleep(void *arg)
{
    struct twice *twice = arg;
    int result = lc_handle_wait(twice->handle, lc_deadline_after(LC_MILLISECOND));
    lc_handle_close(twice->timed_out);
    int64_t begin = lc_now();
    if (lc_sleep(20 * LC_MILLISECOND) != 0)
        return -1;
    twice->slept = lc_now() - begin;
    return result;
}

/*
 * The handle closes after the wait for it has timed out: the sleep that follows is not cut short.
 */
static void late_close_does_not_wake_the_next_wait(void)
{
    struct twice twice = {.handle = lc_handle_new(), .timed_out = lc_handle_new()};
    struct beside beside;
    beside_start(&beside, wait_then_sleep, &twice);
    CHECK_CLOSES(twice.timed_out);
    lc_handle_close(twice.handle);
    CU_ASSERT_EQUAL(beside_ends(&beside), -ETIMEDOUT);
    CU_ASSERT_TRUE(twice.slept >= 20 * LC_MILLISECOND);
    lc_handle_unref(twice.handle);
    lc_handle_unref(twice.timed_out);
}

/* ---- channels ---- */

/* A send that does not wait wakes a receiver as one that waits does. */
static void send_without_waiting_wakes(void)
{
    struct traffic traffic = {.channel = channel_of(16)};
    struct beside receiver;
    beside_sleeps(&receiver, traffic_receive, &traffic);
    CU_ASSERT_EQUAL(lc_channel_send(traffic.channel, item_of(5), LC_NOW), 0);
    CU_ASSERT_EQUAL(beside_ends(&receiver), 0);
    CU_ASSERT_PTR_EQUAL(traffic.item, item_of(5));
    lc_channel_unref(traffic.channel);
}

/* A sender is parked in front of a channel that another fiber or thread closes. */
static void close_ends_a_parked_send(void)
{
    struct traffic traffic = {.channel = channel_of(1), .item = item_of(2)};
    struct beside sender;
    CU_ASSERT_EQUAL(lc_channel_send(traffic.channel, item_of(1), LC_NOW), 0);
    beside_sleeps(&sender, traffic_send, &traffic);
    lc_channel_close(traffic.channel);
    CU_ASSERT_EQUAL(beside_ends(&sender), -EPIPE);
    lc_channel_unref(traffic.channel);
}

/* The smallest channel, filled and emptied without waiting: each attempt comes to an end. */
static void attempts_end(void)
{
    lc_channel *channel = channel_of(1);
    void *item = NULL;
    for (size_t i = 1; i < 100; i++) {
        CU_ASSERT_EQUAL(lc_channel_receive(channel, &item, LC_NOW), -ETIMEDOUT);
        CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(i), LC_NOW), 0);
        CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(i), LC_NOW), -ETIMEDOUT);
        CU_ASSERT_EQUAL(lc_channel_receive(channel, &item, LC_NOW), 0);
        CU_ASSERT_PTR_EQUAL(item, item_of(i));
    }
    lc_channel_close(channel);
    CU_ASSERT_EQUAL(lc_channel_receive(channel, &item, LC_NOW), -EPIPE);
    lc_channel_unref(channel);
}

CHECK_SUITE_IN_MODES(
    report_brpc_fiber, "report: brpc and boost.fiber",
    {"brpc#617 a deadline that comes while the wait begins is met", shortest_deadlines_are_met},
    {"brpc#721 a context that has ended ends every sleep under it", ended_context_ends_every_sleep},
    {"brpc#2511 what a sleep answers fits how long it was", answer_fits_the_time_slept},
    {"brpc#3551 an end is heard by a wait that begins at the same moment",
     end_is_heard_by_a_wait_that_begins},
    {"boost-fiber#133 a close after a time-out does not wake the next wait",
     late_close_does_not_wake_the_next_wait},
    {"boost-fiber#114 a send that does not wait wakes a parked receiver",
     send_without_waiting_wakes},
    {"boost-fiber#181 a close ends a parked send", close_ends_a_parked_send},
    {"boost-fiber#111 attempts on the smallest channel come to an end", attempts_end});

/* ---- executors: real ones only ---- */

static void sleep_shortly(void *arg)
{
    (void)arg;
    lc_sleep(LC_MICROSECOND);
}

/* An executor is freed while its last timer fires. */
static void freeing_does_not_miss_a_timer(void)
{
    enum { ROUNDS = 100 };
    for (int i = 0; i < ROUNDS; i++) {
        lc_executor *executor = fibers_executor(1 + (unsigned)i % 2);
        fibers_start(executor, "short", sleep_shortly, NULL);
        CU_ASSERT_EQUAL(lc_executor_free(executor), 0);
    }
}

enum { CROWD = 64 };

struct crowd {
    lc_handle *never;
    atomic_uint timed_out;
};

static void crowd_waits(void *arg)
{
    struct crowd *crowd = arg;
    if (lc_handle_wait(crowd->never, lc_deadline_after(5 * LC_MILLISECOND)) == -ETIMEDOUT)
        atomic_fetch_add(&crowd->timed_out, 1);
}

/* All fibers of all threads wait: their deadlines still come. */
static void deadlines_come_though_all_wait(void)
{
    struct crowd crowd = {.never = lc_handle_new()};
    lc_executor *executor = fibers_executor(2);
    for (int i = 0; i < CROWD; i++)
        fibers_spread(executor, crowd_waits, &crowd);
    fibers_end(executor);
    CU_ASSERT_EQUAL(atomic_load(&crowd.timed_out), CROWD);
    lc_handle_unref(crowd.never);
}

struct visit {
    lc_handle *handle;
    atomic_uint visits;
};

static lc_error *visit_until_closed(void *arg)
{
    struct visit *visit = arg;
    lc_handle_wait(visit->handle, check_patience());
    atomic_fetch_add(&visit->visits, 1);
    return NULL;
}

static int visit_close(void *arg)
{
    lc_handle_close(((struct visit *)arg)->handle);
    return 0;
}

/* A thread leaves its executor as soon as a foreign thread has woken its last fiber. */
static void waker_outlives_the_fibers_thread(void)
{
    enum { ROUNDS = 100 };
    for (int i = 0; i < ROUNDS; i++) {
        struct visit visit = {.handle = lc_handle_new()};
        struct beside closer;
        lc_executor *executor = fibers_executor(1);
        beside_start(&closer, visit_close, &visit);
        CHECK_SUCCESS(lc_executor_run(executor, visit_until_closed, &visit));
        CU_ASSERT_EQUAL(lc_executor_free(executor), 0);
        beside_ends(&closer);
        CU_ASSERT_EQUAL(atomic_load(&visit.visits), 1);
        lc_handle_unref(visit.handle);
    }
}

struct timed_traffic {
    lc_channel *channel;
    atomic_uint received, timed_out;
    atomic_bool over;
};

static void timed_receive(void *arg)
{
    struct timed_traffic *traffic = arg;
    while (!atomic_load(&traffic->over)) {
        void *item = NULL;
        int result =
            lc_channel_receive(traffic->channel, &item, lc_deadline_after(20 * LC_MICROSECOND));
        if (result == 0)
            atomic_fetch_add(&traffic->received, 1);
        else if (result == -ETIMEDOUT)
            atomic_fetch_add(&traffic->timed_out, 1);
        else
            break;
    }
}

/* Fibers of two threads receive with deadlines that pass just as items come: none is lost. */
static void timed_receives_lose_nothing(void)
{
    enum { ITEMS = 300, RECEIVERS = 6 };
    struct timed_traffic traffic = {.channel = channel_of(2)};
    lc_executor *executor = fibers_executor(2);
    for (int i = 0; i < RECEIVERS; i++)
        fibers_spread(executor, timed_receive, &traffic);
    for (size_t i = 0; i < ITEMS; i++) {
        CU_ASSERT_EQUAL(lc_channel_send(traffic.channel, item_of(i), check_patience()), 0);
        if (i % 10 == 0)
            lc_sleep(20 * LC_MICROSECOND);
    }
    lc_channel_close(traffic.channel);
    fibers_end(executor);
    CU_ASSERT_EQUAL(atomic_load(&traffic.received), ITEMS);
    CU_ASSERT_EQUAL(lc_channel_length(traffic.channel), 0);
    lc_channel_unref(traffic.channel);
}

static void count_visit(void *arg)
{
    atomic_fetch_add(&((struct visit *)arg)->visits, 1);
}

/* Executors side by side and one after the other do not share anything. */
static void executors_are_independent(void)
{
    for (int round = 0; round < 3; round++) {
        struct visit one = {.handle = NULL}, two = {.handle = NULL};
        lc_executor *first = fibers_executor(2), *second = fibers_executor(2);
        for (int i = 0; i < CROWD; i++) {
            fibers_spread(first, count_visit, &one);
            fibers_spread(second, count_visit, &two);
        }
        fibers_end(first);
        CU_ASSERT_EQUAL(atomic_load(&one.visits), CROWD);
        fibers_spread(second, count_visit, &two);
        fibers_end(second);
        CU_ASSERT_EQUAL(atomic_load(&two.visits), CROWD + 1);
    }
}

CHECK_SUITE(report_brpc_fiber_executors, "report: brpc and boost.fiber, executors",
            {"brpc#2986 an executor that is freed while its last timer fires ends",
             freeing_does_not_miss_a_timer},
            {"brpc#1648 deadlines come although all fibers of all threads wait",
             deadlines_come_though_all_wait},
            {"boost-fiber#260 what wakes the last fiber of a thread may outlive that thread",
             waker_outlives_the_fibers_thread},
            {"boost-fiber#212 receives with deadlines that pass as items come lose nothing",
             timed_receives_lose_nothing},
            {"boost-fiber#217 executors side by side and one after the other are independent",
             executors_are_independent});
