/*
 * fibers.c: races of the executor: waking fibers of other threads, deadlines, descriptors and
 * signals against what else may come, threads that retire, executors that are freed. What is judged
 * is what must hold in each order.
 */
#include "support/fibers.h"
#include "support/check.h"
#include "support/helper.h"
#include "support/race.h"
#include "support/scripted_worker.h"

#include "executor/timers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Once for each difference of the two sides' pauses, in each of three ways: see RACE_ROUNDS. */
#define ROUNDS check_fewer(check_count(500, 50000))
/* Of races in which threads come and go, which takes longer than the pauses. */
#define THREAD_ROUNDS check_fewer(check_count(250, 20000))

/* Runs a race by two fibers, and by a thread and a fiber, either way round. */
static void every_way(const struct race *race, void *arg, unsigned rounds)
{
    CU_ASSERT_EQUAL(race_fibers(RACE_FIBERS, race, arg, rounds), 0);
    CU_ASSERT_EQUAL(race_fibers(RACE_THREAD_AND_FIBER, race, arg, rounds), 0);
    struct race turned = *race;
    turned.first = race->second;
    turned.second = race->first;
    CU_ASSERT_EQUAL(race_fibers(RACE_THREAD_AND_FIBER, &turned, arg, rounds), 0);
}

/* ---- handles ---- */

struct closing {
    lc_handle *handle;
    uint64_t random;
    unsigned round;
    int result;
};

static void new_handle(void *arg)
{
    struct closing *closing = arg;
    closing->handle = lc_handle_new();
    closing->round++;
    closing->result = -1;
}

static void close_it(void *arg)
{
    lc_handle_close(((struct closing *)arg)->handle);
}

/* With a deadline and without one a fiber waits in different ways. */
static void wait_and_free(void *arg)
{
    struct closing *closing = arg;
    int64_t deadline = closing->round % 2 ? LC_FOREVER : check_patience();
    closing->result = lc_handle_wait(closing->handle, deadline);
    lc_handle_unref(closing->handle);
}

static bool judge_free(void *arg)
{
    return ((struct closing *)arg)->result == 0;
}

static void close_against_wait(void)
{
    struct closing closing = {.random = check_seed()};
    struct race race = {new_handle, wait_and_free, close_it, judge_free};
    every_way(&race, &closing, 4 * ROUNDS); /* what all the others build on */
}

static void wait_shortly(void *arg)
{
    struct closing *closing = arg;
    int64_t timeout = (int64_t)(check_random(&closing->random) % 8000);
    closing->result = lc_handle_wait(closing->handle, lc_deadline_after(timeout));
}

static bool judge_short_wait(void *arg)
{
    struct closing *closing = arg;
    bool well = (closing->result == 0 || closing->result == -ETIMEDOUT) &&
                lc_handle_wait(closing->handle, LC_NOW) == 0;
    lc_handle_unref(closing->handle);
    return well;
}

static void close_against_deadline(void)
{
    struct closing closing = {.random = check_seed()};
    struct race race = {new_handle, wait_shortly, close_it, judge_short_wait};
    every_way(&race, &closing, ROUNDS);
}

static void wait_for_several(void *arg)
{
    struct closing *closing = arg;
    lc_waitable waitables[] = {lc_on_handle(closing->handle), lc_on_handle(closing->handle)};
    closing->result = lc_wait_any(waitables, 2, check_patience());
}

static void close_against_wait_for_several(void)
{
    struct closing closing = {.random = check_seed()};
    struct race race = {new_handle, wait_for_several, close_it, judge_short_wait};
    every_way(&race, &closing, ROUNDS);
}

/* ---- contexts ---- */

struct ending {
    lc_context *context;
    lc_handle *never;
    uint64_t random;
    int result;
};

static void new_context(void *arg)
{
    struct ending *ending = arg;
    int64_t timeout = (int64_t)(check_random(&ending->random) % 8000);
    ending->context = lc_context_with_deadline(NULL, lc_deadline_after(timeout));
}

static void wait_for_end(void *arg)
{
    struct ending *ending = arg;
    ending->result = lc_context_wait(ending->context, ending->never, LC_FOREVER);
}

static void cancel_it(void *arg)
{
    lc_context_cancel(((struct ending *)arg)->context, NULL);
}

static bool judge_end(void *arg)
{
    struct ending *ending = arg;
    int code = lc_error_code(lc_context_error(ending->context));
    lc_context_unref(ending->context);
    return (code == -ETIMEDOUT || code == -ECANCELED) && ending->result == code;
}

static void deadline_against_cancel(void)
{
    struct ending ending = {.never = lc_handle_new(), .random = check_seed()};
    struct race race = {new_context, wait_for_end, cancel_it, judge_end};
    every_way(&race, &ending, ROUNDS);
    lc_handle_unref(ending.never);
}

/* ---- channels ---- */

struct transfer {
    lc_channel *channel;
    uint64_t random;
    unsigned round;
    int sent, received;
    void *item;
};

static void new_round(void *arg)
{
    struct transfer *transfer = arg;
    transfer->round++;
    transfer->item = NULL;
}

static void send_one(void *arg)
{
    struct transfer *transfer = arg;
    transfer->sent = lc_channel_send(transfer->channel, transfer, LC_NOW);
}

static void receive_shortly(void *arg)
{
    struct transfer *transfer = arg;
    int64_t timeout = (int64_t)(check_random(&transfer->random) % 8000);
    transfer->received =
        lc_channel_receive(transfer->channel, &transfer->item, lc_deadline_after(timeout));
}

/* What was sent has been received, or lies in the channel still. */
static bool judge_transfer(void *arg)
{
    struct transfer *transfer = arg;
    void *item = NULL;
    if (transfer->received == 0)
        return transfer->item == transfer && lc_channel_length(transfer->channel) == 0;
    return transfer->received == -ETIMEDOUT && !transfer->item &&
           lc_channel_receive(transfer->channel, &item, LC_NOW) == 0 && item == transfer;
}

static void send_against_deadline(void)
{
    struct transfer transfer = {.random = check_seed()};
    struct race race = {new_round, receive_shortly, send_one, judge_transfer};
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &transfer.channel));
    every_way(&race, &transfer, ROUNDS);
    lc_channel_unref(transfer.channel);
}

/* Two in a row through a channel of one: both sides wait. */
static void send_two(void *arg)
{
    struct transfer *transfer = arg;
    int64_t deadline = transfer->round % 2 ? LC_FOREVER : check_patience();
    transfer->sent = lc_channel_send(transfer->channel, transfer, deadline) +
                     lc_channel_send(transfer->channel, transfer, deadline) +
                     lc_channel_send(transfer->channel, &transfer->item, deadline);
}

static void receive_two(void *arg)
{
    struct transfer *transfer = arg;
    int64_t deadline = transfer->round % 3 ? LC_FOREVER : check_patience();
    transfer->received = lc_channel_receive(transfer->channel, &transfer->item, deadline) +
                         lc_channel_receive(transfer->channel, &transfer->item, deadline) +
                         lc_channel_receive(transfer->channel, &transfer->item, deadline);
}

static bool judge_two(void *arg)
{
    struct transfer *transfer = arg;
    return transfer->sent == 0 && transfer->received == 0 && transfer->item == &transfer->item;
}

static void send_against_receive(void)
{
    struct transfer transfer = {.random = check_seed()};
    struct race race = {new_round, send_two, receive_two, judge_two};
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &transfer.channel));
    every_way(&race, &transfer, ROUNDS);
    lc_channel_unref(transfer.channel);
}

/* ---- descriptors ---- */

struct reading {
    int ends[2];
    uint64_t random;
    int result;
};

static void reading_init(struct reading *reading)
{
    *reading = (struct reading){.random = check_seed()};
    CU_ASSERT_EQUAL(pipe2(reading->ends, O_NONBLOCK), 0);
}

static void reading_drop(const struct reading *reading)
{
    close(reading->ends[0]);
    close(reading->ends[1]);
}

static void write_byte(void *arg)
{
    if (write(((struct reading *)arg)->ends[1], "x", 1) != 1)
        abort();
}

static void forget_and_write(void *arg)
{
    struct reading *reading = arg;
    lc_fd_forget(reading->ends[0]);
    write_byte(reading);
}

static void await_byte(void *arg)
{
    struct reading *reading = arg;
    reading->result = lc_wait_fd(NULL, reading->ends[0], POLLIN, check_patience());
}

static bool take_byte(const struct reading *reading)
{
    char byte;
    return read(reading->ends[0], &byte, 1) == 1;
}

static bool judge_forgotten(void *arg)
{
    struct reading *reading = arg;
    return (reading->result == POLLIN || reading->result == -EBADF) && take_byte(reading);
}

static void forgetting_against_readiness(void)
{
    struct reading reading;
    struct race race = {NULL, await_byte, forget_and_write, judge_forgotten};
    reading_init(&reading);
    every_way(&race, &reading, ROUNDS);
    reading_drop(&reading);
}

static void await_byte_shortly(void *arg)
{
    struct reading *reading = arg;
    int64_t timeout = (int64_t)(check_random(&reading->random) % 16000);
    reading->result = lc_wait_fd(NULL, reading->ends[0], POLLIN, lc_deadline_after(timeout));
}

/* One that was too late does not spoil the next. */
static bool judge_byte(void *arg)
{
    struct reading *reading = arg;
    bool well = reading->result == POLLIN || reading->result == -ETIMEDOUT;
    return well && lc_wait_fd(NULL, reading->ends[0], POLLIN, check_patience()) == POLLIN &&
           take_byte(reading);
}

static void readiness_against_deadline(void)
{
    struct reading reading;
    struct race race = {NULL, await_byte_shortly, write_byte, judge_byte};
    reading_init(&reading);
    every_way(&race, &reading, ROUNDS);
    reading_drop(&reading);
}

/* ---- process signals ---- */

struct signalling {
    lc_process_signals *watch;
    lc_handle *handle;
    int result;
};

static void raise_it(void *arg)
{
    (void)arg;
    kill(getpid(), SIGUSR1);
}

static void await_signal(void *arg)
{
    struct signalling *signalling = arg;
    signalling->result = lc_process_signals_next(signalling->watch, check_patience());
}

static bool judge_signal(void *arg)
{
    struct signalling *signalling = arg;
    return signalling->result == SIGUSR1 &&
           lc_process_signals_next(signalling->watch, LC_NOW) == -ETIMEDOUT;
}

static lc_process_signals *watch_new(void)
{
    lc_process_signals *watch = NULL;
    CHECK_SUCCESS(lc_process_signals_new(&(int){SIGUSR1}, 1, &watch));
    return watch;
}

static void signal_against_wait(void)
{
    struct signalling signalling = {.watch = watch_new()};
    struct race race = {NULL, await_signal, raise_it, judge_signal};
    every_way(&race, &signalling, check_fewer(ROUNDS));
    lc_process_signals_free(signalling.watch);
}

static void new_handle_beside_signal(void *arg)
{
    ((struct signalling *)arg)->handle = lc_handle_new();
}

static void raise_and_close(void *arg)
{
    struct signalling *signalling = arg;
    raise_it(signalling);
    lc_handle_close(signalling->handle);
}

static void await_signal_or_handle(void *arg)
{
    struct signalling *signalling = arg;
    lc_waitable waitables[] = {lc_on_signals(signalling->watch), lc_on_handle(signalling->handle)};
    signalling->result = lc_wait_any(waitables, 2, check_patience());
}

static bool judge_signal_and_handle(void *arg)
{
    struct signalling *signalling = arg;
    bool well = signalling->result >= 0 &&
                lc_process_signals_next(signalling->watch, check_patience()) == SIGUSR1;
    lc_handle_unref(signalling->handle);
    return well;
}

static void signal_against_close(void)
{
    struct signalling signalling = {.watch = watch_new()};
    struct race race = {new_handle_beside_signal, await_signal_or_handle, raise_and_close,
                        judge_signal_and_handle};
    every_way(&race, &signalling, check_fewer(ROUNDS));
    lc_process_signals_free(signalling.watch);
}

/* ---- timers ---- */

enum { TIMERS = 4 };

struct moving {
    struct lc__timers timers;
    struct lc__timer all[TIMERS];
    unsigned disarmed;
    int result;
};

static bool never_due(struct lc__timer *timer)
{
    (void)timer;
    abort();
}

static void arm_all(void *arg)
{
    struct moving *moving = arg;
    for (int i = 0; i < TIMERS; i++) {
        moving->all[i] = (struct lc__timer){.due = never_due};
        lc__timers_arm(&moving->timers, &moving->all[i], lc_deadline_after((i + 1) * LC_HOUR));
    }
    moving->disarmed = 0;
}

static void hand_over(void *arg)
{
    struct moving *moving = arg;
    moving->result = lc__timers_hand_over(&moving->timers);
}

static void disarm_all(void *arg)
{
    struct moving *moving = arg;
    for (int i = 0; i < TIMERS; i++)
        moving->disarmed += lc__timer_disarm(&moving->all[i]);
}

static bool judge_timers(void *arg)
{
    struct moving *moving = arg;
    bool well =
        moving->result == 0 && moving->disarmed == TIMERS && lc__timers_count(&moving->timers) == 0;
    disarm_all(moving);
    return well && moving->disarmed == TIMERS;
}

static void disarming_against_handing_over(void)
{
    struct moving moving = {.timers = LC__TIMERS_INIT};
    struct race race = {arm_all, hand_over, disarm_all, judge_timers};
    CU_ASSERT_EQUAL(race_run(&race, &moving, ROUNDS), 0);
}

/* ---- threads that come and go ---- */

struct life {
    lc_executor *executor;
    lc_handle *handle, *other;
    atomic_uint ran;
    uint64_t random;
};

static void close_handle(void *arg)
{
    lc_handle_close(arg);
}

/* The thread retires as soon as it has nothing to do: the next fiber comes in that moment. */
static bool start_and_await(void *arg)
{
    struct life *life = arg;
    lc_handle *handle = lc_handle_new();
    race_stagger(&life->random);
    fibers_spread(life->executor, close_handle, handle);
    bool well = lc_handle_wait(handle, check_patience()) == 0;
    lc_handle_unref(handle);
    return well;
}

static void starting_against_retiring(void)
{
    struct life life = {.random = check_seed()};
    lc_executor_options options = {.size = sizeof options};
    options.threads = 2;
    for (int64_t timeout = 0; timeout <= 20 * LC_MICROSECOND; timeout += 10 * LC_MICROSECOND) {
        options.idle_timeout = timeout > 0 ? timeout : LC_NONE;
        CHECK_SUCCESS(lc_executor_new(&options, &life.executor));
        CU_ASSERT_EQUAL(race_repeat(start_and_await, &life, THREAD_ROUNDS), 0);
        fibers_end(life.executor);
    }
}

/* A fiber wakes one of another thread, which may be retiring, and ends. */
static void await_and_close(void *arg)
{
    struct life *life = arg;
    if (lc_handle_wait(life->handle, LC_FOREVER) == 0)
        lc_handle_close(life->other);
}

static void close_and_await(void *arg)
{
    struct life *life = arg;
    lc_handle_close(life->handle);
    if (lc_handle_wait(life->other, LC_FOREVER) == 0)
        atomic_fetch_add(&life->ran, 1);
}

static void close_later(void *arg)
{
    struct life *life = arg;
    race_stagger(&life->random);
    lc_handle_close(life->handle);
}

/* The waker of the last fiber may still use its thread when the executor is freed. */
static bool free_against_waker(void *arg)
{
    struct life *life = arg;
    struct helper helper;
    life->handle = lc_handle_new();
    life->other = lc_handle_new();
    life->executor = fibers_executor(2);
    fibers_spread(life->executor, await_and_close, life);
    helper_start(&helper, close_later, life);
    fibers_end(life->executor);
    bool well = lc_handle_is_closed(life->other);
    helper_join(&helper);
    lc_handle_unref(life->handle);
    lc_handle_unref(life->other);
    return well;
}

static void freeing_against_late_wakers(void)
{
    struct life life = {.random = check_seed()};
    CU_ASSERT_EQUAL(race_repeat(free_against_waker, &life, THREAD_ROUNDS), 0);
}

static bool free_against_each_other(void *arg)
{
    struct life *life = arg;
    atomic_store(&life->ran, 0);
    life->handle = lc_handle_new();
    life->other = lc_handle_new();
    life->executor = fibers_executor(2);
    fibers_spread(life->executor, await_and_close, life);
    fibers_spread(life->executor, close_and_await, life);
    fibers_end(life->executor);
    lc_handle_unref(life->handle);
    lc_handle_unref(life->other);
    return life->ran == 1;
}

static void freeing_against_fibers_that_wake_each_other(void)
{
    struct life life = {.random = check_seed()};
    CU_ASSERT_EQUAL(race_repeat(free_against_each_other, &life, THREAD_ROUNDS), 0);
}

/* ---- a guest comes and goes, and others start fibers in its place ---- */

struct visiting {
    lc_executor *executor;
    atomic_uint started, ran;
    atomic_bool over; /* the guest has left */
    int refused;
};

static void count_one(void *arg)
{
    atomic_fetch_add(&((struct visiting *)arg)->ran, 1);
}

static void start_one(struct visiting *visiting)
{
    atomic_fetch_add(&visiting->started, 1);
    fibers_start(visiting->executor, "one of many", count_one, visiting);
}

/* As many as make the thread take its time to give back what it has kept for them. */
static lc_error *start_some(void *arg)
{
    for (int i = 0; i < 1500; i++)
        start_one(arg);
    return NULL;
}

static void arrive(void *arg)
{
    atomic_store(&((struct visiting *)arg)->over, false);
}

static void visit(void *arg)
{
    struct visiting *visiting = arg;
    lc_error *error = lc_executor_run(visiting->executor, start_some, visiting);
    visiting->refused = lc_error_code(error);
    lc_error_unref(error);
    atomic_store(&visiting->over, true);
}

/*
 * Before the guest leaves, in that moment, and after it; not for ever, since it stays as long as
 * there is always one more.
 */
static void start_until_over(void *arg)
{
    struct visiting *visiting = arg;
    uint64_t random = check_seed();
    bool over = false;
    for (int i = 0; i < 2000 && !over; i++) {
        over = atomic_load(&visiting->over);
        start_one(visiting);
        for (int pauses = 0; pauses < 8; pauses++)
            race_stagger(&random);
    }
}

static bool all_have_run(void *arg)
{
    struct visiting *visiting = arg;
    return atomic_load(&visiting->ran) == atomic_load(&visiting->started);
}

static bool judge_visit(void *arg)
{
    struct visiting *visiting = arg;
    return visiting->refused == 0 && check_until(all_have_run, visiting);
}

static void a_guest_against_others(void)
{
    struct race race = {arrive, visit, start_until_over, judge_visit};
    for (int64_t timeout = 0; timeout <= LC_SECOND; timeout += LC_SECOND) {
        struct visiting visiting = {0};
        lc_executor_options options = {.size = sizeof options};
        options.threads = 1;
        options.idle_timeout = timeout > 0 ? timeout : LC_NONE;
        CHECK_SUCCESS(lc_executor_new(&options, &visiting.executor));
        CU_ASSERT_EQUAL(race_run(&race, &visiting, THREAD_ROUNDS / 10 + 1), 0);
        fibers_end(visiting.executor);
    }
}

/* ---- many ---- */

enum { CROWD = 16 };

struct crowd {
    lc_executor *executor;
    lc_context *context;
    lc_handle *never;
    atomic_uint cancelled, moved, begun;
    uint64_t random;
};

static void await_cancel(void *arg)
{
    struct crowd *crowd = arg;
    atomic_fetch_add(&crowd->begun, 1);
    if (lc_context_wait(crowd->context, crowd->never, LC_FOREVER) == -ECANCELED)
        atomic_fetch_add(&crowd->cancelled, 1);
}

static bool cancel_crowd(void *arg)
{
    struct crowd *crowd = arg;
    crowd->context = lc_context_new(NULL);
    crowd->executor = fibers_executor(2);
    atomic_store(&crowd->cancelled, 0);
    for (int i = 0; i < CROWD; i++)
        fibers_spread(crowd->executor, await_cancel, crowd);
    race_stagger(&crowd->random);
    lc_context_cancel(crowd->context, NULL);
    fibers_end(crowd->executor);
    lc_context_unref(crowd->context);
    return crowd->cancelled == CROWD;
}

static void cancelling_against_waiting(void)
{
    struct crowd crowd = {.random = check_seed(), .never = lc_handle_new()};
    CU_ASSERT_EQUAL(race_repeat(cancel_crowd, &crowd, THREAD_ROUNDS), 0);
    lc_handle_unref(crowd.never);
}

static void stay_on_thread(void *arg)
{
    struct crowd *crowd = arg;
    pthread_t thread = pthread_self();
    for (volatile unsigned step = 0; step < 2000; step++)
        continue;
    lc_yield();
    if (!pthread_equal(thread, pthread_self()))
        atomic_fetch_add(&crowd->moved, 1);
    atomic_fetch_add(&crowd->begun, 1);
}

static void start_crowd(void *arg)
{
    struct crowd *crowd = arg;
    for (int i = 0; i < 400; i++) {
        fibers_start(NULL, "of a crowd", stay_on_thread, crowd);
        if (i % 100 == 0)
            lc_yield();
    }
    lc_handle_close(crowd->never);
}

/* Each runs once, wherever, and the count of those that have not ended never misses one. */
static bool steal_from_crowd(void *arg)
{
    struct crowd *crowd = arg;
    atomic_store(&crowd->begun, 0);
    crowd->never = lc_handle_new();
    crowd->executor = fibers_executor(3);
    fibers_start(crowd->executor, "starts a crowd", start_crowd, crowd);
    bool well = lc_handle_wait(crowd->never, check_patience()) == 0;
    fibers_end(crowd->executor);
    lc_handle_unref(crowd->never);
    return well && crowd->begun == 400 && crowd->moved == 0;
}

static void stealing_under_load(void)
{
    struct crowd crowd = {.random = check_seed()};
    CU_ASSERT_EQUAL(race_repeat(steal_from_crowd, &crowd, THREAD_ROUNDS / 5 + 1), 0);
}

CHECK_SUITE(race_of_fibers, "race: fibers", {"close against wait", close_against_wait},
            {"close against deadline", close_against_deadline},
            {"close against a wait for several", close_against_wait_for_several},
            {"a context's deadline against its cancelling", deadline_against_cancel},
            {"send against a receiver's deadline", send_against_deadline},
            {"send against receive", send_against_receive},
            {"forgetting a descriptor against its readiness", forgetting_against_readiness},
            {"readiness against deadline", readiness_against_deadline},
            {"a signal against a wait for it", signal_against_wait},
            {"a signal against the close of a handle", signal_against_close},
            {"disarming timers against handing them over", disarming_against_handing_over},
            {"starting a fiber against its thread's retiring", starting_against_retiring},
            {"freeing an executor against late wakers", freeing_against_late_wakers},
            {"freeing an executor against fibers that wake each other",
             freeing_against_fibers_that_wake_each_other},
            {"a guest against others in its place", a_guest_against_others},
            {"cancelling against waiting, on two threads", cancelling_against_waiting},
            {"stealing under load", stealing_under_load});
