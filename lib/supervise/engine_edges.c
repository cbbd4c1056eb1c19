/*
 * engine_edges.c: see engine_edges.h.
 *
 * Nothing here recurses: graphs may be deep, and stacks are small. What an event changes is noted
 * (lc__engine_enter), and looked at edge by edge before the step ends (lc__graph_propagate); who
 * has to stop because of whom is collected by sweeps, breadth first; who has to wait for whom is
 * counted, node by node past those not waited for. Last of all, when all that is to stop is known,
 * comes the turn of those that can start or be cancelled. So nothing starts that the same step
 * stops, nothing is cancelled before what the same step stops and depends on it, and what comes of
 * a step does not hang on the order in which edges are looked at.
 */
#include "supervise/engine_edges.h"

#include "supervise/engine_core.h"

#include <assert.h>

/* ---- edges ---- */

static bool is_up(const struct lc__engine_node *node)
{
    return node->state == LC_NODE_STARTING || node->state == LC_NODE_READY;
}

static enum lc__edge_level level_of(const struct lc__engine_edge *edge)
{
    const struct lc__engine_node *dependency = edge->dependency;
    bool done = dependency->state == LC_NODE_DONE;
    if (dependency->state == LC_NODE_STOPPED)
        return LC__EDGE_NEVER;
    switch ((lc_condition)edge->condition) {
    case LC_WHEN_STARTED:
        return done || is_up(dependency) ? LC__EDGE_MET : LC__EDGE_UNMET;
    case LC_WHEN_READY:
        if (done)
            return dependency->was_ready ? LC__EDGE_MET : LC__EDGE_NEVER;
        return dependency->state == LC_NODE_READY ? LC__EDGE_MET : LC__EDGE_UNMET;
    case LC_WHEN_COMPLETED:
        break;
    }
    return done ? LC__EDGE_MET : LC__EDGE_UNMET;
}

/* @return whether it is another level than before. */
static bool update(struct lc__engine_edge *edge)
{
    enum lc__edge_level before = edge->level;
    enum lc__edge_level level = level_of(edge);
    edge->level = (unsigned char)level;
    edge->dependant->graph.unmet += (level != LC__EDGE_MET) - (before != LC__EDGE_MET);
    edge->dependant->graph.never += (level == LC__EDGE_NEVER) - (before == LC__EDGE_NEVER);
    return level != before;
}

void lc__graph_link(struct lc__engine_edge *edge, struct lc__engine_node *dependant,
                    struct lc__engine_node *dependency)
{
    assert(!dependant->graph.blocks); /* as it has not begun, nor has anything that depends on it */
    edge->dependant = dependant;
    edge->dependency = dependency;
    edge->level = LC__EDGE_UNMET;
    dependant->graph.unmet++;
    LIST_INSERT_HEAD(&dependant->graph.dependencies, edge, of_dependant);
    LIST_INSERT_HEAD(&dependency->graph.dependants, edge, of_dependency);
    update(edge);
}

/*
 * A temporary node goes with its end, so that another of its name can be added; but not while
 * something depends on it.
 */
static bool is_to_be_forgotten(const struct lc__engine_node *node)
{
    return lc__engine_is_settled(node) && LIST_EMPTY(&node->graph.dependants) &&
           (node->graph.leaving || node->policy.restart == LC_TEMPORARY);
}

void lc__graph_unlink(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_edge *edge, *next;
    assert(LIST_EMPTY(&node->graph.dependants) && !node->graph.blocks);
    LIST_FOREACH_SAFE (edge, &node->graph.dependencies, of_dependant, next) {
        LIST_REMOVE(edge, of_dependency);
        if (is_to_be_forgotten(edge->dependency))
            STAILQ_INSERT_TAIL(&engine->gone, edge->dependency, graph.in_gone);
    }
    LIST_INIT(&node->graph.dependencies);
}

/* Also what is forgotten because of what is forgotten: at the end of the queue, not recursively. */
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

/* It will not run again. */
void lc__graph_settle(struct lc__engine *engine, struct lc__engine_node *node, lc_node_state state)
{
    assert(!lc__engine_runs(node) && !lc__engine_is_settled(node));
    if (node->graph.tells_end)
        lc__engine_do(engine, node, LC__TELL_OVER);
    engine->unsettled--;
    lc__engine_disarm(engine, &node->timer);
    lc__engine_inactive(engine, node);
    lc__engine_enter(engine, node, state);
    if (is_to_be_forgotten(node))
        STAILQ_INSERT_TAIL(&engine->gone, node, graph.in_gone);
}

static void cannot_start(struct lc__engine *engine, struct lc__engine_node *node)
{
    const struct lc__engine_edge *edge;
    LIST_FOREACH (edge, &node->graph.dependencies, of_dependant)
        if (edge->level == LC__EDGE_NEVER)
            node->graph.because = edge->dependency;
    lc__engine_do(engine, node, LC__TELL_UNABLE);
    lc__graph_settle(engine, node, LC_NODE_STOPPED);
}

/* Whether it may start, or be cancelled, is looked at when all that is to stop is known. */
static void await_turn(struct lc__engine *engine, struct lc__engine_node *node)
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
        cannot_start(engine, node);
    else if (node->graph.unmet == 0)
        await_turn(engine, node);
}

/* ---- stopping, in order ---- */

void lc__graph_cancel(struct lc__engine *engine, struct lc__engine_node *node)
{
    node->life = LC__LIFE_TOLD;
    lc__engine_do(engine, node, LC__CANCEL);
    lc__engine_arm(engine, &node->timer, node->policy.stop_timeout);
}

static void start(struct lc__engine *engine, struct lc__engine_node *node)
{
    assert(node->graph.unmet == 0 && node->graph.blockers == 0 && !engine->ending);
    assert(!lc__engine_is_settled(node));
    node->graph.order = LC__ORDER_NONE;
    node->graph.asked = LC_RESTART;
    node->graph.fails_late = false;
    lc__engine_launch(engine, node);
}

/* Nothing that depends on it, near or far, still stops? Then it is told to, or starts. */
static void take_turn(struct lc__engine *engine, struct lc__engine_node *node)
{
    node->graph.awaits_turn = false;
    if (node->graph.blockers > 0)
        return;
    if (node->life == LC__LIFE_RUNNING && node->graph.order != LC__ORDER_NONE)
        lc__graph_cancel(engine, node);
    else if (node->state == LC_NODE_WAITING && node->graph.unmet == 0 && !engine->ending)
        start(engine, node);
}

/*
 * Whether what it depends on has to let it be first: it is to stop and has not, or it does not run
 * or is overdue, but something that depends on it is in its own way.
 */
static bool is_in_the_way(const struct lc__engine_node *node)
{
    bool waited_for = lc__engine_runs(node) && !node->overdue;
    return waited_for ? node->graph.order != LC__ORDER_NONE : node->graph.blockers > 0;
}

/* One more of its dependants is in its way, or one less. It is looked at later: no recursion. */
static void count_blocker(struct lc__engine *engine, struct lc__engine_node *node, bool more)
{
    node->graph.blockers = more ? node->graph.blockers + 1 : node->graph.blockers - 1;
    if (node->graph.blockers == 0)
        await_turn(engine, node);
    if (node->graph.passes_on || node->graph.blocks == is_in_the_way(node))
        return;
    node->graph.passes_on = true;
    STAILQ_INSERT_TAIL(&engine->passing, node, graph.in_passing);
}

/*
 * It has been told to stop, has ended, is overdue, or is not waited for and its blockers have
 * changed: what it depends on may have to wait for it from now on, or no longer.
 */
void lc__graph_update_way(struct lc__engine *engine, struct lc__engine_node *node)
{
    const struct lc__engine_edge *edge;
    if (node->graph.blocks == is_in_the_way(node))
        return;
    node->graph.blocks = !node->graph.blocks;
    LIST_FOREACH (edge, &node->graph.dependencies, of_dependant)
        count_blocker(engine, edge->dependency, node->graph.blocks);
}

/* While everything stops a handler has as long to answer as the node has to stop. */
void lc__graph_limit_judgement(struct lc__engine *engine, struct lc__engine_node *node)
{
    if (node->state == LC_NODE_JUDGED && engine->ending)
        lc__engine_arm(engine, &node->timer, node->policy.stop_timeout);
}

/*
 * It is to stop: for good, or to start again. Its turn comes later. @return whether it had not been
 * told so before, and still has to be waited for.
 */
static bool want_stop(struct lc__engine *engine, struct lc__engine_node *node,
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
    await_turn(engine, node);
    if (is_up(node)) {
        lc__engine_disarm(engine, &node->timer);
        lc__engine_enter(engine, node, LC_NODE_STOPPING);
    }
    return true;
}

/* A sweep takes each node in once. There is one at a time: the next begins when it is over. */
static void sweep_add(struct lc__engine *engine, struct lc__engine_sweep *sweep,
                      struct lc__engine_node *node)
{
    if (node->graph.epoch == engine->epoch)
        return;
    node->graph.epoch = engine->epoch;
    STAILQ_INSERT_TAIL(sweep, node, graph.in_sweep);
}

static void sweep_is_over(struct lc__engine *engine)
{
    engine->epoch++;
}

/*
 * The condemned are to stop for good, and so are all that depend on them, also by way of one that is
 * done. What depends on one that had been told before was told then; and on one that has just been
 * settled, when its edges are looked at.
 */
static void stop_condemned(struct lc__engine *engine)
{
    struct lc__engine_node *node;
    const struct lc__engine_edge *edge;
    STAILQ_FOREACH (node, &engine->condemned, graph.in_sweep) {
        if (!want_stop(engine, node, LC__ORDER_STOP) && node->state != LC_NODE_DONE)
            continue;
        LIST_FOREACH (edge, &node->graph.dependants, of_dependency)
            sweep_add(engine, &engine->condemned, edge->dependant);
    }
    STAILQ_INIT(&engine->condemned);
    sweep_is_over(engine);
}

/*
 * What it depends on, near and far, is condemned; but one that is done stops no more, so what depends
 * on it is not told because of it.
 */
void lc__graph_condemn_ancestors(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_sweep ancestors = STAILQ_HEAD_INITIALIZER(ancestors);
    struct lc__engine_node *ancestor;
    const struct lc__engine_edge *edge;
    sweep_add(engine, &ancestors, node);
    STAILQ_FOREACH (ancestor, &ancestors, graph.in_sweep)
        LIST_FOREACH (edge, &ancestor->graph.dependencies, of_dependant)
            sweep_add(engine, &ancestors, edge->dependency);
    sweep_is_over(engine);
    STAILQ_REMOVE_HEAD(&ancestors, graph.in_sweep);
    while ((ancestor = STAILQ_FIRST(&ancestors))) {
        STAILQ_REMOVE_HEAD(&ancestors, graph.in_sweep);
        if (!lc__engine_is_settled(ancestor))
            sweep_add(engine, &engine->condemned, ancestor);
    }
}

/* What has asked to restart with it, and runs, is to. */
void lc__graph_restart_along(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_sweep sweep = STAILQ_HEAD_INITIALIZER(sweep);
    struct lc__engine_node *next;
    const struct lc__engine_edge *edge;
    if (LIST_EMPTY(&node->graph.dependants))
        return;
    sweep_add(engine, &sweep, node);
    STAILQ_FOREACH (next, &sweep, graph.in_sweep) {
        if (next != node)
            want_stop(engine, next, LC__ORDER_RESTART);
        LIST_FOREACH (edge, &next->graph.dependants, of_dependency)
            if (edge->along && is_up(edge->dependant))
                sweep_add(engine, &sweep, edge->dependant);
    }
    sweep_is_over(engine);
}

static void look_at_dependants(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_edge *edge;
    node->graph.has_changed = false;
    LIST_FOREACH (edge, &node->graph.dependants, of_dependency) {
        if (!update(edge))
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
            look_at_dependants(engine, node);
        } else if (!STAILQ_EMPTY(&engine->condemned)) {
            stop_condemned(engine);
        } else if ((node = STAILQ_FIRST(&engine->passing))) {
            STAILQ_REMOVE_HEAD(&engine->passing, graph.in_passing);
            node->graph.passes_on = false;
            lc__graph_update_way(engine, node);
        } else if ((node = STAILQ_FIRST(&engine->turns))) {
            STAILQ_REMOVE_HEAD(&engine->turns, graph.in_turns);
            take_turn(engine, node);
        } else {
            return;
        }
    }
}

/* ---- by order ---- */

void lc__graph_overdue(struct lc__engine *engine, struct lc__engine_node *node)
{
    if (node->overdue || lc__engine_is_settled(node))
        return;
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
        want_stop(engine, node, LC__ORDER_STOP);
        lc__graph_limit_judgement(engine, node);
    }
}

void lc__graph_give_up(struct lc__engine *engine)
{
    struct lc__engine_node *node;
    TAILQ_FOREACH (node, &engine->root.children, among_children) {
        if (node->policy.runnable || !node->counted_active)
            continue;
        if (node->life == LC__LIFE_RUNNING) {
            node->life = LC__LIFE_TOLD;
            lc__engine_do(engine, node, LC__CANCEL);
        }
        lc__engine_disarm(engine, &node->timer);
        lc__graph_overdue(engine, node);
    }
}

void lc__graph_remove(struct lc__engine *engine, struct lc__engine_node *node)
{
    node->graph.leaving = true;
    if (lc__engine_is_settled(node))
        STAILQ_INSERT_TAIL(&engine->gone, node, graph.in_gone);
    else
        sweep_add(engine, &engine->condemned, node);
}
