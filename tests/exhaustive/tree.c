/*
 * tree.c: every state that small supervision trees can come to, and everything that can happen in
 * each of them, in the engine and in the slow tree beside it (support/twins.h). What must hold of
 * any supervision tree is looked at once more in the engine alone, should both be wrong.
 *
 * States are told apart by what decides on what follows: not by instances, times and errors. So
 * they are finitely many although nodes are restarted without end, and all of them are visited.
 */
#include "support/check.h"
#include "support/twins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NODES = 6 };

/* ---- shapes ---- */

/* A tree of so many nodes, 0 its root. Those of a group are added together, in order. */
struct shape {
    int nodes;
    int groups;
    int parent[MOST_NODES]; /* not falling */
    int group[MOST_NODES];  /* of one parent; numbered as they begin */
    lc_restart_type restart[MOST_NODES];
    lc_strategy strategy[MOST_NODES]; /* of the groups */
    lc_intensity limit[MOST_NODES];
    lc_automatic_shutdown automatic[MOST_NODES];
};

static uint64_t mix(uint64_t value)
{
    return check_random(&value);
}

/* The same for shapes that differ but in the order of siblings, members and groups. */
static uint64_t sum_up(const struct shape *shape, int node)
{
    uint64_t groups[MOST_NODES] = {0}, sum = 0;
    for (int i = node + 1; i < shape->nodes; i++)
        if (shape->parent[i] == node)
            groups[shape->group[i]] += sum_up(shape, i);
    for (int i = 0; i < MOST_NODES; i++)
        sum += groups[i] ? mix(groups[i]) : 0;
    return mix(sum ^ 1);
}

/* Calls `visit` with each way to lay out the nodes from `node` on. */
static void lay_out(struct shape *shape, int node, void (*visit)(struct shape *shape))
{
    if (node == shape->nodes) {
        visit(shape);
        return;
    }
    for (int parent = node > 1 ? shape->parent[node - 1] : 0; parent < node; parent++) {
        shape->parent[node] = parent;
        for (int group = 1; group <= shape->groups; group++) {
            bool fresh = group == shape->groups, fits = fresh;
            for (int i = 1; i < node && !fresh; i++)
                fits |= shape->group[i] == group && shape->parent[i] == parent;
            if (!fits)
                continue;
            shape->group[node] = group;
            shape->groups += fresh;
            lay_out(shape, node + 1, visit);
            shape->groups -= fresh;
        }
    }
}

static void for_each_shape(int nodes, void (*visit)(struct shape *shape))
{
    struct shape shape = {.nodes = nodes, .groups = 1, .parent = {-1}};
    lay_out(&shape, 1, visit);
}

/* ---- events ---- */

enum event_kind {
    ADD_GROUP,
    READY,
    SAY_DONE,
    RETURN_DONE,
    RETURN_CANCELED, /* with its context's error, which may have ended by other hands */
    DIE,             /* any other return */
    REFUSE,          /* it could not be started */
    CANCEL,          /* by other hands */
    PAUSE_OVER,
    CANCEL_ALL,
    PERIOD_OVER /* of all groups: what died before counts no more */
};

struct event {
    enum event_kind kind;
    int which; /* node or group */
};

struct events {
    struct event all[64];
    int count;
};

static void may(struct events *events, enum event_kind kind, int which)
{
    events->all[events->count++] = (struct event){kind, which};
}

static bool any_present(const struct shape *shape, const struct twins *twins, int group)
{
    for (int i = 0; i < shape->nodes; i++)
        if (shape->group[i] == group && twins->slow.nodes[i].present)
            return true;
    return false;
}

/* The next group that the node would start; 0: it has started them all. */
static int next_group(const struct shape *shape, const struct twins *twins, int node)
{
    for (int i = node + 1; i < shape->nodes; i++)
        if (shape->parent[i] == node && !any_present(shape, twins, shape->group[i]))
            return shape->group[i];
    return 0;
}

/* Temporary ones that have ended need not be started again. */
static bool has_started_all(const struct shape *shape, const struct twins *twins, int node)
{
    for (int i = node + 1; i < shape->nodes; i++)
        if (shape->parent[i] == node && shape->restart[i] != LC_TEMPORARY &&
            !any_present(shape, twins, shape->group[i]))
            return false;
    return true;
}

static void what_may_start(const struct shape *shape, const struct twins *twins, int at,
                           struct events *events)
{
    int group = next_group(shape, twins, at);
    if (group > 0)
        may(events, ADD_GROUP, group);
    if (has_started_all(shape, twins, at))
        may(events, READY, at);
    if (TAILQ_EMPTY(&twins->nodes[at].children))
        may(events, REFUSE, at);
    if (shape->restart[at] != LC_PERMANENT)
        may(events, RETURN_DONE, at);
}

static void what_may_happen_to(const struct shape *shape, const struct twins *twins, int at,
                               struct events *events)
{
    const struct slow_node *node = &twins->slow.nodes[at];
    if (node->state == LC_NODE_STARTING)
        what_may_start(shape, twins, at, events);
    if (node->state == LC_NODE_READY) {
        may(events, SAY_DONE, at);
        may(events, RETURN_DONE, at);
    }
    if (slow_tree_runs(node)) {
        may(events, RETURN_CANCELED, at);
        may(events, DIE, at);
    }
    if (!node->cancelled && (slow_tree_runs(node) || node->state == LC_NODE_DONE))
        may(events, CANCEL, at);
    if (node->state == LC_NODE_BACKOFF)
        may(events, PAUSE_OVER, at);
}

static bool any_limit(const struct shape *shape)
{
    for (int i = 0; i < shape->groups; i++)
        if (shape->limit[i].restarts > 0)
            return true;
    return false;
}

static struct events what_may_happen(const struct shape *shape, const struct twins *twins)
{
    struct events events = {.count = 0};
    if (twins->engine.finished)
        return events;
    for (int i = 0; i < shape->nodes; i++)
        if (twins->slow.nodes[i].present)
            what_may_happen_to(shape, twins, i, &events);
    if (!twins->slow.ending)
        may(&events, CANCEL_ALL, 0);
    if (any_limit(shape))
        may(&events, PERIOD_OVER, 0);
    return events;
}

static bool add_group(const struct shape *shape, struct twins *twins, int group)
{
    bool well = true;
    twins_group(twins, group, shape->strategy[group], shape->limit[group], shape->automatic[group]);
    for (int i = 0; i < shape->nodes && well; i++)
        if (shape->group[i] == group)
            well = twins_add(twins, i,
                             &(const struct twins_plan){shape->parent[i], group, shape->restart[i],
                                                        LC__BACKOFF_OF_TREE, LC_FOREVER,
                                                        shape->automatic[group] > 0});
    return well;
}

static bool happen(const struct shape *shape, struct twins *twins, struct event event)
{
    switch (event.kind) {
    case ADD_GROUP:
        return add_group(shape, twins, event.which);
    case READY:
        return twins_ready(twins, event.which);
    case SAY_DONE:
        return twins_say_done(twins, event.which);
    case RETURN_DONE:
        return twins_end(twins, event.which, LC__ENDED_DONE);
    case RETURN_CANCELED:
        return twins_end(twins, event.which, LC__ENDED_CANCELED);
    case DIE:
        return twins_end(twins, event.which, LC__ENDED_FAILED);
    case REFUSE:
        return twins_end(twins, event.which, LC__ENDED_REFUSED);
    case CANCEL:
        return twins_cancel(twins, event.which);
    case PAUSE_OVER:
        return twins_due(twins, event.which);
    case CANCEL_ALL:
        return twins_cancel_all(twins);
    default: /* far less than a pause: none is over by this */
        return twins_advance(twins, twins->slow.now + shape->limit[0].period);
    }
}

/* ---- what must hold, in the engine alone ---- */

struct sight {
    bool there, running, cancelled, taken;
    lc_node_state state;
    uint64_t instance;
};

static void look_below(const struct twins *twins, const struct lc__engine_node *node,
                       struct sight *sights)
{
    const struct lc__engine_node *child;
    TAILQ_FOREACH (child, &node->children, among_children) {
        sights[child - twins->nodes] = (struct sight){true,
                                                      lc__engine_runs(child),
                                                      child->tree.cancelled,
                                                      child->tree.part != LC__UNIT_NONE,
                                                      child->state,
                                                      child->instance};
        look_below(twins, child, sights);
    }
}

static void look(const struct twins *twins, struct sight *sights)
{
    memset(sights, 0, MOST_NODES * sizeof *sights);
    look_below(twins, &twins->engine.root, sights);
}

static bool is_below(const struct shape *shape, int node, int top)
{
    for (node = shape->parent[node]; node > top; node = shape->parent[node])
        continue;
    return node == top;
}

/* It and what is below it run no more, nor wait to. */
static bool all_ended(const struct shape *shape, const struct sight *sights, int top)
{
    for (int i = top; i < shape->nodes; i++) {
        const struct sight *sight = &sights[i];
        if ((i == top || is_below(shape, i, top)) && sight->there &&
            (sight->running || sight->state == LC_NODE_BACKOFF))
            return false;
    }
    return true;
}

static bool above_is_live(const struct shape *shape, const struct twins *twins,
                          const struct sight *sights, int node)
{
    return node == 0 ? !twins->engine.ending : !sights[shape->parent[node]].cancelled;
}

/* Before what follows from the event: what it ends itself has ended. */
static void look_past(const struct shape *shape, const struct sight *before, struct event event,
                      struct sight *ended)
{
    memcpy(ended, before, MOST_NODES * sizeof *ended);
    for (int i = 0; i < shape->nodes; i++) {
        bool pause_ended = ended[i].state == LC_NODE_BACKOFF;
        if ((event.kind != ADD_GROUP && i == event.which && ended[i].running) || pause_ended) {
            ended[i].running = false; /* by the event, or by being cancelled */
            ended[i].state = LC_NODE_CANCELED;
        }
    }
}

/* Invariant 9: all that the failure took along with it has ended, and in an ordered group all that
 * is before it is healthy, or will not be. */
static const char *judge_unit(const struct shape *shape, const struct sight *ended,
                              const struct sight *after, int node)
{
    int group = shape->group[node];
    lc_node_state before = LC_NODE_READY;
    for (int i = 0; i < shape->nodes; i++) {
        if (shape->group[i] != group || i == node || !ended[i].there)
            continue;
        if (ended[node].taken && ended[i].taken && shape->strategy[group] != LC_ONE_FOR_ONE &&
            after[i].instance == ended[i].instance && !all_ended(shape, ended, i))
            return "started before all that was taken along had ended";
        if (i < node && after[i].there)
            before = after[i].state;
    }
    if (shape->strategy[group] == LC_REST_FOR_ONE && before <= LC_NODE_STARTING)
        return "started before the one before it was healthy";
    return NULL;
}

/* A node that was there and ran, or had ended, runs again, or pauses before it does. */
static const char *judge_restart(const struct shape *shape, const struct twins *twins,
                                 const struct sight *before, const struct sight *after, int node,
                                 struct event event)
{
    struct sight ended[MOST_NODES];
    look_past(shape, before, event, ended);
    if (!all_ended(shape, ended, node))
        return "restarted before all below it had ended";
    if (!above_is_live(shape, twins, after, node))
        return "restarted below what was cancelled";
    if (after[node].cancelled)
        return "restarted with a context that has ended";
    for (int i = node + 1; i < shape->nodes; i++)
        if (is_below(shape, i, node) && after[i].there)
            return "restarted with its old children";
    return NULL;
}

static const char *judge_node(const struct shape *shape, const struct twins *twins,
                              const struct sight *before, const struct sight *after, int node,
                              struct event event)
{
    const struct sight *was = &before[node], *is = &after[node];
    bool started = is->there && is->instance != (was->there ? was->instance : 0);
    bool paused =
        was->there && is->there && is->state == LC_NODE_BACKOFF && was->state != LC_NODE_BACKOFF;
    int parent = shape->parent[node];
    if (started && was->there && is->instance != was->instance + 1)
        return "two instances at a time";
    if (started && event.kind != ADD_GROUP && before[0].there && twins->engine.ending)
        return "started although the tree is cancelled";
    if (parent >= 0 && is->there && after[parent].cancelled && !is->cancelled)
        return "not cancelled below a cancelled node";
    if ((started && was->there && event.kind != PAUSE_OVER) || paused) {
        const char *wrong = judge_restart(shape, twins, before, after, node, event);
        if (wrong)
            return wrong;
    }
    if (started && was->there && (was->taken || was->instance == 0)) {
        struct sight ended[MOST_NODES];
        look_past(shape, before, event, ended);
        return judge_unit(shape, ended, after, node);
    }
    return NULL;
}

/* In the end nothing may lie there that could be restarted. */
static const char *judge_rest(const struct shape *shape, const struct twins *twins,
                              const struct sight *after, int node)
{
    bool stays = shape->restart[node] != LC_PERMANENT || twins->slow.nodes[node].stays_down ||
                 after[node].taken;
    if (after[node].there && after[node].cancelled && !stays && all_ended(shape, after, node) &&
        above_is_live(shape, twins, after, node))
        return "not restarted although it could be";
    return NULL;
}

static bool takes_along(const struct shape *shape, int dead, int sibling)
{
    if (dead == sibling || shape->group[dead] != shape->group[sibling])
        return false;
    lc_strategy strategy = shape->strategy[shape->group[dead]];
    return shape->restart[dead] != LC_TEMPORARY &&
           (strategy == LC_ONE_FOR_ALL || (strategy == LC_REST_FOR_ONE && sibling > dead));
}

static const char *judge_group(const struct shape *shape, const struct sight *before,
                               const struct sight *after, struct event event)
{
    if ((event.kind != DIE && event.kind != REFUSE) || before[event.which].cancelled)
        return NULL;
    for (int i = 0; i < shape->nodes; i++) {
        bool untouched = before[i].there && after[i].there && !after[i].cancelled &&
                         !after[i].taken && after[i].instance == before[i].instance;
        if (untouched && takes_along(shape, event.which, i))
            return "outlived a sibling whose fate it shares";
    }
    return NULL;
}

static const char *judge(const struct shape *shape, const struct twins *twins,
                         const struct sight *before, struct event event)
{
    struct sight after[MOST_NODES];
    bool any_runs = false;
    look(twins, after);
    for (int i = 0; i < shape->nodes; i++) {
        const char *wrong = judge_node(shape, twins, before, after, i, event);
        wrong = wrong ? wrong : judge_rest(shape, twins, after, i);
        if (wrong)
            return wrong;
        any_runs |= after[i].running || after[i].state == LC_NODE_BACKOFF;
    }
    if (twins->engine.finished == any_runs)
        return "finished at the wrong time";
    return judge_group(shape, before, after, event);
}

/* ---- states ---- */

/* What decides on what follows. */
static uint64_t state_of(const struct shape *shape, const struct twins *twins)
{
    const struct slow_tree *slow = &twins->slow;
    uint64_t state = (uint64_t)slow->ending | (uint64_t)slow->behavior << 1;
    for (int i = 0; i < shape->nodes; i++) {
        const struct slow_node *node = &slow->nodes[i];
        uint64_t bits = 0;
        if (node->present)
            bits = (1u + node->state) | (unsigned)node->cancelled << 4 | (unsigned)node->dies << 5 |
                   (unsigned)node->stays_down << 6 | (unsigned)node->taken << 7 |
                   (unsigned)node->fails << 8 | (unsigned)node->over << 9 |
                   (unsigned)(node->instance > 0) << 10;
        state = mix(state ^ bits); /* more bits than there is room for: the sums will differ */
    }
    for (int i = 0; i < shape->groups; i++) {
        const struct slow_group *group = &slow->groups[i];
        unsigned recent = 0;
        for (int at = 0; at < SLOW_RESTARTS; at++)
            recent += slow->now - group->failures[at] < group->limit.period;
        recent = shape->limit[i].restarts > 0 ? recent : 0;
        state = mix(state ^ (recent < 3 ? recent : 3) ^ (unsigned)(group->failed + 1) << 2);
    }
    return state | UINT64_C(1) << 63;
}

/* Those that have been seen; open addressing, 0: none. */
struct seen {
    uint64_t *states;
    size_t room;
    size_t count;
};

static void grow(struct seen *seen);

/* @return whether it was not there before. */
static bool see(struct seen *seen, uint64_t state)
{
    if (2 * seen->count >= seen->room)
        grow(seen);
    size_t at = mix(state) & (seen->room - 1);
    while (seen->states[at] && seen->states[at] != state)
        at = (at + 1) & (seen->room - 1);
    if (seen->states[at])
        return false;
    seen->states[at] = state;
    seen->count++;
    return true;
}

static void grow(struct seen *seen)
{
    struct seen larger = {.room = seen->room ? 2 * seen->room : 256};
    larger.states = calloc(larger.room, sizeof *larger.states);
    if (!larger.states)
        abort();
    for (size_t i = 0; i < seen->room; i++)
        if (seen->states[i])
            see(&larger, seen->states[i]);
    free(seen->states);
    *seen = larger;
}

/* Twins, copied away, from which to go on. */
struct stack {
    char *all;
    size_t count;
    size_t room;
};

static void push(struct stack *stack, const struct twins *twins)
{
    if (stack->count == stack->room) {
        stack->room = stack->room ? 2 * stack->room : 64;
        stack->all = realloc(stack->all, stack->room * twins->size);
        if (!stack->all)
            abort();
    }
    memcpy(stack->all + stack->count++ * twins->size, twins, twins->size);
}

/* ---- exploring ---- */

static struct {
    unsigned long shapes, states, transitions;
} visited;

/* The twins are as they were before the event. */
static void complain(const struct shape *shape, const struct twins *twins, struct event event,
                     const char *wrong, int node)
{
    fprintf(stderr, "check: \"%s\" (node %d) is wrong after event %d at %d\n", wrong, node,
            (int)event.kind, event.which);
    for (int i = 0; i < shape->nodes; i++) {
        const struct slow_node *slow = &twins->slow.nodes[i];
        fprintf(stderr, "    node %d: parent %d, group %d, restart %d; was in state %d%s%s%s\n", i,
                shape->parent[i], shape->group[i], (int)shape->restart[i],
                slow->present ? (int)slow->state : -1, slow->cancelled ? ", cancelled" : "",
                slow->dies ? ", dies" : "", slow->stays_down ? ", stays down" : "");
    }
    for (int i = 0; i < shape->groups; i++)
        fprintf(stderr, "    group %d: strategy %d, limit %u, exceeded %d\n", i,
                (int)shape->strategy[i], shape->limit[i].restarts, (int)shape->limit[i].exceeded);
}

/* The event, from where they have been copied. @return whether all is well. */
static bool step(const struct shape *shape, struct twins *twins, const void *copy,
                 struct event event)
{
    struct sight before[MOST_NODES];
    memcpy(twins, copy, twins->size);
    look(twins, before);
    bool well = happen(shape, twins, event);
    const char *wrong = well ? judge(shape, twins, before, event) : twins->wrong;
    int node = twins->wrong_node;
    twins_let_errors_go(twins);
    visited.transitions++;
    if (wrong) {
        memcpy(twins, copy, twins->size);
        complain(shape, twins, event, wrong, node);
    }
    return !wrong;
}

static bool explore_from(const struct shape *shape, struct twins *twins, const void *copy,
                         struct stack *stack, struct seen *seen)
{
    memcpy(twins, copy, twins->size);
    const struct events events = what_may_happen(shape, twins);
    for (int i = 0; i < events.count; i++) {
        if (!step(shape, twins, copy, events.all[i]))
            return false;
        if (see(seen, state_of(shape, twins)))
            push(stack, twins);
    }
    return true;
}

/* Visits all states of a tree of this shape. */
static void explore(const struct shape *shape)
{
    struct twins *twins = twins_new(shape->nodes, shape->groups, 0);
    struct stack stack = {NULL, 0, 0};
    struct seen seen = {NULL, 0, 0};
    void *copy = malloc(twins->size);
    if (!copy)
        abort();
    memcpy(copy, twins, twins->size);
    bool well = step(shape, twins, copy, (struct event){ADD_GROUP, 0});
    see(&seen, state_of(shape, twins));
    push(&stack, twins);
    while (stack.count > 0 && well) {
        memcpy(copy, stack.all + --stack.count * twins->size, twins->size);
        well = explore_from(shape, twins, copy, &stack, &seen);
    }
    visited.shapes++;
    visited.states += seen.count;
    free(seen.states);
    free(stack.all);
    free(copy);
    twins_free(twins);
    CU_ASSERT_TRUE(well);
}

static void report(const char *what, int most)
{
    printf("\n    %s of up to %d nodes: %lu, %lu states, %lu transitions\n    ", what, most,
           visited.shapes, visited.states, visited.transitions);
}

/* ---- tests ---- */

/* The sanitizers make each step many times longer. */
static int count_unless_slowed(unsigned usual, unsigned thorough, int slowed)
{
    return check_fewer(1000) < 1000 ? slowed : (int)check_count(usual, thorough);
}

static struct {
    uint64_t sums[256];
    int count;
} laid_out;

/* Unless one that differs but in order was before. */
static void explore_groupings(struct shape *shape)
{
    uint64_t sum = sum_up(shape, 0);
    for (int i = 0; i < laid_out.count; i++)
        if (laid_out.sums[i] == sum)
            return;
    laid_out.sums[laid_out.count++] = sum;
    explore(shape);
}

static void every_small_tree(void)
{
    int most = count_unless_slowed(5, MOST_NODES, 4);
    memset(&visited, 0, sizeof visited);
    laid_out.count = 0;
    for (int nodes = 1; nodes <= most; nodes++)
        for_each_shape(nodes, explore_groupings);
    report("trees", most);
}

static bool has_siblings(const struct shape *shape, int group)
{
    int members = 0;
    for (int i = 0; i < shape->nodes; i++)
        members += shape->group[i] == group;
    return members > 1;
}

/* What nodes and groups may be like, in every combination. */
static struct {
    lc_restart_type types[3];
    int type_count;
    lc_automatic_shutdown automatic;
    lc_intensity limits[6];
    int limit_count;
    unsigned share; /* of the shapes, of 1000; drawn by the seed */
    uint64_t random;
} choices;

/* A large shape only if it is drawn. */
static void explore_share(const struct shape *shape)
{
    if (shape->nodes <= 2 || check_random(&choices.random) % 1000 < choices.share)
        explore(shape);
}

/* Another share each time; the long run explores all shapes. */
static void draw_share(unsigned usual)
{
    choices.share = check_count(usual, 1000);
    choices.random = check_seed();
}

static void choose_limits(struct shape *shape, int group)
{
    if (group == shape->groups) {
        explore_share(shape);
        return;
    }
    for (int i = 0; i < choices.limit_count; i++) {
        shape->limit[group] = choices.limits[i];
        choose_limits(shape, group + 1);
    }
}

static void choose_strategies(struct shape *shape, int group)
{
    static const lc_strategy strategies[] = {LC_ONE_FOR_ALL, LC_ONE_FOR_ONE, LC_REST_FOR_ONE};
    if (group == shape->groups) {
        choose_limits(shape, 0);
        return;
    }
    for (int i = 0; i < (has_siblings(shape, group) ? 3 : 1); i++) {
        shape->strategy[group] = strategies[i];
        choose_strategies(shape, group + 1);
    }
}

static void choose_types(struct shape *shape, int node)
{
    if (node == shape->nodes) {
        choose_strategies(shape, 0);
        return;
    }
    for (int i = 0; i < choices.type_count; i++) {
        shape->restart[node] = choices.types[i];
        choose_types(shape, node + 1);
    }
}

static void explore_policies(struct shape *shape)
{
    for (int group = 1; group < MOST_NODES; group++)
        shape->automatic[group] = choices.automatic;
    choose_types(shape, 0);
}

static void every_policy(void)
{
    memset(&visited, 0, sizeof visited);
    memcpy(choices.types, (lc_restart_type[]){LC_PERMANENT, LC_TRANSIENT, LC_TEMPORARY},
           sizeof choices.types);
    choices.type_count = 3;
    choices.automatic = LC_AUTOMATIC_SHUTDOWN_NEVER;
    memcpy(choices.limits,
           (lc_intensity[]){{0, 5 * LC_SECOND, LC_STOP_PARENTS},
                            {1, 1, LC_STOP},
                            {1, 1, LC_STOP_PARENTS},
                            {1, 1, LC_SHUTDOWN},
                            {1, 1, LC_SPIN_HALT},
                            {LC_RESTARTS_NONE, 1, LC_STOP_PARENTS}},
           sizeof choices.limits);
    choices.limit_count = count_unless_slowed(3, 6, 2);
    draw_share(250);
    for (int nodes = 1; nodes <= 3; nodes++)
        for_each_shape(nodes, explore_policies);
    report("policies for trees", 3);
}

/* With siblings of a parent that dies of its children. */
static void escalation(void)
{
    int most = count_unless_slowed(4, 4, 3);
    memset(&visited, 0, sizeof visited);
    choices.types[0] = LC_PERMANENT;
    choices.type_count = 1;
    choices.automatic = LC_AUTOMATIC_SHUTDOWN_NEVER;
    choices.limits[0] = (lc_intensity){0, 5 * LC_SECOND, LC_STOP_PARENTS};
    choices.limits[1] = (lc_intensity){1, 1, LC_STOP_PARENTS};
    choices.limit_count = 2;
    draw_share(250);
    for (int nodes = 1; nodes <= most; nodes++)
        for_each_shape(nodes, explore_policies);
    report("escalation in trees", most);
}

/* Ends of children that end their parents, the root among them. */
static void significance(void)
{
    memset(&visited, 0, sizeof visited);
    memcpy(choices.types, (lc_restart_type[]){LC_TRANSIENT, LC_TEMPORARY},
           2 * sizeof *choices.types);
    choices.type_count = 2;
    choices.limits[0] = (lc_intensity){0, 5 * LC_SECOND, LC_STOP_PARENTS};
    choices.limits[1] = (lc_intensity){LC_RESTARTS_NONE, 1, LC_STOP};
    choices.limit_count = count_unless_slowed(2, 2, 1);
    draw_share(1000);
    for (lc_automatic_shutdown automatic = LC_AUTOMATIC_SHUTDOWN_ANY;
         automatic <= LC_AUTOMATIC_SHUTDOWN_ALL; automatic++) {
        choices.automatic = automatic;
        for (int nodes = 2; nodes <= 3; nodes++)
            for_each_shape(nodes, explore_policies);
    }
    report("significant children in trees", 3);
}

/* Of all below the root. */
static void choose_group_types(struct shape *shape, int node)
{
    if (node == shape->nodes) {
        explore(shape);
        return;
    }
    for (int i = 0; i < choices.type_count; i++) {
        shape->restart[node] = choices.types[i];
        choose_group_types(shape, node + 1);
    }
}

/* Long enough for a member to be done before its turn to stop, between two that run. */
static void one_ordered_group(struct shape *shape)
{
    shape->strategy[1] = LC_REST_FOR_ONE;
    if (shape->groups == 2 && shape->parent[shape->nodes - 1] == 0)
        choose_group_types(shape, 1);
}

static void ordered_groups(void)
{
    int most = count_unless_slowed(5, 5, 4);
    memset(&visited, 0, sizeof visited);
    memcpy(choices.types, (lc_restart_type[]){LC_PERMANENT, LC_TEMPORARY, LC_TRANSIENT},
           sizeof choices.types);
    choices.type_count = count_unless_slowed(2, 3, 2);
    for (int nodes = 3; nodes <= most; nodes++)
        for_each_shape(nodes, one_ordered_group);
    report("ordered groups in trees", most);
}

CHECK_SUITE(exhaustive_tree, "exhaustive: supervision trees",
            {"every small tree, one for all, in every state", every_small_tree},
            {"strategies, restart types and limits, in every state", every_policy},
            {"deaths that go from child to parent, in every state", escalation},
            {"ends that stop the parent, in every state", significance},
            {"groups that start and stop in order, in every state", ordered_groups});
