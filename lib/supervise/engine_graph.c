/*
 * engine_graph.c: see engine_graph.h.
 */
#include "supervise/engine_graph.h"

#include "supervise/engine_core.h"
#include "supervise/engine_edges.h"
#include "supervise/engine_end.h"
#include "supervise/engine_restart.h"

#include <assert.h>
#include <errno.h>

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

static bool is_to_stay_down(const struct lc__engine *engine, const struct lc__engine_node *node)
{
    return engine->ending || node->graph.leaving || node->graph.order == LC__ORDER_STOP;
}

/*
 * Has the node's handler asked about the node's error, if there is a handler. Not after the run is
 * over: an overdue node may end then, when the run's caller has freed what the handler uses.
 * @return whether it is asked.
 */
static bool ask_judge(struct lc__engine *engine, struct lc__engine_node *node)
{
    if (!node->policy.judged || engine->finished)
        return false;
    lc__engine_active(engine, node);
    lc__engine_enter(engine, node, LC_NODE_JUDGED);
    lc__engine_do(engine, node, LC__ASK);
    lc__graph_limit_judgement(engine, node);
    return true;
}

static void tell_stopped(struct lc__engine *engine, struct lc__engine_node *node,
                         lc_behavior behavior)
{
    node->graph.decided = behavior;
    lc__engine_do(engine, node, LC__TELL_STOPPED);
}

/* Its instance has failed of its own accord, and has ended. */
static void judge(struct lc__engine *engine, struct lc__engine_node *node)
{
    bool stays_down = is_to_stay_down(engine, node);
    node->recovers = true;
    node->pause = stays_down ? 0 : lc__engine_draw_pause(engine, node);
    if (ask_judge(engine, node))
        return;
    lc_behavior behavior = lc__graph_proposed(node);
    if (stays_down && behavior < LC_SHUTDOWN) {
        lc__engine_name_late(engine, node, node->error);
        tell_stopped(engine, node, LC_STOP);
        lc__graph_settle(engine, node, LC_NODE_STOPPED);
    } else {
        lc__graph_decide(engine, node, behavior);
    }
}

/* After node->pause, which has been drawn. */
static void restart(struct lc__engine *engine, struct lc__engine_node *node)
{
    node->graph.order = LC__ORDER_NONE;
    lc__engine_do(engine, node, node->error ? LC__TELL_RESTART : LC__TELL_ENDED);
    if (node->pause > 0)
        lc__engine_back_off(engine, node);
    else
        lc__engine_enter(engine, node, LC_NODE_WAITING);
    lc__graph_restart_along(engine, node);
    lc__graph_consider(engine, node);
}

static void stop_for_good(struct lc__engine *engine, struct lc__engine_node *node,
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

static void stop_as_decided(struct lc__engine *engine, struct lc__engine_node *node,
                            lc_behavior behavior)
{
    tell_stopped(engine, node, behavior);
    stop_for_good(engine, node, behavior, lc_error_ref(node->error));
}

/* It has ended after it had been told to stop, cleanly or not. */
static void stopped(struct lc__engine *engine, struct lc__engine_node *node)
{
    if (is_to_stay_down(engine, node)) {
        lc__graph_settle(engine, node, LC_NODE_STOPPED);
        return;
    }
    node->graph.order = LC__ORDER_NONE;
    lc__engine_enter(engine, node, LC_NODE_WAITING);
    lc__graph_consider(engine, node);
}

static lc_error *not_a_behavior(const struct lc__engine_node *node, lc_behavior behavior)
{
    return lc_error_wrap(
        lc_error_ref(node->error), -EINVAL,
        "the judge of \"%s\" answered %d, which is none of the behaviors (0 to %d)", node->name,
        (int)behavior, LC_SPIN_HALT);
}

/*
 * The verdict about a late error, which has been logged already. The node is stopped as it was to
 * be; only an answer that concerns the whole graph counts.
 */
static void decide_late(struct lc__engine *engine, struct lc__engine_node *node,
                        lc_behavior behavior)
{
    if (!lc_behavior_name(behavior))
        lc__engine_end_all(engine, not_a_behavior(node, behavior), LC_SHUTDOWN);
    else if (behavior >= LC_SHUTDOWN)
        lc__engine_end_all(engine, lc_error_ref(node->error), behavior);
    if (!lc__engine_is_settled(node)) /* it has not been stopped with all others just now */
        stopped(engine, node);
}

void lc__graph_decide(struct lc__engine *engine, struct lc__engine_node *node, lc_behavior behavior)
{
    if (node->graph.fails_late) {
        decide_late(engine, node, behavior);
    } else if (!lc_behavior_name(behavior)) {
        stop_for_good(engine, node, LC_SHUTDOWN, not_a_behavior(node, behavior));
    } else if (behavior != LC_RESTART) {
        stop_as_decided(engine, node, behavior);
    } else if (is_to_stay_down(engine, node)) {
        lc__graph_settle(engine, node, LC_NODE_STOPPED);
    } else if (node->policy.restart == LC_TEMPORARY) {
        stop_as_decided(engine, node, LC_STOP);
    } else if (!lc__engine_count_restart(engine, node)) {
        lc_error *error = lc__engine_exceeded(engine, node);
        stop_for_good(engine, node, node->intensity->limit.exceeded, error);
    } else {
        restart(engine, node);
    }
}

/* ---- events ---- */

void lc__graph_failed(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error)
{
    /* What it says after it has been told to stop is dealt with once it has. */
    assert(node->state != LC_NODE_FAILING && node->life != LC__LIFE_TOLD);
    lc__engine_keep_error(engine, node, error);
    lc__engine_enter(engine, node, LC_NODE_FAILING);
    lc__graph_cancel(engine, node);
}

/* It has ended by itself, without an error. */
static void completed(struct lc__engine *engine, struct lc__engine_node *node)
{
    bool again = node->policy.restart == LC_PERMANENT && !is_to_stay_down(engine, node);
    if (!again) {
        lc__engine_do(engine, node, LC__TELL_ENDED);
        lc__graph_settle(engine, node, LC_NODE_DONE);
    } else if (lc__engine_count_restart(engine, node)) {
        lc__engine_keep_error(engine, node, NULL);
        node->pause = lc__engine_draw_pause(engine, node);
        restart(engine, node);
    } else {
        lc__engine_keep_error(engine, node, NULL);
        stop_for_good(engine, node, node->intensity->limit.exceeded,
                      lc__engine_exceeded(engine, node));
    }
}

/*
 * The factory of its first instance has failed, which says that the program is wrong, and is not
 * tried again. A later instance fails by its factory as by anything else.
 */
static void refused(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error)
{
    lc__engine_keep_error(engine, node, error);
    lc__engine_name_late(engine, node, error);
    lc__engine_do(engine, node, LC__TELL_REFUSED);
    node->graph.decided =
        node->policy.first_start != LC_RESTART ? node->policy.first_start : LC_STOP;
    stop_for_good(engine, node, node->graph.decided, lc_error_ref(error));
}

/* It has ended with an error after it had been told to stop. */
static void failed_late(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error)
{
    lc__engine_keep_error(engine, node, lc_error_ref(error));
    lc__engine_late(engine, node, error);
    node->graph.fails_late = true;
    if (!ask_judge(engine, node))
        decide_late(engine, node, lc__graph_proposed(node));
}

void lc__graph_ended(struct lc__engine *engine, struct lc__engine_node *node,
                     enum lc__engine_end_kind how, lc_error *error)
{
    bool failing = node->state == LC_NODE_FAILING;
    bool told = node->life == LC__LIFE_TOLD && !failing;
    node->life = LC__LIFE_DOWN;
    if (node->graph.thrown) {
        lc_error_unref(error);
        error = node->graph.thrown;
        node->graph.thrown = NULL;
        how = LC__ENDED_FAILED;
    }
    lc__graph_update_way(engine, node);
    if (failing) {
        /* The first one counts, and may have been a deadline's; another is not to be lost. */
        if (how >= LC__ENDED_FAILED && error && error != node->error)
            lc__engine_late(engine, node, error);
        else
            lc_error_unref(error);
        judge(engine, node);
    } else if (how == LC__ENDED_REFUSED && node->instance == 1) {
        refused(engine, node, error);
    } else if (how >= LC__ENDED_FAILED && told) {
        failed_late(engine, node, error);
    } else if (how >= LC__ENDED_FAILED) {
        lc__engine_keep_error(engine, node, error);
        judge(engine, node);
    } else {
        lc_error_unref(error);
        if (told)
            stopped(engine, node);
        else
            completed(engine, node);
    }
}
