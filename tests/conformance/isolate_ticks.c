/*
 * isolate_ticks.c: contract C18: what a timer sends does not pile up, counts against no limit, and
 * does not come any more once the timer was cancelled. Of isolates, threads and fibers.
 */
#include "support/check.h"
#include "support/clock.h"
#include "support/isolates.h"
#include "support/mode.h"

#include <lifecycle.h>

#include <errno.h>

enum { PERIODS = 100 };

/* ---- ports of threads and fibers ---- */

struct desk {
    struct check_clock *clock;
    lc_receive_port port;
    lc_timer timer;
};

static void desk_open(struct desk *desk, size_t limit, lc_when_full when_full)
{
    lc_port_options options = {.size = sizeof options};
    options.limit = limit;
    options.when_full = when_full;
    desk->clock = check_clock_new();
    check_clock_use(desk->clock);
    CHECK_SUCCESS(lc_port_open(&options, &desk->port));
}

static void desk_start(struct desk *desk, int64_t after, int64_t period)
{
    static int number = 5;
    const lc_payload payload = {&number, sizeof number, NULL};
    CU_ASSERT_EQUAL(lc_timer_start(desk->port.send, &payload, after, period, &desk->timer), 0);
}

static void desk_close(struct desk *desk)
{
    CU_ASSERT_EQUAL(check_clock_waiting(desk->clock), 0);
    probe_close(desk->port);
    check_clock_use(NULL);
    check_clock_free(desk->clock);
}

/* The next message's periods; -1: there is none. */
static long periods_of_next(lc_receive_port port)
{
    lc_message *message;
    if (lc_port_receive(port, &message, LC_NOW) != 0)
        return -1;
    long periods = (long)lc_message_periods(message);
    lc_message_free(message);
    return periods;
}

static void one_tick_stands_for_many_periods(void)
{
    struct desk desk;
    desk_open(&desk, LC_MAILBOX_DEFAULT, LC_FULL_REFUSE);
    desk_start(&desk, 1000, 1000);
    check_clock_advance(desk.clock, (int64_t)PERIODS * 1000);
    CU_ASSERT_EQUAL(periods_of_next(desk.port), PERIODS);
    CU_ASSERT_EQUAL(periods_of_next(desk.port), -1);
    check_clock_advance(desk.clock, 1000);
    CU_ASSERT_EQUAL(periods_of_next(desk.port), 1);
    check_clock_advance(desk.clock, 2999);
    CU_ASSERT_EQUAL(periods_of_next(desk.port), 2);
    CU_ASSERT_TRUE(lc_timer_cancel(desk.timer));
    desk_start(&desk, 10, 0);
    check_clock_advance(desk.clock, 10);
    CU_ASSERT_EQUAL(periods_of_next(desk.port), 1);
    send_number(desk.port.send, 7);
    CU_ASSERT_EQUAL(periods_of_next(desk.port), 0); /* of no timer */
    desk_close(&desk);
}

static void ticks_take_no_room_in_a_port(void)
{
    struct desk desk;
    desk_open(&desk, 1, LC_FULL_REFUSE);
    desk_start(&desk, 1000, 1000);
    check_clock_advance(desk.clock, 3000);
    CU_ASSERT_EQUAL(send_number(desk.port.send, 1), 0);
    CU_ASSERT_EQUAL(send_number(desk.port.send, 2), -ENOBUFS);
    PROBE_GETS(desk.port, 5);
    CU_ASSERT_EQUAL(send_number(desk.port.send, 2), -ENOBUFS); /* that took no room */
    check_clock_advance(desk.clock, 1000);
    PROBE_GETS(desk.port, 1);
    CU_ASSERT_EQUAL(send_number(desk.port.send, 3), 0);
    PROBE_GETS(desk.port, 5, 3);
    CU_ASSERT_TRUE(lc_timer_cancel(desk.timer));
    desk_close(&desk);
}

static void ticks_push_nothing_out_of_a_port(void)
{
    struct desk desk;
    desk_open(&desk, 2, LC_FULL_DROP_OLDEST);
    desk_start(&desk, 1000, 1000);
    check_clock_advance(desk.clock, 1000);
    for (int i = 1; i <= 4; i++)
        CU_ASSERT_EQUAL(send_number(desk.port.send, i), 0);
    check_clock_advance(desk.clock, 5000);
    PROBE_GETS(desk.port, 5, 3, 4);
    CU_ASSERT_TRUE(probe_is_empty(desk.port));
    CU_ASSERT_TRUE(lc_timer_cancel(desk.timer));
    desk_close(&desk);
}

static void nothing_comes_after_a_cancel(void)
{
    struct desk desk;
    desk_open(&desk, LC_MAILBOX_DEFAULT, LC_FULL_REFUSE);
    lc_waitable ready = lc_on_port(desk.port);
    for (int periodic = 0; periodic < 2; periodic++) {
        desk_start(&desk, 1000, periodic ? 1000 : 0);
        check_clock_advance(desk.clock, 3000);
        CU_ASSERT_EQUAL(lc_wait_any(&ready, 1, LC_NOW), 0);
        CU_ASSERT_TRUE(lc_timer_cancel(desk.timer));
        CU_ASSERT_FALSE(lc_timer_cancel(desk.timer));
        CU_ASSERT_EQUAL(lc_wait_any(&ready, 1, LC_NOW), -ETIMEDOUT);
        CU_ASSERT_TRUE(probe_is_empty(desk.port));
    }
    /* Between two messages. */
    send_number(desk.port.send, 1);
    desk_start(&desk, 1000, 1000);
    check_clock_advance(desk.clock, 1000);
    CU_ASSERT_TRUE(lc_timer_cancel(desk.timer));
    PROBE_GETS(desk.port, 1);
    CU_ASSERT_EQUAL(lc_wait_any(&ready, 1, LC_NOW), -ETIMEDOUT);
    send_number(desk.port.send, 2);
    lc_message *message;
    CU_ASSERT_EQUAL(lc_port_receive_any(&desk.port, 1, &message, LC_NOW), 0);
    CU_ASSERT_EQUAL(number_in(message), 2);
    lc_message_free(message);
    desk_close(&desk);
}

static void cancelled_tick_gives_up_its_data(void)
{
    struct parcel parcel = {.number = 5};
    const lc_payload payload = {&parcel, sizeof parcel.number, parcel_destroy};
    struct desk desk;
    desk_open(&desk, LC_MAILBOX_DEFAULT, LC_FULL_REFUSE);
    CU_ASSERT_EQUAL(lc_timer_start(desk.port.send, &payload, 1000, 0, &desk.timer), 0);
    check_clock_advance(desk.clock, 1000);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
    CU_ASSERT_TRUE(lc_timer_cancel(desk.timer));
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
    desk_close(&desk);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
}

/* A port is closed with a tick in it: the timer ends, and leaves nothing. */
static void tick_in_a_port_that_is_closed(void)
{
    struct desk desk;
    desk_open(&desk, 1, LC_FULL_REFUSE);
    lc_receive_port port = probe_open();
    lc_timer timer;
    CU_ASSERT_EQUAL(lc_timer_start(port.send, NULL, 1000, 1000, &timer), 0);
    check_clock_advance(desk.clock, 5000);
    probe_close(port);
    check_clock_advance(desk.clock, 5000);
    CU_ASSERT_FALSE(lc_timer_cancel(timer));
    desk_close(&desk);
}

/* ---- isolates ---- */

struct ticker {
    struct agent agent;
    lc_receive_port ticks; /* the isolate's */
    lc_receive_port own;   /* the isolate's, for numbers that are passed on */
    lc_receive_port heard; /* the test's: periods, negative, and numbers */
    lc_receive_port time;  /* the test's */
    lc_timer timer;
    int64_t period;
    lc_handle *gate;
};

static lc_error *tell_periods(lc_message *message, void *arg)
{
    const struct ticker *ticker = arg;
    send_number(ticker->heard.send, -(int)lc_message_periods(message));
    return NULL;
}

static lc_error *begin_ticking(void *arg)
{
    struct ticker *ticker = arg;
    ticker->ticks = port_with(tell_periods, ticker);
    ticker->own = port_with(pass_number, &ticker->heard.send);
    CU_ASSERT_EQUAL(
        lc_timer_start(ticker->ticks.send, NULL, ticker->period, ticker->period, &ticker->timer),
        0);
    return NULL;
}

static void ticker_init(struct ticker *ticker, size_t limit, lc_when_full when_full)
{
    *ticker = (struct ticker){.period = LC_MILLISECOND, .gate = lc_handle_new()};
    ticker->heard = probe_open();
    ticker->time = probe_open();
    agent_init(&ticker->agent);
    ticker->agent.first = begin_ticking;
    ticker->agent.arg = ticker;
    ticker->agent.options.mailbox_limit = limit;
    ticker->agent.options.when_full = when_full;
    agent_begin(&ticker->agent);
}

static void ticker_drop(struct ticker *ticker)
{
    agent_stop(&ticker->agent);
    probe_close(ticker->heard);
    probe_close(ticker->time);
    lc_handle_unref(ticker->gate);
}

/* Lets time pass by a timer of the test's, behind all that fire before. */
static void let_pass(struct ticker *ticker, int64_t nanoseconds)
{
    CU_ASSERT_EQUAL(lc_timer_start(ticker->time.send, NULL, nanoseconds, 0, NULL), 0);
    PROBE_GETS(ticker->time, 0);
}

static lc_error *waits_at_gate(void *arg)
{
    const struct ticker *ticker = arg;
    lc_handle_wait(ticker->gate, LC_FOREVER);
    return NULL;
}

static lc_error *cancels(void *arg)
{
    const struct ticker *ticker = arg;
    lc_handle_wait(ticker->gate, LC_FOREVER);
    CU_ASSERT_TRUE(lc_timer_cancel(ticker->timer));
    send_number(ticker->heard.send, 1);
    return NULL;
}

static bool is_periods(int number)
{
    return number < 0;
}

/* What comes after the ticks that are there. */
static int next_number(struct ticker *ticker)
{
    int number;
    while (is_periods(number = probe_number(ticker->heard)))
        continue;
    return number;
}

/* Held up while a hundred periods pass: then one tick comes, before what was sent after it. */
static void held_up(bool paused)
{
    struct ticker ticker;
    ticker_init(&ticker, 3, LC_FULL_REFUSE);
    lc_capability resume = lc_capability_new();
    CU_ASSERT_TRUE(is_periods(probe_number(ticker.heard)));
    int code = paused ? lc_isolate_pause(ticker.agent.isolate, resume)
                      : agent_told(&ticker.agent, waits_at_gate, &ticker);
    CU_ASSERT_EQUAL(code, 0);
    let_pass(&ticker, (int64_t)PERIODS * ticker.period);
    while (!probe_is_empty(ticker.heard)) /* what came before it was held up */
        continue;
    for (int i = 1; i <= 3; i++)
        CU_ASSERT_EQUAL(send_number(ticker.own.send, i), 0);
    CU_ASSERT_EQUAL(send_number(ticker.own.send, 4), -ENOBUFS);
    code = paused ? lc_isolate_resume(ticker.agent.isolate, resume) : 0;
    CU_ASSERT_EQUAL(code, 0);
    lc_handle_close(ticker.gate);
    int periods = -probe_number(ticker.heard);
    CU_ASSERT_TRUE(periods > PERIODS / 2);
    PROBE_GETS(ticker.heard, 1, 2, 3);
    ticker_drop(&ticker);
}

static void tick_after_a_pause(void)
{
    held_up(true);
}

static void tick_after_a_long_handler(void)
{
    held_up(false);
}

static void ticks_push_nothing_out_of_a_mailbox(void)
{
    struct ticker ticker;
    ticker_init(&ticker, 2, LC_FULL_DROP_OLDEST);
    lc_capability resume = lc_capability_new();
    CU_ASSERT_EQUAL(lc_isolate_pause(ticker.agent.isolate, resume), 0);
    let_pass(&ticker, 10 * ticker.period);
    for (int i = 1; i <= 4; i++)
        CU_ASSERT_EQUAL(send_number(ticker.own.send, i), 0);
    let_pass(&ticker, 10 * ticker.period);
    CU_ASSERT_EQUAL(lc_isolate_resume(ticker.agent.isolate, resume), 0);
    CU_ASSERT_EQUAL(next_number(&ticker), 3);
    CU_ASSERT_EQUAL(next_number(&ticker), 4);
    ticker_drop(&ticker);
}

/* The handler's own timer has a tick in the mailbox when it cancels it. */
static void nothing_comes_after_the_owner_cancels(void)
{
    struct ticker ticker;
    ticker_init(&ticker, LC_MAILBOX_DEFAULT, LC_FULL_REFUSE);
    CU_ASSERT_EQUAL(agent_told(&ticker.agent, cancels, &ticker), 0);
    let_pass(&ticker, 10 * ticker.period);
    lc_handle_close(ticker.gate);
    CU_ASSERT_EQUAL(next_number(&ticker), 1);
    let_pass(&ticker, 10 * ticker.period);
    CU_ASSERT_EQUAL(send_number(ticker.own.send, 2), 0);
    PROBE_GETS(ticker.heard, 2);
    ticker_drop(&ticker);
}

/* Its ticks wait for a handler: still one, and none after the cancel. */
static lc_error *drops_handler(void *arg)
{
    CU_ASSERT_EQUAL(lc_port_set_handler(((struct ticker *)arg)->ticks, NULL, NULL), 0);
    return NULL;
}

static lc_error *takes_handler(void *arg)
{
    struct ticker *ticker = arg;
    CU_ASSERT_EQUAL(lc_port_set_handler(ticker->ticks, tell_periods, ticker), 0);
    return NULL;
}

static void ticks_without_a_handler(void)
{
    struct ticker ticker;
    ticker_init(&ticker, 1, LC_FULL_REFUSE);
    agent_does(&ticker.agent, drops_handler, &ticker);
    while (!probe_is_empty(ticker.heard))
        continue;
    let_pass(&ticker, (int64_t)PERIODS * ticker.period);
    CU_ASSERT_EQUAL(send_number(ticker.own.send, 1), 0); /* it waits for none, and takes no room */
    PROBE_GETS(ticker.heard, 1);
    agent_does(&ticker.agent, takes_handler, &ticker);
    CU_ASSERT_TRUE(-probe_number(ticker.heard) > PERIODS / 2);
    agent_does(&ticker.agent, drops_handler, &ticker);
    let_pass(&ticker, 10 * ticker.period);
    CU_ASSERT_TRUE(lc_timer_cancel(ticker.timer));
    while (!probe_is_empty(ticker.heard))
        continue;
    agent_does(&ticker.agent, takes_handler, &ticker);
    CU_ASSERT_EQUAL(send_number(ticker.own.send, 2), 0);
    PROBE_GETS(ticker.heard, 2);
    ticker_drop(&ticker);
}

CHECK_SUITE_IN_MODES(
    isolate_ticks, "conformance: isolates, ticks",
    {"C18 one tick stands for the periods that have passed", one_tick_stands_for_many_periods,
     CHECK_EXACT},
    {"C18 a tick takes no room in a port", ticks_take_no_room_in_a_port, CHECK_EXACT},
    {"C18 a tick pushes nothing out of a port, and is not pushed out",
     ticks_push_nothing_out_of_a_port, CHECK_EXACT},
    {"C18 no tick comes to a port after a cancel", nothing_comes_after_a_cancel, CHECK_EXACT},
    {"C18 a cancel destroys what an undelivered tick carries", cancelled_tick_gives_up_its_data,
     CHECK_EXACT},
    {"C18 a port may be closed with a tick in it", tick_in_a_port_that_is_closed, CHECK_EXACT},
    {"C18 after a pause one tick comes, and took no room", tick_after_a_pause},
    {"C18 after a handler that took long one tick comes", tick_after_a_long_handler},
    {"C18 a tick pushes nothing out of a mailbox", ticks_push_nothing_out_of_a_mailbox},
    {"C18 no tick comes after its owner has cancelled the timer",
     nothing_comes_after_the_owner_cancels},
    {"C18 ticks that wait for a handler do not pile up", ticks_without_a_handler});
