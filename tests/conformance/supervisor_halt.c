/*
 * supervisor_halt.c: contract A31 and A33: a supervisor's spin-halt, and its signal handling.
 * Signals are sent for real, so to child processes; in the simulation they are simulated.
 */
#include "support/check.h"
#include "support/later.h"
#include "support/mode.h"
#include "support/parts.h"

#include <lifecycle.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A supervisor with a node that fails while two others run; its handler answers spin-halt. */
struct halting {
    lc_supervisor *supervisor;
    lc_observer *observer;
    lc_context *context;
    lc_handle *halted; /* closed by on_halt */
    lc_handle *finished;
    lc_error *error;
    lc_error *result;
    lc_behavior behavior;
    struct strand runner;
    bool done_at_halt;
    bool same_error_at_halt;
};

static lc_error *make_noop(lc_component **component, void *arg)
{
    (void)arg;
    *component = component_of("noop", lc_noop_worker, NULL);
    return NULL;
}

static lc_error *fail(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    return lc_error_ref(((struct halting *)arg)->error);
}

static lc_error *make_failing(lc_component **component, void *arg)
{
    *component = component_of("failing", fail, arg);
    return NULL;
}

static void note_halt(const lc_error *error, void *arg)
{
    struct halting *halting = arg;
    halting->done_at_halt = lc_handle_is_closed(lc_supervisor_done(halting->supervisor));
    halting->same_error_at_halt = error == halting->error;
    lc_handle_close(halting->halted);
}

static bool add(lc_supervisor *supervisor, const char *name, lc_component_factory factory,
                void *arg, const char *dependency)
{
    const lc_dependency needs = {.size = sizeof needs, .name = dependency};
    lc_node node = node_of(name, factory, arg);
    node.judge = arg ? answer_halt : NULL;
    const lc_dependency *const list[] = {dependency != NULL ? &needs : NULL, NULL};
    node.dependencies = list;
    lc_error *error = lc_supervisor_add(supervisor, &node);
    lc_error_unref(error);
    return error == NULL;
}

static bool halting_init(struct halting *halting, lc_component_factory failing)
{
    *halting = (struct halting){
        .context = lc_context_new(NULL),
        .halted = lc_handle_new(),
        .finished = lc_handle_new(),
        .error = lc_error_new(-EIO, "must not go on"),
        .behavior = LC_RESTART,
    };
    lc_supervisor_options options = {.size = sizeof options};
    options.name = "halting";
    options.on_halt = note_halt;
    options.on_halt_arg = halting;
    lc_error *error = lc_supervisor_new(&options, &halting->supervisor);
    lc_error_unref(error);
    if (error)
        return false;
    halting->observer = lc_supervisor_observe(halting->supervisor, 1000);
    return add(halting->supervisor, "base", make_noop, NULL, NULL) &&
           add(halting->supervisor, "user", make_noop, NULL, "base") &&
           add(halting->supervisor, "failing", failing, halting, "user");
}

static void halting_drop(struct halting *halting)
{
    lc_observer_free(halting->observer);
    lc_supervisor_unref(halting->supervisor);
    lc_context_unref(halting->context);
    lc_handle_unref(halting->halted);
    lc_handle_unref(halting->finished);
    lc_error_unref(halting->error);
    lc_error_unref(halting->result);
}

static void run_halting(void *arg)
{
    struct halting *halting = arg;
    halting->runner = strand_self();
    halting->result = lc_supervisor_run(halting->supervisor, halting->context, &halting->behavior);
    lc_handle_close(halting->finished);
}

/* ---- A31 ---- */

/* Halted as it should be: everything stopped, the run asleep, nothing returned. */
static bool stands(struct halting *halting)
{
    return strand_sleeps(halting->runner) && !lc_handle_is_closed(halting->finished);
}

/* The event of that kind, after all that are about nodes. @return whether it has this error. */
static bool tells(lc_observer *observer, lc_event_kind kind, const lc_error *error)
{
    lc_event *event = NULL;
    bool found = false, well = false;
    while (!found && lc_observer_next(observer, &event, check_patience()) == 0) {
        found = event->kind != LC_EVENT_STATE;
        well = event->kind == kind && event->error == error;
        lc_event_free(event);
    }
    return well;
}

CHECK_CHILD(supervisor_halts_until_sigterm)
{
    static struct halting halting;
    struct helper helper;
    STEP(1, halting_init(&halting, make_failing));
    check_log_capture();
    helper_start(&helper, run_halting, &halting);
    STEP(2, lc_handle_wait(halting.halted, check_patience()) == 0);
    STEP(3, check_log_count("must not go on") == 2); /* the failure, and the halt */
    STEP(4, halting.done_at_halt);
    STEP(5, halting.same_error_at_halt);
    STEP(6, tells(halting.observer, LC_EVENT_HALTING, halting.error));
    STEP(7, tells(halting.observer, LC_EVENT_ENDED, halting.error));
    STEP(8, stands(&halting));
    STEP(9, check_signal_is_logged(SIGINT, "SIGINT"));
    STEP(10, stands(&halting));
    STEP(11, check_signal_is_logged(SIGHUP, "SIGHUP"));
    STEP(12, stands(&halting));
    lc_context_cancel(halting.context, NULL);
    STEP(13, stands(&halting));
    check_signal(SIGTERM);
    STEP(14, lc_handle_wait(halting.finished, check_patience()) == 0);
    helper_join(&helper);
    check_log_release();
    STEP(15, halting.result == halting.error);
    STEP(16, halting.behavior == LC_SPIN_HALT);
    STEP(17, check_signal_is_default(SIGTERM) && check_signal_is_default(SIGINT) &&
                 check_signal_is_default(SIGHUP));
    halting_drop(&halting);
    return 0;
}

static void only_sigterm_ends_a_halt(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(supervisor_halts_until_sigterm), 0);
}

static void release_ends_a_halt(void)
{
    struct halting halting;
    struct helper helper;
    CU_ASSERT_TRUE(halting_init(&halting, make_failing));
    check_log_capture();
    helper_start(&helper, run_halting, &halting);
    CHECK_CLOSES(halting.halted);
    CU_ASSERT_TRUE(halting.done_at_halt);
    CU_ASSERT_TRUE(stands(&halting));
    CU_ASSERT_EQUAL(lc_halt_release(), 1);
    CHECK_CLOSES(halting.finished);
    helper_join(&helper);
    CU_ASSERT_PTR_EQUAL(halting.result, halting.error);
    CU_ASSERT_EQUAL(halting.behavior, LC_SPIN_HALT);
    check_log_release();
    halting_drop(&halting);
}

/* Does not wait inside: the one above does. */
static lc_error *make_inner(lc_component **component, void *arg)
{
    struct halting *inner = arg;
    *component = lc_supervisor_component(lc_supervisor_ref(inner->supervisor));
    return NULL;
}

static void a_halt_inside_is_waited_out_outside(void)
{
    struct halting outer, inner;
    struct helper helper;
    CU_ASSERT_TRUE(halting_init(&inner, make_failing));
    CU_ASSERT_TRUE(halting_init(&outer, make_noop));
    lc_node node = {.size = sizeof node};
    node.name = "inner";
    node.factory = make_inner;
    node.arg = &inner;
    node.kind = check_kind();
    CHECK_SUCCESS(lc_supervisor_add(outer.supervisor, &node));
    lc_error_unref(outer.error);
    outer.error = lc_error_ref(inner.error);
    check_log_capture();
    helper_start(&helper, run_halting, &outer);
    CHECK_CLOSES(outer.halted);
    CU_ASSERT_TRUE(outer.done_at_halt);
    CU_ASSERT_TRUE(outer.same_error_at_halt);
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_supervisor_done(inner.supervisor)));
    CHECK_OPEN(inner.halted);
    CU_ASSERT_TRUE(stands(&outer));
    CU_ASSERT_EQUAL(lc_halt_release(), 1);
    CHECK_CLOSES(outer.finished);
    helper_join(&helper);
    check_log_release();
    CU_ASSERT_PTR_EQUAL(outer.result, inner.error);
    CU_ASSERT_EQUAL(outer.behavior, LC_SPIN_HALT);
    halting_drop(&outer);
    halting_drop(&inner);
}

/* A shutdown that is under way becomes a halt: what must not go on must not be restarted either. */
struct doubled {
    struct halting halting;
    lc_handle *asked;
    lc_handle *answers;
};

static lc_behavior answer_late(const lc_failure *failure, void *arg)
{
    struct doubled *doubled = arg;
    (void)failure;
    lc_handle_close(doubled->asked);
    lc_handle_wait(doubled->answers, LC_FOREVER);
    return LC_SPIN_HALT;
}

static lc_error *fail_once_asked(lc_context *context, lc_ready *ready, void *arg)
{
    struct doubled *doubled = arg;
    (void)context;
    (void)ready;
    lc_handle_wait(doubled->asked, LC_FOREVER);
    return lc_error_new(-EPIPE, "shut down for this");
}

static lc_error *make_failing_later(lc_component **component, void *arg)
{
    *component = component_of("later", fail_once_asked, arg);
    return NULL;
}

static void a_shutdown_may_become_a_halt(void)
{
    struct doubled doubled = {.asked = lc_handle_new(), .answers = lc_handle_new()};
    struct halting *halting = &doubled.halting;
    struct helper helper;
    CU_ASSERT_TRUE(halting_init(halting, make_noop));
    lc_node node = {.size = sizeof node};
    node.name = "first";
    node.kind = check_kind();
    node.factory = make_failing;
    node.arg = halting;
    node.judge = answer_late;
    node.judge_arg = &doubled;
    CHECK_SUCCESS(lc_supervisor_add(halting->supervisor, &node));
    node.name = "second";
    node.factory = make_failing_later;
    node.judge = answer_shutdown;
    node.arg = &doubled;
    CHECK_SUCCESS(lc_supervisor_add(halting->supervisor, &node));
    check_log_capture();
    helper_start(&helper, run_halting, halting);
    CU_ASSERT_TRUE(lc_handle_wait(doubled.asked, check_patience()) == 0);
    lc_event *event = NULL;
    bool stopping = false;
    while (!stopping && lc_observer_next(halting->observer, &event, check_patience()) == 0) {
        stopping = event->kind == LC_EVENT_STOPPING;
        if (stopping)
            CU_ASSERT_EQUAL(lc_error_code(event->error), -EPIPE);
        lc_event_free(event);
    }
    lc_handle_close(doubled.answers);
    CHECK_CLOSES(halting->halted);
    CU_ASSERT_TRUE(tells(halting->observer, LC_EVENT_HALTING, halting->error));
    CU_ASSERT_EQUAL(lc_halt_release(), 1);
    CHECK_CLOSES(halting->finished);
    helper_join(&helper);
    check_log_release();
    CU_ASSERT_PTR_EQUAL(halting->result, halting->error);
    CU_ASSERT_EQUAL(halting->behavior, LC_SPIN_HALT);
    halting_drop(halting);
    lc_handle_unref(doubled.asked);
    lc_handle_unref(doubled.answers);
}

/* ---- A33 ---- */

static bool make_handling(lc_supervisor **supervisor, bool handle_signals)
{
    lc_supervisor_options options = {.size = sizeof options};
    options.handle_signals = handle_signals;
    lc_error *error = lc_supervisor_new(&options, supervisor);
    lc_error_unref(error);
    return !error && add(*supervisor, "base", make_noop, NULL, NULL) &&
           add(*supervisor, "user", make_noop, NULL, "base");
}

static void send_signal(void *arg)
{
    check_signal(*(int *)arg);
}

static int run_until(int signal, const char *name)
{
    struct later then;
    lc_supervisor *supervisor = NULL;
    lc_behavior behavior = LC_RESTART;
    STEP(1, make_handling(&supervisor, true));
    later(&then, send_signal, &signal);
    lc_error *result = lc_supervisor_run(supervisor, NULL, &behavior);
    STEP(2, later_join(&then));
    STEP(3, lc_error_code(result) == -ECANCELED);
    STEP(4, lc_error_code(lc_error_cause(result)) == -EINTR);
    STEP(5, strstr(lc_error_message(lc_error_cause(result)), name) != NULL);
    STEP(6, behavior == LC_STOP);
    STEP(7, check_signal_is_default(signal));
    lc_error_unref(result);
    lc_supervisor_unref(supervisor);
    return 0;
}

CHECK_CHILD(supervisor_until_sigterm)
{
    return run_until(SIGTERM, "SIGTERM");
}

CHECK_CHILD(supervisor_until_sigint)
{
    return run_until(SIGINT, "SIGINT");
}

static void signals_cancel_the_run(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(supervisor_until_sigterm), 0);
    CU_ASSERT_EQUAL(CHECK_APART(supervisor_until_sigint), 0);
}

CHECK_CHILD(supervisor_without_signals)
{
    struct later then;
    int signal = SIGTERM;
    lc_supervisor *supervisor = NULL;
    STEP(1, make_handling(&supervisor, false));
    later(&then, send_signal, &signal);
    lc_error_unref(lc_supervisor_run(supervisor, NULL, NULL));
    return 0;
}

static void signals_are_left_alone_unless_asked(void)
{
    CU_ASSERT_EQUAL(check_child("supervisor_without_signals").status, -SIGTERM);
}

/*
 * The SIGTERM that cancels the run is the operator's word: the halt that comes then does not wait
 * for another.
 */
static lc_error *fail_when_told(lc_context *context, lc_ready *ready, void *arg)
{
    lc_ready_signal(ready);
    lc_signal_error(context, lc_error_ref(((struct halting *)arg)->error));
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    if (!lc_is_simulated())
        raise(SIGTERM); /* to this thread: it has been caught when raise returns */
    else
        lc_simulation_signal(SIGTERM);
    return NULL;
}

static lc_error *make_failing_when_told(lc_component **component, void *arg)
{
    *component = component_of("failing", fail_when_told, arg);
    return NULL;
}

CHECK_CHILD(supervisor_halts_after_sigterm)
{
    static struct halting halting;
    lc_supervisor_options options = {.size = sizeof options};
    STEP(1, halting_init(&halting, make_noop));
    lc_supervisor_unref(halting.supervisor);
    lc_observer_free(halting.observer);
    halting.observer = NULL;
    options.handle_signals = true;
    STEP(2, lc_supervisor_new(&options, &halting.supervisor) == NULL);
    STEP(3, add(halting.supervisor, "failing", make_failing_when_told, &halting, NULL));
    halting.result = lc_supervisor_run(halting.supervisor, NULL, &halting.behavior);
    STEP(4, halting.result == halting.error);
    STEP(5, halting.behavior == LC_SPIN_HALT);
    halting_drop(&halting);
    return 0;
}

static void the_sigterm_that_cancelled_the_run_counts(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(supervisor_halts_after_sigterm), 0);
}

CHECK_SUITE_IN_MODES(
    supervisor_halt, "conformance: supervisor: spin-halt",
    {"A31 a halt stops everything and ends by SIGTERM; SIGINT, SIGHUP and a cancel do not end it",
     only_sigterm_ends_a_halt},
    {"A31 lc_halt_release ends a halt", release_ends_a_halt},
    {"A31 a halt inside is waited out by the supervisor outside",
     a_halt_inside_is_waited_out_outside},
    {"A31 a shutdown under way may become a halt", a_shutdown_may_become_a_halt},
    {"A31 the SIGTERM that cancelled the run counts", the_sigterm_that_cancelled_the_run_counts},
    {"A33 SIGINT and SIGTERM cancel a run that handles signals, and are named",
     signals_cancel_the_run},
    {"A33 signals are left alone unless asked for", signals_are_left_alone_unless_asked,
     CHECK_KERNEL});
