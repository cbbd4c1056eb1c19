/*
 * isolate_life.c: contract C4 to C7, C12, C13: control before messages, references and
 * capabilities, pauses, how isolates are spawned, what they live by, and how they end themselves.
 * And timers.
 */
#include "support/check.h"
#include "support/clock.h"
#include "support/isolates.h"
#include "support/later.h"
#include "support/mode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    PORTS = 2,
    MANY = 12, /* messages */
    PONG = 100,
    EXITED = 200, /* what exit listeners are told */
};

/* An isolate that passes on what comes to its ports, and tells its errors and its end too. */
struct subject {
    struct agent agent;
    lc_receive_port probe;
    lc_send_port report; /* the probe's address */
    lc_receive_port ports[PORTS];
    struct gate gate;
};

static const int exited = EXITED;

static lc_error *open_subject(void *arg)
{
    struct subject *subject = arg;
    for (size_t i = 0; i < PORTS; i++)
        subject->ports[i] = port_with(pass_number, &subject->report);
    return NULL;
}

static void subject_init(struct subject *subject)
{
    lc_isolate_options *options = &subject->agent.options;
    agent_init(&subject->agent);
    gate_init(&subject->gate);
    subject->probe = probe_open();
    subject->report = subject->probe.send;
    subject->agent.first = open_subject;
    subject->agent.arg = subject;
    options->on_exit = subject->report;
    options->exit_response = (lc_payload){(void *)(uintptr_t)&exited, sizeof exited, NULL};
}

static void subject_start(struct subject *subject)
{
    subject_init(subject);
    agent_begin(&subject->agent);
}

static lc_isolate subject_isolate(const struct subject *subject)
{
    return subject->agent.isolate;
}

static int subject_send(struct subject *subject, size_t port, int number)
{
    return send_number(subject->ports[port].send, number);
}

static int subject_ping(struct subject *subject, int number, lc_priority priority)
{
    const lc_payload response = {&number, sizeof number, NULL};
    return lc_isolate_ping(subject_isolate(subject), subject->report, &response, priority);
}

/* That nothing is left to be done, but what a pause holds. */
static void subject_answers(struct subject *subject)
{
    CU_ASSERT_EQUAL(subject_ping(subject, PONG, LC_PRIORITY_NEXT_EVENT), 0);
    PROBE_GETS(subject->probe, PONG);
    CU_ASSERT_TRUE(probe_is_empty(subject->probe));
}

/* It has ended, and has said so. */
static void subject_ends(struct subject *subject)
{
    PROBE_GETS(subject->probe, EXITED);
    agent_ends(&subject->agent);
    CU_ASSERT_TRUE(probe_is_empty(subject->probe));
    CU_ASSERT_EQUAL(lc_isolate_read_state(subject_isolate(subject)), LC_ISOLATE_ENDED);
    probe_close(subject->probe);
    gate_drop(&subject->gate);
}

static void subject_stop(struct subject *subject)
{
    CU_ASSERT_EQUAL(lc_isolate_kill(subject_isolate(subject), LC_PRIORITY_DEFAULT), 0);
    subject_ends(subject);
}

/* The next message is about an error of this code. */
static void subject_fails(struct subject *subject, int code)
{
    lc_message *message = probe_next(subject->probe);
    CU_ASSERT_EQUAL(lc_error_code(lc_message_error(message)), code);
    lc_message_free(message);
}

static lc_error *do_nothing(void *arg)
{
    (void)arg;
    return NULL;
}

static lc_error *fail(void *arg)
{
    (void)arg;
    return lc_error_new(-EIO, "failed");
}

/* ---- C4: control before messages ---- */

/* Messages lie there already, when control comes. */
static void control_overtakes_what_is_queued(void)
{
    struct subject subject;
    lc_capability resume = lc_capability_new();
    subject_start(&subject);
    agent_waits(&subject.agent, &subject.gate);
    for (int i = 0; i < MANY; i++)
        subject_send(&subject, (size_t)i % PORTS, i);
    CU_ASSERT_EQUAL(lc_isolate_pause(subject_isolate(&subject), resume), 0);
    CU_ASSERT_EQUAL(subject_ping(&subject, PONG, LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_TRUE(probe_is_empty(subject.probe));
    lc_handle_close(subject.gate.open);
    PROBE_GETS(subject.probe, PONG);
    CU_ASSERT_TRUE(probe_is_empty(subject.probe));
    CU_ASSERT_EQUAL(lc_isolate_resume(subject_isolate(&subject), resume), 0);
    for (int i = 0; i < MANY; i++)
        PROBE_GETS(subject.probe, i);
    subject_stop(&subject);
}

/* It waits at its gate, and has taken the messages behind that out of its mailbox already. */
static void subject_waits_with_some_in_hand(struct subject *subject)
{
    lc_capability resume = lc_capability_new();
    CU_ASSERT_EQUAL(lc_isolate_pause(subject_isolate(subject), resume), 0);
    CU_ASSERT_EQUAL(agent_told(&subject->agent, gate_pass, &subject->gate), 0);
    for (int i = 0; i < MANY; i++)
        subject_send(subject, (size_t)i % PORTS, i);
    CU_ASSERT_EQUAL(lc_isolate_resume(subject_isolate(subject), resume), 0);
    CHECK_CLOSES(subject->gate.reached);
}

static void control_overtakes_what_is_in_hand(void)
{
    struct subject subject;
    lc_capability resume = lc_capability_new();
    subject_start(&subject);
    subject_waits_with_some_in_hand(&subject);
    CU_ASSERT_EQUAL(subject_ping(&subject, PONG, LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_EQUAL(subject_ping(&subject, PONG + 1, LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_EQUAL(lc_isolate_pause(subject_isolate(&subject), resume), 0);
    lc_handle_close(subject.gate.open);
    PROBE_GETS(subject.probe, PONG, PONG + 1);
    subject_answers(&subject);
    subject_answers(&subject);
    CU_ASSERT_EQUAL(lc_isolate_resume(subject_isolate(&subject), resume), 0);
    for (int i = 0; i < MANY; i++)
        PROBE_GETS(subject.probe, i);
    subject_stop(&subject);
}

static void kill_overtakes_what_is_in_hand(void)
{
    struct subject subject;
    subject_start(&subject);
    subject_waits_with_some_in_hand(&subject);
    CU_ASSERT_EQUAL(subject_ping(&subject, PONG, LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_EQUAL(lc_isolate_kill(subject_isolate(&subject), LC_PRIORITY_DEFAULT), 0);
    lc_handle_close(subject.gate.open);
    PROBE_GETS(subject.probe, PONG);
    subject_ends(&subject);
}

static void ping_overtakes_what_is_queued(void)
{
    struct subject subject;
    subject_start(&subject);
    agent_waits(&subject.agent, &subject.gate);
    subject_send(&subject, 0, 1);
    subject_send(&subject, 1, 2);
    CU_ASSERT_EQUAL(subject_ping(&subject, PONG, LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_EQUAL(subject_ping(&subject, PONG + 1, LC_PRIORITY_IMMEDIATE), 0);
    PROBE_GETS(subject.probe, PONG + 1); /* though a handler runs */
    lc_handle_close(subject.gate.open);
    PROBE_GETS(subject.probe, PONG, 1, 2);
    subject_stop(&subject);
}

static void kill_overtakes_what_is_queued(void)
{
    struct subject subject;
    struct parcel parcel = {.number = 1};
    subject_start(&subject);
    agent_waits(&subject.agent, &subject.gate);
    send_parcel(subject.ports[0].send, &parcel);
    CU_ASSERT_EQUAL(lc_isolate_kill(subject_isolate(&subject), LC_PRIORITY_DEFAULT), 0);
    lc_handle_close(subject.gate.open);
    subject_ends(&subject);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
}

static void subject_pause(struct subject *subject, lc_capability resume)
{
    CU_ASSERT_EQUAL(lc_isolate_pause(subject_isolate(subject), resume), 0);
    CU_ASSERT_EQUAL(lc_isolate_read_state(subject_isolate(subject)), LC_ISOLATE_PAUSED);
}

static void pings_are_answered_while_paused(void)
{
    struct subject subject;
    subject_start(&subject);
    subject_pause(&subject, lc_capability_new());
    subject_send(&subject, 0, 1);
    CU_ASSERT_EQUAL(subject_ping(&subject, 2, LC_PRIORITY_DEFAULT), 0);
    PROBE_GETS(subject.probe, 2);
    CU_ASSERT_EQUAL(subject_ping(&subject, 3, LC_PRIORITY_IMMEDIATE), 0);
    PROBE_GETS(subject.probe, 3);
    subject_answers(&subject);
    subject_stop(&subject); /* a kill works as well */
}

static void immediate_kill_works_while_paused(void)
{
    struct subject subject;
    subject_start(&subject);
    subject_pause(&subject, lc_capability_new());
    subject_send(&subject, 0, 1);
    CU_ASSERT_EQUAL(lc_isolate_kill(subject_isolate(&subject), LC_PRIORITY_IMMEDIATE), 0);
    subject_ends(&subject);
}

static void listeners_change_while_paused(void)
{
    struct subject subject;
    lc_receive_port others = probe_open();
    lc_capability resume = lc_capability_new();
    subject_start(&subject);
    lc_isolate isolate = subject_isolate(&subject);
    subject_pause(&subject, resume);
    CU_ASSERT_EQUAL(agent_told(&subject.agent, fail, NULL), 0);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate, others.send, NULL), 0);
    CU_ASSERT_EQUAL(lc_isolate_add_error_listener(isolate, subject.report), 0);
    CU_ASSERT_EQUAL(lc_isolate_add_error_listener(isolate, others.send), 0);
    CU_ASSERT_EQUAL(lc_isolate_remove_error_listener(isolate, others.send), 0);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, resume), 0);
    subject_fails(&subject, -EIO);
    PROBE_GETS(others, 0); /* its end alone */
    subject_ends(&subject);
    CU_ASSERT_TRUE(probe_is_empty(others));
    probe_close(others);
}

static void errors_fatal_is_changed_while_paused(void)
{
    struct subject subject;
    lc_capability resume = lc_capability_new();
    subject_init(&subject);
    subject.agent.options.on_error = subject.report;
    agent_begin(&subject.agent);
    subject_pause(&subject, resume);
    CU_ASSERT_EQUAL(agent_told(&subject.agent, fail, NULL), 0);
    subject_send(&subject, 0, 1);
    CU_ASSERT_EQUAL(lc_isolate_set_errors_fatal(subject_isolate(&subject), false), 0);
    CU_ASSERT_EQUAL(lc_isolate_resume(subject_isolate(&subject), resume), 0);
    subject_fails(&subject, -EIO);
    PROBE_GETS(subject.probe, 1);
    subject_stop(&subject);
}

static void control_before_a_kill_is_carried_out(void)
{
    static const lc_priority priorities[] = {LC_PRIORITY_DEFAULT, LC_PRIORITY_NEXT_EVENT,
                                             LC_PRIORITY_IMMEDIATE};
    for (size_t i = 0; i < sizeof priorities / sizeof *priorities; i++) {
        struct subject subject;
        subject_start(&subject);
        agent_waits(&subject.agent, &subject.gate);
        subject_send(&subject, 0, 1);
        for (int ping = 2; ping < 5; ping++)
            CU_ASSERT_EQUAL(subject_ping(&subject, ping, LC_PRIORITY_NEXT_EVENT), 0);
        CU_ASSERT_EQUAL(lc_isolate_kill(subject_isolate(&subject), priorities[i]), 0);
        lc_handle_close(subject.gate.open);
        PROBE_GETS(subject.probe, 2, 3, 4);
        subject_ends(&subject);
    }
}

static lc_error *pass_and_fail(void *gate)
{
    gate_pass(gate);
    return lc_error_new(-EIO, "failed");
}

static void control_before_a_fatal_error_is_carried_out(void)
{
    struct subject subject;
    subject_init(&subject);
    subject.agent.options.on_error = subject.report;
    agent_begin(&subject.agent);
    CU_ASSERT_EQUAL(agent_told(&subject.agent, pass_and_fail, &subject.gate), 0);
    CHECK_CLOSES(subject.gate.reached);
    subject_send(&subject, 0, 1);
    CU_ASSERT_EQUAL(subject_ping(&subject, 2, LC_PRIORITY_NEXT_EVENT), 0);
    CU_ASSERT_EQUAL(subject_ping(&subject, 3, LC_PRIORITY_NEXT_EVENT), 0);
    lc_handle_close(subject.gate.open);
    subject_fails(&subject, -EIO);
    PROBE_GETS(subject.probe, 2, 3);
    subject_ends(&subject);
}

/* ---- C5: references ---- */

static lc_error *tell_own_reference(void *report)
{
    lc_isolate self;
    CU_ASSERT_TRUE(lc_isolate_current(NULL));
    CU_ASSERT_TRUE(lc_isolate_current(&self));
    lc_send(*(lc_send_port *)report, &self, sizeof self);
    return NULL;
}

static lc_isolate probe_isolate(lc_receive_port port)
{
    lc_isolate isolate = {LC_NO_PORT, LC_NO_CAPABILITY, LC_NO_CAPABILITY};
    lc_message *message = probe_next(port);
    CU_ASSERT_EQUAL(lc_message_size(message), sizeof isolate);
    if (lc_message_size(message) == sizeof isolate)
        isolate = *(lc_isolate *)lc_message_data(message);
    lc_message_free(message);
    return isolate;
}

static void ones_own_reference_is_the_spawners(void)
{
    struct subject subject;
    subject_start(&subject);
    lc_isolate known = subject_isolate(&subject);
    CU_ASSERT_FALSE(lc_isolate_current(NULL));
    agent_does(&subject.agent, tell_own_reference, &subject.report);
    lc_isolate told = probe_isolate(subject.probe);
    CU_ASSERT_TRUE(lc_isolate_equal(told, known));
    CU_ASSERT_TRUE(lc_send_port_equal(told.control, known.control));
    CU_ASSERT_TRUE(lc_capability_equal(told.pause, known.pause));
    CU_ASSERT_TRUE(lc_capability_equal(told.terminate, known.terminate));
    CU_ASSERT_FALSE(lc_capability_equal(known.pause, known.terminate));
    subject_stop(&subject);
}

/* Its spawner wants no reference; it has one to give all the same. */
static lc_error *open_for_nobody(void *report)
{
    port_with(pass_number, report);
    return tell_own_reference(report);
}

static void own_reference_works_if_the_spawner_has_none(void)
{
    lc_receive_port probe = probe_open();
    lc_isolate_options options = {.size = sizeof options};
    options.entry = open_for_nobody;
    options.arg = &probe.send;
    options.on_exit = probe.send;
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    lc_isolate isolate = probe_isolate(probe);
    lc_capability resume = lc_capability_new();
    CU_ASSERT_EQUAL(lc_isolate_pause(isolate, resume), 0);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, resume), 0);
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate, LC_PRIORITY_DEFAULT), 0);
    PROBE_GETS(probe, 0);
    probe_close(probe);
}

static void reference_is_built_from_parts(void)
{
    struct subject subject;
    subject_start(&subject);
    lc_isolate whole = subject_isolate(&subject);
    lc_isolate pauses = {whole.control, whole.pause, LC_NO_CAPABILITY};
    lc_isolate ends = {whole.control, LC_NO_CAPABILITY, whole.terminate};
    lc_capability resume = lc_capability_new();
    CU_ASSERT_TRUE(lc_isolate_equal(pauses, ends));
    CU_ASSERT_EQUAL(lc_isolate_pause(ends, resume), -EPERM);
    CU_ASSERT_EQUAL(lc_isolate_pause(pauses, resume), 0);
    CU_ASSERT_EQUAL(lc_isolate_resume(ends, resume), -EPERM);
    CU_ASSERT_EQUAL(lc_isolate_resume(pauses, resume), 0);
    CU_ASSERT_EQUAL(lc_isolate_kill(pauses, LC_PRIORITY_DEFAULT), -EPERM);
    subject_send(&subject, 0, 1);
    PROBE_GETS(subject.probe, 1);
    CU_ASSERT_EQUAL(lc_isolate_kill(ends, LC_PRIORITY_DEFAULT), 0);
    subject_ends(&subject);
}

static lc_error *send_back(lc_message *message, void *report)
{
    lc_send(*(lc_send_port *)report, lc_message_data(message), lc_message_size(message));
    return NULL;
}

static lc_error *open_mirror(void *arg)
{
    struct subject *subject = arg;
    subject->ports[0] = port_with(send_back, &subject->report);
    return NULL;
}

static void reference_is_the_same_after_a_trip(void)
{
    struct subject subject, mirror;
    subject_start(&subject);
    subject_init(&mirror);
    mirror.agent.first = open_mirror;
    agent_begin(&mirror.agent);
    lc_isolate sent = subject_isolate(&subject);
    CU_ASSERT_EQUAL(lc_send(mirror.ports[0].send, &sent, sizeof sent), 0);
    lc_isolate back = probe_isolate(mirror.probe);
    CU_ASSERT_TRUE(lc_isolate_equal(back, sent));
    CU_ASSERT_TRUE(lc_capability_equal(back.pause, sent.pause));
    CU_ASSERT_TRUE(lc_capability_equal(back.terminate, sent.terminate));
    CU_ASSERT_EQUAL(lc_capability_hash(back.pause), lc_capability_hash(sent.pause));
    CU_ASSERT_EQUAL(lc_isolate_kill(back, LC_PRIORITY_DEFAULT), 0);
    subject_ends(&subject);
    subject_stop(&mirror);
}

static void capabilities_never_equal_each_other(void)
{
    enum { MADE = 50 };
    lc_capability made[MADE];
    for (size_t i = 0; i < MADE; i++) {
        made[i] = lc_capability_new();
        lc_capability copy = made[i];
        CU_ASSERT_TRUE(lc_capability_equal(copy, made[i]));
        CU_ASSERT_FALSE(lc_capability_equal(made[i], LC_NO_CAPABILITY));
        for (size_t j = 0; j < i; j++)
            CU_ASSERT_FALSE(lc_capability_equal(made[i], made[j]));
    }
}

/* ---- C6, C7: pause and resume ---- */

static void same_resume_capability_twice_needs_one_resume(void)
{
    struct subject subject;
    lc_capability resume = lc_capability_new();
    subject_start(&subject);
    subject_pause(&subject, resume);
    subject_pause(&subject, resume);
    subject_send(&subject, 0, 1);
    subject_answers(&subject);
    CU_ASSERT_EQUAL(lc_isolate_resume(subject_isolate(&subject), resume), 0);
    PROBE_GETS(subject.probe, 1);
    CU_ASSERT_EQUAL(lc_isolate_read_state(subject_isolate(&subject)), LC_ISOLATE_RUNNING);
    CU_ASSERT_EQUAL(lc_isolate_resume(subject_isolate(&subject), resume), -ENOENT);
    subject_stop(&subject);
}

static void different_resume_capabilities_need_one_resume_each(void)
{
    enum { PAUSES = 4 };
    static const size_t order[PAUSES] = {2, 0, 3, 1};
    struct subject subject;
    lc_capability resumes[PAUSES];
    subject_start(&subject);
    for (size_t i = 0; i < PAUSES; i++) {
        resumes[i] = lc_capability_new();
        subject_pause(&subject, resumes[i]);
    }
    subject_send(&subject, 0, 1);
    for (size_t i = 0; i < PAUSES; i++) {
        subject_answers(&subject);
        CU_ASSERT_EQUAL(lc_isolate_resume(subject_isolate(&subject), resumes[order[i]]), 0);
    }
    PROBE_GETS(subject.probe, 1);
    subject_stop(&subject);
}

static void pause_needs_the_pause_capability(void)
{
    struct subject subject;
    lc_capability resume = lc_capability_new();
    subject_start(&subject);
    lc_isolate known = subject_isolate(&subject);
    const lc_capability wrong[] = {LC_NO_CAPABILITY, lc_capability_new(), known.terminate, resume};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        lc_isolate shown = {known.control, wrong[i], known.terminate};
        CU_ASSERT_EQUAL(lc_isolate_pause(shown, resume), -EPERM);
        subject_send(&subject, 0, (int)i);
        PROBE_GETS(subject.probe, (int)i);
    }
    subject_pause(&subject, resume);
    subject_send(&subject, 0, 9);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        lc_isolate shown = {known.control, wrong[i], known.terminate};
        CU_ASSERT_EQUAL(lc_isolate_resume(shown, resume), -EPERM);
        subject_answers(&subject);
    }
    CU_ASSERT_EQUAL(lc_isolate_resume(known, resume), 0);
    PROBE_GETS(subject.probe, 9);
    subject_stop(&subject);
}

static void ending_needs_the_terminate_capability(void)
{
    struct subject subject;
    subject_init(&subject);
    subject.agent.options.on_error = subject.report;
    agent_begin(&subject.agent);
    lc_isolate known = subject_isolate(&subject);
    const lc_capability wrong[] = {LC_NO_CAPABILITY, lc_capability_new(), known.pause};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        lc_isolate shown = {known.control, known.pause, wrong[i]};
        CU_ASSERT_EQUAL(lc_isolate_kill(shown, LC_PRIORITY_DEFAULT), -EPERM);
        CU_ASSERT_EQUAL(lc_isolate_kill(shown, LC_PRIORITY_IMMEDIATE), -EPERM);
        CU_ASSERT_EQUAL(lc_isolate_set_errors_fatal(shown, false), -EPERM);
        subject_send(&subject, 0, (int)i);
        PROBE_GETS(subject.probe, (int)i);
    }
    CU_ASSERT_EQUAL(agent_told(&subject.agent, fail, NULL), 0);
    subject_fails(&subject, -EIO); /* which is fatal still */
    subject_ends(&subject);
}

/* One that closes its port when it has passed on a 3. */
static lc_error *pass_until_three(lc_message *message, void *arg)
{
    struct subject *subject = arg;
    send_number(subject->report, number_in(message));
    if (number_in(message) == 3)
        lc_port_close(subject->ports[0]);
    return NULL;
}

static lc_error *open_silently(void *arg)
{
    struct subject *subject = arg;
    subject->ports[0] = port_with(pass_until_three, subject);
    send_number(subject->report, 1);
    return NULL;
}

/* No caller has the capabilities of an isolate that was spawned without a reference. */
static void empty_capability_opens_nothing(void)
{
    struct subject subject = {.probe = probe_open()};
    lc_isolate_options options = {.size = sizeof options};
    subject.report = subject.probe.send;
    options.entry = open_silently;
    options.arg = &subject;
    options.on_exit = subject.report;
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    PROBE_GETS(subject.probe, 1);
    lc_isolate guessed = {subject.ports[0].send, LC_NO_CAPABILITY, LC_NO_CAPABILITY};
    CU_ASSERT_NOT_EQUAL(lc_isolate_pause(guessed, lc_capability_new()), 0);
    CU_ASSERT_NOT_EQUAL(lc_isolate_kill(guessed, LC_PRIORITY_DEFAULT), 0);
    CU_ASSERT_NOT_EQUAL(lc_isolate_set_errors_fatal(guessed, false), 0);
    subject_send(&subject, 0, 2);
    subject_send(&subject, 0, 3);
    PROBE_GETS(subject.probe, 2, 3, 0);
    probe_close(subject.probe);
}

static void unknown_or_used_resume_capability_does_nothing(void)
{
    struct subject subject;
    lc_capability used = lc_capability_new(), resume = lc_capability_new();
    subject_start(&subject);
    lc_isolate isolate = subject_isolate(&subject);
    subject_pause(&subject, used);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, used), 0);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, used), -ENOENT); /* it is not paused */
    subject_pause(&subject, resume);
    subject_send(&subject, 0, 1);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, lc_capability_new()), -ENOENT);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, used), -ENOENT);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, LC_NO_CAPABILITY), -ENOENT);
    CU_ASSERT_EQUAL(lc_isolate_pause(isolate, LC_NO_CAPABILITY), -EINVAL);
    subject_answers(&subject);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, resume), 0);
    PROBE_GETS(subject.probe, 1);
    subject_pause(&subject, used); /* one may be used again */
    subject_send(&subject, 0, 2);
    subject_answers(&subject);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, used), 0);
    PROBE_GETS(subject.probe, 2);
    subject_stop(&subject);
}

static void ping_and_listeners_need_no_capability(void)
{
    struct subject subject;
    lc_receive_port probe = probe_open();
    subject_start(&subject);
    lc_isolate bare = {subject_isolate(&subject).control, LC_NO_CAPABILITY, LC_NO_CAPABILITY};
    CU_ASSERT_EQUAL(lc_isolate_ping(bare, probe.send, NULL, LC_PRIORITY_DEFAULT), 0);
    PROBE_GETS(probe, 0);
    CU_ASSERT_EQUAL(lc_isolate_ping(bare, probe.send, NULL, LC_PRIORITY_NEXT_EVENT), 0);
    PROBE_GETS(probe, 0);
    CU_ASSERT_EQUAL(lc_isolate_add_error_listener(bare, probe.send), 0);
    CU_ASSERT_EQUAL(lc_isolate_remove_error_listener(bare, probe.send), 0);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(bare, probe.send, NULL), 0);
    CU_ASSERT_EQUAL(lc_isolate_remove_exit_listener(bare, probe.send), 0);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(bare, probe.send, NULL), 0);
    subject_stop(&subject);
    PROBE_GETS(probe, 0);
    CU_ASSERT_TRUE(probe_is_empty(probe));
    probe_close(probe);
}

static void nothing_is_asked_of_an_isolate_that_has_ended(void)
{
    struct subject subject, next;
    lc_receive_port probe = probe_open();
    char name[LC_NAME_MAX + 1];
    subject_start(&subject);
    lc_isolate gone = subject_isolate(&subject);
    subject_stop(&subject);
    subject_start(&next); /* where the other was, mostly */
    CU_ASSERT_EQUAL(lc_isolate_pause(gone, lc_capability_new()), -ESRCH);
    CU_ASSERT_EQUAL(lc_isolate_resume(gone, lc_capability_new()), -ESRCH);
    CU_ASSERT_EQUAL(lc_isolate_kill(gone, LC_PRIORITY_DEFAULT), -ESRCH);
    CU_ASSERT_EQUAL(lc_isolate_kill(gone, LC_PRIORITY_IMMEDIATE), -ESRCH);
    CU_ASSERT_EQUAL(lc_isolate_set_errors_fatal(gone, false), -ESRCH);
    CU_ASSERT_EQUAL(lc_isolate_ping(gone, probe.send, NULL, LC_PRIORITY_DEFAULT), -ESRCH);
    CU_ASSERT_EQUAL(lc_isolate_ping(gone, probe.send, NULL, LC_PRIORITY_NEXT_EVENT), -ESRCH);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(gone, probe.send, NULL), -ESRCH);
    CU_ASSERT_EQUAL(lc_isolate_add_error_listener(gone, probe.send), -ESRCH);
    CU_ASSERT_EQUAL(lc_isolate_copy_name(gone, name, sizeof name), -ESRCH);
    CU_ASSERT_FALSE(lc_isolate_equal(gone, subject_isolate(&next)));
    subject_send(&next, 0, 1);
    PROBE_GETS(next.probe, 1);
    subject_stop(&next);
    CU_ASSERT_TRUE(probe_is_empty(probe));
    probe_close(probe);
}

static void messages_queue_in_order_while_paused(void)
{
    struct subject subject;
    lc_capability resume = lc_capability_new();
    subject_start(&subject);
    subject_pause(&subject, resume);
    for (int i = 0; i < 8 * MANY; i++)
        subject_send(&subject, (size_t)(i * i) % PORTS, i);
    subject_answers(&subject);
    CU_ASSERT_EQUAL(lc_isolate_resume(subject_isolate(&subject), resume), 0);
    for (int i = 0; i < 8 * MANY; i++)
        PROBE_GETS(subject.probe, i);
    subject_stop(&subject);
}

static lc_error *pause_self(void *arg)
{
    struct subject *subject = arg;
    lc_isolate self;
    lc_isolate_current(&self);
    CU_ASSERT_EQUAL(lc_isolate_pause(self, self.pause), 0);
    send_number(subject->report, 1); /* the handler that pauses goes on to its end */
    return NULL;
}

/* It has messages in its hand when it pauses itself: they wait too. */
static void isolate_pauses_itself(void)
{
    struct subject subject;
    subject_start(&subject);
    lc_isolate isolate = subject_isolate(&subject);
    agent_waits(&subject.agent, &subject.gate);
    CU_ASSERT_EQUAL(agent_told(&subject.agent, pause_self, &subject), 0);
    subject_send(&subject, 0, 2);
    subject_send(&subject, 1, 3);
    lc_handle_close(subject.gate.open);
    PROBE_GETS(subject.probe, 1);
    subject_answers(&subject);
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate), LC_ISOLATE_PAUSED);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, isolate.pause), 0);
    PROBE_GETS(subject.probe, 2, 3);
    subject_stop(&subject);
}

/* ---- C12: spawning ---- */

static const int farewell = 77;

static void spawn_takes_listeners(void)
{
    lc_receive_port errors = probe_open(), exits = probe_open();
    lc_isolate_options options = {.size = sizeof options};
    options.entry = fail; /* before the spawner could do anything */
    options.on_error = errors.send;
    options.on_exit = exits.send;
    options.exit_response = (lc_payload){(void *)(uintptr_t)&farewell, sizeof farewell, NULL};
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    PROBE_GETS(exits, farewell);
    lc_message *message = probe_next(errors);
    CU_ASSERT_EQUAL(lc_error_code(lc_message_error(message)), -EIO);
    lc_message_free(message);
    CU_ASSERT_TRUE(probe_is_empty(errors));
    CU_ASSERT_TRUE(probe_is_empty(exits));
    probe_close(errors);
    probe_close(exits);
}

static void exit_response_may_be_moved(void)
{
    struct parcel parcel = {.number = 5};
    lc_receive_port exits = probe_open();
    lc_isolate_options options = {.size = sizeof options};
    options.entry = do_nothing;
    options.on_exit = exits.send;
    options.exit_response = (lc_payload){&parcel, sizeof parcel.number, parcel_destroy};
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    lc_message *message = probe_next(exits);
    CU_ASSERT_PTR_EQUAL(lc_message_data(message), &parcel);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
    lc_message_free(message);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
    probe_close(exits);
}

static void name_is_readable_while_it_lives(void)
{
    char longest[LC_NAME_MAX + 1], name[LC_NAME_MAX + 1] = "", part[4];
    struct subject subject;
    memset(longest, 'n', sizeof longest);
    longest[LC_NAME_MAX] = '\0';
    subject_init(&subject);
    subject.agent.options.name = longest;
    agent_begin(&subject.agent);
    lc_isolate isolate = subject_isolate(&subject);
    CU_ASSERT_EQUAL(lc_isolate_copy_name(isolate, name, sizeof name), 0);
    CU_ASSERT_STRING_EQUAL(name, longest);
    longest[0] = 'm'; /* it was copied */
    CU_ASSERT_EQUAL(lc_isolate_copy_name(isolate, part, sizeof part), 0);
    CU_ASSERT_STRING_EQUAL(part, "nnn");
    CU_ASSERT_EQUAL(lc_isolate_copy_name(isolate, NULL, 1), -EINVAL);
    CU_ASSERT_EQUAL(lc_isolate_copy_name(isolate, name, 0), -EINVAL);
    subject_stop(&subject);
    CU_ASSERT_EQUAL(lc_isolate_copy_name(isolate, name, sizeof name), -ESRCH);
    subject_init(&subject);
    subject.agent.options.name = NULL;
    agent_begin(&subject.agent);
    CU_ASSERT_EQUAL(lc_isolate_copy_name(subject_isolate(&subject), name, sizeof name), 0);
    CU_ASSERT_STRING_EQUAL(name, "isolate");
    subject_stop(&subject);
}

static void paused_spawn_waits_for_its_own_capability(void)
{
    struct subject subject;
    lc_receive_port others = probe_open();
    subject_init(&subject);
    subject.agent.options.paused = true;
    agent_begin(&subject.agent);
    lc_isolate isolate = subject_isolate(&subject);
    CU_ASSERT_EQUAL(lc_isolate_read_state(isolate), LC_ISOLATE_PAUSED);
    subject_answers(&subject);
    CHECK_OPEN(subject.agent.ready); /* the entry has not run */
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, lc_capability_new()), -ENOENT);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate, others.send, NULL), 0);
    subject_answers(&subject);
    CHECK_OPEN(subject.agent.ready);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, isolate.pause), 0);
    CHECK_CLOSES(subject.agent.ready);
    subject_send(&subject, 0, 1);
    PROBE_GETS(subject.probe, 1);
    subject_stop(&subject);
    PROBE_GETS(others, 0);
    probe_close(others);
}

/* A pause of another's holds it as well. */
static void paused_spawn_is_one_pause_of_several(void)
{
    struct subject subject;
    lc_capability resume = lc_capability_new();
    subject_init(&subject);
    subject.agent.options.paused = true;
    agent_begin(&subject.agent);
    lc_isolate isolate = subject_isolate(&subject);
    subject_pause(&subject, resume);
    subject_pause(&subject, isolate.pause); /* that it is already */
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, isolate.pause), 0);
    subject_answers(&subject);
    CHECK_OPEN(subject.agent.ready);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, resume), 0);
    CHECK_CLOSES(subject.agent.ready);
    subject_stop(&subject);
}

static lc_error *mark(void *parcel)
{
    ((struct parcel *)parcel)->number++;
    return NULL;
}

static void entry_of_a_killed_spawn_never_runs(void)
{
    struct parcel parcel = {.number = 0};
    lc_receive_port exits = probe_open();
    lc_isolate_options options = {.size = sizeof options};
    lc_isolate isolate;
    options.entry = mark;
    options.arg = &parcel;
    options.release = parcel_destroy;
    options.paused = true;
    options.on_exit = exits.send;
    CHECK_SUCCESS(lc_isolate_spawn(&options, &isolate));
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate, LC_PRIORITY_DEFAULT), 0);
    PROBE_GETS(exits, 0);
    CU_ASSERT_EQUAL(parcel.number, 0);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1); /* its argument is released all the same */
    probe_close(exits);
}

static void argument_is_released_once_at_the_end(void)
{
    struct parcel parcel = {.number = 0};
    lc_receive_port exits = probe_open();
    lc_isolate_options options = {.size = sizeof options};
    options.entry = mark;
    options.arg = &parcel;
    options.release = parcel_destroy;
    options.on_exit = exits.send;
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    PROBE_GETS(exits, 0);
    CU_ASSERT_EQUAL(parcel.number, 1);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
    probe_close(exits);
}

/* What has one mistake each. */
static void make_mistake(lc_isolate_options *options, size_t which)
{
    static char too_long[LC_NAME_MAX + 2];
    memset(too_long, 'n', sizeof too_long - 1);
    switch (which) {
    case 0:
        options->entry = NULL;
        break;
    case 1:
        options->size = 1;
        break;
    case 2:
        options->name = "";
        break;
    case 3:
        options->name = too_long;
        break;
    case 4:
        options->mailbox_limit = UINT32_MAX;
        break;
    case 5:
        options->when_full = (lc_when_full)(LC_FULL_PARK_SENDER + 1);
        break;
    default:
        options->exit_response = (lc_payload){NULL, 1, NULL};
        break;
    }
}

enum { MISTAKES = 7 };
static const char *const told_mistakes[MISTAKES] = {
    "entry",        "size of lc_isolate_options is 1", "name", "name", "mailbox_limit", "when_full",
    "exit_response"};

static void failed_spawn_is_an_error_at_the_spawner(void)
{
    struct parcel parcel = {.number = 0};
    lc_receive_port exits = probe_open();
    for (size_t i = 0; i < MISTAKES; i++) {
        lc_isolate_options options = {.size = sizeof options};
        lc_isolate isolate;
        options.entry = mark;
        options.arg = &parcel;
        options.release = parcel_destroy;
        options.on_exit = exits.send;
        options.exit_response = (lc_payload){&parcel, sizeof parcel.number, parcel_destroy};
        make_mistake(&options, i);
        lc_error *error = lc_isolate_spawn(&options, &isolate);
        CU_ASSERT_EQUAL(lc_error_code(error), -EINVAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), told_mistakes[i]));
        lc_error_unref(error);
    }
    CHECK_ERROR(lc_isolate_spawn(NULL, NULL), -EINVAL);
    CU_ASSERT_EQUAL(parcel.number, 0);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0); /* all of it is the spawner's still */
    CU_ASSERT_TRUE(probe_is_empty(exits));
    probe_close(exits);
}

static void spawn_in_a_group_that_is_down_fails(void)
{
    struct parcel parcel = {.number = 0};
    lc_isolate_group *group;
    lc_receive_port exits = probe_open();
    lc_isolate_options options = {.size = sizeof options};
    CHECK_SUCCESS(lc_isolate_group_new(NULL, &group));
    CU_ASSERT_EQUAL(lc_isolate_group_shutdown(group, check_patience()), 0);
    options.entry = mark;
    options.arg = &parcel;
    options.release = parcel_destroy;
    options.name = "late";
    options.paused = true;
    options.group = group;
    options.on_exit = exits.send;
    options.on_error = exits.send;
    options.exit_response = (lc_payload){&parcel, sizeof parcel.number, parcel_destroy};
    CHECK_ERROR(lc_isolate_spawn(&options, NULL), -ESHUTDOWN);
    CU_ASSERT_EQUAL(lc_isolate_group_count(group), 0);
    CU_ASSERT_EQUAL(parcel.number, 0);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
    CU_ASSERT_TRUE(probe_is_empty(exits));
    lc_isolate_group_unref(group);
    probe_close(exits);
}

static lc_error *spawn_badly(void *code)
{
    const lc_isolate_options options = {.size = sizeof options};
    lc_error *error = lc_isolate_spawn(&options, NULL);
    *(int *)code = lc_error_code(error);
    lc_error_unref(error);
    return NULL;
}

static void failed_spawn_of_an_isolate_is_its_to_judge(void)
{
    struct subject subject;
    int code = 0;
    subject_start(&subject);
    agent_does(&subject.agent, spawn_badly, &code);
    CU_ASSERT_EQUAL(code, -EINVAL);
    subject_send(&subject, 0, 1); /* it goes on */
    PROBE_GETS(subject.probe, 1);
    subject_stop(&subject);
}

static void begin_subject(void *subject)
{
    agent_begin(&((struct subject *)subject)->agent);
}

static lc_error *begin_subject_in_isolate(void *subject)
{
    begin_subject(subject);
    return NULL;
}

static void isolate_outlives_its_spawner(void)
{
    struct subject subject;
    subject_init(&subject);
    helper_do(begin_subject, &subject);
    subject_send(&subject, 0, 1);
    PROBE_GETS(subject.probe, 1);
    subject_stop(&subject);
}

/* To a thread of its own choice, since its spawner waits for it. */
static void isolate_outlives_an_isolate_that_spawned_it(void)
{
    struct subject child, parent;
    subject_init(&child);
    subject_start(&parent);
    child.agent.options.paused = true;
    agent_does(&parent.agent, begin_subject_in_isolate, &child);
    subject_stop(&parent);
    CU_ASSERT_EQUAL(lc_isolate_resume(subject_isolate(&child), subject_isolate(&child).pause), 0);
    CHECK_CLOSES(child.agent.ready);
    subject_send(&child, 1, 2);
    PROBE_GETS(child.probe, 2);
    subject_stop(&child);
}

/* ---- C13: what it lives by ---- */

static void isolate_with_nothing_to_do_ends_by_itself(void)
{
    lc_receive_port exits = probe_open();
    lc_isolate_options options = {.size = sizeof options};
    options.entry = do_nothing;
    options.on_exit = exits.send;
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    PROBE_GETS(exits, 0);
    probe_close(exits);
}

static lc_error *close_first(void *subject)
{
    CU_ASSERT_EQUAL(lc_port_close(((struct subject *)subject)->ports[0]), 0);
    return NULL;
}

static lc_error *close_second(void *subject)
{
    CU_ASSERT_EQUAL(lc_port_close(((struct subject *)subject)->ports[1]), 0);
    return NULL;
}

static void isolate_lives_while_a_port_is_open(void)
{
    struct subject subject;
    subject_start(&subject);
    agent_does(&subject.agent, close_first, &subject);
    subject_answers(&subject);
    agent_does(&subject.agent, agent_leaves, &subject.agent);
    subject_answers(&subject);
    subject_send(&subject, 1, 1); /* one is left */
    PROBE_GETS(subject.probe, 1);
    CHECK_OPEN(subject.agent.done);
    subject_stop(&subject);
    subject_start(&subject);
    agent_does(&subject.agent, close_first, &subject);
    agent_does(&subject.agent, close_second, &subject);
    subject_answers(&subject);
    agent_told(&subject.agent, agent_leaves, &subject.agent);
    subject_ends(&subject);
}

static lc_error *open_weak(void *arg)
{
    struct subject *subject = arg;
    lc_port_options options = {.size = sizeof options};
    options.handler = pass_number;
    options.arg = &subject->report;
    options.weak = true;
    for (size_t i = 0; i < PORTS; i++)
        CHECK_SUCCESS(lc_port_open(&options, &subject->ports[i]));
    return NULL;
}

static void weak_ports_keep_nobody_alive(void)
{
    struct subject subject;
    subject_init(&subject);
    subject.agent.first = open_weak;
    agent_begin(&subject.agent);
    subject_send(&subject, 0, 1);
    subject_send(&subject, 1, 2);
    PROBE_GETS(subject.probe, 1, 2); /* else they are ports like others */
    subject_answers(&subject);
    agent_told(&subject.agent, agent_leaves, &subject.agent);
    subject_ends(&subject);
}

static lc_error *strengthen_first(void *subject)
{
    CU_ASSERT_EQUAL(lc_port_set_weak(((struct subject *)subject)->ports[0], false), 0);
    CU_ASSERT_EQUAL(lc_port_set_weak(((struct subject *)subject)->ports[0], false), 0);
    return NULL;
}

static lc_error *weaken_first(lc_message *message, void *arg)
{
    struct subject *subject = arg;
    send_number(subject->report, number_in(message));
    CU_ASSERT_EQUAL(lc_port_set_weak(subject->ports[0], true), 0);
    CU_ASSERT_EQUAL(lc_port_set_weak(subject->ports[0], true), 0);
    return NULL;
}

static lc_error *make_first_weaken(void *arg)
{
    struct subject *subject = arg;
    CU_ASSERT_EQUAL(lc_port_set_handler(subject->ports[0], weaken_first, subject), 0);
    return NULL;
}

static void weakness_is_changed_at_any_time(void)
{
    struct subject subject;
    subject_init(&subject);
    subject.agent.first = open_weak;
    agent_begin(&subject.agent);
    agent_does(&subject.agent, strengthen_first, &subject);
    agent_does(&subject.agent, make_first_weaken, &subject);
    agent_does(&subject.agent, agent_leaves, &subject.agent);
    subject_answers(&subject);
    CHECK_OPEN(subject.agent.done);
    subject_send(&subject, 0, 1); /* by which it becomes weak */
    PROBE_GETS(subject.probe, 1);
    subject_ends(&subject);
}

/* ---- C13: timers ---- */

/* An isolate with only weak ports, so that it lives by its timer alone. */
struct timed {
    struct subject subject;
    int64_t after;
    int64_t period;
    lc_timer timer;
};

static lc_error *open_timed(void *arg)
{
    static int number = 5;
    struct timed *timed = arg;
    const lc_payload payload = {&number, sizeof number, NULL};
    open_weak(&timed->subject);
    CU_ASSERT_EQUAL(lc_timer_start(timed->subject.ports[0].send, &payload, timed->after,
                                   timed->period, &timed->timer),
                    0);
    return agent_leaves(&timed->subject.agent);
}

static void timed_start(struct timed *timed, int64_t after, int64_t period)
{
    *timed = (struct timed){.after = after, .period = period};
    subject_init(&timed->subject);
    timed->subject.agent.first = open_timed;
    timed->subject.agent.arg = timed;
    agent_begin(&timed->subject.agent);
}

static void isolate_lives_while_a_timer_is_armed(void)
{
    struct timed timed;
    timed_start(&timed, LC_MILLISECOND, 0);
    PROBE_GETS(timed.subject.probe, 5);
    subject_ends(&timed.subject);
    CU_ASSERT_FALSE(lc_timer_cancel(timed.timer));
    timed_start(&timed, LC_HOUR, 0);
    subject_answers(&timed.subject);
    CHECK_OPEN(timed.subject.agent.done);
    CU_ASSERT_TRUE(lc_timer_cancel(timed.timer)); /* from outside */
    subject_ends(&timed.subject);
    CU_ASSERT_FALSE(lc_timer_cancel(timed.timer));
}

static void isolate_lives_while_a_timer_is_periodic(void)
{
    struct timed timed;
    timed_start(&timed, 0, LC_MILLISECOND);
    PROBE_GETS(timed.subject.probe, 5, 5, 5, 5);
    CHECK_OPEN(timed.subject.agent.done);
    CU_ASSERT_TRUE(lc_timer_cancel(timed.timer));
    int number;
    while ((number = probe_number(timed.subject.probe)) == 5)
        continue;
    CU_ASSERT_EQUAL(number, EXITED);
    agent_ends(&timed.subject.agent);
    probe_close(timed.subject.probe);
    gate_drop(&timed.subject.gate);
}

/* It sends to others, which hear nothing more of it when it has ended. */
struct herald {
    struct subject subject;
    lc_receive_port hearer;
    lc_timer timers[2];
    struct parcel parcel;
};

static lc_error *open_herald(void *arg)
{
    struct herald *herald = arg;
    const lc_payload parcel = {&herald->parcel, sizeof(int), parcel_destroy};
    lc_send_port hearer = herald->hearer.send;
    CU_ASSERT_EQUAL(lc_timer_start(hearer, NULL, LC_HOUR, LC_HOUR, &herald->timers[0]), 0);
    CU_ASSERT_EQUAL(lc_timer_start(hearer, &parcel, LC_HOUR, 0, &herald->timers[1]), 0);
    return NULL;
}

static void timers_end_with_their_isolate(void)
{
    struct herald herald = {.hearer = probe_open()};
    subject_init(&herald.subject);
    herald.subject.agent.first = open_herald;
    herald.subject.agent.arg = &herald;
    agent_begin(&herald.subject.agent);
    subject_stop(&herald.subject);
    CU_ASSERT_EQUAL(atomic_load(&herald.parcel.destroyed), 1);
    for (size_t i = 0; i < 2; i++)
        CU_ASSERT_FALSE(lc_timer_cancel(herald.timers[i]));
    if (lc_is_simulated()) /* elsewhere an hour is too long */
        lc_sleep(3 * LC_HOUR);
    CU_ASSERT_TRUE(probe_is_empty(herald.hearer));
    probe_close(herald.hearer);
}

/* Those of a thread or fiber, by its clock. */
struct bench {
    struct check_clock *clock;
    lc_receive_port probe;
};

static void bench_init(struct bench *bench)
{
    bench->clock = check_clock_new();
    check_clock_use(bench->clock);
    bench->probe = probe_open();
}

static void bench_drop(struct bench *bench)
{
    CU_ASSERT_EQUAL(check_clock_waiting(bench->clock), 0);
    probe_close(bench->probe);
    check_clock_use(NULL);
    check_clock_free(bench->clock);
}

static lc_timer bench_timer(struct bench *bench, int number, int64_t after, int64_t period)
{
    lc_timer timer = {0, 0};
    const lc_payload payload = {&number, sizeof number, NULL};
    CU_ASSERT_EQUAL(lc_timer_start(bench->probe.send, &payload, after, period, &timer), 0);
    return timer;
}

/* That the message comes when so much time has passed, and not a nanosecond before. */
static void comes_after(struct bench *bench, int64_t nanoseconds, int number)
{
    lc_message *message = NULL;
    check_clock_advance(bench->clock, nanoseconds - 1);
    CU_ASSERT_TRUE(probe_is_empty(bench->probe));
    check_clock_advance(bench->clock, 1);
    CU_ASSERT_EQUAL(lc_port_receive(bench->probe, &message, LC_NOW), 0);
    CU_ASSERT_EQUAL(number_in(message), number);
    lc_message_free(message);
}

static void timer_fires_once_at_its_time(void)
{
    struct bench bench;
    bench_init(&bench);
    lc_timer timer = bench_timer(&bench, 5, 1000, 0);
    bench_timer(&bench, 6, 1500, 0);
    comes_after(&bench, 1000, 5);
    CU_ASSERT_FALSE(lc_timer_cancel(timer));
    comes_after(&bench, 500, 6);
    check_clock_advance(bench.clock, LC_HOUR);
    CU_ASSERT_TRUE(probe_is_empty(bench.probe));
    bench_drop(&bench);
}

static void timer_without_delay_fires_at_once(void)
{
    struct bench bench;
    bench_init(&bench);
    bench_timer(&bench, 5, 0, 0);
    check_clock_advance(bench.clock, 0);
    PROBE_GETS(bench.probe, 5);
    bench_drop(&bench);
}

static void timer_may_be_too_far_to_ever_fire(void)
{
    struct bench bench;
    bench_init(&bench);
    lc_timer once = bench_timer(&bench, 5, LC_FOREVER, 0);
    lc_timer again = bench_timer(&bench, 6, 1000, LC_FOREVER);
    check_clock_advance(bench.clock, 1000);
    PROBE_GETS(bench.probe, 6);
    check_clock_advance(bench.clock, 1000 * LC_HOUR);
    CU_ASSERT_TRUE(probe_is_empty(bench.probe));
    CU_ASSERT_TRUE(lc_timer_cancel(once));
    CU_ASSERT_TRUE(lc_timer_cancel(again));
    bench_drop(&bench);
}

static void periodic_timer_fires_again_and_again(void)
{
    struct bench bench;
    bench_init(&bench);
    lc_timer timer = bench_timer(&bench, 5, 300, 700);
    comes_after(&bench, 300, 5);
    for (int i = 0; i < MANY; i++)
        comes_after(&bench, 700, 5);
    CU_ASSERT_TRUE(lc_timer_cancel(timer));
    CU_ASSERT_FALSE(lc_timer_cancel(timer));
    check_clock_advance(bench.clock, LC_HOUR);
    CU_ASSERT_TRUE(probe_is_empty(bench.probe));
    bench_drop(&bench);
}

/* The period counts from the first message, also if that is sent at once. */
static void periodic_timer_that_begins_at_once_keeps_its_period(void)
{
    struct bench bench;
    bench_init(&bench);
    lc_timer timer = bench_timer(&bench, 5, 0, 700);
    check_clock_advance(bench.clock, 0);
    PROBE_GETS(bench.probe, 5);
    for (int i = 0; i < 3; i++)
        comes_after(&bench, 700, 5);
    CU_ASSERT_TRUE(lc_timer_cancel(timer));
    bench_drop(&bench);
}

static void cancelled_timer_sends_nothing(void)
{
    struct bench bench;
    struct parcel parcel = {.number = 5};
    const lc_payload payload = {&parcel, sizeof parcel.number, parcel_destroy};
    lc_timer timer, none = {0, 0};
    bench_init(&bench);
    CU_ASSERT_EQUAL(lc_timer_start(bench.probe.send, &payload, 1000, 0, &timer), 0);
    check_clock_advance(bench.clock, 999);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
    CU_ASSERT_TRUE(lc_timer_cancel(timer));
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
    lc_timer next = bench_timer(&bench, 6, 1000, 0); /* where the other was */
    CU_ASSERT_FALSE(lc_timer_cancel(timer));
    CU_ASSERT_FALSE(lc_timer_cancel(none));
    comes_after(&bench, 1000, 6);
    CU_ASSERT_FALSE(lc_timer_cancel(next));
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
    bench_drop(&bench);
}

static void timer_moves_its_data(void)
{
    struct bench bench;
    struct parcel parcel = {.number = 5};
    const lc_payload payload = {&parcel, sizeof parcel.number, parcel_destroy};
    bench_init(&bench);
    CU_ASSERT_EQUAL(lc_timer_start(bench.probe.send, &payload, 1000, 0, NULL), 0);
    check_clock_advance(bench.clock, 1000);
    lc_message *message = probe_next(bench.probe);
    CU_ASSERT_PTR_EQUAL(lc_message_data(message), &parcel);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
    lc_message_free(message);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
    bench_drop(&bench);
}

static void periodic_timer_ends_with_its_port(void)
{
    struct bench bench;
    lc_receive_port port = probe_open();
    bench_init(&bench);
    lc_timer timer;
    CU_ASSERT_EQUAL(lc_timer_start(port.send, NULL, 1000, 1000, &timer), 0);
    check_clock_advance(bench.clock, 1000);
    PROBE_GETS(port, 0);
    CU_ASSERT_EQUAL(check_clock_waiting(bench.clock), 1);
    probe_close(port);
    check_clock_advance(bench.clock, 1000);
    CU_ASSERT_FALSE(lc_timer_cancel(timer));
    bench_drop(&bench);
}

/* ---- C13: exit ---- */

struct leaving {
    struct subject *subject;
    lc_send_port port;
    lc_payload last;
    bool went_on;
};

static void tell_deferred(void *arg)
{
    send_number(((struct leaving *)arg)->subject->report, 1);
}

static lc_error *leave(void *arg)
{
    struct leaving *leaving = arg;
    CU_ASSERT_EQUAL(lc_defer(tell_deferred, leaving), 0);
    lc_isolate_exit(leaving->port, &leaving->last);
    leaving->went_on = true;
}

static void exit_with_a_last_message_is_one_act(void)
{
    struct subject subject;
    struct parcel dropped = {.number = 2};
    subject_start(&subject);
    struct leaving leaving = {.subject = &subject, .port = subject.report};
    leaving.last = (lc_payload){(void *)(uintptr_t)&farewell, sizeof farewell, NULL};
    agent_waits(&subject.agent, &subject.gate);
    CU_ASSERT_EQUAL(agent_told(&subject.agent, leave, &leaving), 0);
    send_parcel(subject.ports[0].send, &dropped);
    lc_handle_close(subject.gate.open);
    PROBE_GETS(subject.probe, 1, farewell);
    /* A receiver of it finds the isolate ended. */
    CU_ASSERT_EQUAL(lc_isolate_read_state(subject_isolate(&subject)), LC_ISOLATE_ENDED);
    CU_ASSERT_FALSE(lc_port_is_open(subject.ports[0].send));
    CU_ASSERT_EQUAL(atomic_load(&dropped.destroyed), 1);
    subject_ends(&subject);
    CU_ASSERT_FALSE(leaving.went_on);
}

static void last_message_may_be_moved(void)
{
    struct subject subject;
    struct parcel parcel = {.number = 5};
    subject_start(&subject);
    struct leaving leaving = {.subject = &subject, .port = subject.report};
    leaving.last = (lc_payload){&parcel, sizeof parcel.number, parcel_destroy};
    CU_ASSERT_EQUAL(agent_told(&subject.agent, leave, &leaving), 0);
    PROBE_GETS(subject.probe, 1);
    lc_message *message = probe_next(subject.probe);
    CU_ASSERT_PTR_EQUAL(lc_message_data(message), &parcel);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
    lc_message_free(message);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
    subject_ends(&subject);
}

/* It goes nowhere: there is no port, or it is closed. */
static void last_message_that_nobody_gets_is_destroyed(void)
{
    lc_receive_port closed = probe_open();
    probe_close(closed);
    const lc_send_port ports[] = {LC_NO_PORT, closed.send};
    for (size_t i = 0; i < 2; i++) {
        struct subject subject;
        struct parcel parcel = {.number = 5};
        subject_start(&subject);
        struct leaving leaving = {.subject = &subject, .port = ports[i]};
        leaving.last = (lc_payload){&parcel, sizeof parcel.number, parcel_destroy};
        CU_ASSERT_EQUAL(agent_told(&subject.agent, leave, &leaving), 0);
        PROBE_GETS(subject.probe, 1);
        subject_ends(&subject);
        CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
    }
}

static lc_error *leave_from_entry(void *port)
{
    lc_isolate_exit(*(lc_send_port *)port, NULL);
}

static void entry_may_exit(void)
{
    lc_receive_port probe = probe_open();
    lc_isolate_options options = {.size = sizeof options};
    options.entry = leave_from_entry;
    options.arg = &probe.send;
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    PROBE_GETS(probe, 0);
    CU_ASSERT_TRUE(probe_is_empty(probe));
    probe_close(probe);
}

/* ---- C13: handlers ---- */

static lc_error *pass_raised(lc_message *message, void *report)
{
    send_number(*(lc_send_port *)report, number_in(message) + 1000);
    return NULL;
}

static lc_error *take_handler(void *arg)
{
    struct subject *subject = arg;
    CU_ASSERT_EQUAL(lc_port_set_handler(subject->ports[0], NULL, NULL), 0);
    return NULL;
}

static lc_error *give_handler(void *arg)
{
    struct subject *subject = arg;
    CU_ASSERT_EQUAL(lc_port_set_handler(subject->ports[0], pass_raised, &subject->report), 0);
    return NULL;
}

static lc_error *open_without_handler(void *arg)
{
    struct subject *subject = arg;
    subject->ports[0] = port_with(NULL, NULL);
    subject->ports[1] = port_with(pass_number, &subject->report);
    return NULL;
}

static void messages_without_a_handler_wait(void)
{
    struct subject subject;
    subject_init(&subject);
    subject.agent.first = open_without_handler;
    agent_begin(&subject.agent);
    for (int i = 1; i < 4; i++)
        subject_send(&subject, 0, i);
    subject_send(&subject, 1, 9); /* and hold up no other port */
    PROBE_GETS(subject.probe, 9);
    subject_answers(&subject);
    agent_does(&subject.agent, give_handler, &subject);
    subject_send(&subject, 0, 4);
    PROBE_GETS(subject.probe, 1001, 1002, 1003, 1004);
    subject_stop(&subject);
}

/* What has waited comes first, though more for the same port is in the mailbox already. */
static void what_has_waited_comes_first(void)
{
    struct subject subject;
    subject_start(&subject);
    agent_does(&subject.agent, take_handler, &subject);
    subject_send(&subject, 0, 1);
    subject_send(&subject, 0, 2);
    subject_send(&subject, 1, 9);
    PROBE_GETS(subject.probe, 9);
    agent_waits(&subject.agent, &subject.gate);
    subject_send(&subject, 0, 3);
    CU_ASSERT_EQUAL(agent_told(&subject.agent, give_handler, &subject), 0);
    subject_send(&subject, 0, 4);
    lc_handle_close(subject.gate.open);
    PROBE_GETS(subject.probe, 1001, 1002, 1003, 1004);
    subject_stop(&subject);
}

static void handler_is_replaced_at_any_time(void)
{
    struct subject subject;
    subject_start(&subject);
    subject_send(&subject, 0, 1);
    PROBE_GETS(subject.probe, 1);
    agent_waits(&subject.agent, &subject.gate);
    subject_send(&subject, 0, 2);
    CU_ASSERT_EQUAL(agent_told(&subject.agent, give_handler, &subject), 0);
    subject_send(&subject, 0, 3);
    CU_ASSERT_EQUAL(agent_told(&subject.agent, take_handler, &subject), 0);
    subject_send(&subject, 0, 4);
    lc_handle_close(subject.gate.open);
    PROBE_GETS(subject.probe, 2, 1003);
    subject_answers(&subject);
    agent_does(&subject.agent, give_handler, &subject);
    PROBE_GETS(subject.probe, 1004);
    subject_stop(&subject);
}

static lc_error *pass_and_be_replaced(lc_message *message, void *arg)
{
    struct subject *subject = arg;
    give_handler(subject);
    send_number(subject->report, number_in(message)); /* it goes on to its end */
    return NULL;
}

static lc_error *open_to_be_replaced(void *arg)
{
    struct subject *subject = arg;
    subject->ports[0] = port_with(pass_and_be_replaced, subject);
    subject->ports[1] = port_with(pass_number, &subject->report);
    return NULL;
}

static void handler_replaces_itself(void)
{
    struct subject subject;
    subject_init(&subject);
    subject.agent.first = open_to_be_replaced;
    agent_begin(&subject.agent);
    agent_waits(&subject.agent, &subject.gate);
    for (int i = 1; i < 4; i++)
        subject_send(&subject, 0, i);
    lc_handle_close(subject.gate.open);
    PROBE_GETS(subject.probe, 1, 1002, 1003);
    subject_stop(&subject);
}

static lc_error *close_own_port(lc_message *message, void *arg)
{
    struct subject *subject = arg;
    close_first(subject);
    send_number(subject->report, number_in(message)); /* it is there still */
    return NULL;
}

static lc_error *open_to_be_closed(void *arg)
{
    struct subject *subject = arg;
    subject->ports[0] = port_with(close_own_port, subject);
    subject->ports[1] = port_with(pass_number, &subject->report);
    return NULL;
}

static void handler_closes_its_own_port(void)
{
    struct subject subject;
    struct parcel parcel = {.number = 3};
    subject_init(&subject);
    subject.agent.first = open_to_be_closed;
    agent_begin(&subject.agent);
    agent_waits(&subject.agent, &subject.gate);
    subject_send(&subject, 0, 1);
    send_parcel(subject.ports[0].send, &parcel);
    subject_send(&subject, 1, 2);
    lc_handle_close(subject.gate.open);
    PROBE_GETS(subject.probe, 1, 2);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
    subject_stop(&subject);
}

CHECK_SUITE_IN_MODES(
    isolate_life, "conformance: isolate: life",
    {"C4 control overtakes messages that are queued", control_overtakes_what_is_queued},
    {"C4 control overtakes messages that are in hand", control_overtakes_what_is_in_hand},
    {"C4 a kill overtakes messages that are in hand", kill_overtakes_what_is_in_hand},
    {"C4 a ping overtakes messages that are queued", ping_overtakes_what_is_queued},
    {"C4 a kill overtakes messages that are queued", kill_overtakes_what_is_queued},
    {"C4 pings are answered, and a kill works, while it is paused",
     pings_are_answered_while_paused},
    {"C4 an immediate kill works while it is paused", immediate_kill_works_while_paused},
    {"C4 listeners change while it is paused", listeners_change_while_paused},
    {"C4 whether errors are fatal is changed while it is paused",
     errors_fatal_is_changed_while_paused},
    {"C4 control that is queued before a kill is carried out",
     control_before_a_kill_is_carried_out},
    {"C4 control that is queued before a fatal error is carried out",
     control_before_a_fatal_error_is_carried_out},
    {"C5 an isolate's own reference equals the spawner's", ones_own_reference_is_the_spawners},
    {"C5 an isolate's own reference works though the spawner wanted none",
     own_reference_works_if_the_spawner_has_none},
    {"C5 a reference is built from parts, with fewer capabilities", reference_is_built_from_parts},
    {"C5 a reference is the same after a trip", reference_is_the_same_after_a_trip},
    {"C5 anyone may make capabilities, which never equal each other",
     capabilities_never_equal_each_other},
    {"C6 the same resume capability twice needs one resume",
     same_resume_capability_twice_needs_one_resume},
    {"C6 different resume capabilities need one resume each",
     different_resume_capabilities_need_one_resume_each},
    {"C6 pause and resume need the pause capability", pause_needs_the_pause_capability},
    {"C6 kill and errors-fatal need the terminate capability",
     ending_needs_the_terminate_capability},
    {"C6 the empty capability opens nothing", empty_capability_opens_nothing},
    {"C6 an unknown or used resume capability does nothing",
     unknown_or_used_resume_capability_does_nothing},
    {"C6 ping and listeners need no capability", ping_and_listeners_need_no_capability},
    {"C6 nothing is asked of an isolate that has ended",
     nothing_is_asked_of_an_isolate_that_has_ended},
    {"C7 messages queue in their order while it is paused, and resume delivers them",
     messages_queue_in_order_while_paused},
    {"C7 an isolate pauses itself, and what it has in hand waits", isolate_pauses_itself},
    {"C12 a spawn takes error and exit listeners", spawn_takes_listeners},
    {"C12 the exit listener's response may be moved", exit_response_may_be_moved},
    {"C12 a name is readable while its isolate lives", name_is_readable_while_it_lives},
    {"C12 a paused spawn has not entered, and waits for its own pause capability",
     paused_spawn_waits_for_its_own_capability},
    {"C12 a paused spawn is one pause of several", paused_spawn_is_one_pause_of_several},
    {"C12 a paused spawn that is killed never enters", entry_of_a_killed_spawn_never_runs},
    {"C12 the argument is released once, at the end", argument_is_released_once_at_the_end},
    {"C12 a failed spawn is an error at the spawner", failed_spawn_is_an_error_at_the_spawner},
    {"C12 a spawn in a group that is shut down fails", spawn_in_a_group_that_is_down_fails},
    {"C12 a failed spawn of an isolate is that isolate's to judge",
     failed_spawn_of_an_isolate_is_its_to_judge},
    {"C12 an isolate outlives its spawner", isolate_outlives_its_spawner},
    {"C12 an isolate outlives an isolate that spawned it",
     isolate_outlives_an_isolate_that_spawned_it},
    {"C13 an isolate with nothing to wait for ends by itself",
     isolate_with_nothing_to_do_ends_by_itself},
    {"C13 an isolate lives while it has an open port", isolate_lives_while_a_port_is_open},
    {"C13 a weak port keeps no isolate alive", weak_ports_keep_nobody_alive},
    {"C13 whether a port is weak is changed at any time", weakness_is_changed_at_any_time},
    {"C13 an isolate lives while it has an armed timer", isolate_lives_while_a_timer_is_armed},
    {"C13 an isolate lives while it has a periodic timer", isolate_lives_while_a_timer_is_periodic},
    {"C13 timers end with their isolate", timers_end_with_their_isolate},
    {"C13 a timer fires once, at its time", timer_fires_once_at_its_time, CHECK_EXACT},
    {"C13 a timer without delay fires at once", timer_without_delay_fires_at_once},
    {"C13 a timer may be too far away to ever fire", timer_may_be_too_far_to_ever_fire},
    {"C13 a periodic timer fires again and again, until it is cancelled",
     periodic_timer_fires_again_and_again, CHECK_EXACT},
    {"C13 a periodic timer that begins at once keeps its period",
     periodic_timer_that_begins_at_once_keeps_its_period, CHECK_EXACT},
    {"C13 a timer that is cancelled sends nothing, and its data is destroyed",
     cancelled_timer_sends_nothing, CHECK_EXACT},
    {"C13 a timer moves its data to the receiver", timer_moves_its_data},
    {"C13 a periodic timer ends when its port is closed", periodic_timer_ends_with_its_port,
     CHECK_EXACT},
    {"C13 exit with a last message is one act", exit_with_a_last_message_is_one_act},
    {"C13 the last message may be moved", last_message_may_be_moved},
    {"C13 a last message without a receiver is destroyed once",
     last_message_that_nobody_gets_is_destroyed},
    {"C13 the entry may exit", entry_may_exit},
    {"C13 messages for a port without a handler wait, and hold up no other port",
     messages_without_a_handler_wait},
    {"C13 what has waited for a handler comes before what is sent since",
     what_has_waited_comes_first},
    {"C13 a handler is taken, given and replaced at any time", handler_is_replaced_at_any_time},
    {"C13 a handler replaces itself", handler_replaces_itself},
    {"C13 a handler closes its own port", handler_closes_its_own_port});
