/*
 * engine_core.h: the lowest part of the engine: timers, actions, states, instances. It knows no
 * rule of a graph or of a tree. Floor 5, for the files of the engine.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_CORE_H
#define LIFECYCLE_SUPERVISE_ENGINE_CORE_H

#include "base/assert.h"
#include "supervise/engine_state.h"

/* ---- timers ---- */

/* Arms the timer, also if it is armed; LC_FOREVER disarms it. */
void lc__engine_arm(struct lc__engine *engine, struct lc__engine_timer *timer, int64_t timeout);
void lc__engine_disarm(struct lc__engine *engine, struct lc__engine_timer *timer);

/* ---- actions ---- */

/* Queues an action about the node, which is still to be done once if it was queued before. */
static inline void lc__engine_do(struct lc__engine *engine, struct lc__engine_node *node,
                                 enum lc__engine_action_kind kind)
{
    if (!node->todo)
        STAILQ_INSERT_TAIL(&engine->queue, node, in_queue);
    node->todo |= 1u << kind;
}

/* ---- states and instances ---- */

/* Enters the state, unless the node is in it. Queues a component in engine->changed. */
void lc__engine_enter(struct lc__engine *engine, struct lc__engine_node *node, lc_node_state state);
/* Starts the next instance. */
void lc__engine_launch(struct lc__engine *engine, struct lc__engine_node *node);
/* Counts the node among the active, or no longer; both may be called again. See engine->active. */
static inline void lc__engine_active(struct lc__engine *engine, struct lc__engine_node *node)
{
    engine->active += !node->counted_active;
    node->counted_active = true;
}

static inline void lc__engine_inactive(struct lc__engine *engine, struct lc__engine_node *node)
{
    engine->active -= node->counted_active;
    node->counted_active = false;
}

/* How long the present or last instance has been ready, if it ever was. */
static inline int64_t lc__engine_ready_for(const struct lc__engine *engine,
                                           const struct lc__engine_node *node)
{
    return node->state == LC_NODE_READY ? engine->now - node->since : node->ready_for;
}

/* Takes the error over as the node's last. */
void lc__engine_keep_error(struct lc__engine *engine, struct lc__engine_node *node,
                           lc_error *error);
/*
 * An instance that had been told to stop has ended with `error`: logs and names it. Takes it over.
 */
void lc__engine_late(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error);
/* Names a node with a late error in the result, if everything is being stopped. */
void lc__engine_name_late(struct lc__engine *engine, struct lc__engine_node *node,
                          const lc_error *error);
/* Takes the node out of all lists, and has the front free it. */
void lc__engine_forget(struct lc__engine *engine, struct lc__engine_node *node);

#endif
