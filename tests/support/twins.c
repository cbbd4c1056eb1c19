/*
 * twins.c: see twins.h.
 */
#include "support/twins.h"

#include "base/error.h"
#include "supervise/engine.h"
#include "supervise/engine_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static lc_error own_error = LC__ERROR_IMMORTAL(-EIO, "died");
static lc_error exceeded_error = LC__ERROR_IMMORTAL(-EIO, "died too often");
static lc_error cancel_error = LC__ERROR_IMMORTAL(-ECANCELED, "cancelled");

/* ---- making ---- */

static void note_state(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct twins *twins = (struct twins *)(void *)((char *)engine - offsetof(struct twins, engine));
    struct twins_wish *wish = &twins->wishes[node - twins->nodes];
    if (wish->went_count < sizeof wish->went / sizeof *wish->went)
        wish->went[wish->went_count] = node->state;
    wish->went_count++;
}

/* Lays so many out behind what is there. */
static size_t lay(size_t *size, size_t count, size_t each)
{
    size_t at = (*size + 15) & ~(size_t)15;
    *size = at + count * each;
    return at;
}

struct twins *twins_new(int nodes, int groups, uint64_t seed)
{
    size_t size = sizeof(struct twins);
    size_t node_at = lay(&size, (size_t)nodes, sizeof(struct lc__engine_node));
    size_t slow_node_at = lay(&size, (size_t)nodes, sizeof(struct slow_node));
    size_t wish_at = lay(&size, (size_t)nodes, sizeof(struct twins_wish));
    size_t children_at = lay(&size, (size_t)nodes + 1, sizeof(size_t));
    size_t busy_at = lay(&size, (size_t)nodes, sizeof(bool));
    size_t group_at = lay(&size, (size_t)groups, sizeof(struct lc__engine_group));
    size_t slow_group_at = lay(&size, (size_t)groups, sizeof(struct slow_group));
    size_t alone_at = lay(&size, (size_t)nodes, sizeof(struct lc__engine_group));
    size_t intensity_at = lay(&size, (size_t)groups, sizeof(struct lc__engine_intensity));
    size_t significance_at = lay(&size, (size_t)groups, sizeof(struct lc__engine_significance));
    size_t times_at = lay(&size, (size_t)groups, sizeof(int64_t[SLOW_RESTARTS]));
    char *all = calloc(1, size);
    if (!all)
        abort();
    struct twins *twins = (struct twins *)(void *)all;
    twins->size = size;
    twins->room = twins->slow.room = nodes;
    twins->group_room = groups;
    twins->nodes = (void *)(all + node_at);
    twins->slow.nodes = (void *)(all + slow_node_at);
    twins->wishes = (void *)(all + wish_at);
    twins->children = (void *)(all + children_at);
    twins->busy = (void *)(all + busy_at);
    twins->groups = (void *)(all + group_at);
    twins->slow.groups = (void *)(all + slow_group_at);
    twins->alone = (void *)(all + alone_at);
    twins->intensities = (void *)(all + intensity_at);
    twins->significances = (void *)(all + significance_at);
    twins->times = (void *)(all + times_at);
    twins_reset(twins, seed);
    return twins;
}

static void end_engine(struct twins *twins)
{
    for (int i = 0; i < twins->room; i++)
        lc__engine_node_end(&twins->nodes[i]);
    lc__engine_end(&twins->engine);
}

void twins_reset(struct twins *twins, uint64_t seed)
{
    end_engine(twins);
    memset(twins->nodes, 0, twins->size - (size_t)((char *)twins->nodes - (char *)twins));
    struct slow_tree *slow = &twins->slow;
    *slow = (struct slow_tree){.nodes = slow->nodes, .room = slow->room, .groups = slow->groups};
    slow->behavior = LC_STOP;
    lc__engine_init(&twins->engine, seed);
    twins->engine.changed_state = note_state;
    twins->wrong = NULL;
    twins->wrong_node = twins->refused = -1;
}

void twins_free(struct twins *twins)
{
    end_engine(twins);
    free(twins);
}

void twins_group(struct twins *twins, int group, lc_strategy strategy, lc_intensity limit,
                 lc_automatic_shutdown automatic)
{
    struct lc__engine_group *made = &twins->groups[group];
    lc__engine_group_init(made);
    made->ordered = strategy == LC_REST_FOR_ONE;
    twins->intensities[group] =
        (struct lc__engine_intensity){.times = twins->times[group], .limit = limit};
    twins->significances[group] = (struct lc__engine_significance){.when = automatic};
    struct slow_group *slow = &twins->slow.groups[group];
    *slow = (struct slow_group){
        .strategy = strategy, .limit = limit, .automatic = automatic, .failed = -1};
    for (int i = 0; i < SLOW_RESTARTS; i++)
        slow->failures[i] = -LC_FOREVER / 2;
}

void twins_let_errors_go(struct twins *twins)
{
    struct lc__engine *engine = &twins->engine;
    lc_error **errors[] = {&engine->why, &engine->result, &engine->first_error, &engine->trouble};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (*errors[i] && *errors[i] != &cancel_error && *errors[i] != &own_error) {
            lc_error_unref(*errors[i]);
            *errors[i] = &exceeded_error;
        }
    }
    for (int i = 0; i < twins->room; i++) {
        struct lc__engine_node *node = &twins->nodes[i];
        if (node->error && node->error != &own_error)
            lc__engine_keep_error(engine, node, &exceeded_error);
        if (node->tree.dies_of) {
            lc_error_unref(node->tree.dies_of);
            node->tree.dies_of = &exceeded_error;
        }
    }
}

/* ---- comparing ---- */

/* For the macro's sake: what is claimed about a node, and its place. */
struct claims {
    struct twins *twins;
    int node;
};

static void claim(const struct claims *claims, bool truth, const char *otherwise)
{
    struct twins *twins = claims->twins;
    if (truth || twins->wrong)
        return;
    twins->wrong = otherwise;
    twins->wrong_node = claims->node;
}

#define CLAIM(truth) claim(claims, (truth), #truth)

static bool is_exceeded(const lc_error *error)
{
    return lc_error_contains(error, &exceeded_error) ||
           (error != &own_error && lc_error_contains(error, &own_error));
}

static void compare_error(const struct claims *claims, const struct lc__engine_node *node,
                          const struct slow_node *slow)
{
    if (slow->cause == SLOW_NOTHING)
        CLAIM(node->error == NULL);
    else if (slow->cause == SLOW_OWN_ERROR)
        CLAIM(node->error == &own_error);
    else
        CLAIM(is_exceeded(node->error));
    CLAIM((node->tree.dies_of != NULL) == slow->dies);
}

/*
 * Its context and those below it end as one: only the topmost has to be told, others may be. A
 * start ends the last context too.
 */
static void compare_cancel(const struct claims *claims, const struct slow_node *slow,
                           unsigned actions)
{
    const struct slow_tree *tree = &claims->twins->slow;
    bool told = (actions & 1u << LC__CANCEL) != 0;
    bool begun_again = slow->started && slow_tree_runs(slow) && !slow->cancelled;
    bool topmost =
        slow->newly_cancelled && (slow->parent < 0 || !tree->nodes[slow->parent].newly_cancelled);
    CLAIM(!told || (slow->newly_cancelled && !begun_again));
    CLAIM(!topmost || told || begun_again);
}

static void compare_wish(const struct claims *claims, const struct slow_node *slow,
                         const struct twins_wish *wish)
{
    unsigned actions = wish->actions;
    CLAIM(slow->started == ((actions & 1u << LC__START) != 0));
    CLAIM(slow->forgotten == ((actions & 1u << LC__FORGET) != 0));
    CLAIM(slow->told_died == ((actions & 1u << LC__TELL_DIED) != 0));
    CLAIM(slow->told_late == ((actions & 1u << LC__TELL_LATE) != 0));
    CLAIM(slow->told_ready == ((actions & 1u << LC__TELL_READY) != 0));
    CLAIM(slow->told_restart == ((actions & 1u << LC__TELL_RESTART) != 0));
    CLAIM(slow->told_exceeded == ((actions & 1u << LC__TELL_EXCEEDED) != 0));
    CLAIM(slow->told_overdue == ((actions & 1u << LC__TELL_OVERDUE) != 0));
    CLAIM(!(actions & (1u << LC__ASK | 1u << LC__TELL_REFUSED | 1u << LC__TELL_UNABLE |
                       1u << LC__TELL_STOPPED)));
    compare_cancel(claims, slow, actions);
    CLAIM(slow->went_count == wish->went_count);
    for (unsigned i = 0; i < slow->went_count && !claims->twins->wrong; i++)
        CLAIM(slow->went[i] == wish->went[i]);
}

/* How long it pauses only the engine knows; the other takes it over if it can be. */
static void compare_pause(const struct claims *claims, const struct lc__engine_node *node,
                          struct slow_node *slow)
{
    double usual = slow_tree_pause(slow);
    double most_off = usual * slow->backoff.jitter + 1;
    CLAIM((double)node->pause >= usual - most_off);
    CLAIM((double)node->pause <= usual + most_off);
    slow->deadline = claims->twins->slow.now + node->pause;
}

static void compare_counters(const struct claims *claims, const struct lc__engine_node *node)
{
    const struct twins *twins = claims->twins;
    const struct lc__engine_node *child;
    size_t up = 0, children = 0;
    TAILQ_FOREACH (child, &node->children, among_children) {
        up += twins->busy[child - twins->nodes];
        children++;
    }
    CLAIM(children == twins->children[claims->node + 1]);
    CLAIM(node->tree.children_up == up);
    if (claims->node >= 0)
        CLAIM((node->life == LC__LIFE_DOWN) == !twins->busy[claims->node]);
}

/* Invariant 9, from within: which unit ends, and what is left of what is significant. */
static void compare_unit(const struct claims *claims, const struct lc__engine_node *node,
                         const struct slow_node *slow)
{
    const struct slow_tree *tree = &claims->twins->slow;
    const struct lc__engine_node *failed = node->tree.group->failed;
    int at = failed ? (int)(failed - claims->twins->nodes) : -1;
    if (slow->parent < 0 ? tree->ending : tree->nodes[slow->parent].cancelled)
        return;
    if (tree->groups[slow->group].strategy == LC_ONE_FOR_ONE)
        CLAIM((failed == node) == slow->fails);
    else
        CLAIM(at == tree->groups[slow->group].failed);
    if (slow->significant)
        CLAIM((int)node->tree.significance->left == slow_tree_significant(tree, slow->group));
}

static void compare_node(struct twins *twins, int at)
{
    const struct claims here = {twins, at}, *claims = &here;
    const struct lc__engine_node *node = &twins->nodes[at];
    struct slow_node *slow = &twins->slow.nodes[at];
    compare_wish(claims, slow, &twins->wishes[at]);
    if (!slow->present)
        return;
    if (slow->pauses && slow->state == LC_NODE_BACKOFF)
        compare_pause(claims, node, slow);
    CLAIM(node->state == slow->state);
    CLAIM(node->instance == slow->instance);
    CLAIM(lc__engine_runs(node) == slow_tree_runs(slow));
    CLAIM(node->was_ready == slow->ready);
    CLAIM(node->tree.cancelled == slow->cancelled);
    CLAIM(node->overdue == slow->overdue);
    CLAIM(node->tree.stays_down == slow->stays_down);
    CLAIM((node->timer.armed ? node->timer.entry.key : LC_FOREVER) == slow->deadline);
    CLAIM(node->counted_active == slow_tree_runs(slow));
    compare_error(claims, node, slow);
    compare_unit(claims, node, slow);
}

/* What failed while everything was being stopped is part of what it ends by. */
static void compare_result(struct twins *twins)
{
    const struct claims here = {twins, -1}, *claims = &here;
    const struct lc__engine *engine = &twins->engine;
    const lc_error *main = engine->ending ? engine->why : engine->first_error;
    CLAIM((engine->failed_late[0] != '\0') == twins->slow.late);
    if (!engine->finished)
        CLAIM(engine->result == NULL);
    else if (!twins->slow.late)
        CLAIM(engine->result == main);
    else
        CLAIM(engine->result && engine->result != main);
}

static void compare_engine(struct twins *twins)
{
    const struct claims here = {twins, -1}, *claims = &here;
    const struct lc__engine *engine = &twins->engine;
    const struct slow_tree *slow = &twins->slow;
    size_t running = (size_t)slow_tree_count_running(slow);
    CLAIM(engine->active == running);
    CLAIM(engine->ending == slow->ending);
    CLAIM(engine->finished == slow_tree_is_over(slow));
    CLAIM(engine->behavior == slow->behavior);
    CLAIM(lc__engine_deadline(&twins->engine) == slow_tree_deadline(slow));
    if (!slow->ending)
        CLAIM(engine->why == NULL);
    else if (slow->exceeded)
        CLAIM(is_exceeded(engine->why));
    else
        CLAIM(engine->why == &cancel_error);
    compare_result(twins);
}

static void count_children(struct twins *twins)
{
    memset(twins->children, 0, ((size_t)twins->room + 1) * sizeof *twins->children);
    for (int i = 0; i < twins->room; i++)
        if (twins->slow.nodes[i].present)
            twins->children[twins->slow.nodes[i].parent + 1]++;
}

/* The start has failed, which the engine hears while it still has other things to be done. */
static void refuse(struct twins *twins, struct lc__engine_node *node)
{
    int at = (int)(node - twins->nodes);
    twins->refused = -1;
    lc__engine_ended(&twins->engine, node, node->instance, LC__ENDED_FAILED, &own_error,
                     twins->slow.now);
    slow_tree_died(&twins->slow, at);
}

/* Takes what the engine wants to be done. */
static void carry_out(struct twins *twins)
{
    struct lc__engine_action action;
    while (lc__engine_next(&twins->engine, &action)) {
        int at = (int)(action.node - twins->nodes);
        twins->wishes[at].actions |= 1u << action.kind;
        if (action.kind == LC__START) /* another context, of which nothing has been said */
            twins->wishes[at].actions &= ~(1u << LC__CANCEL);
        if (action.kind == LC__FORGET)
            lc__engine_node_end(action.node);
        if (action.kind == LC__START && at == twins->refused)
            refuse(twins, action.node);
    }
}

/* @return whether what the engine wants is what the other does. */
static bool compare(struct twins *twins)
{
    carry_out(twins);
    slow_tree_mark_busy(&twins->slow, twins->busy);
    count_children(twins);
    for (int i = 0; i < twins->room; i++)
        compare_node(twins, i);
    for (int i = -1; i < twins->room; i++)
        if (i < 0 || twins->slow.nodes[i].present)
            compare_counters(&(const struct claims){twins, i},
                             i < 0 ? &twins->engine.root : &twins->nodes[i]);
    compare_engine(twins);
    return !twins->wrong;
}

/* ---- events ---- */

static void begin(struct twins *twins)
{
    memset(twins->wishes, 0, (size_t)twins->room * sizeof *twins->wishes);
    slow_tree_begin_step(&twins->slow, twins->slow.now);
}

bool twins_add(struct twins *twins, int at, const struct twins_plan *plan)
{
    struct lc__engine_node *node = &twins->nodes[at];
    struct slow_node *slow = &twins->slow.nodes[at];
    bool alone = twins->slow.groups[plan->group].strategy == LC_ONE_FOR_ONE;
    begin(twins);
    lc__engine_group_init(&twins->alone[at]);
    *node = (struct lc__engine_node){
        .name = "node",
        .policy = {.restart = plan->restart,
                   .backoff = plan->backoff,
                   .start_timeout = LC_FOREVER,
                   .stop_timeout = plan->stop_timeout,
                   .runnable = true,
                   .significant = plan->significant},
        .intensity = &twins->intensities[plan->group],
        .tree = {.group = alone ? &twins->alone[at] : &twins->groups[plan->group],
                 .significance = &twins->significances[plan->group]},
    };
    *slow = (struct slow_node){.parent = plan->parent,
                               .group = plan->group,
                               .restart = plan->restart,
                               .backoff = plan->backoff,
                               .stop_timeout = plan->stop_timeout,
                               .significant = plan->significant};
    lc__engine_add(&twins->engine, node, plan->parent < 0 ? NULL : &twins->nodes[plan->parent],
                   twins->slow.now);
    slow_tree_added(&twins->slow, at);
    return compare(twins);
}

bool twins_ready(struct twins *twins, int at)
{
    struct lc__engine_node *node = &twins->nodes[at];
    begin(twins);
    lc__engine_ready(&twins->engine, node, node->instance, twins->slow.now);
    slow_tree_ready(&twins->slow, at);
    return compare(twins);
}

bool twins_say_done(struct twins *twins, int at)
{
    begin(twins);
    lc__engine_said_done(&twins->engine, &twins->nodes[at], twins->slow.now);
    slow_tree_said_done(&twins->slow, at);
    return compare(twins);
}

bool twins_end(struct twins *twins, int at, enum lc__engine_end_kind how)
{
    struct lc__engine_node *node = &twins->nodes[at];
    bool died = how == LC__ENDED_FAILED || how == LC__ENDED_REFUSED;
    begin(twins);
    lc__engine_ended(&twins->engine, node, node->instance, how, died ? &own_error : NULL,
                     twins->slow.now);
    if (how == LC__ENDED_DONE)
        slow_tree_returned_done(&twins->slow, at);
    else if (how == LC__ENDED_CANCELED)
        slow_tree_returned_cancelled(&twins->slow, at);
    else
        slow_tree_died(&twins->slow, at);
    return compare(twins);
}

bool twins_cancel(struct twins *twins, int at)
{
    begin(twins);
    lc__engine_cancelled(&twins->engine, &twins->nodes[at], twins->slow.now);
    slow_tree_cancelled(&twins->slow, at);
    return compare(twins);
}

bool twins_cancel_all(struct twins *twins)
{
    begin(twins);
    lc__engine_cancel(&twins->engine, &cancel_error, twins->slow.now);
    slow_tree_all_cancelled(&twins->slow);
    return compare(twins);
}

/* Of those whose deadline is the first, the one that the engine has let happen. */
static int find_due(const struct twins *twins)
{
    int64_t first = slow_tree_deadline(&twins->slow);
    for (int i = 0; i < twins->room; i++)
        if (twins->slow.nodes[i].present && twins->slow.nodes[i].deadline == first &&
            !twins->nodes[i].timer.armed)
            return i;
    return -1;
}

bool twins_advance(struct twins *twins, int64_t now)
{
    twins->slow.now = now;
    begin(twins);
    lc__engine_advance(&twins->engine, now);
    if (slow_tree_deadline(&twins->slow) <= now) {
        int due = find_due(twins);
        claim(&(const struct claims){twins, due}, due >= 0, "what is due first has happened");
        if (due >= 0)
            slow_tree_due(&twins->slow, due);
    }
    return compare(twins);
}

bool twins_due(struct twins *twins, int at)
{
    lc__engine_arm(&twins->engine, &twins->nodes[at].timer, 0);
    twins->slow.nodes[at].deadline = twins->slow.now;
    return twins_advance(twins, twins->slow.now);
}
