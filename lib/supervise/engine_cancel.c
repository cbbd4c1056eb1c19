/*
 * engine_cancel.c: see engine_cancel.h.
 */
#include "supervise/engine_cancel.h"

#include "supervise/engine_core.h"

void lc__tree_came_up(struct lc__engine_node *node)
{
    for (; node->life == LC__LIFE_DOWN; node = node->parent) {
        node->life = LC__LIFE_ENDED;
        node->parent->tree.children_up++;
    }
}

void lc__tree_went_down(struct lc__engine_node *node)
{
    LC__ASSERT(node->life == LC__LIFE_ENDED && node->tree.children_up == 0);
    node->life = LC__LIFE_DOWN;
    node->parent->tree.children_up--;
}

/*
 * The runnable's context has ended. A runnable at rest has no instance, so no end would be
 * reported: lc__tree_propagate() considers it; until then it counts as up, which keeps it from
 * being forgotten.
 */
static void runnable_mark_cancelled(struct lc__engine *engine, struct lc__engine_node *node)
{
    node->tree.cancelled = true;
    if (node->life == LC__LIFE_RUNNING) {
        lc__engine_arm(engine, &node->timer, node->policy.stop_timeout);
    } else if (node->state == LC_NODE_BACKOFF) {
        LC__ASSERT(node->life == LC__LIFE_ENDED);
        lc__engine_disarm(engine, &node->timer);
        lc__engine_enter(engine, node, LC_NODE_CANCELED);
        STAILQ_INSERT_TAIL(&engine->rested, node, tree.in_rested);
    } else if (node->life == LC__LIFE_DOWN) {
        lc__tree_came_up(node);
        STAILQ_INSERT_TAIL(&engine->rested, node, tree.in_rested);
    }
}

/*
 * The contexts lie in each other as the nodes do, so ending the topmost one ends them all. Below a
 * cancelled runnable all are cancelled already.
 */
void lc__tree_cancel(struct lc__engine *engine, struct lc__engine_node *top)
{
    struct lc__engine_node *node = top;
    LC__ASSERT(top->policy.runnable && top != &engine->root);
    if (top->tree.cancelled)
        return;
    lc__engine_do(engine, top, LC__CANCEL);
    while (node) {
        bool below = !node->tree.cancelled && !TAILQ_EMPTY(&node->children);
        if (!node->tree.cancelled)
            runnable_mark_cancelled(engine, node);
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
