/*
 * lifecycle_signaler.c: contract A2, A3, A6, A7: which signaler receives an error, once, and how it
 * may be wrapped.
 */
#include "support/check.h"
#include "support/later.h"
#include "support/mode.h"
#include "support/race.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- A2 ---- */

static void first_error_reaches_holder_once(void)
{
    struct scope scope = scope_new(NULL);
    lc_error *error = lc_error_new(-EIO, "broken");
    CHECK_OPEN(lc_signaler_thrown(scope.signaler));
    CU_ASSERT_PTR_NULL(lc_signaler_take(scope.signaler));
    lc_signal_error(scope.context, lc_error_ref(error));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_signaler_thrown(scope.signaler)));
    lc_error *taken = lc_signaler_take(scope.signaler);
    CU_ASSERT_PTR_EQUAL(taken, error);
    CU_ASSERT_PTR_NULL(lc_signaler_take(scope.signaler));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_signaler_thrown(scope.signaler)));
    lc_error_unref(taken);
    lc_error_unref(error);
    scope_drop(&scope);
}

static void later_errors_are_logged(void)
{
    char origin[64];
    struct scope scope = scope_new(NULL);
    check_log_capture();
    lc_signal_error(scope.context, lc_error_new(-EIO, "the first"));
    CU_ASSERT_FALSE(check_log_has("the first"));
    lc_error *second = lc_error_new(-EPIPE, "the second");
    snprintf(origin, sizeof origin, "lifecycle_signaler.c:%d", lc_error_line(second));
    lc_signal_error(scope.context, second);
    CU_ASSERT_EQUAL(check_log_count("unhandled"), 1);
    CU_ASSERT_EQUAL(check_log_count("the second"), 1);
    CU_ASSERT_EQUAL(check_log_count(origin), 1);
    lc_error *taken = lc_signaler_take(scope.signaler);
    CU_ASSERT_STRING_EQUAL(lc_error_message(taken), "the first");
    lc_error_unref(taken);
    lc_signal_error(scope.context, lc_error_new(-EPIPE, "the third"));
    CU_ASSERT_EQUAL(check_log_count("the third"), 1);
    CU_ASSERT_PTR_NULL(lc_signaler_take(scope.signaler));
    check_log_release();
    scope_drop(&scope);
}

static void error_not_taken_is_logged(void)
{
    struct scope scope = scope_new(NULL);
    check_log_capture();
    lc_signal_error(scope.context, lc_error_new(-EIO, "left behind"));
    scope_drop(&scope);
    CU_ASSERT_EQUAL(check_log_count("left behind"), 1);
    check_log_release();
}

struct thrower {
    struct scope scope;
    bool thrown_before_deferred;
    lc_error *taken_in_deferred;
    bool went_on;
};

static void look_whether_thrown(void *arg)
{
    struct thrower *thrower = arg;
    thrower->thrown_before_deferred =
        lc_handle_is_closed(lc_signaler_thrown(thrower->scope.signaler));
    thrower->taken_in_deferred = lc_signaler_take(thrower->scope.signaler);
}

static void throw_after_defer(void *arg)
{
    struct thrower *thrower = arg;
    lc_defer(look_whether_thrown, thrower);
    lc_throw(thrower->scope.context, lc_error_new(-EIO, "thrown"));
}

static void error_comes_before_deferred_calls(void)
{
    struct thrower thrower = {.scope = scope_new(NULL)};
    helper_do(throw_after_defer, &thrower);
    CU_ASSERT_TRUE(thrower.thrown_before_deferred);
    CU_ASSERT_EQUAL(lc_error_code(thrower.taken_in_deferred), -EIO);
    lc_error_unref(thrower.taken_in_deferred);
    scope_drop(&thrower.scope);
}

static lc_error *fail_after_defer(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    lc_defer(look_whether_thrown, arg);
    return lc_error_new(-EPIPE, "returned");
}

static void returned_error_comes_before_deferred_calls(void)
{
    struct thrower thrower = {.scope = scope_new(NULL)};
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("returns");
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = "worker", .run = fail_after_defer, .arg = &thrower));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(manager, thrower.scope.context));
    CHECK_CLOSES(lc_manager_done(manager));
    CU_ASSERT_TRUE(thrower.thrown_before_deferred);
    CU_ASSERT_EQUAL(lc_error_code(thrower.taken_in_deferred), -EPIPE);
    lc_error_unref(thrower.taken_in_deferred);
    lc_manager_unref(manager);
    scope_drop(&thrower.scope);
}

static void throw_and_go_on(void *arg)
{
    struct thrower *thrower = arg;
    lc_throw(thrower->scope.context, lc_error_new(-EPIPE, "too late"));
    thrower->went_on = true;
}

static void later_throw_ends_its_caller(void)
{
    struct thrower thrower = {.scope = scope_new(NULL)};
    check_log_capture();
    lc_signal_error(thrower.scope.context, lc_error_new(-EIO, "the first"));
    helper_do(throw_and_go_on, &thrower);
    CU_ASSERT_FALSE(thrower.went_on);
    CU_ASSERT_EQUAL(check_log_count("too late"), 1);
    check_log_release();
    CHECK_ERROR(lc_signaler_take(thrower.scope.signaler), -EIO);
    scope_drop(&thrower.scope);
}

static void null_is_thrown_as_einval(void)
{
    struct scope scope = scope_new(NULL);
    lc_signal_error(scope.context, NULL);
    CHECK_ERROR(lc_signaler_take(scope.signaler), -EINVAL);
    scope_drop(&scope);
}

/* Two errors at once: one is taken, the other logged, and none is lost. */
struct contest {
    struct scope scope;
    bool well;
};

static void make_contest(void *arg)
{
    ((struct contest *)arg)->scope = scope_new(NULL);
}

static void signal_first(void *arg)
{
    lc_signal_error(((struct contest *)arg)->scope.context, lc_error_new(-EIO, "contender one"));
}

static void signal_second(void *arg)
{
    lc_signal_error(((struct contest *)arg)->scope.context, lc_error_new(-EPIPE, "contender two"));
}

static bool judge_contest(void *arg)
{
    struct contest *contest = arg;
    lc_error *taken = lc_signaler_take(contest->scope.signaler);
    lc_error *again = lc_signaler_take(contest->scope.signaler);
    const char *loser = lc_error_code(taken) == -EIO ? "contender two" : "contender one";
    bool well = taken && !again && check_log_count(loser) == 1 && check_log_count("contender") == 1;
    lc_error_unref(taken);
    lc_error_unref(again);
    scope_drop(&contest->scope);
    check_log_release();
    check_log_capture();
    return well;
}

static void one_of_two_wins(void)
{
    struct contest contest;
    struct race race = {make_contest, signal_first, signal_second, judge_contest};
    check_log_capture();
    CU_ASSERT_EQUAL(race_run(&race, &contest, check_fewer(5000)), 0);
    check_log_release();
}

/* ---- A3 ---- */

static void signaler_exists_without_context(void)
{
    lc_signaler *signaler = lc_signaler_new();
    CHECK_OPEN(lc_signaler_thrown(signaler));
    lc_context *first = lc_context_with_signaler(NULL, signaler);
    lc_context *second = lc_context_with_signaler(NULL, signaler);
    lc_signal_error(second, lc_error_new(-EIO, "from the second"));
    CHECK_ERROR(lc_signaler_take(signaler), -EIO);
    lc_context_unref(first);
    lc_context_unref(second);
    lc_signaler_unref(signaler);
}

static void throws_below_reach_it(void)
{
    static const char key;
    struct scope scope = scope_new(NULL);
    lc_context *child = lc_context_new(scope.context);
    lc_context *leaf = lc_context_with_value(child, &key, NULL, NULL);
    lc_signal_error(leaf, lc_error_new(-EIO, "from below"));
    CHECK_ERROR(lc_signaler_take(scope.signaler), -EIO);
    lc_context_unref(leaf);
    lc_context_unref(child);
    scope_drop(&scope);
}

static void cancellation_comes_from_the_parent(void)
{
    lc_context *parent = lc_context_new(NULL);
    struct scope scope = scope_new(parent);
    lc_signal_error(scope.context, lc_error_new(-EIO, "does not cancel"));
    CU_ASSERT_PTR_NULL(lc_context_error(scope.context));
    CU_ASSERT_PTR_NULL(lc_context_error(parent));
    CHECK_OPEN(lc_context_done(scope.context));
    lc_context_cancel(parent, NULL);
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(scope.context)), -ECANCELED);
    CHECK_ERROR(lc_signaler_take(scope.signaler), -EIO);
    scope_drop(&scope);
    lc_context_unref(parent);
}

static void nearest_upward_receives(void)
{
    struct scope upper = scope_new(NULL);
    lc_context *between = lc_context_new(upper.context);
    struct scope lower = scope_new(between);
    lc_signal_error(lower.context, lc_error_new(-EIO, "for the lower"));
    CHECK_OPEN(lc_signaler_thrown(upper.signaler));
    CHECK_ERROR(lc_signaler_take(lower.signaler), -EIO);
    lc_signal_error(between, lc_error_new(-EPIPE, "for the upper"));
    CU_ASSERT_PTR_NULL(lc_signaler_take(lower.signaler));
    CHECK_ERROR(lc_signaler_take(upper.signaler), -EPIPE);
    scope_drop(&lower);
    lc_context_unref(between);
    scope_drop(&upper);
}

static void ended_context_still_throws(void)
{
    struct scope scope = scope_new(NULL);
    scope_cancel(&scope);
    lc_signal_error(scope.context, lc_error_new(-EIO, "after the end"));
    CHECK_ERROR(lc_signaler_take(scope.signaler), -EIO);
    scope_drop(&scope);
}

static void context_keeps_signaler(void)
{
    lc_signaler *signaler = lc_signaler_new();
    lc_handle *thrown = lc_handle_ref(lc_signaler_thrown(signaler));
    lc_context *context = lc_context_with_signaler(NULL, signaler);
    lc_signaler_unref(signaler);
    check_log_capture();
    lc_signal_error(context, lc_error_new(-EIO, "kept"));
    CU_ASSERT_TRUE(lc_handle_is_closed(thrown));
    lc_context_unref(context);
    lc_handle_unref(thrown);
    CU_ASSERT_TRUE(check_log_has("kept"));
    check_log_release();
}

/* ---- A6 ---- */

static void signal_in_callback(void *arg)
{
    lc_signal_error(arg, lc_error_new(-EIO, "from a callback"));
}

static void signal_error_works_in_callbacks(void)
{
    struct scope scope = scope_new(NULL);
    lc_handle *handle = lc_handle_new();
    lc_handle_on_close(handle, signal_in_callback, scope.context, NULL);
    lc_handle_close(handle); /* comes back: it is this thread that signals */
    CHECK_ERROR(lc_signaler_take(scope.signaler), -EIO);
    lc_handle_unref(handle);
    scope_drop(&scope);
}

static void signal_from_worker(void *arg)
{
    struct scripted_worker *worker = arg;
    lc_signal_error(worker->context, lc_error_ref(worker->error));
}

static void signal_error_leaves_worker_running(void)
{
    struct scope scope = scope_new(NULL);
    struct scripted_worker worker;
    worker_init(&worker, -EIO);
    lc_manager *manager = worker_manager(&worker, 1);
    CU_ASSERT_TRUE(worker_start(manager, &scope, &worker, 1));
    signal_from_worker(&worker);
    CHECK_ERROR(lc_signaler_take(scope.signaler), -EIO);
    CU_ASSERT_TRUE(worker_does(&worker, WORKER_LOOK));
    CHECK_OPEN(lc_manager_done(manager));
    CU_ASSERT_TRUE(worker_told(&worker, WORKER_RETURN));
    CHECK_CLOSES(lc_manager_done(manager));
    lc_manager_unref(manager);
    worker_drop(&worker);
    scope_drop(&scope);
}

/* ---- waiting for an error ---- */

static void wait_error_prefers_the_error(void)
{
    struct scope scope = scope_new(NULL);
    lc_error *error = NULL;
    lc_signal_error(scope.context, lc_error_new(-EIO, "first"));
    CU_ASSERT_EQUAL(
        lc_signaler_wait(scope.signaler, lc_handle_new_closed(), &error, check_patience()), 0);
    CHECK_ERROR(error, -EIO);
    scope_drop(&scope);
}

static void signal_later(void *arg)
{
    lc_signal_error(arg, lc_error_new(-EIO, "later"));
}

static void wait_error_is_woken_by_an_error(void)
{
    struct scope scope = scope_new(NULL);
    lc_handle *done = lc_handle_new();
    lc_error *error = NULL;
    struct later signal;
    later(&signal, signal_later, scope.context);
    CU_ASSERT_EQUAL(lc_signaler_wait(scope.signaler, done, &error, check_patience()), 0);
    CU_ASSERT_TRUE(later_join(&signal));
    CHECK_ERROR(error, -EIO);
    lc_handle_unref(done);
    scope_drop(&scope);
}

/* ---- A7 ---- */

static void opaque_hides_what_is_inside(void)
{
    lc_error *inner = lc_error_new(-EIO, "disk on fire");
    lc_error *opaque = lc_error_wrap_opaque(lc_error_ref(inner));
    CU_ASSERT_STRING_EQUAL(lc_error_message(opaque), "[exception!] disk on fire");
    CU_ASSERT_EQUAL(lc_error_code(opaque), -EFAULT);
    CU_ASSERT_FALSE(lc_error_is(opaque, -EIO));
    CU_ASSERT_FALSE(lc_error_contains(opaque, inner));
    CU_ASSERT_TRUE(lc_error_contains(opaque, opaque));
    CU_ASSERT_TRUE(lc_error_is(opaque, -EFAULT));
    CU_ASSERT_PTR_EQUAL(lc_error_cause(opaque), inner);
    lc_error *outer = lc_error_wrap(opaque, -EPROTO, "outside");
    CU_ASSERT_STRING_EQUAL(lc_error_message(outer), "outside: [exception!] disk on fire");
    CU_ASSERT_TRUE(lc_error_is(outer, -EFAULT));
    CU_ASSERT_FALSE(lc_error_is(outer, -EIO));
    lc_error_unref(outer);
    lc_error_unref(inner);
    CU_ASSERT_PTR_NULL(lc_error_wrap_opaque(NULL));
}

static void ordinary_wrapping_is_seen_through(void)
{
    lc_error *inner = lc_error_new(-EIO, "disk on fire");
    lc_error *outer = lc_error_wrap(lc_error_ref(inner), -EPIPE, "cannot write");
    CU_ASSERT_STRING_EQUAL(lc_error_message(outer), "cannot write: disk on fire");
    CU_ASSERT_EQUAL(lc_error_code(outer), -EPIPE);
    CU_ASSERT_TRUE(lc_error_is(outer, -EIO));
    CU_ASSERT_TRUE(lc_error_is(outer, -EPIPE));
    CU_ASSERT_FALSE(lc_error_is(outer, -ENOENT));
    CU_ASSERT_TRUE(lc_error_contains(outer, inner));
    CU_ASSERT_PTR_EQUAL(lc_error_cause(outer), inner);
    lc_error_unref(outer);
    lc_error_unref(inner);
}

CHECK_SUITE_IN_MODES(
    lifecycle_signaler, "conformance: lifecycle: signalers",
    {"A2 the first error reaches the holder exactly once", first_error_reaches_holder_once},
    {"A2 later errors are logged as unhandled, with message and origin", later_errors_are_logged},
    {"A2 an error that was not taken is logged when the signaler goes", error_not_taken_is_logged},
    {"A2 the error reaches the holder before the thrower's first deferred call",
     error_comes_before_deferred_calls},
    {"A2 a returned error reaches the holder before the first deferred call",
     returned_error_comes_before_deferred_calls},
    {"A2 a later throw ends its caller all the same", later_throw_ends_its_caller},
    {"A2 NULL is thrown as EINVAL", null_is_thrown_as_einval},
    {"A2 of two errors at once one is taken and the other logged", one_of_two_wins},
    {"A3 a signaler exists without a context and is attached to several",
     signaler_exists_without_context},
    {"A3 throws on the context and below reach the signaler", throws_below_reach_it},
    {"A3 cancellation still comes from the context's own parent, and a throw cancels nothing",
     cancellation_comes_from_the_parent},
    {"A3 the nearest signaler upward receives", nearest_upward_receives},
    {"A3 an ended context still throws", ended_context_still_throws},
    {"A3 a context keeps its signaler", context_keeps_signaler},
    {"A6 lc_signal_error reports from a callback and returns", signal_error_works_in_callbacks},
    {"A6 lc_signal_error leaves the worker running", signal_error_leaves_worker_running},
    {"A17 waiting for an error or done prefers the error", wait_error_prefers_the_error},
    {"A17 waiting for an error or done is woken by the error", wait_error_is_woken_by_an_error},
    {"A7 an opaque error has its prefix and hides what is inside", opaque_hides_what_is_inside},
    {"A7 ordinary wrapping is seen through", ordinary_wrapping_is_seen_through});
