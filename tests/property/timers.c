/*
 * timers.c: executor/timers.h against a list that is searched: what is armed, what comes next, in
 * which order it falls due.
 */
#include "support/check.h"

#include "executor/timers.h"

#include <lifecycle/time.h>

#include <stdio.h>
#include <stdlib.h>

enum { TIMERS = 64 };

/* What the model knows of a timer; `timer` is the heap's. */
struct model {
    struct lc__timer timer; /* first */
    bool armed;
    int64_t deadline;
    uint64_t order; /* of arming */
    bool fires;     /* what its `due` says */
};

struct world {
    struct lc__timers timers;
    struct model all[TIMERS];
    uint64_t random;
    uint64_t orders;
    int64_t now; /* as set_now told */
};

static struct model *due; /* the last one */

static bool fall_due(struct lc__timer *timer)
{
    due = (struct model *)timer;
    return due->fires;
}

static void set_now(void *arg, int64_t now)
{
    ((struct world *)arg)->now = now;
}

static struct model *first_of(struct world *world)
{
    struct model *first = NULL;
    for (struct model *at = world->all; at < world->all + TIMERS; at++) {
        if (!at->armed)
            continue;
        if (!first || at->deadline < first->deadline ||
            (at->deadline == first->deadline && at->order < first->order))
            first = at;
    }
    return first;
}

static size_t count_armed(const struct world *world)
{
    size_t count = 0;
    for (const struct model *at = world->all; at < world->all + TIMERS; at++)
        count += at->armed;
    return count;
}

static uint64_t draw(struct world *world, uint64_t bound)
{
    return check_random(&world->random) % bound;
}

/* ---- steps; @return whether heap and model agree ---- */

static bool arm(struct world *world, struct model *model)
{
    if (model->armed)
        return true;
    model->armed = true;
    model->deadline = (int64_t)draw(world, 16); /* few, so that many are equal */
    model->order = world->orders++;
    model->fires = draw(world, 2);
    lc__timers_plan_look(&world->timers);
    bool before_look = lc__timers_arm(&world->timers, &model->timer, model->deadline);
    return before_look == (first_of(world) == model);
}

static bool disarm(struct model *model)
{
    bool was_armed = model->armed;
    model->armed = false;
    return lc__timer_disarm(&model->timer) == was_armed;
}

static bool take_due(struct world *world)
{
    int64_t limit = (int64_t)draw(world, 16);
    struct model *expected = first_of(world);
    struct lc__timer *fire;
    if (expected && expected->deadline > limit)
        expected = NULL;
    due = NULL;
    bool came = lc__timers_take_due(&world->timers, limit, set_now, world, &fire);
    if (!expected)
        return !came && !due && !fire;
    expected->armed = false;
    return came && due == expected && world->now == expected->deadline &&
           fire == (expected->fires ? &expected->timer : NULL);
}

static bool step(struct world *world)
{
    struct model *model = &world->all[draw(world, TIMERS)];
    switch (draw(world, 4)) {
    case 0:
        return disarm(model);
    case 1:
        return take_due(world);
    default:
        return arm(world, model);
    }
}

static bool agrees(struct world *world)
{
    const struct model *first = first_of(world);
    return lc__timers_count(&world->timers) == count_armed(world) &&
           lc__timers_next(&world->timers) == (first ? first->deadline : LC_FOREVER);
}

static bool walk(uint64_t seed)
{
    static struct world world;
    world = (struct world){.timers = LC__TIMERS_INIT, .random = seed};
    for (int i = 0; i < TIMERS; i++)
        world.all[i].timer.due = fall_due;
    for (int i = 0; i < 1000; i++)
        if (!step(&world) || !agrees(&world))
            return false;
    while (first_of(&world)) { /* what is left comes in order */
        if (!take_due(&world) || !agrees(&world))
            return false;
    }
    return true;
}

static void heap_agrees_with_a_list(void)
{
    unsigned walks = check_fewer(check_count(500, 50000));
    for (unsigned i = 0; i < walks; i++) {
        uint64_t seed = check_seed() + i;
        bool well = walk(seed);
        CU_ASSERT_TRUE(well);
        if (!well)
            fprintf(stderr, "check: timers of seed %llu\n", (unsigned long long)seed);
    }
}

/* ---- many ---- */

struct counted {
    struct lc__timer timer; /* first */
    size_t order;
};

static int64_t last_deadline;
static size_t last_order, came_due, out_of_order;

static bool count_due(struct lc__timer *timer)
{
    size_t order = ((struct counted *)timer)->order;
    int64_t deadline = timer->entry.key;
    bool behind = deadline > last_deadline || (deadline == last_deadline && order > last_order);
    out_of_order += came_due > 0 && !behind;
    last_deadline = deadline;
    last_order = order;
    came_due++;
    return false;
}

enum pattern { RISING, FALLING, EQUAL, RANDOM, PATTERNS };

static int64_t deadline_of(enum pattern pattern, size_t i, size_t count, uint64_t *random)
{
    switch (pattern) {
    case RISING:
        return (int64_t)i;
    case FALLING:
        return (int64_t)(count - i);
    case EQUAL:
        return 7;
    default:
        return (int64_t)(check_random(random) % count);
    }
}

/* Arms so many, disarms every third, and lets the others come. */
static void arm_many(enum pattern pattern, struct counted *all, size_t count)
{
    struct lc__timers timers = LC__TIMERS_INIT;
    uint64_t random = check_seed();
    struct lc__timer *fire;
    for (size_t i = 0; i < count; i++) {
        all[i] = (struct counted){.timer.due = count_due, .order = i};
        lc__timers_arm(&timers, &all[i].timer, deadline_of(pattern, i, count, &random));
    }
    CU_ASSERT_EQUAL(lc__timers_count(&timers), count);
    size_t disarmed = 0;
    for (size_t i = 0; i < count; i += 3)
        disarmed += lc__timer_disarm(&all[i].timer);
    CU_ASSERT_EQUAL(disarmed, (count + 2) / 3);
    came_due = out_of_order = 0;
    while (lc__timers_take_due(&timers, INT64_MAX, NULL, NULL, &fire))
        continue;
    CU_ASSERT_EQUAL(came_due, count - disarmed);
    CU_ASSERT_EQUAL(out_of_order, 0);
    CU_ASSERT_EQUAL(lc__timers_count(&timers), 0);
}

static void a_million_armed(void)
{
    size_t count = check_fewer(check_count(1000000, 4000000));
    struct counted *all = calloc(count, sizeof *all);
    if (!all)
        abort();
    for (enum pattern pattern = RISING; pattern < PATTERNS; pattern++)
        arm_many(pattern, all, count);
    free(all);
}

CHECK_SUITE(property_timers, "property: timers",
            {"the heap agrees with a list that is searched", heap_agrees_with_a_list},
            {"a million armed, in any order, come in theirs", a_million_armed});
