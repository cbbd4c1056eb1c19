/*
 * go_context.c: scenarios from public bug reports of Go's context and errgroup (golang/go), rebuilt
 * in our own terms. tests/reports.md lists them with their verdicts.
 */
#include "reports/beside.h"
#include "support/check.h"
#include "support/clock.h"
#include "support/mode.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

/* ---- causes ---- */

/* The first cause holds for all below, also if it is no particular one. */
static void first_cause_holds_below(void)
{
    lc_context *parent = lc_context_new(NULL), *child = lc_context_new(parent);
    lc_context *grandchild = lc_context_new(child);
    lc_context_cancel(child, NULL);
    lc_context_cancel(parent, lc_error_new(-EIO, "of the parent"));
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(grandchild)), -ECANCELED);
    CU_ASSERT_FALSE(lc_error_is(lc_context_error(grandchild), -EIO));
    CU_ASSERT_FALSE(lc_error_is(lc_context_error(child), -EIO));
    CU_ASSERT_TRUE(lc_error_is(lc_context_error(parent), -EIO));
    lc_context *late = lc_context_new(child);
    CU_ASSERT_FALSE(lc_error_is(lc_context_error(late), -EIO));
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(late)), -ECANCELED);
    lc_context_unref(late);
    lc_context_unref(grandchild);
    lc_context_unref(child);
    lc_context_unref(parent);
}

/* The deadline comes first, then a cancel with a cause: the time-out stays the reason. */
static void cause_after_the_deadline_is_ignored(void)
{
    struct check_clock *clock = check_clock_new();
    check_clock_use(clock);
    lc_context *context = lc_context_with_deadline(NULL, lc_deadline_after(LC_SECOND));
    lc_context *child = lc_context_new(context);
    check_clock_use(NULL);
    check_clock_advance(clock, LC_SECOND);
    CHECK_CLOSES(lc_context_done(child));
    lc_context_cancel(context, lc_error_new(-EIO, "too late"));
    lc_context_cancel(child, lc_error_new(-EPIPE, "too late as well"));
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(context)), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(child)), -ETIMEDOUT);
    CU_ASSERT_FALSE(lc_error_is(lc_context_error(child), -EPIPE));
    CU_ASSERT_FALSE(lc_error_is(lc_context_error(context), -EIO));
    lc_context_unref(child);
    lc_context_unref(context);
    check_clock_free(clock);
}

/* ---- the order of a cancellation ---- */

enum { DEPTH = 10 };

struct level {
    lc_context *const *contexts;
    int depth;
    bool seen_below; /* whether all below had their error when this one's handle closed */
};

static void look_below(void *arg)
{
    struct level *level = arg;
    level->seen_below = true;
    for (int i = level->depth; i < DEPTH; i++)
        level->seen_below &= lc_context_error(level->contexts[i]) != NULL;
}

/* A worker that sees a context closed finds every context below it ended. */
static void cancellation_has_no_gaps(void)
{
    lc_context *contexts[DEPTH];
    struct level levels[DEPTH];
    lc_handle_callback *callbacks[DEPTH];
    for (int i = 0; i < DEPTH; i++) {
        contexts[i] = lc_context_new(i > 0 ? contexts[i - 1] : NULL);
        levels[i] = (struct level){contexts, i, false};
        CU_ASSERT_EQUAL(
            lc_handle_on_close(lc_context_done(contexts[i]), look_below, &levels[i], &callbacks[i]),
            0);
    }
    lc_context_cancel(contexts[2], NULL);
    CU_ASSERT_PTR_NULL(lc_context_error(contexts[1]));
    for (int i = 2; i < DEPTH; i++)
        CU_ASSERT_TRUE(levels[i].seen_below);
    CU_ASSERT_FALSE(levels[0].seen_below || levels[1].seen_below);
    for (int i = 0; i < DEPTH; i++)
        CU_ASSERT_EQUAL(lc_handle_callback_cancel(callbacks[i]), i < 2);
    for (int i = DEPTH; i-- > 0;)
        lc_context_unref(contexts[i]);
}

/* ---- a callback that is taken back while its handle closes ---- */

struct after {
    lc_handle *handle;
    atomic_uint ran;
};

static void after_runs(void *arg)
{
    atomic_fetch_add(&((struct after *)arg)->ran, 1);
}

static int after_close(void *arg)
{
    lc_handle_close(((struct after *)arg)->handle);
    return 0;
}

/* Either the callback was prevented, or it has run: never both, never neither. */
static void callback_runs_or_is_prevented(void)
{
    struct after after = {.handle = lc_handle_new()};
    lc_handle_callback *callback = NULL;
    struct beside closer;
    CU_ASSERT_EQUAL(lc_handle_on_close(after.handle, after_runs, &after, &callback), 0);
    beside_start(&closer, after_close, &after);
    bool prevented = lc_handle_callback_cancel(callback);
    unsigned ran = atomic_load(&after.ran);
    CU_ASSERT_EQUAL(ran, prevented ? 0 : 1);
    beside_ends(&closer);
    CU_ASSERT_EQUAL(atomic_load(&after.ran), ran);
    lc_handle_unref(after.handle);
}

/* ---- contexts that end each other ---- */

struct mutual {
    lc_context *own, *other;
};

static void end_the_other(void *arg)
{
    lc_context_cancel(((struct mutual *)arg)->other, lc_error_new(-EPIPE, "by the other"));
}

static int end_own(void *arg)
{
    lc_context_cancel(((struct mutual *)arg)->own, lc_error_new(-EIO, "by itself"));
    return 0;
}

/* The end of each ends the other one, and both are ended at once by two callers. */
static void contexts_may_end_each_other(void)
{
    struct mutual sides[2];
    struct beside enders[2];
    lc_handle_callback *callbacks[2];
    lc_context *contexts[] = {lc_context_new(NULL), lc_context_new(NULL)};
    for (int i = 0; i < 2; i++) {
        sides[i] = (struct mutual){contexts[i], contexts[1 - i]};
        CU_ASSERT_EQUAL(lc_handle_on_close(lc_context_done(contexts[i]), end_the_other, &sides[i],
                                           &callbacks[i]),
                        0);
    }
    for (int i = 0; i < 2; i++)
        beside_start(&enders[i], end_own, &sides[i]);
    for (int i = 0; i < 2; i++)
        beside_ends(&enders[i]);
    for (int i = 0; i < 2; i++) {
        CHECK_CLOSES(lc_context_done(contexts[i]));
        CU_ASSERT_EQUAL(lc_error_code(lc_context_error(contexts[i])), -ECANCELED);
        CU_ASSERT_FALSE(lc_handle_callback_cancel(callbacks[i]));
    }
    lc_context_unref(contexts[0]);
    lc_context_unref(contexts[1]);
}

/* ---- values ---- */

/* The nearest value counts, and an ended context still gives its values. */
static void values_outlive_the_end(void)
{
    static const char one, two;
    int outer = 1, inner = 2, other = 3;
    lc_context *parent = lc_context_with_value(NULL, &one, &outer, NULL);
    lc_context *middle = lc_context_with_value(parent, &two, &other, NULL);
    lc_context *child = lc_context_with_value(middle, &one, &inner, NULL);
    lc_context_cancel(parent, NULL);
    lc_context *late = lc_context_new(child);
    CU_ASSERT_PTR_EQUAL(lc_context_value(late, &one), &inner);
    CU_ASSERT_PTR_EQUAL(lc_context_value(late, &two), &other);
    CU_ASSERT_PTR_EQUAL(lc_context_value(middle, &one), &outer);
    CU_ASSERT_PTR_NULL(lc_context_value(parent, &two));
    CU_ASSERT_PTR_NULL(lc_context_value(late, &values_outlive_the_end));
    lc_context_unref(late);
    lc_context_unref(child);
    lc_context_unref(middle);
    lc_context_unref(parent);
}

/* ---- groups ---- */

struct group {
    struct scope scope;
    lc_manager *manager;
    lc_handle *go;
    atomic_uint ran;
    atomic_uint saw_the_end;
};

static lc_error *group_fails(lc_context *context, lc_ready *ready, void *arg)
{
    struct group *group = arg;
    (void)context;
    lc_ready_signal(ready);
    lc_handle_wait(group->go, LC_FOREVER);
    return lc_error_new(-EIO, "an important message");
}

static lc_error *group_fails_at_once(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    (void)arg;
    return lc_error_new(-EIO, "an important message");
}

static lc_error *group_follows(lc_context *context, lc_ready *ready, void *arg)
{
    struct group *group = arg;
    atomic_fetch_add(&group->ran, 1);
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    atomic_fetch_add(&group->saw_the_end, 1);
    return lc_error_new(lc_error_code(lc_context_error(context)), "stopped");
}

static void group_start(struct group *group, lc_worker_function first, lc_context *parent)
{
    *group = (struct group){.scope = scope_new(parent), .go = lc_handle_new()};
    lc_manager_builder *builder = check_builder("group");
    lc_manager_builder_add(builder, LC_WORKER(.name = "first", .run = first, .arg = group));
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = "second", .run = group_follows, .arg = group));
    lc_manager_builder_add(builder, LC_WORKER(.name = "third", .run = group_follows, .arg = group));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &group->manager));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(group->manager, group->scope.context));
}

/* Waits until it is done. @return the code of the error that reached the signaler; 0: none. */
static int group_end(struct group *group)
{
    lc_error *error = NULL;
    CHECK_CLOSES(lc_manager_done(group->manager));
    CU_ASSERT_EQUAL(lc_signaler_wait(group->scope.signaler, lc_manager_done(group->manager), &error,
                                     check_patience()),
                    0);
    int code = lc_error_code(error);
    lc_error_unref(error);
    lc_manager_unref(group->manager);
    lc_handle_unref(group->go);
    scope_drop(&group->scope);
    return code;
}

/* What the others say because of the failure never takes the place of the failure. */
static void failure_is_not_hidden_by_its_consequences(void)
{
    struct group group;
    check_log_capture();
    group_start(&group, group_fails, NULL);
    CHECK_CLOSES(lc_manager_ready(group.manager));
    lc_handle_close(group.go);
    CU_ASSERT_EQUAL(group_end(&group), -EIO);
    CU_ASSERT_EQUAL(check_log_count("unhandled"), 0);
    check_log_release();
}

/* A worker that comes after the failure runs all the same, and finds its context ended. */
static void late_workers_run_and_see_the_end(void)
{
    struct group group;
    check_log_capture();
    group_start(&group, group_fails_at_once, NULL);
    CHECK_CLOSES(lc_manager_done(group.manager));
    CU_ASSERT_EQUAL(atomic_load(&group.ran), 2);
    CU_ASSERT_EQUAL(atomic_load(&group.saw_the_end), 2);
    CU_ASSERT_EQUAL(group_end(&group), -EIO);
    check_log_release();
}

/* A deadline above the group ends its workers, and is no failure of theirs. */
static void deadline_above_ends_a_group(void)
{
    struct check_clock *clock = check_clock_new();
    struct group group;
    check_clock_use(clock);
    lc_context *parent = lc_context_with_deadline(NULL, lc_deadline_after(LC_SECOND));
    check_clock_use(NULL);
    check_log_capture();
    group_start(&group, group_follows, parent);
    CHECK_CLOSES(lc_manager_ready(group.manager));
    check_clock_advance(clock, LC_SECOND);
    CU_ASSERT_EQUAL(group_end(&group), 0);
    CU_ASSERT_EQUAL(check_log_count("stopped"), 0);
    check_log_release();
    lc_context_unref(parent);
    check_clock_free(clock);
}

static void throw_again(void *arg)
{
    lc_throw(arg, lc_error_new(-EPIPE, "thrown while cleaning up"));
}

/* It throws, and then its deferred call throws as well. */
static lc_error *group_throws_twice(lc_context *context, lc_ready *ready, void *arg)
{
    (void)ready;
    (void)arg;
    if (lc_defer(throw_again, context) != 0)
        return lc_error_new(-ENOMEM, "not deferred");
    lc_throw(context, lc_error_new(-EIO, "an important message"));
}

/* It returns well, and then its deferred call throws. */
static lc_error *group_throws_at_the_end(lc_context *context, lc_ready *ready, void *arg)
{
    (void)ready;
    (void)arg;
    if (lc_defer(throw_again, context) != 0)
        return lc_error_new(-ENOMEM, "not deferred");
    return NULL;
}

static void first_throw_is_the_one_that_is_heard(void)
{
    struct group group;
    check_log_capture();
    group_start(&group, group_throws_twice, NULL);
    CU_ASSERT_EQUAL(group_end(&group), -EIO);
    CU_ASSERT_EQUAL(check_log_count("thrown while cleaning up"), 1);
    check_log_release();
}

static void throw_in_a_deferred_call_is_heard(void)
{
    struct group group;
    check_log_capture();
    group_start(&group, group_throws_at_the_end, NULL);
    lc_handle *waited[] = {lc_manager_done(group.manager)};
    int64_t deadline =
        lc_is_simulated() ? lc_deadline_after(LC_HOUR) : lc_deadline_after(LC_SECOND);
    if (lc_handle_wait(waited[0], deadline) != 0) {
        CU_FAIL("the throw has not ended the group");
        scope_cancel(&group.scope);
    }
    CU_ASSERT_EQUAL(group_end(&group), -EPIPE);
    check_log_release();
}

CHECK_SUITE_IN_MODES(
    report_go_context, "report: contexts in Go",
    {"go#26356 the first cause holds for all below, whatever comes later", first_cause_holds_below},
    {"go#56661 a cause that comes after the deadline is ignored",
     cause_after_the_deadline_is_ignored},
    {"go#51075 what sees a context closed finds all below it ended", cancellation_has_no_gaps},
    {"go#57928 a callback runs or is prevented", callback_runs_or_is_prevented},
    {"sing-box#4328 contexts may end each other at the same time", contexts_may_end_each_other},
    {"go#51365 values and causes outlive the end of their context", values_outlive_the_end},
    {"go#27837 a failure is not hidden by its consequences",
     failure_is_not_hidden_by_its_consequences},
    {"go#61611 workers that come after a failure run, and see the end",
     late_workers_run_and_see_the_end},
    {"go#26099 a deadline above a group ends it, and is no failure", deadline_above_ends_a_group},
    {"go#53757 of two throws of one worker the first is heard, the second is logged",
     first_throw_is_the_one_that_is_heard},
    {"go#53757 a throw in a deferred call is heard", throw_in_a_deferred_call_is_heard});
