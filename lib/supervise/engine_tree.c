/*
 * engine_tree.c: see engine_tree.h.
 *
 * A runnable is *down* when it and all below it have ended. Each node counts its children that are
 * not down, so after an end the engine goes up from the node that has ended for as long as it finds
 * nodes that are now down. Below a cancelled node all are cancelled. What restarts is the topmost
 * cancelled node: its parent is not cancelled.
 *
 * A group goes through three phases:
 *
 *     up ---- a member fails ----> ending: the members that it takes along are cancelled, and the
 *     ^                            |       group counts those of them that have not ended
 *     |                            v
 *     '----- all have started ---- starting: the member that has failed pauses, then the others
 *                                          start with it; in an ordered group each after the one
 *                                          before it is ready
 *
 * The first start of an ordered group is its third phase, too.
 *
 * A step first marks and counts all that its event ends, up to the whole tree if restarts are too
 * many. Only then it considers the runnable that has ended and those that were at rest when they
 * were cancelled, which may start something.
 */
#include "supervise/engine_tree.h"

#include "supervise/engine_cancel.h"
#include "supervise/engine_core.h"
#include "supervise/engine_end.h"
#include "supervise/engine_restart.h"

#include <errno.h>

/* ---- a unit ends ---- */

static bool member_has_stopped(const struct lc__engine_node *member)
{
    return (member->tree.cancelled && member->life == LC__LIFE_DOWN) ||
           member->state == LC_NODE_BACKOFF;
}

/* Cancels the last member of an ordered unit that has not stopped. */
static void unit_stop_next(struct lc__engine *engine, struct lc__engine_group *group)
{
    struct lc__engine_node *member = group->next;
    while (member && member_has_stopped(member))
        member =
            member == group->failed ? NULL : TAILQ_PREV(member, lc__engine_members, tree.in_group);
    group->next = member;
    if (member)
        lc__tree_cancel(engine, member);
}

static void unit_stop_at_once(struct lc__engine *engine, struct lc__engine_group *group)
{
    struct lc__engine_node *member;
    TAILQ_FOREACH (member, &group->members, tree.in_group)
        lc__tree_cancel(engine, member);
}

/* The member is to end with its unit. A pause of its own goes on, unless it is to stay down. */
static void unit_take(struct lc__engine_group *group, struct lc__engine_node *member)
{
    bool pauses = member->state == LC_NODE_BACKOFF && !member->tree.stays_down;
    if (member->tree.part == LC__UNIT_ENDS)
        return;
    member->tree.part = LC__UNIT_HAS_ENDED;
    if (pauses || (member->tree.cancelled && member->life == LC__LIFE_DOWN))
        return;
    member->tree.part = LC__UNIT_ENDS;
    group->awaited++;
}

/* The failure takes the group along: the unit ends, and then starts again or stays down. */
static void unit_take_along(struct lc__engine *engine, struct lc__engine_node *failed,
                            bool for_good)
{
    struct lc__engine_group *group = failed->tree.group;
    struct lc__engine_node *member = group->ordered ? failed : TAILQ_FIRST(&group->members);
    group->failed = failed;
    for (; member; member = TAILQ_NEXT(member, tree.in_group)) {
        member->tree.stays_down = member->tree.stays_down || for_good;
        unit_take(group, member);
        if (for_good && member->state == LC_NODE_BACKOFF)
            lc__tree_cancel(engine, member);
    }
    group->next = group->ordered ? TAILQ_LAST(&group->members, lc__engine_members) : NULL;
    if (group->ordered)
        unit_stop_next(engine, group);
    else
        unit_stop_at_once(engine, group);
}

/* ---- a unit starts ---- */

static bool member_comes_back(const struct lc__engine_node *node)
{
    return !node->tree.stays_down && (node->policy.restart != LC_TEMPORARY || node->instance == 0);
}

static void runnable_count_significant(struct lc__engine_node *node)
{
    if (!node->policy.significant || node->tree.counted_significant)
        return;
    node->tree.counted_significant = true;
    node->tree.significance->left++;
}

static void member_begin(struct lc__engine *engine, struct lc__engine_node *node)
{
    LC__ASSERT(node->tree.part == LC__UNIT_NONE ||
               node->tree.group->awaited == 0);                   /* invariant 9 */
    LC__ASSERT(!engine->ending && !node->parent->tree.cancelled); /* invariant 6 */
    lc__tree_came_up(node);
    node->tree.part = LC__UNIT_NONE;
    node->tree.cancelled = false;
    runnable_count_significant(node);
    lc__engine_launch(engine, node);
}

/*
 * Whether the member after this one of an ordered group may start: this one is ready, or does not
 * run. NULL: there is none before.
 */
static bool member_lets_next_start(const struct lc__engine_node *node)
{
    return !node || node->life == LC__LIFE_DOWN || node->state == LC_NODE_READY ||
           node->state == LC_NODE_DONE;
}

static bool member_is_next(const struct lc__engine_node *node)
{
    const struct lc__engine_group *group = node->tree.group;
    return !group->failed && group->next == node && !node->parent->tree.cancelled &&
           member_lets_next_start(TAILQ_PREV(node, lc__engine_members, tree.in_group));
}

/* Starts the next members of an ordered group, as far as it is their turn. */
static void group_start_next(struct lc__engine *engine, struct lc__engine_group *group)
{
    struct lc__engine_node *node;
    while ((node = group->next) && member_is_next(node) && node->state != LC_NODE_BACKOFF) {
        group->next = TAILQ_NEXT(node, tree.in_group);
        if (member_comes_back(node))
            member_begin(engine, node);
    }
}

static void unit_start_at_once(struct lc__engine *engine, struct lc__engine_group *group)
{
    struct lc__engine_node *member;
    TAILQ_FOREACH (member, &group->members, tree.in_group)
        if (member->tree.part != LC__UNIT_NONE && member_comes_back(member))
            member_begin(engine, member);
}

static void unit_start(struct lc__engine *engine, struct lc__engine_group *group)
{
    if (group->ordered)
        group_start_next(engine, group);
    else
        unit_start_at_once(engine, group);
}

/* In an ordered group it may not be the runnable's turn yet. */
void lc__tree_pause_over(struct lc__engine *engine, struct lc__engine_node *node)
{
    LC__ASSERT(node->state == LC_NODE_BACKOFF && node->life == LC__LIFE_ENDED);
    if (node->tree.group->ordered) {
        lc__engine_enter(engine, node, LC_NODE_WAITING);
        lc__tree_went_down(node);
        node->tree.cancelled = true; /* the context of its last instance has ended */
    }
    unit_start(engine, node->tree.group);
}

/* ---- over for good ---- */

/*
 * The runnable is over, unless a failure in its group takes it along. If it is significant and was
 * not told to stop, that may end its parent.
 */
static void runnable_end_for_good(struct lc__engine *engine, struct lc__engine_node *node,
                                  bool told)
{
    struct lc__engine_significance *significance = node->tree.significance;
    if (!node->tree.counted_significant)
        return;
    node->tree.counted_significant = false;
    significance->left--;
    if (told || significance->when == LC_AUTOMATIC_SHUTDOWN_NEVER)
        return;
    if (significance->when == LC_AUTOMATIC_SHUTDOWN_ANY || significance->left == 0)
        lc__tree_cancel(engine, node->parent);
}

static void unit_give_up(struct lc__engine *engine, struct lc__engine_group *group,
                         struct lc__engine_node *failed)
{
    struct lc__engine_node *member = group->ordered ? failed : TAILQ_FIRST(&group->members);
    group->next = NULL;
    for (; member; member = TAILQ_NEXT(member, tree.in_group)) {
        member->tree.part = LC__UNIT_NONE;
        if (member->policy.restart != LC_TEMPORARY || member->instance == 0)
            runnable_end_for_good(engine, member, false);
    }
}

static void unit_has_ended(struct lc__engine *engine, struct lc__engine_group *group)
{
    struct lc__engine_node *failed = group->failed;
    LC__ASSERT(failed && group->awaited == 0);
    group->failed = NULL;
    if (failed->tree.stays_down) {
        unit_give_up(engine, group, failed);
        return;
    }
    group->next = group->ordered ? failed : NULL;
    failed->pause = lc__engine_draw_pause(engine, failed);
    if (failed->pause == 0) {
        unit_start(engine, group);
        return;
    }
    lc__tree_came_up(failed);
    failed->tree.cancelled = false;
    lc__engine_do(engine, failed, LC__TELL_RESTART);
    lc__engine_back_off(engine, failed);
}

/* ---- dying ---- */

static void runnable_die(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error)
{
    lc__engine_keep_error(engine, node, error);
    node->recovers = true;
    lc__engine_enter(engine, node, LC_NODE_DEAD);
    lc__engine_do(engine, node, LC__TELL_DIED);
    lc__tree_cancel(engine, node);
}

/* A root that does not restart ends the tree, with this error. */
static void runnable_keep_result(struct lc__engine *engine, const struct lc__engine_node *node,
                                 const lc_error *error)
{
    if (node->parent == &engine->root && !engine->first_error)
        engine->first_error = lc_error_ref(error);
}

/*
 * Too many restarts: makes *error, which says so, and does what the limit says. @return the parent
 * if that dies now, of *error; NULL: *error has been taken over.
 */
static struct lc__engine_node *runnable_escalate(struct lc__engine *engine,
                                                 struct lc__engine_node *node, lc_error **error)
{
    struct lc__engine_node *parent = node->parent;
    lc_behavior exceeded = node->intensity->limit.exceeded;
    *error = lc__engine_exceeded(engine, node);
    if (exceeded == LC_STOP) {
        runnable_keep_result(engine, node, *error);
        lc_error_unref(*error);
        unit_take_along(engine, node, true);
    } else if (exceeded >= LC_SHUTDOWN || parent == &engine->root) {
        lc__engine_end_all(engine, *error, exceeded == LC_SPIN_HALT ? LC_SPIN_HALT : LC_SHUTDOWN);
    } else if (lc__engine_runs(parent)) {
        lc_error_unref(parent->tree.dies_of);
        parent->tree.dies_of = *error;
        lc__tree_cancel(engine, parent);
    } else {
        return parent;
    }
    return NULL;
}

/*
 * The runnable has failed. Takes the error over. The failure does not count if the runnable is
 * being stopped: an earlier failure has taken it along, or its parent has been cancelled.
 */
static void runnable_fail(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error)
{
    while (node) {
        runnable_die(engine, node, error);
        if (node->tree.part != LC__UNIT_NONE || node->parent->tree.cancelled)
            return;
        if (node->policy.restart == LC_TEMPORARY) {
            runnable_keep_result(engine, node, error);
            return;
        }
        if (lc__engine_count_restart(engine, node)) {
            unit_take_along(engine, node, false);
            return;
        }
        node = runnable_escalate(engine, node, &error);
    }
}

static void runnable_fail_late(struct lc__engine *engine, struct lc__engine_node *node,
                               lc_error *error)
{
    lc__engine_keep_error(engine, node, lc_error_ref(error));
    lc__engine_enter(engine, node, LC_NODE_DEAD);
    lc__engine_late(engine, node, error);
}

/* ---- going up ---- */

static void member_leave_group(struct lc__engine_node *node)
{
    struct lc__engine_group *group = node->tree.group;
    if (group->next == node)
        group->next = group->failed ? TAILQ_PREV(node, lc__engine_members, tree.in_group)
                                    : TAILQ_NEXT(node, tree.in_group);
    TAILQ_REMOVE(&group->members, node, tree.in_group);
}

static void runnable_forget(struct lc__engine *engine, struct lc__engine_node *node)
{
    member_leave_group(node);
    lc__engine_forget(engine, node);
}

static struct lc__engine_node *runnable_deepest(struct lc__engine_node *node)
{
    while (!TAILQ_EMPTY(&node->children))
        node = TAILQ_FIRST(&node->children);
    return node;
}

/* All below `top` are down. If `top` restarts, its next instance adds children again. */
static void children_forget(struct lc__engine *engine, struct lc__engine_node *top)
{
    while (!TAILQ_EMPTY(&top->children))
        runnable_forget(engine, runnable_deepest(top));
}

/* A temporary runnable that is down is forgotten, so that its name is free. The root is kept. */
static bool runnable_is_to_be_forgotten(const struct lc__engine *engine,
                                        const struct lc__engine_node *node)
{
    return node->life == LC__LIFE_DOWN && node->policy.restart == LC_TEMPORARY &&
           node->instance > 0 && node->parent != &engine->root;
}

/*
 * A member that the unit waits for is down. In an ordered unit it may be down before its turn to
 * stop, by saying done. It still counts as awaited then: unit_stop_next() will cancel it.
 */
static void unit_member_is_down(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_group *group = node->tree.group;
    if (node->tree.part != LC__UNIT_ENDS ||
        (!node->tree.cancelled && !runnable_is_to_be_forgotten(engine, node)))
        return;
    node->tree.part = LC__UNIT_HAS_ENDED;
    LC__ASSERT(group->failed && group->awaited > 0);
    group->awaited--;
    if (group->ordered)
        unit_stop_next(engine, group);
    if (group->awaited == 0)
        unit_has_ended(engine, group);
}

/* A permanent runnable is over only when its unit is given up. */
static bool runnable_is_over_by_type(const struct lc__engine_node *node)
{
    lc_restart_type type = node->policy.restart;
    if (node->life != LC__LIFE_DOWN || node->instance == 0)
        return false;
    return type == LC_TEMPORARY ||
           (type == LC_TRANSIENT && node->tree.part == LC__UNIT_NONE && !node->tree.stays_down);
}

/* The runnable is down, and its parent has not been cancelled. */
static void runnable_came_to_rest(struct lc__engine *engine, struct lc__engine_node *node)
{
    bool told = node->tree.part != LC__UNIT_NONE;
    if (node->tree.cancelled)
        children_forget(engine, node);
    if (runnable_is_over_by_type(node)) /* first: its unit may be over by this, too */
        runnable_end_for_good(engine, node, told);
    if (told)
        unit_member_is_down(engine, node);
    else if (node->tree.cancelled && node->policy.restart == LC_PERMANENT && !node->tree.stays_down)
        member_begin(engine, node);
}

/* The runnable or the last one below it has ended, or it was at rest when it was cancelled. */
static void runnable_consider(struct lc__engine *engine, struct lc__engine_node *node)
{
    while (node != &engine->root) {
        struct lc__engine_node *parent = node->parent;
        struct lc__engine_group *group = node->tree.group;
        if (lc__engine_runs(node) || node->tree.children_up > 0)
            return;
        lc__tree_went_down(node);
        if (!parent->tree.cancelled)
            runnable_came_to_rest(engine, node);
        if (runnable_is_to_be_forgotten(engine, node)) {
            node->tree.over = !parent->tree.cancelled;
            children_forget(engine, node);
            runnable_forget(engine, node);
        }
        if (group->ordered) /* one that is down lets the next start */
            group_start_next(engine, group);
        node = parent;
    }
}

void lc__tree_propagate(struct lc__engine *engine)
{
    struct lc__engine_node *node;
    while ((node = STAILQ_FIRST(&engine->rested))) {
        STAILQ_REMOVE_HEAD(&engine->rested, tree.in_rested);
        runnable_consider(engine, node);
    }
}

/* ---- events ---- */

void lc__tree_added(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_group *group = node->tree.group;
    /* It starts even if its parent has been cancelled since: then its context has ended already. */
    node->tree.cancelled = node->parent->tree.cancelled;
    runnable_count_significant(node);
    if (group->ordered && (group->next || !member_lets_next_start(TAILQ_PREV(
                                              node, lc__engine_members, tree.in_group)))) {
        group->next = group->next ? group->next : node;
        return;
    }
    lc__tree_came_up(node);
    lc__engine_launch(engine, node);
    if (node->tree.cancelled)
        lc__engine_arm(engine, &node->timer, node->policy.stop_timeout);
}

void lc__tree_ready(struct lc__engine *engine, struct lc__engine_node *node)
{
    if (node->tree.group->ordered)
        group_start_next(engine, node->tree.group);
}

/* Whether an error of the runnable is late. */
static bool runnable_was_told(const struct lc__engine_node *node)
{
    return node->parent->tree.cancelled ||
           (node->tree.part != LC__UNIT_NONE && node->tree.cancelled);
}

/* The runnable has ended without an error, or with a late one. */
static void runnable_end_as_told(struct lc__engine *engine, struct lc__engine_node *node,
                                 enum lc__engine_end_kind how, lc_error *error)
{
    if (how >= LC__ENDED_FAILED) {
        runnable_fail_late(engine, node, error);
        return;
    }
    lc_error_unref(error);
    lc__engine_enter(engine, node, how == LC__ENDED_DONE ? LC_NODE_DONE : LC_NODE_CANCELED);
    if (how == LC__ENDED_CANCELED)
        lc__tree_cancel(engine, node);
}

/* The runnable dies of too many restarts below it, whatever it has returned. */
static void runnable_end_by_children(struct lc__engine *engine, struct lc__engine_node *node,
                                     enum lc__engine_end_kind how, lc_error *error)
{
    lc_error *dies_of = node->tree.dies_of;
    node->tree.dies_of = NULL;
    runnable_fail(engine, node, dies_of);
    if (how >= LC__ENDED_FAILED)
        lc__engine_late(engine, node, error);
    else
        lc_error_unref(error);
}

void lc__tree_ended(struct lc__engine *engine, struct lc__engine_node *node,
                    enum lc__engine_end_kind how, lc_error *error)
{
    LC__ASSERT(node->life == LC__LIFE_RUNNING && (!error || how >= LC__ENDED_CANCELED));
    node->life = LC__LIFE_ENDED;
    if (node->tree.dies_of)
        runnable_end_by_children(engine, node, how, error);
    else if (how >= LC__ENDED_FAILED && !runnable_was_told(node))
        runnable_fail(engine, node, error);
    else
        runnable_end_as_told(engine, node, how, error);
    runnable_consider(engine, node);
    lc__tree_ready(engine, node); /* one that is done lets the next start */
}
