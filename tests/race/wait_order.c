/*
 * wait_order.c: a wait that lists an error before done never misses the error. Another thread
 * closes first the one, then the other, a million times, at every moment of the wait for both.
 */
#include "support/check.h"
#include "support/race.h"

#include <lifecycle.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct order {
    lc_handle *error;
    lc_handle *done;
    struct lc_waitable descriptor; /* NONE, or one that is never ready: the wait is then in poll */
    size_t count;
    int found;
};

static void make_handles(void *arg)
{
    struct order *order = arg;
    order->error = lc_handle_new();
    order->done = lc_handle_new();
    order->found = -1;
}

static void wait_for_both(void *arg)
{
    struct order *order = arg;
    lc_waitable waitables[] = {lc_on_handle(order->error), lc_on_handle(order->done),
                               order->descriptor};
    order->found = lc_wait_any(waitables, order->count, check_patience());
}

static void close_in_order(void *arg)
{
    struct order *order = arg;
    lc_handle_close(order->error);
    lc_handle_close(order->done);
}

static bool error_was_seen(void *arg)
{
    struct order *order = arg;
    lc_handle_unref(order->error);
    lc_handle_unref(order->done);
    return order->found == 0;
}

static const struct race race = {make_handles, wait_for_both, close_in_order, error_was_seen};

static void error_is_never_missed(void)
{
    struct order order = {.count = 2};
    unsigned rounds = check_fewer(check_count(100000, 1000000));
    CU_ASSERT_EQUAL(race_run(&race, &order, rounds / 2),
                    0); /* half on one processor, half on two */
}

static void error_is_never_missed_in_poll(void)
{
    int pipes[2];
    if (pipe(pipes) != 0)
        abort();
    struct order order = {.count = 3, .descriptor = lc_on_fd(pipes[0], 1)};
    CU_ASSERT_EQUAL(race_run(&race, &order, check_fewer(check_count(20000, 200000))), 0);
    close(pipes[0]);
    close(pipes[1]);
}

/* The same through a signaler and its done handle, as supervisors use it. */
struct thrown {
    lc_signaler *signaler;
    lc_context *context;
    lc_handle *done;
    lc_error *kept;
    lc_error *error;
};

static void make_signaler(void *arg)
{
    struct thrown *thrown = arg;
    thrown->signaler = lc_signaler_new();
    thrown->context = lc_context_with_signaler(NULL, thrown->signaler);
    thrown->done = lc_handle_new();
    thrown->error = NULL;
}

static void wait_for_error_or_done(void *arg)
{
    struct thrown *thrown = arg;
    if (lc_signaler_wait(thrown->signaler, thrown->done, &thrown->error, check_patience()) != 0)
        thrown->error = NULL;
}

static void throw_and_be_done(void *arg)
{
    struct thrown *thrown = arg;
    lc_signal_error(thrown->context, lc_error_ref(thrown->kept));
    lc_handle_close(thrown->done);
}

static bool error_was_taken(void *arg)
{
    struct thrown *thrown = arg;
    bool well = thrown->error == thrown->kept;
    lc_error_unref(thrown->error);
    lc_context_unref(thrown->context);
    lc_signaler_unref(thrown->signaler);
    lc_handle_unref(thrown->done);
    return well;
}

static void thrown_error_is_never_missed(void)
{
    struct race throwing = {make_signaler, wait_for_error_or_done, throw_and_be_done,
                            error_was_taken};
    struct thrown thrown = {.kept = lc_error_new(-5, "thrown")};
    CU_ASSERT_EQUAL(race_run(&throwing, &thrown, check_fewer(check_count(50000, 500000))), 0);
    lc_error_unref(thrown.kept);
}

CHECK_SUITE(race_wait_order, "race: wait order",
            {"of two handles closed in the order error, done, the error is always seen first",
             error_is_never_missed},
            {"of these two and a descriptor the error is always seen first",
             error_is_never_missed_in_poll},
            {"an error thrown before done is always taken", thrown_error_is_never_missed});
