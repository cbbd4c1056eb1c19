/*
 * fibers.c: starting and joining fibers, and what they tell each other through channels.
 */
#include "bench/bench.h"

#include <lifecycle.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

static void start(void (*run)(void *arg), void *arg, lc_thread_group *group)
{
    lc_fiber_options fiber = {.size = sizeof fiber};
    fiber.run = run;
    fiber.arg = arg;
    fiber.group = group;
    if (lc_fiber_start(&fiber) < 0)
        bench_fail("lc_fiber_start");
}

/* ---- start and join: a hundred at a time, joined by one counter ---- */

enum { BATCH = 100 };

struct batch {
    atomic_uint running;
    lc_handle *ended;
};

static void end_one(void *arg)
{
    struct batch *batch = arg;
    if (atomic_fetch_sub(&batch->running, 1) == 1)
        lc_handle_close(batch->ended);
}

static void spawn_batch(void)
{
    struct batch batch = {BATCH, lc_handle_new()};
    for (unsigned i = 0; i < BATCH; i++)
        start(end_one, &batch, NULL);
    lc_handle_wait(batch.ended, LC_FOREVER);
    lc_handle_unref(batch.ended);
}

static double spawn_and_end(size_t n)
{
    int64_t begin = bench_now();
    for (size_t i = 0; i < n / BATCH; i++)
        spawn_batch();
    return (double)(bench_now() - begin) / (double)n;
}

/* ---- the same by a task group, which counts and waits ---- */

static lc_error *end_task(lc_context *context, void *arg)
{
    (void)context;
    (void)arg;
    return NULL;
}

static double start_and_end_tasks(size_t n)
{
    lc_task_group *group = lc_task_group_new(LC_TASK_GROUP(.name = "bench"));
    int64_t begin = bench_now();
    for (size_t i = 0; i < n / BATCH; i++) {
        for (unsigned j = 0; j < BATCH; j++)
            if (lc_task_group_start(group, end_task, NULL) < 0)
                bench_fail("lc_task_group_start");
        lc_task_group_wait(group, LC_FOREVER);
    }
    double took = (double)(bench_now() - begin) / (double)n;
    lc_task_group_unref(group);
    return took;
}

/* ---- channels of pointers ---- */

static lc_channel *make_channel(size_t capacity)
{
    lc_channel *channel;
    if (lc_channel_new(LC_CHANNEL(.capacity = capacity), &channel))
        bench_fail("lc_channel_new");
    return channel;
}

struct echo {
    lc_channel *there; /* a reference of the echo's own, as to the next */
    lc_channel *back;
    pthread_t caller;
    bool same_thread; /* whether the echo is to be on the caller's */
};

static void echo_all(void *arg)
{
    struct echo echo = *(struct echo *)arg; /* gone when `back` is closed */
    void *item;
    if (!pthread_equal(pthread_self(), echo.caller) == echo.same_thread)
        bench_fail("a fiber is not on the thread meant for it");
    while (lc_channel_receive(echo.there, &item, LC_FOREVER) == 0)
        lc_channel_send(echo.back, item, LC_FOREVER);
    lc_channel_close(echo.back);
    lc_channel_unref(echo.there);
    lc_channel_unref(echo.back);
}

/* Of n round trips through two channels, with an echo in the group. */
static double round_trip(size_t n, lc_thread_group *group)
{
    int payload;
    void *item = NULL;
    lc_channel *there = make_channel(1);
    lc_channel *back = make_channel(1);
    struct echo echo = {lc_channel_ref(there), lc_channel_ref(back), pthread_self(), !group};
    start(echo_all, &echo, group);
    int64_t begin = bench_now();
    for (size_t i = 0; i < n; i++) {
        lc_channel_send(there, &payload, LC_FOREVER);
        if (lc_channel_receive(back, &item, LC_FOREVER) < 0 || item != &payload)
            bench_fail("something else came back");
    }
    double took = (double)(bench_now() - begin) / (double)n;
    lc_channel_close(there);
    lc_channel_receive(back, &item, LC_FOREVER);
    lc_channel_unref(there);
    lc_channel_unref(back);
    return took;
}

static double pingpong(size_t n)
{
    return round_trip(n, NULL);
}

/* Groups take the executor's threads in turn: the first has ours, the other the other. */
static double pingpong_far(size_t n)
{
    lc_thread_group *near = lc_thread_group_new(lc_executor_current(), 1);
    lc_thread_group *far = lc_thread_group_new(lc_executor_current(), 1);
    double took = round_trip(n, far);
    lc_thread_group_unref(near);
    lc_thread_group_unref(far);
    return took;
}

struct source {
    lc_channel *queue; /* a reference of the source's own */
    size_t n;
};

static void send_all(void *arg)
{
    struct source source = *(struct source *)arg;
    for (size_t i = 0; i < source.n; i++)
        lc_channel_send(source.queue, arg, LC_FOREVER);
    lc_channel_close(source.queue);
    lc_channel_unref(source.queue);
}

static double oneway(size_t n)
{
    void *item;
    size_t received = 0;
    lc_channel *queue = make_channel(1024);
    struct source source = {lc_channel_ref(queue), n};
    int64_t begin = bench_now();
    start(send_all, &source, NULL);
    while (lc_channel_receive(queue, &item, LC_FOREVER) == 0)
        received++;
    double took = (double)(bench_now() - begin) / (double)n;
    if (received != n)
        bench_fail("items were lost");
    lc_channel_unref(queue);
    return took;
}

void bench_fibers(void)
{
    bench_add(&(struct bench_figure){"fiber_spawn_end_1t", 200000, spawn_and_end, "go", NULL});
    bench_add(&(struct bench_figure){"fiber_spawn_end_2t", 200000, spawn_and_end, "go", NULL});
    bench_add(&(struct bench_figure){"task_start_end_1t", 200000, start_and_end_tasks, NULL, NULL});
    bench_add(&(struct bench_figure){"task_start_end_2t", 200000, start_and_end_tasks, NULL, NULL});
    bench_add(&(struct bench_figure){"fiber_pingpong_1t", 200000, pingpong, "go", NULL});
    bench_add(&(struct bench_figure){"fiber_pingpong_far_2t", 2000, pingpong_far, "go", NULL});
    bench_add(&(struct bench_figure){"channel_oneway_1t", 1000000, oneway, "go", NULL});
    bench_add(&(struct bench_figure){"channel_oneway_2t", 1000000, oneway, "go", NULL});
}
