/*
 * ended_waits.c: waits that the end of a context ends, against what they wait for and against that
 * end: no item is lost, and what has come before the end is never missed.
 */
#include "support/check.h"
#include "support/race.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdlib.h>

enum { ROUNDS = 3000 };

struct ended {
    lc_context *context;
    lc_channel *channel; /* of one item */
    lc_handle *handle;
    uint64_t random;
    int64_t deadline; /* of the wait */
    int result;
    void *item;
};

static void *const THING = &(char){0};

static void prepare(void *arg)
{
    struct ended *ended = arg;
    ended->context = lc_context_new(NULL);
    ended->handle = lc_handle_new();
    if (check_code(lc_channel_new(LC_CHANNEL(.capacity = 1), &ended->channel)) != 0)
        abort();
    ended->item = NULL;
    switch (check_random(&ended->random) % 4) {
    case 0:
        ended->deadline = LC_NOW;
        break;
    case 1:
        ended->deadline = lc_deadline_after((int64_t)(check_random(&ended->random) % 8000));
        break;
    default:
        ended->deadline = LC_FOREVER;
    }
}

static void prepare_full(void *arg)
{
    struct ended *ended = arg;
    prepare(arg);
    lc_channel_send(ended->channel, NULL, LC_NOW);
}

static void tidy(struct ended *ended)
{
    lc_context_unref(ended->context);
    lc_handle_unref(ended->handle);
    lc_channel_unref(ended->channel);
}

static void receive_in_context(void *arg)
{
    struct ended *ended = arg;
    ended->result =
        lc_context_receive(ended->context, ended->channel, &ended->item, ended->deadline);
}

static void send_in_context(void *arg)
{
    struct ended *ended = arg;
    ended->result = lc_context_send(ended->context, ended->channel, THING, ended->deadline);
}

static void wait_in_context(void *arg)
{
    struct ended *ended = arg;
    ended->result = lc_context_wait(ended->context, ended->handle, ended->deadline);
}

static void send_then_cancel(void *arg)
{
    struct ended *ended = arg;
    lc_channel_send(ended->channel, THING, LC_NOW);
    lc_context_cancel(ended->context, NULL);
}

static void cancel_then_send(void *arg)
{
    struct ended *ended = arg;
    lc_context_cancel(ended->context, NULL);
    lc_channel_send(ended->channel, THING, LC_NOW);
}

static void receive_then_cancel(void *arg)
{
    struct ended *ended = arg;
    void *first;
    lc_channel_receive(ended->channel, &first, LC_NOW);
    lc_context_cancel(ended->context, NULL);
}

static void cancel_then_receive(void *arg)
{
    struct ended *ended = arg;
    void *first;
    lc_context_cancel(ended->context, NULL);
    lc_channel_receive(ended->channel, &first, LC_NOW);
}

static void close_then_cancel(void *arg)
{
    struct ended *ended = arg;
    lc_handle_close(ended->handle);
    lc_context_cancel(ended->context, NULL);
}

/* What the other side does before it cancels comes first; only a timeout may be earlier still. */
static bool is_success_or_timeout(const struct ended *ended)
{
    return ended->result == 0 || (ended->deadline != LC_FOREVER && ended->result == -ETIMEDOUT);
}

/* The item is received, or it is still in the channel: never both, and never neither. */
static bool receive_lost_nothing(const struct ended *ended)
{
    bool received = ended->result == 0;
    return ended->item == (received ? THING : NULL) &&
           lc_channel_length(ended->channel) == (received ? 0 : 1);
}

/* The first item is gone. */
static bool send_lost_nothing(const struct ended *ended)
{
    return lc_channel_length(ended->channel) == (ended->result == 0 ? 1 : 0);
}

static bool judge_receive(void *arg)
{
    struct ended *ended = arg;
    bool well = receive_lost_nothing(ended);
    tidy(ended);
    return well;
}

static bool judge_receive_before_end(void *arg)
{
    struct ended *ended = arg;
    bool well = is_success_or_timeout(ended) && receive_lost_nothing(ended);
    tidy(ended);
    return well;
}

static bool judge_send(void *arg)
{
    struct ended *ended = arg;
    bool well = send_lost_nothing(ended);
    tidy(ended);
    return well;
}

static bool judge_send_before_end(void *arg)
{
    struct ended *ended = arg;
    bool well = is_success_or_timeout(ended) && send_lost_nothing(ended);
    tidy(ended);
    return well;
}

static bool judge_wait_before_end(void *arg)
{
    struct ended *ended = arg;
    bool well = is_success_or_timeout(ended);
    tidy(ended);
    return well;
}

static void run_race(struct race race)
{
    struct ended ended = {.random = check_seed()};
    CU_ASSERT_EQUAL(race_run(&race, &ended, check_fewer(ROUNDS)), 0);
}

static void item_before_the_end(void)
{
    run_race(
        (struct race){prepare, receive_in_context, send_then_cancel, judge_receive_before_end});
}

static void item_after_the_end(void)
{
    run_race((struct race){prepare, receive_in_context, cancel_then_send, judge_receive});
}

static void room_before_the_end(void)
{
    run_race(
        (struct race){prepare_full, send_in_context, receive_then_cancel, judge_send_before_end});
}

static void room_after_the_end(void)
{
    run_race((struct race){prepare_full, send_in_context, cancel_then_receive, judge_send});
}

static void close_before_the_end(void)
{
    run_race((struct race){prepare, wait_in_context, close_then_cancel, judge_wait_before_end});
}

CHECK_SUITE(race_ended_waits, "race: waits that a context ends",
            {"an item that comes before the end is received", item_before_the_end},
            {"an item that comes after the end is not lost", item_after_the_end},
            {"room that comes before the end is used", room_before_the_end},
            {"room that comes after the end loses nothing", room_after_the_end},
            {"a handle that closes before the end is seen", close_before_the_end});
