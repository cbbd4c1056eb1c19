/*
 * engine_cancel.c: see engine_cancel.h.
 */
#include "supervise/engine_cancel.h"

#include "supervise/engine_core.h"
#include "supervise/engine_text.h"

#include <assert.h>

/* It is down no more, nor is what is above it. */
void lc__tree_came_up(struct lc__engine_node *node)
{
    for (; node->life == LC__LIFE_DOWN; node = node->parent) {
        node->life = LC__LIFE_ENDED;
        node->parent->tree.children_up++;
    }
}

void lc__tree_went_down(struct lc__engine_node *node)
{
    assert(node->life == LC__LIFE_ENDED && node->tree.children_up == 0);
    node->life = LC__LIFE_DOWN;
    node->parent->tree.children_up--;
}

/*
 * Its context has ended. One at rest will not end any more, so it is considered later in this step;
 * until then it counts as up, and is not forgotten.
 */
static void mark_cancelled(struct lc__engine *engine, struct lc__engine_node *node)
{
    node->tree.cancelled = true;
    if (lc__engine_runs(node)) {
        lc__engine_arm(engine, &node->timer, node->policy.stop_timeout);
    } else if (node->state == LC_NODE_BACKOFF) {
        lc__engine_disarm(engine, &node->timer);
        lc__engine_enter(engine, node, LC_NODE_CANCELED);
        STAILQ_INSERT_TAIL(&engine->rested, node, tree.in_rested);
    } else if (node->life == LC__LIFE_DOWN) {
        lc__tree_came_up(node);
        STAILQ_INSERT_TAIL(&engine->rested, node, tree.in_rested);
    }
}

/*
 * Contexts lie in each other as the nodes do: ending the topmost ends them all. What was cancelled
 * already is so with all below it.
 */
void lc__tree_cancel(struct lc__engine *engine, struct lc__engine_node *top)
{
    struct lc__engine_node *node = top;
    if (top->tree.cancelled)
        return;
    lc__engine_do(engine, top, LC__CANCEL);
    while (node) {
        bool below = !node->tree.cancelled && !TAILQ_EMPTY(&node->children);
        if (!node->tree.cancelled)
            mark_cancelled(engine, node);
        node = below ? TAILQ_FIRST(&node->children) : lc__engine_beside(top, node);
    }
}

void lc__tree_cancel_all(struct lc__engine *engine)
{
    struct lc__engine_node *node;
    engine->root.tree.cancelled = true;
    TAILQ_FOREACH (node, &engine->root.children, among_children)
        if (node->policy.runnable)
            lc__tree_cancel(engine, node);
}
