/*
 * supervisor_snapshot.c: what a snapshot says that a component waits for after an instance of it
 * has failed. supervisor_observe.c tests the other fields.
 */
#include "support/check.h"
#include "support/mode.h"
#include "support/scripted_graph.h"

#include <lifecycle.h>

#include <string.h>

/* Whether a new snapshot shows the node in this state, and waiting for exactly this. */
static bool shows(const struct scripted_node *node, lc_node_state state, const char *waits_for)
{
    lc_snapshot *snapshot = lc_supervisor_snapshot(node->graph->supervisor);
    bool found = false;
    for (size_t i = 0; i < snapshot->count; i++) {
        const lc_node_status *row = &snapshot->nodes[i];
        found |= strcmp(row->name, node->name) == 0 && row->state == state &&
                 strcmp(row->waits_for, waits_for) == 0;
    }
    lc_snapshot_free(snapshot);
    return found;
}

/* The error ends the context of the first instance. The second has a context of its own. */
static void what_failed_waits_for_its_dependants_to_stop(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal+");
    struct scripted_node *index = graph_node(graph, "index", "journal+");
    store->end = index->end = NODE_STAYS;
    graph_begin(graph);
    RUNS(store, 1);
    RUNS(index, 1);
    node_order(journal, 1, NODE_SIGNAL);
    IS_TOLD(store, 1);
    IS_TOLD(index, 1);
    CU_ASSERT_TRUE(shows(journal, LC_NODE_WAITING, "2 dependants to stop"));
    CU_ASSERT_TRUE(shows(store, LC_NODE_STOPPING, ""));
    node_order(store, 1, NODE_RETURN);
    node_enters(store, LC_NODE_STOPPING);
    node_enters(store, LC_NODE_WAITING);
    CU_ASSERT_TRUE(shows(journal, LC_NODE_WAITING, "1 dependant to stop"));
    CU_ASSERT_TRUE(shows(store, LC_NODE_WAITING, "journal (ready)"));
    node_order(index, 1, NODE_RETURN);
    RUNS(store, 2);
    RUNS(index, 2);
    MADE(journal, 2);
    CU_ASSERT_TRUE(shows(journal, LC_NODE_READY, ""));
    lc_context_cancel(graph->context, NULL);
    node_order(store, 2, NODE_RETURN);
    node_order(index, 2, NODE_RETURN);
    graph_end(graph);
    graph_drop(graph);
}

/* Waits before it answers about the factory's error. */
static lc_behavior judge_slowly(const lc_failure *failure, void *arg)
{
    struct scripted_node *node = arg;
    if (failure->error == node->factory_error) {
        lc_handle_close(INSTANCE(node, 2).asked);
        lc_handle_wait(node->handler_waits, LC_FOREVER);
    }
    return LC_RESTART;
}

/*
 * The factory refuses the second instance, so the component has no context that could end. The end
 * of the run then orders the component to stop after its dependant; it has no instance to stop.
 */
static void what_is_judged_waits_for_its_judge(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *journal = graph_node(graph, "journal", "");
    struct scripted_node *store = graph_node(graph, "store", "journal");
    journal->factory_fails_at = 2;
    journal->handler_waits = lc_handle_new();
    journal->options.judge = judge_slowly;
    store->end = NODE_STAYS;
    graph_begin(graph);
    RUNS(store, 1);
    node_order(journal, 1, NODE_FAIL);
    IS_ASKED(journal, 2);
    CU_ASSERT_TRUE(shows(journal, LC_NODE_JUDGED, "its judge"));
    lc_context_cancel(graph->context, NULL);
    IS_TOLD(store, 1);
    CU_ASSERT_TRUE(shows(journal, LC_NODE_JUDGED, "its judge"));
    CU_ASSERT_TRUE(shows(store, LC_NODE_STOPPING, ""));
    lc_handle_close(journal->handler_waits);
    node_order(store, 1, NODE_RETURN);
    graph_end(graph);
    CU_ASSERT_TRUE(shows(journal, LC_NODE_STOPPED, ""));
    graph_drop(graph);
}

CHECK_SUITE_IN_MODES(supervisor_snapshot, "conformance: supervisor: snapshots of what failed",
                     {"a component that has failed waits for its dependants to stop",
                      what_failed_waits_for_its_dependants_to_stop},
                     {"a component that is judged waits for its judge, not for its dependants",
                      what_is_judged_waits_for_its_judge});
