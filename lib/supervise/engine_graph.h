/*
 * engine_graph.h: what is done about the failure and the end of a component. Floor 5, for the files
 * of the engine.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_GRAPH_H
#define LIFECYCLE_SUPERVISE_ENGINE_GRAPH_H

#include "supervise/engine_state.h"

void lc__graph_failed(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error);
void lc__graph_ended(struct lc__engine *engine, struct lc__engine_node *node,
                     enum lc__engine_end_kind how, lc_error *error);
/* What a handler has said, or what is done without one. */
void lc__graph_decide(struct lc__engine *engine, struct lc__engine_node *node,
                      lc_behavior behavior);
/* What is done about the node's error if no judge is asked. */
lc_behavior lc__graph_proposed(const struct lc__engine_node *node);

#endif
