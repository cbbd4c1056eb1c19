/*
 * engine_state.c: see engine_state.h.
 */
#include "supervise/engine_state.h"

void lc__engine_init(struct lc__engine *engine, uint64_t seed)
{
    *engine = (struct lc__engine){.stop_timeout = LC_FOREVER, .behavior = LC_STOP, .epoch = 1};
    STAILQ_INIT(&engine->queue);
    STAILQ_INIT(&engine->changed);
    STAILQ_INIT(&engine->passing);
    STAILQ_INIT(&engine->condemned);
    STAILQ_INIT(&engine->turns);
    STAILQ_INIT(&engine->rested);
    STAILQ_INIT(&engine->gone);
    engine->root.policy.runnable = true;
    engine->root.life = LC__LIFE_ENDED; /* it never goes down */
    TAILQ_INIT(&engine->root.children);
    lc__random_seed(&engine->random, seed);
}

void lc__engine_end(struct lc__engine *engine)
{
    lc_error_unref(engine->why);
    lc_error_unref(engine->first_error);
    lc_error_unref(engine->first_late);
    lc_error_unref(engine->result);
    lc_error_unref(engine->trouble);
}

void lc__engine_node_end(struct lc__engine_node *node)
{
    lc_error **other = node->policy.runnable ? &node->tree.dies_of : &node->graph.thrown;
    lc_error_unref(node->error);
    lc_error_unref(node->late);
    lc_error_unref(*other);
    node->error = node->late = *other = NULL;
}

void lc__engine_group_init(struct lc__engine_group *group)
{
    *group = (struct lc__engine_group){.ordered = false};
    TAILQ_INIT(&group->members);
}

struct lc__engine_node *lc__engine_beside(const struct lc__engine_node *top,
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
    return child ? child : lc__engine_beside(top, node);
}
