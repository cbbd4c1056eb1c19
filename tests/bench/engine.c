/*
 * engine.c: what an event costs in the supervision engine alone, with all that comes of it taken
 * out: in a small graph, and at the leaves of a small tree and of a large one. And that it
 * allocates nothing.
 */
#include "bench/bench.h"

#include "base/memory.h"
#include "supervise/engine.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

enum { TREE_NODES = 100000, BRANCHES = 369 }; /* the root, and as many leaves to each branch */

static void take_actions(struct lc__engine *engine)
{
    struct lc__engine_action action;
    while (lc__engine_next(engine, &action))
        continue;
}

static void become_ready(struct lc__engine *engine, struct lc__engine_node *node)
{
    lc__engine_ready(engine, node, node->instance, 0);
    take_actions(engine);
}

/* ---- a graph of three, whose middle fails, ends, is judged, and is ready again ---- */

enum { CHAIN = 3, CHAIN_EVENTS = 4 };

struct chain {
    struct lc__engine engine;
    struct lc__engine_node nodes[CHAIN];
    struct lc__engine_edge edges[CHAIN - 1];
};

static void start_chain(struct chain *chain)
{
    *chain = (struct chain){0};
    lc__engine_init(&chain->engine, 1);
    for (unsigned i = 0; i < CHAIN; i++) {
        struct lc__engine_node *node = &chain->nodes[i];
        node->name = "node";
        node->policy = (struct lc__engine_policy){
            .start_timeout = LC_FOREVER, .stop_timeout = LC_FOREVER, .judged = true};
        lc__engine_add(&chain->engine, node, NULL, 0);
        if (i > 0)
            lc__engine_link(&chain->edges[i - 1], node, node - 1);
    }
    lc__engine_start(&chain->engine, 0);
    take_actions(&chain->engine);
    for (unsigned i = 0; i < CHAIN; i++)
        become_ready(&chain->engine, &chain->nodes[i]);
}

static void restart_middle(struct chain *chain, lc_error *error)
{
    struct lc__engine *engine = &chain->engine;
    struct lc__engine_node *node = &chain->nodes[1];
    lc__engine_failed(engine, node, node->instance, lc_error_ref(error), LC_RESTART, 0);
    take_actions(engine);
    lc__engine_ended(engine, node, node->instance, LC__ENDED_FAILED, NULL, 0);
    take_actions(engine);
    lc__engine_verdict(engine, node, node->instance, LC_RESTART, 0);
    take_actions(engine);
    become_ready(engine, node);
}

static void end_chain(struct chain *chain)
{
    if (chain->nodes[1].state != LC_NODE_READY)
        bench_fail("the engine did not restart a node");
    for (unsigned i = 0; i < CHAIN; i++)
        lc__engine_node_end(&chain->nodes[i]);
    lc__engine_end(&chain->engine);
}

static double graph_event(size_t n)
{
    struct chain chain;
    start_chain(&chain);
    lc_error *error = lc_error_new(-EIO, "failed on purpose");
    int64_t begin = bench_now();
    for (size_t i = 0; i < n; i++)
        restart_middle(&chain, error);
    double took = (double)(bench_now() - begin);
    end_chain(&chain);
    lc_error_unref(error);
    return took / (double)(n * CHAIN_EVENTS);
}

/* ---- a tree: a leaf dies and is healthy again ---- */

enum { LEAF_EVENTS = 2 };

struct tree {
    struct lc__engine engine;
    struct lc__engine_node *nodes;   /* the root, then each branch with its leaves */
    struct lc__engine_group *groups; /* each node is in one by itself */
    size_t branches;
    size_t branch_size; /* with the branch itself */
};

static struct lc__engine_node *grow(struct tree *tree, struct lc__engine_node *node,
                                    struct lc__engine_node *parent)
{
    node->name = "node";
    node->policy = (struct lc__engine_policy){.restart = LC_PERMANENT,
                                              .start_timeout = LC_FOREVER,
                                              .stop_timeout = LC_FOREVER,
                                              .runnable = true};
    node->tree.group = &tree->groups[node - tree->nodes];
    lc__engine_group_init(node->tree.group);
    lc__engine_add(&tree->engine, node, parent, 0);
    take_actions(&tree->engine);
    return node;
}

static void grow_tree(struct tree *tree, size_t nodes, size_t branches)
{
    *tree = (struct tree){.branches = branches, .branch_size = (nodes - 1) / branches};
    lc__engine_init(&tree->engine, 1);
    tree->nodes = calloc(nodes, sizeof *tree->nodes);
    tree->groups = calloc(nodes, sizeof *tree->groups);
    if (!tree->nodes || !tree->groups)
        bench_fail("no memory");
    grow(tree, &tree->nodes[0], NULL);
    for (size_t i = 1; i < nodes; i++) {
        size_t branch = i - (i - 1) % tree->branch_size;
        grow(tree, &tree->nodes[i], &tree->nodes[i == branch ? 0 : branch]);
    }
    for (size_t i = 0; i < nodes; i++)
        become_ready(&tree->engine, &tree->nodes[i]);
}

/* Either any of them, each time, or the same again and again. */
static struct lc__engine_node **choose_leaves(struct tree *tree, size_t n, bool any)
{
    struct lc__engine_node **leaves = calloc(n, sizeof(struct lc__engine_node *));
    for (size_t i = 0; leaves && i < n; i++) {
        size_t branch = any ? lc_random_below(tree->branches) : 0;
        size_t leaf = any ? lc_random_below(tree->branch_size - 1) : 0;
        leaves[i] = &tree->nodes[1 + branch * tree->branch_size + 1 + leaf];
    }
    if (!leaves)
        bench_fail("no memory");
    return leaves;
}

static void restart_leaf(struct tree *tree, struct lc__engine_node *node, lc_error *error)
{
    lc__engine_ended(&tree->engine, node, node->instance, LC__ENDED_FAILED, lc_error_ref(error), 0);
    take_actions(&tree->engine);
    become_ready(&tree->engine, node);
}

static void fell(struct tree *tree)
{
    for (size_t i = 0; i <= tree->branches * tree->branch_size; i++) {
        if (tree->nodes[i].state != LC_NODE_READY)
            bench_fail("the engine did not restart a leaf");
        lc__engine_node_end(&tree->nodes[i]);
    }
    lc__engine_end(&tree->engine);
    free(tree->groups);
    free(tree->nodes);
}

static double tree_event(size_t n, size_t nodes, size_t branches, bool any)
{
    struct tree tree;
    grow_tree(&tree, nodes, branches);
    struct lc__engine_node **leaves = choose_leaves(&tree, n, any);
    lc_error *error = lc_error_new(-EIO, "failed on purpose");
    int64_t begin = bench_now();
    for (size_t i = 0; i < n; i++)
        restart_leaf(&tree, leaves[i], error);
    double took = (double)(bench_now() - begin);
    fell(&tree);
    free(leaves);
    lc_error_unref(error);
    return took / (double)(n * LEAF_EVENTS);
}

static double small_tree_event(size_t n)
{
    return tree_event(n, 10, 3, false);
}

static double large_tree_event(size_t n)
{
    return tree_event(n, TREE_NODES, BRANCHES, false);
}

static double any_leaf_event(size_t n)
{
    return tree_event(n, TREE_NODES, BRANCHES, true);
}

/* ---- allocations: in a process of its own, as counting would cost the other figures time ---- */

/* The next allocation is to fail: if it has not by the end, there was none. */
int bench_count_engine(unsigned events)
{
    lc__memory_track();
    struct chain chain;
    start_chain(&chain);
    lc_error *error = lc_error_new(-EIO, "failed on purpose");
    unsigned allocations = 0;
    for (unsigned i = 0; i < events / CHAIN_EVENTS; i++) {
        lc__memory_fail_at(1);
        restart_middle(&chain, error);
        allocations += lc__memory_has_failed();
    }
    lc__memory_fail_at(0);
    end_chain(&chain);
    lc_error_unref(error);
    bench_tell_elsewhere(allocations);
    return lc_library_shutdown() == 0 ? 0 : 1;
}

static double count_allocations(size_t events)
{
    return bench_elsewhere(BENCH_COUNT_ENGINE, events);
}

void bench_engine(void)
{
    bench_add(&(struct bench_figure){"engine_event", 200000, graph_event, NULL, NULL});
    bench_add(
        &(struct bench_figure){"engine_event_allocations", 4000, count_allocations, NULL, NULL});
    bench_add(&(struct bench_figure){"engine_event_tree_10", 200000, small_tree_event, NULL, NULL});
    bench_add(&(struct bench_figure){"engine_event_tree_100k", 200000, large_tree_event,
                                     "tree-of-10", small_tree_event});
    bench_add(&(struct bench_figure){"engine_event_tree_100k_random", 200000, any_leaf_event,
                                     "tree-of-10", small_tree_event});
}
