/*
 * engine_core.c: see engine_core.h.
 */
#include "supervise/engine_core.h"

#include "supervise/engine_text.h"

/* ---- timers ---- */

void lc__engine_disarm(struct lc__engine *engine, struct lc__engine_timer *timer)
{
    if (!timer->armed)
        return;
    lc__heap_remove(&engine->timers, &timer->entry);
    timer->armed = false;
}

void lc__engine_arm(struct lc__engine *engine, struct lc__engine_timer *timer, int64_t timeout)
{
    lc__engine_disarm(engine, timer);
    if (timeout >= LC_FOREVER - engine->now)
        return;
    lc__heap_insert(&engine->timers, &timer->entry, engine->now + timeout);
    timer->armed = true;
}

/* ---- states and instances ---- */

/* A component that is over for good does not hold back the readiness of the others. */
static bool component_is_good(const struct lc__engine_node *node)
{
    return node->state == LC_NODE_READY || lc__engine_is_settled(node);
}

static void component_change(struct lc__engine *engine, struct lc__engine_node *node,
                             lc_node_state state)
{
    LC__ASSERT(!lc__engine_is_settled(node));
    engine->not_good += component_is_good(node);
    node->state = state;
    engine->not_good -= component_is_good(node);
    engine->given_up += state == LC_NODE_STOPPED;
    if (node->graph.has_changed || LIST_EMPTY(&node->graph.dependants))
        return;
    node->graph.has_changed = true;
    STAILQ_INSERT_TAIL(&engine->changed, node, graph.in_changed);
}

void lc__engine_enter(struct lc__engine *engine, struct lc__engine_node *node, lc_node_state state)
{
    if (node->state == state)
        return;
    if (node->state == LC_NODE_READY)
        node->ready_for = engine->now - node->since;
    node->since = engine->now;
    if (node->policy.runnable)
        node->state = state;
    else
        component_change(engine, node, state);
    if (engine->tells_states)
        lc__engine_do(engine, node, LC__TELL_STATE);
    if (engine->changed_state)
        engine->changed_state(engine, node);
}

void lc__engine_keep_error(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error)
{
    lc_error_unref(node->error);
    node->error = error;
    node->error_of = node->instance;
    node->ran = engine->now - node->started_at;
    node->was_ready_for = node->was_ready ? lc__engine_ready_for(engine, node) : -1;
}

void lc__engine_name_late(struct lc__engine *engine, struct lc__engine_node *node,
                          const lc_error *error)
{
    if (!engine->ending) /* what is returned is about the end, not about earlier stops */
        return;
    if (!engine->first_late)
        engine->first_late = lc_error_ref(error);
    if (node->named_late)
        return;
    node->named_late = true;
    engine->late_count++;
    lc__engine_list_name(engine->failed_late, sizeof engine->failed_late, node->name);
}

void lc__engine_late(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error)
{
    lc_error_unref(node->late);
    node->late = error;
    lc__engine_name_late(engine, node, error);
    lc__engine_do(engine, node, LC__TELL_LATE);
}

void lc__engine_launch(struct lc__engine *engine, struct lc__engine_node *node)
{
    LC__ASSERT(!lc__engine_runs(node)); /* invariant 4 */
    node->life = LC__LIFE_RUNNING;
    node->instance++;
    node->started_at = engine->now;
    node->was_ready = false;
    node->ready_for = 0;
    node->lacked_task = false;
    lc__engine_disarm(engine, &node->timer);
    lc__engine_active(engine, node);
    lc__engine_enter(engine, node, LC_NODE_STARTING);
    lc__engine_do(engine, node, LC__START);
    node->todo &= ~(1u << LC__CANCEL); /* of the last instance: LC__START includes it */
}

void lc__engine_forget(struct lc__engine *engine, struct lc__engine_node *node)
{
    LC__ASSERT(node->life == LC__LIFE_DOWN && TAILQ_EMPTY(&node->children));
    LC__ASSERT(!lc__engine_is_forgotten(node));
    lc__engine_disarm(engine, &node->timer);
    TAILQ_REMOVE(&node->parent->children, node, among_children);
    engine->not_good -= !node->policy.runnable && !component_is_good(node);
    engine->given_up -= !node->policy.runnable && node->state == LC_NODE_STOPPED;
    engine->count--;
    lc__engine_do(engine, node, LC__FORGET);
}
