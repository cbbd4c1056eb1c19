/*
 * after_simulation.c: what a simulation leaves behind harms nothing that comes after it. Those that
 * ended in a deadlock leave workers, which are lost for good: nothing finds them any more.
 */
#include "support/check.h"

#include <lifecycle.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

enum { WORLDS = 100 };

static int descriptors[2]; /* a pipe; simulations know the number only */

static lc_handle *outside; /* not made in a simulation */
static unsigned woken;     /* lost workers that went on */

static int poll_nothing(int fd, short events, void *arg)
{
    (void)fd, (void)events, (void)arg;
    return 0;
}

/* Runs `live` in a world of its own. @return the code of what came of it. */
static int simulate(lc_error *(*live)(void *arg))
{
    lc_simulation_options options = {.size = sizeof options};
    lc_executor *executor;
    options.poll = poll_nothing;
    options.steps_max = 1000;
    lc_error *error = lc_executor_new_simulated(&options, &executor);
    if (!error)
        error = lc_executor_run(executor, live, NULL);
    int code = lc_error_code(error);
    lc_error_unref(error);
    CU_ASSERT_EQUAL(lc_executor_free(executor), 0);
    return code;
}

static void await_signal(void *arg)
{
    (void)arg;
    lc_process_signals *watch;
    if (check_code(lc_process_signals_new((const int[]){SIGTERM}, 1, &watch)) != 0)
        return; /* then there is no deadlock */
    lc_process_signals_next(watch, LC_FOREVER);
    woken++;
}

static void await_descriptor(void *arg)
{
    (void)arg;
    lc_wait_fd(NULL, descriptors[0], POLLIN, LC_FOREVER);
    woken++;
}

static void await_handle(void *arg)
{
    (void)arg;
    lc_handle_wait(outside, LC_FOREVER);
    woken++;
}

static void start(const char *name, void (*run)(void *arg))
{
    lc_fiber_options fiber = {.size = sizeof fiber};
    fiber.name = name;
    fiber.run = run;
    CU_ASSERT_EQUAL(lc_fiber_start(&fiber), 0);
}

static lc_error *get_stuck(void *arg)
{
    (void)arg;
    start("signal", await_signal);
    start("descriptor", await_descriptor);
    start("handle", await_handle);
    return NULL;
}

/* Does what would wake those that are lost. */
static lc_error *wake_all(void *arg)
{
    (void)arg;
    CU_ASSERT_EQUAL(lc_simulation_signal(SIGTERM), 0);
    CU_ASSERT_EQUAL(lc_simulation_touch(descriptors[0]), 0);
    CU_ASSERT_EQUAL(lc_fd_forget(descriptors[0]), 0);
    lc_handle_close(outside);
    lc_sleep(LC_SECOND);
    return NULL;
}

/* As often as there can be watches of signals, and more. */
static void no_wake_reaches_the_lost(void)
{
    outside = lc_handle_new();
    woken = 0;
    CU_ASSERT_EQUAL_FATAL(pipe(descriptors), 0);
    check_log_capture();
    for (int i = 0; i < WORLDS; i++)
        CU_ASSERT_EQUAL(simulate(get_stuck), -EDEADLK);
    check_log_release();
    CU_ASSERT_EQUAL(simulate(wake_all), 0);
    CU_ASSERT_EQUAL(woken, 0);
    lc_handle_unref(outside);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    /* It has unmapped what the lost stood on. */
    CU_ASSERT_EQUAL(lc_wait_fd(NULL, descriptors[0], POLLIN, lc_deadline_after(1)), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_fd_forget(descriptors[0]), 0);
    close(descriptors[0]);
    close(descriptors[1]);
}

static void spin(void *arg)
{
    (void)arg;
    for (;;)
        lc_sleep(LC_SECOND);
}

static void await_a_distant_day(void *arg)
{
    (void)arg;
    lc_sleep(LC_FOREVER / 2);
}

static lc_error *never_end(void *arg)
{
    (void)arg;
    start("distant day", await_a_distant_day);
    start("spin", spin);
    return NULL;
}

/* Which leaves a worker with a deadline to come. */
static void one_broken_off_can_be_freed(void)
{
    CU_ASSERT_EQUAL(simulate(never_end), -ELOOP);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
}

static lc_error *let_one_pass(void *context)
{
    *(lc_context **)context = lc_context_with_deadline(NULL, lc_deadline_after(LC_SECOND));
    lc_sleep(2 * LC_SECOND);
    return NULL;
}

/* Only Valgrind sees it, if the context then asks the clock that is gone. */
static void contexts_outlive_their_clock(void)
{
    lc_context *context = NULL;
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = 1), &world));
    CHECK_SUCCESS(lc_executor_run(world, let_one_pass, &context));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(context)), -ETIMEDOUT);
    lc_context_unref(context);
}

CHECK_SUITE(after_simulation_suite, "unit: after a simulation",
            {"a wake-up does not reach workers that are lost", no_wake_reaches_the_lost},
            {"a run broken off at its limit can be freed", one_broken_off_can_be_freed},
            {"a context outlives the clock that ended it", contexts_outlive_their_clock});
