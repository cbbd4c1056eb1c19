/*
 * simulate.c: lc_simulate, which makes a simulation of a service and its test by one call: what it
 * returns of the test, and of what the test leaves behind.
 */
#include "support/check.h"

#include <lifecycle.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- nodes ---- */

static lc_error *wait_for_stop(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return NULL;
}

/* ---- what is tested ---- */

static lc_error *find_ready(lc_supervisor *supervisor, void *arg)
{
    unsigned *runs = arg;
    if (lc_handle_wait(lc_supervisor_ready(supervisor), lc_deadline_after(LC_SECOND)) != 0)
        return lc_error_new(-ETIMEDOUT, "not ready in a second");
    ++*runs;
    return lc_is_simulated() ? NULL : lc_error_new(-EPROTO, "the world is real");
}

/* Runs the test beside a service of one node, for one seed. */
static lc_error *simulate_one(lc_worker_function run, lc_error *(*test)(lc_supervisor *, void *),
                              void *arg)
{
    return lc_simulate(
        LC_SIMULATION(.seed = 17,
                      .nodes = LC_NODES(LC_NODE(.name = "part", .run = run, .arg = arg)),
                      .test = test, .arg = arg, .steps_max = 5000));
}

static bool says(const lc_error *error, const char *text)
{
    bool found = strstr(lc_error_message(error), text) != NULL;
    if (!found)
        printf("\n    \"%s\" is not in: %s\n", text, lc_error_message(error));
    return found;
}

/* Of this code, and its message begins so, and holds that; gives the error back. */
static void fails(lc_error *error, int code, const char *beginning, const char *text)
{
    CU_ASSERT_EQUAL(lc_error_code(error), code);
    CU_ASSERT_EQUAL(strncmp(lc_error_message(error), beginning, strlen(beginning)), 0);
    CU_ASSERT_TRUE(says(error, beginning) && says(error, text));
    lc_error_unref(error);
}

/* ---- seeds ---- */

struct counts {
    unsigned runs;
    unsigned begun;
};

static void count_begin(void *arg)
{
    struct counts *counts = arg;
    CU_ASSERT_FALSE(lc_is_simulated());
    CU_ASSERT_EQUAL(counts->begun, counts->runs);
    counts->begun++;
}

static void each_seed_is_run(void)
{
    struct counts counts = {0, 0};
    const lc_node *const *nodes = LC_NODES(LC_NODE(.name = "part", .run = wait_for_stop));
    CHECK_SUCCESS(
        lc_simulate(LC_SIMULATION(.seed = check_seed() / 2, .seeds = 30, .nodes = nodes,
                                  .test = find_ready, .arg = &counts, .begin = count_begin)));
    CU_ASSERT_EQUAL(counts.runs, 30);
    CU_ASSERT_EQUAL(counts.begun, 30);
    CHECK_SUCCESS(simulate_one(wait_for_stop, find_ready, &counts.runs));
    CU_ASSERT_EQUAL(counts.runs, 31);
}

static lc_error *lose_one_in_twenty(lc_supervisor *supervisor, void *arg)
{
    unsigned *runs = arg;
    (void)supervisor;
    ++*runs;
    uint64_t drawn = lc_random_below(20);
    return drawn ? NULL : lc_error_new(-ERANGE, "drew 0, then %" PRIu64, lc_random_below(1000000));
}

/* The seed in "... (seed 17)". */
static uint64_t seed_of(const lc_error *error)
{
    const char *found = strstr(lc_error_message(error), "(seed ");
    uint64_t seed = 0;
    CU_ASSERT_TRUE(found && sscanf(found, "(seed %" SCNu64 ")", &seed) == 1);
    return seed;
}

static void the_first_failing_seed_is_the_last_and_repeats(void)
{
    unsigned runs = 0, again = 0;
    uint64_t first = check_seed() / 2;
    lc_error *error = lc_simulate(
        LC_SIMULATION(.seed = first, .seeds = 1000, .test = lose_one_in_twenty, .arg = &runs));
    CU_ASSERT_EQUAL(lc_error_code(error), -ERANGE);
    CU_ASSERT_EQUAL(seed_of(error), first + runs - 1);
    lc_error *same = lc_simulate(
        LC_SIMULATION(.seed = seed_of(error), .test = lose_one_in_twenty, .arg = &again));
    CU_ASSERT_STRING_EQUAL(lc_error_message(same), lc_error_message(error));
    CU_ASSERT_EQUAL(again, 1);
    lc_error_unref(same);
    lc_error_unref(error);
}

/* ---- the test's error ---- */

static lc_error *fail(lc_supervisor *supervisor, void *arg)
{
    (void)supervisor;
    return lc_error_ref(arg);
}

static void the_tests_own_error_comes_first(void)
{
    lc_error *own = lc_error_new(-EPROTO, "the shop is closed");
    lc_error *error = simulate_one(wait_for_stop, fail, own);
    CU_ASSERT_TRUE(lc_error_contains(error, own));
    CU_ASSERT_STRING_EQUAL(lc_error_message(error), "the shop is closed (seed 17)");
    CU_ASSERT_STRING_EQUAL(lc_error_file(error), lc_error_file(own));
    CU_ASSERT_EQUAL(lc_error_line(error), lc_error_line(own));
    CU_ASSERT_EQUAL(lc_error_code(error), -EPROTO);
    lc_error_unref(error);
    lc_error_unref(own);
}

static lc_error *throw_it(lc_supervisor *supervisor, void *arg)
{
    (void)supervisor;
    lc_throw(NULL, lc_error_ref(arg));
}

static lc_error *signal_it(lc_supervisor *supervisor, void *arg)
{
    (void)supervisor;
    lc_signal_error(NULL, lc_error_ref(arg));
    return lc_error_new(-EIO, "a second error");
}

static void note_deferred(void *arg)
{
    *(bool *)arg = true;
}

static bool deferred;

static lc_error *throw_elsewhere(lc_supervisor *supervisor, void *arg)
{
    (void)supervisor;
    lc_defer(note_deferred, &deferred);
    lc_throw(arg, lc_error_new(-EIO, "thrown elsewhere"));
}

static void a_throw_is_the_tests_error(void)
{
    lc_error *own = lc_error_new(-EPROTO, "thrown");
    fails(simulate_one(wait_for_stop, throw_it, own), -EPROTO, "thrown (seed 17)", "");
    check_log_capture();
    fails(simulate_one(wait_for_stop, signal_it, own), -EPROTO, "thrown (seed 17)", "");
    CU_ASSERT_TRUE(check_log_has("a further error of the test: a second error"));
    check_log_release();
    lc_error_unref(own);
}

static void a_throw_to_a_signaler_of_its_own_is_no_success(void)
{
    lc_signaler *signaler = lc_signaler_new();
    lc_context *context = lc_context_with_signaler(NULL, signaler);
    deferred = false;
    fails(simulate_one(wait_for_stop, throw_elsewhere, context), -EFAULT,
          "the test has ended by a throw to a signaler of its own (seed 17)", "");
    CU_ASSERT_TRUE(deferred);
    CHECK_ERROR(lc_signaler_take(signaler), -EIO);
    lc_context_unref(context);
    lc_signaler_unref(signaler);
}

/* ---- what is left behind ---- */

static lc_error *wait_for_ever(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context, (void)arg;
    lc_ready_signal(ready);
    lc_handle *never = lc_handle_new();
    lc_handle_wait(never, LC_FOREVER);
    lc_handle_unref(never);
    return NULL;
}

static lc_error *tick(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    while (lc_context_sleep(context, LC_SECOND) == 0)
        continue;
    return NULL;
}

static lc_error *fail_when_told(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_new(-EIO, "the journal is torn");
}

static lc_error *pass_when_ready(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    return lc_error_wrap_opaque(
        lc_handle_wait(lc_supervisor_ready(supervisor), LC_FOREVER) ? lc_error_new(-1, "?") : NULL);
}

static lc_error *fail_when_ready(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    lc_handle_wait(lc_supervisor_ready(supervisor), LC_FOREVER);
    return lc_error_new(-EPROTO, "mine");
}

static lc_error *never_end(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    lc_handle *never = lc_handle_new();
    lc_handle_wait(never, LC_FOREVER);
    lc_handle_unref(never);
    return pass_when_ready(supervisor, NULL);
}

/*
 * What is lost in a deadlock is a leak, so each is made in a process of its own, which says what
 * came of it, and ends without being looked at for leaks.
 */
static void tell_and_exit(lc_error *error) LC_NORETURN;
static void tell_and_exit(lc_error *error)
{
    fprintf(stderr, "%d: %s\n", lc_error_code(error), lc_error_message(error));
    _exit(0);
}

/* That the child of this name says so, for the first text behind the code. */
static void child_tells(const char *name, int code, const char *beginning, const char *text)
{
    struct check_exit child = check_child(name);
    char wanted[256];
    snprintf(wanted, sizeof wanted, "%d: %s", code, beginning);
    const char *told = strstr(child.errors, wanted);
    CU_ASSERT_EQUAL(child.status, 0);
    CU_ASSERT_PTR_NOT_NULL(told);
    CU_ASSERT_PTR_NOT_NULL(strstr(told ? told : "", text));
    if (!told || !strstr(told, text))
        printf("\n    no \"%s\" and \"%s\" in: %s\n", wanted, text, child.errors);
}

CHECK_CHILD(simulate_a_deadlock)
{
    tell_and_exit(simulate_one(wait_for_ever, pass_when_ready, NULL));
}

CHECK_CHILD(simulate_a_deadlock_and_a_failure)
{
    tell_and_exit(simulate_one(wait_for_ever, fail_when_ready, NULL));
}

static void a_deadlock_is_left_behind(void)
{
    child_tells("simulate_a_deadlock", -EDEADLK, "deadlock in the simulation of seed 17",
                "\"part\" (handle)");
    child_tells("simulate_a_deadlock_and_a_failure", -EPROTO,
                "mine (seed 17; left behind: deadlock in the simulation of seed 17",
                "\"part\" (handle)");
}

CHECK_CHILD(simulate_a_test_that_waits_for_ever)
{
    tell_and_exit(simulate_one(wait_for_stop, never_end, NULL));
}

CHECK_CHILD(simulate_a_test_that_waits_while_others_run)
{
    tell_and_exit(simulate_one(tick, never_end, NULL));
}

static void a_test_without_end_is_named(void)
{
    child_tells("simulate_a_test_that_waits_for_ever", -EDEADLK,
                "deadlock in the simulation of seed 17", "\"test\" (handle)");
    child_tells("simulate_a_test_that_waits_while_others_run", -ELOOP,
                "the simulation of seed 17 did not end in 5000 steps: \"part\" kept running",
                "\"test\" (handle)");
}

static void failures_while_stopping_are_left_behind(void)
{
    check_log_capture();
    fails(simulate_one(fail_when_told, pass_when_ready, NULL), -ECANCELED,
          "left behind by the test (seed 17)", "the journal is torn");
    fails(simulate_one(fail_when_told, fail_when_ready, NULL), -EPROTO,
          "mine (seed 17; left behind: the supervisor: ", "the journal is torn");
    check_log_release();
}

/* It does not wait for the end, which is a clean one. */
static lc_error *stop_by_signal(lc_supervisor *supervisor, void *arg)
{
    (void)lc_handle_wait(lc_supervisor_ready(supervisor), LC_FOREVER);
    lc_simulation_signal(SIGTERM);
    return arg ? lc_error_new(-EPROTO, "mine") : NULL;
}

static lc_error *simulate_signal(lc_worker_function run, void *arg)
{
    return lc_simulate(LC_SIMULATION(.seed = 17, .test = stop_by_signal, .arg = arg,
                                     .nodes = LC_NODES(LC_NODE(.name = "part", .run = run)),
                                     .supervisor = LC_SUPERVISOR(.handle_signals = true)));
}

static void an_end_by_a_signal_is_not_left_behind(void)
{
    int dummy;
    check_log_capture();
    CHECK_SUCCESS(simulate_signal(lc_noop_worker, NULL));
    lc_error *error = simulate_signal(lc_noop_worker, &dummy);
    CU_ASSERT_STRING_EQUAL(lc_error_message(error), "mine (seed 17)");
    lc_error_unref(error);
    fails(simulate_signal(fail_when_told, NULL), -ECANCELED, "left behind by the test (seed 17)",
          "the journal is torn");
    check_log_release();
}

CHECK_CHILD(simulate_an_overdue_node)
{
    tell_and_exit(
        lc_simulate(LC_SIMULATION(.nodes = LC_NODES(LC_NODE(.name = "part", .run = wait_for_ever)),
                                  .supervisor = LC_SUPERVISOR(.stop_timeout = LC_MINUTE),
                                  .test = fail_when_ready)));
}

static void overdue_nodes_are_left_behind(void)
{
    child_tells("simulate_an_overdue_node", -EPROTO, "mine (seed 0; left behind: deadlock",
                "; the supervisor: not stopped in time: part");
}

static lc_context *kept; /* with a deadline to come */

static lc_error *keep_deadline(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    kept = lc_context_with_deadline(NULL, lc_deadline_after(LC_HOUR));
    return pass_when_ready(supervisor, NULL);
}

CHECK_CHILD(simulate_keeping_a_deadline)
{
    tell_and_exit(simulate_one(wait_for_stop, keep_deadline, NULL));
}

static void a_kept_deadline_is_left_behind(void)
{
    child_tells("simulate_keeping_a_deadline", -EBUSY,
                "a context with a deadline to come was not given back (seed 17)", "");
}

/* ---- a supervisor that ends before the test ---- */

static lc_error *fail_at_once(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context, (void)ready, (void)arg;
    return lc_error_new(-EIO, "no disk");
}

static lc_behavior answer(const lc_failure *failure, void *arg)
{
    (void)failure;
    return *(const lc_behavior *)arg;
}

struct expectation {
    lc_behavior behavior;
    int code;
    bool well;
};

static lc_error *await_end(lc_supervisor *supervisor, void *arg)
{
    const struct expectation *expected = arg;
    if (lc_handle_wait(lc_supervisor_done(supervisor), lc_deadline_after(LC_MINUTE)) != 0)
        return lc_error_new(-ETIMEDOUT, "it runs still");
    lc_error *error = lc_supervisor_result(supervisor, NULL);
    CU_ASSERT_EQUAL(lc_error_code(error), expected->code);
    lc_error_unref(error);
    return expected->well ? NULL : lc_error_new(-EPROTO, "mine");
}

static lc_error *simulate_end(const struct expectation *expected)
{
    void *arg = (void *)(uintptr_t)expected;
    return lc_simulate(
        LC_SIMULATION(.seed = 4,
                      .nodes =
                          LC_NODES(LC_NODE(.name = "part", .run = fail_at_once, .judge = answer,
                                           .judge_arg = (void *)(uintptr_t)&expected->behavior)),
                      .test = await_end, .arg = arg));
}

static void an_end_before_the_tests_is_for_the_test_to_see(void)
{
    check_log_capture();
    CHECK_SUCCESS(simulate_end(&(struct expectation){LC_SHUTDOWN, -EIO, true}));
    fails(simulate_end(&(struct expectation){LC_SHUTDOWN, -EIO, false}), -EPROTO,
          "mine (seed 4; left behind: the supervisor: ", "no disk");
    check_log_release();
}

/* It waits for an operator; the end of the test comes in place of one. */
static void a_halt_ends_with_the_test(void)
{
    check_log_capture();
    CHECK_SUCCESS(simulate_end(&(struct expectation){LC_SPIN_HALT, -EIO, true}));
    CU_ASSERT_TRUE(check_log_has("halted until SIGTERM"));
    check_log_release();
}

/* ---- faults ---- */

struct start {
    unsigned made;
    unsigned ready;
};

static lc_error *look_whether_ready(lc_supervisor *supervisor, void *arg)
{
    struct start *start = arg;
    CU_ASSERT_PTR_NOT_NULL(supervisor);
    start->made++;
    start->ready += lc_handle_wait(lc_supervisor_ready(supervisor), lc_deadline_after(1)) == 0;
    return NULL;
}

static lc_error *wake_faults(lc_supervisor *supervisor, void *arg)
{
    int failed = lc_handle_wait(lc_supervisor_ready(supervisor), lc_deadline_after(LC_NOW + 1));
    CU_ASSERT_EQUAL(failed, 0);
    lc_simulation_set_faults(true);
    return look_whether_ready(supervisor, arg);
}

/* So many seeds that what happens by chance happens, also in a quick run. */
static unsigned seeds_for_chance(void)
{
    unsigned count = check_fewer(check_count(1000, 10000));
    return count < 200 ? 200 : count;
}

/* The service is made in each world; whether it is ready at once is left to the faults. */
static void faults_strike_the_service_and_not_its_making(void)
{
    struct start loud = {0, 0}, quiet = {0, 0};
    const lc_node *const *nodes = LC_NODES(LC_NODE(.name = "part", .run = wait_for_stop));
    lc_simulation_options options = {.size = sizeof options,
                                     .seeds = seeds_for_chance(),
                                     .nodes = nodes,
                                     .test = look_whether_ready,
                                     .arg = &loud,
                                     .delay_one_in = 2,
                                     .early_one_in = 4};
    CHECK_SUCCESS(lc_simulate(&options));
    CU_ASSERT_EQUAL(loud.made, options.seeds);
    CU_ASSERT_TRUE(loud.ready < options.seeds / 2);
    options.quiet_start = true;
    options.test = wake_faults;
    options.arg = &quiet;
    CHECK_SUCCESS(lc_simulate(&options));
    CU_ASSERT_EQUAL(quiet.ready, options.seeds);
}

/* However short memory is, the test is run, and finds a supervisor. */
static void the_making_does_not_fail_for_want_of_memory(void)
{
    struct start start = {0, 0};
    const lc_node *const *nodes = LC_NODES(LC_NODE(.name = "part", .run = wait_for_stop));
    unsigned count = check_fewer(check_count(1000, 10000));
    check_log_capture();
    for (uint64_t seed = check_seed() / 2; start.made < count; seed++) {
        unsigned made = start.made;
        lc_error_unref(
            lc_simulate(LC_SIMULATION(.seed = seed, .nodes = nodes, .test = look_whether_ready,
                                      .arg = &start, .fail_one_in = 2)));
        CU_ASSERT_EQUAL_FATAL(start.made, made + 1);
    }
    check_log_release();
    CU_ASSERT_TRUE(start.ready < count);
}

/* ---- any service, any faults: the same seed ends in the same way ---- */

static lc_error *fail_sometimes(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    while (lc_context_sleep(context, (int64_t)lc_random_below(LC_SECOND)) == 0)
        if (lc_random_below(3) == 0)
            return lc_error_new(-EIO, "broke after %" PRId64, lc_now());
    return lc_random_below(5) == 0 ? lc_error_new(-EIO, "broke at the end") : NULL;
}

static lc_error *judge_by_chance(lc_supervisor *supervisor, void *arg)
{
    (void)arg;
    lc_handle_wait(lc_supervisor_done(supervisor),
                   lc_deadline_after((int64_t)lc_random_below(10 * LC_SECOND)));
    return lc_random_below(8) == 0 ? lc_error_new(-EPROTO, "at %" PRId64, lc_now()) : NULL;
}

static lc_error *simulate_any(uint64_t seed)
{
    const lc_dependency *needs = LC_DEPENDENCY(.name = "first", .restart_along = seed % 2);
    const lc_node *const *nodes = LC_NODES(
        LC_NODE(.name = "first", .run = fail_sometimes),
        LC_NODE(.name = "second", .run = fail_sometimes, .dependencies = LC_DEPENDENCIES(needs)));
    return lc_simulate(LC_SIMULATION(.seed = seed, .nodes = nodes, .test = judge_by_chance,
                                     .delay_one_in = seed / 2 % 2 ? 4 : 0,
                                     .early_one_in = seed / 4 % 2 ? 10 : 0,
                                     .fail_one_in = seed / 8 % 4 == 3 ? 50 : 0));
}

static void a_seed_always_ends_in_the_same_way(void)
{
    unsigned codes[3] = {0, 0, 0};
    unsigned count = seeds_for_chance();
    check_log_capture();
    for (uint64_t seed = check_seed() / 2; count > 0; seed++, count--) {
        lc_error *error = simulate_any(seed);
        lc_error *again = simulate_any(seed);
        CU_ASSERT_STRING_EQUAL(lc_error_message(again), lc_error_message(error));
        CU_ASSERT_NOT_EQUAL(lc_error_code(error), -EDEADLK);
        CU_ASSERT_NOT_EQUAL(lc_error_code(error), -ELOOP);
        codes[!error ? 0 : lc_error_is(error, -EPROTO) ? 1 : 2]++;
        lc_error_unref(error);
        lc_error_unref(again);
    }
    check_log_release();
    CU_ASSERT_TRUE(codes[0] > 0 && codes[1] > 0 && codes[2] > 0);
}

/* ---- mistakes ---- */

static lc_error *simulate_within(void *arg)
{
    (void)arg;
    unsigned runs = 0;
    CHECK_ERROR(lc_simulate(LC_SIMULATION(.test = find_ready, .arg = &runs)), -EDEADLK);
    CU_ASSERT_EQUAL(runs, 0);
    return NULL;
}

static void mistakes_are_named(void)
{
    const lc_node *const *nodes = LC_NODES(LC_NODE(.run = wait_for_stop));
    unsigned runs = 0;
    fails(lc_simulate(NULL), -EINVAL, "test of lc_simulation_options is missing", "");
    fails(lc_simulate(LC_SIMULATION(.test = find_ready, .start = -7)), -EINVAL,
          "start of lc_simulation_options is -7", "");
    fails(lc_simulate(LC_SIMULATION(.test = find_ready, .seed = UINT64_MAX - 1, .seeds = 3)),
          -EINVAL,
          "seeds of lc_simulation_options is 3: from seed 18446744073709551614 on there "
          "are 2",
          "");
    fails(lc_simulate(LC_SIMULATION(.test = find_ready, .nodes = nodes)), -EINVAL, "", "name");
    CHECK_SUCCESS(lc_simulate(
        LC_SIMULATION(.test = find_ready, .arg = &runs, .seed = UINT64_MAX - 1, .seeds = 2)));
    CU_ASSERT_EQUAL(runs, 2);
    lc_executor *world = NULL;
    CHECK_SUCCESS(lc_executor_new_simulated(NULL, &world));
    CHECK_SUCCESS(lc_executor_run(world, simulate_within, NULL));
    CU_ASSERT_EQUAL(lc_executor_free(world), 0);
}

CHECK_SUITE(unit_simulate, "unit: lc_simulate",
            {"each seed is run, and begun outside its world", each_seed_is_run},
            {"the first failing seed is the last, and repeats",
             the_first_failing_seed_is_the_last_and_repeats},
            {"the test's own error comes first", the_tests_own_error_comes_first},
            {"a throw is the test's error", a_throw_is_the_tests_error},
            {"a throw to a signaler of its own is no success",
             a_throw_to_a_signaler_of_its_own_is_no_success},
            {"a deadlock is left behind", a_deadlock_is_left_behind},
            {"a test without end is named", a_test_without_end_is_named},
            {"failures while stopping are left behind", failures_while_stopping_are_left_behind},
            {"an end by a signal is not left behind", an_end_by_a_signal_is_not_left_behind},
            {"overdue nodes are left behind", overdue_nodes_are_left_behind},
            {"a deadline that is kept is left behind", a_kept_deadline_is_left_behind},
            {"an end before the test's is for the test to see",
             an_end_before_the_tests_is_for_the_test_to_see},
            {"a halt ends with the test", a_halt_ends_with_the_test},
            {"faults strike the service, and not its making",
             faults_strike_the_service_and_not_its_making},
            {"the making does not fail for want of memory",
             the_making_does_not_fail_for_want_of_memory},
            {"a seed always ends in the same way", a_seed_always_ends_in_the_same_way},
            {"mistakes are named", mistakes_are_named});
