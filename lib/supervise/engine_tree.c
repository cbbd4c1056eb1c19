/*
 * engine_tree.c: runnables: their deaths, whom those take along, and when what is below them may be
 * started anew. See engine.h.
 *
 * A node is *down* when it and all below it have ended. Each node counts its children that are not,
 * so that what has to be done after an end is found by going up from it, as far as things have
 * ended. A subtree is restarted at the topmost node that was cancelled: below a cancelled node
 * everything is cancelled, so that is the one whose parent was not.
 *
 * First all that an event ends is marked, then the node that has ended is considered, and last
 * those that were at rest when they were marked: so what dies of too many restarts, up to the whole
 * tree, is known before anything is started in it.
 */
#include "supervise/engine_parts.h"

#include <assert.h>
#include <errno.h>

/* ---- going down ---- */

/* It is down no more, nor is what is above it. */
static void came_up(struct lc__engine_node *node)
{
    for (; node->down; node = node->parent) {
        node->down = false;
        node->parent->children_up++;
    }
}

/* The node after `node` below `top`, without what is below `node`; NULL at the end. */
static struct lc__engine_node *next_beside(const struct lc__engine_node *top,
                                           struct lc__engine_node *node)
{
    for (; node != top; node = node->parent) {
        struct lc__engine_node *sibling = TAILQ_NEXT(node, among_children);
        if (sibling)
            return sibling;
    }
    return NULL;
}

struct lc__engine_node *lc__engine_after(const struct lc__engine_node *top,
                                         struct lc__engine_node *node)
{
    struct lc__engine_node *child = TAILQ_FIRST(&node->children);
    return child ? child : next_beside(top, node);
}

/*
 * Its context has ended. One at rest will not end any more, so it is considered later in this step;
 * until then it counts as up, and is not forgotten.
 */
static void mark_cancelled(struct lc__engine *engine, struct lc__engine_node *node)
{
    node->cancelled = true;
    if (node->running) {
        lc__engine_arm(engine, &node->timer, node->policy.stop_timeout);
    } else if (node->state == LC_NODE_BACKOFF) {
        lc__engine_disarm(engine, &node->timer);
        lc__engine_enter(engine, node, LC_NODE_CANCELED);
        STAILQ_INSERT_TAIL(&engine->rested, node, in_sweep);
    } else if (node->down) {
        came_up(node);
        STAILQ_INSERT_TAIL(&engine->rested, node, in_sweep);
    }
}

/*
 * Contexts lie in each other as the nodes do: ending the topmost ends them all. What was cancelled
 * already is so with all below it.
 */
void lc__tree_cancel(struct lc__engine *engine, struct lc__engine_node *top)
{
    struct lc__engine_node *node = top;
    if (top->cancelled)
        return;
    lc__engine_do(engine, top, LC__CANCEL);
    while (node) {
        bool below = !node->cancelled && !TAILQ_EMPTY(&node->children);
        if (!node->cancelled)
            mark_cancelled(engine, node);
        node = below ? TAILQ_FIRST(&node->children) : next_beside(top, node);
    }
}

void lc__tree_cancel_all(struct lc__engine *engine)
{
    struct lc__engine_node *node;
    engine->root.cancelled = true;
    TAILQ_FOREACH (node, &engine->root.children, among_children)
        if (node->policy.runnable)
            lc__tree_cancel(engine, node);
}

/* Its group shares the fate of one that has died. */
static void take_along(struct lc__engine *engine, struct lc__engine_node *dead)
{
    struct lc__engine_node *member;
    bool after = false;
    if (!dead->group || dead->group->strategy == LC_ONE_FOR_ONE ||
        dead->policy.restart == LC_TEMPORARY)
        return;
    TAILQ_FOREACH (member, &dead->group->members, in_group) {
        if (member != dead && (after || dead->group->strategy == LC_ONE_FOR_ALL))
            lc__tree_cancel(engine, member);
        after = after || member == dead;
    }
}

/* It has ended, with that error, taken over. */
static void die(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error)
{
    lc__engine_keep_error(node, error);
    lc__engine_enter(engine, node, LC_NODE_DEAD);
    lc__tree_cancel(engine, node);
    take_along(engine, node);
}

/* ---- going up ---- */

static struct lc__engine_node *deepest_first(struct lc__engine_node *node)
{
    while (!TAILQ_EMPTY(&node->children))
        node = TAILQ_FIRST(&node->children);
    return node;
}

/* All below it are down, and will be started by it anew, if at all. */
static void forget_children(struct lc__engine *engine, struct lc__engine_node *top)
{
    while (!TAILQ_EMPTY(&top->children)) {
        struct lc__engine_node *leaf = deepest_first(top);
        assert(!leaf->running && leaf->down);
        lc__engine_forget(engine, leaf);
    }
}

/* Too many of its kind have died: what its group's limit says happens. */
static void escalate(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_node *parent = node->parent;
    lc_behavior exceeded = node->intensity->limit.exceeded;
    lc_error *error = lc__engine_exceeded(engine, node);
    if (exceeded >= LC_SHUTDOWN || (exceeded == LC_STOP_PARENTS && parent == &engine->root)) {
        lc__engine_end_all(engine, error, exceeded == LC_SPIN_HALT ? LC_SPIN_HALT : LC_SHUTDOWN);
    } else if (exceeded == LC_STOP_PARENTS && parent->running) {
        lc_error_unref(parent->doom);
        parent->doom = error;
        lc__tree_cancel(engine, parent);
    } else if (exceeded == LC_STOP_PARENTS) {
        die(engine, parent, error);
    } else {
        lc_error_unref(error);
    }
}

/*
 * The topmost cancelled node, and all below it has ended. @return false if it is to stay so: then
 * it is not considered again.
 */
static bool restart(struct lc__engine *engine, struct lc__engine_node *node)
{
    bool died = node->state == LC_NODE_DEAD;
    forget_children(engine, node);
    if (node->policy.restart == LC_TEMPORARY)
        return false;
    if (died && !lc__engine_count_restart(engine, node)) {
        escalate(engine, node);
        return false;
    }
    assert(!node->down);
    node->cancelled = false;
    node->pause = died ? lc__engine_draw_pause(engine, node) : 0;
    if (died)
        lc__engine_do(engine, node, LC__TELL_RESTART);
    if (node->pause > 0)
        lc__engine_back_off(engine, node);
    else
        lc__engine_launch(engine, node);
    return true;
}

/* The node, or the last of those below it, has just ended, or was at rest when cancelled. */
static void consider(struct lc__engine *engine, struct lc__engine_node *node)
{
    while (node != &engine->root) {
        if (node->running || node->children_up > 0)
            return;
        if (node->cancelled && !node->parent->cancelled && restart(engine, node))
            return;
        assert(!node->down);
        node->down = true;
        node->parent->children_up--;
        node = node->parent;
    }
}

void lc__tree_propagate(struct lc__engine *engine)
{
    struct lc__engine_node *node;
    while ((node = STAILQ_FIRST(&engine->rested))) {
        STAILQ_REMOVE_HEAD(&engine->rested, in_sweep);
        consider(engine, node);
    }
}

/* ---- events ---- */

void lc__tree_added(struct lc__engine *engine, struct lc__engine_node *node)
{
    /* Accepted, so it starts; if its parent has been cancelled meanwhile it will see that. */
    node->cancelled = node->parent->cancelled;
    assert(!node->parent->down);
    node->parent->children_up++;
    lc__engine_launch(engine, node);
    if (node->cancelled)
        lc__engine_arm(engine, &node->timer, node->policy.stop_timeout);
}

void lc__tree_ended(struct lc__engine *engine, struct lc__engine_node *node,
                    enum lc__engine_end_kind how, lc_error *error)
{
    if (node->doom) {
        lc_error_unref(error);
        error = node->doom;
        node->doom = NULL;
        how = LC__ENDED_FAILED;
    }
    if (how == LC__ENDED_DONE) {
        lc__engine_enter(engine, node, LC_NODE_DONE);
    } else if (how == LC__ENDED_CANCELED) {
        lc__engine_enter(engine, node, LC_NODE_CANCELED);
        lc__tree_cancel(engine, node);
    } else {
        die(engine, node, error);
        error = NULL;
    }
    lc_error_unref(error);
    consider(engine, node);
}
