/*
 * fiber_waits.c: every wait of the library in fibers: among those of one thread, from thread to
 * fiber and back; time, process signals, callbacks that wait.
 */
#include "support/check.h"
#include "support/fibers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- waiting ---- */

/* What the waits of a test are for, all of it closed, sent or written by `come`. */
struct thing {
    lc_handle *handle;
    lc_channel *channel; /* of one item */
    int ends[2];         /* of a pipe */
    lc_context *context;
    atomic_uint woken;
};

static void thing_init(struct thing *thing)
{
    *thing = (struct thing){.handle = lc_handle_new(), .context = lc_context_new(NULL)};
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &thing->channel));
    CU_ASSERT_EQUAL(pipe(thing->ends), 0);
}

static void thing_drop(struct thing *thing)
{
    lc_handle_unref(thing->handle);
    lc_channel_unref(thing->channel);
    lc_context_unref(thing->context);
    close(thing->ends[0]);
    close(thing->ends[1]);
}

static bool await_handle(struct thing *thing)
{
    return lc_handle_wait(thing->handle, check_patience()) == 0;
}

static void come_handle(struct thing *thing)
{
    lc_handle_close(thing->handle);
}

static bool await_receive(struct thing *thing)
{
    void *item = NULL;
    return lc_channel_receive(thing->channel, &item, check_patience()) == 0 && item == thing;
}

static void come_receive(struct thing *thing)
{
    lc_channel_send(thing->channel, thing, LC_NOW);
}

static bool await_send(struct thing *thing)
{
    return lc_channel_send(thing->channel, thing, check_patience()) == 0;
}

static void come_send(struct thing *thing)
{
    void *item;
    lc_channel_receive(thing->channel, &item, LC_NOW);
}

static bool await_closing_channel(struct thing *thing)
{
    void *item;
    return lc_channel_receive(thing->channel, &item, check_patience()) == -EPIPE;
}

static void come_closing_channel(struct thing *thing)
{
    lc_channel_close(thing->channel);
}

static bool await_descriptor(struct thing *thing)
{
    return lc_wait_fd(NULL, thing->ends[0], POLLIN, check_patience()) == POLLIN;
}

static void come_descriptor(struct thing *thing)
{
    if (write(thing->ends[1], "x", 1) != 1)
        abort();
}

static bool await_any(struct thing *thing)
{
    lc_waitable waitables[] = {lc_on_handle(thing->handle), lc_on_receive(thing->channel),
                               lc_on_fd(thing->ends[0], POLLIN)};
    return lc_wait_any(waitables, 3, check_patience()) == 1;
}

static bool await_any_descriptor(struct thing *thing)
{
    lc_waitable waitables[] = {lc_on_handle(thing->handle), lc_on_receive(thing->channel),
                               lc_on_fd(thing->ends[0], POLLIN)};
    return lc_wait_any(waitables, 3, check_patience()) == 2 && waitables[2].revents == POLLIN;
}

static bool await_all(struct thing *thing)
{
    lc_waitable waitables[] = {lc_on_handle(thing->handle), lc_on_receive(thing->channel),
                               lc_on_fd(thing->ends[0], POLLIN)};
    return lc_wait_all(waitables, 3, check_patience()) == 0;
}

static void come_all(struct thing *thing)
{
    come_descriptor(thing);
    lc_yield();
    come_receive(thing);
    lc_yield();
    come_handle(thing);
}

static bool await_context(struct thing *thing)
{
    return lc_context_wait(thing->context, thing->handle, LC_FOREVER) == -ECANCELED;
}

static bool await_context_descriptor(struct thing *thing)
{
    lc_waitable waitable = lc_on_fd(thing->ends[0], POLLIN);
    return lc_context_wait_any(thing->context, &waitable, 1, check_patience()) == -ECANCELED;
}

static void come_context(struct thing *thing)
{
    lc_context_cancel(thing->context, NULL);
}

static const struct way {
    bool (*await)(struct thing *thing);
    void (*come)(struct thing *thing);
    bool full; /* the channel is, at first */
} ways[] = {
    {await_handle, come_handle, false},
    {await_receive, come_receive, false},
    {await_send, come_send, true},
    {await_closing_channel, come_closing_channel, false},
    {await_descriptor, come_descriptor, false},
    {await_any, come_receive, false},
    {await_any_descriptor, come_descriptor, false},
    {await_all, come_all, false},
    {await_context, come_context, false},
    {await_context_descriptor, come_context, false},
};
enum { WAYS = sizeof ways / sizeof *ways };

struct meeting {
    struct thing thing;
    const struct way *way;
    lc_handle *begun; /* the waiter runs */
    lc_handle *over;  /* and has been woken */
};

static void meet_and_await(void *arg)
{
    struct meeting *meeting = arg;
    lc_handle_close(meeting->begun);
    if (meeting->way->await(&meeting->thing))
        atomic_fetch_add(&meeting->thing.woken, 1);
    lc_handle_close(meeting->over);
}

static void meeting_init(struct meeting *meeting, const struct way *way)
{
    *meeting = (struct meeting){.way = way, .begun = lc_handle_new(), .over = lc_handle_new()};
    thing_init(&meeting->thing);
    if (way->full)
        come_receive(&meeting->thing);
}

static void meeting_drop(struct meeting *meeting)
{
    thing_drop(&meeting->thing);
    lc_handle_unref(meeting->begun);
    lc_handle_unref(meeting->over);
}

/* On one thread the waiter is parked when it has let us run. */
static void each_way_on_one_thread(void *arg)
{
    (void)arg;
    for (int i = 0; i < WAYS; i++) {
        struct meeting meeting;
        meeting_init(&meeting, &ways[i]);
        fibers_start(NULL, "waiter", meet_and_await, &meeting);
        lc_yield();
        CHECK_OPEN(meeting.over);
        ways[i].come(&meeting.thing);
        CHECK_CLOSES(meeting.over);
        CU_ASSERT_EQUAL(meeting.thing.woken, 1);
        meeting_drop(&meeting);
    }
}

static void every_wait_works_on_one_thread(void)
{
    fibers_here(each_way_on_one_thread, NULL);
}

static void every_wait_is_ended_by_a_thread(void)
{
    lc_executor *executor = fibers_executor(1);
    for (int i = 0; i < WAYS; i++) {
        struct meeting meeting;
        meeting_init(&meeting, &ways[i]);
        fibers_start(executor, "waiter", meet_and_await, &meeting);
        CHECK_CLOSES(meeting.begun);
        ways[i].come(&meeting.thing);
        CHECK_CLOSES(meeting.over);
        CU_ASSERT_EQUAL(meeting.thing.woken, 1);
        meeting_drop(&meeting);
    }
    fibers_end(executor);
}

static void come_for_a_thread(void *arg)
{
    struct meeting *meeting = arg;
    if (lc_handle_wait(meeting->begun, check_patience()) == 0)
        meeting->way->come(&meeting->thing);
}

static void every_wait_of_a_thread_is_ended_by_a_fiber(void)
{
    lc_executor *executor = fibers_executor(1);
    for (int i = 0; i < WAYS; i++) {
        struct meeting meeting;
        meeting_init(&meeting, &ways[i]);
        fibers_start(executor, "comer", come_for_a_thread, &meeting);
        meet_and_await(&meeting);
        CU_ASSERT_EQUAL(meeting.thing.woken, 1);
        fibers_end(executor);
        executor = fibers_executor(1);
        meeting_drop(&meeting);
    }
    fibers_end(executor);
}

/* ---- time ---- */

static int time_handle(struct thing *thing, int64_t deadline)
{
    return lc_handle_wait(thing->handle, deadline);
}

static int time_receive(struct thing *thing, int64_t deadline)
{
    void *item;
    return lc_channel_receive(thing->channel, &item, deadline);
}

static int time_descriptor(struct thing *thing, int64_t deadline)
{
    return lc_wait_fd(NULL, thing->ends[0], POLLIN, deadline);
}

static int time_any(struct thing *thing, int64_t deadline)
{
    lc_waitable waitables[] = {lc_on_handle(thing->handle), lc_on_receive(thing->channel)};
    return lc_wait_any(waitables, 2, deadline);
}

static int time_all(struct thing *thing, int64_t deadline)
{
    lc_waitable waitables[] = {lc_on_handle(lc_handle_new_closed()), lc_on_handle(thing->handle)};
    return lc_wait_all(waitables, 2, deadline);
}

static int time_none(struct thing *thing, int64_t deadline)
{
    (void)thing;
    return lc_wait_any(NULL, 0, deadline);
}

static int time_context(struct thing *thing, int64_t deadline)
{
    lc_context *context = lc_context_with_deadline(thing->context, deadline);
    int result = lc_context_wait(context, thing->handle, LC_FOREVER);
    lc_context_unref(context);
    return result;
}

static int (*const timed[])(struct thing *thing, int64_t deadline) = {
    time_handle, time_receive, time_descriptor, time_any, time_all, time_none, time_context};
enum { TIMED = sizeof timed / sizeof *timed };

static void each_comes_to_its_deadline(void *arg)
{
    struct thing *thing = arg;
    for (int i = 0; i < TIMED; i++) {
        CU_ASSERT_EQUAL(timed[i](thing, LC_NOW), -ETIMEDOUT);
        CU_ASSERT_EQUAL(timed[i](thing, lc_now() - 1), -ETIMEDOUT);
        int64_t deadline = lc_deadline_after(LC_MILLISECOND);
        CU_ASSERT_EQUAL(timed[i](thing, deadline), -ETIMEDOUT);
        CU_ASSERT_TRUE(lc_now() >= deadline);
    }
    int64_t before = lc_now();
    CU_ASSERT_EQUAL(lc_sleep(2 * LC_MILLISECOND), 0);
    CU_ASSERT_TRUE(lc_now() - before >= 2 * LC_MILLISECOND);
}

static void deadlines_come(void)
{
    struct thing thing;
    thing_init(&thing);
    fibers_here(each_comes_to_its_deadline, &thing);
    thing_drop(&thing);
}

/* While one sleeps the others of its thread run. */
static void count_while_open(void *arg)
{
    struct thing *thing = arg;
    while (!lc_handle_is_closed(thing->handle)) {
        atomic_fetch_add(&thing->woken, 1);
        lc_yield();
    }
}

static void sleep_beside_a_counter(void *arg)
{
    struct thing *thing = arg;
    fibers_start(NULL, "counter", count_while_open, thing);
    CU_ASSERT_EQUAL(lc_sleep(LC_MILLISECOND), 0);
    CU_ASSERT_TRUE(thing->woken > 1);
    lc_handle_close(thing->handle);
}

static void others_run_while_one_sleeps(void)
{
    struct thing thing;
    thing_init(&thing);
    fibers_here(sleep_beside_a_counter, &thing);
    thing_drop(&thing);
}

/* Also waits that are over before they begin let others run. */
static void wait_too_late(void *arg)
{
    struct thing *thing = arg;
    int64_t deadline = check_patience();
    while (!atomic_load(&thing->woken) && lc_now() < deadline)
        lc_handle_wait(thing->handle, lc_now() - 1);
    while (atomic_load(&thing->woken) == 1 && lc_now() < deadline)
        lc_sleep(1);
}

static void count_one(void *arg)
{
    atomic_fetch_add(&((struct thing *)arg)->woken, 1);
}

static void wait_too_late_beside_others(void *arg)
{
    fibers_start(NULL, "late", wait_too_late, arg);
    fibers_start(NULL, "other", count_one, arg);
    lc_yield();
    lc_yield();
    fibers_start(NULL, "another", count_one, arg);
}

static void others_run_while_one_waits_too_late(void)
{
    struct thing thing;
    thing_init(&thing);
    fibers_here(wait_too_late_beside_others, &thing);
    CU_ASSERT_EQUAL(thing.woken, 2);
    thing_drop(&thing);
}

/* Many sleepers of one thread wake up in the order of their deadlines. */
enum { SLEEPERS = 50 };

struct sleeper {
    struct sleepers *all;
    unsigned rank; /* of its deadline */
    unsigned place;
};

struct sleepers {
    int64_t first; /* deadline */
    bool in_time;  /* all slept before it */
    atomic_uint asleep, awake;
    struct sleeper each[SLEEPERS];
};

static void sleep_and_count(void *arg)
{
    struct sleeper *sleeper = arg;
    struct sleepers *all = sleeper->all;
    atomic_fetch_add(&all->asleep, 1);
    lc_wait_any(NULL, 0, all->first + LC_MICROSECOND * 10 * sleeper->rank);
    sleeper->place = atomic_fetch_add(&all->awake, 1);
}

static void start_sleepers(void *arg)
{
    struct sleepers *all = arg;
    for (unsigned i = 0; i < SLEEPERS; i++) {
        all->each[i] = (struct sleeper){all, i * 7 % SLEEPERS, SLEEPERS};
        fibers_start(NULL, "sleeper", sleep_and_count, &all->each[i]);
    }
    while (atomic_load(&all->asleep) < SLEEPERS)
        lc_yield();
    all->in_time = lc_now() < all->first;
}

static void sleepers_wake_in_order(void)
{
    static struct sleepers all;
    int64_t soon = 2 * LC_MILLISECOND;
    do {
        all = (struct sleepers){.first = lc_deadline_after(soon)};
        fibers_here(start_sleepers, &all);
        soon *= 2; /* the machine may be slow */
    } while (!all.in_time && soon < LC_MINUTE);
    CU_ASSERT_TRUE(all.in_time);
    for (unsigned i = 0; i < SLEEPERS; i++)
        CU_ASSERT_EQUAL(all.each[i].place, all.each[i].rank);
}

/* ---- process signals ---- */

struct signalled {
    lc_process_signals *watch;
    atomic_int next, any;
};

static void await_signals(void *arg)
{
    struct signalled *signalled = arg;
    signalled->next = lc_process_signals_next(signalled->watch, check_patience());
    lc_waitable waitable = lc_on_signals(signalled->watch);
    signalled->any = lc_wait_any(&waitable, 1, check_patience());
}

static void raise_when_awaited(void *arg)
{
    struct signalled *signalled = arg;
    fibers_start(NULL, "awaits signals", await_signals, signalled);
    lc_yield();
    CU_ASSERT_EQUAL(signalled->next, 0);
    kill(getpid(), SIGUSR1);
    while (signalled->next == 0)
        lc_sleep(LC_MICROSECOND);
    kill(getpid(), SIGUSR2);
}

static lc_process_signals *watch_both(void)
{
    static const int numbers[] = {SIGUSR1, SIGUSR2};
    lc_process_signals *watch = NULL;
    CHECK_SUCCESS(lc_process_signals_new(numbers, 2, &watch));
    return watch;
}

static void fibers_wait_for_process_signals(void)
{
    struct signalled signalled = {watch_both(), 0, -1};
    fibers_here(raise_when_awaited, &signalled);
    CU_ASSERT_EQUAL(signalled.next, SIGUSR1);
    CU_ASSERT_EQUAL(signalled.any, 0);
    CU_ASSERT_EQUAL(lc_process_signals_next(signalled.watch, LC_NOW), SIGUSR2);
    lc_process_signals_free(signalled.watch);
}

/* The handler runs in another thread than the fiber's. */
static void signal_in_another_thread_wakes_a_fiber(void)
{
    struct signalled signalled = {watch_both(), 0, -1};
    lc_executor *executor = fibers_executor(1);
    fibers_start(executor, "awaits signals", await_signals, &signalled);
    raise(SIGUSR1);
    raise(SIGUSR2);
    fibers_end(executor);
    CU_ASSERT_EQUAL(signalled.next, SIGUSR1);
    CU_ASSERT_EQUAL(signalled.any, 0);
    lc_process_signals_free(signalled.watch);
}

/* ---- fibers and threads ---- */

struct table {
    lc_channel *there, *back;
    unsigned count;
    atomic_uint wrong;
};

static void expect(struct table *table, bool well)
{
    if (!well)
        atomic_fetch_add(&table->wrong, 1);
}

static void play_back(void *arg)
{
    struct table *table = arg;
    void *ball;
    while (lc_channel_receive(table->there, &ball, check_patience()) == 0)
        expect(table, lc_channel_send(table->back, ball, check_patience()) == 0);
}

static void play(void *arg)
{
    struct table *table = arg;
    for (unsigned i = 0; i < table->count; i++) {
        void *ball = NULL;
        expect(table, lc_channel_send(table->there, &table[i % 2], check_patience()) == 0);
        expect(table, lc_channel_receive(table->back, &ball, check_patience()) == 0);
        expect(table, ball == &table[i % 2]);
    }
    lc_channel_close(table->there);
}

static void table_init(struct table *table)
{
    *table = (struct table){.count = check_fewer(check_count(2000, 200000))};
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &table->there));
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &table->back));
}

static void table_drop(struct table *table)
{
    lc_channel_unref(table->there);
    lc_channel_unref(table->back);
}

static void fiber_and_thread_play(void)
{
    struct table table;
    table_init(&table);
    lc_executor *executor = fibers_executor(1);
    fibers_start(executor, "plays back", play_back, &table);
    play(&table);
    fibers_end(executor);
    CU_ASSERT_EQUAL(table.wrong, 0);
    table_drop(&table);
}

static void two_fibers_play(unsigned threads)
{
    struct table table;
    table_init(&table);
    lc_executor *executor = fibers_executor(threads);
    fibers_spread(executor, play_back, &table);
    fibers_spread(executor, play, &table);
    fibers_end(executor);
    CU_ASSERT_EQUAL(table.wrong, 0);
    table_drop(&table);
}

static void fibers_play(void)
{
    two_fibers_play(1);
    two_fibers_play(2);
}

/* ---- callbacks ---- */

struct called {
    lc_handle *handle, *other;
    lc_executor *executor;
    atomic_uint runs;
    bool in_fiber;
    char name[LC_NAME_MAX + 1];
    int waited;
};

static void note_caller(void *arg)
{
    struct called *called = arg;
    called->in_fiber = lc_is_fiber();
    strncpy(called->name, lc_worker_name(), LC_NAME_MAX);
    atomic_fetch_add(&called->runs, 1);
}

static void close_the_handle(void *arg)
{
    lc_handle_close(((struct called *)arg)->handle);
}

static void close_the_other(void *arg)
{
    lc_handle_close(((struct called *)arg)->other);
}

static struct called called_new(void (*function)(void *arg), struct called *place)
{
    struct called called = {.handle = lc_handle_new(), .other = lc_handle_new()};
    CU_ASSERT_EQUAL(lc_handle_on_close(called.handle, function, place, NULL), 0);
    return called;
}

static void called_drop(struct called *called)
{
    lc_handle_unref(called->handle);
    lc_handle_unref(called->other);
}

static void callback_runs_on_the_closers_stack(void)
{
    struct called called = called_new(note_caller, &called);
    lc_executor *executor = fibers_executor(1);
    fibers_start(executor, "closer", close_the_handle, &called);
    fibers_end(executor);
    CU_ASSERT_EQUAL(called.runs, 1);
    CU_ASSERT_TRUE(called.in_fiber);
    CU_ASSERT_STRING_EQUAL(called.name, "closer");
    called_drop(&called);
}

static void wait_in_callback(void *arg)
{
    struct called *called = arg;
    fibers_start(NULL, "other", close_the_other, called); /* on this very thread */
    called->waited = lc_handle_wait(called->other, check_patience());
    note_caller(called);
}

static void callback_may_wait(void)
{
    struct called called = called_new(wait_in_callback, &called);
    called.waited = -1;
    fibers_here(close_the_handle, &called);
    CU_ASSERT_EQUAL(called.runs, 1);
    CU_ASSERT_EQUAL(called.waited, 0);
    called_drop(&called);
}

/* What a context's deadline calls gets a fiber: it may wait for one of the same thread. */
static void let_a_deadline_come(void *arg)
{
    struct called *called = arg;
    lc_context *context = lc_context_with_deadline(NULL, lc_deadline_after(LC_MILLISECOND));
    CU_ASSERT_EQUAL(lc_handle_on_close(lc_context_done(context), wait_in_callback, called, NULL),
                    0);
    CHECK_CLOSES(called->other);
    while (called->runs == 0)
        lc_yield();
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(context)), -ETIMEDOUT);
    lc_context_unref(context);
}

static void what_a_deadline_calls_may_wait(void)
{
    struct called called = {.other = lc_handle_new(), .waited = -1};
    fibers_here(let_a_deadline_come, &called);
    CU_ASSERT_EQUAL(called.waited, 0);
    CU_ASSERT_TRUE(called.in_fiber);
    called_drop(&called);
}

/* The function of the first waits for that of the second, and both are due at the same time. */
static void wait_for_next_deadline(void *next)
{
    CHECK_CLOSES(next);
}

static void close_for_first_deadline(void *next)
{
    lc_handle_close(next);
}

static void let_two_deadlines_come(void *next)
{
    int64_t deadline = lc_deadline_after(LC_MILLISECOND);
    lc_context *first = lc_context_with_deadline(NULL, deadline);
    lc_context *second = lc_context_with_deadline(NULL, deadline);
    lc_handle_on_close(lc_context_done(first), wait_for_next_deadline, next, NULL);
    lc_handle_on_close(lc_context_done(second), close_for_first_deadline, next, NULL);
    CHECK_CLOSES(next);
    lc_context_unref(first);
    lc_context_unref(second);
}

static void what_a_deadline_calls_may_wait_for_the_next(void)
{
    lc_handle *next = lc_handle_new();
    fibers_here(let_two_deadlines_come, next);
    CU_ASSERT_TRUE(lc_handle_is_closed(next));
    lc_handle_unref(next);
}

static void throw_from_callback(void *arg)
{
    (void)arg;
    lc_throw(NULL, lc_error_new(-EIO, "forbidden"));
}

CHECK_CHILD(throw_in_callback_of_fiber)
{
    struct called called = {.handle = lc_handle_new()};
    if (lc_handle_on_close(called.handle, throw_from_callback, NULL, NULL) == 0)
        fibers_here(close_the_handle, &called);
    return 0;
}

static void throw_in_a_callback_ends_the_process(void)
{
    struct check_exit ended = check_child("throw_in_callback_of_fiber");
    CU_ASSERT_EQUAL(ended.status, 70);
    CU_ASSERT_PTR_NOT_NULL(strstr(ended.errors, "thrown in a callback"));
}

CHECK_SUITE(unit_fiber_waits, "unit: waits of fibers",
            {"every wait works among fibers of one thread", every_wait_works_on_one_thread},
            {"every wait of a fiber is ended by a thread", every_wait_is_ended_by_a_thread},
            {"every wait of a thread is ended by a fiber",
             every_wait_of_a_thread_is_ended_by_a_fiber},
            {"deadlines come, and not too early", deadlines_come},
            {"fibers run while another sleeps", others_run_while_one_sleeps},
            {"fibers run while another waits too late", others_run_while_one_waits_too_late},
            {"sleepers wake in the order of their deadlines", sleepers_wake_in_order},
            {"fibers wait for process signals", fibers_wait_for_process_signals},
            {"a signal in another thread wakes a fiber", signal_in_another_thread_wakes_a_fiber},
            {"a fiber and a thread wake each other", fiber_and_thread_play},
            {"fibers of one thread, and of two, wake each other", fibers_play},
            {"a callback runs on the closing fiber's stack", callback_runs_on_the_closers_stack},
            {"a callback may wait for a fiber of its thread", callback_may_wait},
            {"what a deadline calls may wait for a fiber of its thread",
             what_a_deadline_calls_may_wait},
            {"what a deadline calls may wait for what the next one calls",
             what_a_deadline_calls_may_wait_for_the_next},
            {"a throw in a callback ends the process", throw_in_a_callback_ends_the_process});
