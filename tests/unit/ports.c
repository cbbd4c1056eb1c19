/*
 * ports.c: what port.h refuses: bad arguments, too much, the wrong caller, another world, a forked
 * child; and timers that are overdue.
 */
#include "support/check.h"
#include "support/isolates.h"

#include "base/clock.h"
#include "executor/timers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void bad_messages_are_refused(void)
{
    lc_receive_port probe = probe_open();
    struct parcel parcel = {.number = 1};
    const lc_payload moved = {&parcel, sizeof parcel, parcel_destroy}, bytes = {NULL, 1, NULL};
    char byte = 0;
    CU_ASSERT_EQUAL(lc_send(LC_NO_PORT, NULL, 0), -EINVAL);
    CU_ASSERT_EQUAL(lc_send(LC_NO_PORT, &byte, 1), -EINVAL);
    CU_ASSERT_EQUAL(lc_send_payload(LC_NO_PORT, &moved, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(send_parcel(LC_NO_PORT, &parcel), -EINVAL);
    CU_ASSERT_EQUAL(lc_send(probe.send, NULL, 1), -EINVAL);
    CU_ASSERT_EQUAL(lc_send_payload(probe.send, &bytes, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(lc_send(probe.send, &byte, LC_MESSAGE_BYTES_MAX + 1), -EINVAL);
    CU_ASSERT_TRUE(probe_is_empty(probe));
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0); /* it stays the sender's */
    probe_close(probe);
}

static void moved_data_may_be_null_or_of_any_size(void)
{
    lc_receive_port probe = probe_open();
    struct parcel parcel = {.number = 1};
    CU_ASSERT_EQUAL(lc_send_moved(probe.send, NULL, 5, NULL), 0);
    CU_ASSERT_EQUAL(lc_send_moved(probe.send, &parcel, SIZE_MAX, parcel_destroy), 0);
    lc_message *message = probe_next(probe);
    CU_ASSERT_PTR_NULL(lc_message_data(message));
    CU_ASSERT_EQUAL(lc_message_size(message), 5);
    CU_ASSERT_PTR_NULL(lc_message_take(message));
    lc_message_free(message);
    message = probe_next(probe);
    CU_ASSERT_PTR_EQUAL(lc_message_data(message), &parcel);
    CU_ASSERT_EQUAL(lc_message_size(message), SIZE_MAX);
    lc_message_free(message);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
    lc_payload_keep(&parcel);
    probe_close(probe);
}

static void no_message_says_nothing(void)
{
    CU_ASSERT_PTR_NULL(lc_message_data(NULL));
    CU_ASSERT_EQUAL(lc_message_size(NULL), 0);
    CU_ASSERT_FALSE(lc_send_port_is_set(lc_message_port(NULL)));
    CU_ASSERT_PTR_NULL(lc_message_take(NULL));
    CU_ASSERT_PTR_NULL(lc_message_error(NULL));
    CU_ASSERT_PTR_NULL(lc_message_backtrace(NULL));
    lc_message_free(NULL);
}

static void refused(const lc_port_options *options, lc_receive_port *port, const char *said)
{
    lc_error *error = lc_port_open(options, port);
    CU_ASSERT_EQUAL(lc_error_code(error), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), said));
    lc_error_unref(error);
}

static lc_error *open_badly(void *port)
{
    lc_port_options options = {.size = 1};
    refused(&options, port, "size of lc_port_options is 1");
    refused(LC_PORT(.when_full = (lc_when_full)(LC_FULL_PARK_SENDER + 1)), port,
            "when_full of 3, not one of LC_FULL_...");
    refused(NULL, NULL, "a place for the port");
    return NULL;
}

static void bad_options_are_refused(void)
{
    lc_receive_port port;
    struct agent agent;
    agent_start(&agent);
    open_badly(&port);
    refused(LC_PORT(.handler = pass_number), &port, "handler"); /* a thread has none */
    agent_does(&agent, open_badly, &port);
    agent_stop(&agent);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0); /* none was opened */
}

/* A port that asks for no limit takes more than any small one. */
static void zero_is_the_default(void)
{
    enum { MANY = 5000 };
    lc_receive_port port;
    CHECK_SUCCESS(lc_port_open(LC_PORT(), &port));
    for (int i = 0; i < MANY; i++)
        CU_ASSERT_EQUAL(lc_send(port.send, NULL, 0), 0);
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
    CHECK_SUCCESS(lc_port_open(LC_PORT(.limit = 1), &port));
    CU_ASSERT_EQUAL(lc_send(port.send, NULL, 0), 0);
    CU_ASSERT_EQUAL(lc_send(port.send, NULL, 0), -ENOBUFS); /* refused: the default */
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
}

static void bad_receives_are_refused(void)
{
    lc_receive_port probe = probe_open(), none = {LC_NO_PORT};
    lc_message *message = NULL;
    lc_waitable waitable = lc_on_port(none);
    send_number(probe.send, 1);
    CU_ASSERT_EQUAL(lc_port_receive(probe, NULL, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(lc_port_receive_any(&probe, 1, NULL, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(lc_port_receive_any(NULL, 1, &message, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(lc_port_receive_any(&probe, 0, &message, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(lc_port_receive_any(&probe, LC_WAIT_MAX + 1, &message, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(lc_port_receive(none, &message, LC_NOW), -EBADF);
    CU_ASSERT_EQUAL(lc_port_receive_any(&none, 1, &message, LC_NOW), -EBADF);
    CU_ASSERT_EQUAL(lc_wait_any(&waitable, 1, LC_NOW), -EINVAL);
    CU_ASSERT_EQUAL(lc_port_close(none), -EBADF);
    CU_ASSERT_FALSE(lc_port_is_open(LC_NO_PORT));
    CU_ASSERT_EQUAL(lc_port_set_handler(none, NULL, NULL), -EBADF);
    CU_ASSERT_EQUAL(lc_port_set_weak(none, true), -EBADF);
    CU_ASSERT_EQUAL(lc_port_set_handler(probe, NULL, NULL), -EPERM); /* of an isolate's only */
    CU_ASSERT_EQUAL(lc_port_set_weak(probe, true), -EPERM);
    PROBE_GETS(probe, 1);
    probe_close(probe);
}

static void bad_timers_are_refused(void)
{
    lc_receive_port probe = probe_open();
    struct parcel parcel = {.number = 1};
    const lc_payload moved = {&parcel, sizeof parcel, parcel_destroy}, bytes = {NULL, 1, NULL};
    lc_timer timer = {0, 0};
    CU_ASSERT_EQUAL(lc_timer_start(LC_NO_PORT, NULL, 1, 0, &timer), -EINVAL);
    CU_ASSERT_EQUAL(lc_timer_start(LC_NO_PORT, &moved, 1, 0, &timer), -EINVAL);
    CU_ASSERT_EQUAL(lc_timer_start(probe.send, &bytes, 1, 0, &timer), -EINVAL);
    CU_ASSERT_EQUAL(lc_timer_start(probe.send, NULL, -1, 0, &timer), -EINVAL);
    CU_ASSERT_EQUAL(lc_timer_start(probe.send, NULL, 1, -1, &timer), -EINVAL);
    CU_ASSERT_EQUAL(lc_timer_start(probe.send, &moved, -1, 0, &timer), -EINVAL);
    CU_ASSERT_EQUAL(lc_timer_start(probe.send, &moved, 1, 1, &timer), -EINVAL); /* only once */
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
    CU_ASSERT_FALSE(lc_timer_cancel(timer));
    timer.serial = 1; /* made up */
    timer.place = UINT32_MAX;
    CU_ASSERT_FALSE(lc_timer_cancel(timer));
    CU_ASSERT_TRUE(probe_is_empty(probe));
    probe_close(probe);
}

/* ---- as many as there can be ---- */

struct hoard {
    lc_send_port report;
    lc_receive_port *ports;
    size_t count;
    int result;
    int after; /* of another, once one is closed */
};

static lc_error *open_all(void *arg)
{
    struct hoard *hoard = arg;
    lc_port_options options = {.size = sizeof options};
    options.handler = pass_number;
    options.arg = &hoard->report;
    while ((hoard->result = check_code(lc_port_open(&options, &hoard->ports[hoard->count]))) == 0)
        hoard->count++;
    CU_ASSERT_EQUAL(lc_port_close(hoard->ports[hoard->count / 2]), 0);
    hoard->after = check_code(lc_port_open(&options, &hoard->ports[hoard->count / 2]));
    return NULL;
}

static void an_isolate_has_so_many_ports_and_no_more(void)
{
    lc_receive_port probe = probe_open();
    struct agent agent;
    struct hoard hoard = {.report = probe.send,
                          .ports = calloc(LC_PORTS_MAX + 1, sizeof(lc_receive_port))};
    CU_ASSERT_PTR_NOT_NULL_FATAL(hoard.ports);
    agent_start(&agent);
    agent_does(&agent, open_all, &hoard);
    CU_ASSERT_EQUAL(hoard.result, -EMFILE);
    CU_ASSERT_EQUAL(hoard.count, LC_PORTS_MAX - 1); /* and that for actions */
    CU_ASSERT_EQUAL(hoard.after, 0);
    for (size_t i = 0; i < hoard.count; i += 1000) {
        send_number(hoard.ports[i].send, (int)i);
        PROBE_GETS(probe, (int)i);
    }
    send_number(hoard.ports[hoard.count / 2].send, 7);
    PROBE_GETS(probe, 7);
    agent_stop(&agent);
    CU_ASSERT_FALSE(lc_port_is_open(hoard.ports[0].send));
    free(hoard.ports);
    probe_close(probe);
}

/* ---- another world ---- */

struct worlds {
    lc_send_port real[2]; /* of a thread, of an isolate */
    lc_send_port simulated[2];
    int results[2];
};

static void *send_from_outside(void *arg)
{
    struct worlds *worlds = arg;
    for (size_t i = 0; i < 2; i++)
        worlds->results[i] = send_number(worlds->simulated[i], 1);
    return NULL;
}

static lc_error *send_between_worlds(void *arg)
{
    struct worlds *worlds = arg;
    struct agent agent;
    pthread_t outside;
    lc_receive_port probe = probe_open();
    agent_start(&agent);
    worlds->simulated[0] = probe.send;
    worlds->simulated[1] = agent.port.send;
    struct parcel parcel = {.number = 1};
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(send_number(worlds->real[i], 1), -ENOTSUP);
        CU_ASSERT_EQUAL(send_parcel(worlds->real[i], &parcel), -ENOTSUP);
    }
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&outside, NULL, send_from_outside, worlds), 0);
    pthread_join(outside, NULL);
    for (size_t i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(worlds->results[i], -ENOTSUP);
    CU_ASSERT_TRUE(probe_is_empty(probe));
    agent_stop(&agent);
    probe_close(probe);
    return NULL;
}

static void nothing_is_sent_from_one_world_to_another(void)
{
    struct agent agent;
    lc_receive_port probe = probe_open();
    agent_start(&agent);
    struct worlds worlds = {.real = {probe.send, agent.port.send}};
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = 1), &world));
    CHECK_SUCCESS(lc_executor_run(world, send_between_worlds, &worlds));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    CU_ASSERT_TRUE(probe_is_empty(probe));
    agent_stop(&agent);
    probe_close(probe);
}

static lc_error *begin_nothing(void *arg)
{
    (void)arg;
    return NULL;
}

/* What a real isolate, port or timer is asked for in a simulation. */
struct beyond {
    lc_isolate isolate;
    lc_send_port port; /* real */
    lc_timer timer;
};

static void check_control_beyond(const struct beyond *beyond, lc_send_port mine)
{
    static const lc_priority priorities[] = {LC_PRIORITY_DEFAULT, LC_PRIORITY_IMMEDIATE,
                                             LC_PRIORITY_NEXT_EVENT};
    lc_isolate isolate = beyond->isolate;
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(lc_isolate_ping(isolate, mine, NULL, priorities[i]), -ENOTSUP);
        CU_ASSERT_EQUAL(lc_isolate_ping(isolate, beyond->port, NULL, priorities[i]), -ENOTSUP);
        CU_ASSERT_EQUAL(lc_isolate_kill(isolate, priorities[i]), -ENOTSUP);
    }
    CU_ASSERT_EQUAL(lc_isolate_pause(isolate, lc_capability_new()), -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, isolate.pause), -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_end_hold(isolate), -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_set_errors_fatal(isolate, false), -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(isolate, mine, NULL), -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_remove_exit_listener(isolate, beyond->port), -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_add_error_listener(isolate, mine), -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_remove_error_listener(isolate, beyond->port), -ENOTSUP);
    CU_ASSERT_EQUAL(lc_timer_start(beyond->port, NULL, 0, 0, NULL), -ENOTSUP);
    CU_ASSERT_EQUAL(lc_timer_start(beyond->port, NULL, 0, 1, NULL), -ENOTSUP);
    CU_ASSERT_FALSE(lc_timer_cancel(beyond->timer));
}

/* A simulated isolate is told to tell the real port. */
static void check_listeners_beyond(const struct beyond *beyond)
{
    struct agent own;
    agent_start(&own);
    CU_ASSERT_EQUAL(lc_isolate_ping(own.isolate, beyond->port, NULL, LC_PRIORITY_DEFAULT),
                    -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_ping(own.isolate, beyond->port, NULL, LC_PRIORITY_NEXT_EVENT),
                    -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(own.isolate, beyond->port, NULL), -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_add_error_listener(own.isolate, beyond->port), -ENOTSUP);
    agent_stop(&own);
    struct agent never;
    agent_init(&never);
    never.options.entry = begin_nothing;
    never.options.on_exit = beyond->port;
    CHECK_ERROR(lc_isolate_spawn(&never.options, NULL), -ENOTSUP);
    never.options.on_exit = LC_NO_PORT;
    never.options.on_error = beyond->port;
    CHECK_ERROR(lc_isolate_spawn(&never.options, NULL), -ENOTSUP);
}

static void *control_from_outside(void *arg)
{
    lc_receive_port mine = probe_open();
    check_control_beyond(arg, mine.send);
    CU_ASSERT_TRUE(probe_is_empty(mine));
    probe_close(mine);
    return NULL;
}

static lc_error *control_beyond(void *arg)
{
    pthread_t outside;
    struct agent agent;
    lc_receive_port mine = probe_open();
    check_control_beyond(arg, mine.send);
    check_listeners_beyond(arg);
    agent_start(&agent);
    struct beyond beyond = {agent.isolate, mine.send, {0, 0}};
    CU_ASSERT_EQUAL(lc_timer_start(mine.send, NULL, LC_HOUR, 0, &beyond.timer), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&outside, NULL, control_from_outside, &beyond), 0);
    pthread_join(outside, NULL);
    CU_ASSERT_TRUE(lc_timer_cancel(beyond.timer));
    CU_ASSERT_TRUE(probe_is_empty(mine));
    agent_stop(&agent);
    probe_close(mine);
    return NULL;
}

static void nothing_is_controlled_from_one_world_to_another(void)
{
    struct agent agent;
    lc_receive_port probe = probe_open();
    agent_start(&agent);
    struct beyond beyond = {agent.isolate, probe.send, {0, 0}};
    CU_ASSERT_EQUAL(lc_timer_start(probe.send, NULL, LC_HOUR, 0, &beyond.timer), 0);
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = 1), &world));
    CHECK_SUCCESS(lc_executor_run(world, control_beyond, &beyond));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    CU_ASSERT_TRUE(lc_timer_cancel(beyond.timer));
    CU_ASSERT_TRUE(probe_is_empty(probe));
    CU_ASSERT_EQUAL(lc_isolate_read_state(agent.isolate), LC_ISOLATE_RUNNING);
    agent_stop(&agent);
    probe_close(probe);
}

/* ---- messages that wait for a handler ---- */

/* An isolate with a port that has no handler, and one by which it is told to give it one. */
struct deaf {
    lc_receive_port port, order;
    lc_send_port heard; /* where it passes on what it hears */
};

static lc_error *pass_on_heard(lc_message *message, void *arg)
{
    lc_send(((struct deaf *)arg)->heard, lc_message_data(message), lc_message_size(message));
    return NULL;
}

/*
 * An empty message: begins to hear. Any other goes back, so that what was sent before it is dealt
 * with.
 */
static lc_error *do_order(lc_message *message, void *arg)
{
    struct deaf *deaf = arg;
    if (lc_message_size(message) > 0)
        return pass_on_heard(message, arg);
    CU_ASSERT_EQUAL(lc_port_set_handler(deaf->port, pass_on_heard, deaf), 0);
    return NULL;
}

static lc_error *open_deaf(void *arg)
{
    struct deaf *deaf = arg;
    lc_port_options options = {.size = sizeof options};
    CHECK_SUCCESS(lc_port_open(NULL, &deaf->port));
    options.handler = do_order;
    options.arg = deaf;
    CHECK_SUCCESS(lc_port_open(&options, &deaf->order));
    return NULL;
}

/*
 * Two messages wait for a handler, a third behind them: as many as there may be. Paused by its own
 * capability.
 */
static lc_isolate deaf_begin(struct deaf *deaf, lc_receive_port probe, lc_when_full when_full)
{
    lc_isolate isolate;
    lc_isolate_options options = {.size = sizeof options};
    options.entry = open_deaf;
    options.arg = deaf;
    options.mailbox_limit = 3;
    options.when_full = when_full;
    deaf->heard = probe.send;
    CHECK_SUCCESS(lc_isolate_spawn(&options, &isolate));
    lc_handle *ready = lc_isolate_ready(isolate);
    CHECK_CLOSES(ready);
    lc_handle_unref(ready);
    for (int i = 1; i <= 2; i++) {
        CU_ASSERT_EQUAL(lc_send(deaf->port.send, &i, sizeof i), 0);
        CU_ASSERT_EQUAL(lc_send(deaf->order.send, &i, sizeof i), 0);
        PROBE_GETS(probe, i);
    }
    int third = 3;
    CU_ASSERT_EQUAL(lc_isolate_pause(isolate, isolate.pause), 0);
    CU_ASSERT_EQUAL(lc_send(deaf->port.send, &third, sizeof third), 0);
    return isolate;
}

static void deaf_end(lc_isolate isolate, lc_receive_port probe)
{
    lc_handle *done = lc_isolate_done(isolate);
    CU_ASSERT_EQUAL(lc_isolate_kill(isolate, LC_PRIORITY_DEFAULT), 0);
    CHECK_CLOSES(done);
    lc_handle_unref(done);
    probe_close(probe);
}

static void what_waits_for_a_handler_counts(void)
{
    struct deaf deaf;
    int fourth = 4;
    lc_receive_port probe = probe_open();
    lc_isolate isolate = deaf_begin(&deaf, probe, LC_FULL_REFUSE);
    CU_ASSERT_EQUAL(lc_send(deaf.port.send, &fourth, sizeof fourth), -ENOBUFS);
    deaf_end(isolate, probe);
}

static void what_waits_longest_gives_way(void)
{
    struct deaf deaf;
    int fourth = 4;
    lc_receive_port probe = probe_open();
    lc_isolate isolate = deaf_begin(&deaf, probe, LC_FULL_DROP_OLDEST);
    uint64_t dropped = lc_messages_dropped();
    CU_ASSERT_EQUAL(lc_send(deaf.port.send, &fourth, sizeof fourth), 0); /* for 1 */
    CU_ASSERT_EQUAL(lc_send(deaf.order.send, NULL, 0), 0);               /* for 2 */
    CU_ASSERT_EQUAL(lc_messages_dropped(), dropped + 2);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, isolate.pause), 0);
    PROBE_GETS(probe, 3, 4);
    deaf_end(isolate, probe);
}

/* ---- a forked child ---- */

static lc_error *do_nothing(void *arg)
{
    (void)arg;
    return NULL;
}

static int control_in_child(lc_isolate isolate, lc_send_port probe)
{
    char name[8];
    STEP(21, lc_isolate_pause(isolate, lc_capability_new()) == -ENOTSUP);
    STEP(22, lc_isolate_resume(isolate, isolate.pause) == -ENOTSUP);
    STEP(23, lc_isolate_ping(isolate, probe, NULL, LC_PRIORITY_DEFAULT) == -ENOTSUP);
    STEP(24, lc_isolate_ping(isolate, probe, NULL, LC_PRIORITY_NEXT_EVENT) == -ENOTSUP);
    STEP(25, lc_isolate_kill(isolate, LC_PRIORITY_DEFAULT) == -ENOTSUP);
    STEP(26, lc_isolate_set_errors_fatal(isolate, true) == -ENOTSUP);
    STEP(27, lc_isolate_add_exit_listener(isolate, probe, NULL) == -ENOTSUP);
    STEP(28, lc_isolate_remove_exit_listener(isolate, probe) == -ENOTSUP);
    STEP(29, lc_isolate_add_error_listener(isolate, probe) == -ENOTSUP);
    STEP(30, lc_isolate_remove_error_listener(isolate, probe) == -ENOTSUP);
    STEP(31, lc_isolate_copy_name(isolate, name, sizeof name) == -ENOTSUP);
    STEP(32, lc_isolate_read_state(isolate) == LC_ISOLATE_ENDED);
    STEP(33, !lc_isolate_done(isolate));
    STEP(34, !lc_port_is_open(probe));
    return 0;
}

static int use_ports_in_child(lc_send_port isolates, lc_receive_port probe)
{
    lc_receive_port port;
    lc_message *message;
    lc_isolate_options options = {.size = sizeof options};
    options.entry = do_nothing;
    STEP(1, check_code(lc_port_open(NULL, &port)) == -ENOTSUP);
    STEP(2, lc_send(probe.send, NULL, 0) == -ENOTSUP);
    STEP(3, lc_send(isolates, NULL, 0) == -ENOTSUP);
    STEP(4, lc_timer_start(probe.send, NULL, 0, 0, NULL) == -ENOTSUP);
    STEP(5, lc_port_receive(probe, &message, LC_NOW) == -ENOTSUP);
    STEP(6, lc_port_receive_any(&probe, 1, &message, LC_NOW) == -ENOTSUP);
    lc_error *error = lc_isolate_spawn(&options, NULL);
    STEP(7, lc_error_code(error) == -ENOTSUP);
    lc_error_unref(error);
    return 0;
}

static lc_error *open_in_child(void *port)
{
    lc_port_options options = {.size = sizeof options};
    options.handler = pass_number;
    int failed = check_code(lc_port_open(&options, port));
    return failed ? lc_error_new(failed, "no port") : NULL;
}

/* Without CUnit, which a child has not. */
CHECK_CHILD(fork_with_isolates)
{
    lc_receive_port probe, isolates;
    lc_isolate isolate;
    lc_isolate_options options = {.size = sizeof options};
    lc_message *message;
    options.entry = open_in_child;
    options.arg = &isolates;
    STEP(101, check_code(lc_port_open(NULL, &probe)) == 0);
    options.on_exit = probe.send;
    STEP(102, lc_isolate_spawn(&options, &isolate) == NULL);
    lc_handle *ready = lc_isolate_ready(isolate);
    STEP(103, lc_handle_wait(ready, check_patience()) == 0);
    lc_handle_unref(ready);
    pid_t child = fork();
    if (child == 0) {
        alarm(30);
        int failed = use_ports_in_child(isolates.send, probe);
        _exit(failed ? failed : control_in_child(isolate, probe.send));
    }
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    STEP(104, lc_isolate_kill(isolate, LC_PRIORITY_DEFAULT) == 0);
    STEP(105, lc_port_receive(probe, &message, check_patience()) == 0);
    lc_message_free(message);
    STEP(106, lc_port_close(probe) == 0);
    STEP(107, lc_library_shutdown() == 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

static void forked_child_is_refused(void)
{
    CU_ASSERT_EQUAL(check_child("fork_with_isolates").status, 0);
}

/* ---- a timer that is late ---- */

/* A clock that shows what the test sets, whatever is due. */
struct late_clock {
    struct lc__clock clock; /* first */
    struct lc__timers timers;
    int64_t now;
};

static int64_t now_of(struct lc__clock *clock)
{
    return ((struct late_clock *)clock)->now;
}

/* The periods that the message stands for which is there. */
static uint64_t periods_of(lc_receive_port probe)
{
    lc_message *message = probe_next(probe);
    uint64_t periods = lc_message_periods(message);
    lc_message_free(message);
    return periods;
}

/* Of what falls due by the present, all at once. @return how many. */
static unsigned catch_up(struct late_clock *clock)
{
    unsigned fired = 0;
    while (lc__timers_fire_one(&clock->timers, clock->now, NULL, NULL))
        fired++;
    return fired;
}

static void missed_times_are_left_out(void)
{
    lc_receive_port probe = probe_open();
    struct late_clock clock = {{now_of, &clock.timers}, LC__TIMERS_INIT, 1000};
    lc_timer timer;
    lc__clock_set_current(&clock.clock);
    CU_ASSERT_EQUAL(lc_timer_start(probe.send, NULL, 50, 100, &timer), 0);
    clock.now = 1049;
    CU_ASSERT_EQUAL(catch_up(&clock), 0);
    clock.now = 1050; /* in time */
    CU_ASSERT_EQUAL(catch_up(&clock), 1);
    CU_ASSERT_EQUAL(periods_of(probe), 1);
    clock.now = 1449; /* and three late: 1150, 1250, 1350 */
    CU_ASSERT_EQUAL(catch_up(&clock), 1);
    CU_ASSERT_EQUAL(catch_up(&clock), 0);
    CU_ASSERT_EQUAL(periods_of(probe), 3);
    clock.now = 1450; /* the next is where it would have been */
    CU_ASSERT_EQUAL(catch_up(&clock), 1);
    clock.now = 1550 + 100; /* exactly one missed, and the next due as well */
    CU_ASSERT_EQUAL(catch_up(&clock), 1);
    clock.now = 1749;
    CU_ASSERT_EQUAL(catch_up(&clock), 0);
    clock.now = 1750;
    CU_ASSERT_EQUAL(catch_up(&clock), 1);
    CU_ASSERT_EQUAL(periods_of(probe), 4); /* 1450, 1550, 1650, 1750 */
    CU_ASSERT_TRUE(lc_timer_cancel(timer));
    lc__clock_set_current(NULL);
    CU_ASSERT_TRUE(probe_is_empty(probe));
    probe_close(probe);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    lc__timers_destroy(&clock.timers);
}

CHECK_SUITE(unit_ports, "unit: ports of isolates, threads and fibers",
            {"bad messages are refused, and stay the sender's", bad_messages_are_refused},
            {"moved data may be NULL, or of any size", moved_data_may_be_null_or_of_any_size},
            {"no message says nothing", no_message_says_nothing},
            {"bad options are refused", bad_options_are_refused},
            {"zero is the default", zero_is_the_default},
            {"bad receives are refused", bad_receives_are_refused},
            {"bad timers are refused, and stay the sender's", bad_timers_are_refused},
            {"an isolate has 65,536 ports and no more", an_isolate_has_so_many_ports_and_no_more},
            {"nothing is sent from one world to another",
             nothing_is_sent_from_one_world_to_another},
            {"nothing is controlled from one world to another",
             nothing_is_controlled_from_one_world_to_another},
            {"what waits for a handler counts against the limit", what_waits_for_a_handler_counts},
            {"what has waited longest for a handler gives way first", what_waits_longest_gives_way},
            {"a forked child is refused", forked_child_is_refused},
            {"times that a periodic message has missed are left out, and counted",
             missed_times_are_left_out});
