/*
 * engine.c: see engine.h.
 */
#include "supervise/engine.h"

#include "base/assert.h"
#include "base/container.h"
#include "supervise/engine_cancel.h"
#include "supervise/engine_core.h"
#include "supervise/engine_edges.h"
#include "supervise/engine_end.h"
#include "supervise/engine_graph.h"
#include "supervise/engine_tree.h"

#include <errno.h>

/* ---- steps ---- */

static void step_begin(struct lc__engine *engine, int64_t now)
{
    LC__ASSERT(STAILQ_EMPTY(&engine->changed) && STAILQ_EMPTY(&engine->passing));
    LC__ASSERT(STAILQ_EMPTY(&engine->condemned) && STAILQ_EMPTY(&engine->turns));
    LC__ASSERT(STAILQ_EMPTY(&engine->rested));
    engine->now = now;
}

static bool engine_is_over(const struct lc__engine *engine)
{
    if (engine->active > 0)
        return false;
    if (!engine->ending && (!engine->begun || engine->keep_running || engine->unsettled > 0))
        return false;
    return engine->root.tree.children_up == 0; /* a runnable that pauses is up */
}

static void step_end(struct lc__engine *engine)
{
    lc__tree_propagate(engine);
    lc__graph_propagate(engine);
    lc__graph_forget_gone(engine);
    if (engine->finished || !engine_is_over(engine))
        return;
    engine->finished = true;
    lc__engine_conclude(engine);
}

/* ---- making ---- */

void lc__engine_add(struct lc__engine *engine, struct lc__engine_node *node,
                    struct lc__engine_node *parent, int64_t now)
{
    LC__ASSERT(node->instance == 0 && (node->policy.runnable ? node->tree.group != NULL : !parent));
    engine->now = now;
    node->parent = parent ? parent : &engine->root;
    node->since = now;
    TAILQ_INIT(&node->children);
    TAILQ_INSERT_TAIL(&node->parent->children, node, among_children);
    engine->count++;
    if (node->policy.runnable) {
        TAILQ_INSERT_TAIL(&node->tree.group->members, node, tree.in_group);
        engine->begun = true;
        lc__tree_added(engine, node);
        return;
    }
    engine->not_good++;
    engine->unsettled++;
}

void lc__engine_link(struct lc__engine_edge *edge, struct lc__engine_node *dependant,
                     struct lc__engine_node *dependency)
{
    lc__graph_link(edge, dependant, dependency);
}

void lc__engine_drop(struct lc__engine *engine, struct lc__engine_node *node)
{
    LC__ASSERT(!node->policy.runnable && node->instance == 0 && node->todo == 0);
    lc__graph_unlink(engine, node);
    TAILQ_REMOVE(&node->parent->children, node, among_children);
    engine->not_good--;
    engine->unsettled--;
    engine->count--;
}

/* ---- events ---- */

void lc__engine_start(struct lc__engine *engine, int64_t now)
{
    struct lc__engine_node *node;
    step_begin(engine, now);
    engine->begun = true;
    if (!engine->ending)
        TAILQ_FOREACH (node, &engine->root.children, among_children)
            if (!node->policy.runnable)
                lc__graph_consider(engine, node);
    step_end(engine);
}

void lc__engine_begin(struct lc__engine *engine, struct lc__engine_node *node, int64_t now)
{
    LC__ASSERT(!node->policy.runnable && node->instance == 0);
    step_begin(engine, now);
    if (engine->begun)
        lc__graph_consider(engine, node);
    step_end(engine);
}

static bool instance_is_present(const struct lc__engine_node *node, uint64_t instance)
{
    return lc__engine_runs(node) && node->instance == instance;
}

void lc__engine_ready(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                      int64_t now)
{
    if (!instance_is_present(node, instance) || node->was_ready)
        return;
    step_begin(engine, now);
    node->was_ready = true;
    if (node->recovers)
        lc__engine_do(engine, node, LC__TELL_READY);
    node->recovers = false;
    if (node->policy.runnable)
        node->next_pause = 0;
    if (node->state == LC_NODE_STARTING) {
        if (!node->policy.runnable)
            lc__engine_disarm(engine, &node->timer);
        lc__engine_enter(engine, node, LC_NODE_READY);
        if (node->policy.runnable)
            lc__tree_ready(engine, node);
    }
    step_end(engine);
}

void lc__engine_said_done(struct lc__engine *engine, struct lc__engine_node *node, int64_t now)
{
    LC__ASSERT(node->policy.runnable);
    engine->now = now;
    node->next_pause = 0;
}

void lc__engine_failed(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                       lc_error *error, lc_behavior asked, int64_t now)
{
    LC__ASSERT(!node->policy.runnable);
    if (!instance_is_present(node, instance)) {
        lc_error_unref(error);
        return;
    }
    step_begin(engine, now);
    node->graph.asked = asked;
    if (node->life == LC__LIFE_TOLD) { /* for lc__engine_ended() */
        lc_error_unref(node->graph.thrown);
        node->graph.thrown = error;
        return;
    }
    lc__graph_failed(engine, node, error);
    step_end(engine);
}

void lc__engine_ended(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                      enum lc__engine_end_kind how, lc_error *error, int64_t now)
{
    if (!instance_is_present(node, instance)) {
        lc_error_unref(error);
        return;
    }
    step_begin(engine, now);
    node->overdue = false;
    lc__engine_disarm(engine, &node->timer);
    lc__engine_inactive(engine, node);
    if (node->policy.runnable)
        lc__tree_ended(engine, node, how, error);
    else
        lc__graph_ended(engine, node, how, error);
    step_end(engine);
}

void lc__engine_verdict(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                        lc_behavior behavior, int64_t now)
{
    LC__ASSERT(!node->policy.runnable);
    if (node->state != LC_NODE_JUDGED || node->instance != instance)
        return;
    step_begin(engine, now);
    node->overdue = false;
    lc__engine_disarm(engine, &node->timer);
    lc__engine_inactive(engine, node);
    lc__graph_decide(engine, node, behavior);
    step_end(engine);
}

void lc__engine_cancelled(struct lc__engine *engine, struct lc__engine_node *node, int64_t now)
{
    LC__ASSERT(node->policy.runnable);
    step_begin(engine, now);
    lc__tree_cancel(engine, node);
    step_end(engine);
}

void lc__engine_cancel(struct lc__engine *engine, lc_error *why, int64_t now)
{
    step_begin(engine, now);
    lc__engine_end_all(engine, why, LC_STOP);
    step_end(engine);
}

void lc__engine_remove(struct lc__engine *engine, struct lc__engine_node *node, int64_t now)
{
    step_begin(engine, now);
    lc__graph_remove(engine, node);
    step_end(engine);
}

static void component_not_ready_in_time(struct lc__engine *engine, struct lc__engine_node *node)
{
    const char *awaited = engine->awaited ? engine->awaited(engine, node) : NULL;
    lc_error *error = lc_error_new(-ETIMEDOUT, "\"%s\" was not ready within %.1f s%s%s", node->name,
                                   (double)node->policy.start_timeout / (double)LC_SECOND,
                                   awaited ? "; not ready: " : "", awaited ? awaited : "");
    lc__graph_failed(engine, node, error);
}

static struct lc__engine_node *node_of_timer(struct lc__heap_entry *entry)
{
    return LC__CONTAINER_OF(entry, struct lc__engine_node, timer.entry);
}

static void node_timer_fire(struct lc__engine *engine, struct lc__engine_node *node)
{
    if (node->state == LC_NODE_BACKOFF && node->policy.runnable) {
        lc__tree_pause_over(engine, node);
    } else if (node->state == LC_NODE_BACKOFF) {
        lc__engine_enter(engine, node, LC_NODE_WAITING);
        lc__graph_consider(engine, node);
    } else if (node->policy.runnable) {
        node->overdue = true;
        lc__engine_do(engine, node, LC__TELL_OVERDUE);
    } else if (node->state == LC_NODE_STARTING) {
        component_not_ready_in_time(engine, node);
    } else {
        lc__graph_overdue(engine, node);
    }
}

void lc__engine_advance(struct lc__engine *engine, int64_t now)
{
    struct lc__heap_entry *first = lc__heap_first(&engine->timers);
    if (!first || first->key > now)
        return;
    step_begin(engine, now);
    if (first == &engine->final.entry) {
        lc__engine_disarm(engine, &engine->final);
        lc__graph_give_up(engine);
    } else {
        struct lc__engine_node *node = node_of_timer(first);
        lc__engine_disarm(engine, &node->timer);
        node_timer_fire(engine, node);
    }
    step_end(engine);
}

/* ---- what comes of them ---- */

/*
 * The first node with something to do. A component that is only to be forgotten goes behind the
 * others once, because LC__TELL_UNABLE of one of its dependants may still name it.
 */
static struct lc__engine_node *queue_first(struct lc__engine *engine)
{
    struct lc__engine_node *node;
    while ((node = STAILQ_FIRST(&engine->queue)) && node->todo == 1u << LC__FORGET &&
           !node->policy.runnable && !node->graph.goes_last) {
        node->graph.goes_last = true;
        STAILQ_REMOVE_HEAD(&engine->queue, in_queue);
        STAILQ_INSERT_TAIL(&engine->queue, node, in_queue);
    }
    return node;
}

bool lc__engine_next(struct lc__engine *engine, struct lc__engine_action *action)
{
    struct lc__engine_node *node = queue_first(engine);
    if (!node)
        return false;
    LC__ASSERT(node->todo != 0);
    unsigned kind = (unsigned)__builtin_ctz(node->todo);
    node->todo &= node->todo - 1;
    if (!node->todo)
        STAILQ_REMOVE_HEAD(&engine->queue, in_queue);
    action->kind = kind;
    action->node = node;
    action->error = kind == LC__TELL_LATE ? node->late : node->error;
    return true;
}

void lc__engine_failure(const struct lc__engine_node *node, lc_failure *failure)
{
    LC__ASSERT(!node->policy.runnable && node->error_of == node->instance);
    *failure = (lc_failure){
        .size = sizeof *failure,
        .node = node->name,
        .instance = node->instance,
        .restarts = node->instance > 0 ? node->instance - 1 : 0,
        .was_ready = node->was_ready_for >= 0,
        .stopping = node->graph.fails_late,
        .ran = node->ran,
        .ready_for = node->was_ready_for >= 0 ? node->was_ready_for : 0,
        .error = node->error,
        .proposed = lc__graph_proposed(node),
        .pause = node->graph.fails_late ? 0 : node->pause,
    };
}

int64_t lc__engine_deadline(struct lc__engine *engine)
{
    const struct lc__heap_entry *first = lc__heap_first(&engine->timers);
    return first ? first->key : LC_FOREVER;
}

struct lc__engine_node *lc__engine_overdue(struct lc__engine *engine, struct lc__engine_node *after,
                                           int64_t now)
{
    struct lc__heap_entry *entry = after ? &after->timer.entry : NULL;
    while ((entry = lc__heap_walk(&engine->timers, entry, now)))
        if (entry != &engine->final.entry && node_of_timer(entry)->state != LC_NODE_BACKOFF)
            return node_of_timer(entry);
    return NULL;
}

bool lc__engine_gives_up(const struct lc__engine *engine, int64_t now)
{
    return engine->final.armed && engine->final.entry.key <= now;
}
