/*
 * engine_cancel.h: which runnables have something running, and which contexts have ended. Floor 5, for
 * the files of the engine.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_CANCEL_H
#define LIFECYCLE_SUPERVISE_ENGINE_CANCEL_H

#include "supervise/engine_state.h"

/* It is down no more, nor is what is above it. */
void lc__tree_came_up(struct lc__engine_node *node);
void lc__tree_went_down(struct lc__engine_node *node);
/* Marks it and all below it as cancelled. What comes of that: lc__tree_propagate. */
void lc__tree_cancel(struct lc__engine *engine, struct lc__engine_node *top);
void lc__tree_cancel_all(struct lc__engine *engine);

#endif
