/*
 * engine_tree.c: the supervision engine's runnables, by examples: which deaths take others along,
 * what is started again and when, what comes of too many deaths, and what it costs.
 */
#include "support/check.h"

#include "supervise/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 8, GROUPS = 4 };

/* A runnable, and what the engine has wanted of it since it was last looked at. */
struct runnable {
    struct lc__engine_node node; /* first */
    struct lc__engine_group alone;
    bool started, told, forgotten;
    bool died, late; /* it was logged that it has */
};

struct world {
    struct lc__engine engine;
    struct runnable all[NODES];
    int count;
    struct lc__engine_group groups[GROUPS];
    int64_t times[GROUPS][2];
    struct lc__engine_intensity intensities[GROUPS];
    struct lc__engine_significance significances[GROUPS];
    int64_t now;
    bool significant; /* what is added */
};

/* ---- making ---- */

static void make_world(struct world *world)
{
    memset(world, 0, sizeof *world);
    lc__engine_init(&world->engine, check_seed());
    for (int i = 0; i < GROUPS; i++)
        lc__engine_group_init(&world->groups[i]);
}

static void end_world(struct world *world)
{
    for (int i = 0; i < world->count; i++)
        lc__engine_node_end(&world->all[i].node);
    lc__engine_end(&world->engine);
}

/* So many restarts within a second, or this happens. */
static void limit(struct world *world, int group, unsigned restarts, lc_behavior exceeded)
{
    world->intensities[group] = (struct lc__engine_intensity){
        .times = world->times[group], .limit = {restarts, LC_SECOND, exceeded}};
}

static void carry_out(struct world *world)
{
    struct lc__engine_action action;
    while (lc__engine_next(&world->engine, &action)) {
        struct runnable *of = (struct runnable *)action.node;
        of->started |= action.kind == LC__START;
        of->told |= action.kind == LC__CANCEL;
        of->forgotten |= action.kind == LC__FORGET;
        of->died |= action.kind == LC__TELL_DIED;
        of->late |= action.kind == LC__TELL_LATE;
    }
}

/* `parent` NULL: the root. `group` below 0: it is in none. */
static struct runnable *add_typed(struct world *world, struct runnable *parent, int group,
                                  lc_restart_type restart)
{
    struct runnable *added = &world->all[world->count++];
    added->node.name = "runnable";
    added->node.policy = (struct lc__engine_policy){.restart = restart,
                                                    .backoff = LC__BACKOFF_OF_TREE,
                                                    .start_timeout = LC_FOREVER,
                                                    .stop_timeout = LC_FOREVER,
                                                    .runnable = true,
                                                    .significant = world->significant};
    lc__engine_group_init(&added->alone);
    added->node.tree.group = group >= 0 ? &world->groups[group] : &added->alone;
    if (group >= 0) {
        added->node.intensity = &world->intensities[group];
        added->node.tree.significance = &world->significances[group];
    }
    lc__engine_add(&world->engine, &added->node, parent ? &parent->node : NULL, world->now);
    carry_out(world);
    return added;
}

static struct runnable *add(struct world *world, struct runnable *parent, int group)
{
    return add_typed(world, parent, group, LC_PERMANENT);
}

/* ---- what happens ---- */

static void is_healthy(struct world *world, struct runnable *of)
{
    lc__engine_ready(&world->engine, &of->node, of->node.instance, world->now);
    carry_out(world);
}

static void returns(struct world *world, struct runnable *of, enum lc__engine_end_kind how)
{
    lc_error *error = how == LC__ENDED_FAILED ? lc_error_new(-EIO, "it broke") : NULL;
    lc__engine_ended(&world->engine, &of->node, of->node.instance, how, error, world->now);
    carry_out(world);
}

static void dies(struct world *world, struct runnable *of)
{
    returns(world, of, LC__ENDED_FAILED);
}

static void obeys(struct world *world, struct runnable *of)
{
    returns(world, of, LC__ENDED_CANCELED);
}

static void gets_done(struct world *world, struct runnable *of)
{
    if (!of->node.was_ready)
        is_healthy(world, of);
    lc__engine_said_done(&world->engine, &of->node, world->now);
    returns(world, of, LC__ENDED_DONE);
}

static void let_pass(struct world *world, int64_t time)
{
    world->now += time;
    while (lc__engine_deadline(&world->engine) <= world->now) {
        lc__engine_advance(&world->engine, world->now);
        carry_out(world);
    }
}

/* Until the next thing happens. */
static void let_pause_pass(struct world *world)
{
    let_pass(world, lc__engine_deadline(&world->engine) - world->now);
}

static void cancel_tree(struct world *world)
{
    lc__engine_cancel(&world->engine, NULL, world->now);
    carry_out(world);
}

static void look_away(struct world *world)
{
    for (int i = 0; i < world->count; i++)
        world->all[i].started = world->all[i].told = world->all[i].forgotten = world->all[i].died =
            world->all[i].late = false;
}

#define CHECK_STATE(of, wanted) CU_ASSERT_EQUAL((of)->node.state, (wanted))

/* ---- what a death takes along ---- */

/* Of three that are healthy the second dies: whether the first and third are told to stop. */
static void one_of_three_dies(lc_strategy strategy, lc_restart_type type, bool first, bool third)
{
    struct world world;
    make_world(&world);
    int group = strategy == LC_ONE_FOR_ONE ? -1 : 0;
    world.groups[0].ordered = strategy == LC_REST_FOR_ONE;
    struct runnable *root = add(&world, NULL, -1), *three[3];
    for (int i = 0; i < 3; i++) {
        three[i] = add_typed(&world, root, group, i == 1 ? type : LC_PERMANENT);
        is_healthy(&world, three[i]);
    }
    struct runnable *a = three[0], *b = three[1], *c = three[2];
    look_away(&world);
    dies(&world, b);
    CU_ASSERT_TRUE(b->died);
    CU_ASSERT_EQUAL(a->told, first);
    CU_ASSERT_EQUAL(c->told, third);
    CU_ASSERT_FALSE(root->told);
    if (a->told)
        obeys(&world, a);
    if (c->told)
        obeys(&world, c);
    CU_ASSERT_FALSE(a->started || b->started || c->started);
    CHECK_STATE(b, type == LC_TEMPORARY ? LC_NODE_DEAD : LC_NODE_BACKOFF);
    let_pass(&world, LC_MINUTE);
    CU_ASSERT_EQUAL(b->started, type != LC_TEMPORARY);
    CU_ASSERT_EQUAL(a->started, first);
    CU_ASSERT_EQUAL(c->started, third && strategy == LC_ONE_FOR_ALL);
    is_healthy(&world, b);
    CU_ASSERT_EQUAL(c->started, third);
    end_world(&world);
}

static void one_for_all(void)
{
    one_of_three_dies(LC_ONE_FOR_ALL, LC_PERMANENT, true, true);
    one_of_three_dies(LC_ONE_FOR_ALL, LC_TRANSIENT, true, true);
}

static void one_for_one(void)
{
    one_of_three_dies(LC_ONE_FOR_ONE, LC_PERMANENT, false, false);
}

static void rest_for_one(void)
{
    one_of_three_dies(LC_REST_FOR_ONE, LC_PERMANENT, false, true);
}

static void temporary_takes_none(void)
{
    one_of_three_dies(LC_ONE_FOR_ALL, LC_TEMPORARY, false, false);
    one_of_three_dies(LC_REST_FOR_ONE, LC_TEMPORARY, false, false);
}

static void other_groups_live_on(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1);
    struct runnable *a = add(&world, root, 0), *other = add(&world, root, 1);
    dies(&world, a);
    CU_ASSERT_FALSE(other->told);
    end_world(&world);
}

/* The invariant 9: what a death has taken along is no failure of its own, whatever it says. */
static void told_and_fails(void)
{
    struct world world;
    make_world(&world);
    limit(&world, 0, 1, LC_STOP);
    struct runnable *root = add(&world, NULL, -1);
    struct runnable *a = add(&world, root, 0), *b = add(&world, root, 0);
    dies(&world, a);
    dies(&world, b);
    CHECK_STATE(b, LC_NODE_DEAD);
    CU_ASSERT_TRUE(b->late && !b->died);
    CHECK_STATE(a, LC_NODE_BACKOFF); /* within the limit, so it was counted once */
    CU_ASSERT_EQUAL(world.intensities[0].count, 1);
    let_pause_pass(&world);
    CHECK_STATE(a, LC_NODE_STARTING);
    CHECK_STATE(b, LC_NODE_STARTING);
    end_world(&world);
}

/* "a" fails, and "b" and what is below it need time to stop. */
static void unit_ends_before_it_starts(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1);
    struct runnable *a = add(&world, root, 0), *b = add(&world, root, 0);
    struct runnable *below = add(&world, b, 1);
    look_away(&world);
    dies(&world, a);
    CU_ASSERT_TRUE(a->died);
    let_pass(&world, LC_HOUR);
    obeys(&world, b);
    let_pass(&world, LC_HOUR);
    CU_ASSERT_FALSE(a->started || b->started);
    CHECK_STATE(a, LC_NODE_DEAD);
    obeys(&world, below);
    CHECK_STATE(a, LC_NODE_BACKOFF);
    CU_ASSERT_FALSE(b->started);
    let_pause_pass(&world);
    CU_ASSERT_TRUE(a->started && b->started && below->forgotten);
    end_world(&world);
}

static void open_ordered(struct world *world, struct runnable **four)
{
    make_world(world);
    world->groups[0].ordered = true;
    struct runnable *root = add(world, NULL, -1);
    for (int i = 0; i < 4; i++)
        four[i] = add(world, root, 0);
}

/* Also at the first time; and one that is done lets the next start as well. */
static void ordered_start(void)
{
    struct world world;
    struct runnable *four[4];
    open_ordered(&world, four);
    CU_ASSERT_TRUE(four[0]->started);
    CU_ASSERT_FALSE(four[1]->started || four[2]->started || four[3]->started);
    CHECK_STATE(four[1], LC_NODE_WAITING);
    is_healthy(&world, four[0]);
    CU_ASSERT_TRUE(four[1]->started);
    CU_ASSERT_FALSE(four[2]->started);
    dies(&world, four[1]); /* before it was healthy: the start begins again with it */
    CU_ASSERT_FALSE(four[0]->told);
    let_pause_pass(&world);
    CU_ASSERT_EQUAL(four[1]->node.instance, 2);
    CU_ASSERT_FALSE(four[2]->started);
    gets_done(&world, four[1]);
    CU_ASSERT_TRUE(four[2]->started);
    end_world(&world);
}

static void ordered_stop(void)
{
    struct world world;
    struct runnable *four[4];
    open_ordered(&world, four);
    for (int i = 0; i < 4; i++)
        is_healthy(&world, four[i]);
    look_away(&world);
    dies(&world, four[1]);
    CU_ASSERT_TRUE(four[3]->told);
    CU_ASSERT_FALSE(four[2]->told || four[0]->told);
    obeys(&world, four[3]);
    CU_ASSERT_TRUE(four[2]->told);
    CHECK_STATE(four[1], LC_NODE_DEAD);
    obeys(&world, four[2]);
    CHECK_STATE(four[1], LC_NODE_BACKOFF);
    end_world(&world);
}

/* The third of four says done before its turn to stop: the second is told all the same. */
static void ordered_stop_goes_on(lc_restart_type type)
{
    struct world world;
    struct runnable *four[4];
    make_world(&world);
    world.groups[0].ordered = true;
    struct runnable *root = add(&world, NULL, -1);
    for (int i = 0; i < 4; i++) {
        four[i] = add_typed(&world, root, 0, i == 2 ? type : LC_PERMANENT);
        is_healthy(&world, four[i]);
    }
    look_away(&world);
    dies(&world, four[0]);
    gets_done(&world, four[2]);
    CU_ASSERT_EQUAL(four[2]->forgotten, type == LC_TEMPORARY);
    CU_ASSERT_FALSE(four[1]->told || four[2]->told);
    obeys(&world, four[3]);
    CU_ASSERT_TRUE(four[1]->told);
    CHECK_STATE(four[0], LC_NODE_DEAD); /* the second has not ended */
    obeys(&world, four[1]);
    CHECK_STATE(four[0], LC_NODE_BACKOFF);
    let_pause_pass(&world);
    for (int i = 0; i < 4; i++)
        is_healthy(&world, four[i]);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(four[i]->started, i != 2 || type != LC_TEMPORARY);
    end_world(&world);
}

static void ordered_stop_of_one_done(void)
{
    ordered_stop_goes_on(LC_PERMANENT);
    ordered_stop_goes_on(LC_TRANSIENT);
    ordered_stop_goes_on(LC_TEMPORARY);
}

/* All say done before their turn to stop: each is told in its turn, and the unit ends at once. */
static void ordered_stop_of_all_done(void)
{
    struct world world;
    struct runnable *four[4];
    open_ordered(&world, four);
    for (int i = 0; i < 4; i++)
        is_healthy(&world, four[i]);
    look_away(&world);
    dies(&world, four[0]);
    gets_done(&world, four[1]);
    gets_done(&world, four[2]);
    CHECK_STATE(four[0], LC_NODE_DEAD);
    obeys(&world, four[3]); /* none is left */
    CU_ASSERT_TRUE(four[1]->told && four[2]->told);
    CHECK_STATE(four[0], LC_NODE_BACKOFF);
    let_pause_pass(&world);
    CU_ASSERT_TRUE(four[0]->started && !four[1]->started);
    end_world(&world);
}

/* One before it fails while it pauses: its own pause is not cut short by that. */
static void pause_is_not_cut_short(void)
{
    struct world world;
    struct runnable *four[4];
    open_ordered(&world, four);
    is_healthy(&world, four[0]);
    four[1]->node.policy.backoff = (struct lc__backoff){false, LC_HOUR, LC_HOUR, 1, 0, 0};
    dies(&world, four[1]);
    CHECK_STATE(four[1], LC_NODE_BACKOFF);
    dies(&world, four[0]);
    CHECK_STATE(four[0], LC_NODE_BACKOFF);
    CHECK_STATE(four[1], LC_NODE_BACKOFF);
    let_pause_pass(&world);
    is_healthy(&world, four[0]);
    look_away(&world);
    CHECK_STATE(four[1], LC_NODE_BACKOFF);
    let_pass(&world, LC_HOUR);
    CU_ASSERT_TRUE(four[1]->started);
    end_world(&world);
}

static void given_up_in_order(void)
{
    struct world world;
    struct runnable *four[4];
    open_ordered(&world, four);
    for (int i = 0; i < 4; i++) {
        four[i]->node.intensity = &world.intensities[0];
        is_healthy(&world, four[i]);
    }
    world.intensities[0].limit = (lc_intensity){LC_RESTARTS_NONE, LC_SECOND, LC_STOP};
    look_away(&world);
    dies(&world, four[1]);
    obeys(&world, four[3]);
    obeys(&world, four[2]);
    let_pass(&world, LC_HOUR);
    CU_ASSERT_FALSE(four[0]->told);
    for (int i = 1; i < 4; i++)
        CU_ASSERT_FALSE(four[i]->started);
    dies(&world, four[0]);
    let_pass(&world, LC_HOUR);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_FALSE(four[i]->started);
    end_world(&world);
}

static void temporary_is_forgotten(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1);
    struct runnable *job = add_typed(&world, root, 0, LC_TEMPORARY), *below = add(&world, job, 1);
    returns(&world, job, LC__ENDED_DONE);
    CU_ASSERT_FALSE(job->forgotten); /* its child goes on */
    lc__engine_cancelled(&world.engine, &job->node, world.now);
    carry_out(&world);
    obeys(&world, below);
    CU_ASSERT_TRUE(job->forgotten && below->forgotten);
    CU_ASSERT_EQUAL(world.engine.count, 1);
    job = add_typed(&world, root, 2, LC_TEMPORARY);
    dies(&world, job);
    CU_ASSERT_TRUE(job->died && job->forgotten);
    end_world(&world);
}

/* Two significant transient children of a transient parent. */
static void check_significant(lc_automatic_shutdown when, bool first, bool both)
{
    struct world world;
    make_world(&world);
    world.significances[1].when = when;
    struct runnable *root = add(&world, NULL, -1), *two[2];
    struct runnable *parent = add_typed(&world, root, 0, LC_TRANSIENT);
    for (int i = 0; i < 2; i++) {
        world.significant = true;
        two[i] = add_typed(&world, parent, 1, LC_TRANSIENT);
    }
    look_away(&world);
    returns(&world, two[0], LC__ENDED_DONE);
    CU_ASSERT_EQUAL(parent->told, first);
    returns(&world, two[1], LC__ENDED_DONE);
    CU_ASSERT_EQUAL(parent->told, both);
    if (parent->told) {
        obeys(&world, parent);
        CU_ASSERT_FALSE(parent->started); /* that is OTP's shutdown */
    }
    end_world(&world);
}

static void significant_children(void)
{
    check_significant(LC_AUTOMATIC_SHUTDOWN_NEVER, false, false);
    check_significant(LC_AUTOMATIC_SHUTDOWN_ANY, true, true);
    check_significant(LC_AUTOMATIC_SHUTDOWN_ALL, false, true);
}

static void transient_ends_itself(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1);
    struct runnable *a = add_typed(&world, root, 0, LC_TRANSIENT), *b = add(&world, root, 0);
    look_away(&world);
    obeys(&world, a); /* its context was ended by itself */
    CHECK_STATE(a, LC_NODE_CANCELED);
    CU_ASSERT_FALSE(a->started || b->told);
    dies(&world, b);
    let_pause_pass(&world);
    CU_ASSERT_TRUE(a->started && b->started);
    end_world(&world);
}

/* A root that is over for good leaves nothing to wait for. */
static void root_is_over(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add_typed(&world, NULL, -1, LC_TEMPORARY);
    dies(&world, root);
    CU_ASSERT_TRUE(world.engine.finished && root->died && !root->forgotten);
    CU_ASSERT_EQUAL(lc_error_code(world.engine.result), -EIO);
    end_world(&world);
    make_world(&world);
    root = add(&world, NULL, -1);
    struct runnable *child = add(&world, root, 0);
    gets_done(&world, root);
    CU_ASSERT_FALSE(world.engine.finished);
    gets_done(&world, child);
    CU_ASSERT_TRUE(world.engine.finished);
    CU_ASSERT_PTR_NULL(world.engine.result);
    end_world(&world);
}

static void done_sibling_comes_back(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1);
    struct runnable *a = add(&world, root, 0), *b = add(&world, root, 0);
    gets_done(&world, a);
    look_away(&world);
    CHECK_STATE(a, LC_NODE_DONE);
    dies(&world, b);
    CU_ASSERT_TRUE(a->told);
    CU_ASSERT_FALSE(a->started);
    let_pause_pass(&world);
    CU_ASSERT_TRUE(a->started);
    CHECK_STATE(a, LC_NODE_STARTING);
    end_world(&world);
}

/* ---- which ends are followed by a restart ---- */

static void done_stays_done(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1);
    struct runnable *permanent = add(&world, root, 0);
    struct runnable *transient = add_typed(&world, root, 1, LC_TRANSIENT);
    struct runnable *child = add(&world, permanent, 2);
    gets_done(&world, permanent);
    returns(&world, transient, LC__ENDED_DONE); /* NULL while it is NEW, which it may */
    CHECK_STATE(permanent, LC_NODE_DONE);
    CHECK_STATE(transient, LC_NODE_DONE);
    CU_ASSERT_EQUAL(lc__engine_deadline(&world.engine), LC_FOREVER);
    CU_ASSERT_FALSE(child->told);
    CU_ASSERT_FALSE(permanent->node.tree.cancelled);
    end_world(&world);
}

static void done_is_cancelled(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1), *a = add(&world, root, 0);
    gets_done(&world, a);
    look_away(&world);
    lc__engine_cancelled(&world.engine, &a->node, world.now);
    carry_out(&world);
    CU_ASSERT_TRUE(a->started);
    end_world(&world);
}

static void cancelled_temporary_stays_down(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1);
    struct runnable *a = add(&world, root, 0);
    struct runnable *temporary = add_typed(&world, root, 0, LC_TEMPORARY);
    look_away(&world);
    dies(&world, a);
    CU_ASSERT_TRUE(temporary->told);
    obeys(&world, temporary);
    CHECK_STATE(temporary, LC_NODE_CANCELED);
    CU_ASSERT_TRUE(temporary->forgotten);
    let_pause_pass(&world);
    CU_ASSERT_TRUE(a->started);
    end_world(&world);
}

static void subtree_ends_first(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1), *a = add(&world, root, 0);
    struct runnable *below = add(&world, a, 1), *deep = add(&world, below, 2);
    look_away(&world);
    dies(&world, a);
    CHECK_STATE(a, LC_NODE_DEAD);
    CU_ASSERT_TRUE(below->node.tree.cancelled && deep->node.tree.cancelled);
    dies(&world, below); /* is not restarted by itself: its parent's context has ended */
    CHECK_STATE(below, LC_NODE_DEAD);
    CU_ASSERT_FALSE(a->started);
    obeys(&world, deep);
    CHECK_STATE(a, LC_NODE_BACKOFF);
    CU_ASSERT_TRUE(below->forgotten && deep->forgotten);
    CU_ASSERT_FALSE(below->started);
    let_pause_pass(&world);
    CU_ASSERT_TRUE(a->started);
    CU_ASSERT_EQUAL(a->node.instance, 2);
    end_world(&world);
}

static void accepted_child_starts(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1), *a = add(&world, root, 0);
    lc__engine_cancelled(&world.engine, &a->node, world.now);
    carry_out(&world);
    struct runnable *child = add(&world, a, 1);
    CU_ASSERT_TRUE(child->started);
    CU_ASSERT_TRUE(child->node.tree.cancelled);
    look_away(&world);
    obeys(&world, a);
    CU_ASSERT_FALSE(a->started);
    obeys(&world, child);
    CU_ASSERT_TRUE(a->started);
    end_world(&world);
}

static void former_instance_is_ignored(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1), *a = add(&world, root, 0);
    dies(&world, a);
    let_pause_pass(&world);
    lc__engine_ended(&world.engine, &a->node, 1, LC__ENDED_FAILED, lc_error_new(-EIO, "late"),
                     world.now);
    lc__engine_ready(&world.engine, &a->node, 1, world.now);
    CHECK_STATE(a, LC_NODE_STARTING);
    CU_ASSERT_TRUE(lc__engine_runs(&a->node));
    end_world(&world);
}

static void overdue_blocks_restart(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1);
    struct runnable *a = add(&world, root, 0), *b = add(&world, root, 0);
    b->node.policy.stop_timeout = LC_MILLISECOND;
    look_away(&world);
    dies(&world, a);
    let_pass(&world, LC_MINUTE);
    CU_ASSERT_TRUE(b->node.overdue);
    CU_ASSERT_FALSE(b->started);
    obeys(&world, b);
    CU_ASSERT_FALSE(b->node.overdue);
    let_pause_pass(&world);
    CU_ASSERT_TRUE(b->started);
    end_world(&world);
}

/* ---- pauses ---- */

static void parent_is_cancelled_while_it_pauses(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1), *a = add(&world, root, 0);
    struct runnable *below = add(&world, a, 1);
    dies(&world, below);
    look_away(&world);
    dies(&world, a);
    CHECK_STATE(below, LC_NODE_CANCELED);
    CU_ASSERT_TRUE(below->forgotten);
    CHECK_STATE(a, LC_NODE_BACKOFF);
    let_pass(&world, LC_MINUTE);
    CU_ASSERT_TRUE(a->started);
    CU_ASSERT_FALSE(below->started);
    end_world(&world);
}

static int64_t pause_after_death(struct world *world, struct runnable *of)
{
    dies(world, of);
    CHECK_STATE(of, LC_NODE_BACKOFF);
    int64_t pause = lc__engine_deadline(&world->engine) - world->now;
    CU_ASSERT_EQUAL(pause, of->node.pause);
    let_pause_pass(world);
    return pause;
}

static void check_pause(struct world *world, struct runnable *of, double seconds)
{
    double pause = (double)pause_after_death(world, of) / (double)LC_SECOND;
    CU_ASSERT(pause >= seconds * 0.5 - 1e-6);
    CU_ASSERT(pause <= seconds * 1.5 + 1e-6);
}

static void pauses_grow(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1), *a = add(&world, root, 0);
    double seconds = 0.5;
    for (int i = 0; i < 20; i++) {
        check_pause(&world, a, seconds);
        seconds = seconds * 1.5 < 60 ? seconds * 1.5 : 60;
    }
    CU_ASSERT_EQUAL(seconds, 60);
    is_healthy(&world, a);
    check_pause(&world, a, 0.5);
    check_pause(&world, a, 0.75);
    is_healthy(&world, a);
    check_pause(&world, a, 0.5); /* healthy again, so its pauses start from the first */
    lc__engine_said_done(&world.engine, &a->node, world.now);
    check_pause(&world, a, 0.5);
    obeys(&world, a); /* its context ended by other hands: no pause, and none forgotten */
    CHECK_STATE(a, LC_NODE_STARTING);
    check_pause(&world, a, 0.75);
    end_world(&world);
}

static void pauses_are_spread(void)
{
    enum { DRAWS = 1000, TENTHS = 10 };
    struct world world;
    int tenths[TENTHS] = {0};
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1), *a = add(&world, root, 0);
    for (int i = 0; i < DRAWS; i++) {
        is_healthy(&world, a);
        double off = (double)pause_after_death(&world, a) / (0.5 * (double)LC_SECOND) - 0.5;
        int tenth = (int)(off * TENTHS);
        tenths[tenth < TENTHS ? tenth : TENTHS - 1]++;
    }
    for (int i = 0; i < TENTHS; i++) /* 100 are expected, give or take 10 */
        CU_ASSERT(tenths[i] > 30);
    end_world(&world);
}

/* ---- too many deaths ---- */

static void dies_twice(struct world *world, struct runnable *of)
{
    dies(world, of);
    for (int i = 0; i < world->count; i++) /* those that share its fate */
        if (lc__engine_runs(&world->all[i].node) && world->all[i].node.tree.part != LC__UNIT_NONE)
            obeys(world, &world->all[i]);
    let_pause_pass(world);
    world->now -= of->node.pause; /* as if it had taken no time */
    look_away(world);
    dies(world, of);
}

static void too_many_stop_it(void)
{
    struct world world;
    make_world(&world);
    limit(&world, 0, 1, LC_STOP);
    struct runnable *root = add(&world, NULL, -1);
    struct runnable *a = add(&world, root, 0), *b = add(&world, root, 0);
    dies_twice(&world, a);
    CHECK_STATE(a, LC_NODE_DEAD);
    CU_ASSERT_FALSE(root->told);
    obeys(&world, b); /* it shares the fate of the other */
    CU_ASSERT_EQUAL(lc__engine_deadline(&world.engine), LC_FOREVER);
    CHECK_STATE(b, LC_NODE_CANCELED);
    CU_ASSERT_FALSE(a->started || b->started);
    end_world(&world);
}

static void only_recent_ones_count(void)
{
    struct world world;
    make_world(&world);
    limit(&world, 0, 2, LC_STOP);
    struct runnable *root = add(&world, NULL, -1), *a = add(&world, root, 0);
    for (int i = 0; i < 10; i++) {
        dies(&world, a);
        CHECK_STATE(a, LC_NODE_BACKOFF);
        let_pass(&world, LC_MINUTE + LC_MINUTE);
    }
    dies_twice(&world, a);
    CHECK_STATE(a, LC_NODE_BACKOFF);
    let_pause_pass(&world);
    world.now -= a->node.pause;
    dies(&world, a);
    CHECK_STATE(a, LC_NODE_DEAD);
    end_world(&world);
}

static void too_many_kill_the_parent(void)
{
    struct world world;
    make_world(&world);
    limit(&world, 1, 1, LC_STOP_PARENTS);
    struct runnable *root = add(&world, NULL, -1);
    struct runnable *parent = add(&world, root, 0), *uncle = add(&world, root, 0);
    struct runnable *a = add(&world, parent, 1);
    is_healthy(&world, parent);
    dies_twice(&world, a);
    CU_ASSERT_TRUE(parent->told);
    CU_ASSERT_FALSE(uncle->told);
    CHECK_STATE(parent, LC_NODE_READY);
    obeys(&world, parent); /* which counts as a death all the same */
    CU_ASSERT_EQUAL(lc_error_code(parent->node.error), -EIO);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(parent->node.error), "more than 1 times"));
    CU_ASSERT_TRUE(uncle->told);
    CHECK_STATE(parent, LC_NODE_DEAD);
    obeys(&world, uncle);
    CHECK_STATE(parent, LC_NODE_BACKOFF);
    CU_ASSERT_TRUE(a->forgotten);
    end_world(&world);
}

static void too_many_kill_a_parent_that_is_done(void)
{
    struct world world;
    make_world(&world);
    limit(&world, 1, 1, LC_STOP_PARENTS);
    struct runnable *root = add(&world, NULL, -1);
    struct runnable *parent = add(&world, root, 0), *uncle = add(&world, root, 0);
    struct runnable *a = add(&world, parent, 1);
    gets_done(&world, parent);
    dies_twice(&world, a);
    CU_ASSERT_EQUAL(lc_error_code(parent->node.error), -EIO);
    CU_ASSERT_TRUE(uncle->told);
    CHECK_STATE(parent, LC_NODE_DEAD);
    obeys(&world, uncle);
    CHECK_STATE(parent, LC_NODE_BACKOFF);
    end_world(&world);
}

static void check_tree_ends(lc_behavior exceeded, lc_behavior behavior)
{
    struct world world;
    make_world(&world);
    limit(&world, 1, 1, exceeded);
    struct runnable *root = add(&world, NULL, -1), *other = add(&world, root, 0);
    struct runnable *a = add(&world, root, 1);
    dies_twice(&world, a);
    CU_ASSERT_TRUE(root->told);
    CU_ASSERT_FALSE(world.engine.finished);
    CU_ASSERT_EQUAL(world.engine.behavior, behavior);
    obeys(&world, other);
    obeys(&world, root);
    CU_ASSERT_TRUE(world.engine.finished);
    CU_ASSERT_EQUAL(lc_error_code(world.engine.result), -EIO);
    CU_ASSERT_FALSE(root->started || other->started || a->started);
    end_world(&world);
}

static void too_many_end_the_tree(void)
{
    check_tree_ends(LC_SHUTDOWN, LC_SHUTDOWN);
    check_tree_ends(LC_SPIN_HALT, LC_SPIN_HALT);
}

static void too_many_deaths_of_the_root(void)
{
    struct world world;
    make_world(&world);
    limit(&world, 0, 1, LC_STOP_PARENTS);
    struct runnable *root = add(&world, NULL, 0);
    dies_twice(&world, root);
    CHECK_STATE(root, LC_NODE_DEAD);
    CU_ASSERT_TRUE(world.engine.finished);
    CU_ASSERT_EQUAL(world.engine.behavior, LC_SHUTDOWN);
    CU_ASSERT_EQUAL(lc_error_code(world.engine.result), -EIO);
    end_world(&world);
}

/*
 * The death that is one too many is that of a child with a sibling that would start in the same
 * step.
 */
static void nothing_starts_to_be_cancelled(void)
{
    struct world world;
    make_world(&world);
    limit(&world, 0, 1, LC_SHUTDOWN);
    struct runnable *root = add(&world, NULL, -1);
    struct runnable *a = add(&world, root, 0), *b = add(&world, root, 0);
    gets_done(&world, b);
    dies(&world, a);
    let_pause_pass(&world);
    look_away(&world);
    world.now -= a->node.pause;
    gets_done(&world, b);
    dies(&world, a);
    CU_ASSERT_TRUE(world.engine.ending && root->told);
    CU_ASSERT_FALSE(a->started || b->started);
    end_world(&world);
}

/* ---- the end ---- */

static void whole_tree_ends(void)
{
    struct world world;
    make_world(&world);
    struct runnable *root = add(&world, NULL, -1);
    struct runnable *a = add(&world, root, 0), *b = add(&world, root, 1);
    dies(&world, b);
    look_away(&world);
    cancel_tree(&world);
    CU_ASSERT_TRUE(root->told);
    CHECK_STATE(b, LC_NODE_CANCELED);
    dies(&world, a);
    CU_ASSERT_FALSE(world.engine.finished);
    obeys(&world, root);
    CU_ASSERT_TRUE(world.engine.finished);
    CU_ASSERT_TRUE(a->late);
    CU_ASSERT_EQUAL(lc_error_code(world.engine.result), -EIO);
    CU_ASSERT_STRING_EQUAL(world.engine.failed_late, "runnable");
    CU_ASSERT_FALSE(root->started || a->started || b->started);
    end_world(&world);
}

/* ---- what it costs ---- */

static size_t work; /* states entered, and things to be done */

static void count_state(struct lc__engine *engine, struct lc__engine_node *node)
{
    (void)engine;
    (void)node;
    work++;
}

static void count_actions(struct lc__engine *engine)
{
    struct lc__engine_action action;
    while (lc__engine_next(engine, &action))
        work++;
}

static void kill_and_await(struct lc__engine *engine, struct lc__engine_node *leaf)
{
    lc__engine_ended(engine, leaf, leaf->instance, LC__ENDED_FAILED, lc_error_new(-EIO, "it broke"),
                     0);
    count_actions(engine);
    lc__engine_advance(engine, lc__engine_deadline(engine));
    count_actions(engine);
}

/* @return how much is done when a leaf dies and is started again, in a tree of so many nodes. */
static size_t cost_of_a_leaf(size_t count, size_t children)
{
    struct lc__engine engine;
    struct lc__engine_node *nodes = calloc(count, sizeof *nodes);
    struct lc__engine_group *groups = calloc(count, sizeof *groups);
    if (!nodes || !groups)
        abort();
    lc__engine_init(&engine, 1);
    engine.changed_state = count_state;
    for (size_t i = 0; i < count; i++) {
        lc__engine_group_init(&groups[i]);
        nodes[i].name = "runnable";
        nodes[i].policy = (struct lc__engine_policy){
            .backoff = LC__BACKOFF_OF_TREE, .stop_timeout = LC_FOREVER, .runnable = true};
        nodes[i].tree.group = &groups[i];
        lc__engine_add(&engine, &nodes[i], i > 0 ? &nodes[(i - 1) / children] : NULL, 0);
    }
    count_actions(&engine);
    work = 0;
    kill_and_await(&engine, &nodes[count - 1]);
    CU_ASSERT_EQUAL(nodes[count - 1].instance, 2);
    for (size_t i = 0; i < count; i++)
        lc__engine_node_end(&nodes[i]);
    lc__engine_end(&engine);
    free(groups);
    free(nodes);
    return work;
}

static void cost_follows_what_is_touched(void)
{
    enum { SMALL = 10, LARGE = 100000 };
    static const size_t children[] = {1, 2, 10, LARGE};
    size_t small = cost_of_a_leaf(SMALL, 2);
    CU_ASSERT(small > 0);
    for (size_t i = 0; i < sizeof children / sizeof *children; i++)
        CU_ASSERT_EQUAL(cost_of_a_leaf(LARGE, children[i]), small);
}

CHECK_SUITE(engine_tree, "unit: the engine's runnables",
            {"one for all: a death takes the group along", one_for_all},
            {"one for one: a death takes none along", one_for_one},
            {"rest for one: it takes those that come after it", rest_for_one},
            {"a temporary child takes none along and stays down", temporary_takes_none},
            {"a death leaves other groups alone", other_groups_live_on},
            {"one that was told to stop and fails is told, and counts for nothing", told_and_fails},
            {"nothing of a unit starts before all of it has ended", unit_ends_before_it_starts},
            {"rest for one: each starts after the one before it", ordered_start},
            {"rest for one: each stops before the one before it", ordered_stop},
            {"rest for one: one that is done before its turn to stop", ordered_stop_of_one_done},
            {"rest for one: all are done before their turn to stop", ordered_stop_of_all_done},
            {"rest for one: a pause is not cut short by another's", pause_is_not_cut_short},
            {"rest for one: what is given up is the rest", given_up_in_order},
            {"a temporary one is forgotten once all below it has ended", temporary_is_forgotten},
            {"significant children stop their parent", significant_children},
            {"a transient one that ends by its own hands stays down", transient_ends_itself},
            {"a root that is over for good ends the tree", root_is_over},
            {"a sibling that is done comes back", done_sibling_comes_back},
            {"done is done, and what is below lives on", done_stays_done},
            {"one that is done and then cancelled comes back", done_is_cancelled},
            {"a temporary one that is cancelled stays down", cancelled_temporary_stays_down},
            {"a subtree ends before it is restarted, and its children are forgotten",
             subtree_ends_first},
            {"a child that was accepted starts in a context that has ended", accepted_child_starts},
            {"what comes from a former instance is ignored", former_instance_is_ignored},
            {"an overdue one is named and blocks its restart", overdue_blocks_restart},
            {"a parent's death ends the pause below it", parent_is_cancelled_while_it_pauses},
            {"pauses grow up to a minute, until all is well", pauses_grow},
            {"pauses are spread", pauses_are_spread},
            {"too many deaths: it stays down, and its group", too_many_stop_it},
            {"only recent deaths are too many", only_recent_ones_count},
            {"too many deaths: the parent dies", too_many_kill_the_parent},
            {"too many deaths: also one that is done", too_many_kill_a_parent_that_is_done},
            {"too many deaths: the tree ends", too_many_end_the_tree},
            {"too many deaths of the root end the tree", too_many_deaths_of_the_root},
            {"nothing starts that the same step cancels", nothing_starts_to_be_cancelled},
            {"a cancelled tree starts nothing, and ends with the last", whole_tree_ends},
            {"cost follows what is touched", cost_follows_what_is_touched});
