/*
 * fibers.c: see fibers.h.
 */
#include "support/fibers.h"

#include <stdio.h>
#include <stdlib.h>

/* Not an assertion of CUnit: children, and fibers in any thread, come here too. */
static void must(int result, const char *what)
{
    if (result == 0)
        return;
    fprintf(stderr, "check: this must not fail, and gave %d: %s\n", result, what);
    abort();
}

#define MUST(call) must((call), #call)

lc_executor *fibers_executor(unsigned threads)
{
    lc_executor_options options = {.size = sizeof options};
    options.name = "tested";
    options.threads = threads;
    options.stall_limit = LC_FOREVER;
    lc_executor *executor;
    MUST(lc_error_code(lc_executor_new(&options, &executor)));
    return executor;
}

void fibers_start(lc_executor *executor, const char *name, void (*run)(void *arg), void *arg)
{
    lc_fiber_options options = {.size = sizeof options};
    options.executor = executor;
    options.name = name;
    options.run = run;
    options.arg = arg;
    MUST(lc_fiber_start(&options));
}

void fibers_spread(lc_executor *executor, void (*run)(void *arg), void *arg)
{
    lc_fiber_options options = {.size = sizeof options};
    options.executor = executor;
    options.run = run;
    options.arg = arg;
    options.spread = true;
    MUST(lc_fiber_start(&options));
}

void fibers_end(lc_executor *executor)
{
    MUST(lc_executor_free(executor));
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
    MUST(lc_error_code(lc_executor_run(executor, run_body, &here)));
    fibers_end(executor);
}
