/*
 * tree_restarts.c: contract B7-B10, B16, B17: what of a tree is restarted, when, and how often.
 */
#include "supervise/child.h"
#include "support/check.h"
#include "support/clock.h"
#include "support/mode.h"
#include "support/puppet.h"
#include "support/troupe.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { ROOT, A, B, C, D, E };

static uint64_t instance_of(struct troupe *troupe, const char *name)
{
    return troupe_status(troupe, name).instance;
}

/* It signals healthy and done, and returns. */
static bool completes(struct troupe *troupe, struct actor *actor, const char *name)
{
    return actor_does(actor, ACTOR_HEALTHY) && actor_does(actor, ACTOR_DONE) &&
           actor_told(actor, ACTOR_RETURN) && troupe_sees(troupe, name, LC_NODE_DONE);
}

static bool dies(struct troupe *troupe, struct actor *actor, const char *name)
{
    return actor_told(actor, ACTOR_FAIL) && troupe_sees(troupe, name, LC_NODE_DEAD);
}

/* ---- B7, B9, B16: the largest subtree that has ended ---- */

/* root - a - b - c, and d below the root in a group of its own. */
static bool open_chain(struct troupe *troupe)
{
    struct actor *actors = troupe->actors;
    return troupe_open(troupe) && troupe_plays(&actors[ROOT], (struct actor *[]){&actors[A]}, 1) &&
           troupe_plays(&actors[ROOT], (struct actor *[]){&actors[D]}, 1) &&
           troupe_plays(&actors[A], (struct actor *[]){&actors[B]}, 1) &&
           troupe_plays(&actors[B], (struct actor *[]){&actors[C]}, 1);
}

static void restart_waits_for_all_below(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *a = &troupe.actors[A], *b = &troupe.actors[B], *c = &troupe.actors[C];
    b->stubborn = c->stubborn = true;
    CU_ASSERT_TRUE(open_chain(&troupe));
    CU_ASSERT_TRUE(dies(&troupe, a, "root.a"));
    CHECK_CLOSES(lc_context_done(c->context));
    CU_ASSERT_TRUE(actor_ended(b));
    CU_ASSERT_TRUE(actor_told(b, ACTOR_YIELD));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a.b", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    CU_ASSERT_TRUE(actor_absent(a) && actor_absent(b));
    CU_ASSERT_TRUE(actor_told(c, ACTOR_YIELD));
    CU_ASSERT_TRUE(actor_entered(a));
    /* What was below is forgotten, and started anew by the restarted one. */
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    CU_ASSERT_TRUE(actor_absent(b) && actor_absent(c));
    CU_ASSERT_EQUAL(troupe_count(&troupe), 3);
    CU_ASSERT_TRUE(troupe_plays(a, (struct actor *[]){b}, 1));
    CU_ASSERT_EQUAL(instance_of(&troupe, "root.a"), 2);
    CU_ASSERT_EQUAL(instance_of(&troupe, "root.a.b"), 1);
    CU_ASSERT_FALSE(actor_ended(b));
    CU_ASSERT_EQUAL(instance_of(&troupe, "root.d"), 1);
    CU_ASSERT_EQUAL(instance_of(&troupe, "root"), 1);
    troupe_strike(&troupe);
}

static void only_the_subtree_is_restarted(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *actors = troupe.actors;
    CU_ASSERT_TRUE(open_chain(&troupe));
    for (uint64_t instance = 2; instance < 5; instance++) {
        CU_ASSERT_TRUE(dies(&troupe, &actors[C], "root.a.b.c"));
        CU_ASSERT_TRUE(actor_entered(&actors[C]));
        CU_ASSERT_EQUAL(instance_of(&troupe, "root.a.b.c"), instance);
    }
    CU_ASSERT_EQUAL(instance_of(&troupe, "root.a.b"), 1);
    CU_ASSERT_EQUAL(instance_of(&troupe, "root.a"), 1);
    CU_ASSERT_TRUE(actor_does(&actors[A], ACTOR_LOOK) && actor_does(&actors[B], ACTOR_LOOK));
    troupe_strike(&troupe);
}

/* "b" has died, and waits for "c" to end, when "a" dies: it is not restarted by itself any more. */
static void the_largest_subtree_is_taken(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *a = &troupe.actors[A], *b = &troupe.actors[B], *c = &troupe.actors[C];
    c->stubborn = true;
    CU_ASSERT_TRUE(open_chain(&troupe));
    CU_ASSERT_TRUE(dies(&troupe, b, "root.a.b"));
    CU_ASSERT_TRUE(dies(&troupe, a, "root.a"));
    CU_ASSERT_TRUE(actor_told(c, ACTOR_FAIL));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a.b.c", LC_NODE_DEAD));
    CU_ASSERT_TRUE(actor_entered(a));
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    CU_ASSERT_TRUE(actor_absent(b) && actor_absent(c));
    CU_ASSERT_EQUAL(troupe_count(&troupe), 3);
    troupe_strike(&troupe);
}

static void root_is_restarted(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *root = &troupe.actors[ROOT];
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 2));
    CU_ASSERT_TRUE(actor_does(root, ACTOR_HEALTHY));
    CU_ASSERT_TRUE(dies(&troupe, root, "root"));
    CU_ASSERT_TRUE(actor_entered(root));
    CU_ASSERT_EQUAL(troupe_count(&troupe), 1);
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_tree_ready(troupe.tree))); /* for the first time it was */
    CU_ASSERT_TRUE(actor_told(root, ACTOR_RETURN));
    CU_ASSERT_TRUE(actor_entered(root));
    CU_ASSERT_EQUAL(instance_of(&troupe, "root"), 3);
    CHECK_OPEN(lc_tree_done(troupe.tree));
    lc_tree_cancel(troupe.tree);
    CHECK_SUCCESS(lc_tree_wait(troupe.tree, check_patience()));
    CU_ASSERT_TRUE(actor_absent(root));
    troupe_strike(&troupe);
}

static void end_own_context(lc_context *context, void *arg)
{
    (void)arg;
    lc_context_cancel(context, NULL);
}

/* Whose parent has ended its context by its own hands, and goes on, dies: not below that. */
static void ended_by_own_hands(enum actor_order order, lc_node_state state)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *a = &troupe.actors[A], *b = &troupe.actors[B];
    a->stubborn = b->stubborn = true;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 1));
    CU_ASSERT_TRUE(troupe_plays(a, (struct actor *[]){b}, 1));
    CU_ASSERT_TRUE(actor_calls(a, end_own_context, NULL));
    CU_ASSERT_TRUE(actor_ended(b));
    CU_ASSERT_TRUE(actor_told(b, order));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a.b", state));
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    CU_ASSERT_TRUE(actor_absent(b));
    CU_ASSERT_TRUE(actor_told(a, ACTOR_YIELD));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(actor_entered(a));
    CU_ASSERT_FALSE(actor_ended(a));
    CU_ASSERT_EQUAL(troupe_count(&troupe), 2);
    troupe_strike(&troupe);
}

static void parents_context_must_live(void)
{
    ended_by_own_hands(ACTOR_YIELD, LC_NODE_CANCELED);
    ended_by_own_hands(ACTOR_FAIL, LC_NODE_DEAD);
    ended_by_own_hands(ACTOR_RETURN, LC_NODE_CANCELED);
}

static void done_subtree_is_taken_along(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *actors = troupe.actors, *a = &actors[A], *b = &actors[B], *c = &actors[C];
    c->stubborn = true;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 2)); /* "a" and "b" share their fate */
    CU_ASSERT_TRUE(troupe_plays(a, (struct actor *[]){c}, 1));
    CU_ASSERT_TRUE(completes(&troupe, a, "root.a"));
    CU_ASSERT_TRUE(dies(&troupe, b, "root.b"));
    CHECK_CLOSES(lc_context_done(c->context));
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    CU_ASSERT_TRUE(actor_absent(a)); /* which is DONE, but for what is below it */
    CU_ASSERT_TRUE(actor_absent(b));
    CU_ASSERT_TRUE(actor_told(c, ACTOR_YIELD));
    CU_ASSERT_TRUE(actor_entered(a) && actor_entered(b));
    CU_ASSERT_FALSE(actor_ended(a));
    CU_ASSERT_EQUAL(troupe_state(&troupe, "root.a.c"), -1);
    troupe_strike(&troupe);
}

static void said_done_is_restarted_once_it_has_returned(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *a = &troupe.actors[A], *b = &troupe.actors[B];
    a->stubborn = true;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 2));
    CU_ASSERT_TRUE(actor_does(a, ACTOR_HEALTHY) && actor_does(a, ACTOR_DONE));
    CU_ASSERT_TRUE(dies(&troupe, b, "root.b"));
    CHECK_CLOSES(lc_context_done(a->context));
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    CU_ASSERT_TRUE(actor_absent(a) && actor_absent(b));
    CU_ASSERT_TRUE(actor_does(a, ACTOR_LOOK));
    CU_ASSERT_TRUE(actor_told(a, ACTOR_RETURN));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", LC_NODE_DONE));
    CU_ASSERT_TRUE(actor_entered(a) && actor_entered(b));
    CU_ASSERT_EQUAL(instance_of(&troupe, "root.a"), 2);
    troupe_strike(&troupe);
}

/* ---- B10: those beside ---- */

static void siblings_are_restarted(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *actors = troupe.actors;
    for (size_t i = A; i <= C; i++) /* who has not died does not pause */
        actors[i].child.backoff = (lc_backoff){.first = LC_HOUR,
                                               .most = LC_HOUR,
                                               .factor = 1,
                                               .jitter = LC_NONE,
                                               .steady = LC_NONE,
                                               .pause_first = true};
    actors[C].child.backoff.first = LC_NONE;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 3));
    CU_ASSERT_TRUE(completes(&troupe, &actors[A], "root.a"));
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    CU_ASSERT_TRUE(actor_absent(&actors[A]));
    CU_ASSERT_TRUE(dies(&troupe, &actors[C], "root.c"));
    for (size_t i = A; i <= C; i++) {
        CU_ASSERT_TRUE(actor_entered(&actors[i]));
        CU_ASSERT_FALSE(actor_ended(&actors[i]));
    }
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.b", LC_NODE_CANCELED));
    troupe_strike(&troupe);
}

static void other_groups_are_left_alone(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *actors = troupe.actors;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 2));
    CU_ASSERT_TRUE(troupe_plays(&actors[ROOT], (struct actor *[]){&actors[C], &actors[D]}, 2));
    CU_ASSERT_TRUE(dies(&troupe, &actors[A], "root.a"));
    CU_ASSERT_TRUE(actor_entered(&actors[A]) && actor_entered(&actors[B]));
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    CU_ASSERT_FALSE(actor_ended(&actors[C]) || actor_ended(&actors[D]));
    CU_ASSERT_TRUE(actor_absent(&actors[C]) && actor_absent(&actors[D]));
    troupe_strike(&troupe);
}

/* ---- B8: pauses, on a clock that is moved ---- */

static void set_on(struct troupe *troupe, struct check_clock *clock)
{
    check_clock_use(clock);
    troupe_set(troupe);
}

static void strike_from(struct troupe *troupe, struct check_clock *clock)
{
    troupe_strike(troupe);
    check_clock_use(NULL);
    check_clock_free(clock);
}

static bool is_armed(void *clock)
{
    return check_clock_waiting(clock) > 0;
}

/*
 * What a test has seen of a step may come before its end, at which the timer is armed. In a
 * simulation no time passes before that.
 */
static void await_timer(struct check_clock *clock)
{
    CU_ASSERT_TRUE(lc_is_simulated() || check_until(is_armed, clock));
}

/* Of a child of the root. */
static bool is_pausing(struct troupe *troupe, const struct actor *actor)
{
    char name[16];
    snprintf(name, sizeof name, "root.%s", actor->child.name);
    return troupe_state(troupe, name) == LC_NODE_BACKOFF;
}

/* It pauses exactly as long, and then is started. */
static void pauses_for(struct troupe *troupe, struct actor *actor, struct check_clock *clock,
                       int64_t pause)
{
    await_timer(clock);
    check_clock_advance(clock, pause - 1);
    CU_ASSERT_TRUE(is_pausing(troupe, actor));
    check_clock_advance(clock, 1);
    CU_ASSERT_FALSE(is_pausing(troupe, actor));
    CU_ASSERT_TRUE(actor_entered(actor));
}

static lc_error *without_work(lc_context *context, void *arg)
{
    (void)context;
    (void)arg;
    return NULL;
}

static lc_backoff without_jitter(void)
{
    lc_backoff backoff = {0};
    backoff.jitter = LC_NONE;
    return backoff;
}

static void the_default_is_the_sources(void)
{
    const lc_child given = {.size = sizeof given, .run = without_work};
    struct lc__child child;
    lc_child_group group;
    size_t count;
    CHECK_SUCCESS(lc__child_read(&child, &given, "root"));
    CU_ASSERT_FALSE(child.backoff.first_at_once);
    CU_ASSERT_EQUAL(child.backoff.first, 500 * LC_MILLISECOND);
    CU_ASSERT_EQUAL(child.backoff.most, 60 * LC_SECOND);
    CU_ASSERT_TRUE(child.backoff.factor == 1.5);
    CU_ASSERT_TRUE(child.backoff.jitter == 0.5);
    CU_ASSERT_EQUAL(child.options.restart, LC_PERMANENT);
    CU_ASSERT_EQUAL(child.options.kind, LC_THREAD);
    CU_ASSERT_EQUAL(child.options.stop_timeout, LC_FOREVER);
    CHECK_SUCCESS(lc__child_group_read(&group, LC_CHILD_GROUP(.children = NULL), &count));
    CU_ASSERT_EQUAL(count, 0);
    CU_ASSERT_EQUAL(group.strategy, LC_ONE_FOR_ALL);
    CU_ASSERT_EQUAL(group.intensity.restarts, 0);
}

static void pauses_grow(void)
{
    struct check_clock *clock = check_clock_new();
    struct troupe troupe;
    set_on(&troupe, clock);
    struct actor *a = &troupe.actors[A];
    a->child.backoff = without_jitter();
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 1));
    double pause = 500e6;
    for (unsigned death = 0; death < 20; death++) { /* and it never gives up */
        CU_ASSERT_TRUE(dies(&troupe, a, "root.a"));
        CU_ASSERT_EQUAL(troupe_state(&troupe, "root.a"), LC_NODE_BACKOFF);
        pauses_for(&troupe, a, clock, (int64_t)pause);
        pause = pause * 1.5 < 60e9 ? pause * 1.5 : 60e9;
    }
    CU_ASSERT_TRUE(pause == 60e9);
    strike_from(&troupe, clock);
}

static void pauses_begin_anew(void)
{
    struct check_clock *clock = check_clock_new();
    struct troupe troupe;
    set_on(&troupe, clock);
    struct actor *a = &troupe.actors[A];
    a->child.backoff = without_jitter();
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 1));
    for (enum actor_order signal = ACTOR_LOOK; signal <= ACTOR_DONE; signal++) {
        CU_ASSERT_TRUE(dies(&troupe, a, "root.a"));
        pauses_for(&troupe, a, clock, 500 * LC_MILLISECOND);
        CU_ASSERT_TRUE(dies(&troupe, a, "root.a"));
        pauses_for(&troupe, a, clock, 750 * LC_MILLISECOND);
        for (enum actor_order given = ACTOR_HEALTHY; given <= ACTOR_DONE; given++)
            CU_ASSERT_TRUE(given > signal + 1 || actor_does(a, given));
    }
    CU_ASSERT_TRUE(dies(&troupe, a, "root.a")); /* having said done */
    pauses_for(&troupe, a, clock, 500 * LC_MILLISECOND);
    strike_from(&troupe, clock);
}

/* It has a pause of 0.5 to 1.5 times as long. @return which tenth of that it was. */
static unsigned pauses_about(struct troupe *troupe, struct actor *actor, struct check_clock *clock,
                             double pause)
{
    unsigned tenth = 0;
    await_timer(clock);
    check_clock_advance(clock, (int64_t)(pause * 0.5) - 1);
    CU_ASSERT_TRUE(is_pausing(troupe, actor));
    while (is_pausing(troupe, actor) && tenth < 12) {
        check_clock_advance(clock, (int64_t)(pause * 0.1));
        tenth++;
    }
    CU_ASSERT_TRUE(tenth <= 11); /* the last bit is rounding */
    CU_ASSERT_TRUE(actor_entered(actor));
    return tenth;
}

static void pauses_are_jittered(void)
{
    struct check_clock *clock = check_clock_new();
    struct troupe troupe;
    set_on(&troupe, clock);
    struct actor *a = &troupe.actors[A];
    a->child.backoff = (lc_backoff){0};
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 1));
    double pause = 500e6;
    unsigned seen = 0;
    for (unsigned death = 0; death < 40; death++) {
        CU_ASSERT_TRUE(dies(&troupe, a, "root.a"));
        seen |= 1u << pauses_about(&troupe, a, clock, pause);
        pause = pause * 1.5 < 60e9 ? pause * 1.5 : 60e9; /* the jitter is not part of this */
    }
    CU_ASSERT_TRUE((seen & (seen - 1)) != 0); /* not always the same */
    CU_ASSERT_TRUE((seen & 0x3e) != 0);       /* shorter ones, and longer ones */
    CU_ASSERT_TRUE((seen & 0xfc0) != 0);
    strike_from(&troupe, clock);
}

static void only_the_dead_pause(void)
{
    struct check_clock *clock = check_clock_new();
    struct troupe troupe;
    set_on(&troupe, clock);
    struct actor *actors = troupe.actors;
    for (size_t i = A; i <= C; i++)
        actors[i].child.backoff = without_jitter();
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 3));
    CU_ASSERT_TRUE(completes(&troupe, &actors[A], "root.a"));
    CU_ASSERT_TRUE(dies(&troupe, &actors[B], "root.b"));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.c", LC_NODE_CANCELED));
    pauses_for(&troupe, &actors[B], clock, 500 * LC_MILLISECOND);
    CU_ASSERT_TRUE(actor_entered(&actors[A]) && actor_entered(&actors[C])); /* with it */
    CU_ASSERT_TRUE(dies(&troupe, &actors[C], "root.c"));                    /* its first */
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.b", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", LC_NODE_CANCELED));
    pauses_for(&troupe, &actors[C], clock, 500 * LC_MILLISECOND);
    CU_ASSERT_TRUE(actor_entered(&actors[A]) && actor_entered(&actors[B]));
    CU_ASSERT_TRUE(dies(&troupe, &actors[B], "root.b")); /* being cancelled has changed nothing */
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.c", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", LC_NODE_CANCELED));
    pauses_for(&troupe, &actors[B], clock, 750 * LC_MILLISECOND);
    strike_from(&troupe, clock);
}

/*
 * What pauses is cancelled with the tree: the pause is over at once, and it has not died of this.
 */
static void cancelled_while_pausing(void)
{
    struct check_clock *clock = check_clock_new();
    struct troupe troupe;
    set_on(&troupe, clock);
    struct actor *actors = troupe.actors;
    actors[A].child.backoff = without_jitter();
    actors[A].child.backoff.first = actors[A].child.backoff.most = LC_HOUR;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 2));
    CU_ASSERT_TRUE(dies(&troupe, &actors[A], "root.a"));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.b", LC_NODE_CANCELED));
    await_timer(clock);
    CU_ASSERT_EQUAL(troupe_state(&troupe, "root.a"), LC_NODE_BACKOFF);
    lc_tree_cancel(troupe.tree);
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", LC_NODE_CANCELED));
    CHECK_SUCCESS(lc_tree_wait(troupe.tree, LC_FOREVER));
    CU_ASSERT_TRUE(actor_absent(&actors[A]) && actor_absent(&actors[B]));
    strike_from(&troupe, clock);
}

/* What pauses below one that dies does not keep that from its own restart. */
static void pausing_below_a_death(void)
{
    struct check_clock *clock = check_clock_new();
    struct troupe troupe;
    set_on(&troupe, clock);
    struct actor *a = &troupe.actors[A], *b = &troupe.actors[B];
    b->child.backoff.first = b->child.backoff.most = LC_HOUR;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 1));
    CU_ASSERT_TRUE(troupe_plays(a, (struct actor *[]){b}, 1));
    CU_ASSERT_TRUE(dies(&troupe, b, "root.a.b"));
    CU_ASSERT_TRUE(actor_told(a, ACTOR_FAIL));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a.b", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(actor_entered(a));
    CU_ASSERT_EQUAL(troupe_count(&troupe), 2);
    check_clock_advance(clock, 2 * LC_HOUR);
    CU_ASSERT_TRUE(actor_absent(b));
    strike_from(&troupe, clock);
}

/* ---- B17: strategies ---- */

/* "b" of "a" to "d" dies. @return those that are restarted, a bit each. */
static unsigned restarted_along(lc_strategy strategy, lc_restart_type restart)
{
    struct troupe troupe;
    unsigned restarted = 0;
    troupe_set(&troupe);
    struct actor *actors = troupe.actors;
    actors[ROOT].group.strategy = strategy;
    actors[B].child.restart = restart;
    CU_ASSERT_TRUE(troupe_open(&troupe) && actor_starts(&actors[ROOT], 4));
    for (unsigned i = A; i <= D; i++)
        CU_ASSERT_TRUE(actor_entered(&actors[i]) &&
                       (i == D || actor_does(&actors[i], ACTOR_HEALTHY)));
    CU_ASSERT_TRUE(completes(&troupe, &actors[D], "root.d"));
    CU_ASSERT_TRUE(dies(&troupe, &actors[B], "root.b"));
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    for (unsigned i = A; i <= D; i++) {
        CU_ASSERT_TRUE(troupe_settles(&troupe));
        if (actor_absent(&actors[i]))
            continue;
        restarted |= 1u << i;
        CU_ASSERT_TRUE(actor_entered(&actors[i]) && actor_does(&actors[i], ACTOR_HEALTHY));
    }
    CU_ASSERT_EQUAL(troupe_count(&troupe), 5);
    troupe_strike(&troupe);
    return restarted;
}

static void strategies(void)
{
    CU_ASSERT_EQUAL(restarted_along(LC_ONE_FOR_ALL, LC_PERMANENT),
                    1u << A | 1u << B | 1u << C | 1u << D);
    CU_ASSERT_EQUAL(restarted_along(LC_ONE_FOR_ONE, LC_PERMANENT), 1u << B);
    CU_ASSERT_EQUAL(restarted_along(LC_REST_FOR_ONE, LC_PERMANENT), 1u << B | 1u << C | 1u << D);
}

static void restart_types_of_the_dead(void)
{
    CU_ASSERT_EQUAL(restarted_along(LC_ONE_FOR_ALL, LC_TRANSIENT),
                    1u << A | 1u << B | 1u << C | 1u << D);
    CU_ASSERT_EQUAL(restarted_along(LC_ONE_FOR_ONE, LC_TRANSIENT), 1u << B);
    /* Who is not restarted does not take others along. */
    CU_ASSERT_EQUAL(restarted_along(LC_ONE_FOR_ALL, LC_TEMPORARY), 0);
    CU_ASSERT_EQUAL(restarted_along(LC_ONE_FOR_ONE, LC_TEMPORARY), 0);
    CU_ASSERT_EQUAL(restarted_along(LC_REST_FOR_ONE, LC_TEMPORARY), 0);
}

static void transient_may_simply_return(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *a = &troupe.actors[A], *b = &troupe.actors[B];
    a->child.restart = LC_TRANSIENT;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 2));
    CU_ASSERT_TRUE(actor_told(a, ACTOR_RETURN));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", LC_NODE_DONE));
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    CU_ASSERT_TRUE(actor_absent(a));
    CU_ASSERT_FALSE(actor_ended(a) || actor_ended(b));
    CU_ASSERT_TRUE(dies(&troupe, b, "root.b")); /* as another that is done */
    CU_ASSERT_TRUE(actor_entered(a) && actor_entered(b));
    CU_ASSERT_TRUE(actor_does(a, ACTOR_HEALTHY));
    CU_ASSERT_TRUE(actor_told(a, ACTOR_RETURN));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", LC_NODE_DONE));
    troupe_strike(&troupe);
}

static void temporary_stays_down(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *actors = troupe.actors, *a = &actors[A], *b = &actors[B], *c = &actors[C];
    a->child.restart = LC_TEMPORARY;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 2));
    CU_ASSERT_TRUE(troupe_plays(a, (struct actor *[]){c}, 1));
    CU_ASSERT_TRUE(dies(&troupe, b, "root.b"));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(actor_entered(b));
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    CU_ASSERT_TRUE(actor_absent(a));
    CU_ASSERT_EQUAL(troupe_state(&troupe, "root.a"), LC_NODE_CANCELED);
    CU_ASSERT_EQUAL(troupe_state(&troupe, "root.a.c"), -1);
    CU_ASSERT_TRUE(dies(&troupe, &actors[ROOT], "root")); /* it keeps nobody from a restart */
    CU_ASSERT_TRUE(actor_entered(&actors[ROOT]));
    CU_ASSERT_TRUE(troupe_plays(&actors[ROOT], (struct actor *[]){a}, 1));
    troupe_strike(&troupe);
}

/* ---- B17: intensity ---- */

static struct actor *bear(struct troupe *troupe, unsigned restarts, lc_behavior exceeded)
{
    struct actor *actors = troupe->actors;
    actors[A].group.intensity = (lc_intensity){restarts, LC_SECOND, exceeded};
    actors[A].group.strategy = LC_ONE_FOR_ONE;
    return &actors[A];
}

/* root - a - (b, c), and d beside a; "b" and "c" have died twice together, which is borne. */
static bool open_borne(struct troupe *troupe)
{
    struct actor *actors = troupe->actors, *root = &actors[ROOT], *a = &actors[A];
    return troupe_open(troupe) && troupe_plays(root, (struct actor *[]){a, &actors[D]}, 2) &&
           troupe_plays(a, (struct actor *[]){&actors[B], &actors[C]}, 2) &&
           dies(troupe, &actors[B], "root.a.b") && actor_entered(&actors[B]) &&
           dies(troupe, &actors[C], "root.a.c") && actor_entered(&actors[C]);
}

static void exceeded_stop(void)
{
    struct check_clock *clock = check_clock_new();
    struct troupe troupe;
    set_on(&troupe, clock);
    struct actor *actors = troupe.actors;
    bear(&troupe, 2, LC_STOP);
    CU_ASSERT_TRUE(open_borne(&troupe));
    CU_ASSERT_TRUE(dies(&troupe, &actors[B], "root.a.b"));
    CU_ASSERT_TRUE(actor_does(&actors[A], ACTOR_HEALTHY)); /* all that is posted is dealt with */
    CU_ASSERT_TRUE(actor_absent(&actors[B]));
    CU_ASSERT_EQUAL(troupe_state(&troupe, "root.a.b"), LC_NODE_DEAD);
    CU_ASSERT_TRUE(check_log_has("root.a.b: too many restarts (2 in 1.0 s are allowed)"));
    CU_ASSERT_TRUE(actor_does(&actors[C], ACTOR_LOOK));
    check_clock_advance(clock, 10 * LC_SECOND);
    CU_ASSERT_TRUE(actor_absent(&actors[B]));
    CU_ASSERT_TRUE(dies(&troupe, &actors[C], "root.a.c")); /* which counts by itself again */
    CU_ASSERT_TRUE(actor_entered(&actors[C]));
    strike_from(&troupe, clock);
}

static void old_restarts_do_not_count(void)
{
    struct check_clock *clock = check_clock_new();
    struct troupe troupe;
    set_on(&troupe, clock);
    struct actor *b = &troupe.actors[B], *c = &troupe.actors[C];
    bear(&troupe, 2, LC_STOP);
    CU_ASSERT_TRUE(open_borne(&troupe));
    check_clock_advance(clock, LC_SECOND);
    CU_ASSERT_TRUE(dies(&troupe, b, "root.a.b") && actor_entered(b));
    check_clock_advance(clock, LC_SECOND - 1);
    CU_ASSERT_TRUE(dies(&troupe, c, "root.a.c") && actor_entered(c));
    check_clock_advance(clock, 1); /* the first of the two is old */
    CU_ASSERT_TRUE(dies(&troupe, b, "root.a.b") && actor_entered(b));
    CU_ASSERT_TRUE(dies(&troupe, b, "root.a.b"));
    CU_ASSERT_TRUE(actor_does(c, ACTOR_LOOK));
    CU_ASSERT_EQUAL(troupe_state(&troupe, "root.a.b"), LC_NODE_DEAD);
    CU_ASSERT_TRUE(actor_absent(b));
    strike_from(&troupe, clock);
}

static void only_deaths_count(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *actors = troupe.actors;
    actors[ROOT].group.intensity = (lc_intensity){2, LC_HOUR, LC_STOP};
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 4));
    CU_ASSERT_TRUE(completes(&troupe, &actors[A], "root.a"));
    for (unsigned death = 0; death < 2; death++) { /* with three others each time */
        CU_ASSERT_TRUE(dies(&troupe, &actors[D], "root.d"));
        for (size_t i = A; i <= D; i++)
            CU_ASSERT_TRUE(actor_entered(&actors[i]));
    }
    CU_ASSERT_TRUE(dies(&troupe, &actors[D], "root.d"));
    CU_ASSERT_TRUE(troupe_settles(&troupe));
    for (size_t i = A; i <= D; i++)
        CU_ASSERT_TRUE(actor_absent(&actors[i]));
    troupe_strike(&troupe);
}

/* The parent dies of it, and takes its own group along; whatever it says itself. */
static void exceeded_stop_parents(enum actor_order order)
{
    struct check_clock *clock = check_clock_new();
    struct troupe troupe;
    set_on(&troupe, clock);
    struct actor *actors = troupe.actors, *a = bear(&troupe, 2, LC_STOP_PARENTS);
    a->stubborn = true;
    CU_ASSERT_TRUE(open_borne(&troupe));
    CU_ASSERT_TRUE(dies(&troupe, &actors[B], "root.a.b"));
    CHECK_CLOSES(lc_context_done(a->context));
    CU_ASSERT_TRUE(lc_error_is(lc_context_error(a->context), -102));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a.c", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(actor_told(a, order));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", LC_NODE_DEAD));
    CU_ASSERT_EQUAL(troupe.last.code, -102);
    CU_ASSERT_TRUE(actor_entered(a));
    CU_ASSERT_TRUE(
        check_log_has("root.a: died: \"root.a.b\" would be restarted more than 2 times"));
    CU_ASSERT_TRUE(actor_entered(&actors[D]));
    CU_ASSERT_EQUAL(troupe_count(&troupe), 3);
    /* A new group counts anew. */
    CU_ASSERT_TRUE(troupe_plays(a, (struct actor *[]){&actors[B], &actors[C]}, 2));
    CU_ASSERT_TRUE(dies(&troupe, &actors[B], "root.a.b"));
    CU_ASSERT_TRUE(actor_entered(&actors[B]));
    strike_from(&troupe, clock);
}

static void exceeded_kills_the_parent(void)
{
    exceeded_stop_parents(ACTOR_YIELD);
    exceeded_stop_parents(ACTOR_RETURN);
    exceeded_stop_parents(ACTOR_FAIL);
}

static void exceeded_kills_a_parent_that_is_done(void)
{
    struct check_clock *clock = check_clock_new();
    struct troupe troupe;
    set_on(&troupe, clock);
    struct actor *actors = troupe.actors, *a = bear(&troupe, 2, LC_STOP_PARENTS);
    CU_ASSERT_TRUE(open_borne(&troupe));
    CU_ASSERT_TRUE(completes(&troupe, a, "root.a"));
    CU_ASSERT_TRUE(dies(&troupe, &actors[B], "root.a.b"));
    CU_ASSERT_TRUE(troupe_sees(&troupe, "root.a", LC_NODE_DEAD));
    CU_ASSERT_EQUAL(troupe.last.code, -102);
    CU_ASSERT_TRUE(actor_entered(a));
    CU_ASSERT_EQUAL(troupe_state(&troupe, "root.a.c"), -1);
    strike_from(&troupe, clock);
}

/* Up to the root: then the whole tree ends, and who has started it is told. */
static void exceeded_ends_the_tree(lc_behavior exceeded, bool at_the_root)
{
    struct troupe troupe;
    struct scope scope = scope_new(NULL);
    troupe_set(&troupe);
    troupe.context = scope.context;
    struct actor *actors = troupe.actors, *root = &actors[ROOT];
    struct actor *parent = at_the_root ? root : &actors[A];
    const char *name = at_the_root ? "root.b" : "root.a.b";
    parent->group.intensity = (lc_intensity){1, LC_HOUR, exceeded};
    CU_ASSERT_TRUE(troupe_open(&troupe));
    if (!at_the_root)
        CU_ASSERT_TRUE(troupe_plays(root, (struct actor *[]){&actors[A]}, 1));
    CU_ASSERT_TRUE(troupe_plays(parent, (struct actor *[]){&actors[B]}, 1));
    CU_ASSERT_TRUE(dies(&troupe, &actors[B], name) && actor_entered(&actors[B]));
    CU_ASSERT_TRUE(dies(&troupe, &actors[B], name));
    if (exceeded == LC_SHUTDOWN) {
        CHECK_ERROR(lc_tree_wait(troupe.tree, check_patience()), -102);
        lc_error *error = lc_signaler_take(scope.signaler);
        CU_ASSERT_TRUE(lc_error_is(error, -102));
        CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "more than 1 times"));
        lc_error_unref(error);
    } else { /* the root dies of it, and is restarted */
        CU_ASSERT_TRUE(troupe_sees(&troupe, "root", LC_NODE_DEAD));
        CU_ASSERT_TRUE(actor_entered(root));
        CHECK_OPEN(lc_signaler_thrown(scope.signaler));
    }
    CU_ASSERT_TRUE(actor_absent(&actors[B]));
    troupe_strike(&troupe);
    scope_drop(&scope);
}

static void exceeded_shutdown(void)
{
    exceeded_ends_the_tree(LC_SHUTDOWN, true);
    exceeded_ends_the_tree(LC_SHUTDOWN, false);
}

static void exceeded_kills_the_root(void)
{
    exceeded_ends_the_tree(LC_STOP_PARENTS, true);
}

static void without_a_signaler_it_is_logged(void)
{
    struct troupe troupe;
    troupe_set(&troupe);
    struct actor *a = &troupe.actors[A];
    troupe.actors[ROOT].group.intensity = (lc_intensity){1, LC_HOUR, LC_SHUTDOWN};
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 1));
    CU_ASSERT_TRUE(dies(&troupe, a, "root.a") && actor_entered(a));
    CU_ASSERT_TRUE(actor_told(a, ACTOR_FAIL));
    CHECK_ERROR(lc_tree_wait(troupe.tree, check_patience()), -101);
    CU_ASSERT_TRUE(check_log_has("tree: ended by an error: \"root.a\" would be restarted"));
    troupe_strike(&troupe);
}

/* ---- B17: the stop deadline ---- */

static void overdue_is_named_and_blocks(void)
{
    struct check_clock *clock = check_clock_new();
    struct troupe troupe;
    set_on(&troupe, clock);
    struct actor *a = &troupe.actors[A], *b = &troupe.actors[B];
    a->stubborn = true;
    a->child.stop_timeout = LC_SECOND;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 2));
    CU_ASSERT_TRUE(dies(&troupe, b, "root.b"));
    await_timer(clock);
    check_clock_advance(clock, LC_SECOND - 1);
    CU_ASSERT_FALSE(troupe_status(&troupe, "root.a").overdue);
    CU_ASSERT_FALSE(check_log_has("has not ended in time"));
    check_clock_advance(clock, 1);
    CU_ASSERT_TRUE(troupe_status(&troupe, "root.a").overdue);
    CU_ASSERT_EQUAL(check_log_count("root.a: has not ended in time"), 1);
    check_clock_advance(clock, LC_HOUR);
    CU_ASSERT_TRUE(actor_absent(a) && actor_absent(b));
    CU_ASSERT_TRUE(actor_does(a, ACTOR_LOOK));
    CU_ASSERT_TRUE(actor_told(a, ACTOR_YIELD));
    CU_ASSERT_TRUE(actor_entered(a) && actor_entered(b));
    CU_ASSERT_FALSE(troupe_status(&troupe, "root.a").overdue);
    check_clock_advance(clock, LC_HOUR);
    CU_ASSERT_FALSE(troupe_status(&troupe, "root.a").overdue);
    CU_ASSERT_EQUAL(check_log_count("has not ended in time"), 1);
    strike_from(&troupe, clock);
}

/* Its time runs from its start, since it was to stop by then. */
static void overdue_if_accepted_late(void)
{
    struct check_clock *clock = check_clock_new();
    struct troupe troupe;
    set_on(&troupe, clock);
    struct actor *a = &troupe.actors[A], *c = &troupe.actors[C];
    a->stubborn = c->stubborn = true;
    c->child.stop_timeout = LC_SECOND;
    CU_ASSERT_TRUE(troupe_open_with(&troupe, 2));
    CU_ASSERT_TRUE(dies(&troupe, &troupe.actors[B], "root.b"));
    CHECK_CLOSES(lc_context_done(a->context));
    check_clock_advance(clock, LC_HOUR);
    CU_ASSERT_TRUE(troupe_plays(a, (struct actor *[]){c}, 1));
    await_timer(clock);
    check_clock_advance(clock, LC_SECOND - 1);
    CU_ASSERT_FALSE(troupe_status(&troupe, "root.a.c").overdue);
    check_clock_advance(clock, 1);
    CU_ASSERT_TRUE(troupe_status(&troupe, "root.a.c").overdue);
    strike_from(&troupe, clock);
}

CHECK_SUITE_IN_MODES(
    tree_restarts, "conformance: restarts in a tree",
    {"B7 a restart waits until all below has ended, and forgets it", restart_waits_for_all_below},
    {"B7, B16 nothing above or beside the subtree is touched", only_the_subtree_is_restarted},
    {"B7 the largest subtree is taken", the_largest_subtree_is_taken},
    {"B7 the root is restarted while the tree is not cancelled", root_is_restarted},
    {"B7 nothing is restarted under a parent whose context has ended", parents_context_must_live},
    {"B7 a done runnable is restarted once what is below it has ended",
     done_subtree_is_taken_along},
    {"B8 the default pauses are 0.5 s, half as long again each time, 60 s, give or take half",
     the_default_is_the_sources},
    {"B8 pauses grow up to the longest, and it never gives up", pauses_grow, CHECK_EXACT},
    {"B8 healthy, and done, set the pauses back", pauses_begin_anew, CHECK_EXACT},
    {"B8 pauses are jittered, each by itself", pauses_are_jittered, CHECK_EXACT},
    {"B8 only the dead pause; the pauses are the runnable's, over its restarts",
     only_the_dead_pause, CHECK_EXACT},
    {"B8 what is cancelled while it pauses is canceled at once", cancelled_while_pausing},
    {"B8 a pause below one that dies ends, and keeps it from nothing", pausing_below_a_death},
    {"B9 one that has said done is restarted only once it has returned",
     said_done_is_restarted_once_it_has_returned},
    {"B10 those beside a dead one are restarted at once, also one that is done",
     siblings_are_restarted},
    {"B10 other groups are left alone", other_groups_are_left_alone},
    {"B17 one for all, one for one, rest for one", strategies},
    {"B17 permanent, transient and temporary, of one that has died", restart_types_of_the_dead},
    {"B17 a transient runnable may return without having said done", transient_may_simply_return},
    {"B17 a temporary runnable that was taken along stays down", temporary_stays_down},
    {"B17 too many restarts: stop, and the node stays down", exceeded_stop, CHECK_EXACT},
    {"B17 restarts that are older than the period do not count", old_restarts_do_not_count,
     CHECK_EXACT},
    {"B17 only restarts after a death count", only_deaths_count},
    {"B17 too many restarts: stop-parents, and the parent dies of it", exceeded_kills_the_parent},
    {"B17 too many restarts: stop-parents, also of a parent that is done",
     exceeded_kills_a_parent_that_is_done},
    {"B17 too many restarts: stop-parents, also of the root", exceeded_kills_the_root},
    {"B17 too many restarts: shutdown, and who has started the tree is told", exceeded_shutdown},
    {"B17 too many restarts: shutdown, and without a signaler it is logged",
     without_a_signaler_it_is_logged},
    {"B17 one that has not stopped in time is named, and blocks its restart",
     overdue_is_named_and_blocks, CHECK_EXACT},
    {"B17 one that was started below an ended context has to stop in time as well",
     overdue_if_accepted_late, CHECK_EXACT});
