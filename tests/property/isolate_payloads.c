/*
 * isolate_payloads.c: what is moved in a message is destroyed exactly once, whatever becomes of the
 * message: when memory runs out at any point, when mailboxes are full, when isolates are killed in
 * the middle of something, when a simulation is broken off.
 */
#include "support/check.h"
#include "support/fibers.h"

#include "base/memory.h"

#include <lifecycle.h>

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

/* ---- parcels ---- */

struct parcel {
    atomic_uint over; /* destroyed, or back with the sender */
    bool sent;
};

static void destroy_parcel(void *data)
{
    atomic_fetch_add(&((struct parcel *)data)->over, 1);
}

static lc_payload moved(struct parcel *parcel)
{
    parcel->sent = true;
    return (lc_payload){parcel, sizeof *parcel, destroy_parcel};
}

/* What was not taken over is the sender's. */
static int kept_if_failed(struct parcel *parcel, int result)
{
    if (result < 0)
        destroy_parcel(parcel);
    return result;
}

static bool all_over_once(const struct parcel *parcels, size_t count)
{
    bool well = true;
    for (size_t i = 0; i < count; i++)
        well &= atomic_load(&parcels[i].over) == parcels[i].sent;
    return well;
}

/* ---- memory that runs out at each point ---- */

enum {
    TO_PORT,
    TO_CHANNEL,
    TO_TIMER,
    TO_LATE_TIMER,
    PING,
    LATE_PING,
    LISTENER,
    SECOND,
    FIRST,
    LAST,
    TAKEN,
    PARCELS
};

struct fixture {
    struct parcel parcels[PARCELS];
    lc_receive_port observer; /* of the thread */
    lc_receive_port port, second;
    int failed; /* the first error of the isolate's calls */
};

static void note(struct fixture *fixture, int result)
{
    if (result < 0 && fixture->failed == 0)
        fixture->failed = result;
}

static lc_error *take_it(lc_message *message, void *arg)
{
    struct fixture *fixture = arg;
    struct parcel *parcel = lc_message_data(message);
    if (parcel == &fixture->parcels[TAKEN]) {
        destroy_parcel(lc_message_take(message));
        const lc_payload last = moved(&fixture->parcels[LAST]);
        lc_isolate_exit(fixture->observer.send, &last);
    }
    return NULL;
}

static void start_timer(struct fixture *fixture, int which, int64_t after)
{
    const lc_payload payload = moved(&fixture->parcels[which]);
    note(fixture, kept_if_failed(&fixture->parcels[which],
                                 lc_timer_start(fixture->second.send, &payload, after, 0, NULL)));
}

static lc_error *fixture_set(void *arg)
{
    struct fixture *fixture = arg;
    lc_port_options options = {.size = sizeof options};
    options.arg = fixture;
    options.handler = take_it;
    int result = check_code(lc_port_open(&options, &fixture->port));
    options.handler = NULL; /* what comes there waits, until the end */
    if (result == 0)
        result = check_code(lc_port_open(&options, &fixture->second));
    if (result < 0)
        return lc_error_new(result, "no port");
    start_timer(fixture, TO_TIMER, 0);
    start_timer(fixture, TO_LATE_TIMER, LC_HOUR);
    return NULL;
}

static void send_one(struct fixture *fixture, int which, lc_send_port port)
{
    const lc_payload payload = moved(&fixture->parcels[which]);
    note(fixture,
         kept_if_failed(&fixture->parcels[which], lc_send_payload(port, &payload, LC_FOREVER)));
}

static void ping(struct fixture *fixture, lc_isolate isolate, int which, lc_priority priority)
{
    const lc_payload payload = moved(&fixture->parcels[which]);
    note(fixture,
         kept_if_failed(&fixture->parcels[which],
                        lc_isolate_ping(isolate, fixture->observer.send, &payload, priority)));
}

static void fixture_play(struct fixture *fixture, lc_isolate isolate)
{
    const lc_payload listener = moved(&fixture->parcels[LISTENER]);
    note(fixture,
         kept_if_failed(&fixture->parcels[LISTENER],
                        lc_isolate_add_exit_listener(isolate, fixture->observer.send, &listener)));
    send_one(fixture, TO_PORT, fixture->port.send);
    send_one(fixture, SECOND, fixture->second.send);
    send_one(fixture, TO_CHANNEL, fixture->observer.send);
    ping(fixture, isolate, PING, LC_PRIORITY_IMMEDIATE);
    ping(fixture, isolate, LATE_PING, LC_PRIORITY_NEXT_EVENT);
    send_one(fixture, TAKEN, fixture->port.send);
    /* If that was not sent it has to be ended otherwise. */
    if (fixture->failed < 0)
        lc_isolate_kill(isolate, LC_PRIORITY_NEXT_EVENT);
}

static int fixture_go(struct fixture *fixture, lc_executor *executor)
{
    lc_isolate isolate;
    lc_isolate_options options = {.size = sizeof options};
    options.executor = executor;
    options.entry = fixture_set;
    options.arg = fixture;
    options.on_exit = fixture->observer.send;
    options.exit_response = moved(&fixture->parcels[FIRST]);
    lc_error *error = lc_isolate_spawn(&options, &isolate);
    int result = kept_if_failed(&fixture->parcels[FIRST], lc_error_code(error));
    lc_error_unref(error);
    if (result < 0)
        return result;
    lc_handle *ready = lc_isolate_ready(isolate), *done = NULL;
    while (!done)
        done = lc_isolate_done(isolate); /* memory fails but once */
    lc_waitable either[] = {lc_on_handle(done), lc_on_handle(ready ? ready : done)};
    if (ready)
        lc_wait_any(either, 2, check_patience());
    else
        lc_isolate_kill(isolate, LC_PRIORITY_NEXT_EVENT);
    if (ready && !lc_handle_is_closed(done))
        fixture_play(fixture, isolate);
    result = lc_handle_wait(done, check_patience()) == 0 ? fixture->failed : 1;
    lc_handle_unref(ready);
    lc_handle_unref(done);
    return ready ? result : -ENOMEM;
}

/* @return 0: nothing has failed; below 0: told of; above 0: something is wrong. */
static int attempt(void)
{
    struct fixture fixture = {.failed = 0};
    lc_executor_options options = {.size = sizeof options};
    lc_executor *executor = NULL;
    options.threads = 1;
    options.stall_limit = LC_FOREVER;
    if (check_code(lc_port_open(NULL, &fixture.observer)) < 0)
        return -ENOMEM;
    lc_error *error = lc_executor_new(&options, &executor);
    int result = lc_error_code(error);
    lc_error_unref(error);
    if (result == 0)
        result = fixture_go(&fixture, executor);
    if (result <= 0 && lc_executor_free(executor) != 0)
        result = 2;
    lc_port_close(fixture.observer);
    return all_over_once(fixture.parcels, PARCELS) ? result : 3;
}

/* @return whether an allocation was there to fail. */
static bool try(size_t nth)
{
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    size_t before = lc__memory_in_use();
    lc__memory_fail_at(nth);
    int result = attempt();
    bool failed = lc__memory_has_failed();
    lc__memory_fail_at(0);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    CU_ASSERT_TRUE(failed ? result <= 0 : result == 0);
    CU_ASSERT_EQUAL(lc__memory_in_use(), before);
    if (result > 0)
        fprintf(stderr, "\nallocation %zu failed: %d\n", nth, result);
    return failed && result <= 0;
}

static void memory_runs_out(void)
{
    size_t nth = 1;
    lc_log_set_level((lc_log_level)0);
    while (nth < 500 && try(nth))
        nth++;
    lc_log_set_level(LC_LOG_INFO);
    CU_ASSERT_TRUE(nth > 20);
    CU_ASSERT_TRUE(nth < 500);
}

/* ---- full mailboxes ---- */

enum { FULL = 3, SENT = 10 };

struct full {
    struct parcel parcels[SENT];
    lc_when_full when_full;
    lc_send_port port;
    unsigned handled;
    unsigned refused;
};

static lc_error *count_parcel(lc_message *message, void *arg)
{
    (void)message;
    ((struct full *)arg)->handled++;
    return NULL;
}

static lc_error *open_full(void *arg)
{
    struct full *full = arg;
    lc_port_options options = {.size = sizeof options};
    lc_receive_port port;
    options.handler = count_parcel;
    options.arg = full;
    int result = check_code(lc_port_open(&options, &port));
    full->port = port.send;
    return result == 0 ? NULL : lc_error_new(result, "no port");
}

static void fill(struct full *full)
{
    static const int wanted[] = {
        [LC_FULL_REFUSE] = -ENOBUFS, [LC_FULL_DROP_OLDEST] = 0, [LC_FULL_PARK_SENDER] = -ETIMEDOUT};
    for (int i = 0; i < SENT; i++) {
        const lc_payload payload = moved(&full->parcels[i]);
        int result =
            kept_if_failed(&full->parcels[i], lc_send_payload(full->port, &payload, LC_NOW));
        CU_ASSERT_EQUAL(result, i < FULL ? 0 : wanted[full->when_full]);
        full->refused += result < 0;
    }
}

/* At the moment those that did not fit are over, and no others. */
static void check_full(const struct full *full)
{
    unsigned over = 0;
    for (int i = 0; i < SENT; i++)
        over += atomic_load(&full->parcels[i].over);
    CU_ASSERT_EQUAL(over, SENT - FULL);
    int first = full->when_full == LC_FULL_DROP_OLDEST ? 0 : SENT - 1;
    CU_ASSERT_EQUAL(atomic_load(&full->parcels[first].over), 1);
}

static void full_isolate(lc_when_full when_full, bool killed)
{
    struct full full = {.when_full = when_full};
    lc_executor *executor = fibers_executor(1);
    lc_isolate_options options = {.size = sizeof options};
    lc_capability resume = lc_capability_new();
    lc_isolate isolate;
    options.executor = executor;
    options.entry = open_full;
    options.arg = &full;
    options.mailbox_limit = FULL;
    options.when_full = when_full;
    CHECK_SUCCESS(lc_isolate_spawn(&options, &isolate));
    lc_handle *ready = lc_isolate_ready(isolate);
    CHECK_CLOSES(ready);
    CU_ASSERT_EQUAL(lc_isolate_pause(isolate, resume), 0);
    fill(&full);
    check_full(&full);
    if (!killed)
        CU_ASSERT_EQUAL(lc_isolate_resume(isolate, resume), 0);
    bool handled = !killed;
    while (handled && !all_over_once(full.parcels, SENT))
        lc_yield();
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate, LC_PRIORITY_NEXT_EVENT), 0);
    fibers_end(executor);
    CU_ASSERT_EQUAL(full.handled, killed ? 0 : FULL);
    CU_ASSERT_TRUE(all_over_once(full.parcels, SENT));
    lc_handle_unref(ready);
}

static void full_port(lc_when_full when_full, bool received)
{
    struct full full = {.when_full = when_full};
    lc_port_options options = {.size = sizeof options};
    lc_receive_port port;
    lc_message *message;
    options.limit = FULL;
    options.when_full = when_full;
    CHECK_SUCCESS(lc_port_open(&options, &port));
    full.port = port.send;
    if (when_full == LC_FULL_PARK_SENDER) { /* its own sender is not parked */
        for (int i = 0; i < FULL; i++) {
            const lc_payload payload = moved(&full.parcels[i]);
            CU_ASSERT_EQUAL(lc_send_payload(full.port, &payload, LC_NOW), 0);
        }
        const lc_payload payload = moved(&full.parcels[FULL]);
        int result = lc_send_payload(full.port, &payload, LC_FOREVER);
        CU_ASSERT_EQUAL(kept_if_failed(&full.parcels[FULL], result), -EDEADLK);
    } else {
        fill(&full);
        check_full(&full);
    }
    unsigned count = 0;
    while (received && lc_port_receive(port, &message, LC_NOW) == 0) {
        lc_message_free(message);
        count++;
    }
    CU_ASSERT_EQUAL(count, received ? FULL : 0);
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
    CU_ASSERT_TRUE(all_over_once(full.parcels, SENT));
}

static void mailboxes_are_full(void)
{
    static const lc_when_full all[] = {LC_FULL_REFUSE, LC_FULL_DROP_OLDEST, LC_FULL_PARK_SENDER};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        full_isolate(all[i], false);
        full_isolate(all[i], true);
        full_port(all[i], false);
        full_port(all[i], true);
    }
}

/* ---- killed at once, in the middle ---- */

struct victim {
    struct parcel parcels[2]; /* the message, and what it would send */
    lc_isolate isolate;
    lc_receive_port port;
    lc_receive_port observer;
    lc_handle *inside, *never;
    atomic_bool killed;
    void (*then)(struct victim *victim);
    bool went_on;
};

static void exit_then(struct victim *victim)
{
    const lc_payload last = moved(&victim->parcels[1]);
    lc_isolate_exit(victim->observer.send, &last);
}

static void pause_then(struct victim *victim)
{
    lc_isolate_pause(victim->isolate, lc_capability_new());
}

static void wait_then(struct victim *victim)
{
    lc_handle_wait(victim->never, LC_FOREVER);
}

static void send_then(struct victim *victim)
{
    const lc_payload payload = moved(&victim->parcels[1]);
    lc_send_payload(victim->observer.send, &payload, LC_FOREVER);
}

static void ping_then(struct victim *victim)
{
    const lc_payload payload = moved(&victim->parcels[1]);
    lc_isolate_ping(victim->isolate, victim->observer.send, &payload, LC_PRIORITY_DEFAULT);
}

static void listen_then(struct victim *victim)
{
    const lc_payload payload = moved(&victim->parcels[1]);
    lc_isolate_add_exit_listener(victim->isolate, victim->observer.send, &payload);
}

static void remind_then(struct victim *victim)
{
    const lc_payload payload = moved(&victim->parcels[1]);
    lc_timer_start(victim->observer.send, &payload, 0, 0, NULL);
}

static lc_error *be_killed(lc_message *message, void *arg)
{
    struct victim *victim = arg;
    (void)message;
    lc_handle_close(victim->inside);
    while (!atomic_load(&victim->killed)) /* not by a call of the library, which would not return */
        sched_yield();
    victim->then(victim);
    victim->went_on = true;
    return NULL;
}

static lc_error *open_victim(void *arg)
{
    struct victim *victim = arg;
    lc_port_options options = {.size = sizeof options};
    options.handler = be_killed;
    options.arg = victim;
    int result = check_code(lc_port_open(&options, &victim->port));
    return result == 0 ? NULL : lc_error_new(result, "no port");
}

static void kill_before(void (*then)(struct victim *victim))
{
    struct victim victim = {.then = then, .inside = lc_handle_new(), .never = lc_handle_new()};
    lc_executor *executor = fibers_executor(1);
    lc_isolate_options options = {.size = sizeof options};
    options.executor = executor;
    options.entry = open_victim;
    options.arg = &victim;
    CHECK_SUCCESS(lc_port_open(NULL, &victim.observer));
    CHECK_SUCCESS(lc_isolate_spawn(&options, &victim.isolate));
    lc_handle *ready = lc_isolate_ready(victim.isolate);
    CHECK_CLOSES(ready);
    const lc_payload payload = moved(&victim.parcels[0]);
    CU_ASSERT_EQUAL(lc_send_payload(victim.port.send, &payload, LC_NOW), 0);
    CHECK_CLOSES(victim.inside);
    CU_ASSERT_EQUAL(lc_isolate_kill(victim.isolate, LC_PRIORITY_IMMEDIATE), 0);
    atomic_store(&victim.killed, true);
    fibers_end(executor);
    lc_message *message;
    CU_ASSERT_EQUAL(lc_port_receive(victim.observer, &message, LC_NOW), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_port_close(victim.observer), 0);
    CU_ASSERT_TRUE(all_over_once(victim.parcels, 2));
    CU_ASSERT_FALSE(victim.went_on);
    lc_handle_unref(ready);
    lc_handle_unref(victim.inside);
    lc_handle_unref(victim.never);
}

static void killed_in_the_middle(void)
{
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    size_t before = lc__memory_in_use();
    kill_before(exit_then);
    kill_before(pause_then);
    kill_before(wait_then);
    kill_before(send_then);
    kill_before(ping_then);
    kill_before(listen_then);
    kill_before(remind_then);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    CU_ASSERT_EQUAL(lc__memory_in_use(), before);
}

/* ---- a simulation that is broken off ---- */

static lc_error *leave_it_hanging(void *arg)
{
    struct victim *victim = arg;
    lc_isolate_options options = {.size = sizeof options};
    options.entry = open_victim;
    options.arg = victim;
    CHECK_SUCCESS(lc_isolate_spawn(&options, &victim->isolate));
    lc_handle *ready = lc_isolate_ready(victim->isolate);
    CHECK_CLOSES(ready);
    lc_handle_unref(ready);
    for (int i = 0; i < 2; i++) {
        const lc_payload payload = moved(&victim->parcels[i]);
        CU_ASSERT_EQUAL(lc_send_payload(victim->port.send, &payload, LC_NOW), 0);
    }
    return NULL;
}

/* One message is being handled, another lies there. */
static void broken_off(void)
{
    struct victim victim = {
        .then = wait_then, .inside = lc_handle_new(), .never = lc_handle_new(), .killed = true};
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = check_seed()), &world));
    CHECK_ERROR(lc_executor_run(world, leave_it_hanging, &victim), -EDEADLK);
    CU_ASSERT_TRUE(lc_handle_is_closed(victim.inside));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    CU_ASSERT_EQUAL(lc_isolate_read_state(victim.isolate), LC_ISOLATE_ENDED);
    CU_ASSERT_TRUE(all_over_once(victim.parcels, 2));
    lc_handle_unref(victim.inside);
    lc_handle_unref(victim.never);
}

CHECK_SUITE(isolate_payloads, "property: what isolates move",
            {"is destroyed once when memory runs out at any point", memory_runs_out},
            {"is destroyed once when mailboxes are full", mailboxes_are_full},
            {"is destroyed once when its isolate is killed in the middle", killed_in_the_middle},
            {"is destroyed once when a simulation is broken off", broken_off});
