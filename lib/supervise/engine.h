/*
 * engine.h: the supervision engine: decides what happens when something supervised starts, becomes
 * ready, fails or ends. It is a pure state machine: it has no thread, no clock and no lock, and it
 * allocates nothing but errors. The front reports an event, with the time; that is a *step*. Then
 * it takes the actions one at a time until there is none, and reports the next event. Floor 5; the
 * fronts are run.c, supervisor.c and tree.c, the last two by way of shell.c.
 *
 * All nodes lie in a tree. A graph's nodes, the *components*, are children of the engine's root and
 * depend on each other by edges. A supervision tree's nodes, the *runnables*, add children of their
 * own, in groups. Both have instances (one at a time, numbered), back-off, intensity and deadlines.
 *
 * The invariants. Assertions check the local ones; tests check all of them in each state they
 * reach.
 *  1. No node starts before each of its dependencies has met the edge's condition.
 *  2. Within the step in which a node stops for good, all its descendants are told to stop.
 *  3. In a deliberate stop a node is cancelled only after its dependants have ended or are overdue.
 *     A dependant that does not run or is overdue passes this on: its own dependants count.
 *  4. A node has at most one instance. An overdue instance blocks the node's restart.
 *  5. Every error reaches exactly one judge, or the log.
 *  6. Once everything is being stopped, nothing starts. It is over when every node has ended or has
 *     been reported as overdue.
 *  7. An event costs what it touches: the node, its edges, the nodes it starts or stops.
 *  8. The engine tells each death and each late error once, in the step in which the instance ends.
 *     An error is late if its instance had been told to stop.
 *  9. What one failure takes along in a tree is one unit: it stops as one, nothing of it starts
 *     before all of it has ended, it pauses once, counts once, and is given up as one.
 * 10. A condition that can no longer come true is reported once, with its reason.
 * 11. Only a steady life is followed by a restart at once: see lc_backoff.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_H
#define LIFECYCLE_SUPERVISE_ENGINE_H

#include "supervise/engine_state.h"
#include "supervise/engine_text.h"

/* ---- making ---- */

/*
 * Adds a node that is zeroed except for the front's fields; `parent` NULL: the engine's root. This
 * starts a runnable; lc__engine_begin() starts a component.
 */
void lc__engine_add(struct lc__engine *engine, struct lc__engine_node *node,
                    struct lc__engine_node *parent, int64_t now);
/*
 * Adds an edge that is zeroed except for the front's fields. The dependant has not begun, and no
 * node depends on it that has.
 */
void lc__engine_link(struct lc__engine_edge *edge, struct lc__engine_node *dependant,
                     struct lc__engine_node *dependency);
/* Takes out a component that has never begun, with the edges to its dependencies. */
void lc__engine_drop(struct lc__engine *engine, struct lc__engine_node *node);

/* ---- events ---- */

/*
 * An event that names an instance is ignored if that is not the node's present instance. An error
 * that goes in is taken over.
 */

/* All components that have been added begin. */
void lc__engine_start(struct lc__engine *engine, int64_t now);
/* A component that has been added since lc__engine_start() begins. */
void lc__engine_begin(struct lc__engine *engine, struct lc__engine_node *node, int64_t now);
/* The instance is ready. */
void lc__engine_ready(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                      int64_t now);
/* A runnable says that it is done. */
void lc__engine_said_done(struct lc__engine *engine, struct lc__engine_node *node, int64_t now);
/*
 * An instance of a component has thrown `error` and has not ended yet. `asked` is what the error
 * itself asks for, which counts if there is no judge; usually LC_RESTART.
 */
void lc__engine_failed(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                       lc_error *error, lc_behavior asked, int64_t now);
/* The instance has ended. */
void lc__engine_ended(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                      enum lc__engine_end_kind how, lc_error *error, int64_t now);
/* The judge has answered LC__ASK. */
void lc__engine_verdict(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                        lc_behavior behavior, int64_t now);
/* The program, not the engine, has cancelled a runnable's context. */
void lc__engine_cancelled(struct lc__engine *engine, struct lc__engine_node *node, int64_t now);
/* Everything is to stop, because of `why`; NULL: for no error. */
void lc__engine_cancel(struct lc__engine *engine, lc_error *why, int64_t now);
/* The engine is to stop and forget a component that has no dependants. */
void lc__engine_remove(struct lc__engine *engine, struct lc__engine_node *node, int64_t now);
/*
 * Time has passed. Carries out the first timer that is due. Each is an event, so the caller repeats
 * this, with the actions in between, until lc__engine_deadline() is later than `now`.
 */
void lc__engine_advance(struct lc__engine *engine, int64_t now);

/* ---- what comes of them ---- */

/* Takes the next action. @return false if there is none. */
bool lc__engine_next(struct lc__engine *engine, struct lc__engine_action *action);
/* Fills in what the node's judge is told. All of it is borrowed from the node. */
void lc__engine_failure(const struct lc__engine_node *node, lc_failure *failure);
/* The time of the first timer; LC_FOREVER: none. */
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
