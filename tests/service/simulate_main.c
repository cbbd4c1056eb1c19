/*
 * simulate_main.c: lc_simulate_main as a program: what it prints, what it returns, how it ends.
 * Each program is a child process of the tests, with its standard output sent to its standard
 * error.
 */
#include "support/check.h"

#include <lifecycle.h>

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- programs ---- */

/* How many seeds: each is a process, which takes long under a sanitizer. */
static uint64_t many(void)
{
    return check_fewer(1000);
}

static int run_program(const lc_simulation_options *options)
{
    dup2(STDERR_FILENO, STDOUT_FILENO);
    printf("begins\n"); /* lies in a buffer, which no child may write */
    int status = lc_simulate_main(options);
    fflush(stdout);
    return status;
}

static unsigned runs; /* of this process */

static lc_error *pass(lc_supervisor *supervisor, void *arg)
{
    (void)supervisor, (void)arg;
    lc_log(LC_LOG_WARNING, "test", "passes");
    return runs++ == 0 ? NULL : lc_error_new(-EPROTO, "the state is that of the seed before");
}

CHECK_CHILD(simulations_that_pass)
{
    return run_program(LC_SIMULATION(.seeds = many(), .test = pass));
}

CHECK_CHILD(simulation_that_passes)
{
    return run_program(LC_SIMULATION(.seed = 5, .test = pass));
}

static lc_error *fail_by_chance(lc_supervisor *supervisor, void *arg)
{
    (void)supervisor, (void)arg;
    lc_log(LC_LOG_WARNING, "test", "draws");
    return lc_random_below(50) ? NULL : lc_error_new(-EPROTO, "drew a 0");
}

CHECK_CHILD(simulations_that_fail)
{
    return run_program(LC_SIMULATION(.seeds = 1000, .test = fail_by_chance));
}

/* By a signal that a sanitizer does not handle. */
static lc_error *crash(lc_supervisor *supervisor, void *arg)
{
    (void)supervisor, (void)arg;
    raise(SIGKILL);
    return NULL;
}

CHECK_CHILD(simulation_that_crashes)
{
    return run_program(LC_SIMULATION(.seed = 3, .seeds = 2, .test = crash));
}

static lc_error *leave(lc_supervisor *supervisor, void *arg)
{
    (void)supervisor, (void)arg;
    _exit(0);
}

CHECK_CHILD(simulation_that_exits)
{
    return run_program(LC_SIMULATION(.seed = 3, .test = leave));
}

static lc_error *wait_for_ever(lc_supervisor *supervisor, void *arg)
{
    (void)supervisor, (void)arg;
    lc_handle *never = lc_handle_new();
    lc_handle_wait(never, LC_FOREVER);
    lc_handle_unref(never);
    return NULL;
}

CHECK_CHILD(simulation_without_end)
{
    return run_program(LC_SIMULATION(.seed = 3, .test = wait_for_ever));
}

/* Counts in memory that all processes share, so the run does not repeat. */
static lc_error *fail_once(lc_supervisor *supervisor, void *arg)
{
    unsigned *count = arg;
    (void)supervisor;
    return ++*count == 1 ? lc_error_new(-EPROTO, "the first time") : NULL;
}

CHECK_CHILD(simulation_that_does_not_repeat)
{
    unsigned *count =
        mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = run_program(LC_SIMULATION(.test = fail_once, .arg = count));
    munmap(count, sizeof *count);
    return status;
}

static void count_begin(void *arg)
{
    (void)arg;
    runs += 10;
}

static lc_error *pass_if_begun(lc_supervisor *supervisor, void *arg)
{
    (void)supervisor, (void)arg;
    return runs == 10 ? NULL : lc_error_new(-EPROTO, "begun %u times", runs / 10);
}

CHECK_CHILD(simulations_that_begin)
{
    return run_program(LC_SIMULATION(.seeds = 3, .test = pass_if_begun, .begin = count_begin));
}

CHECK_CHILD(simulation_without_a_test)
{
    return run_program(LC_SIMULATION(.seeds = 3));
}

/* The program is told to end while the seed takes all the time there is. */
static lc_error *interrupt(lc_supervisor *supervisor, void *arg)
{
    (void)supervisor;
    fprintf(stderr, "the child is %d\n", (int)getpid());
    kill(getppid(), *(int *)arg);
    for (;;)
        pause();
    return NULL;
}

CHECK_CHILD(simulation_that_is_interrupted)
{
    int number = SIGINT;
    return run_program(LC_SIMULATION(.seed = 7, .seeds = 9, .test = interrupt, .arg = &number));
}

CHECK_CHILD(simulation_that_is_terminated)
{
    int number = SIGTERM;
    return run_program(LC_SIMULATION(.seed = 7, .seeds = 9, .test = interrupt, .arg = &number));
}

static lc_error *interrupt_and_pass(lc_supervisor *supervisor, void *arg)
{
    (void)supervisor, (void)arg;
    kill(getppid(), SIGINT);
    return NULL;
}

CHECK_CHILD(simulations_that_ignore_sigint)
{
    signal(SIGINT, SIG_IGN);
    return run_program(LC_SIMULATION(.seeds = 5, .test = interrupt_and_pass));
}

static size_t count_descriptors(void)
{
    glob_t found = {0};
    size_t count = glob("/proc/self/fd/*", GLOB_NOSORT, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return count;
}

/* Also where the system would reap its children. */
CHECK_CHILD(simulations_that_leave_nothing)
{
    struct sigaction found;
    sigset_t blocked;
    signal(SIGCHLD, SIG_IGN);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    size_t descriptors = count_descriptors();
    int status = run_program(LC_SIMULATION(.seeds = 5, .test = pass));
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    sigaction(SIGCHLD, NULL, &found);
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
        fprintf(stderr, "a child is left\n");
    if (count_descriptors() != descriptors)
        fprintf(stderr, "a descriptor is left\n");
    if (sigismember(&blocked, SIGINT) || sigismember(&blocked, SIGTERM) ||
        sigismember(&blocked, SIGCHLD) || found.sa_handler != SIG_IGN)
        fprintf(stderr, "signals are not as they were\n");
    return status;
}

static void wait_for_close(void *handle)
{
    lc_handle_wait(handle, LC_FOREVER);
    lc_handle_unref(handle);
}

/* While a fiber waits, so that there is a thread for it. */
CHECK_CHILD(simulation_beside_threads)
{
    lc_handle *over = lc_handle_new();
    lc_fiber_options fiber = {.size = sizeof fiber};
    fiber.run = wait_for_close;
    fiber.arg = lc_handle_ref(over);
    if (lc_fiber_start(&fiber) != 0)
        return 2;
    int status = run_program(LC_SIMULATION(.test = pass));
    lc_handle_close(over);
    lc_handle_unref(over);
    return status;
}

/* ---- what is seen of them ---- */

static bool says(const struct check_exit *child, const char *text)
{
    bool found = strstr(child->errors, text) != NULL;
    if (!found)
        printf("\n    no \"%s\" in: %s\n", text, child->errors);
    return found;
}

static unsigned occurrences(const struct check_exit *child, const char *text)
{
    unsigned count = 0;
    for (const char *at = child->errors; (at = strstr(at, text)); at++)
        count++;
    return count;
}

/* That it ends with this status and says that. */
static void ends(const char *name, int status, const char *text)
{
    struct check_exit child = check_child(name);
    CU_ASSERT_EQUAL(child.status, status);
    CU_ASSERT_TRUE(says(&child, text));
}

static void says_how_many_have_passed(void)
{
    char wanted[64];
    struct check_exit child = check_child("simulations_that_pass");
    snprintf(wanted, sizeof wanted, "begins\n%" PRIu64 " seeds passed\n", many());
    CU_ASSERT_EQUAL(child.status, 0);
    CU_ASSERT_STRING_EQUAL(child.errors, wanted);
    ends("simulation_that_passes", 0, "1 seed passed\n");
}

/* The seed by lc_simulate, which is to be the same. */
static uint64_t find_failing_seed(void)
{
    check_log_capture();
    lc_error *error = lc_simulate(LC_SIMULATION(.seeds = 1000, .test = fail_by_chance));
    check_log_release();
    uint64_t seed = UINT64_MAX;
    CU_ASSERT_EQUAL(sscanf(lc_error_message(error), "drew a 0 (seed %" SCNu64, &seed), 1);
    lc_error_unref(error);
    return seed;
}

static void the_first_failing_seed_is_told_and_replayed(void)
{
    char told[128], again[128];
    uint64_t seed = find_failing_seed();
    struct check_exit child = check_child("simulations_that_fail");
    snprintf(told, sizeof told, "begins\nseed %" PRIu64 " failed: drew a 0 (seed %" PRIu64 ")\n",
             seed, seed);
    snprintf(again, sizeof again, "to repeat it: LIFECYCLE_SEED=%" PRIu64 " ", seed);
    CU_ASSERT_EQUAL(child.status, 1);
    CU_ASSERT_EQUAL(strncmp(child.errors, told, strlen(told)), 0);
    CU_ASSERT_TRUE(says(&child, again));
    CU_ASSERT_EQUAL(occurrences(&child, "+1.000000000s warning test: draws\n"), 1);
    CU_ASSERT_EQUAL(occurrences(&child, "draws"), 1);
    CU_ASSERT_EQUAL(occurrences(&child, "otherwise"), 0);
}

static void a_crash_is_a_failure_of_its_seed(void)
{
    ends("simulation_that_crashes", 1, "seed 3 failed: killed by SIGKILL (seed 3)\n");
    ends("simulation_that_exits", 1,
         "seed 3 failed: the process has ended with status 0 before the test (seed 3)\n");
}

static void a_test_without_end_is_a_failure(void)
{
    ends("simulation_without_end", 1, "seed 3 failed: deadlock in the simulation of seed 3");
    ends("simulation_without_end", 1, "error test: waits for ever in a deadlock, for: handle\n");
}

static void a_seed_that_does_not_repeat_is_told(void)
{
    ends("simulation_that_does_not_repeat", 1,
         "seed 0 ended otherwise this time, so something does not follow from the seed: passed\n");
}

static void each_seed_begins(void)
{
    ends("simulations_that_begin", 0, "3 seeds passed\n");
}

/* ---- the environment ---- */

static void ends_with_seed(const char *seed, const char *name, int status, const char *text)
{
    setenv("LIFECYCLE_SEED", seed, 1);
    ends(name, status, text);
    unsetenv("LIFECYCLE_SEED");
}

static void a_seed_in_the_environment_is_run_alone(void)
{
    char seed[32], told[128];
    ends_with_seed("17", "simulations_that_pass", 0,
                   "+1.000000000s warning test: passes\nbegins\nseed 17 passed\n");
    ends_with_seed("18446744073709551615", "simulations_that_pass", 0,
                   "seed 18446744073709551615 passed\n");
    snprintf(seed, sizeof seed, "%" PRIu64, find_failing_seed());
    snprintf(told, sizeof told, "warning test: draws\nseed %s failed: drew a 0", seed);
    ends_with_seed(seed, "simulations_that_fail", 1, told);
    ends_with_seed("3", "simulation_that_crashes", -SIGKILL, "");
}

static void what_is_no_seed_is_refused(void)
{
    static const char *const bad[] = {"", "abc", "-1", "+1", " 1", "7x", "18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char told[128];
        snprintf(told, sizeof told,
                 "LIFECYCLE_SEED is \"%s\", not a number from 0 to 18446744073709551615\n", bad[i]);
        ends_with_seed(bad[i], "simulations_that_pass", 1, told);
    }
}

static void bad_options_are_told(void)
{
    ends("simulation_without_a_test", 1, ": test of lc_simulation_options is missing\n");
}

/* ---- signals, and what is left ---- */

static void is_ended_by(int number, const char *name, const char *text)
{
    int process = 0;
    struct check_exit child = check_child(name);
    CU_ASSERT_EQUAL(child.status, -number);
    CU_ASSERT_TRUE(says(&child, text));
    CU_ASSERT_EQUAL(sscanf(child.errors, "begins the child is %d", &process), 1);
    CU_ASSERT_TRUE(process > 1 && kill(process, 0) == -1 && errno == ESRCH);
}

static void a_signal_ends_child_and_program(void)
{
    is_ended_by(SIGINT, "simulation_that_is_interrupted",
                "interrupted by SIGINT at seed 7, after 0 of 9 seeds\n");
    is_ended_by(SIGTERM, "simulation_that_is_terminated",
                "interrupted by SIGTERM at seed 7, after 0 of 9 seeds\n");
    ends("simulations_that_ignore_sigint", 0, "5 seeds passed\n");
}

static void leaves_nothing(void)
{
    struct check_exit child = check_child("simulations_that_leave_nothing");
    CU_ASSERT_EQUAL(child.status, 0);
    CU_ASSERT_TRUE(says(&child, "5 seeds passed\n"));
    CU_ASSERT_EQUAL(occurrences(&child, "\n"), 2);
}

static void says_that_it_comes_before_threads(void)
{
    ends("simulation_beside_threads", 1, "no executor in a child forked when there were workers");
}

CHECK_SUITE(service_simulate_main, "service: lc_simulate_main",
            {"says how many seeds have passed, each of which has fresh state, and no log",
             says_how_many_have_passed},
            {"the first failing seed is told, and replayed with its log",
             the_first_failing_seed_is_told_and_replayed},
            {"a crash is a failure of its seed", a_crash_is_a_failure_of_its_seed},
            {"a test without end is a failure", a_test_without_end_is_a_failure},
            {"a seed that does not repeat is told", a_seed_that_does_not_repeat_is_told},
            {"each seed begins", each_seed_begins},
            {"a seed in the environment is run alone", a_seed_in_the_environment_is_run_alone},
            {"what is no seed is refused", what_is_no_seed_is_refused},
            {"bad options are told", bad_options_are_told},
            {"a signal ends the child and the program", a_signal_ends_child_and_program},
            {"leaves no child, no descriptor, and signals as they were", leaves_nothing},
            {"says that it comes before threads", says_that_it_comes_before_threads});
