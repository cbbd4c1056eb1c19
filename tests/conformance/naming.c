/*
 * naming.c: contract A18, A35: the one that holds everything up is named, down to the worker,
 * through nested supervisors, trees and merged components; in the error, in the log, for a signal
 * that comes again, in snapshots. And each line about a node names it by its path.
 */
#include "support/check.h"
#include "support/clock.h"
#include "support/fake.h"
#include "support/helper.h"
#include "support/mode.h"
#include "support/parts.h"

#include <lifecycle.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- workers and what they are part of ---- */

enum { MANAGERS = 8 };

struct fixture {
    struct check_clock *clock; /* NULL: the usual one */
    lc_supervisor *outer;
    lc_context *context;
    lc_handle *reached; /* the worker that is named runs */
    lc_handle *told;    /* it has been told to stop */
    lc_handle *go;      /* it may return */
    lc_handle *done;    /* of the tree; NULL: there is none */
    lc_handle *finished;
    lc_error *result;
    _Atomic(lc_error *) judged;
    bool stays; /* the one that is named does not return when it is told to */
    lc_manager *managers[MANAGERS];
    lc_handle *freed[MANAGERS]; /* close when the managers are gone */
    atomic_uint manager_count;
};

/* Also in a child process, where nothing is asserted. */
static void must(bool condition)
{
    if (!condition)
        abort();
}

static void succeed(lc_error *error)
{
    must(!error);
}

/* Not ready; or ready, but not done when it is told to stop. */
static lc_error *hold_up(lc_context *context, lc_ready *ready, void *arg)
{
    struct fixture *fixture = arg;
    if (fixture->stays)
        lc_ready_signal(ready);
    lc_handle_close(fixture->reached);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    lc_handle_close(fixture->told);
    if (fixture->stays)
        lc_handle_wait(fixture->go, LC_FOREVER);
    return NULL;
}

/* What the manager was part of is being taken down. */
static void note_freed(void *data)
{
    lc_handle_close(data);
    lc_handle_unref(data);
}

static void note_manager(struct fixture *fixture, lc_manager *manager)
{
    unsigned count = atomic_load(&fixture->manager_count);
    must(count < MANAGERS);
    fixture->managers[count] = lc_manager_ref(manager);
    fixture->freed[count] = lc_handle_new();
    must(lc_manager_set_data(manager, lc_handle_ref(fixture->freed[count]), note_freed) == 0);
    atomic_store(&fixture->manager_count, count + 1);
}

/* Whether the supervisor knows that "idle", if it is there, is ready: later than its workers do. */
static bool idle_is_ready(lc_supervisor *supervisor)
{
    bool ready = true;
    lc_snapshot *snapshot = lc_supervisor_snapshot(supervisor);
    for (size_t i = 0; snapshot && i < snapshot->count; i++)
        if (strcmp(snapshot->nodes[i].name, "inner/idle") == 0)
            ready = snapshot->nodes[i].state == LC_NODE_READY;
    lc_snapshot_free(snapshot);
    return ready;
}

/* Whether all workers but the one that holds up have come as far as they will. */
static bool others_are_fine(void *arg)
{
    struct fixture *fixture = arg;
    if (!idle_is_ready(fixture->outer))
        return false;
    lc_worker_status workers[2];
    for (unsigned i = 0; i < atomic_load(&fixture->manager_count); i++) {
        must(lc_manager_copy_workers(fixture->managers[i], workers, 2) == 2);
        for (unsigned j = 0; j < 2; j++)
            if (workers[j].state < LC_WORKER_READY && strcmp(workers[j].name, "sync") != 0)
                return false;
    }
    return true;
}

static lc_component *manager_of(struct fixture *fixture, const char *name, const char *worker,
                                lc_worker_function run, const char *other)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder(name);
    lc_manager_builder_add(builder, LC_WORKER(.name = worker, .run = run, .arg = fixture));
    lc_manager_builder_add(builder, LC_WORKER(.name = other, .run = lc_noop_worker));
    succeed(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    note_manager(fixture, manager);
    return lc_manager_component(manager);
}

static lc_error *make_store(lc_component **component, void *arg)
{
    *component = manager_of(arg, "disk", "sync", hold_up, "open");
    return NULL;
}

static lc_error *make_merged_store(lc_component **component, void *arg)
{
    lc_component *parts[] = {manager_of(arg, "net", "listen", lc_noop_worker, "accept"),
                             manager_of(arg, "disk", "sync", hold_up, "open")};
    must(check_code(lc_components_merge(parts, 2, component)) == 0);
    return NULL;
}

static lc_error *make_noop(lc_component **component, void *arg)
{
    *component = manager_of(arg, "noop", "noop", lc_noop_worker, "other");
    return NULL;
}

static lc_supervisor *supervisor_named(const char *name)
{
    lc_supervisor *supervisor = NULL;
    lc_supervisor_options options = {.size = sizeof options};
    options.name = name;
    options.halt = LC_HALT_RETURN;
    succeed(lc_supervisor_new(&options, &supervisor));
    return supervisor;
}

/* A graph "graph" of "store", which holds up, and "idle", which does not. */
static lc_error *make_graph(lc_component **component, void *arg)
{
    lc_supervisor *graph = supervisor_named("graph");
    lc_node store = node_of("store", make_merged_store, arg);
    lc_node idle = node_of("idle", make_noop, arg);
    succeed(lc_supervisor_add(graph, &idle));
    succeed(lc_supervisor_add(graph, &store));
    *component = lc_supervisor_component(graph);
    return NULL;
}

static lc_error *run_slow(lc_context *context, void *arg)
{
    struct fixture *fixture = arg;
    if (fixture->stays)
        lc_runnable_signal_healthy(context);
    lc_handle_close(fixture->reached);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    lc_handle_close(fixture->told);
    if (fixture->stays)
        lc_handle_wait(fixture->go, LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static lc_error *run_root(lc_context *context, void *arg)
{
    lc_child child = {.size = sizeof child};
    child.name = "slow";
    child.run = run_slow;
    child.arg = arg;
    child.kind = check_kind();
    succeed(lc_runnable_start_child(context, &child));
    if (((struct fixture *)arg)->stays)
        lc_runnable_signal_healthy(context);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static lc_error *make_tree(lc_component **component, void *arg)
{
    struct fixture *fixture = arg;
    lc_tree *tree = tree_of((lc_child){.run = run_root, .arg = fixture});
    fixture->done = lc_handle_ref(lc_tree_done(tree));
    *component = lc_tree_component(tree);
    return NULL;
}

/* ---- a run ---- */

static lc_behavior keep_error(const lc_failure *failure, void *arg)
{
    struct fixture *fixture = arg;
    /* Several nodes may be judged at a time. */
    lc_error_unref(atomic_exchange(&fixture->judged, lc_error_ref(failure->error)));
    return LC_STOP;
}

static void fixture_init(struct fixture *fixture, bool stays)
{
    *fixture = (struct fixture){.stays = stays};
    fixture->outer = supervisor_named("outer");
    fixture->context = lc_context_new(NULL);
    fixture->reached = lc_handle_new();
    fixture->told = lc_handle_new();
    fixture->go = lc_handle_new();
    fixture->finished = lc_handle_new();
}

static void fixture_add(struct fixture *fixture, lc_node node)
{
    node.judge = keep_error;
    node.judge_arg = fixture;
    succeed(lc_supervisor_add(fixture->outer, &node));
}

static void fixture_run(void *arg)
{
    struct fixture *fixture = arg;
    check_clock_use(fixture->clock);
    fixture->result = lc_supervisor_run(fixture->outer, fixture->context, NULL);
    check_clock_use(NULL);
    lc_handle_close(fixture->finished);
}

/* Everything that it has made is over. */
static void fixture_drop(struct fixture *fixture)
{
    lc_handle_close(fixture->go);
    for (unsigned i = 0; i < atomic_load(&fixture->manager_count); i++) {
        lc_manager_unref(fixture->managers[i]);
        must(lc_handle_wait(fixture->freed[i], check_patience()) == 0);
        lc_handle_unref(fixture->freed[i]);
    }
    if (fixture->done)
        must(lc_handle_wait(fixture->done, check_patience()) == 0);
    must(lc_handle_wait(lc_supervisor_done(fixture->outer), check_patience()) == 0);
    lc_supervisor_unref(fixture->outer);
    lc_context_unref(fixture->context);
    lc_handle_unref(fixture->reached);
    lc_handle_unref(fixture->told);
    lc_handle_unref(fixture->go);
    lc_handle_unref(fixture->done);
    lc_handle_unref(fixture->finished);
    lc_error_unref(fixture->result);
    lc_error_unref(fixture->judged);
    if (fixture->clock)
        check_clock_free(fixture->clock);
}

struct passing {
    struct fixture *fixture;
    lc_handle *handle;
};

static bool has_closed(void *arg)
{
    const struct passing *passing = arg;
    check_clock_advance(passing->fixture->clock, 0);
    return lc_handle_is_closed(passing->handle);
}

/* Lets time pass until the handle has closed. */
static bool closes_after(struct fixture *fixture, lc_handle *handle, int64_t time)
{
    struct passing passing = {fixture, handle};
    check_clock_advance(fixture->clock, time);
    return lc_is_simulated() ? lc_handle_wait(handle, check_patience()) == 0
                             : check_until(has_closed, &passing);
}

static bool message_has(const lc_error *error, const char *text)
{
    bool found = error && strstr(lc_error_message(error), text);
    if (!found)
        fprintf(stderr, "not in \"%s\": %s\n", lc_error_message(error), text);
    return found;
}

/* The error of a node that is not ready in time. */
static void not_ready_names(lc_node node, const char *named)
{
    struct fixture fixture;
    struct helper helper;
    fixture_init(&fixture, false);
    fixture.clock = check_clock_new();
    node.arg = node.arg ? node.arg : &fixture;
    node.start_timeout = 5 * LC_SECOND;
    fixture_add(&fixture, node);
    helper_start(&helper, fixture_run, &fixture);
    CHECK_CLOSES(fixture.reached);
    CU_ASSERT_TRUE(check_until(others_are_fine, &fixture));
    CU_ASSERT_TRUE(closes_after(&fixture, fixture.finished, 5 * LC_SECOND));
    helper_join(&helper);
    CU_ASSERT_TRUE(message_has(fixture.judged, "was not ready within 5.0 s"));
    CU_ASSERT_TRUE(message_has(fixture.judged, named));
    CU_ASSERT_PTR_NULL(strstr(lc_error_message(fixture.judged), "listen"));
    CU_ASSERT_PTR_NULL(strstr(lc_error_message(fixture.judged), "open"));
    CU_ASSERT_PTR_NULL(strstr(lc_error_message(fixture.judged), "idle"));
    fixture_drop(&fixture);
}

/* The log, and the run's error, of a node that does not stop in time. */
static void not_stopped_names(lc_node node, const char *named)
{
    char expected[200];
    struct fixture fixture;
    struct helper helper;
    fixture_init(&fixture, true);
    fixture.clock = check_clock_new();
    node.arg = &fixture;
    node.stop_timeout = 3 * LC_SECOND;
    fixture_add(&fixture, node);
    check_log_capture();
    helper_start(&helper, fixture_run, &fixture);
    CHECK_CLOSES(fixture.reached);
    lc_context_cancel(fixture.context, NULL);
    CHECK_CLOSES(fixture.told);
    for (unsigned i = 0; i < atomic_load(&fixture.manager_count); i++)
        CHECK_CLOSES(lc_manager_shutdown(fixture.managers[i]));
    CU_ASSERT_TRUE(closes_after(&fixture, fixture.finished, 3 * LC_SECOND));
    helper_join(&helper);
    snprintf(expected, sizeof expected,
             "outer/%s: has not stopped in time, and is not waited for any longer; what still "
             "runs: %s",
             node.name, node.name);
    CU_ASSERT_TRUE(check_log_has(expected));
    CU_ASSERT_TRUE(check_log_has(named)); /* others may still be on their way */
    snprintf(expected, sizeof expected, "not stopped in time: %s", node.name);
    CU_ASSERT_TRUE(message_has(fixture.result, expected));
    CU_ASSERT_TRUE(message_has(fixture.result, named));
    check_log_release();
    fixture_drop(&fixture);
}

static void a_start_deadline_names_the_worker(void)
{
    not_ready_names(node_of("store", make_store, NULL),
                    "; not ready: store (starting for 5.0 s): sync (5.0 s)");
    not_ready_names(node_of("merged", make_merged_store, NULL),
                    "; not ready: merged/disk (starting): sync (5.0 s)");
    not_ready_names(node_of("inner", make_graph, NULL),
                    "; not ready: inner/store/disk (starting): sync (5.0 s)");
    not_ready_names(node_of("tree", make_tree, NULL), "tree/root.slow (starting for 5.0 s)");
}

static void a_stop_deadline_names_the_worker(void)
{
    not_stopped_names(node_of("store", make_store, NULL), "sync (3.0 s)");
    not_stopped_names(node_of("merged", make_merged_store, NULL),
                      "merged/disk (stopping): sync (3.0 s)");
    not_stopped_names(node_of("inner", make_graph, NULL),
                      "inner/store/disk (stopping): sync (3.0 s)");
    not_stopped_names(node_of("tree", make_tree, NULL), "tree/root.slow (stopping for 3.0 s)");
}

/* A worker that has returned before it was ready is what readiness waits for. */
static lc_error *return_early(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    lc_handle_close(((struct fixture *)arg)->reached);
    return NULL;
}

static lc_error *make_early(lc_component **component, void *arg)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("early");
    lc_manager_builder_add(builder, LC_WORKER(.name = "gone", .run = return_early, .arg = arg));
    lc_manager_builder_add(builder, LC_WORKER(.name = "stays", .run = lc_noop_worker, .arg = arg));
    succeed(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    note_manager(arg, manager);
    *component = lc_manager_component(manager);
    return NULL;
}

static void a_worker_that_returned_too_early_is_named(void)
{
    not_ready_names(node_of("early", make_early, NULL),
                    "early (starting for 5.0 s): gone (returned)");
}

/* ---- components of the program's ---- */

static void tell_parts(lc_component *component, lc_part_visitor visit, void *arg)
{
    const lc_part ready = {.name = "ready half", .state = LC_NODE_READY};
    const lc_part half = {.name = "half", .state = LC_NODE_STARTING, .waits_for = "the other half"};
    (void)component;
    visit(&ready, arg);
    visit(&half, arg);
}

struct own {
    struct fake fake; /* first */
    lc_component_ops ops;
    struct fixture *fixture;
};

static lc_error *note_start(struct fake *fake, lc_context *context)
{
    const struct own *own = (const struct own *)fake;
    if (lc_handle_on_close(lc_context_done(context), (void (*)(void *))lc_handle_close, fake->done,
                           NULL) != 0)
        lc_handle_close(fake->done);
    lc_handle_close(own->fixture->reached);
    return NULL;
}

static lc_error *give_own(lc_component **component, void *arg)
{
    *component = &((struct own *)arg)->fake.component;
    return NULL;
}

static void not_ready_of_own(size_t size, const char *named)
{
    struct fixture fixture;
    struct helper helper;
    struct own own = {.fixture = &fixture};
    fake_init(&own.fake, 0);
    own.fake.start = note_start;
    own.ops = *own.fake.component.ops;
    own.ops.size = size;
    own.ops.parts = tell_parts;
    own.fake.component.ops = &own.ops;
    fixture_init(&fixture, false);
    fixture.clock = check_clock_new();
    lc_node node = node_of("own", give_own, &own);
    node.start_timeout = 5 * LC_SECOND;
    fixture_add(&fixture, node);
    helper_start(&helper, fixture_run, &fixture);
    CHECK_CLOSES(fixture.reached);
    CU_ASSERT_TRUE(closes_after(&fixture, fixture.finished, 5 * LC_SECOND));
    helper_join(&helper);
    CU_ASSERT_TRUE(message_has(fixture.judged, named));
    fixture_drop(&fixture);
    fake_drop(&own.fake);
}

static void a_component_of_the_programs_tells_of_its_parts(void)
{
    not_ready_of_own(sizeof(lc_component_ops), "own/half (starting, waits for the other half)");
    not_ready_of_own(offsetof(lc_component_ops, parts), "; not ready: own (starting for 5.0 s)");
}

/* ---- paths in the log ---- */

static lc_error *fail_at_once(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)arg;
    lc_ready_signal(ready);
    return lc_error_new(-EIO, "broken");
}

static lc_error *make_broken(lc_component **component, void *arg)
{
    *component = manager_of(arg, "broken", "broken", fail_at_once, "other");
    return NULL;
}

static lc_component *broken_graph(const char *name, void *arg)
{
    lc_supervisor *graph = supervisor_named(name);
    lc_node node = node_of("node", make_broken, arg);
    node.restart = LC_TEMPORARY;
    succeed(lc_supervisor_add(graph, &node));
    return lc_supervisor_component(graph);
}

static lc_error *make_broken_graph(lc_component **component, void *arg)
{
    *component = broken_graph("graph", arg);
    return NULL;
}

static lc_error *make_broken_graphs(lc_component **component, void *arg)
{
    lc_component *parts[] = {broken_graph("first", arg), broken_graph("second", arg)};
    must(check_code(lc_components_merge(parts, 2, component)) == 0);
    return NULL;
}

/* A runnable that dies, once a supervisor that it runs by hand has told of its node. */
static lc_error *run_by_hand(lc_context *context, void *arg)
{
    lc_component *graph = NULL;
    lc_error_unref(make_broken_graph(&graph, arg));
    lc_error_unref(lc_supervisor_run((lc_supervisor *)graph, context, NULL));
    lc_component_destroy(graph);
    return lc_error_new(-EIO, "died");
}

static lc_error *make_dying_tree(lc_component **component, void *arg)
{
    const lc_child root = {.run = run_by_hand, .arg = arg, .restart = LC_TEMPORARY};
    *component = lc_tree_component(tree_of(root));
    return NULL;
}

static bool log_names_all(void *arg)
{
    (void)arg;
    return check_log_has("outer/left/node: ") && check_log_has("outer/right/node: ") &&
           check_log_has("outer/both/first/node: ") && check_log_has("outer/both/second/node: ") &&
           check_log_has("outer/tree/root/graph/node: ");
}

static void lines_about_nodes_name_them_by_their_path(void)
{
    struct fixture fixture;
    struct helper helper;
    fixture_init(&fixture, false);
    fixture_add(&fixture, node_of("left", make_broken_graph, &fixture));
    fixture_add(&fixture, node_of("right", make_broken_graph, &fixture));
    fixture_add(&fixture, node_of("both", make_broken_graphs, &fixture));
    fixture_add(&fixture, node_of("tree", make_dying_tree, &fixture));
    check_log_capture();
    helper_start(&helper, fixture_run, &fixture);
    CU_ASSERT_TRUE(check_until(log_names_all, NULL));
    lc_context_cancel(fixture.context, NULL);
    helper_join(&helper);
    check_log_release();
    fixture_drop(&fixture);
}

/* ---- signals that come again ---- */

static void interrupt(void)
{
    check_signal(SIGINT);
}

/* Others may still be stopping as well. */
static bool is_answered(void *arg)
{
    return check_log_has(arg) && check_log_has("store/disk (stopping): sync (");
}

static void run_component(void *arg)
{
    struct fixture *fixture = arg;
    lc_run_options options = {.size = sizeof options};
    options.name = "web";
    options.factory = make_graph;
    options.arg = fixture;
    options.handle_signals = true;
    fixture->result = lc_component_run(&options, NULL, NULL);
    lc_handle_close(fixture->finished);
}

/* The first stops, the second is answered. @return whether all came in time. */
static bool interrupt_twice(struct fixture *fixture, const char *answer)
{
    if (lc_handle_wait(fixture->reached, check_patience()) != 0)
        return false;
    interrupt();
    if (lc_handle_wait(fixture->told, check_patience()) != 0)
        return false;
    interrupt();
    return check_until(is_answered, (void *)(uintptr_t)answer);
}

static int end_interrupted(struct fixture *fixture, struct helper *helper)
{
    STEP(10, !lc_handle_is_closed(fixture->finished));
    lc_handle_close(fixture->go);
    helper_join(helper);
    check_log_release();
    STEP(11, lc_error_code(fixture->result) == -ECANCELED);
    fixture_drop(fixture);
    return 0;
}

CHECK_CHILD(naming_interrupted_component)
{
    static struct fixture fixture;
    static struct helper helper;
    fixture_init(&fixture, true);
    check_log_capture();
    helper_start(&helper, run_component, &fixture);
    STEP(1, interrupt_twice(&fixture, "web: received SIGINT; still stopping: web/"));
    /* The supervisor of the fixture is not used. */
    lc_context_cancel(fixture.context, NULL);
    lc_error_unref(lc_supervisor_run(fixture.outer, fixture.context, NULL));
    return end_interrupted(&fixture, &helper);
}

static lc_supervisor *with_signals(void)
{
    lc_supervisor *supervisor = NULL;
    lc_supervisor_options options = {.size = sizeof options};
    options.name = "outer";
    options.handle_signals = true;
    succeed(lc_supervisor_new(&options, &supervisor));
    return supervisor;
}

static bool begin_interrupted(struct fixture *fixture, struct helper *helper)
{
    fixture_init(fixture, true);
    lc_supervisor_unref(fixture->outer);
    fixture->outer = with_signals();
    fixture_add(fixture, node_of("inner", make_graph, fixture));
    check_log_capture();
    helper_start(helper, fixture_run, fixture);
    return interrupt_twice(fixture, "outer: received SIGINT; still stopping: inner/");
}

CHECK_CHILD(naming_interrupted_supervisor)
{
    static struct fixture fixture;
    static struct helper helper;
    STEP(1, begin_interrupted(&fixture, &helper));
    return end_interrupted(&fixture, &helper);
}

static void a_second_signal_says_what_still_stops(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(naming_interrupted_component), 0);
    CU_ASSERT_EQUAL(CHECK_APART(naming_interrupted_supervisor), 0);
}

/* Outside a simulation: it ends the process. */
CHECK_CHILD(naming_third_interrupt)
{
    static struct fixture fixture;
    static struct helper helper;
    STEP(1, begin_interrupted(&fixture, &helper));
    interrupt();
    lc_sleep(LC_MINUTE);
    return 2;
}

CHECK_CHILD(naming_third_interrupt_of_component)
{
    static struct fixture fixture;
    static struct helper helper;
    fixture_init(&fixture, true);
    check_log_capture();
    helper_start(&helper, run_component, &fixture);
    STEP(1, interrupt_twice(&fixture, "web: received SIGINT; still stopping: web/"));
    interrupt();
    lc_sleep(LC_MINUTE);
    return 2;
}

static void a_third_signal_ends_the_process(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(naming_third_interrupt), 128 + SIGINT);
    CU_ASSERT_EQUAL(CHECK_APART(naming_third_interrupt_of_component), 128 + SIGINT);
}

/* ---- snapshots ---- */

static const lc_node_status *row_of(const lc_snapshot *snapshot, const char *name)
{
    for (size_t i = 0; snapshot && i < snapshot->count; i++)
        if (strcmp(snapshot->nodes[i].name, name) == 0)
            return &snapshot->nodes[i];
    return NULL;
}

static void is_below(const lc_snapshot *snapshot, const char *name, const char *parent)
{
    const lc_node_status *row = row_of(snapshot, name);
    CU_ASSERT_PTR_NOT_NULL(row);
    if (row)
        CU_ASSERT_STRING_EQUAL(snapshot->nodes[row->parent].name, parent);
}

static lc_error *make_two_graphs(lc_component **component, void *arg)
{
    lc_component *parts[2];
    lc_error_unref(make_graph(&parts[0], arg));
    lc_supervisor *other = supervisor_named("other");
    lc_node base = node_of("base", make_noop, arg), user = node_of("user", make_noop, arg);
    const lc_dependency needs = {.size = sizeof needs, .name = "base"};
    const lc_dependency *const list[] = {&needs, NULL};
    user.dependencies = list;
    succeed(lc_supervisor_add(other, &base));
    succeed(lc_supervisor_add(other, &user));
    parts[1] = lc_supervisor_component(other);
    CHECK_SUCCESS(lc_components_merge(parts, 2, component));
    return NULL;
}

static void look_at_nested(lc_snapshot *snapshot)
{
    CU_ASSERT_EQUAL(snapshot->count, 8);
    is_below(snapshot, "graphs", "graphs");
    is_below(snapshot, "tree", "tree");
    is_below(snapshot, "graphs/graph/store", "graphs");
    is_below(snapshot, "graphs/graph/idle", "graphs");
    is_below(snapshot, "graphs/other/base", "graphs");
    is_below(snapshot, "tree/root", "tree");
    is_below(snapshot, "tree/root.slow", "tree/root");
    const lc_node_status *user = row_of(snapshot, "graphs/other/user");
    CU_ASSERT_PTR_NOT_NULL(user);
    if (!user)
        return;
    CU_ASSERT_EQUAL(user->link_count, 1);
    const lc_node_link *link = &snapshot->links[user->first_link];
    CU_ASSERT_STRING_EQUAL(snapshot->nodes[link->dependency].name, "graphs/other/base");
    const char *text = lc_snapshot_print(snapshot, LC_SNAPSHOT_TEXT);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "|-- graphs/graph/store  "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "`-- tree/root.slow "));
    const char *json = lc_snapshot_print(snapshot, LC_SNAPSHOT_JSON);
    CU_ASSERT_PTR_NOT_NULL(strstr(json, "{\"name\":\"graphs/graph/idle\","));
    CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"parent\":\"tree/root\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(json, "{\"name\":\"graphs/other/base\",\"condition\":\"ready\""));
    const char *dot = lc_snapshot_print(snapshot, LC_SNAPSHOT_DOT);
    CU_ASSERT_PTR_NOT_NULL(strstr(dot, "[label=\"graphs/other/user\\n"));
}

static void a_snapshot_shows_what_is_nested(void)
{
    struct fixture graphs, tree;
    struct helper helper;
    fixture_init(&graphs, true);
    fixture_init(&tree, true);
    fixture_add(&graphs, node_of("graphs", make_two_graphs, &graphs));
    fixture_add(&graphs, node_of("tree", make_tree, &tree));
    helper_start(&helper, fixture_run, &graphs);
    CHECK_CLOSES(graphs.reached);
    CHECK_CLOSES(tree.reached);
    CHECK_CLOSES(lc_supervisor_ready(graphs.outer));
    lc_snapshot *snapshot = lc_supervisor_snapshot(graphs.outer);
    look_at_nested(snapshot);
    lc_snapshot_free(snapshot);
    lc_handle_close(graphs.go);
    lc_handle_close(tree.go);
    lc_context_cancel(graphs.context, NULL);
    helper_join(&helper);
    /* The supervisor of the other fixture is not used. */
    lc_context_cancel(tree.context, NULL);
    lc_error_unref(lc_supervisor_run(tree.outer, tree.context, NULL));
    fixture_drop(&graphs);
    fixture_drop(&tree);
}

/* ---- looking from within ---- */

static struct {
    lc_supervisor *outer;
    atomic_uint looks;
} watcher;

/* Called in the service of a nested supervisor: looks at the outer one, and so at all others. */
static void look_at_all(const lc_log_record *record, void *arg)
{
    (void)arg;
    if (strncmp(record->component, "outer/", 6) != 0)
        return;
    lc_snapshot *snapshot = lc_supervisor_snapshot(watcher.outer);
    atomic_fetch_add(&watcher.looks, snapshot && row_of(snapshot, "left"));
    lc_snapshot_free(snapshot);
}

static bool both_were_told(void *arg)
{
    (void)arg;
    return atomic_load(&watcher.looks) >= 2;
}

static void looking_at_all_from_a_log_sink_holds_nothing_up(void)
{
    enum { ROUNDS = 20 };
    const lc_log_sink sink = {.size = sizeof(lc_log_sink), .write = look_at_all};
    check_log_capture(); /* so that its release puts the sink back */
    must(lc_log_set_sink(&sink) == 0);
    for (int i = 0; i < (lc_is_simulated() ? 1 : ROUNDS); i++) {
        struct fixture fixture;
        struct helper helper;
        fixture_init(&fixture, false);
        fixture_add(&fixture, node_of("left", make_broken_graph, &fixture));
        fixture_add(&fixture, node_of("right", make_broken_graph, &fixture));
        watcher.outer = fixture.outer;
        atomic_store(&watcher.looks, 0);
        helper_start(&helper, fixture_run, &fixture);
        CU_ASSERT_TRUE(check_until(both_were_told, NULL));
        lc_context_cancel(fixture.context, NULL);
        helper_join(&helper);
        fixture_drop(&fixture);
    }
    check_log_release();
}

CHECK_SUITE_IN_MODES(
    naming, "conformance: naming",
    {"A35 a start deadline names the worker, however nested", a_start_deadline_names_the_worker,
     CHECK_EXACT},
    {"A35 a stop deadline names the worker, however nested", a_stop_deadline_names_the_worker,
     CHECK_EXACT},
    {"A18 a worker that has returned too early is named", a_worker_that_returned_too_early_is_named,
     CHECK_EXACT},
    {"A18 a component of the program's own tells of its parts, or is named as a whole",
     a_component_of_the_programs_tells_of_its_parts, CHECK_EXACT},
    {"A35 a second signal says what still stops", a_second_signal_says_what_still_stops},
    {"A35 a third signal ends the process", a_third_signal_ends_the_process, CHECK_KERNEL},
    {"lines about nodes name them by their path", lines_about_nodes_name_them_by_their_path},
    {"a snapshot shows what is nested", a_snapshot_shows_what_is_nested},
    {"looking at all from a log sink holds nothing up",
     looking_at_all_from_a_log_sink_holds_nothing_up});
