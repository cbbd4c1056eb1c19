/*
 * worlds.c: what is real and what is simulated keep out of each other's way; and what else was once
 * found by reading for races.
 */
#include "support/check.h"

#include <lifecycle.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static lc_error *simulate(const lc_simulation_options *options, lc_error *(*run)(void *arg),
                          void *arg)
{
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_simulated_with(options, &world));
    lc_error *error = lc_executor_run(world, run, arg);
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    return error;
}

/* ---- starting from one world in another ---- */

static void nothing(void *arg)
{
    (void)arg;
}

static lc_error *start_elsewhere(void *executor)
{
    lc_fiber_options options = {.size = sizeof options};
    options.run = nothing;
    options.executor = executor;
    CU_ASSERT_EQUAL(lc_fiber_start(&options), -ENOTSUP);
    return NULL;
}

static void no_fiber_is_started_in_another_world(void)
{
    lc_simulation_options options = LC_SIMULATION_INIT;
    lc_executor *real = NULL;
    lc_executor *world = lc_executor_simulated(1);
    CHECK_SUCCESS(lc_executor_new(NULL, &real));
    CHECK_SUCCESS(simulate(&options, start_elsewhere, real));
    CHECK_SUCCESS(start_elsewhere(world));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
    CU_ASSERT_EQUAL(lc_executor_free(real), 0);
}

/* ---- the end of time ---- */

static lc_error *yield_to_the_end(void *unused)
{
    int64_t before = lc_now();
    (void)unused;
    for (int i = 0; i < 20; i++) {
        lc_yield();
        int64_t now = lc_now();
        CU_ASSERT_TRUE(now >= before);
        before = now;
    }
    return NULL;
}

/*
 * Each wake-up may be late by all the time there is: it comes at the end of time, and not before.
 */
static void a_delay_ends_with_time(void)
{
    lc_simulation_options options = LC_SIMULATION_INIT;
    options.delay_one_in = 1;
    options.delay_max = LC_FOREVER;
    for (options.seed = 0; options.seed < 20; options.seed++)
        CHECK_SUCCESS(simulate(&options, yield_to_the_end, NULL));
    options.start = LC_FOREVER;
    CHECK_SUCCESS(simulate(&options, yield_to_the_end, NULL));
}

/* ---- descriptors ---- */

static lc_error *forget(void *pipe)
{
    CU_ASSERT_EQUAL(lc_fd_forget(*(int *)pipe), 0);
    CU_ASSERT_EQUAL(lc_simulation_touch(*(int *)pipe), 0);
    return NULL;
}

struct waiter {
    int pipe[2];
    int result;
    lc_handle *over;
};

static void wait_for_pipe(void *arg)
{
    struct waiter *waiter = arg;
    waiter->result = lc_wait_fd(NULL, waiter->pipe[0], POLLIN, check_patience());
    lc_handle_close(waiter->over);
}

static void a_real_wait_is_not_ended_by_a_simulation(void)
{
    lc_simulation_options options = LC_SIMULATION_INIT;
    struct waiter waiter = {.over = lc_handle_new()};
    lc_fiber_options fiber = {.size = sizeof fiber};
    CU_ASSERT_EQUAL_FATAL(pipe(waiter.pipe), 0);
    fiber.run = wait_for_pipe;
    fiber.arg = &waiter;
    CU_ASSERT_EQUAL(lc_fiber_start(&fiber), 0);
    for (int i = 0; i < 100; i++)
        CHECK_SUCCESS(simulate(&options, forget, waiter.pipe));
    CU_ASSERT_EQUAL(write(waiter.pipe[1], "x", 1), 1);
    CHECK_CLOSES(waiter.over);
    CU_ASSERT_EQUAL(waiter.result, POLLIN);
    close(waiter.pipe[0]);
    close(waiter.pipe[1]);
    lc_handle_unref(waiter.over);
}

/* ---- halts ---- */

static lc_error *halt_for_ever(void *error)
{
    lc_spin_halt(error, NULL, NULL);
    return NULL;
}

static lc_error *release(void *arg)
{
    (void)arg;
    CU_ASSERT_EQUAL(lc_halt_release(), 0);
    return NULL;
}

static void a_lost_halt_is_forgotten(void)
{
    lc_simulation_options options = LC_SIMULATION_INIT;
    lc_error *why = lc_error_new(-EIO, "a halt that nobody ends");
    check_log_capture();
    CHECK_ERROR(simulate(&options, halt_for_ever, why), -EDEADLK);
    check_log_release();
    lc_error_unref(why);
    CHECK_SUCCESS(release(NULL));
    CHECK_SUCCESS(simulate(&options, release, NULL));
}

/* ---- runs of a simulation ---- */

static lc_error *yield_sixty_times(void *arg)
{
    (void)arg;
    for (int i = 0; i < 60; i++)
        lc_yield();
    return NULL;
}

static void steps_are_counted_for_each_run(void)
{
    lc_simulation_options options = LC_SIMULATION_INIT;
    lc_executor *world = NULL;
    options.steps_max = 100;
    CHECK_SUCCESS(lc_executor_simulated_with(&options, &world));
    for (int run = 0; run < 3; run++)
        CHECK_SUCCESS(lc_executor_run(world, yield_sixty_times, NULL));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
}

/* ---- signals ---- */

static void a_signal_watch_is_listed_once(void)
{
    static const int numbers[] = {SIGUSR1};
    lc_process_signals *watch = NULL;
    CU_ASSERT_EQUAL(lc_process_signals_new(numbers, 1, &watch), 0);
    lc_waitable twice[] = {lc_on_signals(watch), lc_on_signals(watch)};
    CU_ASSERT_EQUAL(lc_wait_any(twice, 2, check_patience()), -EINVAL);
    lc_process_signals_free(watch);
}

/* ---- executors ---- */

static void the_default_executor_is_not_freed(void)
{
    CU_ASSERT_EQUAL(lc_executor_free(lc_executor_current()), -EBUSY);
}

/* A thread-local variable whose destructor wants what the starter of the next fiber holds. */
struct kept {
    lc_executor *executor;
    pthread_key_t key;
    pthread_mutex_t lock;
    lc_handle *ends;  /* the first thread is about to end */
    lc_handle *again; /* a fiber has run in the second */
};

static void want_lock(void *arg)
{
    struct kept *kept = arg;
    lc_handle_close(kept->ends);
    pthread_mutex_lock(&kept->lock);
    pthread_mutex_unlock(&kept->lock);
}

static void set_variable(void *arg)
{
    struct kept *kept = arg;
    pthread_setspecific(kept->key, kept);
}

static void run_again(void *arg)
{
    struct kept *kept = arg;
    lc_handle_close(kept->again);
}

static void start(struct kept *kept, void (*run)(void *arg))
{
    lc_fiber_options fiber = {.size = sizeof fiber};
    fiber.run = run;
    fiber.arg = kept;
    fiber.executor = kept->executor;
    CU_ASSERT_EQUAL(lc_fiber_start(&fiber), 0);
}

static void an_ending_thread_is_not_waited_for(void)
{
    static struct kept kept = {.lock = PTHREAD_MUTEX_INITIALIZER};
    lc_executor_options options = {.size = sizeof options};
    options.threads = 1;
    options.idle_timeout = LC_NONE;
    kept.ends = lc_handle_new();
    kept.again = lc_handle_new();
    CU_ASSERT_EQUAL_FATAL(pthread_key_create(&kept.key, want_lock), 0);
    CHECK_SUCCESS(lc_executor_new(&options, &kept.executor));
    pthread_mutex_lock(&kept.lock);
    start(&kept, set_variable);
    CHECK_CLOSES(kept.ends);
    start(&kept, run_again);
    CHECK_CLOSES(kept.again);
    pthread_mutex_unlock(&kept.lock);
    CU_ASSERT_EQUAL(lc_executor_free(kept.executor), 0);
    pthread_key_delete(kept.key);
    lc_handle_unref(kept.ends);
    lc_handle_unref(kept.again);
}

CHECK_SUITE(unit_worlds, "unit: worlds",
            {"no fiber is started in another world", no_fiber_is_started_in_another_world},
            {"a wake-up is late until the end of time at most", a_delay_ends_with_time},
            {"a real wait is not ended by a simulation", a_real_wait_is_not_ended_by_a_simulation},
            {"a halt lost in a deadlock is forgotten", a_lost_halt_is_forgotten},
            {"steps are counted for each run", steps_are_counted_for_each_run},
            {"a signal watch is listed once in a wait", a_signal_watch_is_listed_once},
            {"the default executor is not freed by the program", the_default_executor_is_not_freed},
            {"a thread that is ending is not waited for", an_ending_thread_is_not_waited_for});
