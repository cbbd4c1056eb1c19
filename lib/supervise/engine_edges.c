/*
 * engine_edges.c: see engine_edges.h.
 *
 * Nothing here recurses, because graphs may be deep and stacks are small. An event only marks
 * things: lc__engine_enter() queues each component that has entered another state. At the end of
 * the step lc__graph_propagate() carries out what follows, in four passes:
 *  - changed: looks at the edges of each changed component, which may let a dependant start;
 *  - condemned: a sweep, breadth first, orders components to stop for good with their dependants;
 *  - passing: counts blockers, from dependants to dependencies, past components that do not run;
 *  - turns: starts or cancels the components that nothing blocks.
 * A later pass begins when the earlier ones have nothing left. So nothing starts that the same step
 * stops, nothing is cancelled before the dependants that the same step stops, and the outcome does
 * not depend on the order of the edges.
 */
#include "supervise/engine_edges.h"

#include "supervise/engine_core.h"

/* ---- edges ---- */

static bool component_is_up(const struct lc__engine_node *node)
{
    return node->state == LC_NODE_STARTING || node->state == LC_NODE_READY;
}

static enum lc__edge_level edge_measure(const struct lc__engine_edge *edge)
{
    const struct lc__engine_node *dependency = edge->dependency;
    bool done = dependency->state == LC_NODE_DONE;
    if (dependency->state == LC_NODE_STOPPED)
        return LC__EDGE_NEVER;
    switch ((lc_condition)edge->condition) {
    case LC_WHEN_STARTED:
        return done || component_is_up(dependency) ? LC__EDGE_MET : LC__EDGE_UNMET;
    case LC_WHEN_READY:
        if (done)
            return dependency->was_ready ? LC__EDGE_MET : LC__EDGE_NEVER;
        return dependency->state == LC_NODE_READY ? LC__EDGE_MET : LC__EDGE_UNMET;
    case LC_WHEN_COMPLETED:
        break;
    }
    return done ? LC__EDGE_MET : LC__EDGE_UNMET;
}

/* @return whether the level is another one than before. */
static bool edge_update(struct lc__engine_edge *edge)
{
    enum lc__edge_level before = edge->level;
    enum lc__edge_level level = edge_measure(edge);
    edge->level = (unsigned char)level;
    edge->dependant->graph.unmet += (level != LC__EDGE_MET) - (before != LC__EDGE_MET);
    edge->dependant->graph.never += (level == LC__EDGE_NEVER) - (before == LC__EDGE_NEVER);
    return level != before;
}

void lc__graph_link(struct lc__engine_edge *edge, struct lc__engine_node *dependant,
                    struct lc__engine_node *dependency)
{
    LC__ASSERT(dependant->instance == 0 && !dependant->graph.blocks);
    edge->dependant = dependant;
    edge->dependency = dependency;
    edge->level = LC__EDGE_UNMET;
    dependant->graph.unmet++;
    LIST_INSERT_HEAD(&dependant->graph.dependencies, edge, of_dependant);
    LIST_INSERT_HEAD(&dependency->graph.dependants, edge, of_dependency);
    edge_update(edge);
}

/*
 * A temporary component goes when it has ended, so that its name is free; but not before its
 * dependants.
 */
static bool component_is_to_be_forgotten(const struct lc__engine_node *node)
{
    return lc__engine_is_settled(node) && LIST_EMPTY(&node->graph.dependants) &&
           (node->graph.leaving || node->policy.restart == LC_TEMPORARY);
}

void lc__graph_unlink(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_edge *edge, *next;
    LC__ASSERT(LIST_EMPTY(&node->graph.dependants) && !node->graph.blocks);
    LIST_FOREACH_SAFE (edge, &node->graph.dependencies, of_dependant, next) {
        LIST_REMOVE(edge, of_dependency);
        if (component_is_to_be_forgotten(edge->dependency))
            STAILQ_INSERT_TAIL(&engine->gone, edge->dependency, graph.in_gone);
    }
    LIST_INIT(&node->graph.dependencies);
}

/* Forgetting a component may add its dependencies to the queue. */
void lc__graph_forget_gone(struct lc__engine *engine)
{
    struct lc__engine_node *node;
    while ((node = STAILQ_FIRST(&engine->gone))) {
        STAILQ_REMOVE_HEAD(&engine->gone, graph.in_gone);
        lc__graph_unlink(engine, node);
        lc__engine_forget(engine, node);
    }
}

/* ---- settling, starting ---- */

void lc__graph_settle(struct lc__engine *engine, struct lc__engine_node *node, lc_node_state state)
{
    LC__ASSERT(!lc__engine_runs(node) && !lc__engine_is_settled(node));
    LC__ASSERT(state == LC_NODE_DONE || state == LC_NODE_STOPPED);
    if (node->graph.tells_end)
        lc__engine_do(engine, node, LC__TELL_OVER);
    engine->unsettled--;
    lc__engine_disarm(engine, &node->timer);
    lc__engine_inactive(engine, node);
    lc__engine_enter(engine, node, state);
    if (component_is_to_be_forgotten(node))
        STAILQ_INSERT_TAIL(&engine->gone, node, graph.in_gone);
}

static void component_give_up_start(struct lc__engine *engine, struct lc__engine_node *node)
{
    const struct lc__engine_edge *edge;
    LIST_FOREACH (edge, &node->graph.dependencies, of_dependant)
        if (edge->level == LC__EDGE_NEVER)
            node->graph.because = edge->dependency;
    lc__engine_do(engine, node, LC__TELL_UNABLE);
    lc__graph_settle(engine, node, LC_NODE_STOPPED);
}

/* It may start or be cancelled, unless a later pass of the step brings a blocker. */
static void component_await_turn(struct lc__engine *engine, struct lc__engine_node *node)
{
    if (node->graph.awaits_turn)
        return;
    node->graph.awaits_turn = true;
    STAILQ_INSERT_TAIL(&engine->turns, node, graph.in_turns);
}

void lc__graph_consider(struct lc__engine *engine, struct lc__engine_node *node)
{
    if (node->state != LC_NODE_WAITING || !engine->begun || engine->ending)
        return;
    if (node->graph.never > 0)
        component_give_up_start(engine, node);
    else if (node->graph.unmet == 0)
        component_await_turn(engine, node);
}

/* ---- stopping, in order ---- */

void lc__graph_cancel(struct lc__engine *engine, struct lc__engine_node *node)
{
    LC__ASSERT(node->life == LC__LIFE_RUNNING);
    node->life = LC__LIFE_TOLD;
    lc__engine_do(engine, node, LC__CANCEL);
    lc__engine_arm(engine, &node->timer, node->policy.stop_timeout);
}

static void component_start(struct lc__engine *engine, struct lc__engine_node *node)
{
    LC__ASSERT(node->graph.unmet == 0); /* invariant 1 */
    LC__ASSERT(node->graph.blockers == 0);
    LC__ASSERT(engine->begun && !engine->ending); /* invariant 6 */
    node->graph.order = LC__ORDER_NONE;
    node->graph.asked = LC_RESTART;
    node->graph.fails_late = false;
    lc__engine_launch(engine, node);
    lc__engine_arm(engine, &node->timer, node->policy.start_timeout);
}

/* Cancels a component that is to stop, or starts one that waits, unless a dependant blocks it. */
static void component_take_turn(struct lc__engine *engine, struct lc__engine_node *node)
{
    node->graph.awaits_turn = false;
    if (node->graph.blockers > 0)
        return;
    if (node->life == LC__LIFE_RUNNING && node->graph.order != LC__ORDER_NONE)
        lc__graph_cancel(engine, node);
    else if (node->state == LC_NODE_WAITING && node->graph.unmet == 0 && !engine->ending)
        component_start(engine, node);
}

/*
 * Whether the component blocks its dependencies: if it is waited for, while it has an order to
 * stop; if it does not run or is overdue, while one of its own dependants blocks it (invariant 3).
 */
static bool component_is_to_block(const struct lc__engine_node *node)
{
    bool waited_for = lc__engine_runs(node) && !node->overdue;
    return waited_for ? node->graph.order != LC__ORDER_NONE : node->graph.blockers > 0;
}

/* A dependant has begun to block the component, or no longer does. */
static void component_count_blocker(struct lc__engine *engine, struct lc__engine_node *node,
                                    bool more)
{
    LC__ASSERT(more || node->graph.blockers > 0);
    node->graph.blockers = more ? node->graph.blockers + 1 : node->graph.blockers - 1;
    if (node->graph.blockers == 0)
        component_await_turn(engine, node);
    if (node->graph.passes_on || node->graph.blocks == component_is_to_block(node))
        return;
    node->graph.passes_on = true;
    STAILQ_INSERT_TAIL(&engine->passing, node, graph.in_passing);
}

void lc__graph_update_way(struct lc__engine *engine, struct lc__engine_node *node)
{
    const struct lc__engine_edge *edge;
    if (node->graph.blocks == component_is_to_block(node))
        return;
    node->graph.blocks = !node->graph.blocks;
    LIST_FOREACH (edge, &node->graph.dependencies, of_dependant)
        component_count_blocker(engine, edge->dependency, node->graph.blocks);
}

void lc__graph_limit_judgement(struct lc__engine *engine, struct lc__engine_node *node)
{
    if (node->state == LC_NODE_JUDGED && engine->ending)
        lc__engine_arm(engine, &node->timer, node->policy.stop_timeout);
}

/*
 * Orders a component to stop, which its turn will carry out; one that does not run only settles.
 * @return whether the order is new to it, and it has to be waited for.
 */
static bool component_order_stop(struct lc__engine *engine, struct lc__engine_node *node,
                                 enum lc__engine_order order)
{
    if (lc__engine_is_settled(node) || order <= node->graph.order)
        return false;
    if (!lc__engine_runs(node) && node->state != LC_NODE_JUDGED) {
        if (order == LC__ORDER_STOP)
            lc__graph_settle(engine, node, LC_NODE_STOPPED);
        return false;
    }
    node->graph.order = order;
    lc__graph_update_way(engine, node);
    component_await_turn(engine, node);
    if (component_is_up(node)) {
        lc__engine_disarm(engine, &node->timer);
        lc__engine_enter(engine, node, LC_NODE_STOPPING);
    }
    return true;
}

/* A sweep takes each component in once. One sweep at a time: the next begins after sweep_end(). */
static void sweep_add(struct lc__engine *engine, struct lc__engine_queue *sweep,
                      struct lc__engine_node *node)
{
    if (node->graph.epoch == engine->epoch)
        return;
    node->graph.epoch = engine->epoch;
    STAILQ_INSERT_TAIL(sweep, node, graph.in_sweep);
}

static void sweep_end(struct lc__engine *engine)
{
    engine->epoch++;
}

/*
 * Orders the condemned and all that depends on them to stop for good, also past components that are
 * done. The dependants of a component that had the order already got it with that; those of a
 * component that settles now get it when its edges are looked at.
 */
static void condemned_stop(struct lc__engine *engine)
{
    struct lc__engine_node *node;
    const struct lc__engine_edge *edge;
    STAILQ_FOREACH (node, &engine->condemned, graph.in_sweep) {
        if (!component_order_stop(engine, node, LC__ORDER_STOP) && node->state != LC_NODE_DONE)
            continue;
        LIST_FOREACH (edge, &node->graph.dependants, of_dependency)
            sweep_add(engine, &engine->condemned, edge->dependant);
    }
    STAILQ_INIT(&engine->condemned);
    sweep_end(engine);
}

/* An ancestor that is done stops no more, so its other dependants are not condemned for it. */
void lc__graph_condemn_ancestors(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_queue ancestors = STAILQ_HEAD_INITIALIZER(ancestors);
    struct lc__engine_node *ancestor;
    const struct lc__engine_edge *edge;
    sweep_add(engine, &ancestors, node);
    STAILQ_FOREACH (ancestor, &ancestors, graph.in_sweep)
        LIST_FOREACH (edge, &ancestor->graph.dependencies, of_dependant)
            sweep_add(engine, &ancestors, edge->dependency);
    sweep_end(engine);
    STAILQ_REMOVE_HEAD(&ancestors, graph.in_sweep);
    while ((ancestor = STAILQ_FIRST(&ancestors))) {
        STAILQ_REMOVE_HEAD(&ancestors, graph.in_sweep);
        if (!lc__engine_is_settled(ancestor))
            sweep_add(engine, &engine->condemned, ancestor);
    }
}

void lc__graph_restart_along(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_queue sweep = STAILQ_HEAD_INITIALIZER(sweep);
    struct lc__engine_node *next;
    const struct lc__engine_edge *edge;
    if (LIST_EMPTY(&node->graph.dependants))
        return;
    sweep_add(engine, &sweep, node);
    STAILQ_FOREACH (next, &sweep, graph.in_sweep) {
        if (next != node)
            component_order_stop(engine, next, LC__ORDER_RESTART);
        LIST_FOREACH (edge, &next->graph.dependants, of_dependency)
            if (edge->along && component_is_up(edge->dependant))
                sweep_add(engine, &sweep, edge->dependant);
    }
    sweep_end(engine);
}

static void component_look_at_dependants(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_edge *edge;
    node->graph.has_changed = false;
    LIST_FOREACH (edge, &node->graph.dependants, of_dependency) {
        if (!edge_update(edge))
            continue;
        lc__graph_consider(engine, edge->dependant);
        if (node->state == LC_NODE_STOPPED && !engine->ending)
            sweep_add(engine, &engine->condemned, edge->dependant);
    }
}

void lc__graph_propagate(struct lc__engine *engine)
{
    struct lc__engine_node *node;
    for (;;) {
        if ((node = STAILQ_FIRST(&engine->changed))) {
            STAILQ_REMOVE_HEAD(&engine->changed, graph.in_changed);
            component_look_at_dependants(engine, node);
        } else if (!STAILQ_EMPTY(&engine->condemned)) {
            condemned_stop(engine);
        } else if ((node = STAILQ_FIRST(&engine->passing))) {
            STAILQ_REMOVE_HEAD(&engine->passing, graph.in_passing);
            node->graph.passes_on = false;
            lc__graph_update_way(engine, node);
        } else if ((node = STAILQ_FIRST(&engine->turns))) {
            STAILQ_REMOVE_HEAD(&engine->turns, graph.in_turns);
            component_take_turn(engine, node);
        } else {
            return;
        }
    }
}

/* ---- all of them, or one ---- */

void lc__graph_overdue(struct lc__engine *engine, struct lc__engine_node *node)
{
    if (node->overdue || lc__engine_is_settled(node))
        return;
    LC__ASSERT(node->life == LC__LIFE_TOLD || node->state == LC_NODE_JUDGED);
    node->overdue = true;
    lc__engine_do(engine, node, LC__TELL_OVERDUE);
    lc__engine_inactive(engine, node);
    lc__graph_update_way(engine, node);
}

void lc__graph_stop_all(struct lc__engine *engine)
{
    struct lc__engine_node *node;
    TAILQ_FOREACH (node, &engine->root.children, among_children) {
        if (node->policy.runnable)
            continue;
        component_order_stop(engine, node, LC__ORDER_STOP);
        lc__graph_limit_judgement(engine, node);
    }
}

void lc__graph_give_up(struct lc__engine *engine)
{
    struct lc__engine_node *node;
    TAILQ_FOREACH (node, &engine->root.children, among_children) {
        if (node->policy.runnable || !node->counted_active)
            continue;
        if (node->life == LC__LIFE_RUNNING)
            lc__graph_cancel(engine, node);
        lc__engine_disarm(engine, &node->timer);
        lc__graph_overdue(engine, node);
    }
}

void lc__graph_remove(struct lc__engine *engine, struct lc__engine_node *node)
{
    LC__ASSERT(LIST_EMPTY(&node->graph.dependants) && !node->graph.leaving);
    node->graph.leaving = true;
    if (lc__engine_is_settled(node))
        STAILQ_INSERT_TAIL(&engine->gone, node, graph.in_gone);
    else
        sweep_add(engine, &engine->condemned, node);
}
