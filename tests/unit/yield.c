/*
 * yield.c: what lc_yield lets in: not only fibers that can run already, also those for which
 * something has come that their thread must look for first.
 */
#include "support/check.h"

#include <lifecycle.h>

#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

/* One thread, and two fibers in it: one waits, one yields until the other has come to run. */
static struct fixture {
    lc_executor *executor;
    int pipe[2];
    lc_handle *waiting; /* the one that waits is about to */
    lc_handle *over;
    atomic_bool came; /* they share a thread, but ThreadSanitizer takes each for one */
    unsigned yields;
} fixture;

static void wait_for_byte(void *arg)
{
    (void)arg;
    lc_handle_close(fixture.waiting);
    lc_wait_fd(NULL, fixture.pipe[0], POLLIN, check_patience());
    fixture.came = true;
}

static void yield_until_it_came(void *arg)
{
    (void)arg;
    lc_handle_wait(fixture.waiting, check_patience());
    CU_ASSERT_EQUAL(write(fixture.pipe[1], "x", 1), 1);
    for (int64_t deadline = check_patience(); !fixture.came && lc_now() < deadline;
         fixture.yields++)
        lc_yield();
    lc_handle_close(fixture.over);
}

static void start(void (*run)(void *arg))
{
    lc_fiber_options options = {.size = sizeof options};
    options.run = run;
    options.executor = fixture.executor;
    CU_ASSERT_EQUAL(lc_fiber_start(&options), 0);
}

static void lets_in_who_waits_for_a_descriptor(void)
{
    lc_executor_options options = {.size = sizeof options};
    options.threads = 1;
    fixture.waiting = lc_handle_new();
    fixture.over = lc_handle_new();
    fixture.came = false;
    fixture.yields = 0;
    CHECK_SUCCESS(lc_executor_new(&options, &fixture.executor));
    CU_ASSERT_EQUAL_FATAL(pipe(fixture.pipe), 0);
    start(yield_until_it_came);
    start(wait_for_byte);
    CHECK_CLOSES(fixture.over);
    CU_ASSERT_TRUE(fixture.came);
    /* The first finds the descriptor ready, at the latest; one more, since waits look in rounds. */
    CU_ASSERT_TRUE(fixture.yields <= 2);
    CU_ASSERT_EQUAL(lc_executor_free(fixture.executor), 0);
    close(fixture.pipe[0]);
    close(fixture.pipe[1]);
    lc_handle_unref(fixture.waiting);
    lc_handle_unref(fixture.over);
}

CHECK_SUITE(yield, "unit: yielding",
            {"lc_yield lets in a fiber that waits for a ready descriptor",
             lets_in_who_waits_for_a_descriptor});
