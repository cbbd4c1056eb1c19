/*
 * engine_graph.h: what is done when a component fails or ends. Floor 5, for the files of the
 * engine.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_GRAPH_H
#define LIFECYCLE_SUPERVISE_ENGINE_GRAPH_H

#include "supervise/engine_state.h"

/* The instance has failed and has not ended. Takes the error over, as the next. */
void lc__graph_failed(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error);
void lc__graph_ended(struct lc__engine *engine, struct lc__engine_node *node,
                     enum lc__engine_end_kind how, lc_error *error);
/* Does what the judge has answered, or what is done without a judge. */
void lc__graph_decide(struct lc__engine *engine, struct lc__engine_node *node,
                      lc_behavior behavior);
/* What is done about the node's error without a judge. */
lc_behavior lc__graph_proposed(const struct lc__engine_node *node);

#endif
