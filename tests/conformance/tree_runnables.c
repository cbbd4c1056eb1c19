/*
 * tree_runnables.c: contract B1-B6, B11: what runnables of a tree may call, how they are called,
 * and how they end.
 */
#include "support/check.h"
#include "support/helper.h"
#include "support/mode.h"
#include "support/scripted_tree.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ROOT, A, B, C, D, E };

/* ---- B1: children ---- */

static void new_starts_children(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables;
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_TRUE(
        tree_start_children(&runnables[ROOT], (struct scripted_runnable *[]){&runnables[A]}, 1));
    CU_ASSERT_TRUE(tree_start_children(
        &runnables[ROOT],
        (struct scripted_runnable *[]){&runnables[B], &runnables[C], &runnables[D]}, 3));
    CU_ASSERT_TRUE(
        tree_start_children(&runnables[C], (struct scripted_runnable *[]){&runnables[E]}, 1));
    CU_ASSERT_EQUAL(tree_count(&tree), 6);
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a"), LC_NODE_STARTING);
    CU_ASSERT_EQUAL(tree_state(&tree, "root.c.e"), LC_NODE_STARTING);
    CU_ASSERT_TRUE(runnable_does(&runnables[E], RUNNABLE_LOOK));
    CU_ASSERT_TRUE(runnable_does(&runnables[ROOT], RUNNABLE_LOOK));
    tree_drop(&tree);
}

static void start_child(lc_context *context, void *arg)
{
    struct scripted_runnable *runnable = arg;
    CHECK_SUCCESS(lc_runnable_start_child(context, &runnable->child));
}

/* Also with a context below the runnable's own. */
static void start_child_below(lc_context *context, void *arg)
{
    lc_context *below = lc_context_new(context);
    start_child(below, arg);
    lc_context_unref(below);
}

static void starts_with_a_context_below(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_TRUE(runnable_calls(&tree.runnables[ROOT], start_child_below, &tree.runnables[A]));
    CU_ASSERT_TRUE(runnable_entered(&tree.runnables[A]));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_PTR_NULL(lc_context_error(tree.runnables[A].context));
    tree_drop(&tree);
}

static void only_new_starts_children(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *root = &tree.runnables[ROOT];
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    root->children[0] = &tree.runnables[B];
    for (enum runnable_order order = RUNNABLE_HEALTHY; order <= RUNNABLE_DONE; order++) {
        CU_ASSERT_TRUE(runnable_does(root, order));
        for (size_t count = 0; count <= 2; count++) {
            CU_ASSERT_FALSE(runnable_starts(root, count));
            CU_ASSERT_EQUAL(root->answer, -EPERM);
        }
    }
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(&tree.runnables[B]));
    CU_ASSERT_EQUAL(tree_count(&tree), 2);
    tree_drop(&tree);
}

static void group_of_none(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_TRUE(runnable_starts(&tree.runnables[ROOT], 0));
    CU_ASSERT_EQUAL(tree_count(&tree), 1);
    tree_drop(&tree);
}

/* Has the root try to start "b" to "d" in a group, one of which is bad; then without it. */
static void refused(void (*spoil)(struct scripted_runnable *bad), int wanted, const char *told)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables, *root = &runnables[ROOT];
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    for (size_t i = 0; i < 3; i++)
        root->children[i] = &runnables[B + i];
    lc_child kept = runnables[C].child;
    spoil(&runnables[C]);
    CU_ASSERT_FALSE(runnable_starts(root, 3));
    CU_ASSERT_EQUAL(root->answer, wanted);
    CU_ASSERT_PTR_NOT_NULL(strstr(root->said, told));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(&runnables[B]) && runnable_absent(&runnables[C]) &&
                   runnable_absent(&runnables[D]));
    CU_ASSERT_EQUAL(tree_count(&tree), 2);
    runnables[C].child = kept; /* nor has a name been kept */
    CU_ASSERT_TRUE(tree_start_children(
        root, (struct scripted_runnable *[]){&runnables[B], &runnables[C], &runnables[D]}, 3));
    CU_ASSERT_EQUAL(tree_count(&tree), 5);
    tree_drop(&tree);
}

static void named_as_a_sibling(struct scripted_runnable *bad)
{
    bad->child.name = "a";
}

static void named_as_a_member(struct scripted_runnable *bad)
{
    bad->child.name = "b";
}

static void badly_named(struct scripted_runnable *bad)
{
    bad->child.name = "c.c";
}

static void without_a_function(struct scripted_runnable *bad)
{
    bad->child.run = NULL;
}

static void of_no_kind(struct scripted_runnable *bad)
{
    bad->child.kind = (lc_worker_kind)7;
}

static void of_no_restart_type(struct scripted_runnable *bad)
{
    bad->child.restart = (lc_restart_type)4;
}

static void of_no_time(struct scripted_runnable *bad)
{
    bad->child.stop_timeout = -1;
}

static void of_no_backoff(struct scripted_runnable *bad)
{
    bad->child.backoff.factor = 0.5;
}

static void of_no_size(struct scripted_runnable *bad)
{
    bad->child.size = 1;
}

static void refused_group_starts_none(void)
{
    refused(named_as_a_sibling, -EEXIST, "\"a\"");
    refused(named_as_a_member, -EEXIST, "\"b\"");
    refused(badly_named, -EINVAL, "\"c.c\"");
    refused(without_a_function, -EINVAL, "run of \"c\"");
    refused(of_no_kind, -EINVAL, "kind of \"c\"");
    refused(of_no_restart_type, -EINVAL, "restart of \"c\"");
    refused(of_no_time, -EINVAL, "stop_timeout of \"c\"");
    refused(of_no_backoff, -EINVAL, "backoff.factor of \"c\"");
    refused(of_no_size, -EINVAL, "lc_child");
}

static const lc_child *const *too_many_children(const lc_child *child)
{
    const lc_child **children = calloc(LC_TREE_NODES_MAX + 2, sizeof *children);
    if (!children)
        abort();
    for (size_t i = 0; i <= LC_TREE_NODES_MAX; i++)
        children[i] = child;
    return children;
}

static void start_bad_groups(lc_context *context, void *arg)
{
    lc_child_group group = {.size = sizeof group};
    const struct scripted_runnable *runnable = arg;
    CHECK_ERROR(lc_runnable_start_group(context, NULL), -EINVAL);
    CHECK_ERROR(lc_runnable_start_child(context, NULL), -EINVAL);
    const lc_child *const members[] = {&runnable->child, NULL};
    const lc_child *const bad_members[] = {LC_CHILD(.name = "bad"), NULL};
    group.children = bad_members;
    CHECK_ERROR(lc_runnable_start_group(context, &group), -EINVAL);
    group.children = members;
    group.strategy = (lc_strategy)3;
    CHECK_ERROR(lc_runnable_start_group(context, &group), -EINVAL);
    group.strategy = LC_ONE_FOR_ALL;
    group.children = too_many_children(&runnable->child);
    CHECK_ERROR(lc_runnable_start_group(context, &group), -ENOSPC);
    free((void *)(uintptr_t)group.children);
    group.children = members;
    group.intensity.restarts = LC_INTENSITY_MAX + 1;
    CHECK_ERROR(lc_runnable_start_group(context, &group), -EINVAL);
    group.intensity = (lc_intensity){1, -1, LC_STOP};
    CHECK_ERROR(lc_runnable_start_group(context, &group), -EINVAL);
    group.intensity = (lc_intensity){1, 1, LC_STOP};
    group.size = 1;
    CHECK_ERROR(lc_runnable_start_group(context, &group), -EINVAL);
}

static void bad_groups_are_refused(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_TRUE(runnable_calls(&tree.runnables[ROOT], start_bad_groups, &tree.runnables[A]));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(&tree.runnables[A]));
    tree_drop(&tree);
}

/* "a" shares the fate of "b", and starts "c" when it has ended. */
static void accepted_child_is_started(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *c = &tree.runnables[C];
    a->stubborn = c->stubborn = true;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(runnable_told(&tree.runnables[B], RUNNABLE_FAIL));
    CHECK_CLOSES(lc_context_done(a->context));
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){c}, 1));
    CU_ASSERT_TRUE(runnable_ended(c));
    CU_ASSERT_TRUE(runnable_does(c, RUNNABLE_HEALTHY));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a.c", LC_NODE_READY));
    CU_ASSERT_TRUE(runnable_does(c, RUNNABLE_DONE));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_YIELD));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(a)); /* not before "c" has ended */
    CU_ASSERT_TRUE(runnable_does(c, RUNNABLE_LOOK));
    CU_ASSERT_TRUE(runnable_told(c, RUNNABLE_YIELD));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a.c", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(runnable_entered(a));
    CU_ASSERT_FALSE(runnable_ended(a));
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a.c"), -1);
    tree_drop(&tree);
}

static void cancelled_tree_starts_none(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *root = &tree.runnables[ROOT];
    root->stubborn = true;
    CU_ASSERT_TRUE(tree_start(&tree));
    lc_tree_cancel(tree.real);
    CU_ASSERT_FALSE(runnable_starts(root, 1));
    CU_ASSERT_EQUAL(root->answer, -ESHUTDOWN);
    CU_ASSERT_TRUE(runnable_told(root, RUNNABLE_YIELD));
    CHECK_SUCCESS(lc_tree_wait(tree.real, check_patience()));
    CU_ASSERT_TRUE(runnable_absent(&tree.runnables[A]));
    CU_ASSERT_EQUAL(tree_count(&tree), 1);
    tree_drop(&tree);
}

/* ---- B2: signals ---- */

static void signals_in_order(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *root = &tree.runnables[ROOT];
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_TRUE(tree_next(&tree, "root", LC_NODE_STARTING));
    CHECK_OPEN(lc_tree_ready(tree.real));
    CU_ASSERT_TRUE(runnable_does(root, RUNNABLE_HEALTHY));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_tree_ready(tree.real)));
    CU_ASSERT_TRUE(tree_next(&tree, "root", LC_NODE_READY));
    CU_ASSERT_EQUAL(tree_state(&tree, "root"), LC_NODE_READY);
    CU_ASSERT_TRUE(runnable_does(root, RUNNABLE_DONE));
    CU_ASSERT_EQUAL(tree_state(&tree, "root"), LC_NODE_READY); /* it has not returned */
    CU_ASSERT_TRUE(runnable_told(root, RUNNABLE_RETURN));
    CU_ASSERT_TRUE(tree_next(&tree, "root", LC_NODE_DONE));
    CHECK_CLOSES(lc_tree_done(tree.real)); /* nothing is left that could run */
    tree_drop(&tree);
}

static void tree_is_ready_with_its_root(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(runnable_does(&tree.runnables[A], RUNNABLE_HEALTHY));
    CHECK_OPEN(lc_tree_ready(tree.real));
    CU_ASSERT_TRUE(runnable_does(&tree.runnables[ROOT], RUNNABLE_HEALTHY));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_tree_ready(tree.real)));
    tree_drop(&tree);
}

/* A runnable that signals so dies of the last, and what would come after it does not. */
static void dies_of(const enum runnable_order *orders, size_t count)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A];
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    for (size_t i = 0; i + 1 < count; i++)
        CU_ASSERT_TRUE(runnable_does(a, orders[i]));
    CU_ASSERT_TRUE(runnable_told(a, orders[count - 1]));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DEAD));
    CU_ASSERT_EQUAL(tree.last.code, -EPROTO);
    CU_ASSERT_EQUAL(lc_channel_length(a->answers), 0);
    CU_ASSERT_TRUE(runnable_entered(a)); /* again */
    CU_ASSERT_TRUE(runnable_does(&tree.runnables[ROOT], RUNNABLE_LOOK));
    tree_drop(&tree);
}

static void signals_out_of_order(void)
{
    dies_of((enum runnable_order[]){RUNNABLE_DONE}, 1);
    dies_of((enum runnable_order[]){RUNNABLE_HEALTHY, RUNNABLE_HEALTHY}, 2);
    dies_of((enum runnable_order[]){RUNNABLE_HEALTHY, RUNNABLE_DONE, RUNNABLE_DONE}, 3);
    dies_of((enum runnable_order[]){RUNNABLE_HEALTHY, RUNNABLE_DONE, RUNNABLE_HEALTHY}, 3);
}

enum foreign_call {
    CALL_RUN,
    CALL_RUN_GROUP,
    CALL_RUN_NONE,
    CALL_HEALTHY,
    CALL_DONE,
    CALL_NAME,
    CALL_SUBLOG,
    CALLS
};

struct foreign {
    lc_context *context;
    enum foreign_call call;
    const lc_child *child;
    atomic_bool went_on;
};

static void call_with(lc_context *context, enum foreign_call call, const lc_child *child)
{
    lc_child_group group = {.size = sizeof group};
    const char *log;
    const lc_child *const members[] = {call == CALL_RUN_GROUP ? child : NULL, NULL};
    group.children = members;
    switch (call) {
    case CALL_RUN:
        lc_error_unref(lc_runnable_start_child(context, child));
        break;
    case CALL_RUN_GROUP:
    case CALL_RUN_NONE:
        lc_error_unref(lc_runnable_start_group(context, &group));
        break;
    case CALL_HEALTHY:
        lc_runnable_signal_healthy(context);
        break;
    case CALL_DONE:
        lc_runnable_signal_done(context);
        break;
    case CALL_NAME:
        (void)lc_runnable_name(context);
        break;
    case CALL_SUBLOG:
    case CALLS:
        lc_error_unref(lc_runnable_sublog(context, "log", &log));
        break;
    }
}

static void call_from_outside(void *arg)
{
    struct foreign *foreign = arg;
    call_with(foreign->context, foreign->call, foreign->child);
    atomic_store(&foreign->went_on, true);
}

static lc_error *await_end(lc_context *context, void *arg)
{
    (void)arg;
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static lc_child waiting_child(void)
{
    lc_child child = {.size = sizeof child};
    child.name = "child";
    child.run = await_end;
    child.kind = check_kind();
    return child;
}

static void foreign_context_throws(void)
{
    lc_child child = waiting_child();
    for (int call = 0; call < CALLS; call++) {
        struct scope scope = scope_new(NULL);
        struct foreign foreign = {scope.context, (enum foreign_call)call, &child, false};
        helper_do(call_from_outside, &foreign);
        CU_ASSERT_FALSE(atomic_load(&foreign.went_on));
        CHECK_ERROR(lc_signaler_take(scope.signaler), -EINVAL);
        scope_drop(&scope);
    }
}

CHECK_CHILD(tree_call_without_signaler)
{
    lc_context *context = lc_context_new(NULL);
    struct foreign foreign = {.context = context, .call = CALL_HEALTHY};
    helper_do(call_from_outside, &foreign);
    return 0;
}

CHECK_CHILD(tree_call_without_context)
{
    lc_child child = waiting_child();
    struct foreign foreign = {.call = CALL_RUN, .child = &child};
    helper_do(call_from_outside, &foreign);
    return 0;
}

static void foreign_context_without_signaler(void)
{
    struct check_exit exit = check_child("tree_call_without_signaler");
    CU_ASSERT_EQUAL(exit.status, 70);
    CU_ASSERT_PTR_NOT_NULL(strstr(exit.errors, "belongs to no runnable"));
    CU_ASSERT_EQUAL(check_child("tree_call_without_context").status, 70);
}

static void call_foreign(lc_context *context, void *arg)
{
    (void)context;
    call_from_outside(arg);
}

/* The caller dies of it. Its sibling, and the owner of the foreign context, are not affected. */
static void foreign_call_kills_the_caller(lc_context *foreign_context)
{
    struct scripted_tree tree;
    lc_child child = waiting_child();
    tree_init(&tree);
    tree.runnables[ROOT].group.strategy = LC_ONE_FOR_ONE;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    for (int call = 0; call < CALLS; call++) {
        struct foreign foreign = {foreign_context, (enum foreign_call)call, &child, false};
        CU_ASSERT_TRUE(runnable_told_to_call(&tree.runnables[A], call_foreign, &foreign));
        CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DEAD));
        CU_ASSERT_EQUAL(tree.last.code, -EINVAL);
        CU_ASSERT_FALSE(atomic_load(&foreign.went_on));
        CU_ASSERT_TRUE(runnable_entered(&tree.runnables[A])); /* again */
        CU_ASSERT_TRUE(runnable_does(&tree.runnables[B], RUNNABLE_LOOK));
        CU_ASSERT_TRUE(runnable_absent(&tree.runnables[B]));
    }
    tree_drop(&tree);
}

static void foreign_call_kills_its_caller_alone(void)
{
    struct scope scope = scope_new(NULL);
    lc_context *silent = lc_context_new(NULL);
    foreign_call_kills_the_caller(silent);
    foreign_call_kills_the_caller(NULL);
    foreign_call_kills_the_caller(scope.context);
    CHECK_OPEN(lc_signaler_thrown(scope.signaler));
    lc_context_unref(silent);
    scope_drop(&scope);
}

/* Its instance is over, and so is what may be done with its context, though the tree goes on. */
static void context_of_one_that_has_ended(void)
{
    struct scripted_tree tree;
    lc_child child = waiting_child();
    tree_init(&tree);
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(runnable_told(&tree.runnables[A], RUNNABLE_FAIL));
    lc_context *old = lc_context_ref(tree.runnables[A].context);
    CU_ASSERT_TRUE(runnable_entered(&tree.runnables[A]));
    for (int call = 0; call < CALLS; call++) {
        struct foreign foreign = {old, (enum foreign_call)call, &child, false};
        helper_do(call_from_outside, &foreign);
        CU_ASSERT_EQUAL(atomic_load(&foreign.went_on), call == CALL_NAME);
    }
    /* Nothing else is told, since there is nothing. */
    CU_ASSERT_EQUAL(check_log_count("unhandled error: a call of the tree by \"root.a\""),
                    CALLS - 1);
    CU_ASSERT_TRUE(runnable_does(&tree.runnables[A], RUNNABLE_LOOK));
    CU_ASSERT_EQUAL(tree_count(&tree), 2);
    lc_context_unref(old);
    tree_drop(&tree);
}

/* ---- B3: names ---- */

#define LONGEST "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-"
static const char too_long[] = LONGEST "x";

static void start_names(lc_context *context, void *arg)
{
    static const char *const bad[] = {"", too_long, "a.b", "a b", "\303\244", "a\n", "/", NULL};
    static const char *const good[] = {LONGEST, "-", "_", "0", "a", "A"};
    lc_child child = waiting_child();
    (void)arg;
    CU_ASSERT_EQUAL(sizeof LONGEST - 1, LC_TREE_NAME_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        child.name = bad[i];
        CHECK_ERROR(lc_runnable_start_child(context, &child), -EINVAL);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        child.name = good[i];
        CHECK_SUCCESS(lc_runnable_start_child(context, &child));
        CHECK_ERROR(lc_runnable_start_child(context, &child), -EEXIST);
    }
}

static void names_are_checked(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_TRUE(runnable_calls(&tree.runnables[ROOT], start_names, NULL));
    CU_ASSERT_EQUAL(tree_count(&tree), 7);
    CU_ASSERT_TRUE(tree_state(&tree, "root." LONGEST) == LC_NODE_STARTING);
    tree_drop(&tree);
}

static void check_name(lc_context *context, void *arg)
{
    lc_context *below = lc_context_new(context);
    CU_ASSERT_STRING_EQUAL(lc_runnable_name(context), arg);
    CU_ASSERT_STRING_EQUAL(lc_runnable_name(below), arg);
    lc_context_unref(below);
}

static bool is_called(struct scripted_runnable *runnable, const char *name)
{
    return runnable_calls(runnable, check_name, (void *)(uintptr_t)name);
}

static void distinguished_names(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables;
    runnables[ROOT].child.name = "top";
    runnables[D].child.name = "b"; /* as that other one, elsewhere */
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(tree_start_children(
        &runnables[A], (struct scripted_runnable *[]){&runnables[C], &runnables[D]}, 2));
    CU_ASSERT_TRUE(is_called(&runnables[ROOT], "top"));
    CU_ASSERT_TRUE(is_called(&runnables[B], "top.b"));
    CU_ASSERT_TRUE(is_called(&runnables[C], "top.a.c"));
    CU_ASSERT_TRUE(is_called(&runnables[D], "top.a.b"));
    /* The name is there as long as the instance's context is. */
    CU_ASSERT_STRING_EQUAL(lc_runnable_name(runnables[D].context), "top.a.b");
    tree_drop(&tree);
}

static void open_log(lc_context *context, void *arg)
{
    const char **log = arg;
    CHECK_SUCCESS(lc_runnable_sublog(context, "c", log));
}

static void open_bad_logs(lc_context *context, void *arg)
{
    const char *log = NULL;
    (void)arg;
    CHECK_ERROR(lc_runnable_sublog(context, "a.b", &log), -EINVAL);
    CHECK_ERROR(lc_runnable_sublog(context, "", &log), -EINVAL);
    CHECK_ERROR(lc_runnable_sublog(context, NULL, &log), -EINVAL);
    CHECK_ERROR(lc_runnable_sublog(context, too_long, &log), -EINVAL);
    CHECK_ERROR(lc_runnable_sublog(context, "log", NULL), -EINVAL);
    CHECK_ERROR(lc_runnable_sublog(context, "c", &log), -EEXIST); /* a child, or a log */
    CU_ASSERT_PTR_NULL(log);
    CHECK_SUCCESS(lc_runnable_sublog(context, "log", &log));
    CU_ASSERT_STRING_EQUAL(log, "root.a.log");
}

static void write_to(lc_context *context, void *arg)
{
    (void)context;
    lc_log(LC_LOG_INFO, arg, "a line");
}

static void log_is_refused_to_children(void)
{
    struct scripted_tree tree;
    const char *log = NULL;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *c = &tree.runnables[C];
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(runnable_calls(a, open_log, (void *)&log));
    CU_ASSERT_STRING_EQUAL(log, "root.a.c");
    CU_ASSERT_TRUE(runnable_calls(a, write_to, (void *)(uintptr_t)log));
    CU_ASSERT_TRUE(check_log_has("root.a.c: a line"));
    CU_ASSERT_TRUE(runnable_calls(a, open_bad_logs, NULL));
    a->children[0] = c;
    CU_ASSERT_FALSE(runnable_starts(a, 1));
    CU_ASSERT_EQUAL(a->answer, -EEXIST);
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL));
    CU_ASSERT_TRUE(runnable_entered(a)); /* again: the name is free */
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){c}, 1));
    tree_drop(&tree);
}

static void child_is_refused_to_logs(void)
{
    struct scripted_tree tree;
    const char *log = NULL;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *c = &tree.runnables[C];
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){c}, 1));
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_HEALTHY));
    CU_ASSERT_TRUE(runnable_calls(a, open_bad_logs, NULL));
    CU_ASSERT_TRUE(runnable_does(c, RUNNABLE_HEALTHY));
    CU_ASSERT_TRUE(runnable_does(c, RUNNABLE_DONE));
    CU_ASSERT_TRUE(runnable_told(c, RUNNABLE_RETURN));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a.c", LC_NODE_DONE));
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_DONE));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL));
    CU_ASSERT_TRUE(runnable_entered(a));
    CU_ASSERT_TRUE(runnable_calls(a, open_log, (void *)&log));
    CU_ASSERT_STRING_EQUAL(log, "root.a.c");
    tree_drop(&tree);
}

/* ---- B4, B5, B6: ends ---- */

static void done_keeps_what_is_below(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *c = &tree.runnables[C];
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){c}, 1));
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_HEALTHY) && runnable_does(a, RUNNABLE_DONE));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_RETURN));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DONE));
    CU_ASSERT_EQUAL(tree.last.code, 0);
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_FALSE(runnable_ended(a));
    CU_ASSERT_FALSE(runnable_ended(c));
    CU_ASSERT_TRUE(runnable_absent(a));
    CU_ASSERT_TRUE(runnable_does(c, RUNNABLE_LOOK));
    CU_ASSERT_TRUE(runnable_does(&tree.runnables[B], RUNNABLE_LOOK));
    CU_ASSERT_TRUE(runnable_told(c, RUNNABLE_FAIL)); /* and are supervised */
    CU_ASSERT_TRUE(runnable_entered(c));
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a"), LC_NODE_DONE);
    tree_drop(&tree);
}

/* How "a" ends when, cancelled, it ends so. */
static void cancelled_ends(enum runnable_order signal, enum runnable_order order,
                           lc_node_state state, int code)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A];
    a->stubborn = true;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    for (enum runnable_order signalled = RUNNABLE_HEALTHY; signalled <= signal; signalled++)
        CU_ASSERT_TRUE(runnable_does(a, signalled));
    CU_ASSERT_TRUE(runnable_told(&tree.runnables[B], RUNNABLE_FAIL));
    CHECK_CLOSES(lc_context_done(a->context));
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(a->context)), -ECANCELED);
    CU_ASSERT_TRUE(runnable_told(a, order));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", state));
    CU_ASSERT_EQUAL(tree.last.code, code);
    CU_ASSERT_TRUE(runnable_entered(a));
    tree_drop(&tree);
}

static void canceled_returns_its_contexts_error(void)
{
    cancelled_ends(RUNNABLE_LOOK, RUNNABLE_YIELD, LC_NODE_CANCELED, 0);
    cancelled_ends(RUNNABLE_HEALTHY, RUNNABLE_YIELD, LC_NODE_CANCELED, 0);
    cancelled_ends(RUNNABLE_DONE, RUNNABLE_YIELD, LC_NODE_CANCELED, 0);
}

static void cancelled_and_other_error_is_dead(void)
{
    cancelled_ends(RUNNABLE_LOOK, RUNNABLE_FAIL, LC_NODE_DEAD, -101);
    cancelled_ends(RUNNABLE_HEALTHY, RUNNABLE_FAIL, LC_NODE_DEAD, -101);
    cancelled_ends(RUNNABLE_DONE, RUNNABLE_FAIL, LC_NODE_DEAD, -101);
    cancelled_ends(RUNNABLE_LOOK, RUNNABLE_RETURN, LC_NODE_CANCELED, 0);
    cancelled_ends(RUNNABLE_HEALTHY, RUNNABLE_RETURN, LC_NODE_CANCELED, 0);
    cancelled_ends(RUNNABLE_DONE, RUNNABLE_RETURN, LC_NODE_DONE, 0);
    cancelled_ends(RUNNABLE_LOOK, RUNNABLE_THROW, LC_NODE_DEAD, -101);
}

/* What it returns when its context ends. */
struct returning {
    lc_error *(*make)(lc_context *context, lc_context *below);
    lc_handle *begun;
};

static lc_error *wrapped(lc_context *context, lc_context *below)
{
    (void)below;
    return lc_error_wrap(lc_error_ref(lc_context_error(context)), -EIO, "stopped half-way");
}

static lc_error *of_a_context_below(lc_context *context, lc_context *below)
{
    (void)context;
    return lc_error_ref(lc_context_error(below));
}

static lc_error *opaque(lc_context *context, lc_context *below)
{
    (void)below;
    return lc_error_wrap_opaque(lc_error_ref(lc_context_error(context)));
}

static lc_error *one_like_it(lc_context *context, lc_context *below)
{
    (void)context;
    (void)below;
    return lc_error_new(-ECANCELED, "something else was cancelled");
}

static lc_error *return_at_the_end(lc_context *context, void *arg)
{
    const struct returning *returning = arg;
    lc_context *below = lc_context_new(context);
    lc_handle_close(returning->begun);
    lc_handle_wait(lc_context_done(below), LC_FOREVER);
    lc_error *error = returning->make(context, below);
    lc_context_unref(below);
    return error;
}

static void cancelled_returns(lc_error *(*make)(lc_context *context, lc_context *below),
                              lc_node_state state)
{
    struct scripted_tree tree;
    struct returning returning = {make, lc_handle_new()};
    tree_init(&tree);
    tree.runnables[B].child.run = return_at_the_end;
    tree.runnables[B].child.arg = &returning;
    CU_ASSERT_TRUE(tree_start(&tree));
    CU_ASSERT_TRUE(runnable_starts(&tree.runnables[ROOT], 2));
    CHECK_CLOSES(returning.begun);
    CU_ASSERT_TRUE(runnable_told(&tree.runnables[A], RUNNABLE_FAIL));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.b", state));
    tree_drop(&tree);
    lc_handle_unref(returning.begun);
}

static void chain_decides(void)
{
    cancelled_returns(wrapped, LC_NODE_CANCELED);
    cancelled_returns(of_a_context_below, LC_NODE_CANCELED);
    cancelled_returns(opaque, LC_NODE_DEAD);
    cancelled_returns(one_like_it, LC_NODE_CANCELED); /* the code counts, not the object */
}

/* "a", with "c" below it and "b" beside it, ends so: it is dead, and both are cancelled. */
static void death(enum runnable_order signal, enum runnable_order order, int code, const char *told)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *b = &tree.runnables[B],
                             *c = &tree.runnables[C];
    c->stubborn = true;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){c}, 1));
    for (enum runnable_order signalled = RUNNABLE_HEALTHY; signalled <= signal; signalled++)
        CU_ASSERT_TRUE(runnable_does(a, signalled));
    CU_ASSERT_FALSE(runnable_ended(a));
    CU_ASSERT_TRUE(runnable_told(a, order));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DEAD));
    CU_ASSERT_EQUAL(tree.last.code, code);
    CHECK_CLOSES(lc_context_done(a->context));
    CHECK_CLOSES(lc_context_done(c->context));
    CHECK_CLOSES(lc_context_done(b->context));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.b", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(check_log_has(told)); /* at once, and once */
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(a) && runnable_absent(b));
    CU_ASSERT_TRUE(runnable_told(c, RUNNABLE_YIELD));
    CU_ASSERT_TRUE(runnable_entered(a) && runnable_entered(b));
    CU_ASSERT_EQUAL(check_log_count(told), 1);
    CU_ASSERT_FALSE(runnable_ended(&tree.runnables[ROOT]));
    tree_drop(&tree);
}

static void anything_else_is_dead(void)
{
    death(RUNNABLE_LOOK, RUNNABLE_RETURN, -ECHILD, "root.a: died: returned when NEW");
    death(RUNNABLE_HEALTHY, RUNNABLE_RETURN, -ECHILD, "root.a: died: returned when HEALTHY");
    death(RUNNABLE_LOOK, RUNNABLE_FAIL, -101, "root.a: died: \"a\" failed with -101");
    death(RUNNABLE_HEALTHY, RUNNABLE_FAIL, -101, "root.a: died: \"a\" failed with -101");
    death(RUNNABLE_DONE, RUNNABLE_FAIL, -101, "root.a: died: \"a\" failed with -101");
}

/* ---- B11: throws ---- */

static void throw_is_a_death(void)
{
    death(RUNNABLE_LOOK, RUNNABLE_THROW, -101, "root.a: died: \"a\" failed with -101");
    death(RUNNABLE_HEALTHY, RUNNABLE_THROW, -101, "root.a: died: \"a\" failed with -101");
    death(RUNNABLE_DONE, RUNNABLE_THROW, -101, "root.a: died: \"a\" failed with -101");
}

static void note_deferred(void *arg)
{
    lc_handle_close(arg);
}

static void drop_below(void *context)
{
    lc_context_unref(context);
}

static void throw_deep_inside(lc_context *context, void *arg)
{
    lc_context *below = lc_context_new(context);
    CU_ASSERT_EQUAL(lc_defer(note_deferred, arg), 0);
    CU_ASSERT_EQUAL(lc_defer(drop_below, below), 0);
    lc_throw(below, lc_error_new(-EXDEV, "thrown deep inside"));
}

static void throw_has_a_backtrace(void)
{
    struct scripted_tree tree;
    lc_handle *deferred = lc_handle_new();
    tree_init(&tree);
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(runnable_told(&tree.runnables[B], RUNNABLE_FAIL));
    CU_ASSERT_TRUE(runnable_entered(&tree.runnables[B]) && runnable_entered(&tree.runnables[A]));
    CU_ASSERT_FALSE(check_log_has("backtrace="));
    CU_ASSERT_TRUE(runnable_told_to_call(&tree.runnables[A], throw_deep_inside, deferred));
    CU_ASSERT_TRUE(runnable_entered(&tree.runnables[A]));
    CHECK_CLOSES(deferred);
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DEAD));
    CU_ASSERT_EQUAL(tree.last.code, -EXDEV);
    CU_ASSERT_TRUE(check_log_has("root.a: died: thrown deep inside backtrace="));
    CU_ASSERT_TRUE(check_log_has(" < ")); /* of more than one frame */
    CU_ASSERT_TRUE(
        runnable_told(&tree.runnables[A], RUNNABLE_FAIL)); /* another instance has none */
    CU_ASSERT_TRUE(runnable_entered(&tree.runnables[A]));
    CU_ASSERT_EQUAL(check_log_count("backtrace="), 1);
    tree_drop(&tree);
    lc_handle_unref(deferred);
}

static void signal_error(lc_context *context, void *arg)
{
    lc_signal_error(context, lc_error_ref(arg));
}

/* It is told to stop at once, and has died of that whatever it says. */
static void signalled_error(enum runnable_order order, const char *unhandled)
{
    struct scripted_tree tree;
    lc_error *error = lc_error_new(-EXDEV, "signalled");
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A];
    a->stubborn = true;
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(runnable_calls(a, signal_error, error));
    CU_ASSERT_TRUE(runnable_ended(a));
    CU_ASSERT_TRUE(lc_error_is(lc_context_error(a->context), -EXDEV));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a"), LC_NODE_STARTING); /* it still runs */
    CU_ASSERT_TRUE(runnable_told(a, order));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DEAD));
    CU_ASSERT_EQUAL(tree.last.code, -EXDEV);
    CU_ASSERT_EQUAL(check_log_count("unhandled"), unhandled != NULL);
    CU_ASSERT_TRUE(!unhandled || check_log_has(unhandled));
    tree_drop(&tree);
    lc_error_unref(error);
}

static void first_error_counts(void)
{
    signalled_error(RUNNABLE_RETURN, NULL);
    signalled_error(RUNNABLE_YIELD, NULL);
    signalled_error(RUNNABLE_FAIL, "unhandled error: \"a\" failed with -101");
    signalled_error(RUNNABLE_THROW, "unhandled error: \"a\" failed with -101");
}

static void late_error_is_logged(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A];
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_HEALTHY) && runnable_does(a, RUNNABLE_DONE));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_RETURN));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DONE));
    CU_ASSERT_TRUE(tree_settles(&tree));
    lc_signal_error(a->context, lc_error_new(-EIO, "far too late"));
    CU_ASSERT_TRUE(check_log_has("unhandled error: far too late"));
    CU_ASSERT_FALSE(runnable_ended(a));
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a"), LC_NODE_DONE);
    tree_drop(&tree);
}

static void exit_thread(lc_context *context, void *arg)
{
    (void)context;
    (void)arg;
    pthread_exit(NULL);
}

static void thread_that_exits_has_returned(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A];
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(runnable_told_to_call(a, exit_thread, NULL));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DEAD));
    CU_ASSERT_EQUAL(tree.last.code, -ECHILD);
    CU_ASSERT_TRUE(runnable_entered(a));
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_HEALTHY) && runnable_does(a, RUNNABLE_DONE));
    CU_ASSERT_TRUE(runnable_told_to_call(a, exit_thread, NULL));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DONE));
    tree_drop(&tree);
}

CHECK_SUITE_IN_MODES(
    tree_runnables, "conformance: runnables of a tree",
    {"B1 a NEW runnable starts children, alone and as a group", new_starts_children},
    {"B1 a child is started by a context below the runnable's, and lives below its own",
     starts_with_a_context_below},
    {"B1 after healthy, and after done, a start is refused with EPERM", only_new_starts_children},
    {"B1 a group of none is no group", group_of_none},
    {"B1 a refused group starts none of its members, and keeps none of their names",
     refused_group_starts_none},
    {"B1 a group that is none is refused", bad_groups_are_refused},
    {"B1 an accepted child is started, and its parent not again before it has ended",
     accepted_child_is_started},
    {"B1 a cancelled tree starts nothing", cancelled_tree_starts_none},
    {"B2 healthy, once, then done, once", signals_in_order},
    {"B2 a tree is ready when its root is healthy, and not before", tree_is_ready_with_its_root},
    {"B2 a signal out of order kills the caller", signals_out_of_order},
    {"B2 a call with a context of no runnable throws", foreign_context_throws},
    {"B2 a call with a context of no runnable, and no signaler, ends the process with 70",
     foreign_context_without_signaler, CHECK_KERNEL},
    {"B2 a runnable's call with a context of no runnable kills the runnable, and nothing else",
     foreign_call_kills_its_caller_alone},
    {"B2 a call with the context of an instance that has ended throws",
     context_of_one_that_has_ended},
    {"B3 names are of A-Z a-z 0-9 _ -, up to 64, and unique among siblings", names_are_checked},
    {"B3 distinguished names tell the way from the root", distinguished_names},
    {"B3 a log's name is refused to children until the restart", log_is_refused_to_children},
    {"B3 a child's name is refused to logs until the restart", child_is_refused_to_logs},
    {"B4 done: the context stays live, and children go on, supervised", done_keeps_what_is_below},
    {"B5 cancelled, with its context's error: canceled", canceled_returns_its_contexts_error},
    {"B5 the error's chain decides whether it is the context's", chain_decides},
    {"B5, B6 cancelled, with none: canceled; with another error: dead",
     cancelled_and_other_error_is_dead},
    {"B6 anything else is a death, which cancels what is below and beside", anything_else_is_dead},
    {"B11 a throw is a death with that error", throw_is_a_death},
    {"B11 the log has the backtrace of a throw", throw_has_a_backtrace},
    {"B11 the first error counts, whatever is returned after it", first_error_counts},
    {"B11 an error thrown to a runnable that has ended is logged", late_error_is_logged},
    {"B4, B6 a thread that ends by pthread_exit has returned", thread_that_exits_has_returned,
     CHECK_PTHREADS});
