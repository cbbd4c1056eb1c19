/*
 * engine_graph.c: see engine_graph.h.
 */
#include "supervise/engine_graph.h"

#include "supervise/engine_core.h"
#include "supervise/engine_edges.h"
#include "supervise/engine_end.h"
#include "supervise/engine_restart.h"

#include <errno.h>

/* ---- verdicts ---- */

lc_behavior lc__graph_proposed(const struct lc__engine_node *node)
{
    const struct lc__engine_policy *policy = &node->policy;
    if (node->graph.asked != LC_RESTART)
        return node->graph.asked;
    if (policy->first_start != LC_RESTART && node->instance == 1 && !node->was_ready)
        return policy->first_start;
    if (policy->on_error == LC_RESTART && policy->restart == LC_TEMPORARY)
        return LC_STOP;
    return policy->on_error;
}

static bool component_is_to_stay_down(const struct lc__engine *engine,
                                      const struct lc__engine_node *node)
{
    return engine->ending || node->graph.leaving || node->graph.order == LC__ORDER_STOP;
}

/*
 * Asks the component's judge about its error. Not once everything is over, because the caller of
 * the run may have freed what the judge uses, while an overdue component still ends. @return false
 * if no judge is asked.
 */
static bool component_ask_judge(struct lc__engine *engine, struct lc__engine_node *node)
{
    if (!node->policy.judged || engine->finished)
        return false;
    LC__ASSERT(node->life == LC__LIFE_DOWN && node->error_of == node->instance);
    lc__engine_active(engine, node);
    lc__engine_enter(engine, node, LC_NODE_JUDGED);
    lc__engine_do(engine, node, LC__ASK);
    lc__graph_limit_judgement(engine, node);
    return true;
}

static void component_tell_stopped(struct lc__engine *engine, struct lc__engine_node *node,
                                   lc_behavior behavior)
{
    node->graph.decided = behavior;
    lc__engine_do(engine, node, LC__TELL_STOPPED);
}

/* The instance has failed by itself, not late, and has ended. */
static void component_judge(struct lc__engine *engine, struct lc__engine_node *node)
{
    LC__ASSERT(node->life == LC__LIFE_DOWN && node->error_of == node->instance);
    bool stays_down = component_is_to_stay_down(engine, node);
    node->recovers = true;
    node->pause = stays_down ? 0 : lc__engine_draw_pause(engine, node);
    if (component_ask_judge(engine, node))
        return;
    lc_behavior behavior = lc__graph_proposed(node);
    if (stays_down && behavior < LC_SHUTDOWN) {
        lc__engine_name_late(engine, node, node->error);
        component_tell_stopped(engine, node, LC_STOP);
        lc__graph_settle(engine, node, LC_NODE_STOPPED);
    } else {
        lc__graph_decide(engine, node, behavior);
    }
}

/* Restarts the component after node->pause. */
static void component_restart(struct lc__engine *engine, struct lc__engine_node *node)
{
    LC__ASSERT(node->life == LC__LIFE_DOWN && !component_is_to_stay_down(engine, node));
    node->graph.order = LC__ORDER_NONE;
    lc__engine_do(engine, node, node->error ? LC__TELL_RESTART : LC__TELL_ENDED);
    if (node->pause > 0)
        lc__engine_back_off(engine, node);
    else
        lc__engine_enter(engine, node, LC_NODE_WAITING);
    lc__graph_restart_along(engine, node);
    lc__graph_consider(engine, node);
}

static void component_stop_for_good(struct lc__engine *engine, struct lc__engine_node *node,
                                    lc_behavior behavior, lc_error *error)
{
    if (behavior == LC_STOP_PARENTS && !engine->ending)
        lc__graph_condemn_ancestors(engine, node);
    lc__graph_settle(engine, node, LC_NODE_STOPPED);
    if (behavior >= LC_SHUTDOWN) {
        lc__engine_end_all(engine, error, behavior);
        return;
    }
    if (!engine->first_error)
        engine->first_error = lc_error_ref(error);
    lc_error_unref(error);
}

static void component_stop_as_decided(struct lc__engine *engine, struct lc__engine_node *node,
                                      lc_behavior behavior)
{
    component_tell_stopped(engine, node, behavior);
    component_stop_for_good(engine, node, behavior, lc_error_ref(node->error));
}

/* The component had been told to stop, and has ended, cleanly or not. */
static void component_has_stopped(struct lc__engine *engine, struct lc__engine_node *node)
{
    if (component_is_to_stay_down(engine, node)) {
        lc__graph_settle(engine, node, LC_NODE_STOPPED);
        return;
    }
    node->graph.order = LC__ORDER_NONE;
    lc__engine_enter(engine, node, LC_NODE_WAITING);
    lc__graph_consider(engine, node);
}

/* The judge's answer is none of the behaviors. */
static lc_error *verdict_refuse(const struct lc__engine_node *node, lc_behavior behavior)
{
    return lc_error_wrap(
        lc_error_ref(node->error), -EINVAL,
        "the judge of \"%s\" answered %d, which is none of the behaviors (0 to %d)", node->name,
        (int)behavior, LC_SPIN_HALT);
}

/*
 * The verdict about a late error, which has been logged. The component stops or restarts as it had
 * been told to; the verdict only counts if it stops everything.
 */
static void component_decide_late(struct lc__engine *engine, struct lc__engine_node *node,
                                  lc_behavior behavior)
{
    if (!lc_behavior_name(behavior))
        lc__engine_end_all(engine, verdict_refuse(node, behavior), LC_SHUTDOWN);
    else if (behavior >= LC_SHUTDOWN)
        lc__engine_end_all(engine, lc_error_ref(node->error), behavior);
    if (!lc__engine_is_settled(node)) /* that has not stopped it already */
        component_has_stopped(engine, node);
}

void lc__graph_decide(struct lc__engine *engine, struct lc__engine_node *node, lc_behavior behavior)
{
    if (node->graph.fails_late) {
        component_decide_late(engine, node, behavior);
    } else if (!lc_behavior_name(behavior)) {
        component_stop_for_good(engine, node, LC_SHUTDOWN, verdict_refuse(node, behavior));
    } else if (behavior != LC_RESTART) {
        component_stop_as_decided(engine, node, behavior);
    } else if (component_is_to_stay_down(engine, node)) {
        lc__graph_settle(engine, node, LC_NODE_STOPPED);
    } else if (node->policy.restart == LC_TEMPORARY) {
        component_stop_as_decided(engine, node, LC_STOP);
    } else if (!lc__engine_count_restart(engine, node)) {
        lc_error *error = lc__engine_exceeded(engine, node);
        component_stop_for_good(engine, node, node->intensity->limit.exceeded, error);
    } else {
        component_restart(engine, node);
    }
}

/* ---- events ---- */

/* An instance that has been told to stop does not come here: see lc__engine_failed(). */
void lc__graph_failed(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error)
{
    LC__ASSERT(node->state != LC_NODE_FAILING && node->life == LC__LIFE_RUNNING);
    lc__engine_keep_error(engine, node, error);
    lc__engine_enter(engine, node, LC_NODE_FAILING);
    lc__graph_cancel(engine, node);
}

/* The instance has ended by itself, without an error. */
static void component_has_completed(struct lc__engine *engine, struct lc__engine_node *node)
{
    bool again = node->policy.restart == LC_PERMANENT && !component_is_to_stay_down(engine, node);
    if (!again) {
        lc__engine_do(engine, node, LC__TELL_ENDED);
        lc__graph_settle(engine, node, LC_NODE_DONE);
    } else if (lc__engine_count_restart(engine, node)) {
        lc__engine_keep_error(engine, node, NULL);
        node->pause = lc__engine_draw_pause(engine, node);
        component_restart(engine, node);
    } else {
        lc__engine_keep_error(engine, node, NULL);
        component_stop_for_good(engine, node, node->intensity->limit.exceeded,
                                lc__engine_exceeded(engine, node));
    }
}

/*
 * The factory of the first instance has failed. That is a mistake of the program, so it is not
 * tried again. A factory that fails later is a failure like any other.
 */
static void component_was_refused(struct lc__engine *engine, struct lc__engine_node *node,
                                  lc_error *error)
{
    lc__engine_keep_error(engine, node, error);
    lc__engine_name_late(engine, node, error);
    lc__engine_do(engine, node, LC__TELL_REFUSED);
    node->graph.decided =
        node->policy.first_start != LC_RESTART ? node->policy.first_start : LC_STOP;
    component_stop_for_good(engine, node, node->graph.decided, lc_error_ref(error));
}

/* The component had been told to stop, and has ended with an error. */
static void component_has_failed_late(struct lc__engine *engine, struct lc__engine_node *node,
                                      lc_error *error)
{
    lc__engine_keep_error(engine, node, lc_error_ref(error));
    lc__engine_late(engine, node, error);
    node->graph.fails_late = true;
    if (!component_ask_judge(engine, node))
        component_decide_late(engine, node, lc__graph_proposed(node));
}

/*
 * The instance had failed before it ended. That error counts, which may be a missed deadline's; the
 * one it has ended with is only logged, if it is another one.
 */
static void component_has_failed(struct lc__engine *engine, struct lc__engine_node *node,
                                 lc_error *error)
{
    if (error && error != node->error)
        lc__engine_late(engine, node, error);
    else
        lc_error_unref(error);
    component_judge(engine, node);
}

/* What the instance threw after it had been told to stop counts for what it has ended with. */
static lc_error *component_take_thrown(struct lc__engine_node *node, lc_error *error)
{
    lc_error *thrown = node->graph.thrown;
    node->graph.thrown = NULL;
    lc_error_unref(error);
    return thrown;
}

void lc__graph_ended(struct lc__engine *engine, struct lc__engine_node *node,
                     enum lc__engine_end_kind how, lc_error *error)
{
    bool failing = node->state == LC_NODE_FAILING;
    bool told = node->life == LC__LIFE_TOLD && !failing;
    LC__ASSERT(lc__engine_runs(node) && (how < LC__ENDED_FAILED) == !error);
    node->life = LC__LIFE_DOWN;
    lc__graph_update_way(engine, node);
    if (node->graph.thrown) {
        error = component_take_thrown(node, error);
        how = LC__ENDED_FAILED;
    }
    if (failing) {
        component_has_failed(engine, node, error);
    } else if (how == LC__ENDED_REFUSED && node->instance == 1) {
        component_was_refused(engine, node, error);
    } else if (how >= LC__ENDED_FAILED && told) {
        component_has_failed_late(engine, node, error);
    } else if (how >= LC__ENDED_FAILED) {
        lc__engine_keep_error(engine, node, error);
        component_judge(engine, node);
    } else if (told) {
        component_has_stopped(engine, node);
    } else {
        component_has_completed(engine, node);
    }
}
