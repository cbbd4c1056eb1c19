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

static bool pauses(const struct slow_node *node)
{
    return node->present && node->state == LC_NODE_BACKOFF;
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

static bool comes_back(const struct slow_node *node)
{
    return !node->stays_down && (node->restart != LC_TEMPORARY || node->instance == 0);
}

/* It does not run, and will. */
static bool is_to_run(const struct slow_tree *tree, int at)
{
    const struct slow_node *node = &tree->nodes[at];
    bool ripe = node->cancelled && node->restart == LC_PERMANENT;
    return node->present && parent_is_live(tree, at) && comes_back(node) &&
           (node->taken || node->state == LC_NODE_WAITING || ripe);
}

void slow_tree_mark_busy(const struct slow_tree *tree, bool *busy)
{
    for (int i = 0; i < tree->room; i++)
        busy[i] = false;
    for (int i = 0; i < tree->room; i++) {
        bool up = slow_tree_runs(&tree->nodes[i]) || pauses(&tree->nodes[i]);
        if (!up && !is_to_run(tree, i))
            continue;
        for (int above = up ? i : tree->nodes[i].parent; above >= 0;
             above = tree->nodes[above].parent)
            busy[above] = true;
    }
}

double slow_tree_pause(const struct slow_node *node)
{
    const struct lc__backoff *backoff = &node->backoff;
    double pause = (double)backoff->first;
    for (unsigned steps = node->deaths - 1; steps > 0 && pause < (double)backoff->most; steps--)
        pause *= backoff->factor;
    return pause < (double)backoff->most ? pause : (double)backoff->most;
}

bool slow_tree_is_over(const struct slow_tree *tree)
{
    for (int i = 0; i < tree->room; i++)
        if (slow_tree_runs(&tree->nodes[i]) || pauses(&tree->nodes[i]))
            return false;
    return true;
}

int slow_tree_significant(const struct slow_tree *tree, int group)
{
    int left = 0;
    for (int i = 0; i < tree->room; i++)
        left += tree->nodes[i].present && tree->nodes[i].group == group &&
                tree->nodes[i].significant && !tree->nodes[i].over;
    return left;
}

/* ---- what is done to one ---- */

static void enter(struct slow_node *node, lc_node_state state)
{
    if (node->state == state)
        return;
    node->state = state;
    assert(node->went_count < sizeof node->went / sizeof *node->went);
    node->went[node->went_count++] = state;
}

static void start(struct slow_node *node)
{
    node->instance++;
    node->ready = false;
    node->healthy_for = 0;
    node->started = true;
    node->taken = node->over = node->fails = false;
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
    if (tree->nodes[top].cancelled)
        return;
    for (int i = 0; i < tree->room; i++)
        if (tree->nodes[i].present && (i == top || slow_tree_is_below(tree, i, top)))
            cancel_one(tree, &tree->nodes[i]);
}

static void forget(struct slow_node *node)
{
    node->present = false;
    node->forgotten = true;
}

static void forget_below(struct slow_tree *tree, int top)
{
    for (int i = 0; i < tree->room; i++)
        if (tree->nodes[i].present && slow_tree_is_below(tree, i, top))
            forget(&tree->nodes[i]);
}

/* ---- units ---- */

static struct slow_group *group_of(const struct slow_tree *tree, int node)
{
    return &tree->groups[tree->nodes[node].group];
}

/* The failed node of the unit that `node` is in, if one ends; -1: none. */
static int unit_of(const struct slow_tree *tree, int node)
{
    const struct slow_group *group = group_of(tree, node);
    if (group->strategy == LC_ONE_FOR_ONE)
        return tree->nodes[node].fails ? node : -1;
    return group->failed;
}

static bool takes_along(const struct slow_tree *tree, int failed, int other)
{
    const struct slow_node *node = &tree->nodes[other];
    if (!node->present || node->group != tree->nodes[failed].group)
        return false;
    switch (group_of(tree, failed)->strategy) {
    case LC_ONE_FOR_ALL:
        return true;
    case LC_REST_FOR_ONE:
        return other >= failed;
    default:
        return other == failed;
    }
}

static void begin_unit(struct slow_tree *tree, int failed, bool for_good)
{
    struct slow_group *group = group_of(tree, failed);
    if (group->strategy == LC_ONE_FOR_ONE)
        tree->nodes[failed].fails = true;
    else
        group->failed = failed;
    for (int i = 0; i < tree->room; i++) {
        struct slow_node *node = &tree->nodes[i];
        if (!takes_along(tree, failed, i))
            continue;
        node->taken = true;
        node->stays_down |= for_good;
        bool in_turn = group->strategy == LC_REST_FOR_ONE;
        if (!in_turn || (for_good && node->state == LC_NODE_BACKOFF))
            cancel(tree, i);
    }
}

static bool has_stopped(const struct slow_node *node, bool busy)
{
    return (node->cancelled && !busy) || node->state == LC_NODE_BACKOFF;
}

/* ---- deaths ---- */

static bool is_too_many(const struct slow_tree *tree, const struct slow_node *node)
{
    const struct slow_group *group = &tree->groups[node->group];
    unsigned recent = 0;
    for (int i = 0; i < SLOW_RESTARTS; i++)
        recent += tree->now - group->failures[i] < group->limit.period;
    if (group->limit.restarts == LC_RESTARTS_NONE)
        return true;
    return group->limit.restarts > 0 && recent >= group->limit.restarts;
}

static void count_failure(struct slow_group *group, int64_t now)
{
    for (int i = 1; i < SLOW_RESTARTS; i++)
        group->failures[i - 1] = group->failures[i];
    group->failures[SLOW_RESTARTS - 1] = now;
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

static void die(struct slow_tree *tree, int dead, enum slow_cause cause);

static void give_up(struct slow_tree *tree, int up)
{
    struct slow_node *node = &tree->nodes[up];
    lc_behavior exceeded = tree->groups[node->group].limit.exceeded;
    node->told_exceeded = true;
    if (exceeded == LC_STOP) {
        begin_unit(tree, up, true);
    } else if (exceeded == LC_SPIN_HALT) {
        end_all(tree, true, LC_SPIN_HALT);
    } else if (exceeded == LC_SHUTDOWN || node->parent < 0) {
        end_all(tree, true, LC_SHUTDOWN);
    } else if (slow_tree_runs(&tree->nodes[node->parent])) {
        tree->nodes[node->parent].dies = true;
        cancel(tree, node->parent);
    } else {
        die(tree, node->parent, SLOW_EXCEEDED);
    }
}

static void die(struct slow_tree *tree, int dead, enum slow_cause cause)
{
    struct slow_node *node = &tree->nodes[dead];
    node->cause = cause;
    node->told_died = true;
    node->recovers = true;
    enter(node, LC_NODE_DEAD);
    cancel(tree, dead);
    if (node->taken || !parent_is_live(tree, dead) || node->restart == LC_TEMPORARY)
        return;
    if (is_too_many(tree, node)) {
        give_up(tree, dead);
        return;
    }
    count_failure(&tree->groups[node->group], tree->now);
    begin_unit(tree, dead, false);
}

/* ---- what follows: what ends, first ---- */

/* The last of a unit that is to stop in turn, and has not. */
static bool stops_next(const struct slow_tree *tree, const bool *busy, int failed)
{
    if (group_of(tree, failed)->strategy != LC_REST_FOR_ONE)
        return false;
    for (int i = tree->room - 1; i >= failed; i--) {
        const struct slow_node *node = &tree->nodes[i];
        if (takes_along(tree, failed, i) && !has_stopped(node, busy[i]))
            return !node->cancelled;
    }
    return false;
}

static void stop_next(struct slow_tree *tree, const bool *busy, int failed)
{
    for (int i = tree->room - 1; i >= failed; i--) {
        if (!takes_along(tree, failed, i) || has_stopped(&tree->nodes[i], busy[i]))
            continue;
        cancel(tree, i);
        return;
    }
}

static bool has_ended(const struct slow_tree *tree, const bool *busy, int failed)
{
    for (int i = 0; i < tree->room; i++)
        if (takes_along(tree, failed, i) && !has_stopped(&tree->nodes[i], busy[i]))
            return false;
    return true;
}

/* It will not run again, unless it is taken along. */
static void is_over(struct slow_tree *tree, int over, bool told)
{
    struct slow_node *node = &tree->nodes[over];
    const struct slow_group *group = &tree->groups[node->group];
    bool was_over = node->over;
    node->over = true;
    if (was_over || !node->significant || told || node->parent < 0 || !parent_is_live(tree, over))
        return;
    if (group->automatic == LC_AUTOMATIC_SHUTDOWN_ANY ||
        (group->automatic == LC_AUTOMATIC_SHUTDOWN_ALL &&
         slow_tree_significant(tree, node->group) == 0))
        cancel(tree, node->parent);
}

static bool is_over_by_type(const struct slow_node *node)
{
    if (node->over || node->instance == 0)
        return false;
    return node->restart == LC_TEMPORARY ||
           (node->restart == LC_TRANSIENT && !node->taken && !node->stays_down);
}

/* All of it stays down, from now on. What was over by its own end was so before the unit is. */
static void end_unit_for_good(struct slow_tree *tree, int failed)
{
    group_of(tree, failed)->failed = -1;
    tree->nodes[failed].fails = false;
    for (int i = 0; i < tree->room; i++)
        if (takes_along(tree, failed, i))
            forget_below(tree, i);
    for (int i = 0; i < tree->room; i++)
        if (takes_along(tree, failed, i) && is_over_by_type(&tree->nodes[i]))
            is_over(tree, i, true);
    for (int i = 0; i < tree->room; i++) {
        if (!takes_along(tree, failed, i))
            continue;
        tree->nodes[i].taken = false;
        is_over(tree, i, false);
    }
}

/* One thing that ends. @return whether there was one. */
static bool end_one(struct slow_tree *tree, const bool *busy, int at)
{
    struct slow_node *node = &tree->nodes[at];
    bool live = parent_is_live(tree, at);
    int failed = live ? unit_of(tree, at) : -1;
    if (!busy[at] && live && is_over_by_type(node)) {
        if (node->cancelled)
            forget_below(tree, at);
        is_over(tree, at, node->taken);
        return true;
    }
    if (!busy[at] && node->restart == LC_TEMPORARY && node->instance > 0 && node->parent >= 0) {
        forget_below(tree, at);
        forget(node);
        return true;
    }
    if (failed == at && stops_next(tree, busy, at)) {
        stop_next(tree, busy, at);
        return true;
    }
    if (failed == at && node->stays_down && has_ended(tree, busy, at)) {
        end_unit_for_good(tree, at);
        return true;
    }
    return false;
}

/* ---- what starts ---- */

static void restart(struct slow_tree *tree, int at)
{
    forget_below(tree, at);
    tree->nodes[at].cancelled = false;
    start(&tree->nodes[at]);
}

static bool lived_steadily(const struct slow_node *node)
{
    return node->ready && node->healthy_for >= node->backoff.steady;
}

/* The unit has ended: it pauses, or waits to be started. */
static void end_unit(struct slow_tree *tree, int failed)
{
    struct slow_node *node = &tree->nodes[failed];
    group_of(tree, failed)->failed = -1;
    node->fails = false;
    for (int i = 0; i < tree->room; i++)
        if (takes_along(tree, failed, i))
            forget_below(tree, i);
    if (node->backoff.first == 0 || (node->backoff.first_at_once && lived_steadily(node)))
        return;
    node->deaths++;
    node->told_restart = true;
    node->pauses = true;
    node->cancelled = false;
    enter(node, LC_NODE_BACKOFF);
}

static bool waits(const struct slow_tree *tree, const bool *busy, int at)
{
    const struct slow_node *node = &tree->nodes[at];
    return node->present && !busy[at] && comes_back(node) && unit_of(tree, at) < 0 &&
           (node->taken || node->state == LC_NODE_WAITING);
}

/* Of an ordered group: whether nothing before it has still to start, or to become healthy. */
static bool is_its_turn(const struct slow_tree *tree, const bool *busy, int at)
{
    int before = -1;
    for (int i = 0; i < at; i++) {
        if (!tree->nodes[i].present || tree->nodes[i].group != tree->nodes[at].group)
            continue;
        if (waits(tree, busy, i) || pauses(&tree->nodes[i]))
            return false;
        before = i;
    }
    return before < 0 || !busy[before] || tree->nodes[before].state == LC_NODE_READY ||
           tree->nodes[before].state == LC_NODE_DONE;
}

static bool its_unit_pauses(const struct slow_tree *tree, int at)
{
    for (int i = 0; i < tree->room; i++)
        if (pauses(&tree->nodes[i]) && takes_along(tree, i, at))
            return true;
    return false;
}

static bool may_start(const struct slow_tree *tree, const bool *busy, int at)
{
    const struct slow_node *node = &tree->nodes[at];
    if (busy[at] || !parent_is_live(tree, at))
        return false;
    if (group_of(tree, at)->strategy == LC_REST_FOR_ONE)
        if (waits(tree, busy, at))
            return is_its_turn(tree, busy, at);
    if (node->taken)
        return waits(tree, busy, at) && !its_unit_pauses(tree, at);
    return node->cancelled && node->restart == LC_PERMANENT && !node->stays_down;
}

/* @return whether there was one. */
static bool start_one(struct slow_tree *tree, const bool *busy, int at)
{
    if (parent_is_live(tree, at) && unit_of(tree, at) == at && has_ended(tree, busy, at)) {
        end_unit(tree, at);
        return true;
    }
    if (!may_start(tree, busy, at))
        return false;
    restart(tree, at);
    return true;
}

static int depth_of(const struct slow_tree *tree, int node)
{
    int depth = 0;
    while ((node = tree->nodes[node].parent) >= 0)
        depth++;
    return depth;
}

/* Applies the rule to one node, the lowest that it can be applied to. @return whether there was. */
static bool any(struct slow_tree *tree, bool *busy,
                bool (*rule)(struct slow_tree *tree, const bool *busy, int at))
{
    int deepest = 0;
    slow_tree_mark_busy(tree, busy);
    for (int i = 0; i < tree->room; i++)
        if (tree->nodes[i].present && depth_of(tree, i) > deepest)
            deepest = depth_of(tree, i);
    for (int depth = deepest; depth >= 0; depth--)
        for (int i = 0; i < tree->room; i++)
            if (tree->nodes[i].present && depth_of(tree, i) == depth && rule(tree, busy, i))
                return true;
    return false;
}

/* Does what follows, one thing at a time, until nothing does; what ends comes before all starts. */
static void collect(struct slow_tree *tree)
{
    bool *busy = calloc((size_t)tree->room, sizeof *busy);
    if (!busy)
        abort();
    while (any(tree, busy, end_one) || any(tree, busy, start_one))
        continue;
    for (int i = 0; i < tree->room; i++)
        if (tree->nodes[i].present && !busy[i] && tree->nodes[i].cancelled &&
            parent_is_live(tree, i))
            forget_below(tree, i);
    free(busy);
}

/* ---- events ---- */

void slow_tree_begin_step(struct slow_tree *tree, int64_t now)
{
    tree->now = now;
    for (int i = 0; i < tree->room; i++) {
        struct slow_node *node = &tree->nodes[i];
        node->started = node->forgotten = node->newly_cancelled = false;
        node->told_died = node->told_late = node->told_ready = false;
        node->told_restart = node->told_exceeded = node->told_overdue = false;
        node->pauses = false;
        node->went_count = 0;
    }
}

void slow_tree_added(struct slow_tree *tree, int added)
{
    struct slow_node *node = &tree->nodes[added];
    bool ordered = tree->groups[node->group].strategy == LC_REST_FOR_ONE;
    node->present = true;
    node->instance = 0;
    node->deadline = LC_FOREVER;
    node->cancelled = !parent_is_live(tree, added);
    for (int i = 0; i < added && ordered; i++)
        if (tree->nodes[i].present && tree->nodes[i].group == node->group)
            return; /* none is healthy yet */
    start(node);
    if (node->cancelled)
        set_stop_deadline(tree, node);
}

void slow_tree_ready(struct slow_tree *tree, int ready)
{
    struct slow_node *node = &tree->nodes[ready];
    node->told_ready = node->recovers;
    node->recovers = false;
    node->ready = true;
    node->deaths = 0;
    node->healthy_at = tree->now;
    enter(node, LC_NODE_READY);
    collect(tree);
}

void slow_tree_said_done(struct slow_tree *tree, int node)
{
    tree->nodes[node].deaths = 0;
}

static void returned(const struct slow_tree *tree, struct slow_node *node)
{
    if (node->state == LC_NODE_READY)
        node->healthy_for = tree->now - node->healthy_at;
    node->deadline = LC_FOREVER;
    node->overdue = false;
}

static void fail_late(struct slow_tree *tree, struct slow_node *node)
{
    node->told_late = true;
    tree->late |= tree->ending;
}

void slow_tree_died(struct slow_tree *tree, int dead)
{
    struct slow_node *node = &tree->nodes[dead];
    bool told = !parent_is_live(tree, dead) || (node->taken && node->cancelled);
    returned(tree, node);
    if (node->dies) {
        node->dies = false;
        die(tree, dead, SLOW_EXCEEDED);
        fail_late(tree, node);
    } else if (told) {
        node->cause = SLOW_OWN_ERROR;
        enter(node, LC_NODE_DEAD);
        fail_late(tree, node);
    } else {
        die(tree, dead, SLOW_OWN_ERROR);
    }
    collect(tree);
}

/* @return whether it has died all the same, of what has happened below it. */
static bool died_by_children(struct slow_tree *tree, int at)
{
    struct slow_node *node = &tree->nodes[at];
    returned(tree, node);
    if (!node->dies)
        return false;
    node->dies = false;
    die(tree, at, SLOW_EXCEEDED);
    collect(tree);
    return true;
}

void slow_tree_returned_done(struct slow_tree *tree, int done)
{
    if (died_by_children(tree, done))
        return;
    enter(&tree->nodes[done], LC_NODE_DONE);
    collect(tree);
}

void slow_tree_returned_cancelled(struct slow_tree *tree, int cancelled)
{
    if (died_by_children(tree, cancelled))
        return;
    enter(&tree->nodes[cancelled], LC_NODE_CANCELED);
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
    if (slow_tree_is_over(tree)) /* too late: it has ended by itself */
        return;
    end_all(tree, false, LC_STOP);
    collect(tree);
}

void slow_tree_due(struct slow_tree *tree, int due)
{
    struct slow_node *node = &tree->nodes[due];
    node->deadline = LC_FOREVER;
    if (node->state != LC_NODE_BACKOFF) {
        node->overdue = true;
        node->told_overdue = true;
        return;
    }
    if (tree->groups[node->group].strategy == LC_REST_FOR_ONE)
        enter(node, LC_NODE_WAITING);
    else
        node->state = LC_NODE_CANCELED; /* it starts in this step */
    node->cancelled = true;
    collect(tree);
}
