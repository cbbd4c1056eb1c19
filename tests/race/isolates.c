/*
 * isolates.c: messages, ends and kills of isolates that come in a rare order, or at the same
 * moment.
 */
#include "support/check.h"
#include "support/race.h"

#include <lifecycle.h>

#include <bsd/string.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Once for each difference of the two sides' pauses: see RACE_ROUNDS. */
#define ROUNDS check_count(500, 20000)

/* An isolate with one port, or two; the handlers count and then do what the test wants. */
struct station {
    lc_isolate isolate;
    lc_handle *ready;
    lc_handle *done;
    lc_receive_port in, other;
    lc_message_handler handler, of_other; /* of_other NULL: it has but one port */
    atomic_uint count;
    lc_handle *inside; /* closed by a handler that has begun */
    lc_handle *go;     /* which it waits for */
};

static lc_error *open_ports(void *arg)
{
    struct station *station = arg;
    lc_port_options options = {.size = sizeof options};
    options.arg = station;
    options.handler = station->handler;
    int result = check_code(lc_port_open(&options, &station->in));
    options.handler = station->of_other;
    if (result == 0 && station->of_other)
        result = check_code(lc_port_open(&options, &station->other));
    return result == 0 ? NULL : lc_error_new(result, "no port");
}

static void station_begin(struct station *station, const lc_isolate_options *given)
{
    lc_isolate_options options = *given;
    options.entry = options.entry ? options.entry : open_ports;
    options.arg = station;
    atomic_store(&station->count, 0);
    station->inside = lc_handle_new();
    station->go = lc_handle_new();
    CHECK_SUCCESS(lc_isolate_spawn(&options, &station->isolate));
    station->ready = lc_isolate_ready(station->isolate);
    station->done = lc_isolate_done(station->isolate);
}

static void station_end(struct station *station)
{
    lc_isolate_kill(station->isolate, LC_PRIORITY_NEXT_EVENT);
    CHECK_CLOSES(station->done);
    lc_handle_unref(station->ready);
    lc_handle_unref(station->done);
    lc_handle_unref(station->inside);
    lc_handle_unref(station->go);
}

static lc_error *count_one(lc_message *message, void *arg)
{
    struct station *station = arg;
    (void)message;
    atomic_fetch_add(&station->count, 1);
    return NULL;
}

/* ---- an exit with messages in hand ---- */

static lc_error *exit_at_first(lc_message *message, void *arg)
{
    count_one(message, arg);
    lc_isolate_exit(LC_NO_PORT, NULL);
}

static lc_error *open_and_send(void *arg)
{
    struct station *station = arg;
    lc_error *error = open_ports(arg);
    for (int i = 0; i < 10 && !error; i++)
        lc_send(station->in.send, &i, sizeof i);
    return error;
}

static void nothing_comes_behind_an_exit(void)
{
    struct station station = {.handler = exit_at_first};
    lc_isolate_options options = {.size = sizeof options};
    options.entry = open_and_send;
    station_begin(&station, &options);
    CHECK_CLOSES(station.done);
    CU_ASSERT_EQUAL(atomic_load(&station.count), 1);
    station_end(&station);
}

/* ---- room by a close ---- */

static lc_error *wait_and_close_other(lc_message *message, void *arg)
{
    struct station *station = arg;
    (void)message;
    lc_handle_close(station->inside);
    lc_handle_wait(station->go, LC_FOREVER);
    lc_port_close(station->other);
    return NULL;
}

struct sender {
    lc_send_port to;
    lc_handle *done;
    atomic_int result;
};

static void send_one(void *arg)
{
    struct sender *sender = arg;
    atomic_store(&sender->result, lc_send(sender->to, NULL, 0));
    lc_handle_close(sender->done);
}

static bool is_parked(void *arg)
{
    /* What it waits for is one of what the isolate's mailbox has: nothing tells but its silence. */
    return atomic_fetch_add((atomic_uint *)arg, 1) > 1000;
}

static void parked_sender_goes_on(void)
{
    struct station station = {.handler = wait_and_close_other, .of_other = count_one};
    lc_isolate_options options = {.size = sizeof options};
    options.mailbox_limit = 1;
    options.when_full = LC_FULL_PARK_SENDER;
    station_begin(&station, &options);
    CHECK_CLOSES(station.ready);
    CU_ASSERT_EQUAL(lc_send(station.in.send, NULL, 0), 0);
    CHECK_CLOSES(station.inside);
    CU_ASSERT_EQUAL(lc_send(station.other.send, NULL, 0), 0);
    struct sender sender = {station.other.send, lc_handle_new(), 1};
    lc_fiber_options fiber = {.size = sizeof fiber};
    fiber.run = send_one;
    fiber.arg = &sender;
    CU_ASSERT_EQUAL(lc_fiber_start(&fiber), 0);
    atomic_uint looks = 0;
    check_until(is_parked, &looks);
    lc_handle_close(station.go);
    CHECK_CLOSES(sender.done);
    CU_ASSERT_EQUAL(atomic_load(&sender.result), 0);
    station_end(&station);
    lc_handle_unref(sender.done);
}

/* ---- a shutdown by the one that has seen the end ---- */

static lc_error *do_nothing(void *arg)
{
    (void)arg;
    return NULL;
}

/* Each way to learn that it has ended is enough. */
enum { BY_DONE, BY_MESSAGE, BY_GROUP, WAYS };

static bool shuts_down_after(unsigned way)
{
    lc_receive_port port;
    lc_isolate_group *group = NULL;
    lc_isolate isolate;
    lc_message *message = NULL;
    lc_isolate_options options = {.size = sizeof options};
    CHECK_SUCCESS(lc_port_open(NULL, &port));
    CHECK_SUCCESS(lc_isolate_group_new(NULL, &group));
    options.entry = do_nothing;
    options.group = group;
    options.paused = true;
    options.on_exit = way == BY_MESSAGE ? port.send : LC_NO_PORT;
    CHECK_SUCCESS(lc_isolate_spawn(&options, &isolate));
    lc_handle *done = lc_isolate_done(isolate);
    lc_isolate_resume(isolate, isolate.pause);
    if (way == BY_DONE) {
        CHECK_CLOSES(done);
    } else if (way == BY_MESSAGE) {
        CU_ASSERT_EQUAL(lc_port_receive(port, &message, check_patience()), 0);
    } else {
        CU_ASSERT_EQUAL(lc_isolate_group_shutdown(group, check_patience()), 0);
    }
    lc_handle_unref(done);
    lc_message_free(message);
    lc_isolate_group_unref(group);
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
    return lc_library_shutdown() == 0;
}

static bool shut_down_after_end(void *arg)
{
    unsigned *way = arg;
    return shuts_down_after(*way = (*way + 1) % WAYS);
}

static void shutdown_after_end(void)
{
    unsigned way = 0;
    CU_ASSERT_EQUAL(race_repeat(shut_down_after_end, &way, ROUNDS), 0);
}

static void no_address_comes_again(void)
{
    lc_receive_port ports[2];
    lc_timer timers[2];
    lc_isolate isolates[2];
    for (unsigned i = 0; i < 2; i++) {
        lc_isolate_options options = {.size = sizeof options};
        options.entry = do_nothing;
        CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
        CHECK_SUCCESS(lc_port_open(NULL, &ports[i]));
        CU_ASSERT_EQUAL(lc_timer_start(ports[i].send, NULL, LC_MINUTE, 0, &timers[i]), 0);
        CHECK_SUCCESS(lc_isolate_spawn(&options, &isolates[i]));
        lc_handle *done = lc_isolate_done(isolates[i]);
        CHECK_CLOSES(done);
        lc_handle_unref(done);
        if (i > 0) { /* those of before the shutdown have no owner */
            CU_ASSERT_FALSE(lc_port_is_open(ports[0].send));
            CU_ASSERT_FALSE(lc_timer_cancel(timers[0]));
        }
        CU_ASSERT_TRUE(lc_timer_cancel(timers[i]));
        CU_ASSERT_EQUAL(lc_port_close(ports[i]), 0);
    }
    CU_ASSERT_FALSE(lc_send_port_equal(ports[0].send, ports[1].send));
    CU_ASSERT_FALSE(lc_isolate_equal(isolates[0], isolates[1]));
}

/* ---- the name, to the last call ---- */

struct last_words {
    lc_handle *said;
    char name[LC_NAME_MAX + 1];
};

static void say_name(void *data)
{
    struct last_words *words = data;
    free(malloc(40)); /* whatever was freed just before is another's by now, or poisoned */
    strlcpy(words->name, lc_worker_name(), sizeof words->name);
    lc_handle_close(words->said);
}

static void name_lives_to_the_last_call(void)
{
    static const char name[] = "an isolate, the last of its group";
    struct last_words words = {.said = lc_handle_new()};
    lc_isolate_group_options of_group = {.size = sizeof of_group};
    lc_isolate_options options = {.size = sizeof options};
    of_group.data = &words;
    of_group.release = say_name;
    options.name = name;
    options.entry = do_nothing;
    CHECK_SUCCESS(lc_isolate_group_new(&of_group, &options.group));
    options.paused = true; /* until the group is its alone */
    lc_isolate isolate;
    CHECK_SUCCESS(lc_isolate_spawn(&options, &isolate));
    lc_isolate_group_unref(options.group);
    CU_ASSERT_EQUAL(lc_isolate_resume(isolate, isolate.pause), 0);
    CHECK_CLOSES(words.said);
    CU_ASSERT_STRING_EQUAL(words.name, name);
    lc_handle_unref(words.said);
}

/* ---- a spawn into a group that is shut down ---- */

struct trial {
    lc_isolate_group *group;
    lc_error *spawned;
    lc_isolate isolate;
    int shut_down;
    bool paused;
};

static void new_group(void *arg)
{
    struct trial *trial = arg;
    CHECK_SUCCESS(lc_isolate_group_new(NULL, &trial->group));
    trial->paused = !trial->paused;
}

static lc_error *stay(void *arg)
{
    lc_receive_port port;
    (void)arg;
    int result = check_code(lc_port_open(NULL, &port));
    return result == 0 ? NULL : lc_error_new(result, "no port");
}

static void spawn_in_group(void *arg)
{
    struct trial *trial = arg;
    lc_isolate_options options = {.size = sizeof options};
    options.entry = stay;
    options.group = trial->group;
    options.paused = trial->paused;
    trial->spawned = lc_isolate_spawn(&options, &trial->isolate);
}

static void shut_group_down(void *arg)
{
    struct trial *trial = arg;
    trial->shut_down = lc_isolate_group_shutdown(trial->group, check_patience());
}

static bool judge_spawn(void *arg)
{
    struct trial *trial = arg;
    bool refused = trial->spawned != NULL;
    bool well = trial->shut_down == 0 && lc_isolate_group_count(trial->group) == 0;
    if (refused)
        well &= lc_error_code(trial->spawned) == -ESHUTDOWN;
    else
        well &= lc_isolate_read_state(trial->isolate) == LC_ISOLATE_ENDED;
    lc_error_unref(trial->spawned);
    lc_isolate_group_unref(trial->group);
    return well;
}

static void spawn_against_group_shutdown(void)
{
    struct trial trial = {.paused = false};
    struct race race = {new_group, spawn_in_group, shut_group_down, judge_spawn};
    CU_ASSERT_EQUAL(race_run(&race, &trial, ROUNDS), 0);
}

/* ---- two that talk, and a third ---- */

static lc_error *send_on(lc_message *message, void *arg)
{
    const lc_send_port *peer = lc_message_data(message);
    struct station *station = arg;
    atomic_fetch_add(&station->count, 1);
    /* Its own address is what the other answers to. */
    lc_send(*peer, &station->in.send, sizeof station->in.send);
    return NULL;
}

static lc_error *close_inside(lc_message *message, void *arg)
{
    (void)message;
    lc_handle_close(((struct station *)arg)->inside);
    return NULL;
}

static bool talks(void *arg)
{
    return atomic_load(&((struct station *)arg)->count) > 100;
}

/* A thread of its own, with two that talk on it, and a third. */
struct company {
    lc_executor *executor;
    struct station two[2];
    struct station third;
};

static void company_begin(struct company *company)
{
    lc_executor_options of_executor = {.size = sizeof of_executor};
    lc_isolate_options options = {.size = sizeof options};
    of_executor.threads = 1;
    CHECK_SUCCESS(lc_executor_new(&of_executor, &company->executor));
    options.executor = company->executor;
    company->two[0].handler = company->two[1].handler = send_on;
    station_begin(&company->two[0], &options);
    station_begin(&company->two[1], &options);
    station_begin(&company->third, &options);
    CHECK_CLOSES(company->two[0].ready);
    CHECK_CLOSES(company->two[1].ready);
    CHECK_CLOSES(company->third.ready);
    const lc_send_port *answers = &company->two[1].in.send;
    lc_send(company->two[0].in.send, answers, sizeof *answers);
    CU_ASSERT_TRUE(check_until(talks, &company->two[0]));
}

static void company_end(struct company *company)
{
    station_end(&company->two[0]);
    station_end(&company->two[1]);
    station_end(&company->third);
    CU_ASSERT_EQUAL(lc_executor_free(company->executor), 0);
}

static void talk_of_two_lets_others_in(void)
{
    struct company company = {.third = {.handler = close_inside}};
    company_begin(&company);
    CU_ASSERT_EQUAL(lc_send(company.third.in.send, NULL, 0), 0);
    CHECK_CLOSES(company.third.inside);
    company_end(&company);
}

enum { FIBERS = 200 };

static void note_in(void *arg)
{
    struct company *company = arg;
    struct station *third = &company->third;
    if (atomic_fetch_add(&third->count, 1) + 1 < FIBERS)
        return;
    /* How far the talk has come until the last of them has run. */
    atomic_store(&third->count, atomic_load(&company->two[0].count));
    lc_handle_close(third->inside);
}

static lc_error *start_fibers(lc_message *message, void *arg)
{
    struct company *company = *(struct company **)lc_message_data(message);
    lc_fiber_options fiber = {.size = sizeof fiber};
    (void)arg;
    fiber.run = note_in;
    fiber.arg = company;
    atomic_store(&company->two[0].count, 0);
    for (unsigned i = 0; i < FIBERS; i++)
        lc_fiber_start(&fiber);
    return NULL;
}

/* Timers are among those: what they call is a fiber. */
static void talk_of_two_lets_fibers_in(void)
{
    struct company company = {.third = {.handler = start_fibers}}, *sent = &company;
    company_begin(&company);
    CU_ASSERT_EQUAL(lc_send(company.third.in.send, &sent, sizeof sent), 0);
    CHECK_CLOSES(company.third.inside);
    /* As many jobs as fibers run, more or less; not a whole slice of them for each. */
    CU_ASSERT_TRUE(atomic_load(&company.third.count) < 2 * FIBERS);
    company_end(&company);
}

/* ---- one that computes, and another behind it ---- */

static atomic_bool overtaken;

/* Keeps its thread, as a computation would. */
static lc_error *compute_until_overtaken(void *arg)
{
    bool *seen = arg;
    int64_t patience = check_patience();
    while (!atomic_load(&overtaken) && lc_now() < patience)
        continue;
    *seen = atomic_load(&overtaken);
    return NULL;
}

static lc_error *overtake(void *arg)
{
    (void)arg;
    atomic_store(&overtaken, true);
    return NULL;
}

static lc_error *spawn_both(void *arg)
{
    bool *seen = arg;
    lc_isolate_options options = {.size = sizeof options};
    options.entry = compute_until_overtaken;
    options.arg = seen;
    lc_isolate first;
    CHECK_SUCCESS(lc_isolate_spawn(&options, &first));
    options.entry = overtake;
    CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
    lc_handle *done = lc_isolate_done(first);
    CHECK_CLOSES(done);
    lc_handle_unref(done);
    return NULL;
}

/*
 * Both are spawned on one thread; a stall that the monitor sees, or an idle thread, lets the second
 * past.
 */
static void busy_one_lets_others_past(void)
{
    lc_executor *executor;
    lc_executor_options of_executor = {.size = sizeof of_executor};
    bool seen = false;
    of_executor.threads = 2;
    of_executor.stall_limit = 10 * LC_MILLISECOND;
    atomic_store(&overtaken, false);
    CHECK_SUCCESS(lc_executor_new(&of_executor, &executor));
    CHECK_SUCCESS(lc_executor_run(executor, spawn_both, &seen));
    CU_ASSERT_TRUE(seen);
    CU_ASSERT_EQUAL(lc_executor_free(executor), 0);
}

/* ---- a kill in the midst of a wait for several ---- */

enum { SEVERAL = 24 };

struct several {
    struct station station; /* first */
    lc_channel *channels[SEVERAL];
};

static lc_error *wait_for_all(lc_message *message, void *arg)
{
    struct several *several = arg;
    lc_waitable waitables[SEVERAL];
    (void)message;
    for (unsigned i = 0; i < SEVERAL; i++)
        waitables[i] = lc_on_receive(several->channels[i]);
    lc_handle_close(several->station.inside);
    lc_wait_all(waitables, SEVERAL, LC_FOREVER);
    lc_isolate_check();
    atomic_fetch_add(&several->station.count, 1); /* it does not come here */
    return NULL;
}

static void killed_in_a_wait_for_several(void)
{
    static int item;
    struct several several = {.station = {.handler = wait_for_all}};
    lc_isolate_options options = {.size = sizeof options};
    for (unsigned i = 0; i < SEVERAL; i++)
        CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &several.channels[i]));
    station_begin(&several.station, &options);
    CHECK_CLOSES(several.station.ready);
    CU_ASSERT_EQUAL(lc_send(several.station.in.send, NULL, 0), 0);
    CHECK_CLOSES(several.station.inside);
    CU_ASSERT_EQUAL(lc_isolate_kill(several.station.isolate, LC_PRIORITY_IMMEDIATE), 0);
    for (unsigned i = 0; i < SEVERAL; i++)
        CU_ASSERT_EQUAL(lc_channel_send(several.channels[i], &item, LC_NOW), 0);
    CHECK_CLOSES(several.station.done);
    CU_ASSERT_EQUAL(atomic_load(&several.station.count), 0);
    station_end(&several.station); /* and nothing is left: the last of all tests looks for that */
    for (unsigned i = 0; i < SEVERAL; i++)
        lc_channel_unref(several.channels[i]);
}

/* ---- control from another world ---- */

static lc_error *leave_one_behind(void *arg)
{
    struct station *station = arg;
    lc_isolate_options options = {.size = sizeof options};
    station_begin(station, &options);
    CHECK_CLOSES(station->ready);
    return NULL;
}

static void control_stays_in_its_world(void)
{
    lc_executor *simulated = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = check_seed()), &simulated));
    struct station station = {.handler = count_one};
    lc_capability resume = lc_capability_new();
    lc_receive_port port;
    CHECK_SUCCESS(lc_port_open(NULL, &port));
    CHECK_ERROR(lc_executor_run(simulated, leave_one_behind, &station), -EDEADLK);
    CU_ASSERT_EQUAL(lc_isolate_pause(station.isolate, resume), -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_resume(station.isolate, resume), -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_kill(station.isolate, LC_PRIORITY_IMMEDIATE), -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_set_errors_fatal(station.isolate, false), -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_ping(station.isolate, port.send, NULL, LC_PRIORITY_NEXT_EVENT),
                    -ENOTSUP);
    CU_ASSERT_EQUAL(lc_isolate_read_state(station.isolate), LC_ISOLATE_RUNNING);
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
    CU_ASSERT_EQUAL(lc_executor_free(simulated), 0);
    lc_handle_unref(station.ready);
    lc_handle_unref(station.done);
    lc_handle_unref(station.inside);
    lc_handle_unref(station.go);
}

/* ---- isolates that change their threads ---- */

enum { CROWD = 8, EVENTS = 20000 };

struct member {
    struct station station; /* first */
    uint64_t random;
    struct crowd *crowd;
};

struct crowd {
    struct member members[CROWD];
    atomic_uint events;
    lc_handle *enough;
};

/*
 * Sends some on, and now and then waits, or throws: the next of its messages may come to another
 * thread.
 */
static lc_error *pass_on(lc_message *message, void *arg)
{
    struct member *member = arg;
    struct crowd *crowd = member->crowd;
    uint64_t random = check_random(&member->random);
    (void)message;
    if (atomic_fetch_add(&crowd->events, 1) >= EVENTS) {
        lc_handle_close(crowd->enough);
        return NULL;
    }
    for (unsigned i = 0; i < 1 + random % 2; i++) {
        const struct member *to = &crowd->members[check_random(&member->random) % CROWD];
        lc_send_payload(to->station.in.send, NULL, LC_NOW);
    }
    if (random >> 8 & 63)
        return NULL;
    if (random >> 16 & 1)
        lc_yield();
    else
        lc_throw(lc_isolate_context(), lc_error_new(-EIO, "thrown in a crowd"));
    return NULL;
}

static void crowd_on_threads(void)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    lc_executor *executor;
    lc_executor_options of_executor = {.size = sizeof of_executor};
    lc_isolate_options options = {.size = sizeof options};
    lc_port_options of_errors = {.size = sizeof of_errors};
    lc_receive_port errors; /* never read */
    of_executor.threads = 3;
    CHECK_SUCCESS(lc_executor_new(&of_executor, &executor));
    of_errors.limit = 1;
    of_errors.when_full = LC_FULL_DROP_OLDEST;
    CHECK_SUCCESS(lc_port_open(&of_errors, &errors));
    options.executor = executor;
    options.spread = options.errors_not_fatal = true;
    options.on_error = errors.send;
    options.mailbox_limit = 128;
    crowd->enough = lc_handle_new();
    for (unsigned i = 0; i < CROWD; i++) {
        struct member *member = &crowd->members[i];
        *member = (struct member){{.handler = pass_on}, check_seed() + i, crowd};
        station_begin(&member->station, &options);
        CHECK_CLOSES(member->station.ready);
    }
    /* One is enough: each is answered by one or two, or finds the mailbox full of others. */
    CU_ASSERT_EQUAL(lc_send(crowd->members[0].station.in.send, NULL, 0), 0);
    CHECK_CLOSES(crowd->enough);
    for (unsigned i = 0; i < CROWD; i++)
        station_end(&crowd->members[i].station);
    lc_handle_unref(crowd->enough);
    CU_ASSERT_EQUAL(lc_port_close(errors), 0);
    CU_ASSERT_EQUAL(lc_executor_free(executor), 0);
    free(crowd);
}

/* ---- a kill against what wakes the wait ---- */

struct waiting {
    lc_channel *channel;
    lc_isolate isolate;
    lc_handle *done;
    atomic_uint received;
};

static lc_error *receive_one(void *arg)
{
    struct waiting *waiting = arg;
    void *item;
    if (lc_channel_receive(waiting->channel, &item, LC_FOREVER) == 0)
        atomic_fetch_add(&waiting->received, 1);
    return NULL;
}

static void spawn_receiver(void *arg)
{
    struct waiting *waiting = arg;
    lc_isolate_options options = {.size = sizeof options};
    options.entry = receive_one;
    options.arg = waiting;
    atomic_store(&waiting->received, 0);
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &waiting->channel));
    CHECK_SUCCESS(lc_isolate_spawn(&options, &waiting->isolate));
    waiting->done = lc_isolate_done(waiting->isolate);
}

static void kill_receiver(void *arg)
{
    lc_isolate_kill(((struct waiting *)arg)->isolate, LC_PRIORITY_IMMEDIATE);
}

static void send_item(void *arg)
{
    struct waiting *waiting = arg;
    CU_ASSERT_EQUAL(lc_channel_send(waiting->channel, waiting, LC_NOW), 0);
}

/* The item was received, or is still there. */
static bool judge_receiver(void *arg)
{
    struct waiting *waiting = arg;
    void *item;
    bool ended = lc_handle_wait(waiting->done, check_patience()) == 0;
    bool left = lc_channel_receive(waiting->channel, &item, LC_NOW) == 0;
    lc_handle_unref(waiting->done);
    lc_channel_unref(waiting->channel);
    return ended && left + atomic_load(&waiting->received) == 1;
}

static void kill_against_a_send(void)
{
    struct waiting waiting;
    struct race race = {spawn_receiver, kill_receiver, send_item, judge_receiver};
    CU_ASSERT_EQUAL(race_run(&race, &waiting, ROUNDS), 0);
}

static void stand_by(void *arg)
{
    (void)arg;
}

static bool judge_killed(void *arg)
{
    struct waiting *waiting = arg;
    bool ended = lc_handle_wait(waiting->done, check_patience()) == 0;
    lc_handle_unref(waiting->done);
    lc_channel_unref(waiting->channel);
    return ended;
}

/* Whether the wait has begun or not. */
static void kill_against_the_beginning_of_a_wait(void)
{
    struct waiting waiting;
    struct race race = {spawn_receiver, kill_receiver, stand_by, judge_killed};
    CU_ASSERT_EQUAL(race_run(&race, &waiting, ROUNDS), 0);
}

/* ---- timers ---- */

struct timing {
    lc_receive_port often, once;
    lc_timer timer;
};

static void start_often(void *arg)
{
    struct timing *timing = arg;
    CU_ASSERT_EQUAL(lc_timer_start(timing->often.send, NULL, 0, 1, &timing->timer), 0);
}

/* The record of the one that is cancelled may be the other's, while it is just being fired. */
static void cancel_and_start_once(void *arg)
{
    struct timing *timing = arg;
    lc_timer_cancel(timing->timer);
    CU_ASSERT_EQUAL(lc_timer_start(timing->once.send, NULL, 0, 0, NULL), 0);
}

static void start_and_cancel(void *arg)
{
    struct timing *timing = arg;
    lc_timer timer;
    CU_ASSERT_EQUAL(lc_timer_start(timing->often.send, NULL, 0, 1, &timer), 0);
    lc_timer_cancel(timer);
}

static bool judge_once(void *arg)
{
    struct timing *timing = arg;
    lc_message *message;
    bool came = lc_port_receive(timing->once, &message, check_patience()) == 0;
    if (came)
        lc_message_free(message);
    while (lc_port_receive(timing->often, &message, LC_NOW) == 0)
        lc_message_free(message);
    return came;
}

static void cancel_against_fire(void)
{
    struct timing timing;
    struct race race = {start_often, cancel_and_start_once, start_and_cancel, judge_once};
    CHECK_SUCCESS(lc_port_open(NULL, &timing.often));
    CHECK_SUCCESS(lc_port_open(NULL, &timing.once));
    CU_ASSERT_EQUAL(race_run(&race, &timing, ROUNDS), 0);
    CU_ASSERT_EQUAL(lc_port_close(timing.often), 0);
    CU_ASSERT_EQUAL(lc_port_close(timing.once), 0);
}

static void period_without_end(void)
{
    lc_receive_port port;
    lc_timer timer;
    CHECK_SUCCESS(lc_port_open(NULL, &port));
    CU_ASSERT_EQUAL(lc_timer_start(port.send, NULL, 1, LC_FOREVER, &timer), 0);
    char byte = '2';
    const lc_payload one = {&byte, 1, NULL};
    CU_ASSERT_EQUAL(lc_timer_start(port.send, &one, LC_MILLISECOND, 0, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        lc_message *message = NULL;
        CU_ASSERT_EQUAL(lc_port_receive(port, &message, check_patience()), 0);
        CU_ASSERT_EQUAL(lc_message_size(message), i);
        lc_message_free(message);
    }
    CU_ASSERT_TRUE(lc_timer_cancel(timer));
    CU_ASSERT_EQUAL(lc_port_close(port), 0);
}

/* ---- a message that gives way while the receiver looks which is the oldest ---- */

struct crowded {
    lc_send_port port;
    atomic_bool over;
};

/* Larger than what messages are recycled in. */
static void *send_into_full(void *arg)
{
    static const char bytes[512];
    struct crowded *crowded = arg;
    while (!atomic_load(&crowded->over))
        lc_send(crowded->port, bytes, sizeof bytes);
    return NULL;
}

static void oldest_gives_way_while_it_is_looked_at(void)
{
    struct crowded crowded = {.over = false};
    lc_receive_port ports[2];
    lc_port_options options = {.size = sizeof options};
    options.limit = 1;
    options.when_full = LC_FULL_DROP_OLDEST;
    for (int i = 0; i < 2; i++)
        CHECK_SUCCESS(lc_port_open(&options, &ports[i]));
    crowded.port = ports[0].send;
    pthread_t sender;
    CU_ASSERT_EQUAL(pthread_create(&sender, NULL, send_into_full, &crowded), 0);
    for (long i = 0; i < 100L * ROUNDS; i++) {
        lc_message *message;
        CU_ASSERT_EQUAL(lc_port_receive_any(ports, 2, &message, LC_FOREVER), 0);
        CU_ASSERT_EQUAL(lc_message_size(message), 512);
        lc_message_free(message);
    }
    atomic_store(&crowded.over, true);
    pthread_join(sender, NULL);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(lc_port_close(ports[i]), 0);
}

CHECK_SUITE(isolate_races, "race: isolates",
            {"behind an exit no message is handled", nothing_comes_behind_an_exit},
            {"a parked sender goes on when a close has made room", parked_sender_goes_on},
            {"a thread that has seen the end may shut the library down", shutdown_after_end},
            {"no address comes again after a shutdown", no_address_comes_again},
            {"an isolate has its name to the last call it makes", name_lives_to_the_last_call},
            {"spawn against shutdown of the group", spawn_against_group_shutdown},
            {"two isolates that talk keep no third from its messages", talk_of_two_lets_others_in},
            {"isolates behind a busy one go to another thread", busy_one_lets_others_past},
            {"two isolates that talk keep no fiber from its turn", talk_of_two_lets_fibers_in},
            {"a kill in the midst of a wait for several", killed_in_a_wait_for_several},
            {"a kill against what its wait is for", kill_against_a_send},
            {"a kill against the beginning of a wait", kill_against_the_beginning_of_a_wait},
            {"control stays in its world", control_stays_in_its_world},
            {"a crowd that talks on several threads", crowd_on_threads},
            {"cancel of a periodic timer against its firing", cancel_against_fire},
            {"a period that never passes", period_without_end},
            {"the oldest gives way while it is looked at", oldest_gives_way_while_it_is_looked_at});
