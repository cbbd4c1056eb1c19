/*
 * libuv.c: scenarios from public bug reports of libuv (libuv/libuv, joyent/libuv), rebuilt in our
 * own terms. tests/reports.md lists them with their verdicts.
 */
#include "reports/beside.h"
#include "support/check.h"
#include "support/helper.h"
#include "support/isolates.h"
#include "support/mode.h"

#include <lifecycle.h>
#include <lifecycle/isolate.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- timers of zero ---- */

struct spinner {
    lc_receive_port port;
    lc_send_port report;
    atomic_uint rounds;
};

/* Arms the timer of zero again in the handler of that timer, without end. */
static lc_error *rearm(lc_message *message, void *arg)
{
    struct spinner *spinner = arg;
    (void)message;
    atomic_fetch_add(&spinner->rounds, 1);
    int result = lc_timer_start(spinner->port.send, NULL, 0, 0, NULL);
    return result == 0 ? NULL : lc_error_new(result, "no timer");
}

static lc_error *start_spinning(void *arg)
{
    struct spinner *spinner = arg;
    spinner->port = port_with(rearm, spinner);
    return rearm(NULL, spinner);
}

static lc_error *report_number(void *arg)
{
    send_number(((struct spinner *)arg)->report, 7);
    return NULL;
}

/* Neither its own messages nor other isolates starve, and it can be killed. */
static void zero_timers_starve_nothing(void)
{
    struct agent spinning, other;
    lc_receive_port port = probe_open();
    struct spinner spinner = {.report = port.send}, reporter = {.report = port.send};
    agent_init(&spinning);
    spinning.first = start_spinning;
    spinning.arg = &spinner;
    agent_begin(&spinning);
    agent_start(&other);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(agent_told(&spinning, report_number, &spinner), 0);
        PROBE_GETS(port, 7);
        CU_ASSERT_EQUAL(agent_told(&other, report_number, &reporter), 0);
        PROBE_GETS(port, 7);
    }
    CU_ASSERT_TRUE(atomic_load(&spinner.rounds) > 0);
    agent_stop(&spinning);
    agent_stop(&other);
    CU_ASSERT_TRUE(probe_is_empty(port));
    probe_close(port);
}

/* A timer of zero comes at once, however far away the next one is. */
static void zero_timer_comes_before_the_next(void)
{
    lc_receive_port port = probe_open();
    lc_timer next, zero;
    static const int far = 2, near = 1;
    const lc_payload far_payload = {(void *)(uintptr_t)&far, sizeof far, NULL};
    const lc_payload near_payload = {(void *)(uintptr_t)&near, sizeof near, NULL};
    CU_ASSERT_EQUAL(lc_timer_start(port.send, &far_payload, 24 * LC_HOUR, 0, &next), 0);
    CU_ASSERT_EQUAL(lc_timer_start(port.send, &near_payload, 0, 0, &zero), 0);
    int64_t begin = lc_now();
    PROBE_GETS(port, 1);
    CU_ASSERT_TRUE(lc_now() - begin < LC_HOUR);
    CU_ASSERT_FALSE(lc_timer_cancel(zero));
    CU_ASSERT_TRUE(lc_timer_cancel(next));
    probe_close(port);
}

/* ---- many timers ---- */

enum { TIMERS = 500, TICKS = 2000 };

struct field {
    lc_receive_port port;
    lc_send_port report;
    lc_timer timers[TIMERS];
    uint64_t random;
    unsigned ticks;
};

static int field_arm(struct field *field, int number)
{
    const lc_payload payload = {&number, sizeof number, NULL};
    int64_t after = (int64_t)(check_random(&field->random) % 1000) * LC_MICROSECOND;
    return lc_timer_start(field->port.send, &payload, after, 0, &field->timers[number]);
}

/* Each message cancels another timer and starts both again, until there were enough messages. */
static lc_error *field_tick(lc_message *message, void *arg)
{
    struct field *field = arg;
    int other = (int)(check_random(&field->random) % TIMERS);
    if (++field->ticks > TICKS) {
        for (int i = 0; i < TIMERS; i++)
            lc_timer_cancel(field->timers[i]);
        lc_port_close(field->port);
        send_number(field->report, 1);
        return NULL;
    }
    if (lc_timer_cancel(field->timers[other]) && field_arm(field, other) != 0)
        return lc_error_new(-EIO, "no timer");
    int self = number_in(message);
    lc_timer_cancel(field->timers[self]);
    return field_arm(field, self) == 0 ? NULL : lc_error_new(-EIO, "no timer");
}

static lc_error *field_start(void *arg)
{
    struct field *field = arg;
    field->port = port_with(field_tick, field);
    for (int i = 0; i < TIMERS; i++)
        if (field_arm(field, i) != 0)
            return lc_error_new(-EIO, "no timer");
    return NULL;
}

static void many_timers_stop_and_start_in_handlers(void)
{
    struct agent agent;
    lc_receive_port port = probe_open();
    struct field *field = calloc(1, sizeof *field);
    field->report = port.send;
    field->random = 42;
    agent_init(&agent);
    agent.first = field_start;
    agent.arg = field;
    agent_begin(&agent);
    PROBE_GETS(port, 1);
    agent_stop(&agent);
    CU_ASSERT_EQUAL(field->ticks, TICKS + 1);
    free(field);
    probe_close(port);
}

/* ---- a wake-up between two looks ---- */

struct echo {
    lc_receive_port port;
    lc_send_port report;
};

static lc_error *echo_open(void *arg)
{
    struct echo *echo = arg;
    echo->port = port_with(pass_number, &echo->report);
    return NULL;
}

/* Each message is sent as the isolate is just about to have nothing more to do. */
static void no_message_is_left_asleep(void)
{
    enum { ROUNDS = 300 };
    struct agent agent;
    lc_receive_port port = probe_open();
    struct echo echo = {.report = port.send};
    agent_init(&agent);
    agent.first = echo_open;
    agent.arg = &echo;
    agent_begin(&agent);
    for (int i = 0; i < ROUNDS; i++) {
        CU_ASSERT_EQUAL(send_number(echo.port.send, i), 0);
        PROBE_GETS(port, i);
    }
    agent_stop(&agent);
    probe_close(port);
}

/* ---- a send while the receiver closes ---- */

enum { PARCELS = 20 };

struct closing_race {
    lc_send_port port;
    struct parcel parcels[PARCELS];
    int accepted;
};

static int send_until_closed(void *arg)
{
    struct closing_race *race = arg;
    for (int i = 0; i < PARCELS; i++)
        race->accepted += send_parcel(race->port, &race->parcels[i]) == 0;
    return 0;
}

/* A port is closed while moved data comes: each piece is destroyed once, received or not. */
static void send_races_with_the_close(void)
{
    struct closing_race race = {.accepted = 0};
    struct beside sender;
    lc_receive_port port = probe_open();
    lc_message *message = NULL;
    race.port = port.send;
    beside_start(&sender, send_until_closed, &race);
    if (lc_port_receive(port, &message, LC_NOW) == 0)
        lc_message_free(message);
    probe_close(port);
    beside_ends(&sender);
    CU_ASSERT_EQUAL(race.accepted, PARCELS);
    for (int i = 0; i < PARCELS; i++)
        CU_ASSERT_EQUAL(atomic_load(&race.parcels[i].destroyed), 1);
    CU_ASSERT_EQUAL(lc_port_close(port), -EBADF);
}

/* ---- a timer that ends itself ---- */

struct self_ending {
    lc_send_port report;
    lc_receive_port port;
    lc_timer timer;
    int ticks;
};

enum { LAST_TICK = 3 };

/* At the third tick the handler cancels its own timer, twice, and closes its own port. */
static lc_error *self_ending_tick(lc_message *message, void *arg)
{
    struct self_ending *self = arg;
    (void)message;
    send_number(self->report, ++self->ticks);
    if (self->ticks == LAST_TICK) {
        lc_timer_cancel(self->timer);
        lc_timer_cancel(self->timer);
        lc_port_close(self->port);
    }
    return NULL;
}

static lc_error *self_ending_entry(void *arg)
{
    struct self_ending *self = arg;
    self->port = port_with(self_ending_tick, self);
    int result =
        lc_timer_start(self->port.send, NULL, LC_MILLISECOND, LC_MILLISECOND, &self->timer);
    return result == 0 ? NULL : lc_error_new(result, "no timer");
}

static void timer_ends_in_its_own_handler(void)
{
    static const int ended = 99;
    lc_receive_port port = probe_open();
    struct self_ending self = {.report = port.send};
    lc_isolate_options options = {.size = sizeof options};
    options.entry = self_ending_entry;
    options.arg = &self;
    options.on_exit = port.send;
    options.exit_response = (lc_payload){(void *)(uintptr_t)&ended, sizeof ended, NULL};
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    PROBE_GETS(port, 1, 2, LAST_TICK, 99);
    CU_ASSERT_TRUE(probe_is_empty(port));
    probe_close(port);
}

/* Nothing is received for a hundred periods: one message stands for all that were missed. */
static void missed_periods_are_one_message(void)
{
    lc_receive_port port = probe_open();
    lc_timer timer;
    CU_ASSERT_EQUAL(lc_timer_start(port.send, NULL, LC_MILLISECOND, LC_MILLISECOND, &timer), 0);
    lc_sleep(100 * LC_MILLISECOND);
    lc_message *first = probe_next(port), *second = NULL;
    CU_ASSERT_TRUE(lc_message_periods(first) >= 2);
    lc_message_free(first);
    second = probe_next(port);
    CU_ASSERT_TRUE(lc_message_periods(second) >= 1);
    lc_message_free(second);
    lc_sleep(10 * LC_MILLISECOND); /* so that one is not received */
    CU_ASSERT_TRUE(lc_timer_cancel(timer));
    CU_ASSERT_TRUE(probe_is_empty(port));
    CU_ASSERT_FALSE(lc_timer_cancel(timer));
    probe_close(port);
}

CHECK_SUITE_IN_MODES(
    report_libuv, "report: libuv",
    {"libuv#4245 a timer of zero that is armed again and again starves nothing",
     zero_timers_starve_nothing},
    {"joyent-libuv#574 a timer of zero comes at once", zero_timer_comes_before_the_next},
    {"libuv#1439 hundreds of timers are stopped and started by the handlers of others",
     many_timers_stop_and_start_in_handlers},
    {"sdl-core#789 a timer ends in its own handler", timer_ends_in_its_own_handler},
    {"libuv#181 the periods that were missed are one message", missed_periods_are_one_message},
    {"libuv#5058 what is sent while the port closes is destroyed once", send_races_with_the_close},
    {"joyent-libuv#1453 no message is left asleep", no_message_is_left_asleep});

/* ---- the time of a handler is no part of the period ---- */

struct drift {
    lc_send_port report;
    int64_t begin;
    unsigned ticks;
};

static lc_error *drift_tick(lc_message *message, void *arg)
{
    struct drift *drift = arg;
    (void)message;
    send_number(drift->report, (int)((lc_now() - drift->begin) / LC_MILLISECOND));
    lc_sleep(14 * LC_MILLISECOND);
    return NULL;
}

static lc_error *drift_start(void *arg)
{
    struct drift *drift = arg;
    lc_receive_port port = port_with(drift_tick, drift);
    drift->begin = lc_now();
    int result = lc_timer_start(port.send, NULL, 50 * LC_MILLISECOND, 50 * LC_MILLISECOND, NULL);
    return result == 0 ? NULL : lc_error_new(result, "no timer");
}

static lc_error *drift_in_a_simulation(void *arg)
{
    struct agent agent;
    lc_receive_port port = probe_open();
    struct drift drift = {.report = port.send};
    (void)arg;
    agent_init(&agent);
    agent.first = drift_start;
    agent.arg = &drift;
    agent_begin(&agent);
    PROBE_GETS(port, 50, 100, 150, 200, 250);
    agent_stop(&agent);
    probe_close(port);
    return NULL;
}

static void periods_do_not_drift(void)
{
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = check_seed()), &world));
    CHECK_SUCCESS(lc_executor_run(world, drift_in_a_simulation, NULL));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
}

/* ---- process signals ---- */

/* A watch ends while signals are pending for it, again and again. */
CHECK_CHILD(report_watch_ends_under_signals)
{
    enum { ROUNDS = 300, SIGNALS = 10 };
    static const int numbers[] = {SIGUSR1, SIGUSR2};
    for (int round = 0; round < ROUNDS; round++) {
        lc_process_signals *watch = NULL;
        if (check_code(lc_process_signals_new(numbers, 2, &watch)) != 0)
            return 1;
        for (int i = 0; i < SIGNALS; i++)
            kill(getpid(), numbers[i % 2]);
        if (round % 3 == 0 && lc_process_signals_next(watch, check_patience()) != SIGUSR1)
            return 2;
        lc_process_signals_free(watch);
    }
    if (!check_signal_is_default(SIGUSR1) || !check_signal_is_default(SIGUSR2))
        return 3;
    return lc_library_shutdown() == 0 ? 0 : 4;
}

static void watch_ends_under_signals(void)
{
    CU_ASSERT_EQUAL(check_child("report_watch_ends_under_signals").status, 0);
}

struct sending {
    lc_channel *turns;
    int sent;
};

static void send_in_turn(void *arg)
{
    struct sending *sending = arg;
    void *turn = NULL;
    for (; lc_channel_receive(sending->turns, &turn, check_patience()) == 0; sending->sent++)
        kill(getpid(), SIGUSR1);
}

/* Each signal is sent once the one before it was told: none may be lost. */
CHECK_CHILD(report_each_signal_is_told)
{
    enum { ROUNDS = 500 };
    static const int number = SIGUSR1;
    struct sending sending = {0};
    lc_process_signals *watches[2] = {NULL, NULL};
    struct helper sender;
    if (check_code(lc_channel_new(LC_CHANNEL(.capacity = 1), &sending.turns)) != 0)
        return 1;
    for (int i = 0; i < 2; i++)
        if (check_code(lc_process_signals_new(&number, 1, &watches[i])) != 0)
            return 2;
    helper_start(&sender, send_in_turn, &sending);
    for (int round = 0; round < ROUNDS; round++) {
        if (lc_channel_send(sending.turns, NULL, check_patience()) != 0)
            return 3;
        for (int i = 0; i < 2; i++)
            if (lc_process_signals_next(watches[i], check_patience()) != SIGUSR1)
                return 4;
    }
    lc_channel_close(sending.turns);
    helper_join(&sender);
    lc_process_signals_free(watches[0]);
    lc_process_signals_free(watches[1]);
    lc_channel_unref(sending.turns);
    if (sending.sent != ROUNDS)
        return 5;
    return lc_library_shutdown() == 0 ? 0 : 6;
}

static void each_signal_is_told(void)
{
    CU_ASSERT_EQUAL(check_child("report_each_signal_is_told").status, 0);
}

CHECK_SUITE(report_libuv_kernel, "report: libuv, signals and periods",
            {"libuv#1381 a period does not grow by the time that the handler takes",
             periods_do_not_drift},
            {"libuv#2415 a watch ends under signals, and the disposition is put back",
             watch_ends_under_signals},
            {"libuv#4287 each signal is told to each watch", each_signal_is_told});
