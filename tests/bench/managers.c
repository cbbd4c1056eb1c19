/*
 * managers.c: a whole cycle of a component, and a restart: with workers that are threads, beside
 * bare pthreads with the same hand-shakes; and with fibers.
 */
#include "bench/bench.h"

#include <lifecycle.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- ours: build, start n workers, all ready, cancel, all done ---- */

enum { WORKERS_MAX = 1000, NAME_SIZE = 8 };

/* Made once: in a program they stand in the source. */
static const char *name_of(size_t worker)
{
    static char names[WORKERS_MAX][NAME_SIZE];
    if (!names[worker][0])
        snprintf(names[worker], NAME_SIZE, "w%u", (unsigned)worker % WORKERS_MAX);
    return names[worker];
}

static lc_manager *build(size_t n, lc_worker_kind kind)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("bench");
    lc_manager_builder_set_kind(builder, kind);
    for (size_t i = 0; i < n; i++)
        lc_manager_builder_add(builder, LC_WORKER(.name = name_of(i), .run = lc_noop_worker));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    if (error)
        bench_fail(lc_error_message(error));
    lc_manager_builder_free(builder);
    return manager;
}

static void cycle_manager(lc_manager *manager)
{
    lc_signaler *signaler = lc_signaler_new();
    lc_context *context = lc_context_with_signaler(NULL, signaler);
    lc_error *error = lc_manager_start(manager, context);
    if (error)
        bench_fail(lc_error_message(error));
    lc_handle_wait(lc_manager_ready(manager), LC_FOREVER);
    lc_context_cancel(context, NULL);
    lc_handle_wait(lc_manager_done(manager), LC_FOREVER);
    lc_context_unref(context);
    lc_signaler_unref(signaler);
    lc_manager_unref(manager);
}

/*
 * Cycles of one sample: where the system puts a new thread changes from one to the next, so several
 * make a sample.
 */
static size_t cycles_of(size_t n)
{
    return n < 100 ? 200 / n : 1;
}

static double mean_cycle(size_t n, double (*cycle)(size_t n))
{
    double took = 0;
    for (size_t i = 0; i < cycles_of(n); i++)
        took += cycle(n);
    return took / (double)cycles_of(n);
}

static double one_manager_cycle(size_t n)
{
    /* A factory's work is done before the cycle, since the peer has nothing like it. */
    lc_manager *manager = build(n, LC_THREAD);
    int64_t begin = bench_now();
    cycle_manager(manager);
    return (double)(bench_now() - begin);
}

static double manager_cycle(size_t n)
{
    return mean_cycle(n, one_manager_cycle);
}

/* For each fiber: the peer builds its manager in the cycle, and so do we. */
static double fiber_cycle(size_t n)
{
    size_t cycles = n < 100 ? 20000 : 50;
    int64_t begin = bench_now();
    for (size_t i = 0; i < cycles; i++)
        cycle_manager(build(n, LC_FIBER));
    return (double)(bench_now() - begin) / (double)(cycles * n);
}

/* ---- the peer: the same with pthreads ---- */

struct bare {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t not_ready;
    size_t not_done;
    bool stop;
};

static void *bare_worker(void *arg)
{
    struct bare *bare = arg;
    pthread_mutex_lock(&bare->lock);
    if (--bare->not_ready == 0)
        pthread_cond_broadcast(&bare->changed);
    while (!bare->stop)
        pthread_cond_wait(&bare->changed, &bare->lock);
    if (--bare->not_done == 0)
        pthread_cond_broadcast(&bare->changed);
    pthread_mutex_unlock(&bare->lock);
    return NULL;
}

static double one_bare_cycle(size_t n)
{
    pthread_t *threads = calloc(n, sizeof *threads);
    int64_t begin = bench_now();
    struct bare bare = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, n, n, false};
    for (size_t i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, bare_worker, &bare) != 0)
            bench_fail("pthread_create");
    pthread_mutex_lock(&bare.lock);
    while (bare.not_ready > 0)
        pthread_cond_wait(&bare.changed, &bare.lock);
    bare.stop = true;
    pthread_cond_broadcast(&bare.changed);
    while (bare.not_done > 0)
        pthread_cond_wait(&bare.changed, &bare.lock);
    pthread_mutex_unlock(&bare.lock);
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    double took = (double)(bench_now() - begin);
    free(threads);
    return took;
}

static double bare_cycle(size_t n)
{
    return mean_cycle(n, one_bare_cycle);
}

/* ---- a restart: a worker fails, the handler says restart, the new instance is ready ---- */

struct restarts {
    lc_worker_kind kind;
    size_t left;
    int64_t failed_at;
    int64_t took; /* all restarts together */
};

static lc_error *ready_and_fail(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    struct restarts *restarts = arg;
    lc_ready_signal(ready);
    if (restarts->failed_at)
        restarts->took += bench_now() - restarts->failed_at;
    if (restarts->left-- == 0)
        return NULL;
    restarts->failed_at = bench_now();
    return lc_error_new(-EIO, "failed on purpose");
}

static lc_error *make_failing(lc_component **component, void *arg)
{
    const struct restarts *restarts = arg;
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("bench");
    lc_manager_builder_set_kind(builder, restarts->kind);
    lc_manager_builder_add(builder, LC_WORKER(.name = "fail", .run = ready_and_fail, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

static lc_behavior say_restart(const lc_failure *failure, void *arg)
{
    (void)arg;
    (void)failure;
    return LC_RESTART;
}

static double restart(size_t n, lc_worker_kind kind, lc_judge handler)
{
    struct restarts restarts = {.kind = kind, .left = n};
    lc_run_options options = {.size = sizeof options};
    options.name = "bench";
    options.factory = make_failing;
    options.arg = &restarts;
    options.judge = handler;
    lc_error *error = lc_component_run(&options, NULL, NULL);
    if (error)
        bench_fail(lc_error_message(error));
    return (double)restarts.took / (double)n;
}

static double restart_thread(size_t n)
{
    return restart(n, LC_THREAD, say_restart);
}

static double restart_fiber(size_t n)
{
    return restart(n, LC_FIBER, say_restart);
}

/* Without a judge the run loop would pause between restarts, which the peer does not. */
static lc_behavior log_and_say_restart(const lc_failure *failure, void *arg)
{
    (void)arg;
    lc_log(LC_LOG_ERROR, "bench", "restart after: %s", lc_error_message(failure->error));
    return LC_RESTART;
}

static double restart_logging(size_t n)
{
    return restart(n, LC_FIBER, log_and_say_restart);
}

/* The error is put into the log, which goes to nowhere, as the peer's does. */
static double restart_logged(size_t n)
{
    return bench_log_to_nowhere(restart_logging, n);
}

static void bench_fiber_managers(void)
{
    bench_add(&(struct bench_figure){"manager_fiber_cycle_1_1t", 1, fiber_cycle, "go", NULL});
    bench_add(&(struct bench_figure){"manager_fiber_cycle_1_2t", 1, fiber_cycle, "go", NULL});
    bench_add(&(struct bench_figure){"manager_fiber_cycle_1000_1t", 1000, fiber_cycle, "go", NULL});
    bench_add(&(struct bench_figure){"manager_fiber_cycle_1000_2t", 1000, fiber_cycle, "go", NULL});
    bench_add(&(struct bench_figure){"restart_fiber_1t", 10000, restart_fiber, "go", NULL});
    bench_add(&(struct bench_figure){"restart_fiber_2t", 10000, restart_fiber, "go", NULL});
    bench_add(
        &(struct bench_figure){"restart_fiber_vs_otp_1t", 10000, restart_logged, "otp", NULL});
    bench_add(
        &(struct bench_figure){"restart_fiber_vs_otp_2t", 10000, restart_logged, "otp", NULL});
    bench_add(&(struct bench_figure){"restart_fiber_vs_silent_otp_1t", 10000, restart_fiber, "otp",
                                     NULL});
    bench_add(&(struct bench_figure){"restart_fiber_vs_silent_otp_2t", 10000, restart_fiber, "otp",
                                     NULL});
}

void bench_managers(void)
{
    bench_add(
        &(struct bench_figure){"manager_thread_cycle_1", 1, manager_cycle, "pthreads", bare_cycle});
    bench_add(&(struct bench_figure){"manager_thread_cycle_10", 10, manager_cycle, "pthreads",
                                     bare_cycle});
    bench_add(&(struct bench_figure){"manager_thread_cycle_100", 100, manager_cycle, "pthreads",
                                     bare_cycle});
    bench_add(&(struct bench_figure){"manager_thread_cycle_1000", 1000, manager_cycle, "pthreads",
                                     bare_cycle});
    bench_add(&(struct bench_figure){"restart_thread", 1000, restart_thread, NULL, NULL});
    bench_fiber_managers();
}
