/*
 * tree_units.c: contract B5, B6, B8, B13, B17: what one failure takes along is one unit; which
 * errors are told; children of one description, significant children, temporary children; a tree
 * that is over, or cancelled before its start.
 */
#include "support/check.h"
#include "support/mode.h"
#include "support/scripted_tree.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ROOT, A, B, C, D, E };

static bool dies(struct scripted_tree *tree, struct scripted_runnable *runnable, const char *name)
{
    return runnable_told(runnable, RUNNABLE_FAIL) && tree_sees(tree, name, LC_NODE_DEAD);
}

static bool completes(struct scripted_tree *tree, struct scripted_runnable *runnable,
                      const char *name)
{
    return runnable_does(runnable, RUNNABLE_HEALTHY) && runnable_does(runnable, RUNNABLE_DONE) &&
           runnable_told(runnable, RUNNABLE_RETURN) && tree_sees(tree, name, LC_NODE_DONE);
}

/* None of "a" to "d" has been started since it was last seen to be. */
static bool none_started(struct scripted_tree *tree)
{
    bool none = tree_settles(tree);
    for (size_t i = A; i <= D; i++)
        none = none && runnable_absent(&tree->runnables[i]);
    return none;
}

/* ---- one unit ---- */

static void starts_when_all_has_ended(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *b = &tree.runnables[B],
                             *c = &tree.runnables[C];
    b->stubborn = c->stubborn = true;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(tree_start_children(b, (struct scripted_runnable *[]){c}, 1));
    CU_ASSERT_TRUE(dies(&tree, a, "root.a"));
    CHECK_CLOSES(lc_context_done(b->context));
    CU_ASSERT_TRUE(none_started(&tree));
    CU_ASSERT_TRUE(runnable_told(b, RUNNABLE_YIELD));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.b", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(none_started(&tree)); /* "c", which is below "b", has not ended */
    CU_ASSERT_TRUE(runnable_told(c, RUNNABLE_YIELD));
    CU_ASSERT_TRUE(runnable_entered(a) && runnable_entered(b));
    tree_drop(&tree);
}

/* One death in a group of four: its siblings answer with errors of their own making. */
static void counts_once(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables;
    runnables[ROOT].group.intensity = (lc_intensity){1, LC_HOUR, LC_STOP_PARENTS};
    for (size_t i = B; i <= D; i++)
        runnables[i].stubborn = true;
    CU_ASSERT_TRUE(tree_start_with(&tree, 4));
    CU_ASSERT_TRUE(dies(&tree, &runnables[A], "root.a"));
    for (size_t i = B; i <= D; i++)
        CU_ASSERT_TRUE(runnable_told(&runnables[i], RUNNABLE_FAIL));
    for (size_t i = A; i <= D; i++)
        CU_ASSERT_TRUE(runnable_entered(&runnables[i]));
    CU_ASSERT_FALSE(runnable_ended(&runnables[ROOT]));
    for (size_t i = B; i <= D; i++) {
        char line[80];
        snprintf(line, sizeof line, "root.%s: failed while it was being stopped: \"%s\" failed",
                 runnables[i].child.name, runnables[i].child.name);
        CU_ASSERT_EQUAL(check_log_count(line), 1);
    }
    CU_ASSERT_EQUAL(check_log_count(": died: "), 1);
    tree_drop(&tree);
}

/* Limit exceeded with LC_STOP: `first` to "d" stay down when "b" fails. */
static void given_up(lc_strategy strategy, unsigned first)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables;
    runnables[ROOT].group.strategy = strategy;
    runnables[ROOT].group.intensity = (lc_intensity){LC_RESTARTS_NONE, LC_SECOND, LC_STOP};
    CU_ASSERT_TRUE(tree_start(&tree) && runnable_starts(&runnables[ROOT], 4));
    for (unsigned i = A; i <= D; i++)
        CU_ASSERT_TRUE(runnable_entered(&runnables[i]) &&
                       runnable_does(&runnables[i], RUNNABLE_HEALTHY));
    CU_ASSERT_TRUE(dies(&tree, &runnables[B], "root.b"));
    for (unsigned i = first; i <= D; i++)
        CHECK_CLOSES(lc_context_done(runnables[i].context));
    CU_ASSERT_TRUE(none_started(&tree));
    for (unsigned i = A; i < first; i++)
        CU_ASSERT_TRUE(runnable_does(&runnables[i], RUNNABLE_LOOK));
    CU_ASSERT_TRUE(check_log_has("root.b: too many restarts (none is allowed)"));
    CU_ASSERT_FALSE(runnable_ended(&runnables[ROOT]));
    tree_drop(&tree);
}

static void is_given_up_as_one(void)
{
    given_up(LC_ONE_FOR_ALL, A);
    given_up(LC_REST_FOR_ONE, B);
}

static void rest_for_one_is_in_order(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables;
    runnables[ROOT].group.strategy = LC_REST_FOR_ONE;
    CU_ASSERT_TRUE(tree_start(&tree) && runnable_starts(&runnables[ROOT], 4));
    for (unsigned i = A; i <= D; i++) {
        runnables[i].stubborn = true;
        CU_ASSERT_TRUE(runnable_entered(&runnables[i]));
        CU_ASSERT_TRUE(none_started(&tree)); /* none before this is healthy */
        CU_ASSERT_TRUE(runnable_does(&runnables[i], RUNNABLE_HEALTHY));
    }
    CU_ASSERT_TRUE(dies(&tree, &runnables[B], "root.b"));
    CHECK_CLOSES(lc_context_done(runnables[D].context));
    CU_ASSERT_TRUE(none_started(&tree));
    CU_ASSERT_FALSE(runnable_ended(&runnables[C])); /* it stops when what depends on it has */
    CU_ASSERT_TRUE(runnable_told(&runnables[D], RUNNABLE_YIELD));
    CHECK_CLOSES(lc_context_done(runnables[C].context));
    CU_ASSERT_TRUE(none_started(&tree));
    CU_ASSERT_TRUE(runnable_told(&runnables[C], RUNNABLE_YIELD));
    for (unsigned i = B; i <= D; i++) {
        CU_ASSERT_TRUE(runnable_entered(&runnables[i]));
        CU_ASSERT_TRUE(none_started(&tree));
        CU_ASSERT_TRUE(runnable_does(&runnables[i], RUNNABLE_HEALTHY));
    }
    CU_ASSERT_FALSE(runnable_ended(&runnables[A]));
    tree_drop(&tree);
}

/* "c" says done before its turn to stop, which is between those of "d" and "b". */
static void rest_for_one_passes_by_done(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables;
    runnables[ROOT].group.strategy = LC_REST_FOR_ONE;
    runnables[B].stubborn = runnables[D].stubborn = true;
    CU_ASSERT_TRUE(tree_start(&tree) && runnable_starts(&runnables[ROOT], 4));
    for (unsigned i = A; i <= D; i++)
        CU_ASSERT_TRUE(runnable_entered(&runnables[i]) &&
                       runnable_does(&runnables[i], RUNNABLE_HEALTHY));
    CU_ASSERT_TRUE(dies(&tree, &runnables[A], "root.a"));
    CHECK_CLOSES(lc_context_done(runnables[D].context));
    CU_ASSERT_TRUE(runnable_does(&runnables[C], RUNNABLE_DONE) &&
                   runnable_told(&runnables[C], RUNNABLE_RETURN));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.c", LC_NODE_DONE));
    CU_ASSERT_TRUE(none_started(&tree));
    CU_ASSERT_FALSE(runnable_ended(&runnables[B]) || runnable_ended(&runnables[C]));
    CU_ASSERT_TRUE(runnable_told(&runnables[D], RUNNABLE_YIELD));
    CHECK_CLOSES(lc_context_done(runnables[B].context));
    CU_ASSERT_TRUE(none_started(&tree)); /* "b" has not ended */
    CU_ASSERT_TRUE(runnable_told(&runnables[B], RUNNABLE_YIELD));
    for (unsigned i = A; i <= D; i++)
        CU_ASSERT_TRUE(runnable_entered(&runnables[i]) &&
                       runnable_does(&runnables[i], RUNNABLE_HEALTHY));
    tree_drop(&tree);
}

/* ---- which errors are told ---- */

static lc_error *fail_at_the_end(lc_context *context, void *arg)
{
    (void)arg;
    lc_runnable_signal_healthy(context);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_new(-ENOSPC, "disk full");
}

static void late_error_is_the_result(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    tree.runnables[ROOT].child.run = fail_at_the_end;
    tree.options.root = &tree.runnables[ROOT].child;
    CHECK_SUCCESS(lc_tree_new(&tree.options, &tree.real));
    CHECK_SUCCESS(lc_tree_start(tree.real, NULL));
    CHECK_CLOSES(lc_tree_ready(tree.real));
    lc_tree_cancel(tree.real);
    lc_error *error = lc_tree_wait(tree.real, check_patience());
    CU_ASSERT_TRUE(lc_error_is(error, -ENOSPC));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "root"));
    lc_error_unref(error);
    CU_ASSERT_EQUAL(check_log_count("root: failed while it was being stopped: disk full"), 1);
    tree_drop(&tree);
}

static lc_error *fail_like_a_wait(lc_context *context, void *arg)
{
    (void)arg;
    lc_runnable_signal_healthy(context);
    int code = lc_context_sleep(context, LC_HOUR);
    return code < 0 ? lc_error_new(code, "sleep: %s", strerror(-code)) : NULL;
}

/* Also if it is thrown. */
static lc_error *throw_like_a_wait(lc_context *context, void *arg)
{
    lc_throw(context, fail_like_a_wait(context, arg));
}

static void clean_by_code(lc_runnable run)
{
    struct scripted_tree tree;
    tree_init(&tree);
    tree.runnables[ROOT].child.run = run;
    tree.options.root = &tree.runnables[ROOT].child;
    CHECK_SUCCESS(lc_tree_new(&tree.options, &tree.real));
    CHECK_SUCCESS(lc_tree_start(tree.real, NULL));
    CHECK_CLOSES(lc_tree_ready(tree.real));
    lc_tree_cancel(tree.real);
    CHECK_SUCCESS(lc_tree_wait(tree.real, check_patience()));
    CU_ASSERT_EQUAL(tree_state(&tree, "root"), LC_NODE_CANCELED);
    CU_ASSERT_FALSE(check_log_has("sleep: "));
    tree_drop(&tree);
}

static void clean_answers(void)
{
    clean_by_code(fail_like_a_wait);
    clean_by_code(throw_like_a_wait);
}

static lc_error *return_cancelled(lc_context *context, void *arg)
{
    (void)arg;
    lc_runnable_signal_healthy(context);
    return lc_error_new(-ECANCELED, "of my own");
}

/* It was not told to stop: a permanent one with that code has died. */
static void code_alone_is_no_cancellation(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    tree.runnables[A].child.run = return_cancelled;
    tree.runnables[A].child.backoff.first = tree.runnables[A].child.backoff.most = LC_HOUR;
    CU_ASSERT_TRUE(tree_start(&tree) && runnable_starts(&tree.runnables[ROOT], 1));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DEAD));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(check_log_has("root.a: died: of my own"));
    tree_drop(&tree);
}

/* Of what is below one that is dead, and of a temporary child, which is not started again. */
static void no_error_is_lost(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *b = &tree.runnables[B],
                             *c = &tree.runnables[C];
    c->stubborn = true;
    b->child.restart = LC_TEMPORARY;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){c}, 1));
    CU_ASSERT_TRUE(dies(&tree, b, "root.b"));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_EQUAL(check_log_count("root.b: died: \"b\" failed with -102"), 1);
    CU_ASSERT_TRUE(dies(&tree, a, "root.a"));
    CHECK_CLOSES(lc_context_done(c->context));
    CU_ASSERT_TRUE(runnable_told(c, RUNNABLE_FAIL));
    CU_ASSERT_TRUE(runnable_entered(a));
    CU_ASSERT_EQUAL(check_log_count("root.a.c: failed while it was being stopped"), 1);
    CU_ASSERT_EQUAL(check_log_count("root.a: died: \"a\" failed with -101"), 1);
    tree_drop(&tree);
}

/* ---- a tree that is over, or was cancelled before it began ---- */

static void root_is_over(lc_restart_type restart, enum runnable_order order, int code)
{
    struct scripted_tree tree;
    struct scope scope = scope_new(NULL);
    tree_init(&tree);
    tree.context = scope.context;
    struct scripted_runnable *root = &tree.runnables[ROOT];
    root->child.restart = restart;
    CU_ASSERT_TRUE(tree_start(&tree) && runnable_does(root, RUNNABLE_HEALTHY));
    CU_ASSERT_TRUE(order != RUNNABLE_RETURN || runnable_does(root, RUNNABLE_DONE));
    CU_ASSERT_TRUE(runnable_told(root, order));
    CHECK_CLOSES(lc_tree_done(tree.real));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_tree_ready(tree.real)));
    lc_error *error = lc_signaler_take(scope.signaler);
    CU_ASSERT_EQUAL(lc_error_code(error), code);
    lc_error_unref(error);
    error = lc_tree_wait(tree.real, check_patience());
    CU_ASSERT_EQUAL(lc_error_code(error), code);
    lc_error_unref(error);
    CU_ASSERT_EQUAL(check_log_count("root: died: "), code != 0);
    lc_tree_cancel(tree.real);
    tree_drop(&tree);
    scope_drop(&scope);
}

static void over_for_good(void)
{
    root_is_over(LC_PERMANENT, RUNNABLE_RETURN, 0);
    root_is_over(LC_TRANSIENT, RUNNABLE_RETURN, 0);
    root_is_over(LC_TEMPORARY, RUNNABLE_FAIL, -100);
}

static void root_with_an_intensity(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    tree.options.intensity = (lc_intensity){1, LC_HOUR, LC_STOP};
    struct scripted_runnable *root = &tree.runnables[ROOT];
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_TRUE(runnable_told(root, RUNNABLE_FAIL) && runnable_entered(root));
    CU_ASSERT_TRUE(runnable_told(root, RUNNABLE_FAIL));
    CHECK_CLOSES(lc_tree_done(tree.real));
    CHECK_OPEN(lc_tree_ready(tree.real));
    CU_ASSERT_TRUE(check_log_has("its root has ended before it was healthy"));
    CHECK_ERROR(lc_tree_wait(tree.real, check_patience()), -100);
    tree_drop(&tree);
}

static void cancelled_before_the_start(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    tree.options.root = &tree.runnables[ROOT].child;
    CHECK_SUCCESS(lc_tree_new(&tree.options, &tree.real));
    lc_tree_cancel(tree.real);
    CHECK_SUCCESS(lc_tree_start(tree.real, NULL));
    CHECK_SUCCESS(lc_tree_wait(tree.real, check_patience()));
    CU_ASSERT_TRUE(runnable_absent(&tree.runnables[ROOT]));
    tree_drop(&tree);
}

/* ---- temporary children, and children of one description ---- */

static void temporary_children_are_forgotten(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *root = &tree.runnables[ROOT], *a = &tree.runnables[A];
    a->child.restart = LC_TEMPORARY;
    CU_ASSERT_TRUE(tree_start(&tree));
    for (unsigned i = 0; i < 20; i++) {
        CU_ASSERT_TRUE(tree_start_children(root, (struct scripted_runnable *[]){a}, 1));
        CU_ASSERT_EQUAL(tree_count(&tree), 2);
        CU_ASSERT_TRUE(runnable_told(a, i % 2 ? RUNNABLE_FAIL : RUNNABLE_RETURN));
        CU_ASSERT_TRUE(tree_sees(&tree, "root.a", i % 2 ? LC_NODE_DEAD : LC_NODE_DONE));
        CU_ASSERT_TRUE(tree_settles(&tree));
        lc_node_status last = tree_status(&tree, "root.a"); /* is still shown */
        CU_ASSERT_EQUAL(last.state, i % 2 ? LC_NODE_DEAD : LC_NODE_DONE);
    }
    lc_snapshot *live = lc_tree_snapshot_live(tree.real);
    CU_ASSERT_EQUAL(live->count, 1);
    lc_snapshot_free(live);
    tree_drop(&tree);
}

static void temporary_parent_of_children(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *root = &tree.runnables[ROOT], *a = &tree.runnables[A],
                             *b = &tree.runnables[B];
    a->child.restart = LC_TEMPORARY;
    b->child.restart = LC_TRANSIENT;
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){b}, 1));
    CU_ASSERT_TRUE(completes(&tree, a, "root.a"));
    CU_ASSERT_TRUE(runnable_does(b, RUNNABLE_LOOK)); /* it goes on, so "a" is not forgotten */
    CU_ASSERT_FALSE(runnable_starts(root, 1));
    CU_ASSERT_EQUAL(root->answer, -EEXIST);
    CU_ASSERT_TRUE(runnable_told(b, RUNNABLE_RETURN));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a.b", LC_NODE_DONE));
    CU_ASSERT_TRUE(runnable_does(root, RUNNABLE_LOOK));
    CU_ASSERT_TRUE(tree_start_children(root, (struct scripted_runnable *[]){a}, 1));
    tree_drop(&tree);
}

/*
 * "a" has returned when "b" fails once too often, and "c" is down. The tree then forgets "a" before
 * it forgets "b" and "c".
 */
static void temporary_parent_dies_of_its_children(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *root = &tree.runnables[ROOT], *a = &tree.runnables[A],
                             *b = &tree.runnables[B], *c = &tree.runnables[C];
    a->child.restart = LC_TEMPORARY;
    c->child.restart = LC_TRANSIENT;
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    a->group.intensity = (lc_intensity){LC_RESTARTS_NONE, LC_SECOND, LC_STOP_PARENTS};
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){b}, 1));
    a->group.intensity = (lc_intensity){0};
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){c}, 1));
    CU_ASSERT_TRUE(completes(&tree, c, "root.a.c"));
    CU_ASSERT_TRUE(completes(&tree, a, "root.a"));
    CU_ASSERT_TRUE(runnable_told(b, RUNNABLE_FAIL));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DEAD));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(a) && runnable_absent(b) && runnable_absent(c));
    CU_ASSERT_TRUE(tree_start_children(root, (struct scripted_runnable *[]){a}, 1));
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){b, c}, 2));
    tree_drop(&tree);
}

struct description {
    lc_child_group group;
    lc_children *children;
    int code;
};

static void describe(lc_context *context, void *arg)
{
    struct description *description = arg;
    lc_error *error = lc_children_new(context, &description->group, &description->children);
    description->code = lc_error_code(error);
    lc_error_unref(error);
}

static struct description jobs_of(struct scripted_runnable *runnable, unsigned restarts)
{
    struct description jobs = {.group = {.size = sizeof(lc_child_group)}};
    runnable->alone[0] = &runnable->child;
    jobs.group.children = runnable->alone;
    jobs.group.strategy = LC_ONE_FOR_ONE;
    jobs.group.intensity = (lc_intensity){restarts, LC_HOUR, LC_STOP_PARENTS};
    return jobs;
}

static void children_of_one_description(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *root = &tree.runnables[ROOT], *a = &tree.runnables[A],
                             *job = &tree.runnables[B];
    struct description jobs = jobs_of(job, 1), late = jobs_of(job, 0), bad = jobs_of(job, 0);
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    bad.group.strategy = LC_ONE_FOR_ALL;
    CU_ASSERT_TRUE(runnable_calls(a, describe, &bad));
    CU_ASSERT_EQUAL(bad.code, -EINVAL);
    CU_ASSERT_TRUE(runnable_calls(a, describe, &jobs));
    CU_ASSERT_EQUAL(jobs.code, 0);
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_HEALTHY));
    CU_ASSERT_TRUE(runnable_calls(a, describe, &late));
    CU_ASSERT_EQUAL(late.code, -EPERM);
    CHECK_SUCCESS(lc_children_start(jobs.children, NULL, NULL)); /* though it is healthy */
    CU_ASSERT_TRUE(runnable_entered(job) && tree_sees(&tree, "root.a.b-1", LC_NODE_STARTING));
    CHECK_ERROR(lc_children_start(jobs.children, "b-1", NULL), -EEXIST);
    CHECK_ERROR(lc_children_start(jobs.children, "b 2", NULL), -EINVAL);
    CHECK_ERROR(lc_children_start(NULL, NULL, NULL), -EINVAL);
    CU_ASSERT_TRUE(runnable_told(job, RUNNABLE_FAIL)); /* each restarts alone */
    CU_ASSERT_TRUE(runnable_entered(job));
    CHECK_SUCCESS(lc_children_start(jobs.children, "other", NULL));
    CU_ASSERT_TRUE(runnable_entered(job) && tree_sees(&tree, "root.a.other", LC_NODE_STARTING));
    CU_ASSERT_TRUE(runnable_told(job, RUNNABLE_FAIL)); /* one too many of all of them */
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DEAD));
    CU_ASSERT_TRUE(runnable_entered(a));
    CHECK_ERROR(lc_children_start(jobs.children, NULL, NULL), -ESHUTDOWN); /* of the last one */
    CU_ASSERT_PTR_EQUAL(lc_children_ref(jobs.children), jobs.children);
    lc_children_unref(jobs.children);
    lc_children_unref(jobs.children);
    CU_ASSERT_FALSE(runnable_ended(root));
    tree_drop(&tree);
}

/* ---- significant children ---- */

static void stop_the_parent(lc_automatic_shutdown when, lc_restart_type restart)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *root = &tree.runnables[ROOT], *a = &tree.runnables[A],
                             *b = &tree.runnables[B], *c = &tree.runnables[C];
    a->child.restart = restart;
    b->child.restart = c->child.restart = LC_TRANSIENT;
    b->child.significant = c->child.significant = true;
    a->group.automatic_shutdown = when;
    a->group.strategy = LC_ONE_FOR_ONE;
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){b, c}, 2));
    CU_ASSERT_TRUE(runnable_told(b, RUNNABLE_FAIL) &&
                   runnable_entered(b)); /* it is not over by that */
    CU_ASSERT_TRUE(completes(&tree, b, "root.a.b"));
    if (when == LC_AUTOMATIC_SHUTDOWN_ALL) {
        CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_LOOK) && !runnable_ended(a));
        CU_ASSERT_TRUE(runnable_told(c, RUNNABLE_RETURN));
    }
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(restart == LC_TRANSIENT || runnable_entered(a));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(a));
    CU_ASSERT_FALSE(runnable_ended(root));
    tree_drop(&tree);
}

static void automatic_shutdown(void)
{
    stop_the_parent(LC_AUTOMATIC_SHUTDOWN_ANY, LC_TRANSIENT);
    stop_the_parent(LC_AUTOMATIC_SHUTDOWN_ALL, LC_TRANSIENT);
    stop_the_parent(LC_AUTOMATIC_SHUTDOWN_ALL, LC_PERMANENT);
}

static void significant_is_checked(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *root = &tree.runnables[ROOT];
    tree.runnables[A].child.significant = true; /* of a permanent one */
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_FALSE(runnable_starts(root, 1));
    CU_ASSERT_EQUAL(root->answer, -EINVAL);
    tree.runnables[A].child.significant = false;
    root->group.automatic_shutdown = (lc_automatic_shutdown)3;
    CU_ASSERT_FALSE(runnable_starts(root, 1));
    CU_ASSERT_EQUAL(root->answer, -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(root->said, "automatic_shutdown of the group is 3"));
    tree_drop(&tree);
}

static void end_own_context(lc_context *context, void *arg)
{
    (void)arg;
    lc_context_cancel(context, NULL);
}

static void transient_that_ends_itself(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *b = &tree.runnables[B];
    a->child.restart = LC_TRANSIENT;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(runnable_calls(a, end_own_context, NULL));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(none_started(&tree));
    CU_ASSERT_TRUE(dies(&tree, b, "root.b")); /* which takes it along, as one that is done */
    CU_ASSERT_TRUE(runnable_entered(a) && runnable_entered(b));
    tree_drop(&tree);
}

CHECK_SUITE_IN_MODES(
    tree_units, "conformance: units in a tree",
    {"B8 nothing of a unit starts before all of it has ended, with all below",
     starts_when_all_has_ended},
    {"B8 one failure counts once, whatever its siblings say", counts_once},
    {"B8 a unit is given up as one", is_given_up_as_one},
    {"B17 rest for one starts in order, each after the one before, and stops in reverse",
     rest_for_one_is_in_order},
    {"B17 rest for one stops those before one that is done before its turn, too",
     rest_for_one_passes_by_done},
    {"B6, B12 an error that comes late is logged and is the result", late_error_is_the_result},
    {"B5 an answer with the code of the context's error is clean", clean_answers},
    {"B5 that code is a death where the context has not ended", code_alone_is_no_cancellation},
    {"B6 each death and each late error is logged, once", no_error_is_lost},
    {"B13 a tree is done when its root is over for good, and tells its error", over_for_good},
    {"B17 a root has an intensity", root_with_an_intensity},
    {"B12 a cancel before the start is remembered", cancelled_before_the_start},
    {"B17 a temporary child is forgotten at its end, and shown", temporary_children_are_forgotten},
    {"B17 a temporary child is forgotten when all below it has ended",
     temporary_parent_of_children},
    {"B17 a temporary runnable that has returned dies of one child while another is down",
     temporary_parent_dies_of_its_children},
    {"B17 children of one description start while the parent is healthy, under one intensity",
     children_of_one_description},
    {"B17 the ends of significant children stop their parent", automatic_shutdown},
    {"B17 which children may be significant is checked", significant_is_checked},
    {"B17 a transient runnable that ends its own context is not restarted",
     transient_that_ends_itself});
