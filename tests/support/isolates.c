/*
 * isolates.c: see isolates.h.
 */
#include "support/isolates.h"

#include "support/check.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- ports of the test ---- */

lc_receive_port probe_open(void)
{
    lc_receive_port port;
    if (check_code(lc_port_open(NULL, &port)) != 0)
        abort();
    return port;
}

void probe_close(lc_receive_port port)
{
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
}

lc_message *probe_next(lc_receive_port port)
{
    lc_message *message = NULL;
    CU_ASSERT_EQUAL(lc_port_receive(port, &message, check_patience()), 0);
    return message;
}

int number_in(const lc_message *message)
{
    if (message && lc_message_size(message) == 0)
        return 0;
    return message && lc_message_size(message) == sizeof(int) ? *(int *)lc_message_data(message)
                                                              : INT_MIN;
}

int probe_number(lc_receive_port port)
{
    lc_message *message = probe_next(port);
    int number = number_in(message);
    lc_message_free(message);
    return number;
}

bool probe_gets(lc_receive_port port, const int *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int number = probe_number(port);
        if (number == numbers[i])
            continue;
        printf("\n    message %zu is %d, and should be %d\n", i, number, numbers[i]);
        return false;
    }
    return true;
}

bool probe_is_empty(lc_receive_port port)
{
    lc_message *message = NULL;
    int result = lc_port_receive(port, &message, LC_NOW);
    lc_message_free(message);
    return result == -ETIMEDOUT;
}

int send_number(lc_send_port port, int number)
{
    return lc_send(port, &number, sizeof number);
}

lc_error *pass_number(lc_message *message, void *port)
{
    send_number(*(lc_send_port *)port, number_in(message));
    return NULL;
}

lc_receive_port port_with(lc_message_handler handler, void *arg)
{
    lc_port_options options = {.size = sizeof options};
    options.handler = handler;
    options.arg = arg;
    lc_receive_port port;
    if (check_code(lc_port_open(&options, &port)) != 0)
        abort();
    return port;
}

/* ---- data that is moved ---- */

void parcel_destroy(void *parcel)
{
    atomic_fetch_add(&((struct parcel *)parcel)->destroyed, 1);
}

int send_parcel(lc_send_port port, struct parcel *parcel)
{
    return lc_send_moved(port, parcel, sizeof parcel->number, parcel_destroy);
}

/* ---- an isolate ---- */

struct action {
    lc_error *(*act)(void *arg);
    void *arg;
    lc_handle *acted; /* NULL: the test does not wait */
};

static lc_error *take_action(lc_message *message, void *arg)
{
    const struct action *action = lc_message_data(message);
    (void)arg;
    lc_error *error = action->act(action->arg);
    lc_handle_close(action->acted);
    return error;
}

static lc_error *enter(void *arg)
{
    struct agent *agent = arg;
    agent->port = port_with(take_action, NULL);
    return agent->first ? agent->first(agent->arg) : NULL;
}

void agent_init(struct agent *agent)
{
    *agent = (struct agent){.options = {.size = sizeof(lc_isolate_options)}};
    agent->options.name = "agent";
}

void agent_begin(struct agent *agent)
{
    agent->options.entry = enter;
    agent->options.arg = agent;
    lc_error *error = lc_isolate_spawn(&agent->options, &agent->isolate);
    if (error) {
        fprintf(stderr, "check: an agent could not be spawned: %s\n", lc_error_message(error));
        abort();
    }
    agent->ready = lc_isolate_ready(agent->isolate);
    agent->done = lc_isolate_done(agent->isolate);
    if (!agent->options.paused && !agent->options.hold_at_start)
        CHECK_CLOSES(agent->ready);
}

void agent_start(struct agent *agent)
{
    agent_init(agent);
    agent_begin(agent);
}

int agent_told(struct agent *agent, lc_error *(*act)(void *arg), void *arg)
{
    const struct action action = {act, arg, NULL};
    return lc_send(agent->port.send, &action, sizeof action);
}

void agent_does(struct agent *agent, lc_error *(*act)(void *arg), void *arg)
{
    const struct action action = {act, arg, lc_handle_new()};
    CU_ASSERT_EQUAL(lc_send(agent->port.send, &action, sizeof action), 0);
    CHECK_CLOSES(action.acted);
    lc_handle_unref(action.acted);
}

void agent_ends(struct agent *agent)
{
    CHECK_CLOSES(agent->done);
    lc_handle_unref(agent->ready);
    lc_handle_unref(agent->done);
}

void agent_stop(struct agent *agent)
{
    lc_isolate_kill(agent->isolate, LC_PRIORITY_DEFAULT);
    agent_ends(agent);
}

lc_error *agent_leaves(void *agent)
{
    CU_ASSERT_EQUAL(lc_port_close(((struct agent *)agent)->port), 0);
    return NULL;
}

/* ---- a gate ---- */

void gate_init(struct gate *gate)
{
    *gate = (struct gate){lc_handle_new(), lc_handle_new()};
}

void gate_drop(struct gate *gate)
{
    lc_handle_unref(gate->reached);
    lc_handle_unref(gate->open);
}

lc_error *gate_pass(void *arg)
{
    const struct gate *gate = arg;
    lc_handle_close(gate->reached);
    lc_handle_wait(gate->open, check_patience());
    return NULL;
}

void agent_waits(struct agent *agent, struct gate *gate)
{
    CU_ASSERT_EQUAL(agent_told(agent, gate_pass, gate), 0);
    CHECK_CLOSES(gate->reached);
}
