/*
 * tree_units.c: contract B5, B6, B8, B13, B17: what one failure takes along is one unit; which
 * errors are told; children of one description, significant children, temporary children; a tree
 * that is over, or cancelled before its start.
 */
#include "support/check.h"
#include "support/mode.h"
#include "support/puppet.h"
#include "support/troupe.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ROOT, A, B, C, D, E };

static bool dies(struct troupe *troupe, struct actor *actor, const char *name)
{
    return actor_told(actor, ACTOR_FAIL) && troupe_sees(troupe, name, LC_NODE_DEAD);
}

static bool completes(struct troupe *troupe, struct actor *actor, const char *name)
{
    return actor_does(actor, ACTOR_HEALTHY) && actor_does(actor, ACTOR_DONE) &&
           actor_told(actor, ACTOR_RETURN) && troupe_sees(troupe, name, LC_NODE_DONE);
}

/* None of "a" to "d" has been started since it was last seen to be. */
static bool none_started(struct troupe *troupe)
{
    bool none = troupe_settles(troupe);
    for (size_t i = A; i <= D; i++)
        none = none && actor_absent(&troupe->actors[i]);
    return none;
}

/* ---- one unit ---- */

static void starts_when_all_has_ended(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *a = &troupe.actors[A], *b = &troupe.actors[B], *c = &troupe.actors[C];
    b->stubborn = c->stubborn = true;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 2));
    CU_ASSERT_TRUE(troupe_plays(b, (struct actor *[]){c}, 1));
    CU_ASSERT_TRUE(dies(&troupe, a, "root.a"));
    CHECK_CLOSES(lc_context_done(b->context));
    CU_ASSERT_TRUE(none_started(&troupe));
    CU_ASSERT_TRUE(actor_told(b, ACTOR_YIELD));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.b", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(none_started(&troupe)); /* "c", which is below "b", has not ended */
    CU_ASSERT_TRUE(actor_told(c, ACTOR_YIELD));
    CU_ASSERT_TRUE(actor_entered(a) && actor_entered(b));
    troupe_strike(&troupe);
}

/* One death in a group of four: its siblings answer with errors of their own making. */
static void counts_once(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *actors = troupe.actors;
    actors[ROOT].group.intensity = (lc_intensity){1, LC_HOUR, LC_STOP_PARENTS};
    for (size_t i = B; i <= D; i++)
        actors[i].stubborn = true;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 4));
    CU_ASSERT_TRUE(dies(&troupe, &actors[A], "root.a"));
    for (size_t i = B; i <= D; i++)
        CU_ASSERT_TRUE(actor_told(&actors[i], ACTOR_FAIL));
    for (size_t i = A; i <= D; i++)
        CU_ASSERT_TRUE(actor_entered(&actors[i]));
    CU_ASSERT_FALSE(actor_ended(&actors[ROOT]));
    for (size_t i = B; i <= D; i++) {
        char line[80];
        snprintf(line, sizeof line, "root.%s: failed while it was being stopped: \"%s\" failed",
                 actors[i].child.name, actors[i].child.name);
        CU_ASSERT_EQUAL(check_log_count(line), 1);
    }
    CU_ASSERT_EQUAL(check_log_count(": died: "), 1);
    troupe_strike(&troupe);
}

/* Limit exceeded with LC_STOP: `first` to "d" stay down when "b" fails. */
static void given_up(lc_strategy strategy, unsigned first)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *actors = troupe.actors;
    actors[ROOT].group.strategy = strategy;
    actors[ROOT].group.intensity = (lc_intensity){LC_RESTARTS_NONE, LC_SECOND, LC_STOP};
    CU_ASSERT_TRUE(troupe_open(&troupe) && actor_starts(&actors[ROOT], 4));
    for (unsigned i = A; i <= D; i++)
        CU_ASSERT_TRUE(actor_entered(&actors[i]) && actor_does(&actors[i], ACTOR_HEALTHY));
    CU_ASSERT_TRUE(dies(&troupe, &actors[B], "root.b"));
    for (unsigned i = first; i <= D; i++)
        CHECK_CLOSES(lc_context_done(actors[i].context));
    CU_ASSERT_TRUE(none_started(&troupe));
    for (unsigned i = A; i < first; i++)
        CU_ASSERT_TRUE(actor_does(&actors[i], ACTOR_LOOK));
    CU_ASSERT_TRUE(check_log_has("root.b: too many restarts (none is allowed)"));
    CU_ASSERT_FALSE(actor_ended(&actors[ROOT]));
    troupe_strike(&troupe);
}

static void is_given_up_as_one(void)
{
    given_up(LC_ONE_FOR_ALL, A);
    given_up(LC_REST_FOR_ONE, B);
}

static void rest_for_one_is_in_order(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *actors = troupe.actors;
    actors[ROOT].group.strategy = LC_REST_FOR_ONE;
    CU_ASSERT_TRUE(troupe_open(&troupe) && actor_starts(&actors[ROOT], 4));
    for (unsigned i = A; i <= D; i++) {
        actors[i].stubborn = true;
        CU_ASSERT_TRUE(actor_entered(&actors[i]));
        CU_ASSERT_TRUE(none_started(&troupe)); /* none before this is healthy */
        CU_ASSERT_TRUE(actor_does(&actors[i], ACTOR_HEALTHY));
    }
    CU_ASSERT_TRUE(dies(&troupe, &actors[B], "root.b"));
    CHECK_CLOSES(lc_context_done(actors[D].context));
    CU_ASSERT_TRUE(none_started(&troupe));
    CU_ASSERT_FALSE(actor_ended(&actors[C])); /* it stops when what depends on it has */
    CU_ASSERT_TRUE(actor_told(&actors[D], ACTOR_YIELD));
    CHECK_CLOSES(lc_context_done(actors[C].context));
    CU_ASSERT_TRUE(none_started(&troupe));
    CU_ASSERT_TRUE(actor_told(&actors[C], ACTOR_YIELD));
    for (unsigned i = B; i <= D; i++) {
        CU_ASSERT_TRUE(actor_entered(&actors[i]));
        CU_ASSERT_TRUE(none_started(&troupe));
        CU_ASSERT_TRUE(actor_does(&actors[i], ACTOR_HEALTHY));
    }
    CU_ASSERT_FALSE(actor_ended(&actors[A]));
    troupe_strike(&troupe);
}

/* "c" says done before its turn to stop, which is between those of "d" and "b". */
static void rest_for_one_passes_by_done(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *actors = troupe.actors;
    actors[ROOT].group.strategy = LC_REST_FOR_ONE;
    actors[B].stubborn = actors[D].stubborn = true;
    CU_ASSERT_TRUE(troupe_open(&troupe) && actor_starts(&actors[ROOT], 4));
    for (unsigned i = A; i <= D; i++)
        CU_ASSERT_TRUE(actor_entered(&actors[i]) && actor_does(&actors[i], ACTOR_HEALTHY));
    CU_ASSERT_TRUE(dies(&troupe, &actors[A], "root.a"));
    CHECK_CLOSES(lc_context_done(actors[D].context));
    CU_ASSERT_TRUE(actor_does(&actors[C], ACTOR_DONE) && actor_told(&actors[C], ACTOR_RETURN));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.c", LC_NODE_DONE));
    CU_ASSERT_TRUE(none_started(&troupe));
    CU_ASSERT_FALSE(actor_ended(&actors[B]) || actor_ended(&actors[C]));
    CU_ASSERT_TRUE(actor_told(&actors[D], ACTOR_YIELD));
    CHECK_CLOSES(lc_context_done(actors[B].context));
    CU_ASSERT_TRUE(none_started(&troupe)); /* "b" has not ended */
    CU_ASSERT_TRUE(actor_told(&actors[B], ACTOR_YIELD));
    for (unsigned i = A; i <= D; i++)
        CU_ASSERT_TRUE(actor_entered(&actors[i]) && actor_does(&actors[i], ACTOR_HEALTHY));
    troupe_strike(&troupe);
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
    struct troupe troupe;
    troupe_set(&troupe);
    troupe.actors[ROOT].child.run = fail_at_the_end;
    troupe.options.root = &troupe.actors[ROOT].child;
    CHECK_SUCCESS(lc_tree_new(&troupe.options, &troupe.tree));
    CHECK_SUCCESS(lc_tree_start(troupe.tree, NULL));
    CHECK_CLOSES(lc_tree_ready(troupe.tree));
    lc_tree_cancel(troupe.tree);
    lc_error *error = lc_tree_wait(troupe.tree, check_patience());
    CU_ASSERT_TRUE(lc_error_is(error, -ENOSPC));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "root"));
    lc_error_unref(error);
    CU_ASSERT_EQUAL(check_log_count("root: failed while it was being stopped: disk full"), 1);
    troupe_strike(&troupe);
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
    struct troupe troupe;
    troupe_set(&troupe);
    troupe.actors[ROOT].child.run = run;
    troupe.options.root = &troupe.actors[ROOT].child;
    CHECK_SUCCESS(lc_tree_new(&troupe.options, &troupe.tree));
    CHECK_SUCCESS(lc_tree_start(troupe.tree, NULL));
    CHECK_CLOSES(lc_tree_ready(troupe.tree));
    lc_tree_cancel(troupe.tree);
    CHECK_SUCCESS(lc_tree_wait(troupe.tree, check_patience()));
    CU_ASSERT_EQUAL(troupe_state(&troupe, "root"), LC_NODE_CANCELED);
    CU_ASSERT_FALSE(check_log_has("sleep: "));
    troupe_strike(&troupe);
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
    struct troupe troupe;
    troupe_set(&troupe);
    troupe.actors[A].child.run = return_cancelled;
    troupe.actors[A].child.backoff.first = troupe.actors[A].child.backoff.most = LC_HOUR;
    CU_ASSERT_TRUE(troupe_open(&troupe) && actor_starts(&troupe.actors[ROOT], 1));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", LC_NODE_DEAD));
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    CU_ASSERT_TRUE(check_log_has("root.a: died: of my own"));
    troupe_strike(&troupe);
}

/* Of what is below one that is dead, and of a temporary child, which is not started again. */
static void no_error_is_lost(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *a = &troupe.actors[A], *b = &troupe.actors[B], *c = &troupe.actors[C];
    c->stubborn = true;
    b->child.restart = LC_TEMPORARY;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 2));
    CU_ASSERT_TRUE(troupe_plays(a, (struct actor *[]){c}, 1));
    CU_ASSERT_TRUE(dies(&troupe, b, "root.b"));
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    CU_ASSERT_EQUAL(check_log_count("root.b: died: \"b\" failed with -102"), 1);
    CU_ASSERT_TRUE(dies(&troupe, a, "root.a"));
    CHECK_CLOSES(lc_context_done(c->context));
    CU_ASSERT_TRUE(actor_told(c, ACTOR_FAIL));
    CU_ASSERT_TRUE(actor_entered(a));
    CU_ASSERT_EQUAL(check_log_count("root.a.c: failed while it was being stopped"), 1);
    CU_ASSERT_EQUAL(check_log_count("root.a: died: \"a\" failed with -101"), 1);
    troupe_strike(&troupe);
}

/* ---- a tree that is over, or was cancelled before it began ---- */

static void root_is_over(lc_restart_type restart, enum actor_order order, int code)
{
    struct troupe troupe;
    struct scope scope = scope_new(NULL);
    troupe_set(&troupe);
    troupe.context = scope.context;
    struct actor *root = &troupe.actors[ROOT];
    root->child.restart = restart;
    CU_ASSERT_TRUE(troupe_open(&troupe) && actor_does(root, ACTOR_HEALTHY));
    CU_ASSERT_TRUE(order != ACTOR_RETURN || actor_does(root, ACTOR_DONE));
    CU_ASSERT_TRUE(actor_told(root, order));
    CHECK_CLOSES(lc_tree_done(troupe.tree));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_tree_ready(troupe.tree)));
    lc_error *error = lc_signaler_take(scope.signaler);
    CU_ASSERT_EQUAL(lc_error_code(error), code);
    lc_error_unref(error);
    error = lc_tree_wait(troupe.tree, check_patience());
    CU_ASSERT_EQUAL(lc_error_code(error), code);
    lc_error_unref(error);
    CU_ASSERT_EQUAL(check_log_count("root: died: "), code != 0);
    lc_tree_cancel(troupe.tree);
    troupe_strike(&troupe);
    scope_drop(&scope);
}

static void over_for_good(void)
{
    root_is_over(LC_PERMANENT, ACTOR_RETURN, 0);
    root_is_over(LC_TRANSIENT, ACTOR_RETURN, 0);
    root_is_over(LC_TEMPORARY, ACTOR_FAIL, -100);
}

static void root_with_an_intensity(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    troupe.options.intensity = (lc_intensity){1, LC_HOUR, LC_STOP};
    struct actor *root = &troupe.actors[ROOT];
    CU_ASSERT_TRUE(troupe_open(&troupe));
    CU_ASSERT_TRUE(actor_told(root, ACTOR_FAIL) && actor_entered(root));
    CU_ASSERT_TRUE(actor_told(root, ACTOR_FAIL));
    CHECK_CLOSES(lc_tree_done(troupe.tree));
    CHECK_OPEN(lc_tree_ready(troupe.tree));
    CU_ASSERT_TRUE(check_log_has("its root has ended before it was healthy"));
    CHECK_ERROR(lc_tree_wait(troupe.tree, check_patience()), -100);
    troupe_strike(&troupe);
}

static void cancelled_before_the_start(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    troupe.options.root = &troupe.actors[ROOT].child;
    CHECK_SUCCESS(lc_tree_new(&troupe.options, &troupe.tree));
    lc_tree_cancel(troupe.tree);
    CHECK_SUCCESS(lc_tree_start(troupe.tree, NULL));
    CHECK_SUCCESS(lc_tree_wait(troupe.tree, check_patience()));
    CU_ASSERT_TRUE(actor_absent(&troupe.actors[ROOT]));
    troupe_strike(&troupe);
}

/* ---- temporary children, and children of one description ---- */

static void temporary_children_are_forgotten(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *root = &troupe.actors[ROOT], *a = &troupe.actors[A];
    a->child.restart = LC_TEMPORARY;
    CU_ASSERT_TRUE(troupe_open(&troupe));
    for (unsigned i = 0; i < 20; i++) {
        CU_ASSERT_TRUE(troupe_plays(root, (struct actor *[]){a}, 1));
        CU_ASSERT_EQUAL(troupe_count(&troupe), 2);
        CU_ASSERT_TRUE(actor_told(a, i % 2 ? ACTOR_FAIL : ACTOR_RETURN));
        CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", i % 2 ? LC_NODE_DEAD : LC_NODE_DONE));
        CU_ASSERT_TRUE(troupe_settles(&troupe));
        lc_node_status last = troupe_status(&troupe, "root.a"); /* is still shown */
        CU_ASSERT_EQUAL(last.state, i % 2 ? LC_NODE_DEAD : LC_NODE_DONE);
    }
    lc_snapshot *live = lc_tree_snapshot_live(troupe.tree);
    CU_ASSERT_EQUAL(live->count, 1);
    lc_snapshot_free(live);
    troupe_strike(&troupe);
}

static void temporary_parent_of_children(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *root = &troupe.actors[ROOT], *a = &troupe.actors[A], *b = &troupe.actors[B];
    a->child.restart = LC_TEMPORARY;
    b->child.restart = LC_TRANSIENT;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 1));
    CU_ASSERT_TRUE(troupe_plays(a, (struct actor *[]){b}, 1));
    CU_ASSERT_TRUE(completes(&troupe, a, "root.a"));
    CU_ASSERT_TRUE(actor_does(b, ACTOR_LOOK)); /* it goes on, so "a" is not forgotten */
    CU_ASSERT_FALSE(actor_starts(root, 1));
    CU_ASSERT_EQUAL(root->answer, -EEXIST);
    CU_ASSERT_TRUE(actor_told(b, ACTOR_RETURN));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a.b", LC_NODE_DONE));
    CU_ASSERT_TRUE(actor_does(root, ACTOR_LOOK));
    CU_ASSERT_TRUE(troupe_plays(root, (struct actor *[]){a}, 1));
    troupe_strike(&troupe);
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

static struct description jobs_of(struct actor *actor, unsigned restarts)
{
    struct description jobs = {.group = {.size = sizeof(lc_child_group)}};
    actor->alone[0] = &actor->child;
    jobs.group.children = actor->alone;
    jobs.group.strategy = LC_ONE_FOR_ONE;
    jobs.group.intensity = (lc_intensity){restarts, LC_HOUR, LC_STOP_PARENTS};
    return jobs;
}

static void children_of_one_description(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *root = &troupe.actors[ROOT], *a = &troupe.actors[A], *job = &troupe.actors[B];
    struct description jobs = jobs_of(job, 1), late = jobs_of(job, 0), bad = jobs_of(job, 0);
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 1));
    bad.group.strategy = LC_ONE_FOR_ALL;
    CU_ASSERT_TRUE(actor_calls(a, describe, &bad));
    CU_ASSERT_EQUAL(bad.code, -EINVAL);
    CU_ASSERT_TRUE(actor_calls(a, describe, &jobs));
    CU_ASSERT_EQUAL(jobs.code, 0);
    CU_ASSERT_TRUE(actor_does(a, ACTOR_HEALTHY));
    CU_ASSERT_TRUE(actor_calls(a, describe, &late));
    CU_ASSERT_EQUAL(late.code, -EPERM);
    CHECK_SUCCESS(lc_children_start(jobs.children, NULL, NULL)); /* though it is healthy */
    CU_ASSERT_TRUE(actor_entered(job) && troupe_sees(&troupe, "root.a.b-1", LC_NODE_STARTING));
    CHECK_ERROR(lc_children_start(jobs.children, "b-1", NULL), -EEXIST);
    CHECK_ERROR(lc_children_start(jobs.children, "b 2", NULL), -EINVAL);
    CHECK_ERROR(lc_children_start(NULL, NULL, NULL), -EINVAL);
    CU_ASSERT_TRUE(actor_told(job, ACTOR_FAIL)); /* each restarts alone */
    CU_ASSERT_TRUE(actor_entered(job));
    CHECK_SUCCESS(lc_children_start(jobs.children, "other", NULL));
    CU_ASSERT_TRUE(actor_entered(job) && troupe_sees(&troupe, "root.a.other", LC_NODE_STARTING));
    CU_ASSERT_TRUE(actor_told(job, ACTOR_FAIL)); /* one too many of all of them */
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", LC_NODE_DEAD));
    CU_ASSERT_TRUE(actor_entered(a));
    CHECK_ERROR(lc_children_start(jobs.children, NULL, NULL), -ESHUTDOWN); /* of the last one */
    CU_ASSERT_PTR_EQUAL(lc_children_ref(jobs.children), jobs.children);
    lc_children_unref(jobs.children);
    lc_children_unref(jobs.children);
    CU_ASSERT_FALSE(actor_ended(root));
    troupe_strike(&troupe);
}

/* ---- significant children ---- */

static void stop_the_parent(lc_automatic_shutdown when, lc_restart_type restart)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *root = &troupe.actors[ROOT], *a = &troupe.actors[A], *b = &troupe.actors[B],
                 *c = &troupe.actors[C];
    a->child.restart = restart;
    b->child.restart = c->child.restart = LC_TRANSIENT;
    b->child.significant = c->child.significant = true;
    a->group.automatic_shutdown = when;
    a->group.strategy = LC_ONE_FOR_ONE;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 1));
    CU_ASSERT_TRUE(troupe_plays(a, (struct actor *[]){b, c}, 2));
    CU_ASSERT_TRUE(actor_told(b, ACTOR_FAIL) && actor_entered(b)); /* it is not over by that */
    CU_ASSERT_TRUE(completes(&troupe, b, "root.a.b"));
    if (when == LC_AUTOMATIC_SHUTDOWN_ALL) {
        CU_ASSERT_TRUE(actor_does(a, ACTOR_LOOK) && !actor_ended(a));
        CU_ASSERT_TRUE(actor_told(c, ACTOR_RETURN));
    }
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(restart == LC_TRANSIENT || actor_entered(a));
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    CU_ASSERT_TRUE(actor_absent(a));
    CU_ASSERT_FALSE(actor_ended(root));
    troupe_strike(&troupe);
}

static void automatic_shutdown(void)
{
    stop_the_parent(LC_AUTOMATIC_SHUTDOWN_ANY, LC_TRANSIENT);
    stop_the_parent(LC_AUTOMATIC_SHUTDOWN_ALL, LC_TRANSIENT);
    stop_the_parent(LC_AUTOMATIC_SHUTDOWN_ALL, LC_PERMANENT);
}

static void significant_is_checked(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *root = &troupe.actors[ROOT];
    troupe.actors[A].child.significant = true; /* of a permanent one */
    CU_ASSERT_TRUE(troupe_open(&troupe));
    CU_ASSERT_FALSE(actor_starts(root, 1));
    CU_ASSERT_EQUAL(root->answer, -EINVAL);
    troupe.actors[A].child.significant = false;
    root->group.automatic_shutdown = (lc_automatic_shutdown)3;
    CU_ASSERT_FALSE(actor_starts(root, 1));
    CU_ASSERT_EQUAL(root->answer, -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(root->said, "automatic_shutdown of the group is 3"));
    troupe_strike(&troupe);
}

static void end_own_context(lc_context *context, void *arg)
{
    (void)arg;
    lc_context_cancel(context, NULL);
}

static void transient_that_ends_itself(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *a = &troupe.actors[A], *b = &troupe.actors[B];
    a->child.restart = LC_TRANSIENT;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 2));
    CU_ASSERT_TRUE(actor_calls(a, end_own_context, NULL));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(none_started(&troupe));
    CU_ASSERT_TRUE(dies(&troupe, b, "root.b")); /* which takes it along, as one that is done */
    CU_ASSERT_TRUE(actor_entered(a) && actor_entered(b));
    troupe_strike(&troupe);
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
    {"B5 that code alone is a death", code_alone_is_no_cancellation},
    {"B6 each death and each late error is logged, once", no_error_is_lost},
    {"B13 a tree whose root is over for good is done, and tells its error", over_for_good},
    {"B17 a root has an intensity", root_with_an_intensity},
    {"B12 a cancel before the start is remembered", cancelled_before_the_start},
    {"B17 a temporary child is forgotten at its end, and shown", temporary_children_are_forgotten},
    {"B17 a temporary child is forgotten when all below it has ended",
     temporary_parent_of_children},
    {"B17 children of one description start while the parent is healthy, under one intensity",
     children_of_one_description},
    {"B17 the ends of significant children stop their parent", automatic_shutdown},
    {"B17 which children may be significant is checked", significant_is_checked},
    {"B17 a transient runnable that ends its own context is not restarted",
     transient_that_ends_itself});
