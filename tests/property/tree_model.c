/*
 * tree_model.c: random supervision trees, up to a thousand nodes of them, with every kind of group,
 * restart type and back-off, to which random things happen: after each the engine is compared with
 * the slow tree beside it (support/twins.h).
 *
 * A walk that fails alone: LC_CHECK_SEED=<its seed>, LC_CHECK_TEST=random.
 */
#include "support/check.h"
#include "support/twins.h"

#include <stdio.h>

struct walk {
    struct twins *twins;
    uint64_t random;
    int most;        /* nodes at a time */
    int most_group;  /* in a group */
    unsigned deaths; /* how many in a hundred events of a node that runs */
};

static unsigned draw(struct walk *walk, unsigned bound)
{
    return (unsigned)(check_random(&walk->random) % bound);
}

static bool chance(struct walk *walk, unsigned percent)
{
    return draw(walk, 100) < percent;
}

/* ---- what they are like ---- */

static struct lc__backoff draw_backoff(struct walk *walk)
{
    static const struct lc__backoff backoffs[] = {
        LC__BACKOFF_OF_TREE,
        LC__BACKOFF_OF_GRAPH,
        {false, 0, 0, 1, 0, 0},                                       /* never a pause */
        {false, 10 * LC_MILLISECOND, 15 * LC_MILLISECOND, 1.3, 1, 0}, /* soon at its most */
        {true, 3 * LC_MILLISECOND, LC_HOUR, 10, 0, 0},                /* without jitter */
    };
    return backoffs[chance(walk, 60) ? 0 : draw(walk, sizeof backoffs / sizeof *backoffs)];
}

static lc_intensity draw_limit(struct walk *walk)
{
    static const lc_behavior behaviors[] = {LC_STOP, LC_STOP_PARENTS, LC_SHUTDOWN, LC_SPIN_HALT};
    lc_intensity limit = {0, 5 * LC_SECOND, LC_STOP_PARENTS};
    if (chance(walk, 50))
        return limit;
    limit.restarts = 1 + draw(walk, chance(walk, 80) ? 2 : SLOW_RESTARTS);
    if (chance(walk, 5))
        limit.restarts = LC_RESTARTS_NONE;
    limit.period = (int64_t)(1 + draw(walk, 20)) * LC_SECOND;
    limit.exceeded = behaviors[draw(walk, chance(walk, 98) ? 2 : 4)];
    return limit;
}

static lc_restart_type draw_type(struct walk *walk)
{
    static const lc_restart_type types[] = {LC_PERMANENT, LC_TRANSIENT, LC_TEMPORARY};
    return types[chance(walk, 70) ? 0 : draw(walk, 3)];
}

static struct twins_plan draw_plan(struct walk *walk, int parent, int group)
{
    return (struct twins_plan){
        .parent = parent,
        .group = group,
        .restart = draw_type(walk),
        .backoff = draw_backoff(walk),
        .stop_timeout = chance(walk, 50) ? LC_FOREVER : (int64_t)(1 + draw(walk, 5)) * LC_SECOND,
        .significant = parent >= 0 && chance(walk, 30),
    };
}

/* ---- where there is room ---- */

/* @return a group that has no members; there are more groups than nodes. */
static int free_group(const struct twins *twins)
{
    for (int group = 0; group < twins->group_room; group++) {
        bool taken = false;
        for (int i = 0; i < twins->room && !taken; i++)
            taken = twins->slow.nodes[i].present && twins->slow.nodes[i].group == group;
        if (!taken)
            return group;
    }
    return -1;
}

static int free_node(const struct twins *twins, int from)
{
    for (int i = from; i < twins->room; i++)
        if (!twins->slow.nodes[i].present)
            return i;
    return -1;
}

/* ---- what happens ---- */

static bool add_group(struct walk *walk, int parent)
{
    struct twins *twins = walk->twins;
    static const lc_strategy strategies[] = {LC_ONE_FOR_ALL, LC_ONE_FOR_ONE, LC_REST_FOR_ONE};
    int group = free_group(twins);
    unsigned members = 1 + draw(walk, (unsigned)walk->most_group);
    if (members > 1) /* a start that fails is dealt with when all of them have been added */
        twins->refused = -1;
    twins_group(twins, group, strategies[draw(walk, 3)], draw_limit(walk),
                (lc_automatic_shutdown)(chance(walk, 60) ? 0 : draw(walk, 3)));
    for (int at = free_node(twins, 0); at >= 0 && members > 0; members--) {
        const struct twins_plan plan = draw_plan(walk, parent, group);
        if (!twins_add(twins, at, &plan))
            return false;
        at = free_node(twins, at + 1);
    }
    return true;
}

static bool return_somehow(struct walk *walk, int at)
{
    struct twins *twins = walk->twins;
    const struct slow_node *node = &twins->slow.nodes[at];
    if (node->cancelled && chance(walk, 80))
        return twins_end(twins, at, LC__ENDED_CANCELED);
    if (chance(walk, 3)) /* its context has ended, of which the engine has not heard */
        return twins_end(twins, at, LC__ENDED_CANCELED);
    bool may_be_done = node->state == LC_NODE_READY || node->restart != LC_PERMANENT;
    if (may_be_done && chance(walk, 40))
        return twins_say_done(twins, at) && twins_end(twins, at, LC__ENDED_DONE);
    return twins_end(twins, at, LC__ENDED_FAILED);
}

/* To one that runs. */
static bool happen_to(struct walk *walk, int at)
{
    struct twins *twins = walk->twins;
    const struct slow_node *node = &twins->slow.nodes[at];
    if (chance(walk, node->cancelled ? 60 : walk->deaths))
        return return_somehow(walk, at);
    if (node->state == LC_NODE_STARTING && chance(walk, 70))
        return add_group(walk, at);
    if (node->state == LC_NODE_STARTING)
        return twins_ready(twins, at);
    if (chance(walk, 10))
        return twins_cancel(twins, at);
    return !chance(walk, 10) || twins_say_done(twins, at);
}

static bool let_time_pass(struct walk *walk)
{
    struct twins *twins = walk->twins;
    int64_t now = twins->slow.now + (int64_t)draw(walk, 500) * LC_MILLISECOND;
    int64_t due = slow_tree_deadline(&twins->slow);
    return twins_advance(twins, chance(walk, 50) && due != LC_FOREVER ? due : now);
}

/* @return one that is there. */
static int draw_present(struct walk *walk)
{
    struct twins *twins = walk->twins;
    int at = (int)draw(walk, (unsigned)twins->room);
    while (!twins->slow.nodes[at].present)
        at = (at + 1) % twins->room;
    return at;
}

static bool step(struct walk *walk)
{
    struct twins *twins = walk->twins;
    int at = draw_present(walk);
    const struct slow_node *node = &twins->slow.nodes[at];
    twins->refused = chance(walk, 5) ? (int)draw(walk, (unsigned)twins->room) : -1;
    if (chance(walk, 10))
        return let_time_pass(walk);
    if (slow_tree_runs(node))
        return happen_to(walk, at);
    if (node->state == LC_NODE_DONE && chance(walk, 10))
        return twins_cancel(twins, at);
    return true;
}

/* The tree is cancelled, and those that still run return, in some order. */
static bool wind_up(struct walk *walk)
{
    struct twins *twins = walk->twins;
    twins->refused = -1;
    if (twins->engine.finished)
        return true;
    if (!twins_cancel_all(twins))
        return false;
    for (int left = slow_tree_count_running(&twins->slow); left > 0;) {
        int at = draw_present(walk);
        if (!slow_tree_runs(&twins->slow.nodes[at]))
            continue;
        if (!return_somehow(walk, at))
            return false;
        left--;
    }
    return twins->engine.finished;
}

static bool wander(struct walk *walk, unsigned steps)
{
    struct twins *twins = walk->twins;
    struct twins_plan root = draw_plan(walk, -1, 0);
    root.restart = chance(walk, 90) ? LC_PERMANENT : root.restart;
    twins_group(twins, 0, LC_ONE_FOR_ALL,
                chance(walk, 20) ? draw_limit(walk)
                                 : (lc_intensity){0, 5 * LC_SECOND, LC_STOP_PARENTS},
                LC_AUTOMATIC_SHUTDOWN_NEVER);
    bool well = twins_add(twins, 0, &root);
    for (unsigned i = 0; i < steps && well && !twins->engine.finished; i++)
        well = step(walk);
    return well && wind_up(walk);
}

/* Small ones mostly: what can go wrong at all goes wrong there, and there it can be understood. */
static int draw_size(struct walk *walk)
{
    if (chance(walk, 85))
        return 1 + (int)draw(walk, 12);
    return 1 + (int)draw(walk, chance(walk, 90) ? 100 : 1000);
}

static bool takes_a_walk(uint64_t seed)
{
    struct walk walk = {.random = seed};
    walk.most = draw_size(&walk);
    walk.most_group = 1 + (int)draw(&walk, walk.most > 100 ? 40 : 5);
    walk.deaths = walk.most > 100 ? 1 : 3 + draw(&walk, 20);
    walk.twins = twins_new(walk.most, walk.most + 1, seed);
    bool well = wander(&walk, 2000 + 10 * (unsigned)walk.most);
    if (!well)
        fprintf(stderr, "check: \"%s\" (node %d of %d) is wrong in a tree of seed %llu\n",
                walk.twins->wrong ? walk.twins->wrong : "finished", walk.twins->wrong_node,
                walk.most, (unsigned long long)seed);
    twins_free(walk.twins);
    return well;
}

static void random_trees(void)
{
    unsigned walks = check_fewer(check_count(1000, 10000));
    bool well = true;
    for (unsigned i = 0; i < walks && well; i++)
        well = takes_a_walk(check_seed() + i);
    CU_ASSERT_TRUE(well);
}

CHECK_SUITE(property_tree, "property: supervision trees",
            {"random trees do what the slow one does", random_trees});
