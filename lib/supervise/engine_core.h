/*
 * engine_core.h: the lowest part of the engine: timers, what is to be done, states, instances. It
 * knows no rule of a graph or of a tree. Floor 5, for the files of the engine.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_CORE_H
#define LIFECYCLE_SUPERVISE_ENGINE_CORE_H

#include "supervise/engine_state.h"

/* ---- timers ---- */

/* After the timeout; never for LC_FOREVER. */
void lc__engine_arm(struct lc__engine *engine, struct lc__engine_timer *timer, int64_t timeout);
void lc__engine_disarm(struct lc__engine *engine, struct lc__engine_timer *timer);

/* ---- what is to be done ---- */

/* Something is to be done about the node. */
void lc__engine_do(struct lc__engine *engine, struct lc__engine_node *node,
                   enum lc__engine_action_kind kind);

/* ---- states and instances ---- */

/* Notes the change, tells who observes, and has the edges looked at before the step ends. */
void lc__engine_enter(struct lc__engine *engine, struct lc__engine_node *node, lc_node_state state);
/* Begins the next instance. */
void lc__engine_launch(struct lc__engine *engine, struct lc__engine_node *node);
/* The instance is over, or its judgement, or it is overdue and waited for no longer. */
void lc__engine_inactive(struct lc__engine *engine, struct lc__engine_node *node);
void lc__engine_active(struct lc__engine *engine, struct lc__engine_node *node);
/*
 * The node had been told to stop, and has ended with an error that is not the answer to that.
 * It is logged, and, if everything is being stopped, named in the result. Takes the error over.
 */
void lc__engine_late(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error);
/* The same, of an error that another line logs. */
void lc__engine_name_late(struct lc__engine *engine, struct lc__engine_node *node,
                          const lc_error *error);
/* Takes the error over as the node's last. */
void lc__engine_keep_error(struct lc__engine *engine, struct lc__engine_node *node,
                           lc_error *error);
/* The engine has done with the node: it is in no list any more, and to be freed. */
void lc__engine_forget(struct lc__engine *engine, struct lc__engine_node *node);

#endif
