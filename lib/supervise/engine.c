/*
 * engine.c: instances, actions, time. See engine.h.
 */
#include "supervise/engine.h"

#include "supervise/engine_parts.h"

#include <assert.h>
#include <bsd/string.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* ---- timers ---- */

static int compare_timers(const struct lc__engine_timer *one, const struct lc__engine_timer *other)
{
    if (one->deadline != other->deadline)
        return one->deadline < other->deadline ? -1 : 1;
    return one->sequence < other->sequence ? -1 : one->sequence > other->sequence;
}

/* Not RB_GENERATE_STATIC, since that needs a macro of the BSDs' that is not there on Linux. */
RB_GENERATE_INTERNAL(lc__engine_timers, lc__engine_timer, link, compare_timers,
                     static __attribute__((unused)))

void lc__engine_disarm(struct lc__engine *engine, struct lc__engine_timer *timer)
{
    if (!timer->armed)
        return;
    RB_REMOVE(lc__engine_timers, &engine->timers, timer);
    timer->armed = false;
}

void lc__engine_arm(struct lc__engine *engine, struct lc__engine_timer *timer, int64_t timeout)
{
    bool never = timeout >= LC_FOREVER - engine->now;
    if (never && !timer->armed)
        return;
    lc__engine_disarm(engine, timer);
    if (never)
        return;
    timer->deadline = engine->now + timeout;
    timer->sequence = engine->timer_sequence++;
    timer->armed = true;
    RB_INSERT(lc__engine_timers, &engine->timers, timer);
}

int64_t lc__engine_deadline(struct lc__engine *engine)
{
    const struct lc__engine_timer *first = RB_MIN(lc__engine_timers, &engine->timers);
    return first ? first->deadline : LC_FOREVER;
}

/* ---- what is to be done ---- */

void lc__engine_do(struct lc__engine *engine, struct lc__engine_node *node,
                   enum lc__engine_action_kind kind)
{
    if (!node->todo)
        STAILQ_INSERT_TAIL(&engine->queue, node, in_queue);
    node->todo |= 1u << kind;
}

bool lc__engine_next(struct lc__engine *engine, struct lc__engine_action *action)
{
    struct lc__engine_node *node = STAILQ_FIRST(&engine->queue);
    if (!node)
        return false;
    unsigned kind = (unsigned)__builtin_ctz(node->todo);
    node->todo &= node->todo - 1;
    if (!node->todo)
        STAILQ_REMOVE_HEAD(&engine->queue, in_queue);
    *action =
        (struct lc__engine_action){kind, node, kind == LC__TELL_LATE ? node->late : node->error};
    return true;
}

/* ---- states ---- */

/* What is over for good does not hold back the readiness of the rest. */
static bool is_good(const struct lc__engine_node *node)
{
    return node->state == LC_NODE_READY || node->state == LC_NODE_DONE ||
           node->state == LC_NODE_STOPPED;
}

void lc__engine_enter(struct lc__engine *engine, struct lc__engine_node *node, lc_node_state state)
{
    if (node->state == state)
        return;
    if (node->state == LC_NODE_READY)
        node->ready_for = engine->now - node->since;
    if (!node->policy.runnable)
        engine->not_good += is_good(node);
    node->state = state;
    node->since = engine->now;
    if (!node->policy.runnable) {
        engine->given_up += state == LC_NODE_STOPPED; /* which it does not leave */
        engine->not_good -= is_good(node);
        if (!node->graph.has_changed && !LIST_EMPTY(&node->graph.dependants)) {
            node->graph.has_changed = true;
            STAILQ_INSERT_TAIL(&engine->changed, node, graph.in_changed);
        }
    }
    if (engine->tells_states)
        lc__engine_do(engine, node, LC__TELL_STATE);
    if (engine->changed_state)
        engine->changed_state(engine, node);
}

void lc__engine_active(struct lc__engine *engine, struct lc__engine_node *node)
{
    engine->active += !node->counted_active;
    node->counted_active = true;
}

void lc__engine_inactive(struct lc__engine *engine, struct lc__engine_node *node)
{
    engine->active -= node->counted_active;
    node->counted_active = false;
}

void lc__engine_keep_error(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error)
{
    lc_error_unref(node->error);
    node->error = error;
    node->error_of = node->instance;
    bool is_ready = node->state == LC_NODE_READY;
    int64_t ready_for = is_ready ? engine->now - node->since : node->ready_for;
    node->ran = engine->now - node->started_at;
    node->was_ready_for = node->was_ready ? ready_for : -1;
}

void lc__engine_name_late(struct lc__engine *engine, struct lc__engine_node *node,
                          const lc_error *error)
{
    /* What a run returns is about its end: an earlier stop of a node has no part in it. */
    if (!engine->ending)
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
    assert(!lc__engine_runs(node));
    assert(node->policy.runnable ||
           (node->graph.unmet == 0 && node->graph.blockers == 0 && !engine->ending));
    node->life = LC__LIFE_RUNNING;
    node->instance++;
    node->started_at = engine->now;
    node->was_ready = false;
    node->ready_for = 0;
    node->lacked_task = false;
    lc__engine_active(engine, node);
    lc__engine_arm(engine, &node->timer,
                   node->policy.runnable ? LC_FOREVER : node->policy.start_timeout);
    lc__engine_enter(engine, node, LC_NODE_STARTING);
    lc__engine_do(engine, node, LC__START);
    node->todo &= ~(1u << LC__CANCEL); /* of the last instance: the start sees to that */
}

void lc__engine_list_name(char *names, size_t size, const char *name)
{
    if (names[0] != '\0')
        strlcat(names, ", ", size);
    if (strlcat(names, name, size) >= size)
        memcpy(names + size - 4, "...", 4);
}

void lc__engine_list_given_up(struct lc__engine *engine, char *text, size_t size)
{
    const struct lc__engine_node *node;
    text[0] = '\0';
    if (engine->given_up == 0)
        return;
    TAILQ_FOREACH (node, &engine->root.children, among_children) {
        char piece[LC__GIVEN_UP_SIZE / 2];
        if (node->policy.runnable || node->state != LC_NODE_STOPPED)
            continue;
        snprintf(piece, sizeof piece, node->error ? "%s (%s)" : "%s", node->name,
                 lc_error_message(node->error));
        lc__engine_list_name(text, size, piece);
    }
}

/* ---- restarts ---- */

/* 0 to 1, without 1. */
static double draw(struct lc__engine *engine)
{
    return (double)(lc__random_next(&engine->random) >> 11) * 0x1p-53;
}

static int64_t nanoseconds(double value)
{
    return value < (double)LC_FOREVER ? (int64_t)value : LC_FOREVER;
}

/* Also of one that wants no pauses: at once there would be no more to run it in than just now. */
#define PAUSE_OF_LACK (100 * LC_MILLISECOND)

/* Whether the last instance was ready for long enough to take its end for an accident. */
static bool lived_steadily(const struct lc__engine *engine, const struct lc__engine_node *node)
{
    bool still = node->state == LC_NODE_READY; /* it has ended without having failed */
    int64_t ready_for = still ? engine->now - node->since : node->ready_for;
    return node->was_ready && ready_for >= node->policy.backoff.steady &&
           (double)ready_for >= node->next_pause;
}

int64_t lc__engine_draw_pause(struct lc__engine *engine, struct lc__engine_node *node)
{
    const struct lc__backoff *backoff = &node->policy.backoff;
    bool steady = lived_steadily(engine, node);
    if (backoff->first == 0)
        return node->lacked_task ? PAUSE_OF_LACK : 0;
    if (steady || node->next_pause == 0)
        node->next_pause = (double)backoff->first;
    if (steady && backoff->first_at_once)
        return 0;
    double pause = node->next_pause;
    double next = pause * backoff->factor;
    node->next_pause = next < (double)backoff->most ? next : (double)backoff->most;
    if (backoff->jitter > 0)
        pause *= 1 + backoff->jitter * (2 * draw(engine) - 1);
    return nanoseconds(pause);
}

bool lc__engine_count_restart(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_intensity *intensity = node->intensity;
    if (!intensity || intensity->limit.restarts == 0)
        return true;
    if (intensity->limit.restarts == LC_RESTARTS_NONE)
        return false;
    bool full = intensity->count == intensity->limit.restarts;
    int64_t *oldest = &intensity->times[intensity->next];
    if (full && engine->now - *oldest < intensity->limit.period)
        return false;
    *oldest = engine->now;
    intensity->next = (intensity->next + 1) % intensity->limit.restarts;
    intensity->count += !full;
    return true;
}

lc_error *lc__engine_exceeded(struct lc__engine *engine, struct lc__engine_node *node)
{
    const lc_intensity *limit = &node->intensity->limit;
    int code = node->error ? lc_error_code(node->error) : -EAGAIN;
    lc__engine_do(engine, node, LC__TELL_EXCEEDED);
    if (limit->restarts == LC_RESTARTS_NONE)
        return lc_error_wrap(lc_error_ref(node->error), code,
                             "\"%s\" would be restarted, and no restart is allowed", node->name);
    return lc_error_wrap(lc_error_ref(node->error), code,
                         "\"%s\" would be restarted more than %u times in %.1f s", node->name,
                         limit->restarts, (double)limit->period / (double)LC_SECOND);
}

lc_behavior lc__engine_proposed(const struct lc__engine_node *node)
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

void lc__engine_failure(const struct lc__engine_node *node, lc_failure *failure)
{
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
        .proposed = lc__engine_proposed(node),
        .pause = node->graph.fails_late ? 0 : node->pause,
    };
}

/* Most restarts come at once, and do not pay for the formatting of a fraction. */
const char *lc__engine_restart_text(const struct lc__engine_node *node,
                                    char text[LC__RESTART_TEXT_SIZE])
{
    if (node->pause == 0)
        snprintf(text, LC__RESTART_TEXT_SIZE, "restart %" PRIu64 " at once", node->error_of);
    else
        snprintf(text, LC__RESTART_TEXT_SIZE, "restart %" PRIu64 " in %.1f s", node->error_of,
                 (double)node->pause / (double)LC_SECOND);
    return text;
}

const char *lc__engine_life_text(const struct lc__engine_node *node, char text[LC__LIFE_TEXT_SIZE])
{
    bool was_ready = node->was_ready_for >= 0;
    snprintf(text, LC__LIFE_TEXT_SIZE, was_ready ? "%.1f s ready" : "%.1f s, not ready",
             (double)(was_ready ? node->was_ready_for : node->ran) / (double)LC_SECOND);
    return text;
}

void lc__engine_back_off(struct lc__engine *engine, struct lc__engine_node *node)
{
    lc__engine_enter(engine, node, LC_NODE_BACKOFF);
    lc__engine_arm(engine, &node->timer, node->pause);
}

/* ---- the end ---- */

static void list_overdue(struct lc__engine *engine, char *overdue, size_t size)
{
    struct lc__engine_node *node;
    TAILQ_FOREACH (node, &engine->root.children, among_children) {
        if (!node->overdue)
            continue;
        const char *awaited = engine->awaited ? engine->awaited(engine, node) : NULL;
        lc__engine_list_name(overdue, size, awaited ? awaited : node->name);
    }
}

/* Names the overdue around `error`, taken over; NULL stays NULL if there are none. */
static lc_error *name_overdue(struct lc__engine *engine, lc_error *error)
{
    char overdue[512] = "";
    list_overdue(engine, overdue, sizeof overdue);
    if (overdue[0] == '\0')
        return error;
    return lc_error_wrap(error, error ? lc_error_code(error) : -ETIMEDOUT,
                         "not stopped in time: %s", overdue);
}

/*
 * Makes what the run returns: the reason of its end, together with what else went wrong. And what
 * went wrong alone, for a run above, to which the reason may be its own order to stop. Not inlined:
 * each event would pay for its stack.
 */
static __attribute__((noinline)) void conclude(struct lc__engine *engine)
{
    lc_error *result = lc_error_ref(engine->ending ? engine->why : engine->first_error);
    lc_error *trouble = NULL;
    bool said = engine->late_count == 1 && engine->first_late == engine->why;
    if (engine->late_count > 0) {
        int code = lc_error_code(engine->first_late);
        trouble = lc_error_wrap(lc_error_ref(engine->first_late), code,
                                "failed while being stopped: %s", engine->failed_late);
        if (!result)
            result = lc_error_ref(trouble);
        else if (!said)
            result =
                lc_error_wrap(result, lc_error_code(result), "failed while being stopped: %s (%s)",
                              engine->failed_late, lc_error_message(engine->first_late));
    }
    engine->result = name_overdue(engine, result);
    engine->trouble = name_overdue(engine, trouble);
}

/* Each event ends so. */
static void end_step(struct lc__engine *engine)
{
    lc__tree_propagate(engine);
    lc__graph_propagate(engine);
    lc__graph_forget_gone(engine);
    if (engine->finished || engine->active > 0)
        return;
    if (!engine->ending && (!engine->begun || engine->keep_running || engine->unsettled > 0))
        return;
    if (engine->root.tree.children_up > 0) /* a runnable pauses */
        return;
    engine->finished = true;
    conclude(engine);
}

void lc__engine_end_all(struct lc__engine *engine, lc_error *why, lc_behavior behavior)
{
    if (engine->finished || (engine->ending && behavior <= engine->behavior)) {
        lc_error_unref(why); /* the first reason stays; this one was judged, or told */
        return;
    }
    lc_error_unref(engine->why);
    engine->why = why;
    engine->behavior = behavior;
    engine->halting = behavior == LC_SPIN_HALT;
    if (engine->ending)
        return;
    engine->ending = true;
    lc__engine_arm(engine, &engine->final, engine->stop_timeout);
    lc__tree_cancel_all(engine);
    lc__graph_stop_all(engine);
}

void lc__engine_forget(struct lc__engine *engine, struct lc__engine_node *node)
{
    lc__engine_disarm(engine, &node->timer);
    TAILQ_REMOVE(&node->parent->children, node, among_children);
    if (node->policy.runnable)
        lc__tree_leave_group(node);
    else
        lc__graph_unlink(engine, node);
    engine->not_good -= !node->policy.runnable && !is_good(node);
    engine->given_up -= !node->policy.runnable && node->state == LC_NODE_STOPPED;
    engine->count--;
    lc__engine_do(engine, node, LC__FORGET);
}

/* ---- making ---- */

void lc__engine_init(struct lc__engine *engine, uint64_t seed)
{
    *engine = (struct lc__engine){.stop_timeout = LC_FOREVER, .behavior = LC_STOP, .epoch = 1};
    RB_INIT(&engine->timers);
    STAILQ_INIT(&engine->queue);
    STAILQ_INIT(&engine->changed);
    STAILQ_INIT(&engine->passing);
    STAILQ_INIT(&engine->condemned);
    STAILQ_INIT(&engine->turns);
    STAILQ_INIT(&engine->rested);
    STAILQ_INIT(&engine->gone);
    engine->root.policy.runnable = true;
    engine->root.life = LC__LIFE_ENDED;
    TAILQ_INIT(&engine->root.children);
    lc__random_seed(&engine->random, seed);
}

void lc__engine_node_end(struct lc__engine_node *node)
{
    lc_error_unref(node->error);
    node->error = NULL;
    lc_error_unref(node->late);
    node->late = NULL;
    lc_error **other = node->policy.runnable ? &node->tree.dies_of : &node->graph.thrown;
    lc_error_unref(*other);
    *other = NULL;
}

void lc__engine_end(struct lc__engine *engine)
{
    lc_error_unref(engine->why);
    lc_error_unref(engine->first_error);
    lc_error_unref(engine->first_late);
    lc_error_unref(engine->result);
    lc_error_unref(engine->trouble);
}

void lc__engine_group_init(struct lc__engine_group *group)
{
    *group = (struct lc__engine_group){.ordered = false};
    TAILQ_INIT(&group->members);
}

void lc__engine_add(struct lc__engine *engine, struct lc__engine_node *node,
                    struct lc__engine_node *parent, int64_t now)
{
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

void lc__engine_drop(struct lc__engine *engine, struct lc__engine_node *node)
{
    assert(node->instance == 0 && node->todo == 0);
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
    engine->now = now;
    engine->begun = true;
    if (!engine->ending)
        TAILQ_FOREACH (node, &engine->root.children, among_children)
            if (!node->policy.runnable)
                lc__graph_consider(engine, node);
    end_step(engine);
}

void lc__engine_begin(struct lc__engine *engine, struct lc__engine_node *node, int64_t now)
{
    engine->now = now;
    if (engine->begun)
        lc__graph_consider(engine, node);
    end_step(engine);
}

/* Whether an event is about the instance that is there. */
static bool is_present(const struct lc__engine_node *node, uint64_t instance)
{
    return lc__engine_runs(node) && node->instance == instance;
}

void lc__engine_ready(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                      int64_t now)
{
    if (!is_present(node, instance) || node->was_ready)
        return;
    engine->now = now;
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
    end_step(engine);
}

void lc__engine_said_done(struct lc__engine *engine, struct lc__engine_node *node, int64_t now)
{
    engine->now = now;
    node->next_pause = 0;
}

void lc__engine_failed(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                       lc_error *error, lc_behavior asked, int64_t now)
{
    if (!is_present(node, instance)) {
        lc_error_unref(error);
        return;
    }
    engine->now = now;
    node->graph.asked = asked;
    if (node->life == LC__LIFE_TOLD) { /* dealt with when it has ended */
        lc_error_unref(node->graph.thrown);
        node->graph.thrown = error;
        return;
    }
    lc__graph_failed(engine, node, error);
    end_step(engine);
}

void lc__engine_ended(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                      enum lc__engine_end_kind how, lc_error *error, int64_t now)
{
    if (!is_present(node, instance)) {
        lc_error_unref(error);
        return;
    }
    engine->now = now;
    node->overdue = false;
    lc__engine_disarm(engine, &node->timer);
    lc__engine_inactive(engine, node);
    if (node->policy.runnable)
        lc__tree_ended(engine, node, how, error);
    else
        lc__graph_ended(engine, node, how, error);
    end_step(engine);
}

void lc__engine_verdict(struct lc__engine *engine, struct lc__engine_node *node, uint64_t instance,
                        lc_behavior behavior, int64_t now)
{
    if (node->state != LC_NODE_JUDGED || node->instance != instance)
        return;
    engine->now = now;
    node->overdue = false;
    lc__engine_disarm(engine, &node->timer);
    lc__engine_inactive(engine, node);
    lc__graph_decide(engine, node, behavior);
    end_step(engine);
}

void lc__engine_cancelled(struct lc__engine *engine, struct lc__engine_node *node, int64_t now)
{
    engine->now = now;
    lc__tree_cancel(engine, node);
    end_step(engine);
}

void lc__engine_cancel(struct lc__engine *engine, lc_error *why, int64_t now)
{
    engine->now = now;
    lc__engine_end_all(engine, why, LC_STOP);
    end_step(engine);
}

void lc__engine_remove(struct lc__engine *engine, struct lc__engine_node *node, int64_t now)
{
    engine->now = now;
    lc__graph_remove(engine, node);
    end_step(engine);
}

static void not_ready_in_time(struct lc__engine *engine, struct lc__engine_node *node)
{
    const char *awaited = engine->awaited ? engine->awaited(engine, node) : NULL;
    lc__graph_failed(engine, node,
                     lc_error_new(-ETIMEDOUT, "\"%s\" was not ready within %.1f s%s%s", node->name,
                                  (double)node->policy.start_timeout / (double)LC_SECOND,
                                  awaited ? "; not ready: " : "", awaited ? awaited : ""));
}

static struct lc__engine_node *of_timer(struct lc__engine_timer *timer)
{
    return (struct lc__engine_node *)(void *)((char *)timer -
                                              offsetof(struct lc__engine_node, timer));
}

struct lc__engine_node *lc__engine_overdue(struct lc__engine *engine, struct lc__engine_node *after,
                                           int64_t now)
{
    struct lc__engine_timer *timer =
        after ? RB_NEXT(lc__engine_timers, &engine->timers, &after->timer)
              : RB_MIN(lc__engine_timers, &engine->timers);
    while (timer && timer->deadline <= now &&
           (timer == &engine->final || of_timer(timer)->state == LC_NODE_BACKOFF))
        timer = RB_NEXT(lc__engine_timers, &engine->timers, timer);
    return timer && timer->deadline <= now ? of_timer(timer) : NULL;
}

bool lc__engine_gives_up(const struct lc__engine *engine, int64_t now)
{
    return engine->final.armed && engine->final.deadline <= now;
}

static void timer_fired(struct lc__engine *engine, struct lc__engine_node *node)
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
        not_ready_in_time(engine, node);
    } else {
        lc__graph_overdue(engine, node);
    }
}

void lc__engine_advance(struct lc__engine *engine, int64_t now)
{
    struct lc__engine_timer *first = RB_MIN(lc__engine_timers, &engine->timers);
    if (!first || first->deadline > now)
        return;
    engine->now = now;
    lc__engine_disarm(engine, first);
    if (first == &engine->final)
        lc__graph_give_up(engine);
    else
        timer_fired(engine, of_timer(first));
    end_step(engine);
}
