/*
 * slow_tree.c: see slow_tree.h.
 */
#include "support/slow_tree.h"

#include <assert.h>
#include <stdlib.h>

/* ---- what there is ---- */

bool slow_tree_runs(const struct slow_node *node)
{
    return node->present && (node->state == LC_NODE_STARTING || node->state == LC_NODE_READY);
}

static bool has_ended(const struct slow_node *node)
{
    return node->state == LC_NODE_DONE || node->state == LC_NODE_DEAD ||
           node->state == LC_NODE_CANCELED;
}

bool slow_tree_is_below(const struct slow_tree *tree, int node, int top)
{
    do
        node = tree->nodes[node].parent;
    while (node >= 0 && node != top);
    return node == top;
}

static bool parent_is_live(const struct slow_tree *tree, int node)
{
    int parent = tree->nodes[node].parent;
    return parent < 0 ? !tree->ending : !tree->nodes[parent].cancelled;
}

int slow_tree_count_running(const struct slow_tree *tree)
{
    int count = 0;
    for (int i = 0; i < tree->room; i++)
        count += slow_tree_runs(&tree->nodes[i]);
    return count;
}

int64_t slow_tree_deadline(const struct slow_tree *tree)
{
    int64_t first = LC_FOREVER;
    for (int i = 0; i < tree->room; i++)
        if (tree->nodes[i].present && tree->nodes[i].deadline < first)
            first = tree->nodes[i].deadline;
    return first;
}

void slow_tree_mark_busy(const struct slow_tree *tree, bool *busy)
{
    for (int i = 0; i < tree->room; i++)
        busy[i] = false;
    for (int i = 0; i < tree->room; i++)
        if (tree->nodes[i].present && !has_ended(&tree->nodes[i]))
            for (int above = i; above >= 0; above = tree->nodes[above].parent)
                busy[above] = true;
}

double slow_tree_pause(const struct slow_node *node)
{
    const lc_backoff *backoff = &node->backoff;
    double pause = (double)backoff->first;
    unsigned steps = node->deaths - 1;
    if (backoff->first_at_once && steps == 0)
        return 0;
    for (steps -= backoff->first_at_once; steps > 0 && pause < (double)backoff->most; steps--)
        pause *= backoff->factor;
    return pause < (double)backoff->most ? pause : (double)backoff->most;
}

/* ---- what is done to one ---- */

static void enter(struct slow_node *node, lc_node_state state)
{
    node->state = state;
    assert(node->went_count < sizeof node->went / sizeof *node->went);
    node->went[node->went_count++] = state;
}

static void start(struct slow_node *node)
{
    node->instance++;
    node->ready = false;
    node->started = true;
    enter(node, LC_NODE_STARTING);
}

static void set_stop_deadline(struct slow_tree *tree, struct slow_node *node)
{
    node->deadline = node->stop_timeout == LC_FOREVER ? LC_FOREVER : tree->now + node->stop_timeout;
}

static void cancel_one(struct slow_tree *tree, struct slow_node *node)
{
    if (node->cancelled)
        return;
    node->cancelled = true;
    node->newly_cancelled = true;
    if (slow_tree_runs(node))
        set_stop_deadline(tree, node);
    if (node->state == LC_NODE_BACKOFF) {
        node->deadline = LC_FOREVER;
        enter(node, LC_NODE_CANCELED);
    }
}

static void cancel(struct slow_tree *tree, int top)
{
    for (int i = 0; i < tree->room; i++)
        if (tree->nodes[i].present && (i == top || slow_tree_is_below(tree, i, top)))
            cancel_one(tree, &tree->nodes[i]);
}

/* ---- deaths ---- */

static void cancel_siblings(struct slow_tree *tree, int dead)
{
    const struct slow_node *node = &tree->nodes[dead];
    lc_strategy strategy = tree->groups[node->group].strategy;
    for (int i = 0; i < tree->room; i++) {
        const struct slow_node *sibling = &tree->nodes[i];
        if (!sibling->present || sibling->group != node->group)
            continue;
        if (strategy == LC_ONE_FOR_ALL || (strategy == LC_REST_FOR_ONE && i > dead))
            cancel(tree, i);
    }
}

static void die(struct slow_tree *tree, int dead, enum slow_cause cause)
{
    struct slow_node *node = &tree->nodes[dead];
    node->cause = cause;
    enter(node, LC_NODE_DEAD);
    cancel(tree, dead);
    if (node->restart != LC_TEMPORARY)
        cancel_siblings(tree, dead);
}

static void end_all(struct slow_tree *tree, bool exceeded, lc_behavior behavior)
{
    if (tree->ending)
        return;
    tree->ending = true;
    tree->exceeded = exceeded;
    tree->behavior = behavior;
    for (int i = 0; i < tree->room; i++)
        if (tree->nodes[i].present)
            cancel_one(tree, &tree->nodes[i]);
}

/* ---- restarts ---- */

/* All of it has ended, it was cancelled, and nothing above it was. */
static bool is_ripe(const struct slow_tree *tree, const bool *busy, int node)
{
    return tree->nodes[node].present && !busy[node] && tree->nodes[node].cancelled &&
           parent_is_live(tree, node);
}

static bool comes_back(const struct slow_node *node)
{
    return node->restart != LC_TEMPORARY && !node->stays_down;
}

static bool is_too_many(const struct slow_tree *tree, const struct slow_node *node)
{
    const struct slow_group *group = &tree->groups[node->group];
    unsigned recent = 0;
    for (int i = 0; i < SLOW_RESTARTS; i++)
        recent += tree->now - group->restarted[i] < group->limit.period;
    return group->limit.restarts > 0 && recent >= group->limit.restarts;
}

static void note_restart(struct slow_tree *tree, const struct slow_node *node)
{
    struct slow_group *group = &tree->groups[node->group];
    for (int i = 1; i < SLOW_RESTARTS; i++)
        group->restarted[i - 1] = group->restarted[i];
    group->restarted[SLOW_RESTARTS - 1] = tree->now;
}

static void forget_below(struct slow_tree *tree, int top)
{
    for (int i = 0; i < tree->room; i++) {
        struct slow_node *node = &tree->nodes[i];
        if (node->present && slow_tree_is_below(tree, i, top)) {
            node->present = false;
            node->forgotten = true;
        }
    }
}

static void give_up(struct slow_tree *tree, int up)
{
    struct slow_node *node = &tree->nodes[up];
    lc_behavior exceeded = tree->groups[node->group].limit.exceeded;
    node->stays_down = true;
    node->told_exceeded = true;
    forget_below(tree, up);
    if (exceeded == LC_STOP)
        return;
    if (exceeded == LC_SPIN_HALT) {
        end_all(tree, true, LC_SPIN_HALT);
    } else if (exceeded == LC_SHUTDOWN || node->parent < 0) {
        end_all(tree, true, LC_SHUTDOWN);
    } else if (slow_tree_runs(&tree->nodes[node->parent])) {
        tree->nodes[node->parent].doomed = true;
        cancel(tree, node->parent);
    } else {
        die(tree, node->parent, SLOW_EXCEEDED);
    }
}

/* Before anything is started, which it might end at once. @return whether there was one. */
static bool give_up_one(struct slow_tree *tree, const bool *busy)
{
    for (int i = 0; i < tree->room; i++) {
        const struct slow_node *node = &tree->nodes[i];
        if (is_ripe(tree, busy, i) && comes_back(node) && node->state == LC_NODE_DEAD &&
            is_too_many(tree, node)) {
            give_up(tree, i);
            return true;
        }
    }
    return false;
}

static void restart(struct slow_tree *tree, struct slow_node *node)
{
    bool died = node->state == LC_NODE_DEAD;
    node->cancelled = false;
    if (died) {
        note_restart(tree, node);
        node->told_restart = true;
        node->deaths++;
    }
    if (died && slow_tree_pause(node) > 0) {
        node->pauses = true;
        enter(node, LC_NODE_BACKOFF);
    } else {
        start(node);
    }
}

/* Finds the subtrees that can be started anew, and starts them. */
static void collect(struct slow_tree *tree)
{
    bool *busy = calloc((size_t)tree->room, sizeof *busy);
    bool *ripe = calloc((size_t)tree->room, sizeof *ripe);
    if (!busy || !ripe)
        abort();
    do
        slow_tree_mark_busy(tree, busy);
    while (give_up_one(tree, busy));
    for (int i = 0; i < tree->room; i++)
        ripe[i] = is_ripe(tree, busy, i);
    for (int i = 0; i < tree->room; i++) {
        if (!ripe[i])
            continue;
        forget_below(tree, i);
        if (comes_back(&tree->nodes[i]))
            restart(tree, &tree->nodes[i]);
    }
    free(busy);
    free(ripe);
}

/* ---- events ---- */

void slow_tree_begin_step(struct slow_tree *tree, int64_t now)
{
    tree->now = now;
    for (int i = 0; i < tree->room; i++) {
        struct slow_node *node = &tree->nodes[i];
        node->started = node->forgotten = node->newly_cancelled = false;
        node->told_restart = node->told_exceeded = node->told_overdue = false;
        node->pauses = false;
        node->went_count = 0;
    }
}

void slow_tree_added(struct slow_tree *tree, int added)
{
    struct slow_node *node = &tree->nodes[added];
    node->present = true;
    node->instance = 0;
    node->deadline = LC_FOREVER;
    start(node);
    if (!parent_is_live(tree, added)) {
        node->cancelled = true;
        set_stop_deadline(tree, node);
    }
}

void slow_tree_ready(struct slow_tree *tree, int ready)
{
    struct slow_node *node = &tree->nodes[ready];
    node->ready = true;
    node->deaths = 0;
    enter(node, LC_NODE_READY);
    collect(tree);
}

void slow_tree_said_done(struct slow_tree *tree, int node)
{
    tree->nodes[node].deaths = 0;
}

static void returned(struct slow_node *node)
{
    node->deadline = LC_FOREVER;
    node->overdue = false;
}

void slow_tree_died(struct slow_tree *tree, int dead)
{
    struct slow_node *node = &tree->nodes[dead];
    returned(node);
    die(tree, dead, node->doomed ? SLOW_EXCEEDED : SLOW_OWN_ERROR);
    node->doomed = false;
    collect(tree);
}

void slow_tree_returned_done(struct slow_tree *tree, int done)
{
    struct slow_node *node = &tree->nodes[done];
    if (node->doomed) {
        slow_tree_died(tree, done);
        return;
    }
    returned(node);
    enter(node, LC_NODE_DONE);
    collect(tree);
}

void slow_tree_returned_cancelled(struct slow_tree *tree, int cancelled)
{
    struct slow_node *node = &tree->nodes[cancelled];
    if (node->doomed) {
        slow_tree_died(tree, cancelled);
        return;
    }
    returned(node);
    enter(node, LC_NODE_CANCELED);
    cancel(tree, cancelled);
    collect(tree);
}

void slow_tree_cancelled(struct slow_tree *tree, int node)
{
    cancel(tree, node);
    collect(tree);
}

void slow_tree_all_cancelled(struct slow_tree *tree)
{
    end_all(tree, false, LC_STOP);
    collect(tree);
}

void slow_tree_due(struct slow_tree *tree, int due)
{
    struct slow_node *node = &tree->nodes[due];
    node->deadline = LC_FOREVER;
    if (node->state == LC_NODE_BACKOFF) {
        start(node);
    } else {
        node->overdue = true;
        node->told_overdue = true;
    }
}
