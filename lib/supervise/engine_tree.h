/*
 * engine_tree.h: what is done when a runnable is added, is ready or ends. Floor 5, for the files of
 * the engine.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_TREE_H
#define LIFECYCLE_SUPERVISE_ENGINE_TREE_H

#include "supervise/engine_state.h"

/* The runnable has been added to its parent and its group: starts it, or lets it wait its turn. */
void lc__tree_added(struct lc__engine *engine, struct lc__engine_node *node);
/* The next of an ordered group may start. */
void lc__tree_ready(struct lc__engine *engine, struct lc__engine_node *node);
/* The instance has ended. Takes the error over. */
void lc__tree_ended(struct lc__engine *engine, struct lc__engine_node *node,
                    enum lc__engine_end_kind how, lc_error *error);
/* The runnable has paused before its restart. */
void lc__tree_pause_over(struct lc__engine *engine, struct lc__engine_node *node);
/* At the end of a step: considers the runnables that were at rest when they were cancelled. */
void lc__tree_propagate(struct lc__engine *engine);

#endif
