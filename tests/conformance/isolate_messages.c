/*
 * isolate_messages.c: contract C1 to C3, C19: mailboxes and ports, the order of messages, what
 * becomes of their data, and what a full mailbox does.
 */
#include "support/check.h"
#include "support/clock.h"
#include "support/fibers.h"
#include "support/isolates.h"
#include "support/later.h"
#include "support/mode.h"
#include "support/scripted_worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SENDERS = 3,
    EACH = 12, /* messages of a sender */
    PORTS = 3,
    PONG = 100, /* what a ping is answered with */
};

/* An isolate that passes on what comes to its ports, to a port of the test. */
struct desk {
    struct agent agent;
    lc_receive_port probe;
    lc_send_port report; /* the probe's address */
    lc_receive_port ports[PORTS];
};

static lc_error *open_desk(void *arg)
{
    struct desk *desk = arg;
    for (size_t i = 0; i < PORTS; i++)
        desk->ports[i] = port_with(pass_number, &desk->report);
    return NULL;
}

static void desk_init(struct desk *desk)
{
    agent_init(&desk->agent);
    desk->agent.first = open_desk;
    desk->agent.arg = desk;
    desk->probe = probe_open();
    desk->report = desk->probe.send;
}

static void desk_start(struct desk *desk)
{
    desk_init(desk);
    agent_begin(&desk->agent);
}

static int desk_send(struct desk *desk, size_t port, int number)
{
    return send_number(desk->ports[port].send, number);
}

/* That all control and all messages up to here have been seen to. */
static void desk_answers(struct desk *desk)
{
    int pong = PONG;
    const lc_payload payload = {&pong, sizeof pong, NULL};
    CU_ASSERT_EQUAL(
        lc_isolate_ping(desk->agent.isolate, desk->report, &payload, LC_PRIORITY_NEXT_EVENT), 0);
    PROBE_GETS(desk->probe, PONG);
}

static void desk_stop(struct desk *desk)
{
    agent_stop(&desk->agent);
    CU_ASSERT_TRUE(probe_is_empty(desk->probe));
    probe_close(desk->probe);
}

/* ---- C1: one at a time ---- */

struct crowd {
    struct desk desk;
    struct helper helpers[SENDERS];
    atomic_int inside;
    atomic_bool met;
    int handled; /* the isolate's, and no lock's */
};

static lc_error *meet_nobody(lc_message *message, void *arg)
{
    struct crowd *crowd = arg;
    (void)message;
    if (atomic_fetch_add(&crowd->inside, 1) > 0)
        atomic_store(&crowd->met, true);
    lc_yield();
    atomic_fetch_sub(&crowd->inside, 1);
    if (++crowd->handled == SENDERS * EACH)
        send_number(crowd->desk.report, crowd->handled);
    return NULL;
}

static lc_error *open_crowd(void *arg)
{
    struct crowd *crowd = arg;
    for (size_t i = 0; i < PORTS; i++)
        crowd->desk.ports[i] = port_with(meet_nobody, crowd);
    return NULL;
}

static void send_to_all_ports(void *arg)
{
    struct crowd *crowd = arg;
    for (int i = 0; i < EACH; i++)
        desk_send(&crowd->desk, (size_t)i % PORTS, i);
}

static void handlers_never_meet(void)
{
    struct crowd crowd = {.handled = 0};
    desk_init(&crowd.desk);
    crowd.desk.agent.first = open_crowd;
    crowd.desk.agent.arg = &crowd;
    agent_begin(&crowd.desk.agent);
    for (size_t i = 0; i < SENDERS; i++)
        helper_start(&crowd.helpers[i], send_to_all_ports, &crowd);
    PROBE_GETS(crowd.desk.probe, SENDERS * EACH);
    CU_ASSERT_FALSE(atomic_load(&crowd.met));
    for (size_t i = 0; i < SENDERS; i++)
        helper_join(&crowd.helpers[i]);
    desk_stop(&crowd.desk);
}

/* A handler that waits: on which thread before, and after. */
struct wait {
    struct gate gate;
    pthread_t before;
    pthread_t after;
};

static lc_error *wait_on_one_thread(void *arg)
{
    struct wait *wait = arg;
    wait->before = pthread_self();
    gate_pass(&wait->gate);
    wait->after = pthread_self();
    return NULL;
}

static void waiting_handler_holds_up_its_isolate_alone(void)
{
    struct desk busy, other;
    struct wait wait;
    gate_init(&wait.gate);
    desk_start(&busy);
    desk_start(&other);
    CU_ASSERT_EQUAL(agent_told(&busy.agent, wait_on_one_thread, &wait), 0);
    CHECK_CLOSES(wait.gate.reached);
    desk_send(&busy, 0, 1);
    for (int i = 1; i <= EACH; i++) {
        desk_send(&other, 0, i);
        PROBE_GETS(other.probe, i);
    }
    CU_ASSERT_TRUE(probe_is_empty(busy.probe));
    lc_handle_close(wait.gate.open);
    PROBE_GETS(busy.probe, 1);
    CU_ASSERT_TRUE(pthread_equal(wait.before, wait.after));
    desk_stop(&busy);
    desk_stop(&other);
    gate_drop(&wait.gate);
}

/* ---- C1: groups ---- */

enum { MEMBERS = 6, ROUNDS = 8, QUOTA = 2 };

struct member {
    lc_send_port report;
    lc_receive_port port;
    int rounds;
    pthread_t threads[ROUNDS]; /* on which it was, in each round */
    void *data;
};

/* Sends itself the next message, so that it goes to whatever thread has time. */
static lc_error *go_round(lc_message *message, void *arg)
{
    struct member *member = arg;
    (void)message;
    member->threads[member->rounds++] = pthread_self();
    member->data = lc_isolate_group_data(lc_isolate_group_current());
    if (member->rounds < ROUNDS)
        return lc_send(member->port.send, NULL, 0) == 0 ? NULL : lc_error_new(-EIO, "not sent");
    send_number(member->report, 1);
    lc_port_close(member->port);
    return NULL;
}

static lc_error *open_member(void *arg)
{
    struct member *member = arg;
    member->port = port_with(go_round, member);
    lc_send(member->port.send, NULL, 0);
    return NULL;
}

static unsigned count_threads(const struct member *members)
{
    pthread_t seen[MEMBERS * ROUNDS] = {0};
    unsigned count = 0;
    for (size_t i = 0; i < (size_t)MEMBERS * ROUNDS; i++) {
        pthread_t thread = members[i / ROUNDS].threads[i % ROUNDS];
        unsigned at = 0;
        while (at < count && !pthread_equal(seen[at], thread))
            at++;
        seen[at] = thread;
        count += at == count;
    }
    return count;
}

static lc_isolate_group *new_group(lc_executor *executor, unsigned threads, void *data,
                                   void (*release)(void *data))
{
    lc_isolate_group_options options = {.size = sizeof options};
    lc_isolate_group *group;
    options.executor = executor;
    options.threads = threads;
    options.data = data;
    options.release = release;
    CHECK_SUCCESS(lc_isolate_group_new(&options, &group));
    return group;
}

static void spawn_member(struct member *member, lc_isolate_group *group, lc_send_port report)
{
    lc_isolate_options options = {.size = sizeof options};
    *member = (struct member){.report = report};
    options.entry = open_member;
    options.arg = member;
    options.group = group;
    options.spread = true;
    options.on_exit = report;
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
}

/* In a simulation there is but one thread; the data is shared there as well. */
static void group_shares_threads_and_data(void)
{
    struct member members[MEMBERS];
    struct parcel data = {.number = 5};
    lc_receive_port probe = probe_open();
    lc_executor *executor = lc_is_simulated() ? NULL : fibers_executor(2 * QUOTA);
    lc_isolate_group *group = new_group(executor, QUOTA, &data, parcel_destroy);
    for (size_t i = 0; i < MEMBERS; i++)
        spawn_member(&members[i], group, probe.send);
    int told = 0;
    for (size_t i = 0; i < (size_t)MEMBERS * 2; i++)
        told += probe_number(probe);
    CU_ASSERT_EQUAL(told, MEMBERS);
    CU_ASSERT_TRUE(count_threads(members) <= QUOTA);
    for (size_t i = 0; i < MEMBERS; i++)
        CU_ASSERT_PTR_EQUAL(members[i].data, &data);
    CU_ASSERT_EQUAL(lc_isolate_group_shutdown(group, check_patience()), 0);
    CU_ASSERT_EQUAL(lc_isolate_group_count(group), 0);
    CU_ASSERT_EQUAL(atomic_load(&data.destroyed), 0);
    if (executor)
        fibers_end(executor);
    lc_isolate_group_unref(group);
    CU_ASSERT_EQUAL(atomic_load(&data.destroyed), 1);
    probe_close(probe);
}

struct birth {
    lc_isolate_group *seen; /* the group that the child found itself in */
    lc_send_port report;
};

static lc_error *look_for_group(void *arg)
{
    struct birth *birth = arg;
    birth->seen = lc_isolate_group_current();
    return NULL;
}

static lc_error *bear_child(void *arg)
{
    struct birth *birth = arg;
    lc_isolate_options options = {.size = sizeof options};
    options.entry = look_for_group;
    options.arg = birth;
    options.on_exit = birth->report;
    return lc_isolate_spawn(&options, NULL);
}

static void child_is_of_its_spawners_group(void)
{
    struct agent agent;
    lc_receive_port probe = probe_open();
    struct birth birth = {NULL, probe.send};
    agent_init(&agent);
    agent.options.group = new_group(NULL, 0, NULL, NULL);
    agent_begin(&agent);
    CU_ASSERT_EQUAL(lc_isolate_group_count(agent.options.group), 1);
    CU_ASSERT_PTR_NULL(lc_isolate_group_current());
    agent_does(&agent, bear_child, &birth);
    PROBE_GETS(probe, 0);
    CU_ASSERT_PTR_EQUAL(birth.seen, agent.options.group);
    agent_stop(&agent);
    lc_isolate_group_unref(agent.options.group);
    probe_close(probe);
}

/* ---- C2: owners ---- */

struct trespass {
    lc_receive_port port;
    int results[6];
};

/* What is the owner's alone, tried by another. */
static void trespass(void *arg)
{
    struct trespass *tried = arg;
    lc_message *message = NULL;
    lc_waitable waitable = lc_on_port(tried->port);
    tried->results[0] = lc_port_receive(tried->port, &message, LC_NOW);
    tried->results[1] = lc_port_receive_any(&tried->port, 1, &message, LC_NOW);
    tried->results[2] = lc_port_close(tried->port);
    tried->results[3] = lc_port_set_handler(tried->port, pass_number, NULL);
    tried->results[4] = lc_port_set_weak(tried->port, true);
    tried->results[5] = lc_wait_any(&waitable, 1, LC_NOW);
}

static lc_error *trespass_in_isolate(void *arg)
{
    trespass(arg);
    return NULL;
}

static void all_are_refused(const struct trespass *tried)
{
    for (size_t i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(tried->results[i], -EPERM);
    CU_ASSERT_EQUAL(tried->results[5], -EINVAL);
    CU_ASSERT_TRUE(lc_port_is_open(tried->port.send));
}

static void port_is_its_owners_alone(void)
{
    struct agent agent;
    agent_start(&agent);
    lc_receive_port probe = probe_open();
    struct trespass tried = {.port = probe};
    send_number(probe.send, 1);
    helper_do(trespass, &tried);
    all_are_refused(&tried);
    agent_does(&agent, trespass_in_isolate, &tried);
    all_are_refused(&tried);
    PROBE_GETS(probe, 1);
    probe_close(probe);
    agent_stop(&agent);
}

static void isolates_port_is_the_isolates_alone(void)
{
    struct agent one, other;
    agent_start(&one);
    agent_start(&other);
    struct trespass tried = {.port = one.port};
    trespass(&tried);
    all_are_refused(&tried);
    agent_does(&other, trespass_in_isolate, &tried);
    all_are_refused(&tried);
    agent_stop(&one);
    agent_stop(&other);
}

/* An isolate's messages are brought to its handlers: there is nothing to receive. */
static lc_error *receive_own(void *arg)
{
    struct trespass *tried = arg;
    lc_message *message = NULL;
    lc_waitable waitable = lc_on_port(tried->port);
    tried->results[0] = lc_port_receive(tried->port, &message, LC_NOW);
    tried->results[1] = lc_wait_any(&waitable, 1, LC_NOW);
    tried->results[2] = lc_port_close(tried->port);
    tried->results[3] = lc_port_close(tried->port);
    return NULL;
}

static void owner_closes_once(void)
{
    struct agent agent;
    agent_start(&agent);
    struct trespass tried = {.port = agent.port};
    agent_does(&agent, receive_own, &tried);
    CU_ASSERT_EQUAL(tried.results[0], -EPERM);
    CU_ASSERT_EQUAL(tried.results[1], -EINVAL);
    CU_ASSERT_EQUAL(tried.results[2], 0);
    CU_ASSERT_EQUAL(tried.results[3], -EBADF);
    agent_ends(&agent);
    lc_receive_port probe = probe_open();
    lc_message *message = NULL;
    probe_close(probe);
    CU_ASSERT_EQUAL(lc_port_close(probe), -EBADF);
    CU_ASSERT_EQUAL(lc_port_receive(probe, &message, LC_NOW), -EBADF);
    CU_ASSERT_EQUAL(lc_port_receive_any(&probe, 1, &message, LC_NOW), -EBADF);
    lc_waitable waitable = lc_on_port(probe);
    CU_ASSERT_EQUAL(lc_wait_any(&waitable, 1, LC_NOW), -EINVAL);
}

/* ---- C2: ports of threads and fibers ---- */

static int any_number(const lc_receive_port *ports, size_t count)
{
    lc_message *message = NULL;
    CU_ASSERT_EQUAL(lc_port_receive_any(ports, count, &message, check_patience()), 0);
    int number = number_in(message);
    lc_message_free(message);
    return number;
}

static void several_ports_share_one_order(void)
{
    static const size_t to[] = {2, 0, 0, 1, 2, 1, 0};
    lc_receive_port ports[PORTS];
    for (size_t i = 0; i < PORTS; i++)
        ports[i] = probe_open();
    for (int i = 0; i < (int)(sizeof to / sizeof *to); i++)
        send_number(ports[to[i]].send, i);
    for (int i = 0; i < (int)(sizeof to / sizeof *to); i++)
        CU_ASSERT_EQUAL(any_number(ports, PORTS), i);
    lc_message *message = NULL;
    CU_ASSERT_EQUAL(lc_port_receive_any(ports, PORTS, &message, LC_NOW), -ETIMEDOUT);
    for (size_t i = 0; i < PORTS; i++)
        probe_close(ports[i]);
}

struct burst {
    lc_receive_port *ports;
    int from;
};

static void send_burst(void *arg)
{
    struct burst *burst = arg;
    for (int i = 0; i < EACH; i++)
        send_number(burst->ports[(i + burst->from) % PORTS].send, burst->from * EACH + i);
}

/* Whether it is the next of its sender. */
static bool is_next(int number, int *next)
{
    bool known = number >= 0 && number < SENDERS * EACH;
    return known && number % EACH == next[number / EACH]++;
}

/* Each sender's messages come in the order sent, though over several ports, while others send. */
static void each_senders_order_is_kept_over_several_ports(void)
{
    lc_receive_port ports[PORTS];
    struct helper helpers[SENDERS];
    struct burst bursts[SENDERS];
    int next[SENDERS] = {0};
    for (size_t i = 0; i < PORTS; i++)
        ports[i] = probe_open();
    for (int i = 0; i < SENDERS; i++) {
        bursts[i] = (struct burst){ports, i};
        helper_start(&helpers[i], send_burst, &bursts[i]);
    }
    for (int i = 0; i < SENDERS * EACH; i++) {
        int number = any_number(ports, PORTS);
        CU_ASSERT_TRUE(is_next(number, next));
    }
    for (size_t i = 0; i < SENDERS; i++)
        helper_join(&helpers[i]);
    for (size_t i = 0; i < PORTS; i++)
        probe_close(ports[i]);
}

static void send_seven(void *arg)
{
    send_number(*(lc_send_port *)arg, 7);
}

static void message_wakes_its_receiver(void)
{
    struct later later_sent;
    lc_receive_port ports[] = {probe_open(), probe_open()};
    later(&later_sent, send_seven, &ports[0].send);
    PROBE_GETS(ports[0], 7);
    CU_ASSERT_TRUE(later_join(&later_sent));
    later(&later_sent, send_seven, &ports[1].send);
    CU_ASSERT_EQUAL(any_number(ports, 2), 7);
    CU_ASSERT_TRUE(later_join(&later_sent));
    probe_close(ports[0]);
    probe_close(ports[1]);
}

static void let_second_pass(void *arg)
{
    check_clock_advance(arg, LC_SECOND);
}

static void receiving_has_a_deadline(void)
{
    struct later passing;
    struct check_clock *clock = check_clock_new();
    check_clock_use(clock);
    lc_receive_port port = probe_open();
    lc_message *message = NULL;
    CU_ASSERT_EQUAL(lc_port_receive(port, &message, LC_NOW), -ETIMEDOUT);
    int64_t deadline = lc_deadline_after(LC_SECOND);
    later(&passing, let_second_pass, clock);
    CU_ASSERT_EQUAL(lc_port_receive(port, &message, deadline), -ETIMEDOUT);
    CU_ASSERT_TRUE(lc_now() >= deadline);
    CU_ASSERT_TRUE(later_join(&passing));
    deadline = lc_deadline_after(LC_SECOND);
    later(&passing, let_second_pass, clock);
    CU_ASSERT_EQUAL(lc_port_receive_any(&port, 1, &message, deadline), -ETIMEDOUT);
    CU_ASSERT_TRUE(lc_now() >= deadline);
    CU_ASSERT_TRUE(later_join(&passing));
    send_number(port.send, 1);
    CU_ASSERT_EQUAL(lc_port_receive(port, &message, LC_NOW), 0); /* what is there needs no time */
    lc_message_free(message);
    probe_close(port);
    check_clock_use(NULL);
    check_clock_free(clock);
}

static void port_is_waited_for_with_others(void)
{
    struct later later_sent;
    lc_receive_port ports[] = {probe_open(), probe_open()};
    lc_handle *handle = lc_handle_new();
    lc_waitable waitables[] = {lc_on_handle(handle), lc_on_port(ports[0]), lc_on_port(ports[1])};
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 3, LC_NOW), -ETIMEDOUT);
    later(&later_sent, send_seven, &ports[1].send);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 3, check_patience()), 2);
    CU_ASSERT_TRUE(later_join(&later_sent));
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 3, LC_NOW), 2); /* looking does not take it */
    send_number(ports[0].send, 8);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 3, LC_NOW), 1);
    CU_ASSERT_EQUAL(lc_wait_all(&waitables[1], 2, LC_NOW), 0);
    lc_handle_close(handle);
    CU_ASSERT_EQUAL(lc_wait_any(waitables, 3, LC_NOW), 0);
    PROBE_GETS(ports[1], 7);
    PROBE_GETS(ports[0], 8);
    CU_ASSERT_EQUAL(lc_wait_any(&waitables[1], 2, LC_NOW), -ETIMEDOUT);
    lc_handle_unref(handle);
    probe_close(ports[0]);
    probe_close(ports[1]);
}

/* ---- C2: addresses ---- */

static void addresses_are_values(void)
{
    lc_receive_port one = probe_open(), other = probe_open();
    lc_send_port copy = one.send, kept[2];
    memcpy(kept, &copy, sizeof copy);
    CU_ASSERT_TRUE(lc_send_port_equal(kept[0], one.send));
    CU_ASSERT_FALSE(lc_send_port_equal(one.send, other.send));
    CU_ASSERT_EQUAL(lc_send_port_hash(kept[0]), lc_send_port_hash(one.send));
    CU_ASSERT_NOT_EQUAL(lc_send_port_hash(one.send), lc_send_port_hash(other.send));
    CU_ASSERT_TRUE(lc_send_port_is_set(one.send));
    CU_ASSERT_FALSE(lc_send_port_is_set(LC_NO_PORT));
    CU_ASSERT_EQUAL(send_number(kept[0], 3), 0);
    PROBE_GETS(one, 3);
    probe_close(one);
    probe_close(other);
}

struct request {
    int number;
    lc_send_port answer_to;
};

static lc_error *answer_request(lc_message *message, void *arg)
{
    const struct request *request = lc_message_data(message);
    (void)arg;
    send_number(request->answer_to, request->number + 1);
    return NULL;
}

static lc_error *open_service(void *arg)
{
    *(lc_receive_port *)arg = port_with(answer_request, NULL);
    return NULL;
}

static void address_lies_in_a_copied_payload(void)
{
    struct agent agent;
    lc_receive_port service, probe = probe_open();
    agent_init(&agent);
    agent.first = open_service;
    agent.arg = &service;
    agent_begin(&agent);
    for (int i = 0; i < EACH; i++) {
        const struct request request = {i, probe.send};
        CU_ASSERT_EQUAL(lc_send(service.send, &request, sizeof request), 0);
        PROBE_GETS(probe, i + 1);
    }
    agent_stop(&agent);
    probe_close(probe);
}

static void closed_port_is_harmless_and_comparable(void)
{
    lc_receive_port gone = probe_open();
    lc_send_port copy = gone.send;
    probe_close(gone);
    lc_receive_port next = probe_open(); /* where the other was */
    uint64_t dropped = lc_messages_dropped();
    CU_ASSERT_TRUE(lc_send_port_equal(copy, gone.send));
    CU_ASSERT_FALSE(lc_send_port_equal(copy, next.send));
    CU_ASSERT_FALSE(lc_port_is_open(copy));
    CU_ASSERT_TRUE(lc_send_port_is_set(copy));
    CU_ASSERT_EQUAL(send_number(copy, 1), 0);
    CU_ASSERT_EQUAL(send_number(copy, 2), 0);
    CU_ASSERT_EQUAL(lc_messages_dropped() - dropped, 2);
    CU_ASSERT_TRUE(probe_is_empty(next));
    probe_close(next);
}

static void ended_isolates_ports_are_harmless_and_comparable(void)
{
    struct desk gone, next;
    desk_start(&gone);
    desk_stop(&gone);
    desk_start(&next); /* where the other was, mostly */
    uint64_t dropped = lc_messages_dropped();
    for (size_t i = 0; i < PORTS; i++) {
        CU_ASSERT_FALSE(lc_send_port_equal(gone.ports[i].send, next.ports[i].send));
        CU_ASSERT_FALSE(lc_port_is_open(gone.ports[i].send));
        CU_ASSERT_TRUE(lc_port_is_open(next.ports[i].send));
        CU_ASSERT_EQUAL(desk_send(&gone, i, 1), 0);
    }
    CU_ASSERT_EQUAL(lc_messages_dropped() - dropped, PORTS);
    desk_answers(&next);
    desk_stop(&next);
}

static lc_error *close_second(void *arg)
{
    CU_ASSERT_EQUAL(lc_port_close(((struct desk *)arg)->ports[1]), 0);
    return NULL;
}

/*
 * What is queued at a port that is closed is dropped, and counted; what is queued at others stays.
 */
static void closing_drops_what_is_queued_there(void)
{
    struct desk desk;
    struct gate gate;
    struct parcel parcels[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    desk_start(&desk);
    gate_init(&gate);
    agent_waits(&desk.agent, &gate);
    CU_ASSERT_EQUAL(agent_told(&desk.agent, close_second, &desk), 0);
    for (size_t i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(send_parcel(desk.ports[i].send, &parcels[i]), 0);
    uint64_t dropped = lc_messages_dropped();
    lc_handle_close(gate.open);
    PROBE_GETS(desk.probe, 1, 3);
    CU_ASSERT_EQUAL(lc_messages_dropped() - dropped, 1);
    CU_ASSERT_EQUAL(atomic_load(&parcels[1].destroyed), 1);
    desk_stop(&desk);
    gate_drop(&gate);
    lc_receive_port probe = probe_open();
    parcels[1].destroyed = 0;
    send_parcel(probe.send, &parcels[1]);
    probe_close(probe);
    CU_ASSERT_EQUAL(lc_messages_dropped() - dropped, 2);
    CU_ASSERT_EQUAL(atomic_load(&parcels[1].destroyed), 1);
}

/* ---- C3: order ---- */

static void one_senders_order_is_kept_over_an_isolates_ports(void)
{
    struct desk desk;
    desk_start(&desk);
    for (int i = 0; i < 8 * EACH; i++)
        desk_send(&desk, (size_t)(i * i) % PORTS, i);
    for (int i = 0; i < 8 * EACH; i++)
        PROBE_GETS(desk.probe, i);
    desk_stop(&desk);
}

static void each_senders_order_is_kept_while_others_send(void)
{
    struct desk desk;
    struct helper helpers[SENDERS];
    struct burst bursts[SENDERS];
    int next[SENDERS] = {0};
    desk_start(&desk);
    for (int i = 0; i < SENDERS; i++) {
        bursts[i] = (struct burst){desk.ports, i};
        helper_start(&helpers[i], send_burst, &bursts[i]);
    }
    for (int i = 0; i < SENDERS * EACH; i++) {
        int number = probe_number(desk.probe);
        CU_ASSERT_TRUE(is_next(number, next));
    }
    for (size_t i = 0; i < SENDERS; i++)
        helper_join(&helpers[i]);
    desk_stop(&desk);
}

static void pause_holds_what_is_sent_after_it(void)
{
    struct desk desk;
    desk_start(&desk);
    for (int i = 0; i < EACH; i++) {
        lc_capability resume = lc_capability_new();
        CU_ASSERT_EQUAL(lc_isolate_pause(desk.agent.isolate, resume), 0);
        desk_send(&desk, 0, i);
        desk_answers(&desk);
        CU_ASSERT_TRUE(probe_is_empty(desk.probe));
        CU_ASSERT_EQUAL(lc_isolate_resume(desk.agent.isolate, resume), 0);
        PROBE_GETS(desk.probe, i);
    }
    desk_stop(&desk);
}

static void kill_comes_before_what_is_sent_after_it(void)
{
    struct desk desk;
    struct parcel parcel = {.number = 1};
    desk_start(&desk);
    CU_ASSERT_EQUAL(lc_isolate_kill(desk.agent.isolate, LC_PRIORITY_DEFAULT), 0);
    CU_ASSERT_EQUAL(send_parcel(desk.ports[0].send, &parcel), 0);
    agent_ends(&desk.agent);
    CU_ASSERT_TRUE(probe_is_empty(desk.probe));
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
    probe_close(desk.probe);
}

static lc_error *fail(void *arg)
{
    (void)arg;
    return lc_error_new(-EIO, "failed");
}

static void listener_hears_what_is_sent_after_it_was_added(void)
{
    struct desk desk;
    desk_start(&desk);
    CU_ASSERT_EQUAL(lc_isolate_set_errors_fatal(desk.agent.isolate, false), 0);
    CU_ASSERT_EQUAL(lc_isolate_add_error_listener(desk.agent.isolate, desk.report), 0);
    CU_ASSERT_EQUAL(agent_told(&desk.agent, fail, NULL), 0);
    desk_send(&desk, 0, 1);
    lc_message *message = probe_next(desk.probe);
    CU_ASSERT_EQUAL(lc_error_code(lc_message_error(message)), -EIO);
    lc_message_free(message);
    PROBE_GETS(desk.probe, 1);
    desk_stop(&desk);
}

/* ---- C3: payloads ---- */

static void bytes_are_copied(void)
{
    lc_receive_port port = probe_open();
    char text[] = "before";
    CU_ASSERT_EQUAL(lc_send(port.send, text, sizeof text), 0);
    memcpy(text, "after!", sizeof text);
    lc_message *message = probe_next(port);
    CU_ASSERT_EQUAL(lc_message_size(message), sizeof text);
    CU_ASSERT_STRING_EQUAL(lc_message_data(message), "before");
    CU_ASSERT_PTR_NOT_EQUAL(lc_message_data(message), text);
    CU_ASSERT_PTR_NULL(lc_message_take(message)); /* it is the message's, and goes with it */
    CU_ASSERT_TRUE(lc_send_port_equal(lc_message_port(message), port.send));
    CU_ASSERT_PTR_NULL(lc_message_error(message));
    lc_message_free(message);
    probe_close(port);
}

static void empty_and_large_messages_are_copied(void)
{
    enum { LARGE = 100000 };
    lc_receive_port port = probe_open();
    static unsigned char large[LARGE];
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (unsigned char)(i * 7);
    CU_ASSERT_EQUAL(lc_send(port.send, NULL, 0), 0);
    CU_ASSERT_EQUAL(lc_send_payload(port.send, NULL, LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_send(port.send, large, LARGE), 0);
    for (int i = 0; i < 2; i++) {
        lc_message *empty = probe_next(port);
        CU_ASSERT_EQUAL(lc_message_size(empty), 0);
        CU_ASSERT_PTR_NULL(lc_message_data(empty));
        lc_message_free(empty);
    }
    lc_message *message = probe_next(port);
    CU_ASSERT_EQUAL(lc_message_size(message), LARGE);
    CU_ASSERT_EQUAL(memcmp(lc_message_data(message), large, LARGE), 0);
    lc_message_free(message);
    probe_close(port);
}

/* What a handler does with moved data. */
enum treatment { LEAVES_IT, TAKES_IT, FAILS, THROWS };

struct delivery {
    struct agent agent;
    enum treatment treatment;
    lc_receive_port errors;
    lc_receive_port port;
    struct parcel *seen;
    unsigned destroyed_then; /* how often it had been, when the handler had it */
    void *taken[2];
};

static lc_error *accept_parcel(lc_message *message, void *arg)
{
    struct delivery *delivery = arg;
    delivery->seen = lc_message_data(message);
    if (delivery->treatment == TAKES_IT) {
        delivery->taken[0] = lc_message_take(message);
        delivery->taken[1] = lc_message_take(message);
    }
    delivery->destroyed_then = atomic_load(&delivery->seen->destroyed);
    if (delivery->treatment == THROWS)
        lc_throw(lc_isolate_context(), lc_error_new(-EIO, "thrown"));
    return delivery->treatment == FAILS ? lc_error_new(-EIO, "failed") : NULL;
}

static lc_error *open_delivery(void *arg)
{
    struct delivery *delivery = arg;
    delivery->port = port_with(accept_parcel, delivery);
    return NULL;
}

static lc_error *do_nothing(void *arg)
{
    (void)arg;
    return NULL;
}

/* Has a parcel handled, and the next message as well. */
static void deliver(struct delivery *delivery, struct parcel *parcel, enum treatment treatment)
{
    *delivery = (struct delivery){.treatment = treatment, .errors = probe_open()};
    agent_init(&delivery->agent);
    delivery->agent.options.errors_not_fatal = true;
    delivery->agent.options.on_error = delivery->errors.send;
    delivery->agent.first = open_delivery;
    delivery->agent.arg = delivery;
    agent_begin(&delivery->agent);
    CU_ASSERT_EQUAL(send_parcel(delivery->port.send, parcel), 0);
    agent_does(&delivery->agent, do_nothing, NULL);
}

static void end_delivery(struct delivery *delivery)
{
    bool failed = delivery->treatment == FAILS || delivery->treatment == THROWS;
    if (failed)
        lc_message_free(probe_next(delivery->errors));
    CU_ASSERT_TRUE(probe_is_empty(delivery->errors));
    agent_stop(&delivery->agent);
    probe_close(delivery->errors);
}

static void moved_data_is_destroyed_after_its_handler(void)
{
    static const enum treatment treatments[] = {LEAVES_IT, FAILS, THROWS};
    for (size_t i = 0; i < sizeof treatments / sizeof *treatments; i++) {
        struct parcel parcel = {.number = 1};
        struct delivery delivery;
        deliver(&delivery, &parcel, treatments[i]);
        CU_ASSERT_PTR_EQUAL(delivery.seen, &parcel);
        CU_ASSERT_EQUAL(delivery.destroyed_then, 0);
        CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
        end_delivery(&delivery);
        CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
    }
}

static void taken_data_is_the_handlers(void)
{
    struct parcel parcel = {.number = 1};
    struct delivery delivery;
    deliver(&delivery, &parcel, TAKES_IT);
    CU_ASSERT_PTR_EQUAL(delivery.taken[0], &parcel);
    CU_ASSERT_PTR_NULL(delivery.taken[1]);
    end_delivery(&delivery);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
}

static void received_data_is_destroyed_with_its_message(void)
{
    lc_receive_port port = probe_open();
    struct parcel kept = {.number = 1}, taken = {.number = 2}, forever = {.number = 3};
    send_parcel(port.send, &kept);
    send_parcel(port.send, &taken);
    CU_ASSERT_EQUAL(lc_send_moved(port.send, &forever, sizeof forever, NULL), 0);
    lc_message *message = probe_next(port);
    CU_ASSERT_PTR_EQUAL(lc_message_data(message), &kept);
    CU_ASSERT_EQUAL(lc_message_size(message), sizeof kept.number);
    CU_ASSERT_EQUAL(atomic_load(&kept.destroyed), 0);
    lc_message_free(message);
    CU_ASSERT_EQUAL(atomic_load(&kept.destroyed), 1);
    message = probe_next(port);
    CU_ASSERT_PTR_EQUAL(lc_message_take(message), &taken);
    CU_ASSERT_PTR_NULL(lc_message_take(message));
    lc_message_free(message);
    CU_ASSERT_EQUAL(atomic_load(&taken.destroyed), 0);
    message = probe_next(port);
    CU_ASSERT_PTR_EQUAL(lc_message_take(message), &forever);
    lc_message_free(message);
    lc_message_free(NULL);
    probe_close(port);
}

/* To a closed port, to an isolate that has ended, or is killed before it comes to them. */
static void dropped_data_is_destroyed_once(void)
{
    struct desk desk;
    struct gate gate;
    struct parcel parcels[4] = {{.number = 0}};
    lc_receive_port port = probe_open();
    probe_close(port);
    CU_ASSERT_EQUAL(send_parcel(port.send, &parcels[0]), 0);
    CU_ASSERT_EQUAL(atomic_load(&parcels[0].destroyed), 1);
    desk_start(&desk);
    gate_init(&gate);
    agent_waits(&desk.agent, &gate);
    send_parcel(desk.ports[0].send, &parcels[1]);
    send_parcel(desk.ports[1].send, &parcels[2]);
    CU_ASSERT_EQUAL(lc_isolate_kill(desk.agent.isolate, LC_PRIORITY_DEFAULT), 0);
    CU_ASSERT_EQUAL(atomic_load(&parcels[1].destroyed), 0);
    uint64_t dropped = lc_messages_dropped();
    lc_handle_close(gate.open);
    agent_ends(&desk.agent);
    send_parcel(desk.ports[0].send, &parcels[3]);
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(atomic_load(&parcels[i].destroyed), 1);
    CU_ASSERT_EQUAL(lc_messages_dropped() - dropped, 3);
    CU_ASSERT_TRUE(probe_is_empty(desk.probe));
    probe_close(desk.probe);
    gate_drop(&gate);
}

static lc_error *open_without_handler(void *arg)
{
    *(lc_receive_port *)arg = port_with(NULL, NULL);
    return NULL;
}

static void data_that_waits_for_a_handler_is_destroyed_at_the_end(void)
{
    struct agent agent;
    lc_receive_port port;
    struct parcel parcel = {.number = 1};
    agent_init(&agent);
    agent.first = open_without_handler;
    agent.arg = &port;
    agent_begin(&agent);
    send_parcel(port.send, &parcel);
    agent_does(&agent, do_nothing, NULL);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
    agent_stop(&agent);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
}

/* ---- C19: full mailboxes ---- */

enum { LIMIT = 4 };

/* An isolate with such a mailbox, which is full, and which is held up at the gate. */
struct full {
    struct desk desk;
    struct gate gate;
};

static void full_init(struct full *full, size_t limit, lc_when_full when_full)
{
    desk_init(&full->desk);
    gate_init(&full->gate);
    full->desk.agent.options.mailbox_limit = limit;
    full->desk.agent.options.when_full = when_full;
    agent_begin(&full->desk.agent);
    agent_waits(&full->desk.agent, &full->gate);
    for (int i = 1; i <= (int)limit; i++)
        CU_ASSERT_EQUAL(desk_send(&full->desk, (size_t)i % PORTS, i), 0);
}

static void full_drop(struct full *full)
{
    desk_stop(&full->desk);
    gate_drop(&full->gate);
}

/* A port of the caller's, which is full. */
static lc_receive_port full_port(size_t limit, lc_when_full when_full)
{
    lc_port_options options = {.size = sizeof options};
    lc_receive_port port;
    options.limit = limit;
    options.when_full = when_full;
    CHECK_SUCCESS(lc_port_open(&options, &port));
    for (int i = 1; i <= (int)limit; i++)
        CU_ASSERT_EQUAL(send_number(port.send, i), 0);
    return port;
}

static void full_mailbox_refuses(void)
{
    struct full full;
    struct parcel parcel = {.number = 9};
    full_init(&full, LIMIT, LC_FULL_REFUSE);
    CU_ASSERT_EQUAL(desk_send(&full.desk, 0, 9), -ENOBUFS);
    CU_ASSERT_EQUAL(send_parcel(full.desk.ports[1].send, &parcel), -ENOBUFS);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0); /* the sender's still */
    lc_handle_close(full.gate.open);
    PROBE_GETS(full.desk.probe, 1, 2, 3, 4);
    CU_ASSERT_EQUAL(desk_send(&full.desk, 0, 5), 0);
    PROBE_GETS(full.desk.probe, 5);
    full_drop(&full);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
}

static void full_port_refuses(void)
{
    struct parcel parcel = {.number = 9};
    lc_receive_port port = full_port(LIMIT, LC_FULL_REFUSE);
    CU_ASSERT_EQUAL(send_number(port.send, 9), -ENOBUFS);
    CU_ASSERT_EQUAL(send_parcel(port.send, &parcel), -ENOBUFS);
    PROBE_GETS(port, 1);
    CU_ASSERT_EQUAL(send_number(port.send, 5), 0);
    PROBE_GETS(port, 2, 3, 4, 5);
    CU_ASSERT_TRUE(probe_is_empty(port));
    probe_close(port);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
}

static void refusing_is_the_default(void)
{
    CU_ASSERT_EQUAL(LC_MAILBOX_DEFAULT, 1048576); /* that it is the default the next test tells */
    CU_ASSERT_EQUAL(LC_FULL_REFUSE, 0);
}

static bool takes_a_million(lc_send_port port)
{
    int result = 0;
    for (unsigned i = 0; i < LC_MAILBOX_DEFAULT && result == 0; i++) {
        result = lc_send(port, NULL, 0);
        if (i % 4096 == 0)
            lc_yield();
    }
    return result == 0;
}

static void default_mailbox_takes_a_million_and_no_more(void)
{
    struct desk desk;
    struct gate gate;
    desk_start(&desk);
    gate_init(&gate);
    agent_waits(&desk.agent, &gate);
    CU_ASSERT_TRUE(takes_a_million(desk.ports[0].send));
    CU_ASSERT_EQUAL(desk_send(&desk, 0, 1), -ENOBUFS);
    lc_isolate_kill(desk.agent.isolate, LC_PRIORITY_DEFAULT);
    lc_handle_close(gate.open);
    desk_stop(&desk);
    gate_drop(&gate);
    lc_receive_port port = probe_open();
    CU_ASSERT_TRUE(takes_a_million(port.send));
    CU_ASSERT_EQUAL(send_number(port.send, 1), -ENOBUFS);
    probe_close(port);
}

static void mailbox_without_limit_takes_more(void)
{
    lc_receive_port port;
    struct desk desk;
    struct gate gate;
    desk_init(&desk);
    gate_init(&gate);
    desk.agent.options.mailbox_limit = LC_MAILBOX_UNLIMITED;
    agent_begin(&desk.agent);
    agent_waits(&desk.agent, &gate);
    CU_ASSERT_TRUE(takes_a_million(desk.ports[0].send));
    CU_ASSERT_EQUAL(desk_send(&desk, 0, 1), 0);
    lc_isolate_kill(desk.agent.isolate, LC_PRIORITY_DEFAULT);
    lc_handle_close(gate.open);
    desk_stop(&desk);
    gate_drop(&gate);
    lc_port_options options = {.size = sizeof options};
    options.limit = LC_MAILBOX_UNLIMITED;
    CHECK_SUCCESS(lc_port_open(&options, &port));
    CU_ASSERT_TRUE(takes_a_million(port.send));
    CU_ASSERT_EQUAL(send_number(port.send, 1), 0);
    probe_close(port);
}

static void full_mailbox_drops_the_oldest(void)
{
    struct full full;
    struct parcel parcels[2] = {{.number = 5}, {.number = 6}};
    full_init(&full, LIMIT, LC_FULL_DROP_OLDEST);
    uint64_t dropped = lc_messages_dropped();
    CU_ASSERT_EQUAL(send_parcel(full.desk.ports[0].send, &parcels[0]), 0);
    CU_ASSERT_EQUAL(send_parcel(full.desk.ports[1].send, &parcels[1]), 0);
    for (int i = 7; i < 7 + LIMIT - 1; i++)
        CU_ASSERT_EQUAL(desk_send(&full.desk, 0, i), 0);
    CU_ASSERT_EQUAL(lc_messages_dropped() - dropped, 5);
    CU_ASSERT_EQUAL(atomic_load(&parcels[0].destroyed), 1);
    CU_ASSERT_EQUAL(atomic_load(&parcels[1].destroyed), 0);
    lc_handle_close(full.gate.open);
    PROBE_GETS(full.desk.probe, 6, 7, 8, 9);
    full_drop(&full);
    CU_ASSERT_EQUAL(atomic_load(&parcels[1].destroyed), 1);
}

static void full_port_drops_the_oldest(void)
{
    struct parcel parcels[2] = {{.number = 5}, {.number = 6}};
    lc_receive_port port = full_port(LIMIT, LC_FULL_DROP_OLDEST);
    uint64_t dropped = lc_messages_dropped();
    CU_ASSERT_EQUAL(send_parcel(port.send, &parcels[0]), 0);
    CU_ASSERT_EQUAL(send_parcel(port.send, &parcels[1]), 0);
    for (int i = 7; i < 7 + LIMIT - 1; i++)
        CU_ASSERT_EQUAL(send_number(port.send, i), 0);
    CU_ASSERT_EQUAL(lc_messages_dropped() - dropped, 5);
    CU_ASSERT_EQUAL(atomic_load(&parcels[0].destroyed), 1);
    PROBE_GETS(port, 6, 7, 8, 9);
    CU_ASSERT_TRUE(probe_is_empty(port));
    CU_ASSERT_EQUAL(atomic_load(&parcels[1].destroyed), 1);
    probe_close(port);
}

static void open_gate(void *arg)
{
    lc_handle_close(((struct gate *)arg)->open);
}

static void full_mailbox_parks_its_sender(void)
{
    struct full full;
    struct later opening;
    full_init(&full, LIMIT, LC_FULL_PARK_SENDER);
    later(&opening, open_gate, &full.gate);
    CU_ASSERT_EQUAL(desk_send(&full.desk, 0, 5), 0);
    CU_ASSERT_TRUE(later_join(&opening));
    CU_ASSERT_EQUAL(desk_send(&full.desk, 1, 6), 0);
    PROBE_GETS(full.desk.probe, 1, 2, 3, 4, 5, 6);
    full_drop(&full);
}

/* Sends something, and may be parked for that. */
struct sender {
    struct helper helper;
    struct strand self;
    lc_handle *begun;
    lc_send_port port;
    struct parcel parcel;
    int result;
};

static void send_slowly(void *arg)
{
    struct sender *sender = arg;
    sender->self = strand_self();
    lc_handle_close(sender->begun);
    sender->result = send_parcel(sender->port, &sender->parcel);
}

/* Starts it, and waits until it is parked. */
static void sender_start(struct sender *sender, lc_send_port port, int number)
{
    *sender = (struct sender){.port = port, .begun = lc_handle_new(), .result = 1};
    sender->parcel.number = number;
    helper_start(&sender->helper, send_slowly, sender);
    CHECK_CLOSES(sender->begun);
    CU_ASSERT_TRUE(strand_sleeps(sender->self));
    CU_ASSERT_EQUAL(sender->result, 1);
}

/* @return what its send has returned. */
static int sender_join(struct sender *sender)
{
    helper_join(&sender->helper);
    lc_handle_unref(sender->begun);
    return sender->result;
}

/* The sum of what comes: parked senders go on in any order. */
static int sum_of(lc_receive_port probe, int count)
{
    int sum = 0;
    for (int i = 0; i < count; i++)
        sum += probe_number(probe);
    return sum;
}

static void all_parked_senders_go_on(void)
{
    struct full full;
    struct sender senders[SENDERS];
    full_init(&full, 1, LC_FULL_PARK_SENDER);
    for (int i = 0; i < SENDERS; i++)
        sender_start(&senders[i], full.desk.ports[i].send, 10 << i);
    lc_handle_close(full.gate.open);
    CU_ASSERT_EQUAL(sum_of(full.desk.probe, 1 + SENDERS), 1 + 10 + 20 + 40);
    for (size_t i = 0; i < SENDERS; i++)
        CU_ASSERT_EQUAL(sender_join(&senders[i]), 0);
    full_drop(&full);
    for (size_t i = 0; i < SENDERS; i++)
        CU_ASSERT_EQUAL(atomic_load(&senders[i].parcel.destroyed), 1);
}

static void all_senders_parked_at_a_port_go_on(void)
{
    struct sender senders[SENDERS];
    lc_receive_port port = full_port(1, LC_FULL_PARK_SENDER);
    for (int i = 0; i < SENDERS; i++)
        sender_start(&senders[i], port.send, 10 << i);
    PROBE_GETS(port, 1);
    CU_ASSERT_EQUAL(sum_of(port, SENDERS), 10 + 20 + 40);
    for (size_t i = 0; i < SENDERS; i++) {
        CU_ASSERT_EQUAL(sender_join(&senders[i]), 0);
        CU_ASSERT_EQUAL(atomic_load(&senders[i].parcel.destroyed), 1);
    }
    probe_close(port);
}

static void parked_sender_goes_on_when_the_receiver_is_gone(void)
{
    struct full full;
    struct sender senders[2];
    lc_receive_port port = full_port(LIMIT, LC_FULL_PARK_SENDER);
    full_init(&full, LIMIT, LC_FULL_PARK_SENDER);
    sender_start(&senders[0], full.desk.ports[0].send, 5);
    sender_start(&senders[1], port.send, 6);
    CU_ASSERT_EQUAL(lc_isolate_kill(full.desk.agent.isolate, LC_PRIORITY_DEFAULT), 0);
    lc_handle_close(full.gate.open);
    probe_close(port);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(sender_join(&senders[i]), 0);
        CU_ASSERT_EQUAL(atomic_load(&senders[i].parcel.destroyed), 1);
    }
    full_drop(&full);
}

static lc_error *send_slowly_in_isolate(void *sender)
{
    send_slowly(sender);
    return NULL;
}

static void isolate_is_parked_like_others(void)
{
    struct full full;
    struct agent agent;
    full_init(&full, LIMIT, LC_FULL_PARK_SENDER);
    agent_start(&agent);
    struct sender sender = {.port = full.desk.ports[0].send, .begun = lc_handle_new()};
    sender.parcel.number = LIMIT + 1;
    CU_ASSERT_EQUAL(agent_told(&agent, send_slowly_in_isolate, &sender), 0);
    CHECK_CLOSES(sender.begun);
    CU_ASSERT_TRUE(strand_sleeps(sender.self));
    lc_handle_close(full.gate.open);
    PROBE_GETS(full.desk.probe, 1, 2, 3, 4, 5);
    agent_does(&agent, do_nothing, NULL);
    CU_ASSERT_EQUAL(sender.result, 0);
    lc_handle_unref(sender.begun);
    agent_stop(&agent);
    full_drop(&full);
}

static void parked_sender_has_a_deadline(void)
{
    struct full full;
    struct later passing;
    struct parcel parcel = {.number = 5};
    const lc_payload payload = {&parcel, sizeof parcel.number, parcel_destroy};
    struct check_clock *clock = check_clock_new();
    full_init(&full, LIMIT, LC_FULL_PARK_SENDER);
    check_clock_use(clock);
    lc_send_port port = full.desk.ports[0].send;
    CU_ASSERT_EQUAL(lc_send_payload(port, &payload, LC_NOW), -ETIMEDOUT);
    int64_t deadline = lc_deadline_after(LC_SECOND);
    later(&passing, let_second_pass, clock);
    CU_ASSERT_EQUAL(lc_send_payload(port, &payload, deadline), -ETIMEDOUT);
    CU_ASSERT_TRUE(lc_now() >= deadline);
    CU_ASSERT_TRUE(later_join(&passing));
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
    check_clock_use(NULL);
    lc_handle_close(full.gate.open);
    PROBE_GETS(full.desk.probe, 1, 2, 3, 4);
    CU_ASSERT_EQUAL(lc_send_payload(port, &payload, LC_NOW), 0); /* there is room */
    PROBE_GETS(full.desk.probe, 5);
    full_drop(&full);
    check_clock_free(clock);
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 1);
}

static void send_without_waiting(void *arg)
{
    struct sender *sender = arg;
    const lc_payload payload = {&sender->parcel, sizeof(int), parcel_destroy};
    sender->result = lc_send_payload(sender->port, &payload, LC_NOW);
}

static lc_error *fill_own_mailbox(void *arg)
{
    const struct desk *desk = arg;
    CU_ASSERT_EQUAL(send_number(desk->ports[0].send, 1), 0);
    CU_ASSERT_EQUAL(send_number(desk->ports[1].send, 2), -EDEADLK);
    return NULL;
}

static void never_parked_at_its_own_mailbox(void)
{
    struct desk desk;
    desk_init(&desk);
    desk.agent.options.mailbox_limit = 1;
    desk.agent.options.when_full = LC_FULL_PARK_SENDER;
    agent_begin(&desk.agent);
    agent_does(&desk.agent, fill_own_mailbox, &desk);
    PROBE_GETS(desk.probe, 1);
    desk_stop(&desk);
    lc_receive_port port = full_port(1, LC_FULL_PARK_SENDER);
    struct sender sender = {.port = port.send};
    CU_ASSERT_EQUAL(send_number(port.send, 2), -EDEADLK);
    helper_do(send_without_waiting, &sender);
    CU_ASSERT_EQUAL(sender.result, -ETIMEDOUT);
    CU_ASSERT_EQUAL(atomic_load(&sender.parcel.destroyed), 0);
    probe_close(port);
}

/* ---- workers of all kinds talk to each other ---- */

enum { PARTIES = 4, LAPS = 16, LEAVE = -1 };

/* Passes each number on, one higher. */
struct party {
    lc_send_port next;
    lc_receive_port port;
    lc_handle *opened;
};

static void pass_higher(const struct party *party, int number)
{
    send_number(party->next, number == LEAVE ? LEAVE : number + 1);
}

static lc_error *work_in_ring(lc_context *context, lc_ready *ready, void *arg)
{
    struct party *party = arg;
    int number = 0;
    (void)context;
    party->port = probe_open();
    lc_ready_signal(ready);
    lc_handle_close(party->opened);
    while (number != LEAVE) {
        lc_message *message = NULL;
        if (lc_port_receive(party->port, &message, check_patience()) < 0)
            break;
        number = number_in(message);
        lc_message_free(message);
        pass_higher(party, number);
    }
    lc_port_close(party->port);
    return NULL;
}

static lc_error *handle_in_ring(lc_message *message, void *arg)
{
    struct party *party = arg;
    pass_higher(party, number_in(message));
    if (number_in(message) == LEAVE)
        lc_port_close(party->port);
    return NULL;
}

static lc_error *open_in_ring(void *arg)
{
    struct party *party = arg;
    party->port = port_with(handle_in_ring, party);
    lc_handle_close(party->opened);
    return NULL;
}

static lc_manager *start_worker(lc_worker_kind kind, struct party *party, lc_context *context)
{
    lc_manager *manager;
    lc_manager_builder *builder = lc_manager_builder_new("ring");
    lc_manager_builder_set_kind(builder, kind);
    lc_manager_builder_add(builder, LC_WORKER(.name = "party", .run = work_in_ring, .arg = party));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(manager, context));
    return manager;
}

/* Thread, isolate, fiber, isolate, and back to the test, which is a thread or a fiber. */
static void all_kinds_talk(void)
{
    static const lc_worker_kind kinds[PARTIES] = {LC_THREAD, 0, LC_FIBER, 0};
    struct party parties[PARTIES];
    lc_manager *managers[PARTIES] = {NULL};
    struct scope scope = scope_new(NULL);
    lc_receive_port probe = probe_open(), ends = probe_open();
    lc_send_port next = probe.send;
    for (size_t i = PARTIES; i-- > 0;) {
        lc_isolate_options options = {.size = sizeof options};
        options.entry = open_in_ring;
        options.arg = &parties[i];
        options.on_exit = ends.send;
        parties[i] = (struct party){.next = next, .opened = lc_handle_new()};
        if (i % 2)
            CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
        else
            managers[i] = start_worker(kinds[i], &parties[i], scope.context);
        CHECK_CLOSES(parties[i].opened);
        next = parties[i].port.send;
    }
    for (int i = 0; i < LAPS; i++) {
        send_number(next, i * 10);
        PROBE_GETS(probe, i * 10 + PARTIES);
    }
    send_number(next, LEAVE);
    PROBE_GETS(probe, LEAVE);
    PROBE_GETS(ends, 0, 0);
    for (size_t i = 0; i < PARTIES; i++) {
        if (managers[i])
            CHECK_CLOSES(lc_manager_done(managers[i]));
        lc_manager_unref(managers[i]);
        lc_handle_unref(parties[i].opened);
    }
    probe_close(probe);
    probe_close(ends);
    scope_drop(&scope);
}

CHECK_SUITE_IN_MODES(
    isolate_messages, "conformance: isolate: messages",
    {"C1 two handlers of an isolate never run at a time", handlers_never_meet},
    {"C1 a handler that waits keeps its thread, and holds up its own isolate alone",
     waiting_handler_holds_up_its_isolate_alone},
    {"C1 the isolates of a group share a quota of threads, and data",
     group_shares_threads_and_data},
    {"C1 an isolate that is spawned by one of a group is of the group",
     child_is_of_its_spawners_group},
    {"C2 a port of a thread or fiber is its owner's alone", port_is_its_owners_alone},
    {"C2 a port of an isolate is that isolate's alone", isolates_port_is_the_isolates_alone},
    {"C2 the owner closes a port, once", owner_closes_once},
    {"C2 several ports of a thread or fiber share one order", several_ports_share_one_order},
    {"C2 each sender's order is kept over several ports, while others send",
     each_senders_order_is_kept_over_several_ports},
    {"C2 a message wakes its receiver", message_wakes_its_receiver},
    {"C2 receiving has a deadline", receiving_has_a_deadline},
    {"C2 a port is waited for together with other things", port_is_waited_for_with_others},
    {"C2 addresses are values: copied, compared, hashed", addresses_are_values},
    {"C2 an address may lie in a copied payload", address_lies_in_a_copied_payload},
    {"C2 a closed port's address stays harmless and comparable, and its messages are counted",
     closed_port_is_harmless_and_comparable},
    {"C2 the addresses of an ended isolate stay harmless and comparable, too",
     ended_isolates_ports_are_harmless_and_comparable},
    {"C2 what is queued at a port is dropped and counted when it is closed",
     closing_drops_what_is_queued_there},
    {"C2 threads, fibers and isolates talk to each other", all_kinds_talk},
    {"C3 messages of one sender to any ports of an isolate come in the order sent",
     one_senders_order_is_kept_over_an_isolates_ports},
    {"C3 messages keep their order while others send",
     each_senders_order_is_kept_while_others_send},
    {"C3 a pause holds what its sender sends after it", pause_holds_what_is_sent_after_it},
    {"C3 a kill comes before what its sender sends after it",
     kill_comes_before_what_is_sent_after_it},
    {"C3 listeners, and whether errors are fatal, hold for what is sent after them",
     listener_hears_what_is_sent_after_it_was_added},
    {"C3 bytes are copied", bytes_are_copied},
    {"C3 empty messages and large ones are copied", empty_and_large_messages_are_copied},
    {"C3 moved data is destroyed once, after its handler, however that ends",
     moved_data_is_destroyed_after_its_handler},
    {"C3 data that a handler takes is not destroyed", taken_data_is_the_handlers},
    {"C3 data that a thread or fiber receives is destroyed with its message, or taken",
     received_data_is_destroyed_with_its_message},
    {"C3 data that is dropped is destroyed once", dropped_data_is_destroyed_once},
    {"C3 data that waits for a handler is destroyed once, at the end",
     data_that_waits_for_a_handler_is_destroyed_at_the_end},
    {"C19 a full mailbox refuses, and the sender keeps what it sent", full_mailbox_refuses},
    {"C19 a full port of a thread or fiber refuses", full_port_refuses},
    {"C19 refusing is the default, at 1,048,576 messages", refusing_is_the_default},
    {"C19 a mailbox takes 1,048,576 messages and no more",
     default_mailbox_takes_a_million_and_no_more, CHECK_LARGE},
    {"C19 a mailbox without a limit takes more", mailbox_without_limit_takes_more, CHECK_LARGE},
    {"C19 a full mailbox drops the oldest, which is counted and destroyed",
     full_mailbox_drops_the_oldest},
    {"C19 a full port of a thread or fiber drops the oldest", full_port_drops_the_oldest},
    {"C19 a full mailbox parks its sender until there is room", full_mailbox_parks_its_sender},
    {"C19 all senders parked at a mailbox go on", all_parked_senders_go_on},
    {"C19 all senders parked at a port of a thread or fiber go on",
     all_senders_parked_at_a_port_go_on},
    {"C19 a parked sender goes on when the receiver is gone, and its data is destroyed",
     parked_sender_goes_on_when_the_receiver_is_gone},
    {"C19 an isolate is parked like others", isolate_is_parked_like_others},
    {"C19 a parked sender has a deadline", parked_sender_has_a_deadline},
    {"C19 an isolate is never parked at its own mailbox", never_parked_at_its_own_mailbox});
