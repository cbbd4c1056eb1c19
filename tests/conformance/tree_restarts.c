/*
 * tree_restarts.c: contract B7-B10, B16, B17: what of a tree is restarted, when, and how often.
 */
#include "supervise/child.h"
#include "support/check.h"
#include "support/clock.h"
#include "support/mode.h"
#include "support/scripted_tree.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { ROOT, A, B, C, D, E };

static uint64_t instance_of(struct scripted_tree *tree, const char *name)
{
    return tree_status(tree, name).instance;
}

/* It signals healthy and done, and returns. */
static bool completes(struct scripted_tree *tree, struct scripted_runnable *runnable,
                      const char *name)
{
    return runnable_does(runnable, RUNNABLE_HEALTHY) && runnable_does(runnable, RUNNABLE_DONE) &&
           runnable_told(runnable, RUNNABLE_RETURN) && tree_sees(tree, name, LC_NODE_DONE);
}

static bool dies(struct scripted_tree *tree, struct scripted_runnable *runnable, const char *name)
{
    return runnable_told(runnable, RUNNABLE_FAIL) && tree_sees(tree, name, LC_NODE_DEAD);
}

/* ---- B7, B9, B16: the largest subtree that has ended ---- */

/* root - a - b - c, and d below the root in a group of its own. */
static bool open_chain(struct scripted_tree *tree)
{
    struct scripted_runnable *runnables = tree->runnables;
    return tree_start(tree) &&
           tree_start_children(&runnables[ROOT], (struct scripted_runnable *[]){&runnables[A]},
                               1) &&
           tree_start_children(&runnables[ROOT], (struct scripted_runnable *[]){&runnables[D]},
                               1) &&
           tree_start_children(&runnables[A], (struct scripted_runnable *[]){&runnables[B]}, 1) &&
           tree_start_children(&runnables[B], (struct scripted_runnable *[]){&runnables[C]}, 1);
}

static void restart_waits_for_all_below(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *b = &tree.runnables[B],
                             *c = &tree.runnables[C];
    b->stubborn = c->stubborn = true;
    CU_ASSERT_TRUE(open_chain(&tree));
    CU_ASSERT_TRUE(dies(&tree, a, "root.a"));
    CHECK_CLOSES(lc_context_done(c->context));
    CU_ASSERT_TRUE(runnable_ended(b));
    CU_ASSERT_TRUE(runnable_told(b, RUNNABLE_YIELD));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a.b", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(a) && runnable_absent(b));
    CU_ASSERT_TRUE(runnable_told(c, RUNNABLE_YIELD));
    CU_ASSERT_TRUE(runnable_entered(a));
    /* What was below is forgotten, and the restarted one starts it again. */
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(b) && runnable_absent(c));
    CU_ASSERT_EQUAL(tree_count(&tree), 3);
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){b}, 1));
    CU_ASSERT_EQUAL(instance_of(&tree, "root.a"), 2);
    CU_ASSERT_EQUAL(instance_of(&tree, "root.a.b"), 1);
    CU_ASSERT_FALSE(runnable_ended(b));
    CU_ASSERT_EQUAL(instance_of(&tree, "root.d"), 1);
    CU_ASSERT_EQUAL(instance_of(&tree, "root"), 1);
    tree_drop(&tree);
}

static void only_the_subtree_is_restarted(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables;
    CU_ASSERT_TRUE(open_chain(&tree));
    for (uint64_t instance = 2; instance < 5; instance++) {
        CU_ASSERT_TRUE(dies(&tree, &runnables[C], "root.a.b.c"));
        CU_ASSERT_TRUE(runnable_entered(&runnables[C]));
        CU_ASSERT_EQUAL(instance_of(&tree, "root.a.b.c"), instance);
    }
    CU_ASSERT_EQUAL(instance_of(&tree, "root.a.b"), 1);
    CU_ASSERT_EQUAL(instance_of(&tree, "root.a"), 1);
    CU_ASSERT_TRUE(runnable_does(&runnables[A], RUNNABLE_LOOK) &&
                   runnable_does(&runnables[B], RUNNABLE_LOOK));
    tree_drop(&tree);
}

/* "b" has died, and waits for "c" to end, when "a" dies: it is not restarted by itself any more. */
static void the_largest_subtree_is_taken(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *b = &tree.runnables[B],
                             *c = &tree.runnables[C];
    c->stubborn = true;
    CU_ASSERT_TRUE(open_chain(&tree));
    CU_ASSERT_TRUE(dies(&tree, b, "root.a.b"));
    CU_ASSERT_TRUE(dies(&tree, a, "root.a"));
    CU_ASSERT_TRUE(runnable_told(c, RUNNABLE_FAIL));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a.b.c", LC_NODE_DEAD));
    CU_ASSERT_TRUE(runnable_entered(a));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(b) && runnable_absent(c));
    CU_ASSERT_EQUAL(tree_count(&tree), 3);
    tree_drop(&tree);
}

static void root_is_restarted(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *root = &tree.runnables[ROOT];
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(runnable_does(root, RUNNABLE_HEALTHY));
    CU_ASSERT_TRUE(dies(&tree, root, "root"));
    CU_ASSERT_TRUE(runnable_entered(root));
    CU_ASSERT_EQUAL(tree_count(&tree), 1);
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_tree_ready(tree.real))); /* for the first time it was */
    CU_ASSERT_TRUE(runnable_told(root, RUNNABLE_RETURN));
    CU_ASSERT_TRUE(runnable_entered(root));
    CU_ASSERT_EQUAL(instance_of(&tree, "root"), 3);
    CHECK_OPEN(lc_tree_done(tree.real));
    lc_tree_cancel(tree.real);
    CHECK_SUCCESS(lc_tree_wait(tree.real, check_patience()));
    CU_ASSERT_TRUE(runnable_absent(root));
    tree_drop(&tree);
}

static void end_own_context(lc_context *context, void *arg)
{
    (void)arg;
    lc_context_cancel(context, NULL);
}

/*
 * A child dies after its parent has cancelled its own context and goes on: no restart below that.
 */
static void ended_by_own_hands(enum runnable_order order, lc_node_state state)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *b = &tree.runnables[B];
    a->stubborn = b->stubborn = true;
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){b}, 1));
    CU_ASSERT_TRUE(runnable_calls(a, end_own_context, NULL));
    CU_ASSERT_TRUE(runnable_ended(b));
    CU_ASSERT_TRUE(runnable_told(b, order));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a.b", state));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(b));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_YIELD));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(runnable_entered(a));
    CU_ASSERT_FALSE(runnable_ended(a));
    CU_ASSERT_EQUAL(tree_count(&tree), 2);
    tree_drop(&tree);
}

static void parents_context_must_live(void)
{
    ended_by_own_hands(RUNNABLE_YIELD, LC_NODE_CANCELED);
    ended_by_own_hands(RUNNABLE_FAIL, LC_NODE_DEAD);
    ended_by_own_hands(RUNNABLE_RETURN, LC_NODE_CANCELED);
}

static void done_subtree_is_taken_along(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables, *a = &runnables[A], *b = &runnables[B],
                             *c = &runnables[C];
    c->stubborn = true;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2)); /* "a" and "b" share their fate */
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){c}, 1));
    CU_ASSERT_TRUE(completes(&tree, a, "root.a"));
    CU_ASSERT_TRUE(dies(&tree, b, "root.b"));
    CHECK_CLOSES(lc_context_done(c->context));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(a)); /* which is DONE, but for what is below it */
    CU_ASSERT_TRUE(runnable_absent(b));
    CU_ASSERT_TRUE(runnable_told(c, RUNNABLE_YIELD));
    CU_ASSERT_TRUE(runnable_entered(a) && runnable_entered(b));
    CU_ASSERT_FALSE(runnable_ended(a));
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a.c"), -1);
    tree_drop(&tree);
}

static void said_done_is_restarted_once_it_has_returned(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *b = &tree.runnables[B];
    a->stubborn = true;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_HEALTHY) && runnable_does(a, RUNNABLE_DONE));
    CU_ASSERT_TRUE(dies(&tree, b, "root.b"));
    CHECK_CLOSES(lc_context_done(a->context));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(a) && runnable_absent(b));
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_LOOK));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_RETURN));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DONE));
    CU_ASSERT_TRUE(runnable_entered(a) && runnable_entered(b));
    CU_ASSERT_EQUAL(instance_of(&tree, "root.a"), 2);
    tree_drop(&tree);
}

/* ---- B10: those beside ---- */

static void siblings_are_restarted(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables;
    for (size_t i = A; i <= C; i++) /* one that has not died does not pause */
        runnables[i].child.backoff = (lc_backoff){.first = LC_HOUR,
                                                  .most = LC_HOUR,
                                                  .factor = 1,
                                                  .jitter = LC_NONE,
                                                  .steady = LC_NONE,
                                                  .pause_first = true};
    runnables[C].child.backoff.first = LC_NONE;
    CU_ASSERT_TRUE(tree_start_with(&tree, 3));
    CU_ASSERT_TRUE(completes(&tree, &runnables[A], "root.a"));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(&runnables[A]));
    CU_ASSERT_TRUE(dies(&tree, &runnables[C], "root.c"));
    for (size_t i = A; i <= C; i++) {
        CU_ASSERT_TRUE(runnable_entered(&runnables[i]));
        CU_ASSERT_FALSE(runnable_ended(&runnables[i]));
    }
    CU_ASSERT_TRUE(tree_sees(&tree, "root.b", LC_NODE_CANCELED));
    tree_drop(&tree);
}

static void other_groups_are_left_alone(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(tree_start_children(
        &runnables[ROOT], (struct scripted_runnable *[]){&runnables[C], &runnables[D]}, 2));
    CU_ASSERT_TRUE(dies(&tree, &runnables[A], "root.a"));
    CU_ASSERT_TRUE(runnable_entered(&runnables[A]) && runnable_entered(&runnables[B]));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_FALSE(runnable_ended(&runnables[C]) || runnable_ended(&runnables[D]));
    CU_ASSERT_TRUE(runnable_absent(&runnables[C]) && runnable_absent(&runnables[D]));
    tree_drop(&tree);
}

/* ---- B8: pauses, on a clock that is moved ---- */

static void set_on(struct scripted_tree *tree, struct check_clock *clock)
{
    check_clock_use(clock);
    tree_init(tree);
}

static void strike_from(struct scripted_tree *tree, struct check_clock *clock)
{
    tree_drop(tree);
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
static bool is_pausing(struct scripted_tree *tree, const struct scripted_runnable *runnable)
{
    char name[16];
    snprintf(name, sizeof name, "root.%s", runnable->child.name);
    return tree_state(tree, name) == LC_NODE_BACKOFF;
}

/* It pauses exactly as long, and then is started. */
static void pauses_for(struct scripted_tree *tree, struct scripted_runnable *runnable,
                       struct check_clock *clock, int64_t pause)
{
    await_timer(clock);
    check_clock_advance(clock, pause - 1);
    CU_ASSERT_TRUE(is_pausing(tree, runnable));
    check_clock_advance(clock, 1);
    CU_ASSERT_FALSE(is_pausing(tree, runnable));
    CU_ASSERT_TRUE(runnable_entered(runnable));
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
    struct scripted_tree tree;
    set_on(&tree, clock);
    struct scripted_runnable *a = &tree.runnables[A];
    a->child.backoff = without_jitter();
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    double pause = 500e6;
    for (unsigned death = 0; death < 20; death++) { /* and it never gives up */
        CU_ASSERT_TRUE(dies(&tree, a, "root.a"));
        CU_ASSERT_EQUAL(tree_state(&tree, "root.a"), LC_NODE_BACKOFF);
        pauses_for(&tree, a, clock, (int64_t)pause);
        pause = pause * 1.5 < 60e9 ? pause * 1.5 : 60e9;
    }
    CU_ASSERT_TRUE(pause == 60e9);
    strike_from(&tree, clock);
}

static void pauses_begin_anew(void)
{
    struct check_clock *clock = check_clock_new();
    struct scripted_tree tree;
    set_on(&tree, clock);
    struct scripted_runnable *a = &tree.runnables[A];
    a->child.backoff = without_jitter();
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    for (enum runnable_order signal = RUNNABLE_LOOK; signal <= RUNNABLE_DONE; signal++) {
        CU_ASSERT_TRUE(dies(&tree, a, "root.a"));
        pauses_for(&tree, a, clock, 500 * LC_MILLISECOND);
        CU_ASSERT_TRUE(dies(&tree, a, "root.a"));
        pauses_for(&tree, a, clock, 750 * LC_MILLISECOND);
        for (enum runnable_order given = RUNNABLE_HEALTHY; given <= RUNNABLE_DONE; given++)
            CU_ASSERT_TRUE(given > signal + 1 || runnable_does(a, given));
    }
    CU_ASSERT_TRUE(dies(&tree, a, "root.a")); /* having said done */
    pauses_for(&tree, a, clock, 500 * LC_MILLISECOND);
    strike_from(&tree, clock);
}

/* It has a pause of 0.5 to 1.5 times as long. @return which tenth of that it was. */
static unsigned pauses_about(struct scripted_tree *tree, struct scripted_runnable *runnable,
                             struct check_clock *clock, double pause)
{
    unsigned tenth = 0;
    await_timer(clock);
    check_clock_advance(clock, (int64_t)(pause * 0.5) - 1);
    CU_ASSERT_TRUE(is_pausing(tree, runnable));
    while (is_pausing(tree, runnable) && tenth < 12) {
        check_clock_advance(clock, (int64_t)(pause * 0.1));
        tenth++;
    }
    CU_ASSERT_TRUE(tenth <= 11); /* the last bit is rounding */
    CU_ASSERT_TRUE(runnable_entered(runnable));
    return tenth;
}

static void pauses_are_jittered(void)
{
    struct check_clock *clock = check_clock_new();
    struct scripted_tree tree;
    set_on(&tree, clock);
    struct scripted_runnable *a = &tree.runnables[A];
    a->child.backoff = (lc_backoff){0};
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    double pause = 500e6;
    unsigned seen = 0;
    for (unsigned death = 0; death < 40; death++) {
        CU_ASSERT_TRUE(dies(&tree, a, "root.a"));
        seen |= 1u << pauses_about(&tree, a, clock, pause);
        pause = pause * 1.5 < 60e9 ? pause * 1.5 : 60e9; /* the jitter is not part of this */
    }
    CU_ASSERT_TRUE((seen & (seen - 1)) != 0); /* not always the same */
    CU_ASSERT_TRUE((seen & 0x3e) != 0);       /* shorter ones, and longer ones */
    CU_ASSERT_TRUE((seen & 0xfc0) != 0);
    strike_from(&tree, clock);
}

static void only_the_dead_pause(void)
{
    struct check_clock *clock = check_clock_new();
    struct scripted_tree tree;
    set_on(&tree, clock);
    struct scripted_runnable *runnables = tree.runnables;
    for (size_t i = A; i <= C; i++)
        runnables[i].child.backoff = without_jitter();
    CU_ASSERT_TRUE(tree_start_with(&tree, 3));
    CU_ASSERT_TRUE(completes(&tree, &runnables[A], "root.a"));
    CU_ASSERT_TRUE(dies(&tree, &runnables[B], "root.b"));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.c", LC_NODE_CANCELED));
    pauses_for(&tree, &runnables[B], clock, 500 * LC_MILLISECOND);
    CU_ASSERT_TRUE(runnable_entered(&runnables[A]) &&
                   runnable_entered(&runnables[C]));      /* with it */
    CU_ASSERT_TRUE(dies(&tree, &runnables[C], "root.c")); /* its first */
    CU_ASSERT_TRUE(tree_sees(&tree, "root.b", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_CANCELED));
    pauses_for(&tree, &runnables[C], clock, 500 * LC_MILLISECOND);
    CU_ASSERT_TRUE(runnable_entered(&runnables[A]) && runnable_entered(&runnables[B]));
    CU_ASSERT_TRUE(dies(&tree, &runnables[B], "root.b")); /* being cancelled has changed nothing */
    CU_ASSERT_TRUE(tree_sees(&tree, "root.c", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_CANCELED));
    pauses_for(&tree, &runnables[B], clock, 750 * LC_MILLISECOND);
    strike_from(&tree, clock);
}

/*
 * What pauses is cancelled with the tree: the pause is over at once, and it has not died of this.
 */
static void cancelled_while_pausing(void)
{
    struct check_clock *clock = check_clock_new();
    struct scripted_tree tree;
    set_on(&tree, clock);
    struct scripted_runnable *runnables = tree.runnables;
    runnables[A].child.backoff = without_jitter();
    runnables[A].child.backoff.first = runnables[A].child.backoff.most = LC_HOUR;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(dies(&tree, &runnables[A], "root.a"));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.b", LC_NODE_CANCELED));
    await_timer(clock);
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a"), LC_NODE_BACKOFF);
    lc_tree_cancel(tree.real);
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_CANCELED));
    CHECK_SUCCESS(lc_tree_wait(tree.real, LC_FOREVER));
    CU_ASSERT_TRUE(runnable_absent(&runnables[A]) && runnable_absent(&runnables[B]));
    strike_from(&tree, clock);
}

/* What pauses below one that dies does not keep that from its own restart. */
static void pausing_below_a_death(void)
{
    struct check_clock *clock = check_clock_new();
    struct scripted_tree tree;
    set_on(&tree, clock);
    struct scripted_runnable *a = &tree.runnables[A], *b = &tree.runnables[B];
    b->child.backoff.first = b->child.backoff.most = LC_HOUR;
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){b}, 1));
    CU_ASSERT_TRUE(dies(&tree, b, "root.a.b"));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a.b", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(runnable_entered(a));
    CU_ASSERT_EQUAL(tree_count(&tree), 2);
    check_clock_advance(clock, 2 * LC_HOUR);
    CU_ASSERT_TRUE(runnable_absent(b));
    strike_from(&tree, clock);
}

/* ---- B17: strategies ---- */

/* "b" of "a" to "d" dies. @return those that are restarted, a bit each. */
static unsigned restarted_along(lc_strategy strategy, lc_restart_type restart)
{
    struct scripted_tree tree;
    unsigned restarted = 0;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables;
    runnables[ROOT].group.strategy = strategy;
    runnables[B].child.restart = restart;
    CU_ASSERT_TRUE(tree_start(&tree) && runnable_starts(&runnables[ROOT], 4));
    for (unsigned i = A; i <= D; i++)
        CU_ASSERT_TRUE(runnable_entered(&runnables[i]) &&
                       (i == D || runnable_does(&runnables[i], RUNNABLE_HEALTHY)));
    CU_ASSERT_TRUE(completes(&tree, &runnables[D], "root.d"));
    CU_ASSERT_TRUE(dies(&tree, &runnables[B], "root.b"));
    CU_ASSERT_TRUE(tree_settles(&tree));
    for (unsigned i = A; i <= D; i++) {
        CU_ASSERT_TRUE(tree_settles(&tree));
        if (runnable_absent(&runnables[i]))
            continue;
        restarted |= 1u << i;
        CU_ASSERT_TRUE(runnable_entered(&runnables[i]) &&
                       runnable_does(&runnables[i], RUNNABLE_HEALTHY));
    }
    CU_ASSERT_EQUAL(tree_count(&tree), 5);
    tree_drop(&tree);
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
    /* One that is not restarted does not take others along. */
    CU_ASSERT_EQUAL(restarted_along(LC_ONE_FOR_ALL, LC_TEMPORARY), 0);
    CU_ASSERT_EQUAL(restarted_along(LC_ONE_FOR_ONE, LC_TEMPORARY), 0);
    CU_ASSERT_EQUAL(restarted_along(LC_REST_FOR_ONE, LC_TEMPORARY), 0);
}

static void transient_may_simply_return(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A], *b = &tree.runnables[B];
    a->child.restart = LC_TRANSIENT;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_RETURN));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DONE));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(a));
    CU_ASSERT_FALSE(runnable_ended(a) || runnable_ended(b));
    CU_ASSERT_TRUE(dies(&tree, b, "root.b")); /* as another that is done */
    CU_ASSERT_TRUE(runnable_entered(a) && runnable_entered(b));
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_HEALTHY));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_RETURN));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DONE));
    tree_drop(&tree);
}

static void temporary_stays_down(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables, *a = &runnables[A], *b = &runnables[B],
                             *c = &runnables[C];
    a->child.restart = LC_TEMPORARY;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){c}, 1));
    CU_ASSERT_TRUE(dies(&tree, b, "root.b"));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(runnable_entered(b));
    CU_ASSERT_TRUE(tree_settles(&tree));
    CU_ASSERT_TRUE(runnable_absent(a));
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a"), LC_NODE_CANCELED);
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a.c"), -1);
    CU_ASSERT_TRUE(dies(&tree, &runnables[ROOT], "root")); /* it keeps none from a restart */
    CU_ASSERT_TRUE(runnable_entered(&runnables[ROOT]));
    CU_ASSERT_TRUE(tree_start_children(&runnables[ROOT], (struct scripted_runnable *[]){a}, 1));
    tree_drop(&tree);
}

/* ---- B17: intensity ---- */

static struct scripted_runnable *die_together(struct scripted_tree *tree, unsigned restarts,
                                              lc_behavior exceeded)
{
    struct scripted_runnable *runnables = tree->runnables;
    runnables[A].group.intensity = (lc_intensity){restarts, LC_SECOND, exceeded};
    runnables[A].group.strategy = LC_ONE_FOR_ONE;
    return &runnables[A];
}

/*
 * root - a - (b, c), and d beside a; "b" and "c" have died twice together, which the intensity
 * allows.
 */
static bool open_borne(struct scripted_tree *tree)
{
    struct scripted_runnable *runnables = tree->runnables, *root = &runnables[ROOT],
                             *a = &runnables[A];
    return tree_start(tree) &&
           tree_start_children(root, (struct scripted_runnable *[]){a, &runnables[D]}, 2) &&
           tree_start_children(a, (struct scripted_runnable *[]){&runnables[B], &runnables[C]},
                               2) &&
           dies(tree, &runnables[B], "root.a.b") && runnable_entered(&runnables[B]) &&
           dies(tree, &runnables[C], "root.a.c") && runnable_entered(&runnables[C]);
}

static void exceeded_stop(void)
{
    struct check_clock *clock = check_clock_new();
    struct scripted_tree tree;
    set_on(&tree, clock);
    struct scripted_runnable *runnables = tree.runnables;
    die_together(&tree, 2, LC_STOP);
    CU_ASSERT_TRUE(open_borne(&tree));
    CU_ASSERT_TRUE(dies(&tree, &runnables[B], "root.a.b"));
    CU_ASSERT_TRUE(
        runnable_does(&runnables[A], RUNNABLE_HEALTHY)); /* all that is posted is dealt with */
    CU_ASSERT_TRUE(runnable_absent(&runnables[B]));
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a.b"), LC_NODE_DEAD);
    CU_ASSERT_TRUE(check_log_has("root.a.b: too many restarts (2 in 1.0 s are allowed)"));
    CU_ASSERT_TRUE(runnable_does(&runnables[C], RUNNABLE_LOOK));
    check_clock_advance(clock, 10 * LC_SECOND);
    CU_ASSERT_TRUE(runnable_absent(&runnables[B]));
    CU_ASSERT_TRUE(dies(&tree, &runnables[C], "root.a.c")); /* which counts by itself again */
    CU_ASSERT_TRUE(runnable_entered(&runnables[C]));
    strike_from(&tree, clock);
}

static void old_restarts_do_not_count(void)
{
    struct check_clock *clock = check_clock_new();
    struct scripted_tree tree;
    set_on(&tree, clock);
    struct scripted_runnable *b = &tree.runnables[B], *c = &tree.runnables[C];
    die_together(&tree, 2, LC_STOP);
    CU_ASSERT_TRUE(open_borne(&tree));
    check_clock_advance(clock, LC_SECOND);
    CU_ASSERT_TRUE(dies(&tree, b, "root.a.b") && runnable_entered(b));
    check_clock_advance(clock, LC_SECOND - 1);
    CU_ASSERT_TRUE(dies(&tree, c, "root.a.c") && runnable_entered(c));
    check_clock_advance(clock, 1); /* the first of the two is old */
    CU_ASSERT_TRUE(dies(&tree, b, "root.a.b") && runnable_entered(b));
    CU_ASSERT_TRUE(dies(&tree, b, "root.a.b"));
    CU_ASSERT_TRUE(runnable_does(c, RUNNABLE_LOOK));
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a.b"), LC_NODE_DEAD);
    CU_ASSERT_TRUE(runnable_absent(b));
    strike_from(&tree, clock);
}

static void only_deaths_count(void)
{
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *runnables = tree.runnables;
    runnables[ROOT].group.intensity = (lc_intensity){2, LC_HOUR, LC_STOP};
    CU_ASSERT_TRUE(tree_start_with(&tree, 4));
    CU_ASSERT_TRUE(completes(&tree, &runnables[A], "root.a"));
    for (unsigned death = 0; death < 2; death++) { /* with three others each time */
        CU_ASSERT_TRUE(dies(&tree, &runnables[D], "root.d"));
        for (size_t i = A; i <= D; i++)
            CU_ASSERT_TRUE(runnable_entered(&runnables[i]));
    }
    CU_ASSERT_TRUE(dies(&tree, &runnables[D], "root.d"));
    CU_ASSERT_TRUE(tree_settles(&tree));
    for (size_t i = A; i <= D; i++)
        CU_ASSERT_TRUE(runnable_absent(&runnables[i]));
    tree_drop(&tree);
}

/* The parent dies of it, and takes its own group along; whatever it says itself. */
static void exceeded_stop_parents(enum runnable_order order)
{
    struct check_clock *clock = check_clock_new();
    struct scripted_tree tree;
    set_on(&tree, clock);
    struct scripted_runnable *runnables = tree.runnables,
                             *a = die_together(&tree, 2, LC_STOP_PARENTS);
    a->stubborn = true;
    CU_ASSERT_TRUE(open_borne(&tree));
    CU_ASSERT_TRUE(dies(&tree, &runnables[B], "root.a.b"));
    CHECK_CLOSES(lc_context_done(a->context));
    CU_ASSERT_TRUE(lc_error_is(lc_context_error(a->context), -102));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a.c", LC_NODE_CANCELED));
    CU_ASSERT_TRUE(runnable_told(a, order));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DEAD));
    CU_ASSERT_EQUAL(tree.last.code, -102);
    CU_ASSERT_TRUE(runnable_entered(a));
    CU_ASSERT_TRUE(
        check_log_has("root.a: died: \"root.a.b\" would be restarted more than 2 times"));
    CU_ASSERT_TRUE(runnable_entered(&runnables[D]));
    CU_ASSERT_EQUAL(tree_count(&tree), 3);
    /* A new group counts from zero. */
    CU_ASSERT_TRUE(
        tree_start_children(a, (struct scripted_runnable *[]){&runnables[B], &runnables[C]}, 2));
    CU_ASSERT_TRUE(dies(&tree, &runnables[B], "root.a.b"));
    CU_ASSERT_TRUE(runnable_entered(&runnables[B]));
    strike_from(&tree, clock);
}

static void exceeded_kills_the_parent(void)
{
    exceeded_stop_parents(RUNNABLE_YIELD);
    exceeded_stop_parents(RUNNABLE_RETURN);
    exceeded_stop_parents(RUNNABLE_FAIL);
}

static void exceeded_kills_a_parent_that_is_done(void)
{
    struct check_clock *clock = check_clock_new();
    struct scripted_tree tree;
    set_on(&tree, clock);
    struct scripted_runnable *runnables = tree.runnables,
                             *a = die_together(&tree, 2, LC_STOP_PARENTS);
    CU_ASSERT_TRUE(open_borne(&tree));
    CU_ASSERT_TRUE(completes(&tree, a, "root.a"));
    CU_ASSERT_TRUE(dies(&tree, &runnables[B], "root.a.b"));
    CU_ASSERT_TRUE(tree_sees(&tree, "root.a", LC_NODE_DEAD));
    CU_ASSERT_EQUAL(tree.last.code, -102);
    CU_ASSERT_TRUE(runnable_entered(a));
    CU_ASSERT_EQUAL(tree_state(&tree, "root.a.c"), -1);
    strike_from(&tree, clock);
}

/* Up to the root: then the whole tree ends, and its starter is told. */
static void exceeded_ends_the_tree(lc_behavior exceeded, bool at_the_root)
{
    struct scripted_tree tree;
    struct scope scope = scope_new(NULL);
    tree_init(&tree);
    tree.context = scope.context;
    struct scripted_runnable *runnables = tree.runnables, *root = &runnables[ROOT];
    struct scripted_runnable *parent = at_the_root ? root : &runnables[A];
    const char *name = at_the_root ? "root.b" : "root.a.b";
    parent->group.intensity = (lc_intensity){1, LC_HOUR, exceeded};
    CU_ASSERT_TRUE(tree_start(&tree));
    if (!at_the_root)
        CU_ASSERT_TRUE(tree_start_children(root, (struct scripted_runnable *[]){&runnables[A]}, 1));
    CU_ASSERT_TRUE(tree_start_children(parent, (struct scripted_runnable *[]){&runnables[B]}, 1));
    CU_ASSERT_TRUE(dies(&tree, &runnables[B], name) && runnable_entered(&runnables[B]));
    CU_ASSERT_TRUE(dies(&tree, &runnables[B], name));
    if (exceeded == LC_SHUTDOWN) {
        CHECK_ERROR(lc_tree_wait(tree.real, check_patience()), -102);
        lc_error *error = lc_signaler_take(scope.signaler);
        CU_ASSERT_TRUE(lc_error_is(error, -102));
        CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "more than 1 times"));
        lc_error_unref(error);
    } else { /* the root dies of it, and is restarted */
        CU_ASSERT_TRUE(tree_sees(&tree, "root", LC_NODE_DEAD));
        CU_ASSERT_TRUE(runnable_entered(root));
        CHECK_OPEN(lc_signaler_thrown(scope.signaler));
    }
    CU_ASSERT_TRUE(runnable_absent(&runnables[B]));
    tree_drop(&tree);
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
    struct scripted_tree tree;
    tree_init(&tree);
    struct scripted_runnable *a = &tree.runnables[A];
    tree.runnables[ROOT].group.intensity = (lc_intensity){1, LC_HOUR, LC_SHUTDOWN};
    CU_ASSERT_TRUE(tree_start_with(&tree, 1));
    CU_ASSERT_TRUE(dies(&tree, a, "root.a") && runnable_entered(a));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_FAIL));
    CHECK_ERROR(lc_tree_wait(tree.real, check_patience()), -101);
    CU_ASSERT_TRUE(check_log_has("tree: ended by an error: \"root.a\" would be restarted"));
    tree_drop(&tree);
}

/* ---- B17: the stop deadline ---- */

static void overdue_is_named_and_blocks(void)
{
    struct check_clock *clock = check_clock_new();
    struct scripted_tree tree;
    set_on(&tree, clock);
    struct scripted_runnable *a = &tree.runnables[A], *b = &tree.runnables[B];
    a->stubborn = true;
    a->child.stop_timeout = LC_SECOND;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(dies(&tree, b, "root.b"));
    await_timer(clock);
    check_clock_advance(clock, LC_SECOND - 1);
    CU_ASSERT_FALSE(tree_status(&tree, "root.a").overdue);
    CU_ASSERT_FALSE(check_log_has("has not ended in time"));
    check_clock_advance(clock, 1);
    CU_ASSERT_TRUE(tree_status(&tree, "root.a").overdue);
    CU_ASSERT_EQUAL(check_log_count("root.a: has not ended in time"), 1);
    check_clock_advance(clock, LC_HOUR);
    CU_ASSERT_TRUE(runnable_absent(a) && runnable_absent(b));
    CU_ASSERT_TRUE(runnable_does(a, RUNNABLE_LOOK));
    CU_ASSERT_TRUE(runnable_told(a, RUNNABLE_YIELD));
    CU_ASSERT_TRUE(runnable_entered(a) && runnable_entered(b));
    CU_ASSERT_FALSE(tree_status(&tree, "root.a").overdue);
    check_clock_advance(clock, LC_HOUR);
    CU_ASSERT_FALSE(tree_status(&tree, "root.a").overdue);
    CU_ASSERT_EQUAL(check_log_count("has not ended in time"), 1);
    strike_from(&tree, clock);
}

/* Its time runs from its start, since it was to stop by then. */
static void overdue_if_accepted_late(void)
{
    struct check_clock *clock = check_clock_new();
    struct scripted_tree tree;
    set_on(&tree, clock);
    struct scripted_runnable *a = &tree.runnables[A], *c = &tree.runnables[C];
    a->stubborn = c->stubborn = true;
    c->child.stop_timeout = LC_SECOND;
    CU_ASSERT_TRUE(tree_start_with(&tree, 2));
    CU_ASSERT_TRUE(dies(&tree, &tree.runnables[B], "root.b"));
    CHECK_CLOSES(lc_context_done(a->context));
    check_clock_advance(clock, LC_HOUR);
    CU_ASSERT_TRUE(tree_start_children(a, (struct scripted_runnable *[]){c}, 1));
    await_timer(clock);
    check_clock_advance(clock, LC_SECOND - 1);
    CU_ASSERT_FALSE(tree_status(&tree, "root.a.c").overdue);
    check_clock_advance(clock, 1);
    CU_ASSERT_TRUE(tree_status(&tree, "root.a.c").overdue);
    strike_from(&tree, clock);
}

CHECK_SUITE_IN_MODES(
    tree_restarts, "conformance: restarts in a tree",
    {"B7 a restart waits until all below has ended, and forgets it", restart_waits_for_all_below},
    {"B7, B16 nothing above or beside the subtree is touched", only_the_subtree_is_restarted},
    {"B7 the largest subtree is taken", the_largest_subtree_is_taken},
    {"B7 the root is restarted while the tree is not cancelled", root_is_restarted},
    {"B7 nothing is restarted under a parent with an ended context", parents_context_must_live},
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
    {"B9 a runnable that has said done is restarted only once it has returned",
     said_done_is_restarted_once_it_has_returned},
    {"B10 siblings of a dead runnable are restarted at once, also one that is done",
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
    {"B17 too many restarts: shutdown, and the tree's starter is told", exceeded_shutdown},
    {"B17 too many restarts: shutdown, and without a signaler it is logged",
     without_a_signaler_it_is_logged},
    {"B17 a runnable that has not stopped in time is named, and blocks its restart",
     overdue_is_named_and_blocks, CHECK_EXACT},
    {"B17 a child that was started below an ended context has to stop in time as well",
     overdue_if_accepted_late, CHECK_EXACT});
