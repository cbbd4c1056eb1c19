/*
 * engine_tree.h: what is done about the end of a runnable. Floor 5, for the files of the engine.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_TREE_H
#define LIFECYCLE_SUPERVISE_ENGINE_TREE_H

#include "supervise/engine_state.h"

void lc__tree_added(struct lc__engine *engine, struct lc__engine_node *node);
void lc__tree_ready(struct lc__engine *engine, struct lc__engine_node *node);
void lc__tree_ended(struct lc__engine *engine, struct lc__engine_node *node,
                    enum lc__engine_end_kind how, lc_error *error);
void lc__tree_pause_over(struct lc__engine *engine, struct lc__engine_node *node);
/* Considers those that were at rest when they were cancelled. */
void lc__tree_propagate(struct lc__engine *engine);

#endif
