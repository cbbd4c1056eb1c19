/*
 * graph_model.c: supervised graphs of any size against a model. The engine follows what an event
 * touches and keeps counts; the model looks at everything again after each event, rule by rule,
 * until nothing changes: slow, and too plain to be wrong in the same way. After each event all
 * nodes, what is to be done about them, the next deadline and the result are compared.
 *
 * Again with the same sequences: LC_CHECK_SEED=<seed of the run>. One sequence alone:
 * LC_CHECK_SEQUENCE=<its seed>.
 */
#include "support/check.h"

#include "base/memory.h"
#include "supervise/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_NODES = 1000,
    MOST_ADDED = 20,
    MOST_DEPENDENCIES = 4,
    MOST_RESTARTS = 3, /* that an intensity allows */
    NONSENSE = 42      /* what a handler should not answer */
};

/* ---- the model ---- */

enum told { NOT, AGAIN, FOR_GOOD }; /* to stop: to start again then, or not */

struct model_edge {
    size_t dependency;
    lc_condition condition;
    bool along;
};

struct model_node {
    bool there;
    struct lc__engine_policy policy;
    lc_intensity intensity;
    struct model_edge edges[MOST_DEPENDENCIES];
    size_t edge_count;
    lc_node_state state;
    uint64_t instance;
    bool recovers; /* it has failed, and has not been ready since */
    int64_t pause; /* before its restart */
    bool running, was_ready, overdue, cancelled, leaving;
    enum told told;
    int error, thrown, late; /* codes; 0: none */
    bool fails_late;         /* its handler is asked about an error after it was told to stop */
    lc_behavior asked;
    double next_pause;               /* 0: as long as the first */
    int64_t ready_at, ready_for;     /* of its last time of being ready, once that is over */
    int64_t deadline;                /* of its pause, start or stop */
    int64_t restarts[MOST_RESTARTS]; /* when they were, the last first */
    unsigned restart_count;
    unsigned actions; /* that come of the last event */
    bool condemned;   /* it is to stop for good, and all that depends on it */
    bool spread;      /* that it has stopped has been seen to */
    bool blocked;     /* something that depends on it is in the way: to stop, and still running */
    bool marked;      /* found by a search */
};

static struct {
    struct model_node nodes[MOST_NODES + MOST_ADDED];
    size_t count;
    int64_t now;
    bool begun, ending, finished, keep_running;
    int why, first_error, first_late, result;
    lc_behavior behavior;
    int64_t stop_timeout, final;
} model;

#define BIT(kind) (1u << (kind))

/* Every node of the model that is there. */
#define EACH_NODE(node)                                                                            \
    struct model_node *node = model.nodes;                                                         \
    (node) < model.nodes + model.count;                                                            \
    (node)++

static bool is_up(const struct model_node *node)
{
    return node->state == LC_NODE_STARTING || node->state == LC_NODE_READY;
}

static bool is_settled(const struct model_node *node)
{
    return node->state == LC_NODE_DONE || node->state == LC_NODE_STOPPED;
}

static bool is_active(const struct model_node *node)
{
    return node->there && (node->running || node->state == LC_NODE_JUDGED) && !node->overdue;
}

static bool is_met(const struct model_edge *edge)
{
    const struct model_node *dependency = &model.nodes[edge->dependency];
    bool done = dependency->state == LC_NODE_DONE;
    switch (edge->condition) {
    case LC_WHEN_READY:
        return dependency->state == LC_NODE_READY || (done && dependency->was_ready);
    case LC_WHEN_STARTED:
        return is_up(dependency) || done;
    default:
        return done;
    }
}

static bool is_impossible(const struct model_edge *edge)
{
    return is_settled(&model.nodes[edge->dependency]) && !is_met(edge);
}

static bool may_start(const struct model_node *node)
{
    for (size_t i = 0; i < node->edge_count; i++)
        if (!is_met(&node->edges[i]))
            return false;
    return true;
}

static bool cannot_start(const struct model_node *node)
{
    for (size_t i = 0; i < node->edge_count; i++)
        if (is_impossible(&node->edges[i]))
            return true;
    return false;
}

static int64_t after(int64_t timeout)
{
    return timeout < LC_FOREVER - model.now ? model.now + timeout : LC_FOREVER;
}

/* ---- marks: what is found by following edges ---- */

static void unmark_all(void)
{
    for (EACH_NODE(node))
        node->marked = false;
}

/* Not if it stops at once, only now: what it has stopped is to be seen first. */
static bool is_passed_through(const struct model_node *node)
{
    return node->marked && node->state != LC_NODE_WAITING && node->state != LC_NODE_BACKOFF;
}

/* Marks what depends on a marked node, until there is no more. */
static void mark_descendants(void)
{
    for (bool found = true; found;) {
        found = false;
        for (EACH_NODE(node)) {
            if (!node->there || node->marked)
                continue;
            for (size_t i = 0; i < node->edge_count; i++)
                node->marked =
                    node->marked || is_passed_through(&model.nodes[node->edges[i].dependency]);
            found = found || node->marked;
        }
    }
}

/* Marks what a marked node depends on, until there is no more. */
static void mark_ancestors(void)
{
    for (bool found = true; found;) {
        found = false;
        for (EACH_NODE(node)) {
            for (size_t i = 0; i < node->edge_count && node->there && node->marked; i++) {
                struct model_node *dependency = &model.nodes[node->edges[i].dependency];
                found = found || !dependency->marked;
                dependency->marked = true;
            }
        }
    }
}

/* ---- stopping ---- */

static void enter(struct model_node *node, lc_node_state state)
{
    if (node->state == LC_NODE_READY && state != LC_NODE_READY)
        node->ready_for = model.now - node->ready_at;
    if (state == LC_NODE_READY)
        node->ready_at = model.now;
    node->state = state;
}

static void settle(struct model_node *node, lc_node_state state)
{
    enter(node, state);
    node->deadline = LC_FOREVER;
}

static bool has_dependants(size_t dependency)
{
    for (EACH_NODE(node))
        for (size_t i = 0; i < node->edge_count; i++)
            if (node->there && node->edges[i].dependency == dependency)
                return true;
    return false;
}

/* What was removed, and what is temporary, goes once it has ended and nothing depends on it. */
static void forget_some(void)
{
    for (bool found = true; found;) {
        found = false;
        for (EACH_NODE(node)) {
            if (!node->there || !is_settled(node) ||
                (!node->leaving && node->policy.restart != LC_TEMPORARY) ||
                has_dependants((size_t)(node - model.nodes)))
                continue;
            node->there = false;
            node->actions |= BIT(LC__FORGET);
            found = true;
        }
    }
}

static void tell(struct model_node *node, enum told told)
{
    if (is_settled(node) || node->told >= told)
        return;
    if (!node->running && node->state != LC_NODE_JUDGED) {
        settle(node, LC_NODE_STOPPED);
        return;
    }
    node->told = told;
    if (is_up(node)) {
        enter(node, LC_NODE_STOPPING);
        node->deadline = LC_FOREVER;
    }
}

static void cancel(struct model_node *node)
{
    node->cancelled = true;
    node->actions |= BIT(LC__CANCEL);
    node->deadline = after(node->policy.stop_timeout);
}

static void end_all(int why, lc_behavior behavior)
{
    if (model.finished || (model.ending && behavior <= model.behavior))
        return;
    model.why = why;
    model.behavior = behavior;
    if (model.ending)
        return;
    model.ending = true;
    model.final = after(model.stop_timeout);
    for (EACH_NODE(node)) {
        if (!node->there)
            continue;
        tell(node, FOR_GOOD);
        if (node->state == LC_NODE_JUDGED)
            node->deadline = after(node->policy.stop_timeout);
    }
}

static void doom_ancestors(struct model_node *node)
{
    unmark_all();
    node->marked = true;
    mark_ancestors();
    for (EACH_NODE(ancestor))
        if (ancestor->there && ancestor->marked && ancestor != node && !is_settled(ancestor))
            ancestor->condemned = true;
}

static void stop_for_good(struct model_node *node, lc_behavior behavior, int error)
{
    if (behavior == LC_STOP_PARENTS)
        doom_ancestors(node);
    settle(node, LC_NODE_STOPPED);
    if (behavior == LC_SHUTDOWN || behavior == LC_SPIN_HALT)
        end_all(error, behavior);
    else if (model.first_error == 0)
        model.first_error = error;
}

/* ---- the rules ---- */

/* What waits for what will not be has stopped. @return whether there was any. */
static bool stop_unable(void)
{
    bool any = false;
    for (EACH_NODE(node)) {
        if (!node->there || node->state != LC_NODE_WAITING || !cannot_start(node))
            continue;
        node->actions |= BIT(LC__TELL_UNABLE);
        settle(node, LC_NODE_STOPPED);
        any = true;
    }
    return any;
}

/* All that depends on what has stopped, or is condemned, is to stop as well. */
static bool stop_descendants(void)
{
    bool any = false;
    unmark_all();
    for (EACH_NODE(node)) {
        bool stopped = node->there && node->state == LC_NODE_STOPPED && !node->spread;
        node->marked = node->condemned || stopped;
        node->spread = node->spread || stopped;
        node->condemned = false;
        any = any || node->marked;
    }
    mark_descendants();
    for (EACH_NODE(node))
        if (node->there && node->marked)
            tell(node, FOR_GOOD);
    return any;
}

/*
 * Not running, or overdue, it hides nothing: what is in its way is in that of what it depends on.
 */
static bool is_in_the_way(const struct model_node *node)
{
    if (!node->there)
        return false;
    return node->running && !node->overdue ? node->told != NOT : node->blocked;
}

static void find_blocked(void)
{
    for (EACH_NODE(node))
        node->blocked = false;
    for (bool found = true; found;) {
        found = false;
        for (EACH_NODE(node)) {
            for (size_t i = 0; i < node->edge_count && is_in_the_way(node); i++) {
                struct model_node *dependency = &model.nodes[node->edges[i].dependency];
                found = found || !dependency->blocked;
                dependency->blocked = true;
            }
        }
    }
}

static bool start_some(void)
{
    bool any = false;
    for (EACH_NODE(node)) {
        if (!node->there || node->state != LC_NODE_WAITING || node->blocked || !may_start(node))
            continue;
        node->state = LC_NODE_STARTING;
        node->running = true;
        node->instance++;
        node->was_ready = node->cancelled = node->fails_late = false;
        node->ready_for = 0;
        node->asked = LC_RESTART;
        node->told = NOT;
        node->deadline = after(node->policy.start_timeout);
        node->actions |= BIT(LC__START);
        any = true;
    }
    return any;
}

static bool is_over(void)
{
    bool unsettled = false, active = false;
    for (EACH_NODE(node)) {
        unsettled = unsettled || (node->there && !is_settled(node));
        active = active || is_active(node);
    }
    return model.ending ? !active : model.begun && !unsettled && !model.keep_running;
}

static void conclude(void)
{
    bool overdue = false;
    for (EACH_NODE(node))
        overdue = overdue || (node->there && node->overdue);
    model.finished = true;
    model.result = model.ending ? model.why : model.first_error;
    if (model.result == 0)
        model.result = model.first_late;
    if (model.result == 0 && overdue)
        model.result = -ETIMEDOUT;
}

/* After each event. */
static void follow_rules(void)
{
    bool starts = model.begun && !model.ending;
    while ((starts && stop_unable()) || stop_descendants())
        ;
    find_blocked();
    for (EACH_NODE(node))
        if (node->there && node->running && node->told != NOT && !node->cancelled && !node->blocked)
            cancel(node);
    while (starts && start_some())
        ;
    forget_some();
    if (!model.finished && is_over())
        conclude();
}

/* ---- failing, and what comes of it ---- */

static bool stays_down(const struct model_node *node)
{
    return model.ending || node->leaving || node->told == FOR_GOOD;
}

static int64_t next_pause(struct model_node *node)
{
    const struct lc__backoff *backoff = &node->policy.backoff;
    int64_t ready_for = node->state == LC_NODE_READY ? model.now - node->ready_at : node->ready_for;
    bool steady =
        node->was_ready && ready_for >= backoff->steady && (double)ready_for >= node->next_pause;
    if (backoff->first == 0)
        return 0;
    if (steady || node->next_pause == 0)
        node->next_pause = (double)backoff->first;
    if (steady && backoff->first_at_once)
        return 0;
    double pause = node->next_pause;
    node->next_pause = pause * backoff->factor;
    if (node->next_pause > (double)backoff->most)
        node->next_pause = (double)backoff->most;
    return (int64_t)pause;
}

/* Whether a restart now is one too many; else it is noted. */
static bool is_exceeded(struct model_node *node)
{
    unsigned within = 0;
    if (node->intensity.restarts == 0)
        return false;
    for (unsigned i = 0; i < node->restart_count; i++)
        within += model.now - node->restarts[i] < node->intensity.period;
    if (within >= node->intensity.restarts)
        return true;
    memmove(node->restarts + 1, node->restarts, (MOST_RESTARTS - 1) * sizeof *node->restarts);
    node->restarts[0] = model.now;
    node->restart_count += node->restart_count < MOST_RESTARTS;
    return false;
}

static void restart_along(struct model_node *node)
{
    unmark_all();
    node->marked = true;
    for (bool found = true; found;) {
        found = false;
        for (EACH_NODE(other)) {
            for (size_t i = 0; i < other->edge_count; i++) {
                const struct model_edge *edge = &other->edges[i];
                if (!other->there || other->marked || !is_up(other) || !edge->along ||
                    !model.nodes[edge->dependency].marked)
                    continue;
                other->marked = found = true;
                tell(other, AGAIN);
            }
        }
    }
}

static void restart_or_exceed(struct model_node *node)
{
    if (is_exceeded(node)) {
        node->actions |= BIT(LC__TELL_EXCEEDED);
        stop_for_good(node, node->intensity.exceeded, node->error ? node->error : -EAGAIN);
        return;
    }
    int64_t pause = node->pause;
    node->told = NOT;
    enter(node, pause > 0 ? LC_NODE_BACKOFF : LC_NODE_WAITING);
    node->deadline = pause > 0 ? after(pause) : LC_FOREVER;
    if (!node->error)
        node->actions |= BIT(LC__TELL_ENDED);
    else
        node->actions |= BIT(LC__TELL_RESTART);
    restart_along(node);
}

/* It has ended as it was told to. */
static void stop(struct model_node *node)
{
    if (stays_down(node)) {
        settle(node, LC_NODE_STOPPED);
    } else {
        enter(node, LC_NODE_WAITING);
        node->told = NOT;
    }
}

/* It had been told to stop before it failed: only what concerns everything counts. */
static void decide_late(struct model_node *node, lc_behavior behavior)
{
    stop(node);
    if ((int)behavior == NONSENSE)
        end_all(-EINVAL, LC_SHUTDOWN);
    else if (behavior >= LC_SHUTDOWN)
        end_all(node->error, behavior);
}

static void decide(struct model_node *node, lc_behavior behavior)
{
    if (node->fails_late) {
        decide_late(node, behavior);
        return;
    }
    if (behavior == LC_RESTART && !stays_down(node) && node->policy.restart != LC_TEMPORARY) {
        restart_or_exceed(node);
        return;
    }
    if (behavior == LC_RESTART && stays_down(node)) {
        settle(node, LC_NODE_STOPPED);
        return;
    }
    if ((int)behavior == NONSENSE) {
        stop_for_good(node, LC_SHUTDOWN, -EINVAL);
        return;
    }
    node->actions |= BIT(LC__TELL_STOPPED);
    stop_for_good(node, behavior == LC_RESTART ? LC_STOP : behavior, node->error);
}

static void name_late(int error)
{
    if (model.ending && !model.first_late)
        model.first_late = error;
}

/* @return whether a handler is asked; none is once all is over. */
static bool ask(struct model_node *node)
{
    if (!node->policy.judged || model.finished)
        return false;
    enter(node, LC_NODE_JUDGED);
    node->actions |= BIT(LC__ASK);
    node->deadline = model.ending ? after(node->policy.stop_timeout) : LC_FOREVER;
    return true;
}

/* What is done where no judge is asked. */
static lc_behavior proposed(const struct model_node *node)
{
    bool first = node->instance == 1 && !node->was_ready;
    if (node->asked != LC_RESTART)
        return node->asked;
    if (first && node->policy.first_start != LC_RESTART)
        return node->policy.first_start;
    return node->policy.on_error;
}

static void judge(struct model_node *node)
{
    node->recovers = true;
    if (!stays_down(node))
        node->pause = next_pause(node);
    if (ask(node))
        return;
    if (stays_down(node) && proposed(node) < LC_SHUTDOWN) {
        name_late(node->error);
        node->actions |= BIT(LC__TELL_STOPPED);
        settle(node, LC_NODE_STOPPED);
    } else {
        decide(node, proposed(node));
    }
}

static void fail_late(struct model_node *node, int error)
{
    node->late = error;
    name_late(error);
    node->actions |= BIT(LC__TELL_LATE);
}

/* ---- events ---- */

static void model_failed(struct model_node *node, int error, lc_behavior asked)
{
    node->asked = asked;
    if (node->cancelled) {
        node->thrown = error;
        return;
    }
    node->error = error;
    enter(node, LC_NODE_FAILING);
    cancel(node);
}

static void model_completed(struct model_node *node)
{
    if (node->cancelled) {
        stop(node);
    } else if (node->policy.restart == LC_PERMANENT && !stays_down(node)) {
        node->error = 0;
        node->pause = next_pause(node);
        restart_or_exceed(node);
    } else {
        node->actions |= BIT(LC__TELL_ENDED);
        settle(node, LC_NODE_DONE);
    }
}

static void model_ended(struct model_node *node, enum lc__engine_end_kind how, int error)
{
    bool failing = node->state == LC_NODE_FAILING;
    if (node->thrown) {
        how = LC__ENDED_FAILED;
        error = node->thrown;
        node->thrown = 0;
    }
    node->running = node->overdue = false;
    node->deadline = LC_FOREVER;
    if (failing) {
        if (error)
            fail_late(node, error);
        judge(node);
    } else if (how == LC__ENDED_REFUSED && node->instance == 1) {
        node->error = error;
        name_late(error);
        node->actions |= BIT(LC__TELL_REFUSED);
        stop_for_good(node, node->policy.first_start ? node->policy.first_start : LC_STOP, error);
    } else if (how >= LC__ENDED_FAILED && node->cancelled) {
        node->error = error;
        fail_late(node, error);
        node->fails_late = true;
        if (!ask(node))
            decide_late(node, proposed(node));
    } else if (how >= LC__ENDED_FAILED) {
        node->error = error;
        judge(node);
    } else {
        model_completed(node);
    }
}

static void model_ready(struct model_node *node)
{
    if (node->recovers)
        node->actions |= BIT(LC__TELL_READY);
    node->recovers = false;
    node->was_ready = true;
    if (node->state != LC_NODE_STARTING)
        return;
    enter(node, LC_NODE_READY);
    node->deadline = LC_FOREVER;
}

static void model_verdict(struct model_node *node, lc_behavior behavior)
{
    node->overdue = false;
    node->deadline = LC_FOREVER;
    decide(node, behavior);
}

static void be_overdue(struct model_node *node)
{
    node->overdue = true;
    node->actions |= BIT(LC__TELL_OVERDUE);
}

static void give_up(void)
{
    model.final = LC_FOREVER;
    for (EACH_NODE(node)) {
        if (!is_active(node))
            continue;
        if (node->running && !node->cancelled)
            cancel(node);
        node->deadline = LC_FOREVER;
        be_overdue(node);
    }
}

static int64_t model_deadline(void)
{
    int64_t first = model.final;
    for (EACH_NODE(node))
        if (node->there && node->deadline < first)
            first = node->deadline;
    return first;
}

static void model_advance(void)
{
    int64_t first = model_deadline();
    if (first > model.now)
        return;
    if (model.final == first) {
        give_up();
        return;
    }
    struct model_node *node = model.nodes;
    while (!node->there || node->deadline != first)
        node++;
    node->deadline = LC_FOREVER;
    if (node->state == LC_NODE_BACKOFF)
        node->state = LC_NODE_WAITING;
    else if (node->state == LC_NODE_STARTING)
        model_failed(node, -ETIMEDOUT, LC_RESTART);
    else
        be_overdue(node);
}

/* ---- the real thing ---- */

static struct {
    struct lc__engine engine;
    struct lc__engine_node nodes[MOST_NODES + MOST_ADDED];
    struct lc__engine_edge edges[MOST_NODES + MOST_ADDED][MOST_DEPENDENCIES];
    struct lc__engine_intensity intensity[MOST_NODES + MOST_ADDED];
    int64_t times[MOST_NODES + MOST_ADDED][MOST_RESTARTS];
    char names[MOST_NODES + MOST_ADDED][16];
} real;

static uint64_t random_state;
static uint64_t calm; /* one in so many errors is more than a restart */
static size_t steps;
static const char *wrong; /* what is not as the model says; NULL: all is well */
static size_t wrong_node;

static uint64_t draw(uint64_t bound)
{
    return check_random(&random_state) % bound;
}

static bool one_in(uint64_t bound)
{
    return draw(bound) == 0;
}

/* So fine that no two deadlines are alike: the model does not know which was set first. */
static int64_t draw_timeout(void)
{
    return one_in(3) ? LC_FOREVER : (int64_t)(1 + draw(100 * LC_SECOND));
}

static void claim(bool truth, size_t node, const char *otherwise)
{
    if (truth || wrong)
        return;
    wrong = otherwise;
    wrong_node = node;
}

/* Each has its own code. */
static lc_error *draw_error(int *code)
{
    *code = -(int)(10000 + draw(1000000));
    return lc_error_new(*code, "error %d", *code);
}

/* ---- comparing ---- */

static void compare_action(const struct lc__engine_action *action, unsigned *actions)
{
    size_t i = (size_t)(action->node - real.nodes);
    const struct model_node *node = &model.nodes[i];
    int code = lc_error_code(action->error);
    claim(!(actions[i] & BIT(action->kind)), i, "something is to be done twice");
    actions[i] |= BIT(action->kind);
    claim(code == (action->kind == LC__TELL_LATE ? node->late : node->error), i,
          "the error that is told");
    if (action->kind == LC__FORGET)
        lc__engine_node_end(action->node);
}

static void compare_node(size_t i)
{
    const struct model_node *node = &model.nodes[i];
    const struct lc__engine_node *is = &real.nodes[i];
    if (!node->there)
        return;
    claim(is->state == node->state, i, "the state");
    claim(is->instance == node->instance, i, "the number of starts");
    claim(lc__engine_runs(is) == node->running, i, "whether it runs");
    claim(is->overdue == node->overdue, i, "whether it is overdue");
    claim(lc_error_code(is->error) == node->error, i, "the last error");
}

static void compare_end(void)
{
    claim(real.engine.finished == model.finished, 0, "whether it is over");
    claim(lc__engine_deadline(&real.engine) == model_deadline(), 0, "the next deadline");
    claim(real.engine.behavior == model.behavior, 0, "the behavior");
    claim(lc_error_code(real.engine.result) == (model.finished ? model.result : 0), 0,
          "the result");
}

/* An event has been given to both. */
static void compare(void)
{
    static unsigned actions[MOST_NODES + MOST_ADDED];
    struct lc__engine_action action;
    follow_rules();
    memset(actions, 0, sizeof actions);
    while (lc__engine_next(&real.engine, &action))
        compare_action(&action, actions);
    for (size_t i = 0; i < model.count; i++) {
        claim(actions[i] == model.nodes[i].actions, i, "what is to be done");
        model.nodes[i].actions = 0;
        compare_node(i);
    }
    compare_end();
    steps++;
}

/* ---- making graphs ---- */

static lc_behavior draw_behavior(void)
{
    static const lc_behavior rare[] = {LC_STOP,         LC_STOP,     LC_STOP,
                                       LC_STOP_PARENTS, LC_SHUTDOWN, LC_SPIN_HALT};
    return one_in(calm) ? rare[draw(sizeof rare / sizeof *rare)] : LC_RESTART;
}

static void draw_policy(struct model_node *node)
{
    static const lc_behavior exceeded[] = {LC_STOP, LC_STOP, LC_STOP_PARENTS, LC_SHUTDOWN,
                                           LC_SPIN_HALT};
    node->policy.restart = one_in(2) ? LC_PERMANENT : one_in(6) ? LC_TEMPORARY : LC_TRANSIENT;
    node->policy.backoff = (struct lc__backoff){.first_at_once = one_in(2),
                                                .first = (int64_t)(draw(3) * (1 + draw(LC_SECOND))),
                                                .most = (int64_t)(3 * LC_SECOND + draw(LC_SECOND)),
                                                .factor = one_in(2) ? 2.0 : 1.5,
                                                .steady = (int64_t)(draw(2) * draw(2 * LC_SECOND))};
    node->policy.start_timeout = draw_timeout();
    node->policy.stop_timeout = draw_timeout();
    node->policy.judged = !one_in(3);
    node->policy.on_error = one_in(4) ? draw_behavior() : LC_RESTART;
    node->policy.first_start = one_in(6) ? draw_behavior() : LC_RESTART;
    node->intensity = (lc_intensity){(unsigned)draw(MOST_RESTARTS + 1),
                                     (int64_t)(1 + draw(20 * LC_SECOND)), exceeded[draw(5)]};
}

static void put_in(size_t i)
{
    struct model_node *node = &model.nodes[i];
    struct lc__engine_node *made = &real.nodes[i];
    node->there = true;
    node->deadline = LC_FOREVER;
    draw_policy(node);
    snprintf(real.names[i], sizeof real.names[i], "node-%zu", i);
    real.intensity[i].limit = node->intensity;
    real.intensity[i].times = real.times[i];
    made->name = real.names[i];
    made->policy = node->policy;
    made->intensity = node->intensity.restarts || one_in(2) ? &real.intensity[i] : NULL;
    lc__engine_add(&real.engine, made, NULL, model.now);
    model.count = i + 1;
}

static void put_edge(size_t dependant, size_t dependency)
{
    struct model_node *node = &model.nodes[dependant];
    for (size_t i = 0; i < node->edge_count; i++)
        if (node->edges[i].dependency == dependency)
            return;
    struct lc__engine_edge *made = &real.edges[dependant][node->edge_count];
    struct model_edge *edge = &node->edges[node->edge_count++];
    *edge = (struct model_edge){dependency, (lc_condition)(one_in(2) ? 0 : draw(3)), one_in(3)};
    made->condition = (unsigned char)edge->condition;
    made->along = edge->along;
    lc__engine_link(made, &real.nodes[dependant], &real.nodes[dependency]);
}

static size_t draw_size(void)
{
    if (one_in(100))
        return 100 + (size_t)draw(MOST_NODES - 100 + 1);
    return 1 + (size_t)(one_in(5) ? draw(40) : draw(8));
}

/* Nodes depend on any before them, or on the last few: wide graphs and deep ones. */
static void make_graph(void)
{
    size_t count = draw_size(), reach = one_in(2) ? count : 1 + (size_t)draw(4);
    size_t edges = (size_t)draw(MOST_DEPENDENCIES + 1);
    memset(&model, 0, sizeof model);
    memset(&real, 0, sizeof real);
    model.behavior = LC_STOP;
    model.final = LC_FOREVER;
    model.keep_running = one_in(4);
    model.stop_timeout = draw_timeout();
    calm = one_in(2) ? 4 : 40;
    lc__engine_init(&real.engine, draw(1000));
    real.engine.keep_running = model.keep_running;
    real.engine.stop_timeout = model.stop_timeout;
    for (size_t i = 0; i < count; i++) {
        put_in(i);
        for (size_t j = 0; j < edges && i > 0; j++)
            put_edge(i, i - 1 - (size_t)draw(i < reach ? i : reach));
    }
}

/* ---- steps ---- */

static void let_time_pass(void)
{
    int64_t next = model_deadline();
    model.now = next < LC_FOREVER && !one_in(4) ? (next > model.now ? next : model.now)
                                                : model.now + (int64_t)draw(LC_SECOND);
    do {
        lc__engine_advance(&real.engine, model.now);
        model_advance();
        compare();
    } while (!wrong && model_deadline() <= model.now);
}

static void start_all(void)
{
    model.begun = true;
    lc__engine_start(&real.engine, model.now);
    compare();
}

static void cancel_all(void)
{
    int code = 0;
    lc_error *why = one_in(3) ? NULL : draw_error(&code);
    end_all(code, LC_STOP);
    lc__engine_cancel(&real.engine, why, model.now);
    compare();
}

/* Nothing above it is about to stop, and what is above its dependencies has not. */
static bool is_good_ground(size_t dependency)
{
    if (!model.nodes[dependency].there || model.nodes[dependency].leaving)
        return false;
    unmark_all();
    model.nodes[dependency].marked = true;
    mark_ancestors();
    for (size_t i = 0; i < model.count; i++) {
        const struct model_node *node = &model.nodes[i];
        if (node->marked && ((node->told == FOR_GOOD && !is_settled(node)) ||
                             (node->state == LC_NODE_STOPPED && i != dependency)))
            return false;
    }
    return true;
}

static void add_one(size_t first_size)
{
    size_t i = model.count;
    if (i == first_size + MOST_ADDED || model.ending || model.finished)
        return;
    put_in(i);
    for (size_t j = draw(MOST_DEPENDENCIES); j > 0; j--) {
        size_t dependency = (size_t)draw(i);
        if (is_good_ground(dependency))
            put_edge(i, dependency);
    }
    lc__engine_begin(&real.engine, &real.nodes[i], model.now);
    compare();
}

static void remove_one(size_t i)
{
    struct model_node *node = &model.nodes[i];
    if (!model.begun || model.finished || !node->there || node->leaving || has_dependants(i))
        return;
    node->leaving = true;
    node->condemned = !is_settled(node);
    lc__engine_remove(&real.engine, &real.nodes[i], model.now);
    compare();
}

/* Of an instance that is not there: it changes nothing. */
static void step_stale(size_t i)
{
    struct lc__engine_node *node = &real.nodes[i];
    uint64_t instance = lc__engine_runs(node) ? node->instance + 1 : node->instance;
    int code;
    lc__engine_ready(&real.engine, node, instance, model.now);
    lc__engine_failed(&real.engine, node, instance, draw_error(&code), LC_SHUTDOWN, model.now);
    lc__engine_ended(&real.engine, node, instance, LC__ENDED_FAILED, draw_error(&code), model.now);
    lc__engine_verdict(&real.engine, node, node->instance + 1, LC_SHUTDOWN, model.now);
    compare();
}

static void step_ready(size_t i)
{
    if (!model.nodes[i].was_ready)
        model_ready(&model.nodes[i]);
    lc__engine_ready(&real.engine, &real.nodes[i], real.nodes[i].instance, model.now);
    compare();
}

static void step_fail(size_t i)
{
    int code;
    lc_behavior asked = one_in(3) ? draw_behavior() : LC_RESTART;
    lc_error *error = draw_error(&code);
    model_failed(&model.nodes[i], code, asked);
    lc__engine_failed(&real.engine, &real.nodes[i], real.nodes[i].instance, error, asked,
                      model.now);
    compare();
}

static enum lc__engine_end_kind draw_end(const struct model_node *node)
{
    if (!node->was_ready && one_in(20))
        return LC__ENDED_REFUSED;
    if (node->cancelled)
        return one_in(3) ? LC__ENDED_FAILED : LC__ENDED_CANCELED;
    return one_in(2) ? LC__ENDED_FAILED : LC__ENDED_DONE;
}

static void step_end(size_t i)
{
    enum lc__engine_end_kind how = draw_end(&model.nodes[i]);
    int code = 0;
    lc_error *error = how >= LC__ENDED_FAILED ? draw_error(&code) : NULL;
    model_ended(&model.nodes[i], how, code);
    lc__engine_ended(&real.engine, &real.nodes[i], real.nodes[i].instance, how, error, model.now);
    compare();
}

static void step_verdict(size_t i)
{
    lc_behavior behavior = one_in(50) ? (lc_behavior)NONSENSE : draw_behavior();
    model_verdict(&model.nodes[i], behavior);
    lc__engine_verdict(&real.engine, &real.nodes[i], real.nodes[i].instance, behavior, model.now);
    compare();
}

static void step_of_node(size_t i)
{
    const struct model_node *node = &model.nodes[i];
    if (node->state == LC_NODE_JUDGED)
        step_verdict(i);
    else if (!node->running || one_in(20))
        step_stale(i);
    else if (!node->was_ready && !one_in(4))
        step_ready(i);
    else if (one_in(3) && !node->thrown)
        step_fail(i);
    else if (one_in(2) || node->cancelled)
        step_end(i);
}

/* One of which something can come, if it is soon found. */
static size_t draw_node(void)
{
    size_t i = (size_t)draw(model.count);
    for (unsigned tries = 0; tries < 20 && !is_active(&model.nodes[i]); tries++)
        i = (size_t)draw(model.count);
    return i;
}

static void step(size_t first_size)
{
    size_t i = draw_node();
    if (!model.begun && one_in(4))
        start_all();
    else if (one_in(40 * calm))
        cancel_all();
    else if (one_in(6))
        let_time_pass();
    else if (one_in(30))
        add_one(first_size);
    else if (one_in(60))
        remove_one(i);
    else if (model.nodes[i].there)
        step_of_node(i);
}

/* Everything stops, but for the overdue. */
static void finish(void)
{
    if (!model.ending)
        cancel_all();
    for (size_t rounds = 0; !wrong && !model.finished; rounds++) {
        claim(rounds < 100 * model.count, 0, "it comes to no end");
        for (size_t i = 0; i < model.count && !wrong; i++)
            if (is_active(&model.nodes[i]))
                step_of_node(i);
    }
}

static void drop(void)
{
    for (size_t i = 0; i < model.count; i++)
        if (model.nodes[i].there)
            lc__engine_node_end(&real.nodes[i]);
    lc__engine_end(&real.engine);
}

static bool run_sequence(uint64_t seed)
{
    static char repetition[128];
    size_t held = lc__memory_in_use();
    snprintf(repetition, sizeof repetition,
             "again: LC_CHECK_SEQUENCE=%llu, suite \"graph model\"\n", (unsigned long long)seed);
    check_say_on_crash(repetition);
    random_state = seed;
    wrong = NULL;
    make_graph();
    size_t first_size = model.count, first_step = steps, length = 20 + (size_t)draw(300);
    for (size_t i = 0; i < length && !wrong && !(model.finished && one_in(4)); i++)
        step(first_size);
    if (!wrong)
        finish();
    drop();
    claim(lc__memory_in_use() == held, 0, "the memory held");
    check_say_on_crash(NULL);
    if (wrong)
        fprintf(stderr, "\ngraph model: %s of node %zu of %zu is wrong after %zu steps\n%s", wrong,
                wrong_node, model.count, steps - first_step, repetition);
    return !wrong;
}

static void graph_does_what_the_model_says(void)
{
    const char *given = getenv("LC_CHECK_SEQUENCE");
    unsigned count = given ? 1 : check_fewer(check_count(10000, 100000));
    uint64_t seeds = check_seed();
    bool well = true;
    steps = 0;
    /*
     * Threads of earlier tests, which end when they are idle, would give memory back during this
     * one.
     */
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    for (unsigned i = 0; i < count && well; i++)
        well = run_sequence(given ? strtoull(given, NULL, 0) : check_random(&seeds));
    CU_ASSERT_TRUE(well);
    printf("%zu steps ... ", steps);
}

CHECK_SUITE(graph_model, "property: graph model",
            {"after each step of a random graph all nodes are what a slow model says",
             graph_does_what_the_model_says});
