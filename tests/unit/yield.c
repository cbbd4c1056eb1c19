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
static struct scene {
    lc_executor *executor;
    int pipe[2];
    lc_handle *waiting; /* the one that waits is about to */
    lc_handle *over;
    atomic_bool came; /* they share a thread, but ThreadSanitizer takes each for one */
    unsigned yields;
} scene;

static void wait_for_byte(void *arg)
{
    (void)arg;
    lc_handle_close(scene.waiting);
    lc_wait_fd(NULL, scene.pipe[0], POLLIN, check_patience());
    scene.came = true;
}

static void yield_until_it_came(void *arg)
{
    (void)arg;
    lc_handle_wait(scene.waiting, check_patience());
    CU_ASSERT_EQUAL(write(scene.pipe[1], "x", 1), 1);
    for (int64_t deadline = check_patience(); !scene.came && lc_now() < deadline; scene.yields++)
        lc_yield();
    lc_handle_close(scene.over);
}

static void start(void (*run)(void *arg))
{
    lc_fiber_options options = {.size = sizeof options};
    options.run = run;
    options.executor = scene.executor;
    CU_ASSERT_EQUAL(lc_fiber_start(&options), 0);
}

static void lets_in_who_waits_for_a_descriptor(void)
{
    lc_executor_options options = {.size = sizeof options};
    options.threads = 1;
    scene.waiting = lc_handle_new();
    scene.over = lc_handle_new();
    scene.came = false;
    scene.yields = 0;
    CHECK_SUCCESS(lc_executor_new(&options, &scene.executor));
    CU_ASSERT_EQUAL_FATAL(pipe(scene.pipe), 0);
    start(yield_until_it_came);
    start(wait_for_byte);
    CHECK_CLOSES(scene.over);
    CU_ASSERT_TRUE(scene.came);
    /* The first finds the descriptor ready, at the latest; one more, since waits look in rounds. */
    CU_ASSERT_TRUE(scene.yields <= 2);
    CU_ASSERT_EQUAL(lc_executor_free(scene.executor), 0);
    close(scene.pipe[0]);
    close(scene.pipe[1]);
    lc_handle_unref(scene.waiting);
    lc_handle_unref(scene.over);
}

CHECK_SUITE(yield, "unit: yielding",
            {"lets in who waits for a descriptor that is ready",
             lets_in_who_waits_for_a_descriptor});
