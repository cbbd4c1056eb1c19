/*
 * primitives.c: what handles, channels and contexts cost, one operation each.
 */
#include "bench/bench.h"

#include <lifecycle.h>

#include <stdlib.h>

/* ---- handles ---- */

static double close_unwaited(size_t n)
{
    lc_handle **handles = calloc(n, sizeof(lc_handle *));
    for (size_t i = 0; i < n; i++)
        handles[i] = lc_handle_new();
    int64_t begin = bench_now();
    for (size_t i = 0; i < n; i++)
        lc_handle_close(handles[i]);
    double took = (double)(bench_now() - begin);
    for (size_t i = 0; i < n; i++)
        lc_handle_unref(handles[i]);
    free(handles);
    return took / (double)n;
}

struct waited {
    size_t n;
    lc_handle *
        *asked; /* closed by the waiter: it is about to wait for the answer of the same index */
    lc_handle **answered; /* closed by the bench */
};

static lc_error *wait_for_answers(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    struct waited *waited = arg;
    lc_ready_signal(ready);
    for (size_t i = 0; i < waited->n; i++) {
        lc_handle_close(waited->asked[i]);
        lc_handle_wait(waited->answered[i], LC_FOREVER);
    }
    return NULL;
}

static void make_handles(lc_handle ***handles, size_t n)
{
    *handles = calloc(n, sizeof(lc_handle *));
    for (size_t i = 0; i < n; i++)
        (*handles)[i] = lc_handle_new();
}

static void drop_handles(lc_handle **handles, size_t n)
{
    for (size_t i = 0; i < n; i++)
        lc_handle_unref(handles[i]);
    free(handles);
}

/*
 * From a close to the waiter's going on, in another thread: half of a round trip, mostly the
 * wake-up.
 */
static double close_with_waiter(size_t n)
{
    struct waited waited = {.n = n};
    make_handles(&waited.asked, n);
    make_handles(&waited.answered, n);
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("bench");
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = "wait", .run = wait_for_answers, .arg = &waited));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    lc_signaler *signaler = lc_signaler_new();
    lc_context *context = lc_context_with_signaler(NULL, signaler);
    if (!error)
        error = lc_manager_start(manager, context);
    if (error)
        bench_fail(lc_error_message(error));
    int64_t begin = bench_now();
    for (size_t i = 0; i < n; i++) {
        lc_handle_wait(waited.asked[i], LC_FOREVER);
        lc_handle_close(waited.answered[i]);
    }
    double took = (double)(bench_now() - begin);
    lc_handle_wait(lc_manager_done(manager), LC_FOREVER);
    lc_manager_unref(manager);
    lc_context_unref(context);
    lc_signaler_unref(signaler);
    drop_handles(waited.asked, n);
    drop_handles(waited.answered, n);
    return took / (double)n / 2;
}

/* ---- channels ---- */

static double send_and_receive(size_t n)
{
    lc_channel *channel;
    void *item;
    if (lc_channel_new(LC_CHANNEL(.capacity = 1024), &channel))
        bench_fail("lc_channel_new");
    int64_t begin = bench_now();
    for (size_t i = 0; i < n; i++) {
        lc_channel_send(channel, &channel, LC_NOW);
        lc_channel_receive(channel, &item, LC_NOW);
    }
    double took = (double)(bench_now() - begin);
    lc_channel_unref(channel);
    return took / (double)n;
}

/* ---- contexts, their done handles taken ---- */

static double create_and_cancel(size_t n)
{
    lc_context *parent = lc_context_new(NULL);
    int64_t begin = bench_now();
    for (size_t i = 0; i < n; i++) {
        lc_context *context = lc_context_new(parent);
        lc_handle *done = lc_context_done(context);
        lc_context_cancel(context, NULL);
        if (!lc_handle_is_closed(done))
            bench_fail("a cancelled context is not done");
        lc_context_unref(context);
    }
    double took = (double)(bench_now() - begin);
    lc_context_unref(parent);
    return took / (double)n;
}

static double cancel_children(size_t n)
{
    lc_context *parent = lc_context_new(NULL);
    lc_context **children = calloc(n, sizeof(lc_context *));
    for (size_t i = 0; i < n; i++) {
        children[i] = lc_context_new(parent);
        if (lc_handle_is_closed(lc_context_done(children[i])))
            bench_fail("a new context is done");
    }
    int64_t begin = bench_now();
    lc_context_cancel(parent, NULL);
    double took = (double)(bench_now() - begin);
    for (size_t i = 0; i < n; i++)
        lc_context_unref(children[i]);
    free(children);
    lc_context_unref(parent);
    return took / (double)n;
}

void bench_primitives(void)
{
    bench_add(&(struct bench_figure){"handle_close_0_waiters", 100000, close_unwaited, NULL, NULL});
    bench_add(&(struct bench_figure){"handle_close_1_waiter", 2000, close_with_waiter, NULL, NULL});
    bench_add(&(struct bench_figure){"channel_send_receive", 200000, send_and_receive, NULL, NULL});
    bench_add(
        &(struct bench_figure){"context_create_cancel", 200000, create_and_cancel, "go", NULL});
    bench_add(
        &(struct bench_figure){"context_create_cancel_1t", 200000, create_and_cancel, "go", NULL});
    bench_add(
        &(struct bench_figure){"context_create_cancel_2t", 200000, create_and_cancel, "go", NULL});
    bench_add(&(struct bench_figure){"cancel_fanout_100k", 100000, cancel_children, "go", NULL});
    bench_add(&(struct bench_figure){"cancel_fanout_100k_1t", 100000, cancel_children, "go", NULL});
    bench_add(&(struct bench_figure){"cancel_fanout_100k_2t", 100000, cancel_children, "go", NULL});
}
