/*
 * erlang.c: scenarios from public bug reports of Erlang/OTP's supervisor and gen_server
 * (erlang/otp), and of two that do as these do (rabbitmq/rabbitmq-common, elle-lisp/elle), rebuilt
 * in our own terms. tests/reports.md lists them with their verdicts.
 */
#include "reports/beside.h"
#include "support/check.h"
#include "support/isolates.h"
#include "support/mode.h"
#include "support/parts.h"
#include "support/scripted_graph.h"
#include "support/scripted_tree.h"

#include <lifecycle.h>
#include <lifecycle/isolate.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { ROOT, A, B, C };

/* ---- calls ---- */

struct server {
    lc_receive_port port; /**< where requests come */
    struct gate gate;
};

struct request {
    int number;
    lc_send_port reply_to;
};

static lc_error *server_answers(lc_message *message, void *arg)
{
    const struct request *request = lc_message_data(message);
    (void)arg;
    send_number(request->reply_to, request->number);
    return NULL;
}

static lc_error *server_opens(void *arg)
{
    struct server *server = arg;
    server->port = port_with(server_answers, NULL);
    return NULL;
}

/* @return the port on which the answer is to come. */
static lc_receive_port server_call(struct server *server, int number)
{
    lc_receive_port reply = probe_open();
    const struct request request = {number, reply.send};
    CU_ASSERT_EQUAL(lc_send(server->port.send, &request, sizeof request), 0);
    return reply;
}

/* The reply to a call that was given up reaches no later call. */
static void late_reply_reaches_nothing(void)
{
    struct agent agent;
    struct server server;
    lc_message *message = NULL;
    gate_init(&server.gate);
    agent_init(&agent);
    agent.first = server_opens;
    agent.arg = &server;
    agent_begin(&agent);
    agent_waits(&agent, &server.gate);
    lc_receive_port first = server_call(&server, 1);
    CU_ASSERT_EQUAL(lc_port_receive(first, &message, LC_NOW), -ETIMEDOUT);
    probe_close(first);
    lc_receive_port second = server_call(&server, 2);
    CU_ASSERT_FALSE(lc_send_port_equal(first.send, second.send));
    uint64_t dropped = lc_messages_dropped();
    lc_handle_close(server.gate.open);
    PROBE_GETS(second, 2);
    CU_ASSERT_EQUAL(lc_messages_dropped(), dropped + 1);
    CU_ASSERT_TRUE(probe_is_empty(second));
    CU_ASSERT_EQUAL(lc_port_receive(first, &message, LC_NOW), -EBADF);
    probe_close(second);
    agent_stop(&agent);
    gate_drop(&server.gate);
}

/* The server ends while a call waits: its exit listener gets the end on the reply's port. */
static void caller_hears_that_the_server_ends(void)
{
    static const int gone = -1;
    struct agent agent;
    struct server server;
    const lc_payload response = {(void *)(uintptr_t)&gone, sizeof gone, NULL};
    gate_init(&server.gate);
    agent_init(&agent);
    agent.first = server_opens;
    agent.arg = &server;
    agent_begin(&agent);
    agent_waits(&agent, &server.gate);
    lc_receive_port reply = server_call(&server, 1);
    CU_ASSERT_EQUAL(lc_isolate_add_exit_listener(agent.isolate, reply.send, &response), 0);
    CU_ASSERT_EQUAL(lc_isolate_kill(agent.isolate, LC_PRIORITY_NEXT_EVENT), 0);
    lc_handle_close(server.gate.open);
    PROBE_GETS(reply, -1);
    agent_ends(&agent);
    CU_ASSERT_TRUE(probe_is_empty(reply));
    probe_close(reply);
    gate_drop(&server.gate);
}

/* ---- a child that ends by itself while it is being terminated ---- */

static int remove_it(void *arg)
{
    struct scripted_node *node = arg;
    lc_error *error = lc_supervisor_remove(node->graph->supervisor, node->name, check_patience());
    int code = lc_error_code(error);
    lc_error_unref(error);
    return code;
}

/* It fails, or completes, as it is removed: the removal succeeds, and it is not restarted on. */
static void ends_while_it_is_removed(enum node_order order)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *node = graph_node(graph, "child", ""),
                         *other = graph_node(graph, "o", "");
    struct beside remover;
    check_log_capture();
    graph_begin(graph);
    RUNS(node, 1);
    RUNS(other, 1);
    beside_start(&remover, remove_it, node);
    lc_channel_send(INSTANCE(node, 1).orders, (void *)(intptr_t)order, LC_NOW);
    int code = beside_ends(&remover);
    CU_ASSERT_TRUE(code == 0 || code == -ENOENT);
    lc_snapshot *snapshot = lc_supervisor_snapshot(graph->supervisor);
    CU_ASSERT_EQUAL(snapshot->count, 1);
    lc_snapshot_free(snapshot);
    unsigned made = atomic_load(&node->made);
    for (unsigned number = 1; number <= made; number++)
        CU_ASSERT_TRUE(!INSTANCE(node, number).context ||
                       lc_handle_is_closed(INSTANCE(node, number).left));
    NOT_TOLD(other, 1);
    graph_cancel(graph);
    MADE(node, made);
    check_log_release();
    graph_drop(graph);
}

static void fails_while_it_is_removed(void)
{
    ends_while_it_is_removed(NODE_FAIL);
}

static void completes_while_it_is_removed(void)
{
    ends_while_it_is_removed(NODE_RETURN);
}

/* Nodes of which there is no instance are stopped with the others. */
static void stop_accepts_nodes_that_never_ran(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *base = graph_node(graph, "base", "");
    struct scripted_node *waiting = graph_node(graph, "waiting", "base");
    struct scripted_node *refused = graph_node(graph, "refused", "");
    struct scripted_node *last = graph_node(graph, "last", "waiting");
    base->slow = true;
    refused->factory_fails_at = 1;
    check_log_capture();
    graph_begin(graph);
    RUNS(base, 1);
    node_enters(refused, LC_NODE_STOPPED);
    graph_cancel(graph);
    MADE(waiting, 0);
    MADE(refused, 0);
    MADE(last, 0);
    LEAVES(base, 1);
    check_log_release();
    graph_drop(graph);
}

/* ---- an attempt to restart that fails ---- */

/* A restart after a pause fails on its way: the next attempt follows all the same. */
static void failed_restart_is_tried_again(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *node = graph_node(graph, "child", ""),
                         *other = graph_node(graph, "o", "");
    node->factory_fails_at = 2;
    node->options.judge = NULL;
    node->options.backoff = (lc_backoff){.first = LC_SECOND,
                                         .most = LC_SECOND,
                                         .factor = 1,
                                         .jitter = LC_NONE,
                                         .steady = LC_NONE,
                                         .pause_first = true};
    graph->clock = check_clock_new();
    check_log_capture();
    graph_begin(graph);
    RUNS(other, 1);
    node_order(node, 1, NODE_FAIL);
    node_enters(node, LC_NODE_BACKOFF);
    check_clock_advance(graph->clock, LC_SECOND);
    node_enters(node, LC_NODE_BACKOFF); /* the factory has failed; the node is not given up */
    node->factory_fails_at = 0;
    check_clock_advance(graph->clock, LC_SECOND);
    RUNS(node, 2);
    NOT_TOLD(other, 1);
    graph_cancel(graph);
    check_log_release();
    graph_drop(graph);
}

/* ---- trees ---- */

/*
 * A child dies while its parent is still NEW: it alone is restarted, and the parent gets healthy.
 */
static void child_dies_while_its_parent_is_new(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *root = &tree.runnables[ROOT], *a = &tree.runnables[A];
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL) && tree_sees(&tree, "root.a", LC_NODE_DEAD));
    CU_ASSERT_TRUE(runnable_entered(a));
    CU_ASSERT_TRUE(runnable_does(root, RUNNABLE_HEALTHY));
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_HEALTHY));
    CU_ASSERT_EQUAL(tree_status(&tree, "root.a").instance, 2);
    CU_ASSERT_EQUAL(tree_status(&tree, "root").instance, 1);
    CU_ASSERT_TRUE(tree_settles(&tree));
    tree_drop(&tree);
}

/* The tree is cancelled as a child dies: the child is not restarted, and the tree ends. */
static void child_dies_as_the_tree_is_cancelled(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *b = &tree.runnables[B];
    b->stubborn = true;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL) && tree_sees(&tree, "root.a", LC_NODE_DEAD));
    lc_tree_cancel(tree.real); /* while the group waits for "b" to end */
    CU_ASSERT_TRUE(runnable_told(b, RUNNABLE_YIELD));
    CHECK_SUCCESS(lc_tree_wait(tree.real, check_patience()));
    CU_ASSERT_TRUE(runnable_absent(a) && runnable_absent(b));
    CHECK_CLOSES(lc_tree_done(tree.real));
    tree_drop(&tree);
}

/* A group is restarted while its parent dies: of two reasons to restart one is left. */
static void parent_dies_while_its_group_restarts(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *root = &tree.runnables[ROOT], *a = &tree.runnables[A];
    struct scripted_runnable *b = &tree.runnables[B], *c = &tree.runnables[C];
    c->stubborn = true;
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){b, c}, 2));
    CU_ASSERT_TRUE(runnable_told(b, RUNNABLE_FAIL) && tree_sees(&tree, "root.a.b", LC_NODE_DEAD));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL) && tree_sees(&tree, "root.a", LC_NODE_DEAD));
    CHECK_CLOSES(lc_context_done(c->context));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(a) && runnable_absent(b));
    CU_ASSERT_TRUE(runnable_told(c, RUNNABLE_YIELD));
    CU_ASSERT_TRUE(runnable_entered(a));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(b) && runnable_absent(c) && runnable_absent(a));
    CU_ASSERT_EQUAL(tree_count(&tree), 2);
    CU_ASSERT_FALSE(runnable_ended(root));
    tree_drop(&tree);
}

/* ---- a tree that gives up, below a supervisor ---- */

enum { BAD_RUNS = 5 };

struct branch {
    atomic_uint trees, roots, children;
    atomic_bool misjudged; /* its handler was asked about another error */
};

static lc_error *branch_child(lc_context *context, void *arg)
{
    struct branch *branch = arg;
    if (atomic_fetch_add(&branch->children, 1) < BAD_RUNS)
        return lc_error_new(-EIO, "the child has crashed");
    lc_runnable_signal_healthy(context);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static lc_error *branch_root(lc_context *context, void *arg)
{
    struct branch *branch = arg;
    lc_child child = {.size = sizeof child};
    lc_child_group group = {.size = sizeof group};
    child.name = "child";
    child.run = branch_child;
    child.arg = branch;
    child.kind = check_kind();
    child.backoff.first = LC_NONE;
    const lc_child *const members[] = {&child, NULL};
    group.children = members;
    group.intensity = (lc_intensity){1, LC_HOUR, LC_SHUTDOWN};
    atomic_fetch_add(&branch->roots, 1);
    lc_error *error = lc_runnable_start_group(context, &group);
    if (error)
        return error;
    lc_runnable_signal_healthy(context);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static lc_error *make_branch(lc_component **component, void *arg)
{
    struct branch *branch = arg;
    const lc_child root = {.run = branch_root, .arg = branch, .backoff = {.first = LC_NONE}};
    atomic_fetch_add(&branch->trees, 1);
    *component = lc_tree_component(tree_of(root));
    return NULL;
}

static bool child_lives(void *arg)
{
    return atomic_load(&((struct branch *)arg)->children) > BAD_RUNS;
}

static lc_behavior restart_branch(const lc_failure *failure, void *arg)
{
    if (!lc_error_is(failure->error, -EIO))
        atomic_store(&((struct branch *)arg)->misjudged, true);
    return LC_RESTART;
}

/* Each tree allows one restart of its child, and ends at the next; the node makes another tree. */
static void tree_that_gives_up_is_replaced(void)
{
    struct branch branch = {0};
    struct scripted_graph *graph = graph_new();
    struct scripted_node *node = graph_node(graph, "branch", "");
    node->options.factory = make_branch;
    node->options.arg = &branch;
    node->options.judge = restart_branch;
    node->options.judge_arg = &branch;
    node->options.backoff.first = LC_NONE;
    check_log_capture();
    graph_begin(graph);
    CU_ASSERT_TRUE(check_until(child_lives, &branch));
    CU_ASSERT_EQUAL(atomic_load(&branch.trees), 3);
    CU_ASSERT_EQUAL(atomic_load(&branch.roots), 3);
    CU_ASSERT_EQUAL(atomic_load(&branch.children), BAD_RUNS + 1);
    CU_ASSERT_FALSE(atomic_load(&branch.misjudged));
    graph_cancel(graph);
    CU_ASSERT_PTR_EQUAL(graph->result, lc_context_error(graph->context));
    CU_ASSERT_EQUAL(atomic_load(&branch.trees), 3);
    check_log_release();
    graph_drop(graph);
}

CHECK_SUITE_IN_MODES(
    report_erlang, "report: erlang",
    {"otp#2884 the reply to a call that was given up reaches no later call",
     late_reply_reaches_nothing},
    {"elle#1248 a caller hears that the server ends before it replies",
     caller_hears_that_the_server_ends},
    {"otp#5201 a child that fails while it is removed is gone", fails_while_it_is_removed},
    {"otp#5201 a child that completes while it is removed is gone", completes_while_it_is_removed},
    {"otp#636 a stop accepts nodes that never ran", stop_accepts_nodes_that_never_ran},
    {"rabbitmq-common#201 an attempt to restart that fails is followed by another",
     failed_restart_is_tried_again},
    {"atomvm#1915 the supervisor above a tree that gives up makes another",
     tree_that_gives_up_is_replaced},
    {"elle#1210 a child that dies while its parent is new is restarted alone",
     child_dies_while_its_parent_is_new},
    {"otp#5201 a child that dies as the tree is cancelled is not restarted",
     child_dies_as_the_tree_is_cancelled},
    {"suture#55 of a parent and its group that both restart the parent does",
     parent_dies_while_its_group_restarts});
