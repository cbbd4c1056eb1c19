/*
 * engine_parts.h: what the files of the engine show each other: engine.c (instances, actions,
 * time), engine_graph.c (components and their edges), engine_tree.c (runnables and their
 * children). Floor 5.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_PARTS_H
#define LIFECYCLE_SUPERVISE_ENGINE_PARTS_H

#include "supervise/engine.h"

/* ---- engine.c ---- */

/* Notes the change, tells who observes, and has the edges looked at before the step ends. */
void lc__engine_enter(struct lc__engine *engine, struct lc__engine_node *node, lc_node_state state);
/* Something is to be done about the node. */
void lc__engine_do(struct lc__engine *engine, struct lc__engine_node *node,
                   enum lc__engine_action_kind kind);
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
/* How long to wait before the restart that is due now. */
int64_t lc__engine_draw_pause(struct lc__engine *engine, struct lc__engine_node *node);
/* Counts a restart. @return false if it is one too many. */
bool lc__engine_count_restart(struct lc__engine *engine, struct lc__engine_node *node);
/* The node's error as what comes of too many restarts; it is logged as well. */
lc_error *lc__engine_exceeded(struct lc__engine *engine, struct lc__engine_node *node);
/* Pauses before the restart. */
void lc__engine_back_off(struct lc__engine *engine, struct lc__engine_node *node);

/* Everything is to stop, for that reason, taken over; NULL for none. */
void lc__engine_end_all(struct lc__engine *engine, lc_error *why, lc_behavior behavior);
/* The engine has done with the node: it is in no list any more, and to be freed. */
void lc__engine_forget(struct lc__engine *engine, struct lc__engine_node *node);

/* After the timeout; never for LC_FOREVER. */
void lc__engine_arm(struct lc__engine *engine, struct lc__engine_timer *timer, int64_t timeout);
void lc__engine_disarm(struct lc__engine *engine, struct lc__engine_timer *timer);

/* ---- engine_graph.c ---- */

/* Does what follows from all that has changed, until nothing does any more. */
void lc__graph_propagate(struct lc__engine *engine);
/* If the component waits: it starts before the step ends, or has stopped, if that can be said. */
void lc__graph_consider(struct lc__engine *engine, struct lc__engine_node *node);
void lc__graph_failed(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error);
void lc__graph_ended(struct lc__engine *engine, struct lc__engine_node *node,
                     enum lc__engine_end_kind how, lc_error *error);
/* What a handler has said, or what is done without one. */
void lc__graph_decide(struct lc__engine *engine, struct lc__engine_node *node,
                      lc_behavior behavior);
void lc__graph_overdue(struct lc__engine *engine, struct lc__engine_node *node);
void lc__graph_stop_all(struct lc__engine *engine);
/* The final deadline: what has not been told to stop is told now, and nothing is waited for. */
void lc__graph_give_up(struct lc__engine *engine);
void lc__graph_remove(struct lc__engine *engine, struct lc__engine_node *node);
void lc__graph_unlink(struct lc__engine *engine, struct lc__engine_node *node);
/* Forgets what is to be forgotten, at the end of a step. */
void lc__graph_forget_gone(struct lc__engine *engine);

/* ---- engine_tree.c ---- */

void lc__tree_added(struct lc__engine *engine, struct lc__engine_node *node);
void lc__tree_ready(struct lc__engine *engine, struct lc__engine_node *node);
void lc__tree_ended(struct lc__engine *engine, struct lc__engine_node *node,
                    enum lc__engine_end_kind how, lc_error *error);
void lc__tree_pause_over(struct lc__engine *engine, struct lc__engine_node *node);
void lc__tree_leave_group(struct lc__engine_node *node);
/* Marks it and all below it as cancelled. What comes of that: lc__tree_propagate. */
void lc__tree_cancel(struct lc__engine *engine, struct lc__engine_node *top);
void lc__tree_cancel_all(struct lc__engine *engine);
/* Considers those that were at rest when they were cancelled. */
void lc__tree_propagate(struct lc__engine *engine);

#endif
