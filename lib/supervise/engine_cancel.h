/*
 * engine_cancel.h: which runnables are down, and which have been cancelled. Floor 5, for the files
 * of the engine.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_CANCEL_H
#define LIFECYCLE_SUPERVISE_ENGINE_CANCEL_H

#include "supervise/engine_state.h"

/* The runnable and all above it are no longer down. It may not have been. */
void lc__tree_came_up(struct lc__engine_node *node);
/* The runnable and all below it have ended. */
void lc__tree_went_down(struct lc__engine_node *node);
/* Cancels a runnable and all below it; lc__tree_propagate() does what follows. */
void lc__tree_cancel(struct lc__engine *engine, struct lc__engine_node *top);
void lc__tree_cancel_all(struct lc__engine *engine);

#endif
