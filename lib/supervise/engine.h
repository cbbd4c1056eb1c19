/*
 * engine.h: the supervision engine: what has to happen when something supervised starts, becomes
 * ready, ends, fails. A state machine that touches nothing but itself: no thread, no clock, no
 * lock, no memory of its own. An event goes in, with the time; actions are taken out one at a time,
 * until there is none; then the next event. Floor 5, and of it the fronts: run.c, supervisor.c,
 * tree.c, by way of shell.c.
 *
 * Nodes lie in a tree. Those of a graph are all below the engine's root, have no children, and
 * depend on each other by edges: they are *components*. Those of a supervision tree start children
 * of their own, in groups: they are *runnables*. What is common is the instance (one at a time,
 * numbered), back-off, intensity, deadlines, the end of everything.
 *
 * What always holds, asserted here or looked at by tests in every state they reach:
 *  1. No node starts before each of its dependencies has met the edge's condition.
 *  2. Within the step in which a dependency stops for good, all that depends on it is told to stop.
 *  3. In a deliberate stop a node is cancelled only after its dependants are done, or overdue; also
 *     those that depend on it by way of dependants that do not run, or are overdue.
 *  4. At most one instance of a node exists; an overdue one blocks the node's restart.
 *  5. Every error reaches exactly one handler, or the log.
 *  6. Once the end of everything has begun nothing starts; it is over when every node is done, or
 *     has been told to be overdue.
 *  7. An event costs what it touches: the node, its edges, those that it starts or stops.
 *  8. The engine tells each death and each late error once, in the step in which the instance ends,
 *     whatever follows. A late error is one of an instance that had been told to stop.
 *  9. What one failure takes along in a tree is one unit: it stops as one, nothing of it starts
 *     before all of it has ended, it pauses once, counts once, and is given up as one.
 * 10. A condition that can no longer come true is reported once, with its reason.
 * 11. A restart follows at once only a steady life: see lc_backoff.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_H
#define LIFECYCLE_SUPERVISE_ENGINE_H

#include "supervise/engine_state.h"
#include "supervise/engine_text.h"

/* ---- making ---- */

/*
 * Adds a node, zeroed but for what the front sets; `parent` NULL: the engine's root. A runnable is
 * started by this, a component by lc__engine_begin.
 */
void lc__engine_add(struct lc__engine *engine, struct lc__engine_node *node,
                    struct lc__engine_node *parent, int64_t now);
/* Before the dependant begins. The edge is zeroed but for what the front sets: condition, along. */
void lc__engine_link(struct lc__engine_edge *edge, struct lc__engine_node *dependant,
                     struct lc__engine_node *dependency);
/* Lets go of a node that has never begun, and of its edges to its dependencies. */
void lc__engine_drop(struct lc__engine *engine, struct lc__engine_node *node);

/* ---- events ---- */

/* All components that were added begin. */
void lc__engine_start(struct lc__engine *engine, int64_t now);
/* One component begins, which was added while others run. */
void lc__engine_begin(struct lc__engine *engine, struct lc__engine_node *node, int64_t now);
/* The instance is ready. Like all that names an instance: ignored if it is not the present one. */
void lc__engine_ready(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                      int64_t now);
/* A runnable says that it is done. */
void lc__engine_said_done(struct lc__engine *engine, struct lc__engine_node *node, int64_t now);
/*
 * The instance has thrown `error`, taken over, and has not ended yet. `asked`: what the error
 * itself asks for, should nobody be asked; LC_RESTART mostly.
 */
void lc__engine_failed(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                       lc_error *error, lc_behavior asked, int64_t now);

/* The instance has ended. `error` is taken over. */
void lc__engine_ended(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                      enum lc__engine_end_kind how, lc_error *error, int64_t now);
/* What the handler has answered. */
void lc__engine_verdict(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                        lc_behavior behavior, int64_t now);
/* A runnable's context has ended by other hands than ours. */
void lc__engine_cancelled(struct lc__engine *engine, struct lc__engine_node *node, int64_t now);
/* Everything is to stop. `why` is taken over, NULL for none. */
void lc__engine_cancel(struct lc__engine *engine, lc_error *why, int64_t now);
/* A component, on which none depends, is to stop and to be forgotten. */
void lc__engine_remove(struct lc__engine *engine, struct lc__engine_node *node, int64_t now);
/*
 * Time has passed: the first thing that is due happens. To be called until lc__engine_deadline is
 * later than `now`, as each is an event.
 */
void lc__engine_advance(struct lc__engine *engine, int64_t now);

/* ---- what comes of them ---- */

/* Takes the next action. @return false if there is none. */
bool lc__engine_next(struct lc__engine *engine, struct lc__engine_action *action);
/* What a judge is told. All of it is borrowed from the node. */
void lc__engine_failure(const struct lc__engine_node *node, lc_failure *failure);
/* When lc__engine_advance is next needed; LC_FOREVER. */
int64_t lc__engine_deadline(struct lc__engine *engine);

/*
 * A node whose time to become ready, to stop or to be judged is over at `now`: one of them, or the
 * one behind `after`, in no particular order. NULL: no more. Changes nothing.
 */
struct lc__engine_node *lc__engine_overdue(struct lc__engine *engine, struct lc__engine_node *after,
                                           int64_t now);
/* Whether the time for everything to stop is over at `now`. */
bool lc__engine_gives_up(const struct lc__engine *engine, int64_t now);

#endif
