/*
 * isolate_counts.c: what is done to isolates from outside, at the same moment as something else.
 * All that is moved is numbered, and counted when it is handled and when it is destroyed: in every
 * order nothing is lost, doubled or out of order, and each listener is told once.
 */
#include "support/check.h"
#include "support/fibers.h"
#include "support/helper.h"
#include "support/race.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define ROUNDS check_fewer(check_count(400, 20000))

enum { PARCELS = 8 };

enum order { COUNT_IT, CLOSE_PORT, EXIT, FAIL, START_TIMER };

/* What is moved. */
struct parcel {
    atomic_uint *destroyed;
    atomic_uint destroyed_here;
    unsigned number;
};

/* An isolate with two ports, a new one each round: one for orders, one for parcels. */
struct target {
    lc_executor *executor;
    lc_receive_port exits; /* of the thread that judges */
    uint64_t random;
    lc_when_full when_full;
    size_t limit;
    lc_isolate isolate;
    lc_handle *ready, *done;
    lc_receive_port orders, port;
    struct parcel parcels[PARCELS];
    int results[PARCELS];
    struct parcel exit_response;
    lc_timer timer;
    atomic_uint handled, disorder, destroyed, counted;
    atomic_uint next; /* behind the last parcel that was handled */
    lc_capability one, other;
    int first, second; /* what the sides were told */
    bool cancelled;
};

static void destroy_parcel(void *data)
{
    struct parcel *parcel = data;
    atomic_fetch_add(&parcel->destroyed_here, 1);
    if (parcel->destroyed)
        atomic_fetch_add(parcel->destroyed, 1);
}

static lc_payload moved(struct parcel *parcel)
{
    return (lc_payload){parcel, sizeof *parcel, destroy_parcel};
}

static lc_error *take_parcel(lc_message *message, void *arg)
{
    struct target *target = arg;
    const struct parcel *parcel = lc_message_data(message);
    atomic_fetch_add(&target->handled, 1);
    if (atomic_exchange(&target->next, parcel->number + 1) > parcel->number)
        atomic_fetch_add(&target->disorder, 1);
    lc_isolate_check(); /* one that is killed at once goes no further */
    return NULL;
}

static lc_error *take_order(lc_message *message, void *arg)
{
    struct target *target = arg;
    const lc_payload payload = moved(&target->parcels[0]);
    int64_t after = 0;
    switch (*(const enum order *)lc_message_data(message)) {
    case COUNT_IT:
        atomic_fetch_add(&target->counted, 1);
        break;
    case CLOSE_PORT:
        lc_port_close(target->port);
        break;
    case EXIT:
        lc_isolate_exit(LC_NO_PORT, NULL);
    case FAIL:
        return lc_error_new(-EIO, "failed");
    case START_TIMER:
        after = (int64_t)(check_random(&target->random) % 50000);
        target->results[0] = lc_timer_start(target->port.send, &payload, after, 0, &target->timer);
        atomic_fetch_add(&target->counted, 1);
        break;
    }
    return NULL;
}

static lc_error *enter(void *arg)
{
    struct target *target = arg;
    lc_port_options options = {.size = sizeof options};
    options.arg = target;
    options.handler = take_order;
    int result = check_code(lc_port_open(&options, &target->orders));
    options.handler = take_parcel;
    if (result == 0)
        result = check_code(lc_port_open(&options, &target->port));
    return result == 0 ? NULL : lc_error_new(result, "no port");
}

static void order(struct target *target, enum order order)
{
    lc_send(target->orders.send, &order, sizeof order);
}

static void spawn_target(void *arg)
{
    struct target *target = arg;
    lc_isolate_options options = {.size = sizeof options};
    for (unsigned i = 0; i < PARCELS; i++) {
        target->parcels[i] = (struct parcel){.destroyed = &target->destroyed, .number = i};
        target->results[i] = 1; /* not sent */
    }
    target->exit_response = (struct parcel){.number = 0};
    target->timer = (lc_timer){0, 0};
    atomic_store(&target->handled, 0);
    atomic_store(&target->counted, 0);
    atomic_store(&target->next, 0);
    atomic_store(&target->destroyed, 0);
    options.executor = target->executor;
    options.spread = true;
    options.entry = enter;
    options.arg = target;
    options.when_full = target->when_full;
    options.mailbox_limit = target->limit;
    options.on_exit = target->exits.send;
    options.exit_response = moved(&target->exit_response);
    CHECK_SUCCESS(lc_isolate_spawn(&options, &target->isolate));
    target->ready = lc_isolate_ready(target->isolate);
    target->done = lc_isolate_done(target->isolate);
    CHECK_CLOSES(target->ready);
}

static bool was_counted(void *arg)
{
    return atomic_load(&((struct target *)arg)->counted) == 1;
}

/* A number below the bound, for what differs from round to round. */
static size_t draw(struct target *target, size_t bound)
{
    return (size_t)(check_random(&target->random) % bound);
}

static unsigned count_messages(lc_receive_port port)
{
    unsigned count = 0;
    lc_message *message;
    for (; lc_port_receive(port, &message, LC_NOW) == 0; count++)
        lc_message_free(message);
    return count;
}

static bool all_destroyed(void *arg)
{
    const struct target *target = arg;
    unsigned sent = 0;
    for (int i = 0; i < PARCELS; i++)
        sent += target->results[i] == 0;
    return atomic_load(&target->destroyed) >= sent;
}

/* It has ended, or is ended now: that was told once, and what was moved is gone, once. */
static bool judge_end(struct target *target, bool kill)
{
    if (kill)
        lc_isolate_kill(target->isolate, LC_PRIORITY_NEXT_EVENT);
    bool well = lc_handle_wait(target->done, check_patience()) == 0;
    well &= lc_isolate_read_state(target->isolate) == LC_ISOLATE_ENDED;
    well &= count_messages(target->exits) == 1;
    well &= atomic_load(&target->exit_response.destroyed_here) == 1;
    well &= check_until(all_destroyed, target); /* a timer may still be firing */
    for (int i = 0; i < PARCELS; i++)
        well &= atomic_load(&target->parcels[i].destroyed_here) == (target->results[i] == 0);
    well &= atomic_load(&target->disorder) == 0;
    lc_handle_unref(target->ready);
    lc_handle_unref(target->done);
    return well;
}

static void run_with(struct target *target, const struct race *race)
{
    target->executor = fibers_executor(2);
    target->random = check_seed();
    target->one = lc_capability_new();
    target->other = lc_capability_new();
    target->limit = target->limit ? target->limit : LC_MAILBOX_DEFAULT;
    CHECK_SUCCESS(lc_port_open(NULL, &target->exits));
    CU_ASSERT_EQUAL(race_run(race, target, ROUNDS), 0);
    fibers_end(target->executor);
    CU_ASSERT_EQUAL(lc_port_close(target->exits), 0);
}

/* ---- sending ---- */

static void send_all(void *arg)
{
    struct target *target = arg;
    for (int i = 0; i < PARCELS; i++) {
        const lc_payload payload = moved(&target->parcels[i]);
        target->results[i] = lc_send_payload(target->port.send, &payload, LC_FOREVER);
    }
}

static void have_it_closed(void *arg)
{
    order(arg, CLOSE_PORT);
}

static bool all_sent(const struct target *target)
{
    bool well = true;
    for (int i = 0; i < PARCELS; i++)
        well &= target->results[i] == 0;
    return well;
}

/* Those that were handled are the first, without a gap. */
static bool has_no_gap(struct target *target)
{
    return atomic_load(&target->handled) == atomic_load(&target->next);
}

static bool judge_sent(void *arg)
{
    struct target *target = arg;
    return judge_end(target, true) && all_sent(target) && has_no_gap(target);
}

static void send_against_close(void)
{
    struct target target = {.limit = 0};
    run_with(&target, &(struct race){spawn_target, send_all, have_it_closed, judge_sent});
}

static void kill_it(void *arg)
{
    struct target *target = arg;
    /* By the round: the sides share no random numbers. */
    bool at_once = target->isolate.control.serial % 2;
    target->second =
        lc_isolate_kill(target->isolate, at_once ? LC_PRIORITY_IMMEDIATE : LC_PRIORITY_NEXT_EVENT);
}

static bool judge_dropped(void *arg)
{
    struct target *target = arg;
    return target->second == 0 && judge_end(target, false) && all_sent(target);
}

static bool judge_killed(void *arg)
{
    return judge_dropped(arg) && has_no_gap(arg);
}

static void send_against_kill(void)
{
    struct target target = {.limit = 0};
    run_with(&target, &(struct race){spawn_target, send_all, kill_it, judge_killed});
}

/* Some are never handled, but all are destroyed. */
static void drop_oldest_against_kill(void)
{
    struct target target = {.limit = 2, .when_full = LC_FULL_DROP_OLDEST};
    run_with(&target, &(struct race){spawn_target, send_all, kill_it, judge_dropped});
}

/* ---- parked senders ---- */

static void spawn_full(void *arg)
{
    struct target *target = arg;
    spawn_target(target);
    lc_isolate_pause(target->isolate, target->one);
    order(target, COUNT_IT); /* takes the only place */
}

static void resume_it(void *arg)
{
    struct target *target = arg;
    target->second = lc_isolate_resume(target->isolate, target->one);
}

static void parked_against_kill(void)
{
    struct target target = {.limit = 1, .when_full = LC_FULL_PARK_SENDER};
    run_with(&target, &(struct race){spawn_full, send_all, kill_it, judge_killed});
}

static bool judge_resumed(void *arg)
{
    struct target *target = arg;
    return target->second == 0 && judge_sent(target);
}

static void parked_against_resume(void)
{
    struct target target = {.limit = 1, .when_full = LC_FULL_PARK_SENDER};
    run_with(&target, &(struct race){spawn_full, send_all, resume_it, judge_resumed});
}

static void spawn_full_to_close(void *arg)
{
    struct target *target = arg;
    spawn_target(target);
    lc_isolate_pause(target->isolate, target->one);
    order(target, CLOSE_PORT);
}

static void parked_against_close(void)
{
    struct target target = {.limit = 1, .when_full = LC_FULL_PARK_SENDER};
    run_with(&target, &(struct race){spawn_full_to_close, send_all, resume_it, judge_sent});
}

/* Until a deadline: what was not taken over is the sender's. */
static void send_with_deadline(void *arg)
{
    struct target *target = arg;
    for (int i = 0; i < PARCELS; i++) {
        const lc_payload payload = moved(&target->parcels[i]);
        int64_t deadline = lc_deadline_after((int64_t)draw(target, 20000));
        target->results[i] = lc_send_payload(target->port.send, &payload, deadline);
    }
}

static bool judge_with_deadline(void *arg)
{
    struct target *target = arg;
    bool well = target->second == 0;
    for (int i = 0; i < PARCELS; i++)
        well &= target->results[i] == 0 || target->results[i] == -ETIMEDOUT;
    return judge_end(target, true) && well;
}

static void deadline_against_resume(void)
{
    struct target target = {.limit = 1, .when_full = LC_FULL_PARK_SENDER};
    run_with(&target,
             &(struct race){spawn_full, send_with_deadline, resume_it, judge_with_deadline});
}

/* ---- pausing ---- */

static void pause_it(void *arg)
{
    struct target *target = arg;
    target->first = lc_isolate_pause(target->isolate, target->one);
}

static void have_it_exit(void *arg)
{
    order(arg, EXIT);
}

static bool judge_paused_exit(void *arg)
{
    struct target *target = arg;
    bool well = target->first == 0 || target->first == -ESRCH;
    int resumed = lc_isolate_resume(target->isolate, target->one);
    /* It may have exited since. */
    well &= target->first == 0 ? resumed == 0 || resumed == -ESRCH : resumed == -ESRCH;
    return judge_end(target, false) && well;
}

static void pause_against_exit(void)
{
    struct target target = {.limit = 0};
    run_with(&target, &(struct race){spawn_target, pause_it, have_it_exit, judge_paused_exit});
}

static void spawn_paused(void *arg)
{
    struct target *target = arg;
    spawn_target(target);
    lc_isolate_pause(target->isolate, target->one);
    order(target, COUNT_IT);
}

static void pause_with_other(void *arg)
{
    struct target *target = arg;
    target->first = lc_isolate_pause(target->isolate, target->other);
}

/* What stands before the next message has been done. */
static bool pass_by(struct target *target)
{
    lc_message *message;
    bool well =
        lc_isolate_ping(target->isolate, target->exits.send, NULL, LC_PRIORITY_NEXT_EVENT) == 0 &&
        lc_port_receive(target->exits, &message, check_patience()) == 0;
    if (well)
        lc_message_free(message);
    return well;
}

/* Whichever came first, one is resumed and the other holds. */
static bool judge_resume_and_pause(void *arg)
{
    struct target *target = arg;
    bool well = target->first == 0 && target->second == 0 && pass_by(target);
    unsigned early = atomic_load(&target->counted); /* between the resume and the pause */
    order(target, COUNT_IT);
    well &= pass_by(target) && atomic_load(&target->counted) == early;
    well &= lc_isolate_read_state(target->isolate) == LC_ISOLATE_PAUSED;
    well &= lc_isolate_resume(target->isolate, target->other) == 0;
    well &= lc_isolate_resume(target->isolate, target->other) == -ENOENT;
    order(target, EXIT);
    return judge_end(target, false) && well && atomic_load(&target->counted) == 2;
}

static void resume_against_pause(void)
{
    struct target target = {.limit = 0};
    run_with(&target,
             &(struct race){spawn_paused, pause_with_other, resume_it, judge_resume_and_pause});
}

/* With the same capability: it was paused once, and is so or is not. */
static bool judge_same_capability(void *arg)
{
    struct target *target = arg;
    bool well = target->first == 0 && target->second == 0;
    int again = lc_isolate_resume(target->isolate, target->one);
    well &= again == 0 || again == -ENOENT;
    well &= check_until(was_counted, target);
    return judge_end(target, true) && well;
}

static void resume_against_pause_with_the_same(void)
{
    struct target target = {.limit = 0};
    run_with(&target, &(struct race){spawn_paused, pause_it, resume_it, judge_same_capability});
}

/* ---- listening ---- */

static void listen(void *arg)
{
    struct target *target = arg;
    const lc_payload response = moved(&target->parcels[0]);
    target->first = lc_isolate_add_exit_listener(target->isolate, target->exits.send, &response);
    target->results[0] = target->first;
}

/* It was listening, and has been told by one response or by the other. */
static bool judge_listening(void *arg)
{
    struct target *target = arg;
    return judge_end(target, false) && (target->first == 0 || target->first == -ESRCH);
}

static void listen_against_exit(void)
{
    struct target target = {.limit = 0};
    run_with(&target, &(struct race){spawn_target, listen, have_it_exit, judge_listening});
    struct target killed = {.limit = 0};
    run_with(&killed, &(struct race){spawn_target, listen, kill_it, judge_listening});
}

static void stop_listening(void *arg)
{
    struct target *target = arg;
    target->first = lc_isolate_remove_exit_listener(target->isolate, target->exits.send);
}

static bool judge_stopped(void *arg)
{
    struct target *target = arg;
    bool well = lc_handle_wait(target->done, check_patience()) == 0;
    unsigned told = count_messages(target->exits);
    well &= (target->first == 0 && told == 0) || (target->first == -ESRCH && told == 1);
    well &= atomic_load(&target->exit_response.destroyed_here) == 1;
    lc_handle_unref(target->ready);
    lc_handle_unref(target->done);
    return well;
}

static void stop_listening_against_exit(void)
{
    struct target target = {.limit = 0};
    run_with(&target, &(struct race){spawn_target, stop_listening, have_it_exit, judge_stopped});
}

static void listen_for_errors(void *arg)
{
    struct target *target = arg;
    target->first = lc_isolate_add_error_listener(target->isolate, target->exits.send);
}

static void have_it_fail(void *arg)
{
    order(arg, FAIL);
}

static bool judge_error(void *arg)
{
    struct target *target = arg;
    lc_message *message;
    bool well = lc_handle_wait(target->done, check_patience()) == 0;
    well &= target->first == 0 || target->first == -ESRCH;
    well &= lc_port_receive(target->exits, &message, LC_NOW) == 0;
    bool heard = well && lc_message_error(message);
    if (well)
        lc_message_free(message);
    well &= count_messages(target->exits) == (heard ? 1 : 0);
    well &= !heard || target->first == 0;
    lc_handle_unref(target->ready);
    lc_handle_unref(target->done);
    return well;
}

static void listen_against_error(void)
{
    struct target target = {.limit = 0};
    check_log_capture(); /* an error without a listener is logged */
    run_with(&target, &(struct race){spawn_target, listen_for_errors, have_it_fail, judge_error});
    check_log_release();
}

/* ---- timers ---- */

static void spawn_with_timer(void *arg)
{
    struct target *target = arg;
    spawn_target(target);
    const lc_payload payload = moved(&target->parcels[0]);
    target->results[0] = lc_timer_start(target->port.send, &payload, (int64_t)draw(target, 50000),
                                        0, &target->timer);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static void cancel_it(void *arg)
{
    struct target *target = arg;
    target->cancelled = lc_timer_cancel(target->timer);
}

static bool judge_timer(void *arg)
{
    struct target *target = arg;
    bool well = check_until(all_destroyed, target) && !lc_timer_cancel(target->timer);
    well &= atomic_load(&target->handled) == !target->cancelled;
    return judge_end(target, true) && well;
}

static void cancel_against_fire(void)
{
    struct target target = {.limit = 0};
    run_with(&target, &(struct race){spawn_with_timer, do_nothing, cancel_it, judge_timer});
}

static void start_timer_there(void *arg)
{
    struct target *target = arg;
    spawn_target(target);
    order(target, START_TIMER);
    CU_ASSERT_TRUE(check_until(was_counted, target));
}

static bool judge_end_of_timer(void *arg)
{
    struct target *target = arg;
    bool well = judge_end(target, false);
    return well && !lc_timer_cancel(target->timer);
}

static void fire_against_end(void)
{
    struct target target = {.limit = 0};
    run_with(&target, &(struct race){start_timer_there, cancel_it, kill_it, judge_end_of_timer});
    struct target foreign = {.limit = 0};
    run_with(&foreign, &(struct race){spawn_with_timer, do_nothing, kill_it, judge_end_of_timer});
}

/* ---- groups ---- */

enum { SPAWNED = 6 };

struct spawning {
    lc_executor *executor;
    lc_isolate_group *group;
    lc_receive_port exits;
    struct parcel responses[SPAWNED];
    int results[SPAWNED];
    atomic_uint released;
    int down;
};

static lc_error *settle(void *arg)
{
    lc_receive_port port;
    (void)arg;
    return check_code(lc_port_open(NULL, &port)) == 0 ? NULL : lc_error_new(-EIO, "no port");
}

static void count_release(void *arg)
{
    atomic_fetch_add(&((struct spawning *)arg)->released, 1);
}

static void make_group(void *arg)
{
    struct spawning *spawning = arg;
    lc_isolate_group_options options = {.size = sizeof options};
    options.executor = spawning->executor;
    atomic_store(&spawning->released, 0);
    CHECK_SUCCESS(lc_isolate_group_new(&options, &spawning->group));
}

/* Some of them paused, some held: the shutdown ends them all. */
static void spawn_many(void *arg)
{
    struct spawning *spawning = arg;
    for (unsigned i = 0; i < SPAWNED; i++) {
        spawning->responses[i] = (struct parcel){.number = i};
        lc_isolate isolate;
        lc_isolate_options options = {.size = sizeof options};
        options.group = spawning->group;
        options.entry = settle;
        options.arg = spawning;
        options.release = count_release;
        options.spread = i % 2;
        options.paused = i % 3 == 1;
        options.hold_at_start = i % 3 == 2;
        options.hold_at_exit = i % 4 == 3;
        options.on_exit = spawning->exits.send;
        options.exit_response = moved(&spawning->responses[i]);
        lc_error *error = lc_isolate_spawn(&options, &isolate);
        spawning->results[i] = lc_error_code(error);
        lc_error_unref(error);
    }
}

static void shut_down(void *arg)
{
    struct spawning *spawning = arg;
    spawning->down = lc_isolate_group_shutdown(spawning->group, check_patience());
}

static bool judge_spawning(void *arg)
{
    struct spawning *spawning = arg;
    unsigned spawned = 0;
    bool well = spawning->down == 0;
    /* Also those that were spawned between. */
    well &= lc_isolate_group_shutdown(spawning->group, check_patience()) == 0;
    well &= lc_isolate_group_count(spawning->group) == 0;
    for (unsigned i = 0; i < SPAWNED; i++) {
        well &= spawning->results[i] == 0 || spawning->results[i] == -ESHUTDOWN;
        spawned += spawning->results[i] == 0;
    }
    well &= atomic_load(&spawning->released) == spawned;
    well &= count_messages(spawning->exits) == spawned;
    for (unsigned i = 0; i < SPAWNED; i++)
        well &= atomic_load(&spawning->responses[i].destroyed_here) == (spawning->results[i] == 0);
    lc_isolate_group_unref(spawning->group);
    return well;
}

static void spawn_against_shutdown(void)
{
    struct spawning spawning = {.executor = fibers_executor(2)};
    CHECK_SUCCESS(lc_port_open(NULL, &spawning.exits));
    const struct race race = {make_group, spawn_many, shut_down, judge_spawning};
    CU_ASSERT_EQUAL(race_run(&race, &spawning, ROUNDS), 0);
    fibers_end(spawning.executor);
    CU_ASSERT_EQUAL(lc_port_close(spawning.exits), 0);
}

/* ---- isolates that hand things on ---- */

enum { TRADERS = 32, HANDED_ON = 64, HELPERS = 2 };

struct trader {
    struct exchange *exchange;
    lc_isolate isolate;
    lc_send_port port;
    uint64_t random;
    atomic_uint inside;
};

/* Isolates on two threads that hand on what they get, while others pause, ping and end them. */
struct exchange {
    struct trader traders[TRADERS];
    struct parcel parcels[HANDED_ON];
    atomic_uint destroyed, opened, doubled, handed_on, pings;
    lc_handle *open;
    lc_receive_port exits; /* of the test */
    unsigned actions;
};

static lc_error *hand_on(lc_message *message, void *arg)
{
    struct trader *trader = arg;
    struct exchange *exchange = trader->exchange;
    if (atomic_fetch_add(&trader->inside, 1) != 0)
        atomic_fetch_add(&exchange->doubled, 1);
    struct parcel *parcel = lc_message_take(message);
    const struct trader *next = &exchange->traders[check_random(&trader->random) % TRADERS];
    const lc_payload payload = moved(parcel);
    if (lc_send_payload(next->port, &payload, LC_NOW) != 0)
        destroy_parcel(parcel);
    atomic_fetch_add(&exchange->handed_on, 1);
    atomic_fetch_sub(&trader->inside, 1);
    return NULL;
}

static lc_error *open_trader(void *arg)
{
    struct trader *trader = arg;
    lc_port_options options = {.size = sizeof options};
    lc_receive_port port;
    options.handler = hand_on;
    options.arg = trader;
    int result = check_code(lc_port_open(&options, &port));
    trader->port = port.send;
    if (atomic_fetch_add(&trader->exchange->opened, 1) + 1 == TRADERS)
        lc_handle_close(trader->exchange->open);
    return result == 0 ? NULL : lc_error_new(result, "no port");
}

static void begin_exchange(struct exchange *exchange, lc_executor *executor)
{
    uint64_t random = check_seed();
    lc_isolate_options options = {.size = sizeof options};
    options.executor = executor;
    options.spread = true;
    options.entry = open_trader;
    options.on_exit = exchange->exits.send;
    for (unsigned i = 0; i < TRADERS; i++) {
        exchange->traders[i].exchange = exchange;
        exchange->traders[i].random = check_random(&random);
        options.arg = &exchange->traders[i];
        CHECK_SUCCESS(lc_isolate_spawn(&options, &exchange->traders[i].isolate));
    }
    CHECK_CLOSES(exchange->open);
    for (unsigned i = 0; i < HANDED_ON; i++) {
        exchange->parcels[i] = (struct parcel){.destroyed = &exchange->destroyed, .number = i};
        const lc_payload payload = moved(&exchange->parcels[i]);
        CU_ASSERT_EQUAL(lc_send_payload(exchange->traders[i % TRADERS].port, &payload, LC_NOW), 0);
    }
}

/* One helper; it ends a few, but not all. */
static void disturb(void *arg)
{
    struct exchange *exchange = arg;
    uint64_t random = check_seed() + (uintptr_t)&random;
    lc_receive_port answers;
    lc_capability resume = lc_capability_new();
    if (check_code(lc_port_open(NULL, &answers)) != 0)
        return;
    for (unsigned i = 0; i < exchange->actions; i++) {
        lc_isolate isolate = exchange->traders[check_random(&random) % TRADERS].isolate;
        lc_isolate_pause(isolate, resume);
        int result = lc_isolate_ping(isolate, answers.send, NULL, LC_PRIORITY_NEXT_EVENT);
        lc_message *message = NULL;
        if (result == 0 && lc_port_receive(answers, &message, check_patience()) == 0)
            atomic_fetch_add(&exchange->pings, 1);
        else if (result == 0)
            atomic_fetch_add(&exchange->doubled, 1); /* it is lost, though only we end isolates */
        lc_message_free(message);
        lc_isolate_resume(isolate, resume);
    }
    lc_port_close(answers);
}

static void end_some(void *arg)
{
    struct exchange *exchange = arg;
    for (unsigned i = 0; i < TRADERS / 2; i++) {
        lc_isolate_kill(exchange->traders[i].isolate, LC_PRIORITY_NEXT_EVENT);
        lc_yield();
    }
}

static bool judge_exchange(struct exchange *exchange)
{
    bool well = true;
    for (unsigned i = 0; i < TRADERS; i++)
        lc_isolate_kill(exchange->traders[i].isolate, LC_PRIORITY_NEXT_EVENT);
    for (unsigned i = 0; i < TRADERS; i++) {
        lc_handle *done = lc_isolate_done(exchange->traders[i].isolate);
        well &= lc_handle_wait(done, check_patience()) == 0;
        lc_handle_unref(done);
    }
    well &= count_messages(exchange->exits) == TRADERS;
    for (unsigned i = 0; i < HANDED_ON; i++)
        well &= atomic_load(&exchange->parcels[i].destroyed_here) == 1;
    return well && atomic_load(&exchange->destroyed) == HANDED_ON &&
           atomic_load(&exchange->doubled) == 0;
}

static bool exchange_round(void *arg)
{
    lc_executor *executor = arg;
    struct exchange exchange = {.open = lc_handle_new(), .actions = check_fewer(400)};
    struct helper helpers[HELPERS], ender;
    bool well = check_code(lc_port_open(NULL, &exchange.exits)) == 0;
    begin_exchange(&exchange, executor);
    for (int i = 0; i < HELPERS; i++)
        helper_start(&helpers[i], disturb, &exchange);
    for (int i = 0; i < HELPERS; i++)
        helper_join(&helpers[i]);
    well &= atomic_load(&exchange.pings) == HELPERS * exchange.actions;
    helper_start(&ender, end_some, &exchange);
    helper_join(&ender);
    well &= judge_exchange(&exchange);
    lc_handle_unref(exchange.open);
    return lc_port_close(exchange.exits) == 0 && well;
}

static void an_exchange_on_two_threads(void)
{
    lc_executor *executor = fibers_executor(2);
    CU_ASSERT_EQUAL(race_repeat(exchange_round, executor, check_fewer(check_count(20, 200)) + 1),
                    0);
    fibers_end(executor);
}

CHECK_SUITE(isolate_counts, "race: isolates, counted",
            {"send against close of the port", send_against_close},
            {"send against kill", send_against_kill},
            {"send to one that drops the oldest against kill", drop_oldest_against_kill},
            {"parked sender against kill", parked_against_kill},
            {"parked sender against resume", parked_against_resume},
            {"parked sender against close of the port", parked_against_close},
            {"parked sender's deadline against resume", deadline_against_resume},
            {"pause against exit", pause_against_exit},
            {"resume against pause", resume_against_pause},
            {"resume against pause with the same capability", resume_against_pause_with_the_same},
            {"a listener against the exit", listen_against_exit},
            {"a listener that stops against the exit", stop_listening_against_exit},
            {"a listener against the error", listen_against_error},
            {"cancel of a timer against its firing", cancel_against_fire},
            {"a timer against the end of its isolate", fire_against_end},
            {"spawn against shutdown of the group", spawn_against_shutdown},
            {"isolates that hand things on, on two threads, with control from outside",
             an_exchange_on_two_threads});
