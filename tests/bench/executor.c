/*
 * executor.c: taking samples in a fiber, on as many threads as a figure's name says.
 */
#include "bench/bench.h"

#include <lifecycle.h>

#include <string.h>

unsigned bench_threads(const char *name)
{
    size_t length = strlen(name);
    const char *end = name + (length < 3 ? 0 : length - 3);
    return end[0] == '_' && strcmp(end + 2, "t") == 0 ? (unsigned)(end[1] - '0') : 0;
}

struct call {
    double (*take)(const struct bench_figure *figure);
    const struct bench_figure *figure;
    double taken;
};

static lc_error *run_call(void *arg)
{
    struct call *call = arg;
    call->taken = call->take(call->figure);
    return NULL;
}

double bench_in_fiber(unsigned threads, double (*take)(const struct bench_figure *figure),
                      const struct bench_figure *figure)
{
    struct call call = {take, figure, 0};
    lc_executor *executor = NULL;
    lc_executor_options options = {.size = sizeof options};
    options.name = "bench";
    options.threads = threads;
    /*
     * A sample keeps its thread on purpose. But there is a monitor, as by default: in a process of
     * one thread the C library would spare itself half of the cost of its locks, which no program
     * with a monitor sees.
     */
    options.stall_limit = 60 * LC_SECOND;
    lc_error *error = lc_executor_new(&options, &executor);
    if (!error)
        error = lc_executor_run(executor, run_call, &call);
    if (error || lc_executor_free(executor) < 0)
        bench_fail(lc_error_message(error));
    return call.taken;
}
