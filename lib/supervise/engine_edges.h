/*
 * engine_edges.h: components and the edges between them: which may start, which has to stop because
 * of which, and in which order. Floor 5, for the files of the engine.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_EDGES_H
#define LIFECYCLE_SUPERVISE_ENGINE_EDGES_H

#include "supervise/engine_state.h"

void lc__graph_link(struct lc__engine_edge *edge, struct lc__engine_node *dependant,
                    struct lc__engine_node *dependency);

/* Does what follows from all that has changed, until nothing does any more. */
void lc__graph_propagate(struct lc__engine *engine);
/* If the component waits: it starts before the step ends, or has stopped, if that can be said. */
void lc__graph_consider(struct lc__engine *engine, struct lc__engine_node *node);
/* It will not run again: it is done, or has stopped. */
void lc__graph_settle(struct lc__engine *engine, struct lc__engine_node *node, lc_node_state state);
/* Ends the context of its instance. */
void lc__graph_cancel(struct lc__engine *engine, struct lc__engine_node *node);
/* It has ended: what it depends on may no longer have to wait for it. */
void lc__graph_update_way(struct lc__engine *engine, struct lc__engine_node *node);
/* While everything stops a handler has as long to answer as the node has to stop. */
void lc__graph_limit_judgement(struct lc__engine *engine, struct lc__engine_node *node);
/* All that it depends on, near and far, is to stop for good. */
void lc__graph_condemn_ancestors(struct lc__engine *engine, struct lc__engine_node *node);
/* What has asked to restart with it, and runs, is to. */
void lc__graph_restart_along(struct lc__engine *engine, struct lc__engine_node *node);
void lc__graph_overdue(struct lc__engine *engine, struct lc__engine_node *node);
void lc__graph_stop_all(struct lc__engine *engine);
/* The final deadline: what has not been told to stop is told now, and nothing is waited for. */
void lc__graph_give_up(struct lc__engine *engine);
void lc__graph_remove(struct lc__engine *engine, struct lc__engine_node *node);
void lc__graph_unlink(struct lc__engine *engine, struct lc__engine_node *node);
/* Forgets what is to be forgotten, at the end of a step. */
void lc__graph_forget_gone(struct lc__engine *engine);

#endif
