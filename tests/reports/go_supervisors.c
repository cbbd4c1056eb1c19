/*
 * go_supervisors.c: scenarios from public bug reports of suture (thejerf/suture), fx (uber-go/fx),
 * run (oklog/run) and controller-runtime (kubernetes-sigs/controller-runtime), rebuilt in our own
 * terms. tests/reports.md lists them with their verdicts.
 */
#include "reports/beside.h"
#include "support/check.h"
#include "support/fake.h"
#include "support/mode.h"
#include "support/scripted_graph.h"

#include <lifecycle.h>

#include <errno.h>
#include <string.h>

static struct scripted_graph *graph_with_clock(void)
{
    struct scripted_graph *graph = graph_new();
    graph->clock = check_clock_new();
    return graph;
}

/* ---- adding and removing while everything stops ---- */

struct adding {
    struct scripted_node *node;
    lc_error *error;
};

static int adding_joins(void *arg)
{
    struct adding *adding = arg;
    adding->error = node_join(adding->node);
    return lc_error_code(adding->error);
}

/* A node is added as the run is cancelled: it is taken or refused, and the call returns. */
static void add_races_with_the_stop(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *first = graph_node(graph, "first", "");
    graph_begin(graph);
    RUNS(first, 1);
    struct adding adding = {graph_node(graph, "late", "first"), NULL};
    struct beside adder;
    beside_start(&adder, adding_joins, &adding);
    lc_context_cancel(graph->context, NULL);
    int code = beside_ends(&adder);
    graph_end(graph);
    CU_ASSERT_TRUE(code == 0 || code == -ESHUTDOWN);
    CU_ASSERT_EQUAL(lc_error_code(graph->result), -ECANCELED);
    lc_error_unref(adding.error);
    REFUSED(node_join(graph_node(graph, "later", "")), -ESHUTDOWN, "\"later\"");
    graph_drop(graph);
}

/* The stop comes right after a removal that was waited for: nothing is overdue or named. */
static void stop_right_after_a_removal(void)
{
    struct scripted_graph *graph = graph_with_clock();
    struct scripted_node *gone = graph_node(graph, "gone", ""),
                         *stays = graph_node(graph, "stays", "");
    graph->options.stop_timeout = 10 * LC_SECOND;
    check_log_capture();
    graph_begin(graph);
    RUNS(gone, 1);
    RUNS(stays, 1);
    CHECK_SUCCESS(lc_supervisor_remove(graph->supervisor, "gone", check_patience()));
    CU_ASSERT_TRUE(lc_handle_is_closed(INSTANCE(gone, 1).left));
    int64_t before = check_clock_now(graph->clock);
    graph_cancel(graph);
    CU_ASSERT_TRUE(check_clock_now(graph->clock) - before < 10 * LC_SECOND);
    CU_ASSERT_PTR_NULL(strstr(lc_error_message(graph->result), "gone"));
    CU_ASSERT_EQUAL(check_log_count("gone: "), 0);
    check_log_release();
    graph_drop(graph);
}

struct removing {
    struct scripted_graph *graph;
    const char *name;
};

static int removing_removes(void *arg)
{
    const struct removing *removing = arg;
    lc_error *error =
        lc_supervisor_remove(removing->graph->supervisor, removing->name, check_patience());
    int code = lc_error_code(error);
    lc_error_unref(error);
    return code;
}

/* Two remove the same node, and a third cancels the run: the node is told once, all return. */
static void stopped_by_many_it_stops_once(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *node = graph_node(graph, "wanted", ""),
                         *other = graph_node(graph, "o", "");
    graph_begin(graph);
    RUNS(node, 1);
    RUNS(other, 1);
    struct removing removing = {graph, "wanted"};
    struct beside removers[2];
    for (int i = 0; i < 2; i++)
        beside_start(&removers[i], removing_removes, &removing);
    lc_context_cancel(graph->context, NULL);
    for (int i = 0; i < 2; i++) {
        int code = beside_ends(&removers[i]);
        CU_ASSERT_TRUE(code == 0 || code == -ENOENT);
    }
    graph_end(graph);
    MADE(node, 1);
    ASKED(node, 0);
    CU_ASSERT_EQUAL(lc_error_code(graph->result), -ECANCELED);
    graph_drop(graph);
}

/* Its factory is still at work when a node is removed: what comes of that never starts. */
static void removed_while_its_factory_works(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *slow = graph_node(graph, "slow", ""),
                         *other = graph_node(graph, "other", "");
    slow->factory_waits = lc_handle_new();
    graph_begin(graph);
    RUNS(other, 1);
    REFUSED(lc_supervisor_remove(graph->supervisor, "slow", LC_NOW), -ETIMEDOUT, "\"slow\"");
    lc_handle_close(slow->factory_waits);
    NODE_COMES(slow, 1, made);
    struct removing removing = {graph, "slow"};
    int code = removing_removes(&removing);
    CU_ASSERT_TRUE(code == 0 || code == -ENOENT);
    CU_ASSERT_FALSE(graph_has(graph, "slow+1") && !graph_has(graph, "slow-1"));
    NOT_TOLD(other, 1);
    graph_cancel(graph);
    CU_ASSERT_FALSE(graph_has(graph, "slow+1") && !graph_has(graph, "slow~1"));
    graph_drop(graph);
}

/* A node restarts along with its dependency, and is removed while it stops for that. */
static void removed_while_it_stops_to_restart(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *base = graph_node(graph, "base", ""),
                         *user = graph_node(graph, "user", "base+");
    user->end = NODE_STAYS;
    graph_begin(graph);
    RUNS(user, 1);
    node_order(base, 1, NODE_FAIL);
    IS_TOLD(user, 1);
    struct removing removing = {graph, "user"};
    struct beside remover;
    beside_sleeps(&remover, removing_removes, &removing);
    node_order(user, 1, NODE_RETURN);
    CU_ASSERT_EQUAL(beside_ends(&remover), 0);
    RUNS(base, 2);
    MADE(user, 1);
    ASKED(user, 0);
    graph_cancel(graph);
    graph_drop(graph);
}

/* ---- pauses ---- */

/* Cancelled, or removed, while it pauses after throws: nothing is waited for. */
static void stop_in_a_pause(bool removed)
{
    struct scripted_graph *graph = graph_with_clock();
    struct scripted_node *broken = graph_node(graph, "broken", "");
    struct scripted_node *other = graph_node(graph, "other", "");
    broken->slow = true;
    broken->options.backoff = (lc_backoff){.first = LC_HOUR,
                                           .most = LC_HOUR,
                                           .factor = 1,
                                           .jitter = LC_NONE,
                                           .steady = LC_NONE,
                                           .pause_first = true};
    graph_begin(graph);
    RUNS(other, 1);
    node_order(broken, 1, NODE_THROW);
    node_enters(broken, LC_NODE_BACKOFF);
    int64_t before = check_clock_now(graph->clock);
    if (removed) {
        /*
         * Before the clock moves: so the pause is not waited for, but the instance that threw is.
         */
        CHECK_SUCCESS(lc_supervisor_remove(graph->supervisor, "broken", check_patience()));
        check_clock_advance(graph->clock, 2 * LC_HOUR);
        NOT_TOLD(other, 1);
        before = check_clock_now(graph->clock);
    }
    graph_cancel(graph);
    CU_ASSERT_TRUE(check_clock_now(graph->clock) - before < LC_MINUTE);
    MADE(broken, 1);
    graph_drop(graph);
}

static void cancelled_in_a_pause(void)
{
    stop_in_a_pause(false);
}

static void removed_in_a_pause(void)
{
    stop_in_a_pause(true);
}

/* ---- stopping while starting ---- */

/* What says that it is ready only when it is told to stop does not start its dependants. */
static void ready_at_the_stop_starts_nothing(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *leader = graph_node(graph, "leader", "");
    struct scripted_node *follower = graph_node(graph, "follower", "leader");
    leader->slow = true;
    leader->end = NODE_STAYS;
    graph_begin(graph);
    RUNS(leader, 1);
    lc_context_cancel(graph->context, NULL);
    IS_TOLD(leader, 1);
    node_order(leader, 1, NODE_READY);
    node_order(leader, 1, NODE_RETURN);
    graph_end(graph);
    MADE(follower, 0);
    MADE(leader, 1);
    CU_ASSERT_EQUAL(lc_error_code(graph->result), -ECANCELED);
    graph_drop(graph);
}

/* Cancelled right after the begin, before anything can be ready. */
static void stop_right_after_the_start(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *base = graph_node(graph, "base", ""),
                         *user = graph_node(graph, "user", "base");
    base->slow = true;
    check_log_capture();
    graph_begin(graph);
    graph_cancel(graph);
    CU_ASSERT_EQUAL(lc_error_code(graph->result), -ECANCELED);
    MADE(user, 0);
    CU_ASSERT_EQUAL(check_log_count("unhandled"), 0);
    check_log_release();
    graph_drop(graph);
}

/* A handler asks for a shutdown while other nodes start, one of which is still in its factory. */
static void shutdown_asked_for_during_the_start(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *failing = graph_node(graph, "failing", "");
    struct scripted_node *starting = graph_node(graph, "starting", "");
    struct scripted_node *making = graph_node(graph, "making", "");
    failing->answers[0] = LC_SHUTDOWN;
    starting->slow = true;
    making->factory_waits = lc_handle_new();
    graph_begin(graph);
    RUNS(starting, 1);
    node_order(failing, 1, NODE_FAIL);
    IS_TOLD(starting, 1);
    CHECK_OPEN(graph->finished);
    lc_handle_close(making->factory_waits);
    graph_end(graph);
    CU_ASSERT_FALSE(graph_has(graph, "making+1") && !graph_has(graph, "making~1"));
    CU_ASSERT_EQUAL(graph->behavior, LC_SHUTDOWN);
    CU_ASSERT_TRUE(lc_error_contains(graph->result, INSTANCE(failing, 1).error));
    graph_drop(graph);
}

/* A start takes too long: what had started before is stopped, after the slow one, and is told. */
static void start_timeout_stops_what_had_started(void)
{
    struct scripted_graph *graph = graph_with_clock();
    graph_node(graph, "base", "");
    struct scripted_node *slow = graph_node(graph, "slow", "base");
    slow->slow = true;
    slow->options.start_timeout = 3 * LC_SECOND;
    slow->answers[0] = LC_SHUTDOWN;
    check_log_capture();
    graph_begin(graph);
    RUNS(slow, 1);
    node_enters(slow, LC_NODE_STARTING);
    check_clock_advance(graph->clock, 3 * LC_SECOND);
    IS_TOLD(slow, 1);
    graph_end(graph);
    BEFORE(graph, "slow-1", "base~1");
    ASKED(slow, 1);
    CU_ASSERT_EQUAL(lc_error_code(graph->result), -ETIMEDOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(graph->result), "slow"));
    CU_ASSERT_TRUE(lc_error_is(INSTANCE(slow, 1).judged, -ETIMEDOUT));
    check_log_release();
    graph_drop(graph);
}

/* ---- stopping ---- */

/* One that does not stop does not keep those from hearing of the stop that it has no path to. */
static void stop_reaches_all_at_once(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *stuck = graph_node(graph, "stuck", "");
    struct scripted_node *one = graph_node(graph, "one", ""),
                         *two = graph_node(graph, "two", "one");
    stuck->end = NODE_STAYS;
    graph_begin(graph);
    RUNS(stuck, 1);
    RUNS(two, 1);
    lc_context_cancel(graph->context, NULL);
    LEAVES(two, 1);
    LEAVES(one, 1);
    CHECK_OPEN(graph->finished);
    node_order(stuck, 1, NODE_RETURN);
    graph_end(graph);
    graph_drop(graph);
}

static bool is_logged(void *text)
{
    return check_log_has(text);
}

/* It fails long after the run has given it up: the error is told, and disturbs nothing. */
static void failure_after_the_run_is_told(void)
{
    struct scripted_graph *graph = graph_with_clock();
    struct scripted_node *late = graph_node(graph, "late", "");
    graph->options.stop_timeout = 5 * LC_SECOND;
    late->end = NODE_STAYS;
    check_log_capture();
    graph_begin(graph);
    RUNS(late, 1);
    lc_context_cancel(graph->context, NULL);
    IS_TOLD(late, 1);
    check_clock_advance(graph->clock, 5 * LC_SECOND);
    graph_end(graph);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(graph->result), "late"));
    node_order(late, 1, NODE_FAIL);
    CHECK_CLOSES(lc_manager_done(INSTANCE(late, 1).manager));
    CU_ASSERT_TRUE(check_until(is_logged, (void *)(uintptr_t) "late failed the 1. time"));
    ASKED(late, 0);
    check_log_release();
    graph_drop(graph);
}

/* It had failed before, and ends only after the run has given it up: its handler is not asked. */
static void end_after_the_run_asks_no_handler(void)
{
    struct scripted_graph *graph = graph_with_clock();
    struct scripted_node *late = graph_node(graph, "late", "");
    graph->options.stop_timeout = 5 * LC_SECOND;
    late->end = NODE_STAYS;
    check_log_capture();
    graph_begin(graph);
    node_order(late, 1, NODE_SIGNAL);
    IS_TOLD(late, 1);
    node_enters(late, LC_NODE_FAILING);
    lc_context_cancel(graph->context, NULL);
    graph_sees_kind(graph, LC_EVENT_STOPPING);
    check_clock_advance(graph->clock, 5 * LC_SECOND);
    graph_end(graph);
    node_order(late, 1, NODE_RETURN);
    CHECK_CLOSES(lc_manager_done(INSTANCE(late, 1).manager));
    check_clock_advance(graph->clock, LC_SECOND);
    ASKED(late, 0);
    check_log_release();
    graph_drop(graph);
}

static lc_error *returns_own_code(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    int code = lc_context_sleep(context, LC_FOREVER);
    return lc_error_new(code, "sleep: %s", strerror(-code));
}

static lc_error *make_returning(lc_component **component, void *arg)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("returning");
    lc_manager_builder_add(builder, LC_WORKER(.name = "a", .run = returns_own_code, .arg = arg));
    lc_manager_builder_add(builder, LC_WORKER(.name = "b", .run = returns_own_code, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

/* Workers that return an error of their context's code at a stop are no news to anything. */
static void end_with_the_contexts_code_is_clean(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *node = graph_node(graph, "returning", "");
    node->options.factory = make_returning;
    node->options.judge = NULL;
    check_log_capture();
    graph_begin(graph);
    CHECK_CLOSES(lc_supervisor_ready(graph->supervisor));
    graph_cancel(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, lc_context_error(graph->context));
    CU_ASSERT_EQUAL(check_log_count("sleep: "), 0);
    check_log_release();
    graph_drop(graph);
}

/* ---- one instance at a time ---- */

struct exclusive {
    struct fake fakes[3];
    unsigned made;
    bool overlapped;
};

static lc_error *start_fails(struct fake *fake, lc_context *context)
{
    (void)fake;
    (void)context;
    return lc_error_new(-EADDRINUSE, "the start failed");
}

static lc_error *make_exclusive(lc_component **component, void *arg)
{
    struct exclusive *exclusive = arg;
    struct fake *fake = &exclusive->fakes[exclusive->made];
    if (exclusive->made > 0)
        exclusive->overlapped |= atomic_load(&fake[-1].destroys) == 0;
    if (exclusive->made < 2)
        fake->start = start_fails;
    else
        lc_handle_close(fake->ready);
    exclusive->made++;
    *component = &fake->component;
    return NULL;
}

/* What an instance holds is let go of before the next one is made, also if its start failed. */
static void next_instance_waits_for_the_last_to_go(void)
{
    static struct exclusive exclusive;
    struct scripted_graph *graph = graph_new();
    struct scripted_node *node = graph_node(graph, "exclusive", "");
    memset(&exclusive, 0, sizeof exclusive);
    for (int i = 0; i < 3; i++)
        fake_init(&exclusive.fakes[i], 0);
    node->options.factory = make_exclusive;
    node->options.arg = &exclusive;
    node->options.judge = NULL;
    node->options.backoff.first = LC_NONE;
    check_log_capture();
    graph_begin(graph);
    CHECK_CLOSES(lc_supervisor_ready(graph->supervisor));
    CU_ASSERT_FALSE(exclusive.overlapped);
    CU_ASSERT_EQUAL(exclusive.made, 3);
    lc_context_cancel(graph->context, NULL);
    lc_handle_close(exclusive.fakes[2].done);
    graph_end(graph);
    check_log_release();
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(atomic_load(&exclusive.fakes[i].destroys), 1);
        fake_drop(&exclusive.fakes[i]);
    }
    graph_drop(graph);
}

/* A node joins a run before its dependency is ready: it runs when that is, and once. */
static void late_node_waits_and_runs_once(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *leader = graph_node(graph, "leader", ""),
                         *first = graph_node(graph, "first", "");
    leader->slow = true;
    graph_begin(graph);
    RUNS(leader, 1);
    RUNS(first, 1);
    struct scripted_node *late = graph_node(graph, "late", "leader first");
    CHECK_SUCCESS(node_join(late));
    MADE(late, 0);
    node_order(leader, 1, NODE_READY);
    RUNS(late, 1);
    CHECK_CLOSES(lc_supervisor_ready(graph->supervisor));
    MADE(late, 1);
    BEFORE(graph, "leader!1", "late*1");
    graph_cancel(graph);
    MADE(late, 1);
    graph_drop(graph);
}

static lc_error *start_throws(struct fake *fake, lc_context *context)
{
    (void)fake;
    lc_throw(context, lc_error_new(-ENOEXEC, "great sadness"));
}

static void done_with_the_context(void *arg)
{
    lc_handle_close(arg);
}

static lc_error *start_until_cancelled(struct fake *fake, lc_context *context)
{
    int result =
        lc_handle_on_close(lc_context_done(context), done_with_the_context, fake->done, NULL);
    lc_handle_close(fake->ready);
    return result == 0 ? NULL : lc_error_new(result, "not started");
}

struct merged_parts {
    struct fake fakes[3];
};

static lc_error *make_merged(lc_component **component, void *arg)
{
    struct merged_parts *parts = arg;
    lc_component *const components[] = {&parts->fakes[0].component, &parts->fakes[1].component,
                                        &parts->fakes[2].component};
    int result = check_code(lc_components_merge(components, 3, component));
    return result == 0 ? NULL : lc_error_new(result, "not merged");
}

/* Of three merged parts the second one throws as it starts: the throw is what the run returns. */
static void throw_in_a_start_is_what_is_told(void)
{
    static struct merged_parts parts;
    struct scripted_graph *graph = graph_new();
    struct scripted_node *node = graph_node(graph, "merged", "");
    memset(&parts, 0, sizeof parts);
    for (int i = 0; i < 3; i++)
        fake_init(&parts.fakes[i], 0);
    parts.fakes[0].start = start_until_cancelled;
    parts.fakes[1].start = start_throws;
    node->options.factory = make_merged;
    node->options.arg = &parts;
    node->options.judge = NULL;
    node->options.restart = LC_TEMPORARY;
    check_log_capture();
    graph_begin(graph);
    graph_end(graph);
    CU_ASSERT_TRUE(lc_error_is(graph->result, -ENOEXEC));
    CU_ASSERT_EQUAL(atomic_load(&parts.fakes[2].starts), 0);
    CU_ASSERT_TRUE(lc_handle_is_closed(parts.fakes[0].done));
    check_log_release();
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(atomic_load(&parts.fakes[i].destroys), 1);
        fake_drop(&parts.fakes[i]);
    }
    graph_drop(graph);
}

/* ---- what a worker does to its own supervisor ---- */

struct meddler {
    struct scripted_graph *graph;
    lc_handle *go;
    int removed; /* what the removal of its own node answered */
    int added;
    size_t seen; /* nodes in its snapshot */
    struct scripted_node *other;
};

static lc_error *remove_itself(lc_context *context, lc_ready *ready, void *arg)
{
    struct meddler *meddler = arg;
    lc_ready_signal(ready);
    lc_handle_wait(meddler->go, LC_FOREVER);
    lc_error *error = lc_supervisor_remove(meddler->graph->supervisor, "meddler", LC_FOREVER);
    meddler->removed = lc_error_code(error);
    lc_error_unref(error);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return NULL;
}

/* Looks at the supervisor, adds a node, and cancels the run that it is a part of. */
static lc_error *cancel_its_run(lc_context *context, lc_ready *ready, void *arg)
{
    struct meddler *meddler = arg;
    lc_ready_signal(ready);
    lc_handle_wait(meddler->go, LC_FOREVER);
    lc_snapshot *snapshot = lc_supervisor_snapshot(meddler->graph->supervisor);
    meddler->seen = snapshot ? snapshot->count : 0;
    lc_snapshot_free(snapshot);
    lc_error *error = node_join(meddler->other);
    meddler->added = lc_error_code(error);
    lc_error_unref(error);
    for (int i = 0; i < 3; i++)
        lc_context_cancel(meddler->graph->context, lc_error_new(-EOWNERDEAD, "by a worker"));
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static lc_error *make_meddler(void *arg, lc_component **component, lc_worker_function run)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("meddler");
    lc_manager_builder_add(builder, LC_WORKER(.name = "meddler", .run = run, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

static lc_error *make_remover(lc_component **component, void *arg)
{
    return make_meddler(arg, component, remove_itself);
}

static lc_error *make_canceller(lc_component **component, void *arg)
{
    return make_meddler(arg, component, cancel_its_run);
}

static bool is_gone(void *arg)
{
    struct scripted_graph *graph = arg;
    lc_snapshot *snapshot = lc_supervisor_snapshot(graph->supervisor);
    bool gone = snapshot->count == 1;
    lc_snapshot_free(snapshot);
    return gone;
}

/*
 * A worker removes its own node: it is told at once that it cannot wait for that, and is stopped.
 */
static void worker_removes_its_own_node(void)
{
    struct scripted_graph *graph = graph_new();
    struct meddler meddler = {.graph = graph, .go = lc_handle_new()};
    struct scripted_node *node = graph_node(graph, "meddler", ""),
                         *other = graph_node(graph, "o", "");
    node->options.factory = make_remover;
    node->options.arg = &meddler;
    node->options.judge = NULL;
    graph_begin(graph);
    CHECK_CLOSES(lc_supervisor_ready(graph->supervisor));
    lc_handle_close(meddler.go);
    CU_ASSERT_TRUE(check_until(is_gone, graph));
    CU_ASSERT_EQUAL(meddler.removed, -EDEADLK);
    NOT_TOLD(other, 1);
    graph_cancel(graph);
    lc_handle_unref(meddler.go);
    graph_drop(graph);
}

/* The cancel is carried out on the stack of a worker that it stops. */
static void worker_cancels_its_own_run(void)
{
    struct scripted_graph *graph = graph_new();
    struct meddler meddler = {.graph = graph, .go = lc_handle_new()};
    struct scripted_node *base = graph_node(graph, "base", "");
    struct scripted_node *node = graph_node(graph, "meddler", "base");
    node->options.factory = make_canceller;
    node->options.arg = &meddler;
    node->options.judge = NULL;
    graph_begin(graph);
    CHECK_CLOSES(lc_supervisor_ready(graph->supervisor));
    meddler.other = graph_node(graph, "other", "meddler");
    lc_handle_close(meddler.go);
    graph_end(graph);
    CU_ASSERT_EQUAL(meddler.added, 0);
    CU_ASSERT_EQUAL(meddler.seen, 2);
    CU_ASSERT_EQUAL(lc_error_code(graph->result), -ECANCELED);
    CU_ASSERT_TRUE(lc_error_is(graph->result, -EOWNERDEAD));
    CU_ASSERT_TRUE(lc_handle_is_closed(INSTANCE(base, 1).left));
    lc_handle_unref(meddler.go);
    graph_drop(graph);
}

/* ---- names that come free ---- */

static bool joins_at_last(void *arg)
{
    lc_error *error = node_join(arg);
    int code = lc_error_code(error);
    lc_error_unref(error);
    return code == 0;
}

/*
 * A temporary node has ended, well or not: another one of its name can be added, again and again.
 */
static void temporary_nodes_leave_their_names(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *other = graph_node(graph, "other", "");
    check_log_capture();
    graph_begin(graph);
    RUNS(other, 1);
    for (int i = 0; i < 6; i++) {
        struct scripted_node *job = graph_node(graph, "job", i % 2 ? "other" : "");
        job->options.restart = LC_TEMPORARY;
        CU_ASSERT_TRUE(check_until(joins_at_last, job)); /* until the last one has gone */
        node_order(job, 1, i % 3 ? NODE_RETURN : NODE_FAIL);
        LEAVES(job, 1);
        MADE(job, 1);
    }
    NOT_TOLD(other, 1);
    graph_cancel(graph);
    check_log_release();
    graph_drop(graph);
}

/* ---- after the run ---- */

/* Calls for a run that is over return, whatever they ask for. */
static void calls_after_the_run_return(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *node = graph_node(graph, "node", ""),
                         *user = graph_node(graph, "u", "node");
    graph_begin(graph);
    RUNS(user, 1);
    graph_cancel(graph);
    lc_error *error = lc_supervisor_remove(graph->supervisor, "node", check_patience());
    CU_ASSERT_EQUAL(lc_error_code(error), -EBUSY);
    lc_error_unref(error);
    struct removing removing = {graph, "u"};
    int code = removing_removes(&removing);
    CU_ASSERT_TRUE(code == 0 || code == -ENOENT);
    removing.name = "node";
    code = removing_removes(&removing);
    CU_ASSERT_TRUE(code == 0 || code == -ENOENT);
    REFUSED(lc_supervisor_run(graph->supervisor, NULL, NULL), -EALREADY, "");
    CHECK_CLOSES(lc_supervisor_done(graph->supervisor));
    lc_snapshot_free(lc_supervisor_snapshot(graph->supervisor));
    MADE(node, 1);
    graph_drop(graph);
}

/* ---- nested ---- */

static lc_error *make_inner_supervisor(lc_component **component, void *arg)
{
    *component =
        lc_supervisor_component(lc_supervisor_ref(((struct scripted_graph *)arg)->supervisor));
    return NULL;
}

static struct scripted_node *nest_graph(struct scripted_graph *outer, struct scripted_graph *inner)
{
    struct scripted_node *node = graph_node(outer, "inner", "");
    for (unsigned i = 0; i < inner->count; i++)
        CHECK_SUCCESS(node_join(&inner->nodes[i]));
    node->options.factory = make_inner_supervisor;
    node->options.arg = inner;
    node->options.judge = NULL;
    return node;
}

/* The run outside returns only when what is inside has left, last what others depend on. */
static void outer_run_waits_for_the_inner_nodes(void)
{
    struct scripted_graph *outer = graph_new(), *inner = graph_new();
    struct scripted_node *base = graph_node(inner, "base", ""),
                         *user = graph_node(inner, "user", "base");
    user->end = NODE_STAYS;
    nest_graph(outer, inner);
    graph_begin(outer);
    RUNS(user, 1);
    lc_context_cancel(outer->context, NULL);
    IS_TOLD(user, 1);
    NOT_TOLD(base, 1);
    CHECK_OPEN(outer->finished);
    node_order(user, 1, NODE_RETURN);
    graph_end(outer);
    BEFORE(inner, "user-1", "base~1");
    CU_ASSERT_TRUE(lc_handle_is_closed(INSTANCE(base, 1).left));
    graph_drop(outer);
    graph_drop(inner);
}

/* A nested supervisor is removed while one of its nodes starts: that one is told and awaited. */
static void inner_supervisor_is_removed_while_it_starts(void)
{
    struct scripted_graph *outer = graph_new(), *inner = graph_new();
    struct scripted_node *starting = graph_node(inner, "starting", "");
    struct scripted_node *other = graph_node(outer, "other", "");
    starting->slow = true;
    nest_graph(outer, inner);
    graph_begin(outer);
    RUNS(starting, 1);
    RUNS(other, 1);
    CHECK_SUCCESS(lc_supervisor_remove(outer->supervisor, "inner", check_patience()));
    CU_ASSERT_TRUE(lc_handle_is_closed(INSTANCE(starting, 1).left));
    CHECK_CLOSES(lc_supervisor_done(inner->supervisor));
    NOT_TOLD(other, 1);
    graph_cancel(outer);
    CU_ASSERT_PTR_EQUAL(outer->result, lc_context_error(outer->context));
    graph_drop(outer);
    graph_drop(inner);
}

CHECK_SUITE_IN_MODES(
    report_go_supervisors, "report: supervisors in Go",
    {"suture#41 a node that is added during the stop is taken or refused", add_races_with_the_stop},
    {"suture#34 a stop right after a removal finds nothing overdue", stop_right_after_a_removal},
    {"suture#12 the run outside returns when the nodes inside have left",
     outer_run_waits_for_the_inner_nodes},
    {"suture#58 a stop during a pause waits for nothing", cancelled_in_a_pause},
    {"suture#39 a node that is removed while it stops for a restart is gone",
     removed_while_it_stops_to_restart},
    {"fx#930 a node that is stopped by many stops once", stopped_by_many_it_stops_once},
    {"fx#1035 a start that takes too long stops what had started, in order",
     start_timeout_stops_what_had_started},
    {"fx#1059 a shutdown that is asked for during the start is not lost",
     shutdown_asked_for_during_the_start},
    {"fx#1116 a throw in the start of a part is what the run returns",
     throw_in_a_start_is_what_is_told},
    {"controller-runtime#478 a node that joins waits for its dependencies, and runs once",
     late_node_waits_and_runs_once},
    {"run#22 one that is stuck keeps the stop from none it has no path to",
     stop_reaches_all_at_once},
    {"controller-runtime#1457 a stop right after the start is clean", stop_right_after_the_start},
    {"controller-runtime#2719 what becomes ready at the stop starts nothing",
     ready_at_the_stop_starts_nothing},
    {"controller-runtime#2745 an end with the context's code is no news",
     end_with_the_contexts_code_is_clean},
    {"controller-runtime#2756 a node that is removed while its factory works never runs on",
     removed_while_its_factory_works},
    {"controller-runtime#3218 a failure after the run is told, and disturbs nothing",
     failure_after_the_run_is_told},
    {"controller-runtime#3247 an end after the run asks no handler",
     end_after_the_run_asks_no_handler},
    {"otp#6843 an instance that failed to start is gone before the next one is made",
     next_instance_waits_for_the_last_to_go},
    {"pykka#76 a worker that removes its own node is stopped, and does not wait for itself",
     worker_removes_its_own_node},
    {"autopsy#1588 a worker cancels the run that it is a part of", worker_cancels_its_own_run},
    {"otp#1287 temporary nodes leave their names to others", temporary_nodes_leave_their_names},
    {"suture#37 calls after the run return", calls_after_the_run_return},
    {"supervisord#118 a node is removed in its pause, and does not come back", removed_in_a_pause},
    {"tokio-graceful-shutdown#104 a nested supervisor is removed while it starts",
     inner_supervisor_is_removed_while_it_starts});
