/*
 * lifecycle_halt.c: contract A21 and the run loop's signal handling. Signals are sent for real, so
 * to child processes; in the simulation they are simulated.
 */
#include "support/check.h"
#include "support/later.h"
#include "support/mode.h"
#include "support/parts.h"

#include <lifecycle.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * A run with one worker, which fails, and a handler that answers spin-halt; and what a test reads
 * of it.
 */
struct halting {
    lc_context *context;
    lc_handle *halted; /* closed by on_halt */
    lc_handle *finished;
    lc_manager *manager;
    lc_error *error;
    lc_error *result;
    lc_behavior behavior;
    struct strand loop;
    bool done_at_halt;
    bool same_error_at_halt;
    unsigned made; /* instances of run_terminated_while_failing */
};

static lc_error *fail(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    return lc_error_ref(((struct halting *)arg)->error);
}

static lc_error *make_halting(struct halting *halting, lc_worker_function run,
                              lc_component **component)
{
    lc_manager_builder *builder = check_builder("halting");
    lc_manager_builder_add(builder, LC_WORKER(.name = "failing", .run = run, .arg = halting));
    lc_error *failed = lc_manager_builder_build(builder, &halting->manager);
    lc_manager_builder_free(builder);
    if (!failed)
        *component = lc_manager_component(lc_manager_ref(halting->manager));
    return failed;
}

static lc_error *make_failing(lc_component **component, void *arg)
{
    return make_halting(arg, fail, component);
}

static void note_halt(const lc_error *error, void *arg)
{
    struct halting *halting = arg;
    halting->done_at_halt = lc_handle_is_closed(lc_manager_done(halting->manager));
    halting->same_error_at_halt = error == halting->error;
    lc_handle_close(halting->halted);
}

static void run_halting(void *arg)
{
    struct halting *halting = arg;
    lc_run_options options = {.size = sizeof options};
    options.name = "halting";
    options.factory = make_failing;
    options.arg = halting;
    options.judge = answer_halt;
    options.on_halt = note_halt;
    options.on_halt_arg = halting;
    halting->loop = strand_self();
    halting->result = lc_component_run(&options, halting->context, &halting->behavior);
    lc_handle_close(halting->finished);
}

static void halting_init(struct halting *halting)
{
    *halting = (struct halting){
        .context = lc_context_new(NULL),
        .halted = lc_handle_new(),
        .finished = lc_handle_new(),
        .error = lc_error_new(-EIO, "must not go on"),
        .behavior = LC_RESTART,
    };
}

static void halting_drop(struct halting *halting)
{
    lc_context_unref(halting->context);
    lc_handle_unref(halting->halted);
    lc_handle_unref(halting->finished);
    lc_manager_unref(halting->manager);
    lc_error_unref(halting->error);
    lc_error_unref(halting->result);
}

/* Halted as it should be: the component stopped, the loop asleep, nothing returned. */
static bool stands(struct halting *halting)
{
    return strand_sleeps(halting->loop) && !lc_handle_is_closed(halting->finished);
}

CHECK_CHILD(halt_until_sigterm)
{
    static struct halting halting;
    struct helper helper;
    halting_init(&halting);
    check_log_capture();
    helper_start(&helper, run_halting, &halting);
    STEP(1, lc_handle_wait(halting.halted, check_patience()) == 0);
    STEP(2, check_log_count("must not go on") == 1);
    STEP(3, halting.done_at_halt);
    STEP(4, halting.same_error_at_halt);
    STEP(5, stands(&halting));
    STEP(6, check_signal_is_logged(SIGINT, "SIGINT"));
    STEP(7, stands(&halting));
    STEP(8, check_signal_is_logged(SIGHUP, "SIGHUP"));
    STEP(9, stands(&halting));
    lc_context_cancel(halting.context, NULL);
    STEP(10, stands(&halting));
    STEP(11, check_signal_is_logged(SIGINT, "SIGINT")); /* each time again */
    STEP(12, stands(&halting));
    check_signal(SIGTERM);
    STEP(13, lc_handle_wait(halting.finished, check_patience()) == 0);
    helper_join(&helper);
    check_log_release();
    STEP(14, halting.result == halting.error);
    STEP(15, halting.behavior == LC_SPIN_HALT);
    STEP(16, check_signal_is_default(SIGTERM) && check_signal_is_default(SIGINT) &&
                 check_signal_is_default(SIGHUP));
    halting_drop(&halting);
    return 0;
}

static void only_sigterm_ends_a_halt(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(halt_until_sigterm), 0);
}

CHECK_CHILD(halt_after_sigterm)
{
    static const int watched[] = {SIGTERM};
    lc_process_signals *watch = NULL;
    STEP(1, check_code(lc_process_signals_new(watched, 1, &watch)) == 0);
    check_signal(SIGTERM);
    lc_error *error = lc_error_new(-EIO, "late");
    STEP(2, lc_spin_halt(error, NULL, NULL) == 0);
    lc_error_unref(error);
    STEP(3, lc_process_signals_next(watch, check_patience()) == SIGTERM); /* told to both */
    lc_process_signals_free(watch);
    STEP(4, check_signal_is_default(SIGTERM));
    return 0;
}

static void earlier_sigterm_counts(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(halt_after_sigterm), 0);
}

/*
 * The halt is asked for by a run that a SIGTERM is just cancelling: the SIGTERM must not be needed
 * twice.
 */
static lc_error *fail_when_cancelled(lc_context *context, lc_ready *ready, void *arg)
{
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return fail(context, ready, arg);
}

static lc_error *make_failing_when_cancelled(lc_component **component, void *arg)
{
    return make_halting(arg, fail_when_cancelled, component);
}

static void terminate(void *arg)
{
    (void)arg;
    check_signal(SIGTERM);
}

CHECK_CHILD(halt_in_a_terminated_run)
{
    static struct halting halting;
    struct later then;
    lc_run_options options = {.size = sizeof options};
    halting_init(&halting);
    options.factory = make_failing_when_cancelled;
    options.arg = &halting;
    options.judge = answer_halt;
    options.handle_signals = true;
    later(&then, terminate, NULL);
    lc_error *result = lc_component_run(&options, NULL, &halting.behavior);
    later_join(&then);
    STEP(1, result == halting.error);
    STEP(2, halting.behavior == LC_SPIN_HALT);
    lc_error_unref(result);
    halting_drop(&halting);
    return 0;
}

static void sigterm_that_cancelled_the_run_counts(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(halt_in_a_terminated_run), 0);
}

/* ---- release ---- */

static void release_ends_a_halt(void)
{
    struct halting halting;
    struct helper helper;
    halting_init(&halting);
    check_log_capture();
    helper_start(&helper, run_halting, &halting);
    CHECK_CLOSES(halting.halted);
    CU_ASSERT_TRUE(halting.done_at_halt);
    CU_ASSERT_TRUE(stands(&halting));
    lc_context_cancel(halting.context, NULL);
    CU_ASSERT_TRUE(stands(&halting));
    CU_ASSERT_EQUAL(lc_halt_release(), 1);
    CHECK_CLOSES(halting.finished);
    helper_join(&helper);
    CU_ASSERT_PTR_EQUAL(halting.result, halting.error);
    CU_ASSERT_EQUAL(halting.behavior, LC_SPIN_HALT);
    CU_ASSERT_TRUE(check_log_has("must not go on"));
    CU_ASSERT_TRUE(check_signal_is_default(SIGTERM));
    check_log_release();
    halting_drop(&halting);
}

struct bare_halt {
    lc_handle *halted;
    lc_handle *over;
    lc_error *error;
    int result;
};

static void note_bare_halt(const lc_error *error, void *arg)
{
    (void)error;
    lc_handle_close(((struct bare_halt *)arg)->halted);
}

static void halt_bare(void *arg)
{
    struct bare_halt *halt = arg;
    halt->result = lc_spin_halt(halt->error, note_bare_halt, halt);
    lc_handle_close(halt->over);
}

static void release_ends_all_halts_that_wait(void)
{
    enum { COUNT = 3 };
    struct bare_halt halts[COUNT];
    struct helper helpers[COUNT];
    lc_error *error = lc_error_new(-EIO, "bare");
    check_log_capture();
    CU_ASSERT_EQUAL(lc_halt_release(), 0); /* nothing waits; later ones are not affected */
    for (size_t i = 0; i < COUNT; i++) {
        halts[i] = (struct bare_halt){lc_handle_new(), lc_handle_new(), error, -1};
        helper_start(&helpers[i], halt_bare, &halts[i]);
        CHECK_CLOSES(halts[i].halted);
    }
    for (size_t i = 0; i < COUNT; i++)
        CHECK_OPEN(halts[i].over);
    CU_ASSERT_EQUAL(lc_halt_release(), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_CLOSES(halts[i].over);
        helper_join(&helpers[i]);
        CU_ASSERT_EQUAL(halts[i].result, 0);
        lc_handle_unref(halts[i].halted);
        lc_handle_unref(halts[i].over);
    }
    CU_ASSERT_EQUAL(lc_halt_release(), 0);
    check_log_release();
    lc_error_unref(error);
}

/* ---- a halt uses no CPU ---- */

#define HALT_LASTS (300 * LC_MILLISECOND)
#define HALT_MAY_USE (10 * LC_MILLISECOND)

static int64_t cpu_time(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * LC_SECOND +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * LC_MICROSECOND;
}

/* The pause is what is measured, nothing is awaited by it. */
CHECK_CHILD(halt_costs_nothing)
{
    static struct halting halting;
    struct helper helper;
    halting_init(&halting);
    helper_start(&helper, run_halting, &halting);
    STEP(1, lc_handle_wait(halting.halted, check_patience()) == 0);
    STEP(2, stands(&halting));
    int64_t before = cpu_time();
    lc_sleep(HALT_LASTS);
    int64_t used = cpu_time() - before;
    fprintf(stderr, "used %lld ns\n", (long long)used);
    STEP(3, used < HALT_MAY_USE);
    STEP(4, lc_halt_release() == 1);
    helper_join(&helper);
    halting_drop(&halting);
    return 0;
}

static void halt_uses_no_cpu(void)
{
    CU_ASSERT_EQUAL(check_child("halt_costs_nothing").status, 0);
}

/* ---- the run's own signal handling ---- */

static lc_error *make_noop(lc_component **component, void *arg)
{
    *component = component_of("noop", lc_noop_worker, arg);
    return NULL;
}

static void send_signal(void *arg)
{
    check_signal(*(int *)arg);
}

static int run_until_signal(int signal, const char *name)
{
    struct later then;
    lc_run_options options = {.size = sizeof options};
    lc_behavior behavior = LC_RESTART;
    options.factory = make_noop;
    options.handle_signals = true;
    later(&then, send_signal, &signal);
    lc_error *result = lc_component_run(&options, NULL, &behavior);
    STEP(1, later_join(&then));
    STEP(2, lc_error_code(result) == -ECANCELED);
    STEP(3, lc_error_cause(result) != NULL);
    STEP(4, strstr(lc_error_message(lc_error_cause(result)), name) != NULL);
    STEP(5, behavior == LC_STOP);
    STEP(6, check_signal_is_default(signal));
    lc_error_unref(result);
    return 0;
}

CHECK_CHILD(run_until_sigterm)
{
    return run_until_signal(SIGTERM, "SIGTERM");
}

CHECK_CHILD(run_until_sigint)
{
    return run_until_signal(SIGINT, "SIGINT");
}

static void signals_cancel_the_run(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(run_until_sigterm), 0);
    CU_ASSERT_EQUAL(CHECK_APART(run_until_sigint), 0);
}

/*
 * A signal that comes while a failed instance ends is a cancel like any other: nothing more is
 * made.
 */
static lc_error *fail_then_be_terminated(lc_context *context, lc_ready *ready, void *arg)
{
    (void)ready;
    lc_signal_error(context, lc_error_ref(((struct halting *)arg)->error));
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    if (!lc_is_simulated())
        raise(SIGTERM); /* to this thread: it has been caught when raise returns */
    else
        lc_simulation_signal(SIGTERM);
    return NULL;
}

static lc_error *make_terminated(lc_component **component, void *arg)
{
    struct halting *halting = arg;
    lc_manager *manager = NULL;
    halting->made++;
    lc_manager_builder *builder = check_builder("terminated");
    lc_manager_builder_add(
        builder, LC_WORKER(.name = "worker",
                           .run = halting->made == 1 ? fail_then_be_terminated : lc_noop_worker,
                           .arg = halting));
    lc_error *failed = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    if (!failed)
        *component = lc_manager_component(manager);
    return failed;
}

CHECK_CHILD(run_terminated_while_failing)
{
    static struct halting halting;
    lc_run_options options = {.size = sizeof options};
    halting_init(&halting);
    options.factory = make_terminated;
    options.arg = &halting;
    options.handle_signals = true;
    lc_error *result = lc_component_run(&options, NULL, NULL);
    STEP(1, lc_error_code(result) == -ECANCELED);
    STEP(2, halting.made == 1);
    lc_error_unref(result);
    halting_drop(&halting);
    return 0;
}

static void signal_while_failing_makes_nothing(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(run_terminated_while_failing), 0);
}

CHECK_CHILD(run_without_signals)
{
    struct later then;
    int signal = SIGTERM;
    lc_run_options options = {.size = sizeof options};
    options.factory = make_noop;
    later(&then, send_signal, &signal);
    lc_error_unref(lc_component_run(&options, NULL, NULL));
    return 0;
}

static void signals_are_left_alone_unless_asked(void)
{
    CU_ASSERT_EQUAL(check_child("run_without_signals").status, -SIGTERM);
}

CHECK_SUITE_IN_MODES(
    lifecycle_halt, "conformance: lifecycle: spin-halt",
    {"A21 a halt stops the component and ends by SIGTERM; SIGINT, SIGHUP and a cancel do not end "
     "it",
     only_sigterm_ends_a_halt},
    {"A21 a SIGTERM received before the halt counts", earlier_sigterm_counts},
    {"A21 the SIGTERM that cancelled the run counts", sigterm_that_cancelled_the_run_counts},
    {"A21 lc_halt_release ends a halt; cancelling the context does not", release_ends_a_halt},
    {"A21 lc_halt_release ends all halts that wait, and no later ones",
     release_ends_all_halts_that_wait},
    {"A21 a halt uses no CPU", halt_uses_no_cpu, CHECK_KERNEL},
    {"run: SIGINT and SIGTERM cancel a run that handles signals, and are named",
     signals_cancel_the_run},
    {"A22 a signal that comes while a failed instance ends cancels the run, and nothing is made",
     signal_while_failing_makes_nothing},
    {"run: signals are left alone unless asked for", signals_are_left_alone_unless_asked,
     CHECK_KERNEL});
