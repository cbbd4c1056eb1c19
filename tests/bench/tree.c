/*
 * tree.c: the supervision tree: from a leaf's death until its next instance is healthy; in a small
 * tree, and in a large one, where it is to take no longer. Runnables are fibers.
 */
#include "bench/bench.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- a tree of a root, branches, and leaves that die when they are told to ---- */

enum { CHILDREN_MAX = 512, NAME_SIZE = 8 };

struct leaf {
    lc_channel *healthy; /* of the whole tree: held by none of them */
    lc_channel *fail;
};

struct branch {
    size_t count;
    struct leaf *leaves;
};

struct grove {
    size_t branch_count;
    size_t leaf_count; /* of all branches together */
    struct branch *branches;
    struct leaf *leaves;
    lc_channel *healthy;
    lc_tree *tree;
};

static lc_channel *new_channel(void)
{
    lc_channel *channel;
    if (lc_channel_new(LC_CHANNEL(.capacity = 1), &channel))
        bench_fail("lc_channel_new");
    return channel;
}

static lc_error *run_leaf(lc_context *context, void *arg)
{
    struct leaf *leaf = arg;
    lc_runnable_signal_healthy(context);
    lc_channel_send(leaf->healthy, leaf, LC_FOREVER);
    lc_waitable either[] = {lc_on_handle(lc_context_done(context)), lc_on_receive(leaf->fail)};
    if (lc_wait_any(either, 2, LC_FOREVER) == 0)
        return lc_error_ref(lc_context_error(context));
    void *item;
    lc_channel_receive(leaf->fail, &item, LC_NOW);
    return lc_error_new(-EIO, "failed on purpose");
}

/* Made once: in a program they stand in the source. */
static const char *name_of(size_t child)
{
    static char names[CHILDREN_MAX][NAME_SIZE];
    if (!names[child][0])
        snprintf(names[child], NAME_SIZE, "c%u", (unsigned)child % CHILDREN_MAX);
    return names[child];
}

static lc_child fiber(const char *name, lc_runnable run, void *arg)
{
    lc_child child = {.size = sizeof child};
    child.name = name;
    child.run = run;
    child.arg = arg;
    child.kind = LC_FIBER;
    child.backoff.first = LC_NONE;
    return child;
}

/* @return the context's error, once it has ended. */
static lc_error *be_healthy(lc_context *context)
{
    lc_runnable_signal_healthy(context);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

static lc_error *run_branch(lc_context *context, void *arg)
{
    const struct branch *branch = arg;
    lc_error *error = NULL;
    for (size_t i = 0; i < branch->count && !error; i++) {
        lc_child child = fiber(name_of(i), run_leaf, &branch->leaves[i]);
        error = lc_runnable_start_child(context, &child);
    }
    return error ? error : be_healthy(context);
}

static lc_error *run_root(lc_context *context, void *arg)
{
    const struct grove *grove = arg;
    lc_error *error = NULL;
    for (size_t i = 0; i < grove->branch_count && !error; i++) {
        lc_child child = fiber(name_of(i), run_branch, &grove->branches[i]);
        error = lc_runnable_start_child(context, &child);
    }
    return error ? error : be_healthy(context);
}

static void check(lc_error *error)
{
    if (error)
        bench_fail(lc_error_message(error));
}

static void await_healthy(struct grove *grove)
{
    void *item;
    lc_channel_receive(grove->healthy, &item, LC_FOREVER);
}

static void grow(struct grove *grove, size_t branches, size_t leaves_each)
{
    lc_tree_options options = {.size = sizeof options};
    *grove = (struct grove){.branch_count = branches, .leaf_count = branches * leaves_each};
    grove->branches = calloc(branches, sizeof *grove->branches);
    grove->leaves = calloc(grove->leaf_count, sizeof *grove->leaves);
    grove->healthy = new_channel();
    if (!grove->branches || !grove->leaves)
        bench_fail("no memory");
    for (size_t i = 0; i < grove->leaf_count; i++)
        grove->leaves[i] = (struct leaf){grove->healthy, new_channel()};
    for (size_t i = 0; i < branches; i++)
        grove->branches[i] = (struct branch){leaves_each, &grove->leaves[i * leaves_each]};
    const lc_child root = fiber("root", run_root, grove);
    options.root = &root;
    check(lc_tree_new(&options, &grove->tree));
    check(lc_tree_start(grove->tree, NULL));
    for (size_t i = 0; i < grove->leaf_count; i++)
        await_healthy(grove);
}

static void fell(struct grove *grove)
{
    lc_tree_cancel(grove->tree);
    check(lc_tree_wait(grove->tree, LC_FOREVER));
    lc_tree_unref(grove->tree);
    for (size_t i = 0; i < grove->leaf_count; i++)
        lc_channel_unref(grove->leaves[i].fail);
    lc_channel_unref(grove->healthy);
    free(grove->leaves);
    free(grove->branches);
}

/* ---- restarts of leaves ---- */

static void restart_leaf(struct grove *grove, struct leaf *leaf)
{
    lc_channel_send(leaf->fail, leaf, LC_FOREVER);
    await_healthy(grove);
}

/*
 * Either any of them, each time, or the same again and again. Those that will be chosen have all
 * died before, since at its first death a leaf touches memory that it had no use for until then.
 */
static struct leaf **choose_leaves(struct grove *grove, size_t n, bool any)
{
    struct leaf **leaves = calloc(n, sizeof(struct leaf *));
    for (size_t i = 0; leaves && i < n; i++)
        leaves[i] = &grove->leaves[any ? lc_random_below(grove->leaf_count) : 0];
    if (!leaves)
        bench_fail("no memory");
    for (size_t i = 0; any && i < grove->leaf_count; i++)
        restart_leaf(grove, &grove->leaves[i]);
    return leaves;
}

static double restart_leaves(struct grove *grove, size_t n, bool any)
{
    struct leaf **leaves = choose_leaves(grove, n, any);
    int64_t begin = bench_now();
    for (size_t i = 0; i < n; i++)
        restart_leaf(grove, leaves[i]);
    double took = (double)(bench_now() - begin);
    free(leaves);
    return took / (double)n;
}

/* A death is put into the log unless nothing that little matters is to be. */
static double restart_in(size_t branches, size_t leaves_each, size_t n, bool any)
{
    struct grove grove;
    lc_log_set_level(LC_LOG_CRITICAL);
    grow(&grove, branches, leaves_each);
    double took = restart_leaves(&grove, n, any);
    fell(&grove);
    lc_log_set_level(LC_LOG_INFO);
    return took;
}

static double leaf_of_10(size_t n)
{
    return restart_in(3, 2, n, false);
}

/* The root, 369 branches, and 270 leaves of each: a hundred thousand. */
static double leaf_of_100k(size_t n)
{
    return restart_in(369, 270, n, false);
}

static double any_leaf_of_100k(size_t n)
{
    return restart_in(369, 270, n, true);
}

/* As it is by default, but that the log goes to nowhere. */
static double leaf_of_10_loud(size_t n)
{
    struct grove grove;
    grow(&grove, 3, 2);
    double took = restart_leaves(&grove, n, false);
    fell(&grove);
    return took;
}

static double leaf_of_10_logged(size_t n)
{
    return bench_log_to_nowhere(leaf_of_10_loud, n);
}

/* ---- the small tree as the peer of the large one: taken in a fiber, as ours is ---- */

static double take_small(const struct bench_figure *figure)
{
    leaf_of_10(figure->n);
    return leaf_of_10(figure->n);
}

static double leaf_of_10_in_fiber(size_t n)
{
    const struct bench_figure figure = {.n = n};
    return bench_in_fiber(1, take_small, &figure);
}

void bench_tree(void)
{
    static const struct bench_figure figures[] = {
        {"tree_restart_leaf_10_1t", 10000, leaf_of_10, "go", NULL},
        {"tree_restart_leaf_10_2t", 10000, leaf_of_10, "go", NULL},
        {"tree_restart_leaf_10_logged_1t", 10000, leaf_of_10_logged, "go", NULL},
        {"tree_restart_leaf_10_logged_2t", 10000, leaf_of_10_logged, "go", NULL},
        {"tree_restart_leaf_10_vs_otp_1t", 10000, leaf_of_10_logged, "otp", NULL},
        {"tree_restart_leaf_10_vs_otp_2t", 10000, leaf_of_10_logged, "otp", NULL},
        {"tree_restart_leaf_10_vs_silent_otp_1t", 10000, leaf_of_10, "otp", NULL},
        {"tree_restart_leaf_10_vs_silent_otp_2t", 10000, leaf_of_10, "otp", NULL},
        {"tree_restart_leaf_100k_1t", 50000, leaf_of_100k, "leaf-of-10", leaf_of_10_in_fiber},
        {"tree_restart_random_leaf_100k_1t", 50000, any_leaf_of_100k, "leaf-of-10",
         leaf_of_10_in_fiber},
        {"tree_restart_random_leaf_100k_vs_go_1t", 50000, any_leaf_of_100k, "go", NULL},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        bench_add(&figures[i]);
}
