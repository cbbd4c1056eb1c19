/*
 * engine_edges.h: components and the edges between them: which component may start, which one has
 * to stop because of another, and in which order. Floor 5, for the files of the engine.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_EDGES_H
#define LIFECYCLE_SUPERVISE_ENGINE_EDGES_H

#include "supervise/engine_state.h"

/* See lc__engine_link(). */
void lc__graph_link(struct lc__engine_edge *edge, struct lc__engine_node *dependant,
                    struct lc__engine_node *dependency);
/* Removes the edges to the dependencies of a component that has no dependants. */
void lc__graph_unlink(struct lc__engine *engine, struct lc__engine_node *node);

/* ---- within a step ---- */

/* A waiting component: starts it before the step ends, or stops it, or lets it wait on. */
void lc__graph_consider(struct lc__engine *engine, struct lc__engine_node *node);
/* The component will not run again: it enters LC_NODE_DONE or LC_NODE_STOPPED. */
void lc__graph_settle(struct lc__engine *engine, struct lc__engine_node *node, lc_node_state state);
/* Ends the context of the component's instance. */
void lc__graph_cancel(struct lc__engine *engine, struct lc__engine_node *node);
/* The component has ended: it may no longer block its dependencies. */
void lc__graph_update_way(struct lc__engine *engine, struct lc__engine_node *node);
/* While everything stops, a judge has as long to answer as the component has to stop. */
void lc__graph_limit_judgement(struct lc__engine *engine, struct lc__engine_node *node);
/* Orders all ancestors of the component, and all that depends on those, to stop for good. */
void lc__graph_condemn_ancestors(struct lc__engine *engine, struct lc__engine_node *node);
/* Orders the running descendants that restart along with the component to restart. */
void lc__graph_restart_along(struct lc__engine *engine, struct lc__engine_node *node);
/* The component's time to stop, or its judge's to answer, is over. */
void lc__graph_overdue(struct lc__engine *engine, struct lc__engine_node *node);
/* Orders all components to stop for good. */
void lc__graph_stop_all(struct lc__engine *engine);
/* The time for everything to stop is over: cancels what still runs, and waits for it no longer. */
void lc__graph_give_up(struct lc__engine *engine);
/* See lc__engine_remove(). */
void lc__graph_remove(struct lc__engine *engine, struct lc__engine_node *node);

/* ---- at the end of a step ---- */

/* Carries out all that follows from the changes of the step. */
void lc__graph_propagate(struct lc__engine *engine);
/* Forgets the components that have gone. */
void lc__graph_forget_gone(struct lc__engine *engine);

#endif
