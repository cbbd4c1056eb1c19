/*
 * fibers.c: see fibers.h.
 */
#include "support/fibers.h"

#include "support/check.h"

#include <stdlib.h>

lc_executor *fibers_executor(unsigned threads)
{
    lc_executor_options options = LC_EXECUTOR_INIT;
    options.name = "tested";
    options.threads = threads;
    options.stall_limit = LC_FOREVER;
    lc_executor *executor;
    CHECK_SUCCESS(lc_executor_new(&options, &executor));
    if (!executor)
        abort();
    return executor;
}

static void start(const lc_fiber_options *options)
{
    if (lc_fiber_start(options) != 0)
        abort();
}

void fibers_start(lc_executor *executor, const char *name, void (*run)(void *arg), void *arg)
{
    lc_fiber_options options = LC_FIBER_INIT;
    options.executor = executor;
    options.name = name;
    options.run = run;
    options.arg = arg;
    start(&options);
}

void fibers_spread(lc_executor *executor, void (*run)(void *arg), void *arg)
{
    lc_fiber_options options = LC_FIBER_INIT;
    options.executor = executor;
    options.run = run;
    options.arg = arg;
    options.spread = true;
    start(&options);
}

void fibers_end(lc_executor *executor)
{
    CU_ASSERT_EQUAL(lc_executor_free(executor), 0);
}

struct body {
    void (*run)(void *arg);
    void *arg;
};

static lc_error *run_body(void *arg)
{
    struct body *body = arg;
    body->run(body->arg);
    return NULL;
}

void fibers_here(void (*body)(void *arg), void *arg)
{
    lc_executor *executor = fibers_executor(1);
    struct body here = {body, arg};
    CHECK_SUCCESS(lc_executor_run(executor, run_body, &here));
    fibers_end(executor);
}
