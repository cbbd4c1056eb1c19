/*
 * parked.c: what a worker that waits for its context occupies. Stacks stay warm once they were
 * used, so each sample is taken in a process of its own, which is the bench called with BENCH_PARK.
 */
#include "bench/bench.h"

#include <lifecycle.h>

#include <stdio.h>

enum { WORKERS = 100000, NAME_SIZE = 8 };

/* ---- in the process of a sample ---- */

static lc_manager *build(const char (*names)[NAME_SIZE])
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("bench");
    lc_manager_builder_set_kind(builder, LC_FIBER);
    for (size_t i = 0; i < WORKERS; i++)
        lc_manager_builder_add(builder, LC_WORKER(.name = names[i], .run = lc_noop_worker));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    if (error)
        bench_fail(lc_error_message(error));
    lc_manager_builder_free(builder);
    return manager;
}

static double park(const struct bench_figure *unused)
{
    (void)unused;
    static char names[WORKERS][NAME_SIZE]; /* the program's own, and so there beforehand */
    for (unsigned i = 0; i < WORKERS; i++)
        snprintf(names[i], NAME_SIZE, "w%u", i % WORKERS);
    double before = bench_resident_bytes();
    lc_manager *manager = build(names);
    lc_signaler *signaler = lc_signaler_new();
    lc_context *context = lc_context_with_signaler(NULL, signaler);
    lc_error *error = lc_manager_start(manager, context);
    if (error)
        bench_fail(lc_error_message(error));
    lc_handle_wait(lc_manager_ready(manager), LC_FOREVER);
    double parked = bench_resident_bytes();
    lc_context_cancel(context, NULL);
    lc_handle_wait(lc_manager_done(manager), LC_FOREVER);
    lc_context_unref(context);
    lc_signaler_unref(signaler);
    lc_manager_unref(manager);
    return (parked - before) / WORKERS;
}

int bench_park(unsigned threads)
{
    bench_tell_elsewhere(bench_in_fiber(threads, park, NULL));
    return lc_library_shutdown() == 0 ? 0 : 1;
}

/* ---- in the bench ---- */

static double parked_elsewhere(size_t threads)
{
    return bench_elsewhere(BENCH_PARK, threads);
}

void bench_parked(void)
{
    bench_add(&(struct bench_figure){"idle_fiber_bytes_1t", 1, parked_elsewhere, "go", NULL});
    bench_add(&(struct bench_figure){"idle_fiber_bytes_2t", 2, parked_elsewhere, "go", NULL});
}
