/*
 * own_end.c: contract A38, B12: a call that would wait for the end of what its caller is part of
 * answers -EDEADLK at once, and what it asks for is begun all the same. Along the chain of owners:
 * workers, factories, starts, handlers, isolates; through nested supervisors and trees; through
 * lc_call_blocking.
 */
#include "support/check.h"
#include "support/fake.h"
#include "support/helper.h"
#include "support/mode.h"
#include "support/parts.h"

#include <lifecycle.h>

#include <errno.h>
#include <string.h>

/* A call that waits for an end, and its caller. */
struct fixture {
    void (*ask)(void *arg); /* the call; sets `code` */
    bool blocking;          /* it is made through lc_call_blocking */
    lc_supervisor *outer;   /* from which "own" is removed */
    lc_supervisor *inner;   /* NULL: none */
    lc_tree *tree;          /* NULL: none */
    lc_isolate_group *group;
    lc_handle *asked;
    int code;
};

static void remove_own(void *arg)
{
    struct fixture *fixture = arg;
    lc_error *error = lc_supervisor_remove(fixture->outer, "own", check_patience());
    fixture->code = lc_error_code(error);
    lc_error_unref(error);
}

static void wait_for_tree(void *arg)
{
    struct fixture *fixture = arg;
    lc_error *error = lc_tree_wait(fixture->tree, check_patience());
    fixture->code = lc_error_code(error);
    lc_error_unref(error);
}

static void settle_tree(void *arg)
{
    struct fixture *fixture = arg;
    fixture->code = lc_tree_settle(fixture->tree, check_patience());
}

static void shut_group_down(void *arg)
{
    struct fixture *fixture = arg;
    fixture->code = lc_isolate_group_shutdown(fixture->group, check_patience());
}

/* Once: the factory and the handler may be called again. */
static void make_the_call(struct fixture *fixture)
{
    if (lc_handle_is_closed(fixture->asked))
        return;
    int called = 0;
    if (fixture->blocking)
        called = lc_call_blocking(fixture->ask, fixture);
    else
        fixture->ask(fixture);
    CU_ASSERT_EQUAL(called, 0);
    lc_handle_close(fixture->asked);
}

/* ---- callers ---- */

static lc_error *call_in_worker(lc_context *context, lc_ready *ready, void *arg)
{
    lc_ready_signal(ready);
    make_the_call(arg);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static lc_error *fail_in_worker(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)arg;
    lc_ready_signal(ready);
    return lc_error_new(-EIO, "to be judged");
}

static lc_error *make_caller(lc_component **component, void *arg)
{
    *component = component_of("part", call_in_worker, arg);
    return NULL;
}

static lc_error *make_merged_caller(lc_component **component, void *arg)
{
    lc_component *parts[] = {component_of("part", lc_noop_worker, NULL),
                             component_of("part", call_in_worker, arg)};
    CHECK_SUCCESS(lc_components_merge(parts, 2, component));
    return NULL;
}

static lc_error *call_in_factory(lc_component **component, void *arg)
{
    make_the_call(arg);
    *component = component_of("part", lc_noop_worker, NULL);
    return NULL;
}

static lc_error *make_failing(lc_component **component, void *arg)
{
    *component = component_of("part", fail_in_worker, arg);
    return NULL;
}

static lc_behavior call_in_handler(const lc_failure *failure, void *arg)
{
    (void)failure;
    make_the_call(arg);
    return LC_RESTART;
}

static lc_error *call_in_entry(void *arg)
{
    make_the_call(arg);
    return NULL;
}

static lc_error *make_isolate(lc_component **component, void *arg)
{
    lc_isolate_options options = {.size = sizeof options};
    options.entry = call_in_entry;
    options.arg = arg;
    return lc_isolate_component_new(&options, component);
}

/* ---- a supervisor with the node "own" ---- */

static lc_supervisor *supervisor_of(const char *name, const char *node_name,
                                    lc_component_factory factory, lc_judge handler, void *arg)
{
    lc_supervisor *supervisor = NULL;
    lc_supervisor_options options = {.size = sizeof options};
    options.name = name;
    lc_node node = node_of(node_name, factory, arg);
    node.judge = handler;
    node.judge_arg = arg;
    CHECK_SUCCESS(lc_supervisor_new(&options, &supervisor));
    CHECK_SUCCESS(lc_supervisor_add(supervisor, &node));
    return supervisor;
}

static struct fixture fixture_of(void (*ask)(void *arg))
{
    return (struct fixture){.ask = ask, .asked = lc_handle_new(), .code = 1};
}

static void run_outer(void *arg)
{
    lc_error_unref(lc_supervisor_run(((struct fixture *)arg)->outer, NULL, NULL));
}

/* It runs until its one node is gone. */
static void play_removal(struct fixture *fixture)
{
    helper_do(run_outer, fixture);
    CU_ASSERT_TRUE(lc_handle_is_closed(fixture->asked));
    CU_ASSERT_EQUAL(fixture->code, -EDEADLK);
    CHECK_ERROR(lc_supervisor_remove(fixture->outer, "own", LC_NOW), -ENOENT);
    lc_supervisor_unref(fixture->outer);
    lc_handle_unref(fixture->asked);
}

static void removal_by(lc_component_factory factory, lc_judge handler, bool blocking)
{
    struct fixture fixture = fixture_of(remove_own);
    fixture.blocking = blocking;
    fixture.outer = supervisor_of("outer", "own", factory, handler, &fixture);
    play_removal(&fixture);
}

static void a_worker_removes_its_node(void)
{
    removal_by(make_caller, NULL, false);
    removal_by(make_caller, NULL, true);
}

static void a_part_of_a_merged_component_removes_its_node(void)
{
    removal_by(make_merged_caller, NULL, false);
}

static void a_factory_removes_its_node(void)
{
    removal_by(call_in_factory, NULL, false);
    removal_by(call_in_factory, NULL, true);
}

static void a_handler_removes_its_node(void)
{
    removal_by(make_failing, call_in_handler, false);
    removal_by(make_failing, call_in_handler, true);
}

static void an_isolate_removes_its_node(void)
{
    removal_by(make_isolate, NULL, false);
    removal_by(make_isolate, NULL, true);
}

/* ---- a start ---- */

static lc_error *call_in_start(struct fake *fake, lc_context *context)
{
    (void)context;
    make_the_call(fake->arg);
    return lc_error_new(-EAGAIN, "does not start");
}

static lc_error *give_fake(lc_component **component, void *arg)
{
    *component = &((struct fake *)arg)->component;
    return NULL;
}

static void a_start_removes_its_node(void)
{
    struct fixture fixture = fixture_of(remove_own);
    struct fake fake;
    fake_init(&fake, 0);
    fake.start = call_in_start;
    fake.arg = &fixture;
    check_log_capture(); /* the start that fails is told of */
    fixture.outer = supervisor_of("outer", "own", give_fake, NULL, &fake);
    play_removal(&fixture);
    check_log_release();
    fake_drop(&fake);
}

/* ---- nested ---- */

static lc_error *make_inner(lc_component **component, void *arg)
{
    struct fixture *fixture = arg;
    lc_supervisor *inner = supervisor_of("inner", "deep", make_caller, NULL, fixture);
    *component = lc_supervisor_component(inner);
    return NULL;
}

static lc_error *make_inner_with_handler(lc_component **component, void *arg)
{
    struct fixture *fixture = arg;
    lc_supervisor *inner = supervisor_of("inner", "deep", make_failing, call_in_handler, fixture);
    *component = lc_supervisor_component(inner);
    return NULL;
}

/* A supervisor that a runnable runs by hand, below its context. */
static lc_error *run_deep_supervisor(lc_context *context, void *arg)
{
    lc_runnable_signal_healthy(context);
    lc_supervisor *deep = supervisor_of("deep", "deeper", make_caller, NULL, arg);
    lc_error *error = lc_supervisor_run(deep, context, NULL);
    lc_supervisor_unref(deep);
    return error;
}

static lc_error *run_caller(lc_context *context, void *arg)
{
    lc_runnable_signal_healthy(context);
    make_the_call(arg);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static lc_error *run_parent(lc_context *context, void *arg)
{
    lc_child child = {.size = sizeof child};
    child.name = "child";
    child.run = run_caller;
    child.arg = arg;
    child.kind = check_kind();
    CHECK_SUCCESS(lc_runnable_start_child(context, &child));
    lc_runnable_signal_healthy(context);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static lc_error *make_tree(lc_component **component, void *arg)
{
    *component = lc_tree_component(tree_of((lc_child){.run = run_deep_supervisor, .arg = arg}));
    return NULL;
}

static void what_is_nested_removes_a_node_above(void)
{
    removal_by(make_inner, NULL, false);
    removal_by(make_inner, NULL, true);
    removal_by(make_inner_with_handler, NULL, false);
    removal_by(make_tree, NULL, false);
    removal_by(make_tree, NULL, true);
}

/* Called where it is carried out that something ends, by a thread that is no part of it. */
static void ask_in_callback(void *arg)
{
    struct fixture *fixture = arg;
    fixture->ask(fixture);
    lc_handle_close(fixture->asked);
}

static lc_error *ask_when_stopped(lc_context *context, lc_ready *ready, void *arg)
{
    struct fixture *fixture = arg;
    lc_handle_callback *callback = NULL;
    CU_ASSERT_EQUAL(
        lc_handle_on_close(lc_context_done(context), ask_in_callback, fixture, &callback), 0);
    lc_ready_signal(ready);
    lc_handle_wait(fixture->asked, LC_FOREVER); /* else it may be passed over */
    lc_handle_callback_cancel(callback);
    return NULL;
}

static lc_error *make_asking(lc_component **component, void *arg)
{
    *component = component_of("part", ask_when_stopped, arg);
    return NULL;
}

static lc_error *make_inner_that_asks(lc_component **component, void *arg)
{
    struct fixture *fixture = arg;
    fixture->inner = supervisor_of("inner", "deep", make_asking, NULL, fixture);
    *component = lc_supervisor_component(lc_supervisor_ref(fixture->inner));
    return NULL;
}

/* Called by the inner supervisor, in the test, which is no part of anything. */
static void a_callback_of_what_is_nested_removes_the_node_above(void)
{
    struct fixture fixture = fixture_of(remove_own);
    lc_context *context = lc_context_new(NULL);
    fixture.outer = supervisor_of("outer", "own", make_inner_that_asks, NULL, &fixture);
    CHECK_SUCCESS(lc_component_start(lc_supervisor_component(fixture.outer), context));
    CHECK_CLOSES(lc_supervisor_ready(fixture.outer));
    CHECK_SUCCESS(lc_supervisor_remove(fixture.inner, "deep", check_patience()));
    CU_ASSERT_EQUAL(fixture.code, -EDEADLK);
    CHECK_CLOSES(lc_supervisor_done(fixture.outer));
    lc_supervisor_unref(fixture.inner);
    lc_supervisor_unref(fixture.outer);
    lc_context_unref(context);
    lc_handle_unref(fixture.asked);
}

/* ---- trees ---- */

static void play_tree(lc_runnable root, void (*ask)(void *arg), bool blocking)
{
    struct fixture fixture = fixture_of(ask);
    fixture.blocking = blocking;
    fixture.tree = tree_of((lc_child){.run = root, .arg = &fixture});
    CHECK_SUCCESS(lc_tree_start(fixture.tree, NULL));
    CHECK_CLOSES(fixture.asked);
    CU_ASSERT_EQUAL(fixture.code, -EDEADLK);
    lc_tree_cancel(fixture.tree);
    CHECK_SUCCESS(lc_tree_wait(fixture.tree, check_patience()));
    lc_tree_unref(fixture.tree);
    lc_handle_unref(fixture.asked);
}

static void a_runnable_waits_for_its_tree(void)
{
    play_tree(run_caller, wait_for_tree, false);
    play_tree(run_caller, wait_for_tree, true);
    play_tree(run_parent, wait_for_tree, false);
    play_tree(run_deep_supervisor, wait_for_tree, false);
    play_tree(run_deep_supervisor, wait_for_tree, true);
}

static void a_runnable_waits_until_its_tree_is_settled(void)
{
    play_tree(run_parent, settle_tree, false);
    play_tree(run_caller, settle_tree, true);
    play_tree(run_deep_supervisor, settle_tree, false);
}

static lc_error *ask_when_cancelled(lc_context *context, void *arg)
{
    lc_handle_callback *callback = NULL;
    CU_ASSERT_EQUAL(lc_handle_on_close(lc_context_done(context), ask_in_callback, arg, &callback),
                    0);
    lc_runnable_signal_healthy(context);
    lc_handle_wait(((struct fixture *)arg)->asked, LC_FOREVER); /* else it may be passed over */
    lc_handle_callback_cancel(callback);
    return lc_error_ref(lc_context_error(context));
}

static void a_callback_within_waits(void (*ask)(void *arg))
{
    struct fixture fixture = fixture_of(ask);
    fixture.tree = tree_of((lc_child){.run = ask_when_cancelled, .arg = &fixture});
    CHECK_SUCCESS(lc_tree_start(fixture.tree, NULL));
    CHECK_CLOSES(lc_tree_ready(fixture.tree));
    lc_tree_cancel(fixture.tree);
    CHECK_CLOSES(fixture.asked);
    CU_ASSERT_EQUAL(fixture.code, -EDEADLK);
    CHECK_SUCCESS(lc_tree_wait(fixture.tree, check_patience()));
    lc_tree_unref(fixture.tree);
    lc_handle_unref(fixture.asked);
}

static void a_callback_waits_for_the_tree_that_calls_it(void)
{
    a_callback_within_waits(wait_for_tree);
    a_callback_within_waits(settle_tree);
}

/* ---- groups of isolates ---- */

static void an_isolate_shuts_its_group_down(void)
{
    for (int blocking = 0; blocking < 2; blocking++) {
        struct fixture fixture = fixture_of(shut_group_down);
        fixture.blocking = blocking;
        CHECK_SUCCESS(lc_isolate_group_new(NULL, &fixture.group));
        lc_isolate_options options = {.size = sizeof options};
        options.entry = call_in_entry;
        options.arg = &fixture;
        options.group = fixture.group;
        CHECK_SUCCESS(lc_isolate_spawn(&options, NULL));
        CHECK_CLOSES(fixture.asked);
        CU_ASSERT_EQUAL(fixture.code, -EDEADLK);
        CU_ASSERT_EQUAL(lc_isolate_group_shutdown(fixture.group, check_patience()), 0);
        lc_isolate_group_unref(fixture.group);
        lc_handle_unref(fixture.asked);
    }
}

/* ---- callers that are no part of it ---- */

static lc_error *remove_other(lc_context *context, lc_ready *ready, void *arg)
{
    struct fixture *fixture = arg;
    lc_ready_signal(ready);
    fixture->ask(fixture);
    lc_handle_close(fixture->asked);
    (void)context;
    return NULL;
}

static lc_error *make_other(lc_component **component, void *arg)
{
    *component = component_of("part", remove_other, arg);
    return NULL;
}

static lc_error *make_noop(lc_component **component, void *arg)
{
    *component = component_of("part", lc_noop_worker, arg);
    return NULL;
}

/* A sibling, and the node of a supervisor beside it, may wait. */
static void others_wait_for_the_end(void)
{
    struct fixture fixture = fixture_of(remove_own);
    fixture.outer = supervisor_of("outer", "own", make_noop, NULL, NULL);
    lc_node node = {.size = sizeof node};
    node.name = "other";
    node.factory = make_other;
    node.arg = &fixture;
    node.kind = check_kind();
    CHECK_SUCCESS(lc_supervisor_add(fixture.outer, &node));
    helper_do(run_outer, &fixture);
    CU_ASSERT_TRUE(lc_handle_is_closed(fixture.asked));
    CU_ASSERT_EQUAL(fixture.code, 0);
    CHECK_ERROR(lc_supervisor_remove(fixture.outer, "own", LC_NOW), -ENOENT);
    lc_supervisor_unref(fixture.outer);
    lc_handle_unref(fixture.asked);
}

/* What is above what is removed is no part of it. */
static lc_error *remove_below(lc_context *context, lc_ready *ready, void *arg)
{
    struct fixture *fixture = arg;
    lc_supervisor *below = supervisor_of("below", "own", make_noop, NULL, NULL);
    lc_ready_signal(ready);
    CHECK_SUCCESS(lc_component_start(lc_supervisor_component(below), context));
    CHECK_CLOSES(lc_supervisor_ready(below));
    lc_error *error = lc_supervisor_remove(below, "own", check_patience());
    fixture->code = lc_error_code(error);
    lc_error_unref(error);
    CHECK_CLOSES(lc_supervisor_done(below));
    lc_supervisor_unref(below);
    lc_handle_close(fixture->asked);
    return NULL;
}

static lc_error *make_above(lc_component **component, void *arg)
{
    *component = component_of("part", remove_below, arg);
    return NULL;
}

static void what_is_above_waits_for_the_end(void)
{
    struct fixture fixture = fixture_of(NULL);
    fixture.outer = supervisor_of("outer", "above", make_above, NULL, &fixture);
    helper_do(run_outer, &fixture);
    CU_ASSERT_TRUE(lc_handle_is_closed(fixture.asked));
    CU_ASSERT_EQUAL(fixture.code, 0);
    lc_supervisor_unref(fixture.outer);
    lc_handle_unref(fixture.asked);
}

CHECK_SUITE_IN_MODES(
    own_end, "conformance: a wait for one's own end",
    {"A38 a worker that removes its node is refused the wait", a_worker_removes_its_node},
    {"A38 a part of a merged component that removes its node is refused the wait",
     a_part_of_a_merged_component_removes_its_node},
    {"A38 a factory that removes its node is refused the wait", a_factory_removes_its_node},
    {"A38 a start that removes its node is refused the wait", a_start_removes_its_node},
    {"A38 a handler that removes its node is refused the wait", a_handler_removes_its_node},
    {"A38 an isolate that removes its node is refused the wait", an_isolate_removes_its_node},
    {"A38 a part nested in the node that removes it is refused the wait",
     what_is_nested_removes_a_node_above},
    {"A38 a callback of a nested supervisor that removes the node is refused the wait",
     a_callback_of_what_is_nested_removes_the_node_above},
    {"A38 others wait for the removal", others_wait_for_the_end},
    {"A38 what is above the removed waits for it", what_is_above_waits_for_the_end},
    {"B12 a runnable that waits for its tree is refused", a_runnable_waits_for_its_tree},
    {"B13 a runnable that waits until its tree is settled is refused",
     a_runnable_waits_until_its_tree_is_settled},
    {"B12 a callback that the tree calls is refused, too",
     a_callback_waits_for_the_tree_that_calls_it},
    {"C1 an isolate that waits for its group's shutdown is refused",
     an_isolate_shuts_its_group_down});
