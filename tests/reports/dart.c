/*
 * dart.c: scenarios from public bug reports of Dart's isolates (dart-lang/sdk), rebuilt in our own
 * terms. tests/reports.md lists them with their verdicts.
 */
#include "support/check.h"
#include "support/isolates.h"
#include "support/later.h"
#include "support/mode.h"

#include <lifecycle.h>
#include <lifecycle/isolate.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { EXITED = 900, PONG = 800, LAST = 700, THROWN = -5000 };

static const int exited = EXITED;

static lc_payload number_payload(const int *number)
{
    return (lc_payload){(void *)(uintptr_t)number, sizeof *number, NULL};
}

/* The next message tells of an error with this code. */
static void hears_error(lc_receive_port port, int code)
{
    lc_message *message = probe_next(port);
    CU_ASSERT_EQUAL(lc_error_code(lc_message_error(message)), code);
    lc_message_free(message);
}

/* ---- how an isolate ends ---- */

static lc_error *entry_returns(void *arg)
{
    (void)arg;
    return NULL;
}

/*
 * It ends as soon as it may. A listener from its spawn on gets the exit message; a late one none.
 */
static void short_lived_is_heard_to_end(void)
{
    lc_receive_port port = probe_open(), late = probe_open();
    lc_isolate_options options = {.size = sizeof options};
    lc_isolate isolate;
    options.entry = entry_returns;
    options.paused = true;
    CHECK_SUCCESS(lc_isolate_spawn(&options, &isolate));
    lc_handle *done = lc_isolate_done(isolate);
    const lc_payload response = number_payload(&exited);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate, port.send, &response), 0);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, isolate.pause), 0);
    PROBE_GETS(port, EXITED);
    CHECK_CLOSES(done);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate, late.send, &response), -ESRCH);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, isolate.pause), -ESRCH);
    CU_ASSERT_TRUE(probe_is_empty(port) && probe_is_empty(late));
    lc_handle_unref(done);
    probe_close(port);
    probe_close(late);
}

static lc_error *throws_number(lc_message *message, void *arg)
{
    (void)arg;
    return lc_error_new(THROWN, "thrown %d", (int)lc_message_size(message));
}

enum { TIMERS = 5 };

/* Five timers with messages that all fail; the last of them is the last thing that happens. */
static lc_error *start_failing_timers(void *arg)
{
    lc_port_options options = {.size = sizeof options};
    lc_receive_port port;
    options.handler = throws_number;
    options.weak = true; /* the timers alone keep it alive */
    int result = check_code(lc_port_open(&options, &port));
    for (int i = 0; result == 0 && i < TIMERS; i++)
        result = lc_timer_start(port.send, NULL, 0, 0, NULL);
    (void)arg;
    return result == 0 ? NULL : lc_error_new(result, "no timers");
}

static void end_is_told_although_the_last_act_fails(void)
{
    lc_receive_port port = probe_open();
    lc_isolate_options options = {.size = sizeof options};
    options.entry = start_failing_timers;
    options.errors_not_fatal = true;
    options.on_error = options.on_exit = port.send;
    options.exit_response = number_payload(&exited);
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    for (int i = 0; i < TIMERS; i++)
        hears_error(port, THROWN);
    PROBE_GETS(port, EXITED);
    CU_ASSERT_TRUE(probe_is_empty(port));
    probe_close(port);
}

struct numbers {
    lc_send_port port;
};

static lc_error *send_and_exit(void *arg)
{
    static const int first = 1, second = 2, last = LAST;
    const struct numbers *numbers = arg;
    const lc_payload payload = number_payload(&last);
    lc_send(numbers->port, &first, sizeof first);
    lc_send(numbers->port, &second, sizeof second);
    lc_isolate_exit(numbers->port, &payload);
}

static void last_message_comes_after_those_before_it(void)
{
    lc_receive_port port = probe_open();
    struct numbers numbers = {port.send};
    lc_isolate_options options = {.size = sizeof options};
    options.entry = send_and_exit;
    options.arg = &numbers;
    options.on_exit = port.send;
    options.exit_response = number_payload(&exited);
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    PROBE_GETS(port, 1, 2, LAST, EXITED);
    CU_ASSERT_TRUE(probe_is_empty(port));
    probe_close(port);
}

/* ---- control before a kill, and while paused ---- */

static void control_before_a_kill_is_carried_out(void)
{
    static const int numbers[] = {PONG, PONG + 1, PONG + 2};
    struct agent agent;
    lc_receive_port port = probe_open();
    struct gate gate;
    gate_init(&gate);
    agent_init(&agent);
    agent.options.on_exit = port.send;
    agent.options.exit_response = number_payload(&exited);
    agent_begin(&agent);
    agent_waits(&agent, &gate);
    for (int i = 0; i < 3; i++) {
        const lc_payload response = number_payload(&numbers[i]);
        CU_ASSERT_EQUAL(
            lc_isolate_ping(agent.isolate, port.send, &response, LC_PRIORITY_NEXT_EVENT), 0);
    }
    CU_ASSERT_EQUAL(lc_isolate_kill(agent.isolate, LC_PRIORITY_NEXT_EVENT), 0);
    lc_handle_close(gate.open);
    PROBE_GETS(port, PONG, PONG + 1, PONG + 2, EXITED);
    agent_ends(&agent);
    probe_close(port);
    gate_drop(&gate);
}

/* A paused isolate is killed: it ends without having been resumed, and cannot be resumed. */
static void paused_isolate_is_killed(void)
{
    for (int at_once = 0; at_once < 2; at_once++) {
        struct agent agent;
        lc_receive_port port = probe_open();
        lc_capability resume = lc_capability_new();
        agent_init(&agent);
        agent.options.on_exit = port.send;
        agent.options.exit_response = number_payload(&exited);
        agent_begin(&agent);
        CU_ASSERT_EQUAL(lc_isolate_pause(agent.isolate, resume), 0);
        CU_ASSERT_EQUAL(lc_isolate_pause(agent.isolate, lc_capability_new()), 0);
        CU_ASSERT_EQUAL(
            lc_isolate_kill(agent.isolate, at_once ? LC_PRIORITY_IMMEDIATE : LC_PRIORITY_DEFAULT),
            0);
        PROBE_GETS(port, EXITED);
        agent_ends(&agent);
        CU_ASSERT_EQUAL(lc_isolate_resume(agent.isolate, resume), -ESRCH);
        probe_close(port);
    }
}

static lc_error *open_passing_port(void *arg)
{
    struct numbers *numbers = arg; /* the first is where to, the second where from */
    numbers[1].port = port_with(pass_number, &numbers[0].port).send;
    return NULL;
}

static void what_comes_before_and_during_a_pause_is_kept(void)
{
    struct agent agent;
    lc_receive_port port = probe_open();
    struct numbers numbers[2] = {{port.send}, {LC_NO_PORT}};
    lc_capability resume = lc_capability_new();
    struct gate gate;
    gate_init(&gate);
    agent_init(&agent);
    agent.first = open_passing_port;
    agent.arg = numbers;
    agent_begin(&agent);
    agent_waits(&agent, &gate);
    CU_ASSERT_EQUAL(send_number(numbers[1].port, 1), 0);
    CU_ASSERT_EQUAL(lc_isolate_pause(agent.isolate, resume), 0);
    CU_ASSERT_EQUAL(send_number(numbers[1].port, 2), 0);
    lc_handle_close(gate.open);
    CU_ASSERT_EQUAL(lc_isolate_ping(agent.isolate, port.send, NULL, LC_PRIORITY_NEXT_EVENT), 0);
    PROBE_GETS(port, 0);
    CU_ASSERT_EQUAL(send_number(numbers[1].port, 3), 0);
    CU_ASSERT_TRUE(probe_is_empty(port));
    CU_ASSERT_EQUAL(lc_isolate_resume(agent.isolate, resume), 0);
    PROBE_GETS(port, 1, 2, 3);
    CU_ASSERT_EQUAL(lc_isolate_resume(agent.isolate, resume), -ENOENT); /* it is used up */
    agent_stop(&agent);
    probe_close(port);
    gate_drop(&gate);
}

/* Which capability is a resume capability is decided by the pause alone. */
static void only_the_capability_of_the_pause_resumes(void)
{
    struct agent agent;
    agent_start(&agent);
    lc_isolate isolate = agent.isolate;
    CU_ASSERT_EQUAL(lc_isolate_pause(isolate, isolate.terminate), 0);
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate), LC_ISOLATE_PAUSED);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, isolate.pause), -ENOENT);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, lc_capability_new()), -ENOENT);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, isolate.terminate), 0);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, isolate.terminate), -ENOENT);
    CU_ASSERT_EQUAL(lc_isolate_pause(isolate, LC_NO_CAPABILITY), -EINVAL);
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate), LC_ISOLATE_RUNNING);
    lc_isolate bare = isolate;
    bare.pause = isolate.terminate;
    bare.terminate = isolate.pause; /* swapped: neither is what it is taken for */
    CU_ASSERT_EQUAL(lc_isolate_pause(bare, lc_capability_new()), -EPERM);
    CU_ASSERT_EQUAL(lc_isolate_kill(bare, LC_PRIORITY_IMMEDIATE), -EPERM);
    agent_stop(&agent);
}

/* ---- deferred calls while an isolate ends ---- */

struct ending {
    lc_send_port port;
    atomic_uint deferred;
};

static void deferred_kills(void *arg)
{
    struct ending *ending = arg;
    lc_isolate self;
    atomic_fetch_add(&ending->deferred, 1);
    if (lc_isolate_current(&self))
        lc_isolate_kill(self, LC_PRIORITY_IMMEDIATE);
}

static void deferred_counts(void *arg)
{
    struct ending *ending = arg;
    atomic_fetch_add(&ending->deferred, 1);
    send_number(ending->port, LAST);
}

/* The last deferred call kills its isolate, which is being ended already: the others still run. */
static lc_error *end_twice(void *arg)
{
    struct ending *ending = arg;
    lc_isolate self;
    if (lc_defer(deferred_counts, ending) != 0 || lc_defer(deferred_kills, ending) != 0)
        abort();
    if (lc_isolate_current(&self))
        lc_isolate_kill(self, LC_PRIORITY_IMMEDIATE);
    abort();
}

static lc_error *fail_and_be_killed(void *arg)
{
    struct ending *ending = arg;
    if (lc_defer(deferred_counts, ending) != 0 || lc_defer(deferred_kills, ending) != 0)
        abort();
    return lc_error_new(THROWN, "thrown");
}

static void ends_once(lc_error *(*entry)(void *arg), bool tells_error)
{
    lc_receive_port port = probe_open();
    struct ending ending = {.port = port.send};
    lc_isolate_options options = {.size = sizeof options};
    options.entry = entry;
    options.arg = &ending;
    options.on_error = options.on_exit = port.send;
    options.exit_response = number_payload(&exited);
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    bool told = !tells_error;
    for (int number = 0; number != EXITED;) {
        lc_message *message = probe_next(port);
        told |= lc_error_code(lc_message_error(message)) == THROWN;
        number = number_in(message);
        lc_message_free(message);
    }
    CU_ASSERT_TRUE(told);
    CU_ASSERT_EQUAL(atomic_load(&ending.deferred), 2);
    CU_ASSERT_TRUE(probe_is_empty(port));
    probe_close(port);
}

static void kill_while_it_ends_ends_it_once(void)
{
    ends_once(end_twice, false);
}

static void kill_while_it_fails_loses_no_error(void)
{
    ends_once(fail_and_be_killed, true);
}

/* ---- ports ---- */

struct closing {
    lc_receive_port port;
    lc_send_port report;
    struct parcel parcels[3];
};

static lc_error *close_in_handler(lc_message *message, void *arg)
{
    struct closing *closing = arg;
    int first = lc_port_close(closing->port);
    int second = lc_port_close(closing->port);
    send_number(closing->report,
                number_in(message) * 1000 + (first == 0) * 10 + (second == -EBADF));
    return NULL;
}

static lc_error *open_closing(void *arg)
{
    struct closing *closing = arg;
    closing->port = port_with(close_in_handler, closing);
    return NULL;
}

/* A handler closes its port while more messages are queued there: each is destroyed, once. */
static void port_is_closed_under_its_messages(void)
{
    struct agent agent;
    struct gate gate;
    lc_receive_port port = probe_open();
    struct closing closing = {.report = port.send, .parcels = {{.number = 1}, {.number = 2}}};
    gate_init(&gate);
    agent_init(&agent);
    agent.first = open_closing;
    agent.arg = &closing;
    agent_begin(&agent);
    agent_waits(&agent, &gate);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(send_parcel(closing.port.send, &closing.parcels[i]), 0);
    lc_handle_close(gate.open);
    PROBE_GETS(port, 1011);
    CU_ASSERT_EQUAL(lc_isolate_ping(agent.isolate, port.send, NULL, LC_PRIORITY_NEXT_EVENT), 0);
    PROBE_GETS(port, 0);
    agent_stop(&agent);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(atomic_load(&closing.parcels[i].destroyed), 1);
    CU_ASSERT_FALSE(lc_port_is_open(closing.port.send));
    struct parcel late = {.number = 4};
    CU_ASSERT_EQUAL(send_parcel(closing.port.send, &late), 0);
    CU_ASSERT_EQUAL(atomic_load(&late.destroyed), 1);
    probe_close(port);
    gate_drop(&gate);
}

struct full {
    lc_receive_port port;
    lc_send_port report;
};

static lc_error *fill_own_mailbox(void *arg)
{
    struct full *full = arg;
    int result = 0, sent = 0;
    while ((result = send_number(full->port.send, sent)) == 0 && sent < 100)
        sent++;
    send_number(full->report, result);
    send_number(full->report, sent);
    return NULL;
}

static lc_error *open_full(void *arg)
{
    struct full *full = arg;
    full->port = port_with(pass_number, &full->report);
    return NULL;
}

/* An isolate that sends to itself is refused when its mailbox is full, and is not parked. */
static void full_mailbox_refuses_its_own_sender(void)
{
    enum { LIMIT = 4 };
    for (int park = 0; park < 2; park++) {
        struct agent agent;
        lc_receive_port port = probe_open();
        struct full full = {.report = port.send};
        agent_init(&agent);
        agent.first = open_full;
        agent.arg = &full;
        agent.options.mailbox_limit = LIMIT;
        agent.options.when_full = park ? LC_FULL_PARK_SENDER : LC_FULL_REFUSE;
        agent_begin(&agent);
        CU_ASSERT_EQUAL(agent_told(&agent, fill_own_mailbox, &full), 0);
        PROBE_GETS(port, park ? -EDEADLK : -ENOBUFS);
        int sent = probe_number(port);
        CU_ASSERT_TRUE(sent == LIMIT || sent == LIMIT - 1);
        for (int i = 0; i < sent; i++)
            PROBE_GETS(port, i);
        agent_stop(&agent);
        probe_close(port);
    }
}

/* ---- run once ---- */

static struct parcel run_parcel;

static lc_error *compute_both(lc_payload *result, void *arg)
{
    (void)arg;
    *result = (lc_payload){&run_parcel, sizeof run_parcel.number, parcel_destroy};
    return lc_error_new(THROWN, "failed after it had a result");
}

static lc_error *compute_and_die(lc_payload *result, void *arg)
{
    lc_isolate self;
    *result = (lc_payload){&run_parcel, sizeof run_parcel.number, parcel_destroy};
    if (lc_isolate_current(&self))
        lc_isolate_kill(self, LC_PRIORITY_IMMEDIATE);
    (void)arg;
    return NULL;
}

static lc_error *compute_and_exit(lc_payload *result, void *arg)
{
    (void)arg;
    (void)result;
    lc_isolate_exit(LC_NO_PORT, NULL);
}

/* Whatever becomes of the computation, the caller is told, and nothing stays behind. */
static void run_without_a_result_is_told(void)
{
    lc_message *result = NULL;
    atomic_store(&run_parcel.destroyed, 0);
    CHECK_ERROR(lc_isolate_compute("both", compute_both, NULL, &result, check_patience()), THROWN);
    CU_ASSERT_PTR_NULL(result);
    CHECK_ERROR(lc_isolate_compute("dies", compute_and_die, NULL, &result, check_patience()),
                -ENODATA);
    CHECK_ERROR(lc_isolate_compute("exits", compute_and_exit, NULL, &result, check_patience()),
                -ENODATA);
    CU_ASSERT_PTR_NULL(result);
}

/* ---- errors that are survived, and their listeners ---- */

static lc_error *fail_with(void *arg)
{
    return lc_error_new(*(const int *)arg, "failed with %d", *(const int *)arg);
}

static void survives_each_of_many_errors(void)
{
    static const int codes[] = {-5001, -5002, -5003};
    struct agent agent;
    lc_receive_port port = probe_open();
    agent_init(&agent);
    agent.options.errors_not_fatal = true;
    agent.options.on_error = agent.options.on_exit = port.send;
    agent.options.exit_response = number_payload(&exited);
    agent_begin(&agent);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(agent_told(&agent, fail_with, (void *)(uintptr_t)&codes[i]), 0);
        hears_error(port, codes[i]);
    }
    CU_ASSERT_EQUAL(lc_isolate_read_state(agent.isolate), LC_ISOLATE_RUNNING);
    CU_ASSERT_EQUAL(agent_told(&agent, agent_leaves, &agent), 0);
    PROBE_GETS(port, EXITED);
    agent_ends(&agent);
    probe_close(port);
}

/* An error is logged if nothing listens: before a listener is added, and after it was removed. */
static void unheard_errors_are_logged(void)
{
    static const int before = -5004, heard = -5005, after = -5006;
    struct agent agent;
    lc_receive_port port = probe_open();
    agent_init(&agent);
    agent.options.errors_not_fatal = true;
    check_log_capture();
    agent_begin(&agent);
    CU_ASSERT_EQUAL(agent_told(&agent, fail_with, (void *)(uintptr_t)&before), 0);
    CU_ASSERT_EQUAL(lc_isolate_ping(agent.isolate, port.send, NULL, LC_PRIORITY_NEXT_EVENT), 0);
    PROBE_GETS(port, 0);
    struct gate gate;
    gate_init(&gate);
    agent_waits(&agent, &gate); /* the first error has been dealt with */
    CU_ASSERT_EQUAL(lc_isolate_add_error_listener(agent.isolate, port.send), 0);
    lc_handle_close(gate.open);
    CU_ASSERT_EQUAL(agent_told(&agent, fail_with, (void *)(uintptr_t)&heard), 0);
    hears_error(port, heard);
    CU_ASSERT_EQUAL(lc_isolate_remove_error_listener(agent.isolate, port.send), 0);
    CU_ASSERT_EQUAL(lc_isolate_remove_error_listener(agent.isolate, port.send), -ENOENT);
    CU_ASSERT_EQUAL(agent_told(&agent, fail_with, (void *)(uintptr_t)&after), 0);
    CU_ASSERT_EQUAL(agent_told(&agent, agent_leaves, &agent), 0);
    agent_ends(&agent);
    CU_ASSERT_EQUAL(check_log_count("failed with -5004"), 1);
    CU_ASSERT_EQUAL(check_log_count("failed with -5005"), 0);
    CU_ASSERT_EQUAL(check_log_count("failed with -5006"), 1);
    CU_ASSERT_TRUE(probe_is_empty(port));
    check_log_release();
    probe_close(port);
    gate_drop(&gate);
}

/* ---- timers and weak ports ---- */

static lc_error *start_ticking(void *arg)
{
    const struct numbers *numbers = arg;
    static const int tick = 1;
    const lc_payload payload = number_payload(&tick);
    int result = lc_timer_start(numbers->port, &payload, LC_MILLISECOND, LC_MILLISECOND, NULL);
    return result == 0 ? NULL : lc_error_new(result, "no timer");
}

/* Two isolates tick. The end of one, with its timer armed, leaves the other one ticking. */
static void timers_of_others_go_on(void)
{
    struct agent killed, other;
    lc_receive_port killed_port = probe_open(), other_port = probe_open();
    struct numbers killed_numbers = {killed_port.send}, other_numbers = {other_port.send};
    agent_init(&killed);
    agent_init(&other);
    killed.first = other.first = start_ticking;
    killed.arg = &killed_numbers;
    other.arg = &other_numbers;
    agent_begin(&killed);
    agent_begin(&other);
    PROBE_GETS(killed_port, 1);
    PROBE_GETS(other_port, 1);
    CU_ASSERT_EQUAL(lc_isolate_kill(killed.isolate, LC_PRIORITY_IMMEDIATE), 0);
    agent_ends(&killed);
    probe_close(killed_port);
    killed_port = probe_open();
    PROBE_GETS(other_port, 1, 1, 1, 1, 1);
    CU_ASSERT_TRUE(probe_is_empty(killed_port));
    agent_stop(&other);
    probe_close(killed_port);
    probe_close(other_port);
}

static lc_error *open_weak_port(void *arg)
{
    struct numbers *numbers = arg; /* the first is where to, the second where from */
    lc_port_options options = {.size = sizeof options};
    lc_receive_port port;
    options.handler = pass_number;
    options.arg = &numbers[0].port;
    options.weak = true;
    int result = check_code(lc_port_open(&options, &port));
    numbers[1].port = port.send;
    return result == 0 ? NULL : lc_error_new(result, "no port");
}

/* Only a weak port is left open: what has come there is handled, and then the isolate ends. */
static void weak_port_keeps_messages_but_no_isolate(void)
{
    struct agent agent;
    struct gate gate;
    lc_receive_port port = probe_open();
    struct numbers numbers[2] = {{port.send}, {LC_NO_PORT}};
    gate_init(&gate);
    agent_init(&agent);
    agent.first = open_weak_port;
    agent.arg = numbers;
    agent.options.on_exit = port.send;
    agent.options.exit_response = number_payload(&exited);
    agent_begin(&agent);
    agent_waits(&agent, &gate);
    CU_ASSERT_EQUAL(agent_told(&agent, agent_leaves, &agent), 0);
    CU_ASSERT_EQUAL(send_number(numbers[1].port, 1), 0);
    CU_ASSERT_EQUAL(send_number(numbers[1].port, 2), 0);
    lc_handle_close(gate.open);
    PROBE_GETS(port, 1, 2, EXITED);
    agent_ends(&agent);
    probe_close(port);
    gate_drop(&gate);
}

/* ---- a handler that is parked when its isolate is killed ---- */

/* A kill at once ends a wait of the running handler, which would otherwise last much longer. */
static void kill_ends_a_parked_handler(void)
{
    struct agent agent;
    struct gate gate;
    gate_init(&gate);
    agent_start(&agent);
    agent_waits(&agent, &gate);
    CU_ASSERT_EQUAL(lc_isolate_kill(agent.isolate, LC_PRIORITY_IMMEDIATE), 0);
    CU_ASSERT_EQUAL(lc_handle_wait(agent.done, lc_deadline_after(3 * LC_SECOND)), 0);
    lc_handle_close(gate.open);
    agent_ends(&agent);
    gate_drop(&gate);
}

/* ---- a mailbox that is full before its isolate has begun ---- */

static lc_error *send_to_self_at_once(void *arg)
{
    struct full *full = arg;
    full->port = port_with(pass_number, &full->report);
    send_number(full->report, send_number(full->port.send, 3));
    return NULL;
}

/* The spawner fills the port for actions of a slow entry; the entry still gets through. */
static void small_mailbox_does_not_stop_a_start(void)
{
    enum { LIMIT = 1 };
    struct agent agent;
    lc_receive_port port = probe_open();
    struct full full = {.report = port.send};
    agent_init(&agent);
    agent.first = send_to_self_at_once;
    agent.arg = &full;
    agent.options.mailbox_limit = LIMIT;
    agent.options.when_full = LC_FULL_PARK_SENDER;
    agent_begin(&agent);
    PROBE_GETS(port, 0, 3);
    agent_stop(&agent);
    probe_close(port);
}

/* ---- the end of a whole group ---- */

enum { MEMBERS = 4 };

struct family {
    lc_isolate_group *group;
    lc_send_port report;
    atomic_uint released;
};

static void family_released(void *arg)
{
    atomic_fetch_add(&((struct family *)arg)->released, 1);
}

static lc_error *member_ticks(void *arg)
{
    lc_receive_port port = port_with(throws_number, arg);
    int result = lc_timer_start(port.send, NULL, LC_HOUR, LC_HOUR, NULL);
    return result == 0 ? NULL : lc_error_new(result, "no timer");
}

static lc_error *member_parks(void *arg)
{
    port_with(throws_number, arg);
    lc_sleep(LC_HOUR);
    return NULL;
}

static lc_error *member_computes(void *arg)
{
    while (lc_isolate_group_current() == ((struct family *)arg)->group)
        lc_yield();
    return NULL;
}

/*
 * Members that tick, park, compute, and are paused. A shutdown of their group waits for the
 * handlers that run; once these are killed at once, it ends.
 */
static void group_ends_whatever_its_members_do(void)
{
    static lc_error *(*const entries[MEMBERS])(void *) = {member_ticks, member_parks,
                                                          member_computes, member_ticks};
    struct family family = {.report = LC_NO_PORT};
    lc_isolate_options options = {.size = sizeof options};
    lc_isolate isolates[MEMBERS];
    CHECK_SUCCESS(lc_isolate_group_new(NULL, &family.group));
    for (int i = 0; i < MEMBERS; i++) {
        options.entry = entries[i];
        options.arg = &family;
        options.release = family_released;
        options.group = family.group;
        options.paused = i == MEMBERS - 1;
        options.hold_at_exit = i == 0;
        CHECK_SUCCESS(lc_isolate_spawn(&options, &isolates[i]));
    }
    CU_ASSERT_EQUAL(lc_isolate_group_count(family.group), MEMBERS);
    int result = lc_isolate_group_shutdown(family.group, LC_NOW);
    CU_ASSERT_TRUE(result == -ETIMEDOUT || result == 0);
    for (int i = 0; i < MEMBERS; i++) {
        result = lc_isolate_kill(isolates[i], LC_PRIORITY_IMMEDIATE);
        CU_ASSERT_TRUE(result == 0 || result == -ESRCH);
    }
    int64_t begin = lc_now();
    CU_ASSERT_EQUAL(lc_isolate_group_shutdown(family.group, check_patience()), 0);
    CU_ASSERT_TRUE(lc_now() - begin < LC_MINUTE);
    CU_ASSERT_EQUAL(lc_isolate_group_count(family.group), 0);
    CU_ASSERT_EQUAL(atomic_load(&family.released), MEMBERS);
    CHECK_ERROR(lc_isolate_spawn(&options, NULL), -ESHUTDOWN);
    for (int i = 0; i < MEMBERS; i++)
        CU_ASSERT_EQUAL(lc_isolate_kill(isolates[i], LC_PRIORITY_DEFAULT), -ESRCH);
    lc_isolate_group_unref(family.group);
}

CHECK_SUITE_IN_MODES(
    report_dart, "report: dart",
    {"dart-sdk#23819 the end of a short-lived isolate is heard, by no listener that comes late",
     short_lived_is_heard_to_end},
    {"dart-sdk#27990 the end is told although the last act fails",
     end_is_told_although_the_last_act_fails},
    {"dart-sdk#47972 the last message comes after those sent before it, and before the end",
     last_message_comes_after_those_before_it},
    {"dart-sdk#28181 control that is queued before a kill is carried out",
     control_before_a_kill_is_carried_out},
    {"dart-sdk#44308 a paused isolate is killed without being resumed", paused_isolate_is_killed},
    {"dart-sdk#26608 messages before and during a pause are kept in order",
     what_comes_before_and_during_a_pause_is_kept},
    {"dart-sdk#28333 only the capability that a pause was given resumes",
     only_the_capability_of_the_pause_resumes},
    {"dart-sdk#21999 a kill by a deferred call while the isolate ends ends it once",
     kill_while_it_ends_ends_it_once},
    {"dart-sdk#48498 a kill by a deferred call after an error loses no error",
     kill_while_it_fails_loses_no_error},
    {"dart-sdk#28577 a port that its handler closes handles nothing more, and destroys it once",
     port_is_closed_under_its_messages},
    {"protoactor-dotnet#1094 a full mailbox refuses its own isolate as a sender",
     full_mailbox_refuses_its_own_sender},
    {"kameo#84 a small mailbox does not stop a start", small_mailbox_does_not_stop_a_start},
    {"dart-sdk#48516 a run that ends without a result tells its caller",
     run_without_a_result_is_told},
    {"dart-sdk#26652 each of many errors is survived", survives_each_of_many_errors},
    {"dart-sdk#53850 an error is logged if nothing listens, also after a listener was removed",
     unheard_errors_are_logged},
    {"dart-sdk#28115 the end of an isolate with an armed timer leaves the timers of others",
     timers_of_others_go_on},
    {"dart-sdk#49083 a weak port keeps its messages, but no isolate",
     weak_port_keeps_messages_but_no_isolate},
    {"flutter-isolate#107 a group ends, whatever its members do",
     group_ends_whatever_its_members_do},
    {"flutter#174835 a kill at once ends a parked handler", kill_ends_a_parked_handler});
