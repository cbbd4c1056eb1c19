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
#include <string.h>
#include <unistd.h>

static lc_error *simulate(const lc_simulation_options *options, lc_error *(*run)(void *arg),
                          void *arg)
{
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(options, &world));
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
    lc_simulation_options options = {.size = sizeof options};
    lc_executor *real = NULL;
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = 1), &world));
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
    lc_simulation_options options = {.size = sizeof options};
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
    lc_simulation_options options = {.size = sizeof options};
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
    lc_simulation_options options = {.size = sizeof options};
    lc_error *why = lc_error_new(-EIO, "a halt without end");
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
    lc_simulation_options options = {.size = sizeof options};
    lc_executor *world = NULL;
    options.steps_max = 100;
    CHECK_SUCCESS(lc_executor_new_simulated(&options, &world));
    for (int run = 0; run < 3; run++)
        CHECK_SUCCESS(lc_executor_run(world, yield_sixty_times, NULL));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
}

static void yield_for_ever(void *arg)
{
    (void)arg;
    for (;;)
        lc_yield();
}

static void sleep_for_ever(void *arg)
{
    for (;;)
        lc_sleep((int64_t)(uintptr_t)arg);
}

static void start_worker(const char *name, void (*run)(void *arg), void *arg)
{
    lc_fiber_options fiber = {.size = sizeof fiber};
    fiber.name = name;
    fiber.run = run;
    fiber.arg = arg;
    CU_ASSERT_EQUAL(lc_fiber_start(&fiber), 0);
}

/* It runs most of the time, though not at first and not alone. */
static lc_error *start_busy_worker(void *arg)
{
    start_worker("ticker", sleep_for_ever, (void *)(uintptr_t)LC_SECOND);
    lc_sleep(5000 * LC_SECOND);
    start_worker("spinner", yield_for_ever, arg);
    return NULL;
}

static void an_endless_run_names_who_kept_running(void)
{
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(LC_SIMULATION(.seed = 3, .steps_max = 10100), &world));
    lc_error *error = lc_executor_run(world, start_busy_worker, NULL);
    CU_ASSERT_EQUAL(lc_error_code(error), -ELOOP);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(lc_error_message(error),
               "the simulation of seed 3 did not end in 10100 steps: "
               "\"spinner\" kept running, with 4096 of the last 4096 steps; "
               "workers left: 2: \"ticker\" (time to pass), \"spinner\" (its turn)"));
    lc_error_unref(error);
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
}

/* ---- faults ---- */

struct quiet {
    int64_t late;     /* how late wake-ups were while there were faults */
    unsigned refused; /* allocations */
    unsigned struck_while_quiet;
    uint64_t drawn;
};

static void try_faults(struct quiet *quiet, bool on)
{
    for (int i = 0; i < 100; i++) {
        int64_t began = lc_now();
        lc_yield();
        lc_handle *handle = lc_handle_new();
        quiet->late += on ? lc_now() - began : 0;
        quiet->refused += on && !handle;
        quiet->struck_while_quiet += !on && (!handle || lc_now() != began);
        lc_handle_unref(handle);
    }
}

static lc_error *turn_faults_off_and_on(void *arg)
{
    struct quiet *quiet = arg;
    lc_simulation_set_faults(false);
    try_faults(quiet, false);
    lc_simulation_set_faults(true);
    try_faults(quiet, true);
    quiet->drawn = lc_random();
    return NULL;
}

static lc_error *begin_quietly(void *arg)
{
    try_faults(arg, false);
    return turn_faults_off_and_on(arg);
}

/* Off or on, the same seed is the same run; and what comes before they are on changes nothing. */
static void faults_are_kept_off(void)
{
    lc_simulation_options options = {
        .size = sizeof options, .seed = check_seed(), .delay_one_in = 4, .fail_one_in = 4};
    struct quiet quiet[4] = {{0}};
    lc_simulation_set_faults(false); /* outside: nothing */
    CHECK_SUCCESS(simulate(&options, turn_faults_off_and_on, &quiet[0]));
    CHECK_SUCCESS(simulate(&options, turn_faults_off_and_on, &quiet[1]));
    options.quiet_start = true;
    CHECK_SUCCESS(simulate(&options, begin_quietly, &quiet[2]));
    CHECK_SUCCESS(simulate(&options, begin_quietly, &quiet[3]));
    CU_ASSERT_EQUAL(memcmp(&quiet[0], &quiet[1], sizeof quiet[0]), 0);
    CU_ASSERT_EQUAL(memcmp(&quiet[2], &quiet[3], sizeof quiet[2]), 0);
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_TRUE(quiet[i].late > 0);
        CU_ASSERT_TRUE(quiet[i].refused > 5 && quiet[i].refused < 60);
        CU_ASSERT_EQUAL(quiet[i].struck_while_quiet, 0);
    }
}

/* ---- options ---- */

static void refuses(const lc_simulation_options *options, const char *what)
{
    lc_executor *world = (lc_executor *)(uintptr_t)options;
    lc_error *error = lc_executor_new_simulated(options, &world);
    CU_ASSERT_EQUAL(lc_error_code(error), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), what));
    CU_ASSERT_PTR_NULL(world);
    lc_error_unref(error);
}

static void bad_options_are_refused(void)
{
    refuses(LC_SIMULATION(.start = -1), "start of lc_simulation_options is -1");
    refuses(LC_SIMULATION(.delay_max = -5), "delay_max of lc_simulation_options is -5 ns");
    refuses(LC_SIMULATION(.early_one_in = 1), "early_one_in of lc_simulation_options is 1");
    refuses(LC_SIMULATION(.fail_one_in = 1), "fail_one_in of lc_simulation_options is 1");
    const lc_simulation_options no_size = {.seed = 1};
    refuses(&no_size, "size of lc_simulation_options is 0");
    CHECK_ERROR(lc_executor_new_simulated(NULL, NULL), -EINVAL);
}

/* ---- signals ---- */

static void a_signal_watch_is_listed_once(void)
{
    static const int numbers[] = {SIGUSR1};
    lc_process_signals *watch = NULL;
    CHECK_SUCCESS(lc_process_signals_new(numbers, 1, &watch));
    lc_waitable twice[] = {lc_on_signals(watch), lc_on_signals(watch)};
    CU_ASSERT_EQUAL(lc_wait_any(twice, 2, check_patience()), -EINVAL);
    lc_process_signals_free(watch);
}

/* ---- executors ---- */

static void the_default_executor_is_not_freed(void)
{
    CU_ASSERT_EQUAL(lc_executor_free(lc_executor_current()), -EBUSY);
}

/* A thread-local variable with a destructor that wants what the starter of the next fiber holds. */
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
            {"a run without end names the worker that kept running",
             an_endless_run_names_who_kept_running},
            {"faults can be kept off, and are the seed's all the same", faults_are_kept_off},
            {"bad options of a simulation are refused, and named", bad_options_are_refused},
            {"a signal watch is listed once in a wait", a_signal_watch_is_listed_once},
            {"the default executor is not freed by the program", the_default_executor_is_not_freed},
            {"a thread that is ending is not waited for", an_ending_thread_is_not_waited_for});
