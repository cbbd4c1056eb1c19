/*
 * supervisor_graph.c: contract A26, A27, A37, A38: which graphs are run, what starts when, when a
 * run is over, and nodes that come and go.
 */
#include "support/check.h"
#include "support/fake.h"
#include "support/mode.h"
#include "support/scripted_graph.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- A26: bad graphs ---- */

static void a_name_is_taken_once(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *one = graph_node(graph, "store", ""),
                         *two = graph_node(graph, "store", "");
    CHECK_SUCCESS(node_join(one));
    REFUSED(node_join(two), -EEXIST, "\"store\"");
    graph_drop(graph);
}

/* A run of a bad graph makes nothing. */
static void run_is_refused(struct scripted_graph *graph, int code, const char *text)
{
    REFUSED(lc_supervisor_check(graph->supervisor), code, text);
    lc_behavior behavior = LC_RESTART;
    REFUSED(lc_supervisor_run(graph->supervisor, NULL, &behavior), code, text);
    CU_ASSERT_EQUAL(behavior, LC_STOP);
    for (unsigned i = 0; i < graph->count; i++)
        MADE(&graph->nodes[i], 0);
}

static void unknown_dependencies_are_named(void)
{
    struct scripted_graph *graph = graph_new();
    CHECK_SUCCESS(node_join(graph_node(graph, "disk", "")));
    CHECK_SUCCESS(node_join(graph_node(graph, "store", "disk journal")));
    run_is_refused(graph, -ENOENT, "\"journal\"");
    run_is_refused(graph, -ENOENT, "\"store\"");
    graph_drop(graph);
}

static void cycles_are_shown(void)
{
    struct scripted_graph *graph = graph_new();
    CHECK_SUCCESS(node_join(graph_node(graph, "d", "a")));
    CHECK_SUCCESS(node_join(graph_node(graph, "a", "b e")));
    CHECK_SUCCESS(node_join(graph_node(graph, "b", "e c")));
    CHECK_SUCCESS(node_join(graph_node(graph, "c", "a")));
    CHECK_SUCCESS(node_join(graph_node(graph, "e", "")));
    run_is_refused(graph, -ELOOP, "");
    lc_error *error = lc_supervisor_check(graph->supervisor);
    const char *message = lc_error_message(error);
    CU_ASSERT_TRUE(strstr(message, "a -> b -> c -> a") || strstr(message, "b -> c -> a -> b") ||
                   strstr(message, "c -> a -> b -> c"));
    lc_error_unref(error);
    graph_drop(graph);
}

static void a_node_that_needs_itself_is_a_cycle(void)
{
    struct scripted_graph *graph = graph_new();
    CHECK_SUCCESS(node_join(graph_node(graph, "a", "a")));
    run_is_refused(graph, -ELOOP, "a -> a");
    graph_drop(graph);
}

static lc_error *make_nothing(lc_component **component, void *arg)
{
    (void)arg;
    (void)component;
    return lc_error_new(-ENODEV, "nothing to be made");
}

/* Nodes n0, n1, ..., each needing the one before; n0 needs the last if it is to be a circle. */
static lc_supervisor *long_chain(unsigned count, bool circle)
{
    lc_supervisor *supervisor = NULL;
    lc_error *error = lc_supervisor_new(NULL, &supervisor);
    for (unsigned i = 0; i < count && !error; i++) {
        char name[16], before[16];
        snprintf(name, sizeof name, "n%u", i);
        snprintf(before, sizeof before, "n%u", (i + count - 1) % count);
        const lc_dependency dependency = {.size = sizeof dependency, .name = before};
        lc_node node = {.size = sizeof node};
        node.name = name;
        node.factory = make_nothing;
        const lc_dependency *const list[] = {i > 0 || circle ? &dependency : NULL, NULL};
        node.dependencies = list;
        error = lc_supervisor_add(supervisor, &node);
    }
    CHECK_SUCCESS(error);
    return supervisor;
}

static void long_chains_are_checked(void)
{
    enum { LENGTH = 20000 };
    lc_supervisor *chain = long_chain(LENGTH, false), *circle = long_chain(LENGTH, true);
    CHECK_SUCCESS(lc_supervisor_check(chain));
    REFUSED(lc_supervisor_check(circle), -ELOOP, " -> n");
    check_log_capture();
    REFUSED(lc_supervisor_run(chain, NULL, NULL), -ENODEV, "nothing to be made");
    CU_ASSERT_EQUAL(check_log_count("will not start"), LENGTH - 1);
    check_log_release();
    lc_supervisor_unref(chain);
    lc_supervisor_unref(circle);
}

/* ---- A27: what starts when ---- */

static void a_node_starts_when_its_dependencies_are_ready(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    journal->slow = true;
    graph_begin(graph);
    RUNS(journal, 1);
    CHECK_OPEN(INSTANCE(store, 1).made);
    node_order(journal, 1, NODE_READY);
    RUNS(store, 1);
    BEFORE(graph, "journal!1", "store*1");
    graph_cancel(graph);
    graph_drop(graph);
}

static void nodes_may_be_added_in_any_order(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *front = graph_node(graph, "front", "store cache");
    graph_node(graph, "store", "journal");
    graph_node(graph, "cache", "journal");
    graph_node(graph, "journal", "");
    graph_begin(graph);
    RUNS(front, 1);
    BEFORE(graph, "journal!1", "store*1");
    BEFORE(graph, "journal!1", "cache*1");
    BEFORE(graph, "store!1", "front*1");
    BEFORE(graph, "cache!1", "front*1");
    graph_cancel(graph);
    graph_drop(graph);
}

static void an_edge_may_ask_for_started(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal:started");
    journal->slow = true;
    graph_begin(graph);
    RUNS(store, 1);
    CU_ASSERT_FALSE(graph_has(graph, "journal!1"));
    graph_cancel(graph);
    graph_drop(graph);
}

static void an_edge_may_ask_for_completed(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *migrate = graph_node(graph, "migrate", "");
    struct scripted_node *store = graph_node(graph, "store", "migrate:completed");
    graph_begin(graph);
    RUNS(migrate, 1);
    CHECK_OPEN(INSTANCE(store, 1).made);
    node_order(migrate, 1, NODE_RETURN);
    RUNS(store, 1);
    BEFORE(graph, "migrate-1", "store*1");
    graph_cancel(graph);
    MADE(migrate, 1);
    graph_drop(graph);
}

static void what_waits_for_completion_never_starts_without(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *migrate = graph_node(graph, "migrate", "");
    struct scripted_node *store = graph_node(graph, "store", "migrate:completed");
    migrate->answers[0] = LC_STOP;
    check_log_capture();
    graph_begin(graph);
    node_order(migrate, 1, NODE_FAIL);
    graph_end(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, INSTANCE(migrate, 1).error);
    MADE(store, 0);
    CU_ASSERT_TRUE(check_log_has("store: ") && check_log_has("\"migrate\""));
    check_log_release();
    graph_drop(graph);
}

static void nodes_without_a_path_start_in_parallel(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *one = graph_node(graph, "one", ""), *two = graph_node(graph, "two", "");
    struct scripted_node *both = graph_node(graph, "both", "one two");
    one->slow = two->slow = true;
    graph_begin(graph);
    RUNS(one, 1); /* each while the other is not ready */
    RUNS(two, 1);
    node_order(two, 1, NODE_READY);
    node_order(one, 1, NODE_READY);
    RUNS(both, 1);
    BEFORE(graph, "one!1", "both*1");
    BEFORE(graph, "two!1", "both*1");
    graph_cancel(graph);
    graph_drop(graph);
}

static void a_factory_that_blocks_holds_up_no_other_node(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *slow = graph_node(graph, "slow", "");
    struct scripted_node *swift = graph_node(graph, "swift", ""),
                         *next = graph_node(graph, "next", "swift");
    slow->factory_waits = lc_handle_new();
    graph_begin(graph);
    RUNS(next, 1);
    node_order(swift, 1, NODE_FAIL);
    RUNS(swift, 2);
    MADE(slow, 0);
    lc_handle_close(slow->factory_waits);
    RUNS(slow, 1);
    graph_cancel(graph);
    graph_drop(graph);
}

static void completing_stops_no_other(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *setup = graph_node(graph, "setup", "");
    struct scripted_node *user = graph_node(graph, "user", "setup");
    struct scripted_node *other = graph_node(graph, "other", "");
    graph_begin(graph);
    RUNS(user, 1);
    RUNS(other, 1);
    node_order(setup, 1, NODE_RETURN);
    node_enters(setup, LC_NODE_DONE);
    NOT_TOLD(user, 1);
    NOT_TOLD(other, 1);
    node_order(user, 1, NODE_RETURN);
    NOT_TOLD(other, 1);
    node_order(other, 1, NODE_RETURN);
    graph_end(graph);
    CU_ASSERT_PTR_NULL(graph->result);
    CU_ASSERT_EQUAL(graph->behavior, LC_STOP);
    MADE(setup, 1);
    ASKED(setup, 0);
    graph_drop(graph);
}

static void completing_without_being_ready_keeps_dependants_down(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *setup = graph_node(graph, "setup", "");
    struct scripted_node *user = graph_node(graph, "user", "setup");
    struct scripted_node *above = graph_node(graph, "above", "user");
    struct scripted_node *started = graph_node(graph, "started", "setup:started");
    struct scripted_node *after = graph_node(graph, "after", "setup:completed");
    setup->slow = true;
    check_log_capture();
    graph_begin(graph);
    RUNS(started, 1);
    node_order(setup, 1, NODE_RETURN);
    RUNS(after, 1);
    node_enters(above, LC_NODE_STOPPED);
    NOT_TOLD(started, 1);
    NOT_TOLD(after, 1);
    node_order(started, 1, NODE_RETURN);
    node_order(after, 1, NODE_RETURN);
    graph_end(graph);
    CU_ASSERT_PTR_NULL(graph->result); /* nothing has failed */
    MADE(user, 0);
    MADE(above, 0);
    CU_ASSERT_EQUAL(check_log_count("user: "), 1);
    CU_ASSERT_TRUE(check_log_has("\"setup\""));
    CU_ASSERT_EQUAL(check_log_count("above: "), 1);
    check_log_release();
    graph_drop(graph);
}

static void a_factory_that_fails_stops_the_node_for_good(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *broken = graph_node(graph, "broken", "");
    struct scripted_node *user = graph_node(graph, "user", "broken");
    struct scripted_node *other = graph_node(graph, "other", "");
    broken->factory_fails_at = 1;
    check_log_capture();
    graph_begin(graph);
    node_enters(user, LC_NODE_STOPPED);
    RUNS(other, 1);
    NOT_TOLD(other, 1);
    node_order(other, 1, NODE_RETURN);
    graph_end(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, broken->factory_error);
    CU_ASSERT_EQUAL(graph->behavior, LC_STOP);
    MADE(user, 0);
    ASKED(broken, 0);
    CU_ASSERT_TRUE(check_log_has("there is no broken"));
    CU_ASSERT_EQUAL(check_log_count("user: "), 1);
    check_log_release();
    graph_drop(graph);
}

/* Its second instance cannot be made at first. */
static struct scripted_graph *graph_whose_restart_fails(lc_behavior answer)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *broken = graph_node(graph, "broken", "");
    struct scripted_node *user = graph_node(graph, "user", "broken");
    broken->factory_fails_at = 2;
    broken->factory_answer = answer;
    check_log_capture();
    graph_begin(graph);
    RUNS(user, 1);
    node_order(broken, 1, NODE_FAIL);
    return graph;
}

static void a_factory_that_fails_on_a_restart_is_judged(void)
{
    struct scripted_graph *graph = graph_whose_restart_fails(LC_STOP);
    struct scripted_node *broken = &graph->nodes[0], *user = &graph->nodes[1];
    IS_TOLD(user, 1);
    graph_end(graph);
    check_log_release();
    BEFORE(graph, "broken*2", "user~1");
    CU_ASSERT_PTR_EQUAL(graph->result, broken->factory_error);
    CU_ASSERT_EQUAL(atomic_load(&broken->factory_asked), 1);
    MADE(broken, 1);
    MADE(user, 1);
    graph_drop(graph);
}

static void a_factory_that_fails_on_a_restart_is_called_again(void)
{
    struct scripted_graph *graph = graph_whose_restart_fails(LC_RESTART);
    struct scripted_node *broken = &graph->nodes[0], *user = &graph->nodes[1];
    RUNS(broken, 2);
    NOT_TOLD(user, 1);
    CU_ASSERT_EQUAL(atomic_load(&broken->factory_asked), 1);
    graph_cancel(graph);
    check_log_release();
    CU_ASSERT_PTR_EQUAL(graph->result, lc_context_error(graph->context));
    graph_drop(graph);
}

/* It has not failed itself, but is restarted along with what it depends on. */
static void a_factory_that_fails_on_a_restart_along_is_called_again(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal+");
    store->factory_fails_at = 2;
    store->options.judge = NULL;
    check_log_capture();
    graph_begin(graph);
    RUNS(store, 1);
    node_order(journal, 1, NODE_FAIL);
    RUNS(store, 2);
    CU_ASSERT_TRUE(check_log_has("there is no store"));
    graph_cancel(graph);
    check_log_release();
    CU_ASSERT_PTR_EQUAL(graph->result, lc_context_error(graph->context));
    graph_drop(graph);
}

/* ---- starts that fail: of a component that is nothing but its handles ---- */

struct failing_start {
    struct fake fakes[3];
    lc_error *error;
    unsigned made;
    unsigned asked;
    const lc_error *judged[3];
};

static lc_error *throw_in_start(struct fake *fake, lc_context *context)
{
    lc_throw(context, lc_error_ref(((struct failing_start *)fake->arg)->error));
}

static lc_error *fail_in_start(struct fake *fake, lc_context *context)
{
    (void)context;
    return lc_error_ref(((struct failing_start *)fake->arg)->error);
}

static lc_error *complete_in_start(struct fake *fake, lc_context *context)
{
    (void)context;
    lc_handle_close(fake->ready);
    lc_handle_close(fake->done);
    return NULL;
}

static lc_error *make_fake(lc_component **component, void *arg)
{
    struct failing_start *failing = arg;
    *component = &failing->fakes[failing->made++].component;
    return NULL;
}

static lc_behavior restart_fake(const lc_failure *failure, void *arg)
{
    struct failing_start *failing = arg;
    failing->judged[failing->asked++] = failure->error;
    return LC_RESTART;
}

static void starts_fail(unsigned flags, lc_error *(*first)(struct fake *, lc_context *))
{
    struct failing_start failing = {.error = lc_error_new(-EIO, "cannot start")};
    for (unsigned i = 0; i < 3; i++) {
        fake_init(&failing.fakes[i], flags);
        failing.fakes[i].arg = &failing;
    }
    failing.fakes[0].start = first;
    failing.fakes[1].start = fail_in_start;
    failing.fakes[2].start = complete_in_start;
    struct scripted_graph *graph = graph_new();
    lc_node node = {.size = sizeof node};
    node.name = "fake";
    node.factory = make_fake;
    node.judge = restart_fake;
    node.arg = node.judge_arg = &failing;
    node.kind = check_kind();
    node.backoff.first = LC_NONE;
    CHECK_SUCCESS(lc_supervisor_add(graph_supervisor(graph), &node));
    graph_begin(graph);
    graph_end(graph);
    CU_ASSERT_PTR_NULL(graph->result);
    CU_ASSERT_EQUAL(failing.made, 3);
    CU_ASSERT_EQUAL(failing.asked, 2);
    CU_ASSERT_PTR_EQUAL(failing.judged[0], failing.error);
    CU_ASSERT_PTR_EQUAL(failing.judged[1], failing.error);
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(failing.fakes[i].starts, 1);
        CU_ASSERT_EQUAL(failing.fakes[i].destroys, 1);
    }
    graph_drop(graph);
    for (unsigned i = 0; i < 3; i++)
        fake_drop(&failing.fakes[i]);
    lc_error_unref(failing.error);
}

static void a_start_that_fails_is_judged(void)
{
    starts_fail(0, throw_in_start);
}

/* Without a worker of its own it cannot throw, but the same holds. */
static void an_inline_start_that_fails_is_judged(void)
{
    starts_fail(LC_START_INLINE, fail_in_start);
}

static lc_error *give_nothing(lc_component **component, void *arg)
{
    (void)arg;
    (void)component;
    return NULL;
}

static void a_factory_that_gives_nothing_has_failed(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *empty = graph_node(graph, "empty", "");
    empty->options.factory = give_nothing;
    check_log_capture();
    graph_begin(graph);
    graph_end(graph);
    check_log_release();
    TELLS(graph->result, -EINVAL, "\"empty\"");
    ASKED(empty, 0);
    graph_drop(graph);
}

/* ---- A37: when a run is over ---- */

static void an_empty_run_is_over_at_once(void)
{
    lc_supervisor *supervisor;
    lc_behavior behavior = LC_RESTART;
    CHECK_SUCCESS(lc_supervisor_new(NULL, &supervisor));
    CHECK_OPEN(lc_supervisor_done(supervisor));
    CHECK_SUCCESS(lc_supervisor_run(supervisor, NULL, &behavior));
    CU_ASSERT_EQUAL(behavior, LC_STOP);
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_supervisor_done(supervisor)));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_supervisor_ready(supervisor)));
    CHECK_SUCCESS(lc_supervisor_result(supervisor, NULL));
    REFUSED(lc_supervisor_run(supervisor, NULL, &behavior), -EALREADY, "\"supervisor\"");
    lc_supervisor_unref(supervisor);
}

static void the_first_error_is_returned(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *one = graph_node(graph, "one", ""), *two = graph_node(graph, "two", "");
    struct scripted_node *three = graph_node(graph, "three", "");
    one->answers[0] = two->answers[0] = LC_STOP;
    graph_begin(graph);
    node_order(two, 1, NODE_FAIL);
    node_enters(two, LC_NODE_STOPPED);
    node_order(one, 1, NODE_THROW);
    node_enters(one, LC_NODE_STOPPED);
    RUNS(three, 1);
    NOT_TOLD(three, 1);
    CHECK_OPEN(lc_supervisor_done(graph->supervisor));
    node_order(three, 1, NODE_RETURN);
    graph_end(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, INSTANCE(two, 1).error);
    CU_ASSERT_EQUAL(graph->behavior, LC_STOP);
    lc_behavior behavior = LC_RESTART;
    lc_error *again = lc_supervisor_result(graph->supervisor, &behavior);
    CU_ASSERT_PTR_EQUAL(again, graph->result);
    CU_ASSERT_EQUAL(behavior, LC_STOP);
    lc_error_unref(again);
    graph_drop(graph);
}

static void a_run_may_be_kept_up(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *only = graph_node(graph, "only", "");
    graph->options.keep_running = true;
    graph_begin(graph);
    node_order(only, 1, NODE_RETURN);
    node_enters(only, LC_NODE_DONE);
    CHECK_OPEN(graph->finished);
    struct scripted_node *later = graph_node(graph, "later", "only:completed");
    CHECK_SUCCESS(node_join(later));
    RUNS(later, 1);
    CHECK_OPEN(graph->finished);
    graph_cancel(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, lc_context_error(graph->context));
    graph_drop(graph);
}

static void ready_closes_when_all_are(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *setup = graph_node(graph, "setup", ""),
                         *slow = graph_node(graph, "slow", "");
    setup->slow = slow->slow = true;
    graph_begin(graph);
    lc_handle *ready = lc_supervisor_ready(graph->supervisor);
    node_order(setup, 1, NODE_RETURN); /* has ended well: as good as ready */
    node_enters(setup, LC_NODE_DONE);
    CHECK_OPEN(ready);
    node_order(slow, 1, NODE_READY);
    CHECK_CLOSES(ready);
    CHECK_OPEN(lc_supervisor_done(graph->supervisor));
    CHECK_SUCCESS(lc_supervisor_result(graph->supervisor, NULL)); /* not over: nothing to tell */
    graph_cancel(graph);
    CHECK_CLOSES(lc_supervisor_done(graph->supervisor));
    graph_drop(graph);
}

/* Optional parts: one fails before it is ready, one cannot be made, one had been ready before. */
static void what_is_given_up_does_not_hold_back_readiness(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *slow = graph_node(graph, "slow", "");
    struct scripted_node *failing = graph_node(graph, "failing", "");
    struct scripted_node *missing = graph_node(graph, "missing", "");
    struct scripted_node *once = graph_node(graph, "once", ""),
                         *user = graph_node(graph, "user", "once");
    slow->slow = failing->slow = true;
    failing->answers[0] = once->answers[0] = LC_STOP;
    missing->factory_fails_at = 1;
    check_log_capture();
    graph_begin(graph);
    lc_handle *ready = lc_supervisor_ready(graph->supervisor);
    RUNS(user, 1);
    node_order(failing, 1, NODE_FAIL);
    node_enters(failing, LC_NODE_STOPPED);
    node_order(once, 1, NODE_FAIL);
    node_enters(user, LC_NODE_STOPPED);
    CHECK_OPEN(ready);
    node_order(slow, 1, NODE_READY);
    CHECK_CLOSES(ready);
    CU_ASSERT_TRUE(check_log_has("ready, without: failing (failing failed the 1. time), missing "
                                 "(there is no missing), once (once failed the 1. time), user"));
    graph_cancel(graph);
    check_log_release();
    graph_drop(graph);
}

/* But nothing is ready where nothing is left. */
static void with_nothing_left_nothing_is_ready(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *only = graph_node(graph, "only", "");
    only->slow = true;
    only->answers[0] = LC_STOP;
    graph->options.keep_running = true;
    graph_begin(graph);
    node_order(only, 1, NODE_FAIL);
    node_enters(only, LC_NODE_STOPPED);
    CHECK_OPEN(lc_supervisor_ready(graph->supervisor));
    graph_cancel(graph);
    CHECK_OPEN(lc_supervisor_ready(graph->supervisor));
    graph_drop(graph);
}

static void waiting_for_a_permanent_node_to_complete_is_refused(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *ever = graph_node(graph, "ever", "");
    struct scripted_node *after = graph_node(graph, "after", "ever:completed");
    ever->options.restart = LC_PERMANENT;
    CHECK_SUCCESS(node_join(ever));
    CHECK_SUCCESS(node_join(after));
    lc_error *error = lc_supervisor_check(graph->supervisor);
    TELLS(error, -EINVAL, "\"ever\"");
    TELLS(error, -EINVAL, "\"after\"");
    lc_error_unref(error);
    REFUSED(lc_supervisor_run(graph->supervisor, NULL, NULL), -EINVAL, "permanent");
    graph_drop(graph);
}

static void also_when_the_node_is_added_later(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *ever = graph_node(graph, "ever", "");
    ever->options.restart = LC_PERMANENT;
    graph_begin(graph);
    RUNS(ever, 1);
    struct scripted_node *after = graph_node(graph, "after", "ever:completed");
    REFUSED(node_join(after), -EINVAL, "\"ever\"");
    graph_cancel(graph);
    graph_drop(graph);
}

/* ---- temporary nodes ---- */

/* Waits until the name is free again, which it is once the node has ended. */
static void a_job_can_be_added_again(void)
{
    struct scripted_graph *graph = graph_new();
    graph_node(graph, "only", "");
    struct scripted_node *job = graph_node(graph, "job", "");
    job->options.restart = LC_TEMPORARY;
    check_log_capture();
    graph_begin(graph);
    for (unsigned number = 1; number < NODE_INSTANCES; number++) {
        node_order(job, number, number % 2 ? NODE_RETURN : NODE_FAIL);
        node_enters(job, number % 2 ? LC_NODE_DONE : LC_NODE_STOPPED);
        CHECK_SUCCESS(node_join(job));
        RUNS(job, number + 1);
    }
    ASKED(job, NODE_INSTANCES / 2 - 1);
    graph_cancel(graph);
    check_log_release();
    graph_drop(graph);
}

static size_t count_rows(const lc_snapshot *snapshot, const char *beginning, lc_node_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < snapshot->count; i++)
        count += snapshot->nodes[i].state == state &&
                 strncmp(snapshot->nodes[i].name, beginning, strlen(beginning)) == 0;
    return count;
}

static lc_error *complete(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context, (void)arg;
    lc_ready_signal(ready);
    return NULL;
}

static lc_error *make_job(lc_component **component, void *arg)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder(arg);
    lc_manager_builder_add(builder, LC_WORKER(.name = "work", .run = complete));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

/* A few more than a snapshot shows of those that have ended. */
static void snapshots_show_the_last_jobs_that_ended(void)
{
    enum { JOBS = LC_SNAPSHOT_ENDED_MAX + 4 };
    struct scripted_graph *graph = graph_new();
    graph_node(graph, "only", "");
    check_log_capture();
    graph_begin(graph);
    for (unsigned i = 0; i < JOBS; i++) {
        char name[LC_NAME_MAX];
        snprintf(name, sizeof name, "job-%02u", i);
        struct scripted_node waited = {.graph = graph};
        snprintf(waited.name, sizeof waited.name, "%s", name);
        lc_node job = {.size = sizeof job};
        job.name = name;
        job.factory = make_job;
        job.arg = name;
        job.kind = check_kind();
        job.restart = LC_TEMPORARY;
        CHECK_SUCCESS(lc_supervisor_add(graph->supervisor, &job));
        node_enters(&waited, LC_NODE_DONE);
    }
    lc_snapshot *snapshot = lc_supervisor_snapshot(graph->supervisor);
    CU_ASSERT_EQUAL(count_rows(snapshot, "job-", LC_NODE_DONE), LC_SNAPSHOT_ENDED_MAX);
    CU_ASSERT_EQUAL(count_rows(snapshot, "job-03", LC_NODE_DONE), 0);
    CU_ASSERT_EQUAL(count_rows(snapshot, "job-04", LC_NODE_DONE), 1);
    lc_snapshot_free(snapshot);
    graph_cancel(graph);
    check_log_release();
    graph_drop(graph);
}

/* ---- cancelling ---- */

static void a_run_under_an_ended_context_makes_nothing(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *only = graph_node(graph, "only", "");
    lc_context_cancel(graph->context, NULL);
    graph_begin(graph);
    graph_end(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, lc_context_error(graph->context));
    MADE(only, 0);
    graph_drop(graph);
}

static void a_cancelled_run_stops_in_order(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    struct scripted_node *front = graph_node(graph, "front", "store");
    struct scripted_node *other = graph_node(graph, "other", "");
    front->end = NODE_STAYS;
    store->end = NODE_RETURNS_NULL;
    journal->end = NODE_WRAPS;
    graph_begin(graph);
    RUNS(front, 1);
    RUNS(other, 1);
    lc_context_cancel(graph->context, lc_error_new(-EINTR, "enough"));
    IS_TOLD(front, 1);
    LEAVES(other, 1);
    NOT_TOLD(store, 1);
    NOT_TOLD(journal, 1);
    node_order(front, 1, NODE_RETURN);
    graph_end(graph);
    BEFORE(graph, "front-1", "store~1");
    BEFORE(graph, "store-1", "journal~1");
    BEFORE(graph, "journal-1", "returned");
    CU_ASSERT_PTR_EQUAL(graph->result, lc_context_error(graph->context));
    CU_ASSERT_EQUAL(graph->behavior, LC_STOP);
    for (unsigned i = 0; i < graph->count; i++) {
        MADE(&graph->nodes[i], 1);
        ASKED(&graph->nodes[i], 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(
            lc_error_message(lc_context_error(INSTANCE(&graph->nodes[i], 1).context)), "enough"));
    }
    graph_drop(graph);
}

/* ---- A38: nodes that come and go ---- */

static void a_node_added_to_a_run_starts_when_it_can(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    journal->slow = true;
    graph_begin(graph);
    RUNS(journal, 1);
    struct scripted_node *store = graph_node(graph, "store", "journal");
    struct scripted_node *other = graph_node(graph, "other", "");
    CHECK_SUCCESS(node_join(store));
    CHECK_SUCCESS(node_join(other));
    RUNS(other, 1);
    MADE(store, 0);
    node_order(journal, 1, NODE_READY);
    RUNS(store, 1);
    struct scripted_node *front = graph_node(graph, "front", "store");
    CHECK_SUCCESS(node_join(front));
    RUNS(front, 1);
    NOT_TOLD(journal, 1);
    graph_cancel(graph);
    BEFORE(graph, "front-1", "store~1");
    BEFORE(graph, "store-1", "journal~1");
    graph_drop(graph);
}

static void what_cannot_be_added_to_a_run_is_refused(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    journal->end = NODE_STAYS;
    graph_begin(graph);
    RUNS(journal, 1);
    REFUSED(node_join(graph_node(graph, "journal", "")), -EEXIST, "\"journal\"");
    REFUSED(node_join(graph_node(graph, "store", "journal index")), -ENOENT, "\"index\"");
    REFUSED(node_join(graph_node(graph, "self", "self")), -ENOENT, "\"self\"");
    lc_context_cancel(graph->context, NULL);
    IS_TOLD(journal, 1);
    struct scripted_node *late = graph_node(graph, "late", "");
    REFUSED(node_join(late), -ESHUTDOWN, "\"late\"");
    node_order(journal, 1, NODE_RETURN);
    graph_end(graph);
    REFUSED(node_join(late), -ESHUTDOWN, "\"late\"");
    MADE(late, 0);
    graph_drop(graph);
}

static void what_is_added_below_a_stopped_node_does_not_start(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *broken = graph_node(graph, "broken", ""),
                         *other = graph_node(graph, "other", "");
    broken->answers[0] = LC_STOP;
    graph_begin(graph);
    node_order(broken, 1, NODE_FAIL);
    node_enters(broken, LC_NODE_STOPPED);
    check_log_capture();
    struct scripted_node *user = graph_node(graph, "user", "broken");
    CHECK_SUCCESS(node_join(user));
    node_order(other, 1, NODE_RETURN);
    graph_end(graph);
    CU_ASSERT_TRUE(check_log_has("user: ") && check_log_has("\"broken\""));
    check_log_release();
    MADE(user, 0);
    graph_drop(graph);
}

static void a_node_is_removed_from_a_run(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    graph_begin(graph);
    RUNS(store, 1);
    CHECK_SUCCESS(lc_supervisor_remove(graph->supervisor, "store", check_patience()));
    CU_ASSERT_TRUE(lc_handle_is_closed(INSTANCE(store, 1).left));
    NOT_TOLD(journal, 1);
    ASKED(store, 0);
    REFUSED(lc_supervisor_remove(graph->supervisor, "store", LC_NOW), -ENOENT, "\"store\"");
    struct scripted_node *again = graph_node(graph, "store", "journal");
    CHECK_SUCCESS(node_join(again)); /* the name is free */
    RUNS(again, 1);
    graph_cancel(graph);
    MADE(store, 1);
    graph_drop(graph);
}

static void what_others_depend_on_is_not_removed(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    CHECK_SUCCESS(node_join(journal));
    CHECK_SUCCESS(node_join(store));
    graph_begin(graph);
    RUNS(store, 1);
    REFUSED(lc_supervisor_remove(graph->supervisor, "journal", LC_NOW), -EBUSY, "\"store\"");
    NOT_TOLD(journal, 1);
    CHECK_SUCCESS(lc_supervisor_remove(graph->supervisor, "store", check_patience()));
    CHECK_SUCCESS(lc_supervisor_remove(graph->supervisor, "journal", check_patience()));
    graph_end(graph); /* nothing is left that could run */
    CU_ASSERT_PTR_NULL(graph->result);
    graph_drop(graph);
}

static void a_removal_that_takes_too_long_goes_on(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *stubborn = graph_node(graph, "stubborn", "");
    stubborn->end = NODE_STAYS;
    graph->options.keep_running = true;
    graph_begin(graph);
    RUNS(stubborn, 1);
    REFUSED(lc_supervisor_remove(graph->supervisor, "stubborn", LC_NOW), -ETIMEDOUT,
            "\"stubborn\"");
    IS_TOLD(stubborn, 1);
    REFUSED(node_join(graph_node(graph, "user", "stubborn")), -ENOENT, "\"stubborn\"");
    node_order(stubborn, 1, NODE_RETURN);
    lc_error *error =
        lc_supervisor_remove(graph->supervisor, "stubborn", check_patience()); /* or it is gone */
    CU_ASSERT_TRUE(error == NULL || lc_error_code(error) == -ENOENT);
    lc_error_unref(error);
    MADE(stubborn, 1);
    graph_cancel(graph);
    graph_drop(graph);
}

static void a_node_is_removed_before_the_run(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *one = graph_node(graph, "one", ""), *two = graph_node(graph, "two", "");
    CHECK_SUCCESS(node_join(one));
    CHECK_SUCCESS(node_join(two));
    CHECK_SUCCESS(lc_supervisor_remove(graph->supervisor, "one", LC_NOW));
    REFUSED(lc_supervisor_remove(graph->supervisor, "one", LC_NOW), -ENOENT, "\"one\"");
    graph_begin(graph);
    node_order(two, 1, NODE_RETURN);
    graph_end(graph);
    MADE(one, 0);
    graph_drop(graph);
}

/* ---- bad input ---- */

static lc_error *add(lc_supervisor *supervisor, void (*spoil)(lc_node *node, lc_dependency *needs))
{
    lc_dependency needs = {.size = sizeof needs, .name = "other"};
    lc_node node = {.size = sizeof node};
    node.name = "node";
    node.factory = make_nothing;
    const lc_dependency *const list[] = {&needs, NULL};
    node.dependencies = list;
    spoil(&node, &needs);
    return lc_supervisor_add(supervisor, &node);
}

static lc_error *make_data(void **data, void *arg)
{
    *data = arg;
    return NULL;
}

static char too_long[LC_NAME_MAX + 2];

#define SPOILS(identifier, ...)                                                                    \
    static void identifier(lc_node *node, lc_dependency *needs)                                    \
    {                                                                                              \
        (void)node;                                                                                \
        (void)needs;                                                                               \
        __VA_ARGS__;                                                                               \
    }
SPOILS(spoil_size, node->size = 1)
SPOILS(spoil_name, node->name = NULL)
SPOILS(spoil_name_empty, node->name = "")
SPOILS(spoil_name_long, node->name = too_long)
SPOILS(spoil_form, node->factory = NULL)
SPOILS(spoil_forms, node->run = lc_noop_worker)
SPOILS(spoil_make, node->make = make_data)
SPOILS(spoil_free, node->factory = NULL; node->run = lc_noop_worker; node->free = free)
SPOILS(spoil_on_error, node->on_error = (lc_behavior)5)
SPOILS(spoil_first_start, node->first_start = (lc_behavior)-1)
SPOILS(spoil_needs, node->needs[0] = "other")
SPOILS(spoil_dependency_size, needs->size = 3)
SPOILS(spoil_kind, node->kind = (lc_worker_kind)7)
SPOILS(spoil_restart, node->restart = (lc_restart_type)4)
SPOILS(spoil_first, node->backoff.first = -2)
SPOILS(spoil_most, node->backoff.first = 2; node->backoff.most = 1)
SPOILS(spoil_factor, node->backoff.factor = 0.9)
SPOILS(spoil_factor_nan, node->backoff.factor = strtod("nan", NULL))
SPOILS(spoil_jitter, node->backoff.jitter = 1.1)
SPOILS(spoil_restarts, node->intensity.restarts = LC_INTENSITY_MAX + 1)
SPOILS(spoil_period, node->intensity.restarts = 1; node->intensity.period = -1)
SPOILS(spoil_exceeded, node->intensity.exceeded = (lc_behavior)5)
SPOILS(spoil_start_timeout, node->start_timeout = -1)
SPOILS(spoil_stop_timeout, node->stop_timeout = -1)
SPOILS(spoil_dependency_name, needs->name = NULL)
SPOILS(spoil_dependency_long, needs->name = too_long)
SPOILS(spoil_condition, needs->condition = (lc_condition)3)

static void bad_nodes_are_refused(void)
{
    static const struct {
        void (*spoil)(lc_node *node, lc_dependency *needs);
        const char *named;
    } cases[] = {
        {spoil_size, "lc_node"},
        {spoil_name, "name of a node is missing"},
        {spoil_name_empty, "name of a node is empty"},
        {spoil_name_long, "xx\" and is longer than 64 bytes"},
        {spoil_form, "made of nothing"},
        {spoil_forms, "made of several things"},
        {spoil_make, "make and free"},
        {spoil_free, "without make"},
        {spoil_on_error, "on_error"},
        {spoil_first_start, "first_start"},
        {spoil_needs, "twice"},
        {spoil_dependency_size, "lc_dependency"},
        {spoil_kind, "kind"},
        {spoil_restart, "restart"},
        {spoil_first, "backoff"},
        {spoil_most, "backoff"},
        {spoil_factor, "factor"},
        {spoil_factor_nan, "factor"},
        {spoil_jitter, "jitter"},
        {spoil_restarts, "intensity"},
        {spoil_period, "period"},
        {spoil_exceeded, "exceeded"},
        {spoil_start_timeout, "start_timeout"},
        {spoil_stop_timeout, "stop_timeout"},
        {spoil_dependency_name, "dependency"},
        {spoil_dependency_long, "dependency"},
        {spoil_condition, "condition"},
    };
    memset(too_long, 'x', sizeof too_long - 1);
    lc_supervisor *supervisor;
    CHECK_SUCCESS(lc_supervisor_new(NULL, &supervisor));
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        REFUSED(add(supervisor, cases[i].spoil), -EINVAL, cases[i].named);
    CHECK_ERROR(lc_supervisor_add(supervisor, NULL), -EINVAL);
    CHECK_ERROR(lc_supervisor_remove(supervisor, NULL, LC_NOW), -EINVAL);
    CHECK_SUCCESS(lc_supervisor_check(supervisor)); /* none of them is there */
    lc_supervisor_unref(supervisor);
    CHECK_ERROR(lc_supervisor_add(NULL, NULL), -EINVAL);
    CHECK_ERROR(lc_supervisor_remove(NULL, "node", LC_NOW), -EINVAL);
    CHECK_ERROR(lc_supervisor_check(NULL), -EINVAL);
    CHECK_ERROR(lc_supervisor_run(NULL, NULL, NULL), -EINVAL);
    CU_ASSERT_PTR_NULL(lc_supervisor_component(NULL));
    CU_ASSERT_PTR_NULL(lc_supervisor_ref(NULL));
    lc_supervisor_unref(NULL);
}

static void bad_options_are_refused(void)
{
    lc_supervisor_options options = {.size = sizeof options};
    lc_supervisor *supervisor;
    options.size = 1;
    REFUSED(lc_supervisor_new(&options, &supervisor), -EINVAL, "lc_supervisor_options");
    options = (lc_supervisor_options){.size = sizeof(lc_supervisor_options)};
    options.name = "";
    REFUSED(lc_supervisor_new(&options, &supervisor), -EINVAL, "name");
    options = (lc_supervisor_options){.size = sizeof(lc_supervisor_options)};
    options.halt = (lc_halt_mode)2;
    REFUSED(lc_supervisor_new(&options, &supervisor), -EINVAL, "halt");
    options = (lc_supervisor_options){.size = sizeof(lc_supervisor_options)};
    options.stop_timeout = -1;
    REFUSED(lc_supervisor_new(&options, &supervisor), -EINVAL, "stop_timeout");
    CHECK_ERROR(lc_supervisor_new(NULL, NULL), -EINVAL);
}

CHECK_SUITE_IN_MODES(
    supervisor_graph, "conformance: supervisor: graph",
    {"A26 a name is taken once", a_name_is_taken_once},
    {"A26 an unknown dependency is named, and nothing is made", unknown_dependencies_are_named},
    {"A26 a cycle is shown as a -> b -> a, and nothing is made", cycles_are_shown},
    {"A26 a node that depends on itself is a cycle", a_node_that_needs_itself_is_a_cycle},
    {"A26 long chains and circles are checked and run", long_chains_are_checked, CHECK_LARGE},
    {"A27 a node starts when its dependencies are ready",
     a_node_starts_when_its_dependencies_are_ready},
    {"A27 nodes may be added in any order", nodes_may_be_added_in_any_order},
    {"A27 an edge may ask for started", an_edge_may_ask_for_started},
    {"A27 an edge may ask for completed", an_edge_may_ask_for_completed},
    {"A27 what waits for a completion that will not come never starts",
     what_waits_for_completion_never_starts_without},
    {"A27 nodes without a path between them start in parallel",
     nodes_without_a_path_start_in_parallel},
    {"A27 a factory that blocks holds up no other node",
     a_factory_that_blocks_holds_up_no_other_node},
    {"A27 a node that completes stops no other", completing_stops_no_other},
    {"A27 what completes without being ready keeps its ready dependants down, and is logged",
     completing_without_being_ready_keeps_dependants_down},
    {"A27 a factory that fails stops its node for good, and is logged",
     a_factory_that_fails_stops_the_node_for_good},
    {"A27 the factory of a later instance is judged like anything else",
     a_factory_that_fails_on_a_restart_is_judged},
    {"A27 a factory that fails on a restart is called again if the judge answers restart",
     a_factory_that_fails_on_a_restart_is_called_again},
    {"A27 the factory of a node that restarts along is called again, too",
     a_factory_that_fails_on_a_restart_along_is_called_again},
    {"A27 a start that throws or fails is judged, and may be restarted",
     a_start_that_fails_is_judged},
    {"A27 a start without a worker of its own that fails is judged",
     an_inline_start_that_fails_is_judged},
    {"A27 a factory that gives neither a component nor an error has failed",
     a_factory_that_gives_nothing_has_failed},
    {"A37 a run of nothing is over at once, and a supervisor runs once",
     an_empty_run_is_over_at_once},
    {"A37 when nothing is left that could run the first error is returned",
     the_first_error_is_returned},
    {"A37 keep_running waits until the run is cancelled", a_run_may_be_kept_up},
    {"the ready handle closes when all are ready or have ended well", ready_closes_when_all_are},
    {"A27 what is given up does not hold back readiness, and is named",
     what_is_given_up_does_not_hold_back_readiness},
    {"A27 but with nothing left nothing is ready", with_nothing_left_nothing_is_ready},
    {"A27 waiting for a permanent node to complete is refused",
     waiting_for_a_permanent_node_to_complete_is_refused},
    {"A27 waiting for a permanent node that is added later is refused",
     also_when_the_node_is_added_later},
    {"a temporary node is forgotten when it ends, and its name is free", a_job_can_be_added_again},
    {"snapshots show the last temporary nodes that have ended",
     snapshots_show_the_last_jobs_that_ended},
    {"a run under an ended context makes nothing", a_run_under_an_ended_context_makes_nothing},
    {"a cancelled run stops dependants first and returns its context's error",
     a_cancelled_run_stops_in_order},
    {"A38 a node added to a run starts when its dependencies permit",
     a_node_added_to_a_run_starts_when_it_can},
    {"A38 what cannot be added to a run is refused", what_cannot_be_added_to_a_run_is_refused},
    {"A38 what is added below a stopped node does not start",
     what_is_added_below_a_stopped_node_does_not_start},
    {"A38 a node is removed from a run, and its name is free again", a_node_is_removed_from_a_run},
    {"A38 what others depend on is not removed", what_others_depend_on_is_not_removed},
    {"A38 a removal that takes too long goes on", a_removal_that_takes_too_long_goes_on},
    {"A38 a node is removed before the run", a_node_is_removed_before_the_run},
    {"bad nodes are refused, and the field is named", bad_nodes_are_refused, CHECK_LARGE},
    {"bad options are refused, and the option is named", bad_options_are_refused, CHECK_LARGE});
