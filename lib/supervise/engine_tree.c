/*
 * engine_tree.c: see engine_tree.h.
 *
 * A node is *down* when it and all below it have ended. Each node counts its children that are not,
 * so that what has to be done after an end is found by going up from it, as far as things have
 * ended. Below a cancelled node everything is cancelled; what is restarted is the topmost cancelled
 * node, the one whose parent was not.
 *
 * A group goes through three phases. *Up*: nothing to do. *Ending*: a member has failed, what it
 * takes along is told to stop, and the group counts those of it that are not down, or that were
 * not told yet. *Starting*: the failed member pauses, then what was taken along starts: all at
 * once, or, in an ordered group, each after the one before it is ready. The first start of an
 * ordered group goes through the last phase too.
 *
 * First the engine marks and counts all that an event ends. So it knows what dies of too many
 * restarts, up to the whole tree, before it starts anything. Then it considers the node that has
 * ended, and last those that were at rest when they were marked.
 */
#include "supervise/engine_tree.h"

#include "supervise/engine_cancel.h"
#include "supervise/engine_core.h"
#include "supervise/engine_end.h"
#include "supervise/engine_restart.h"

#include <assert.h>
#include <errno.h>

/* ---- a unit ends ---- */

static bool has_stopped(const struct lc__engine_node *member)
{
    return (member->tree.cancelled && member->life == LC__LIFE_DOWN) ||
           member->state == LC_NODE_BACKOFF;
}

/* Tells the last member of an ordered unit to stop, once those after it have ended. */
static void stop_next(struct lc__engine *engine, struct lc__engine_group *group)
{
    struct lc__engine_node *member = group->next;
    while (member && has_stopped(member))
        member =
            member == group->failed ? NULL : TAILQ_PREV(member, lc__engine_members, tree.in_group);
    group->next = member;
    if (member)
        lc__tree_cancel(engine, member);
}

static void stop_at_once(struct lc__engine *engine, struct lc__engine_group *group)
{
    struct lc__engine_node *member;
    TAILQ_FOREACH (member, &group->members, tree.in_group)
        lc__tree_cancel(engine, member);
}

/* One that pauses goes on pausing, unless it will not be started. */
static void take(struct lc__engine_group *group, struct lc__engine_node *member)
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

/* Its group shares the fate of one that has failed: it ends, and starts again or stays down. */
static void take_along(struct lc__engine *engine, struct lc__engine_node *failed, bool for_good)
{
    struct lc__engine_group *group = failed->tree.group;
    struct lc__engine_node *member = group->ordered ? failed : TAILQ_FIRST(&group->members);
    group->failed = failed;
    for (; member; member = TAILQ_NEXT(member, tree.in_group)) {
        member->tree.stays_down = member->tree.stays_down || for_good;
        take(group, member);
        if (for_good && member->state == LC_NODE_BACKOFF)
            lc__tree_cancel(engine, member);
    }
    group->next = group->ordered ? TAILQ_LAST(&group->members, lc__engine_members) : NULL;
    if (group->ordered)
        stop_next(engine, group);
    else
        stop_at_once(engine, group);
}

/* ---- a unit starts ---- */

static bool comes_back(const struct lc__engine_node *node)
{
    return !node->tree.stays_down && (node->policy.restart != LC_TEMPORARY || node->instance == 0);
}

static void count_significant(struct lc__engine_node *node)
{
    if (!node->policy.significant || node->tree.counted_significant)
        return;
    node->tree.counted_significant = true;
    node->tree.significance->left++;
}

static void begin(struct lc__engine *engine, struct lc__engine_node *node)
{
    assert(node->tree.part == LC__UNIT_NONE ||
           node->tree.group->awaited == 0); /* all of its unit has ended */
    lc__tree_came_up(node);
    node->tree.part = LC__UNIT_NONE;
    node->tree.cancelled = false;
    count_significant(node);
    lc__engine_launch(engine, node);
}

/* Whether the one after it in its ordered group may start: it is ready, or will not be. */
static bool lets_next_start(const struct lc__engine_node *node)
{
    return !node || node->life == LC__LIFE_DOWN || node->state == LC_NODE_READY ||
           node->state == LC_NODE_DONE;
}

/* Whether it is its turn to start. */
static bool is_next(const struct lc__engine_node *node)
{
    const struct lc__engine_group *group = node->tree.group;
    return !group->failed && group->next == node && !node->parent->tree.cancelled &&
           lets_next_start(TAILQ_PREV(node, lc__engine_members, tree.in_group));
}

/* Of an ordered group: something has changed for which the next may have waited. */
static void start_next(struct lc__engine *engine, struct lc__engine_group *group)
{
    struct lc__engine_node *node;
    while ((node = group->next) && is_next(node) && node->state != LC_NODE_BACKOFF) {
        group->next = TAILQ_NEXT(node, tree.in_group);
        if (comes_back(node))
            begin(engine, node);
    }
}

static void start_at_once(struct lc__engine *engine, struct lc__engine_group *group)
{
    struct lc__engine_node *member;
    TAILQ_FOREACH (member, &group->members, tree.in_group)
        if (member->tree.part != LC__UNIT_NONE && comes_back(member))
            begin(engine, member);
}

static void start_unit(struct lc__engine *engine, struct lc__engine_group *group)
{
    if (group->ordered)
        start_next(engine, group);
    else
        start_at_once(engine, group);
}

/* The pause of one that has failed is over. In an ordered group it may still not be its turn. */
void lc__tree_pause_over(struct lc__engine *engine, struct lc__engine_node *node)
{
    if (node->tree.group->ordered) {
        lc__engine_enter(engine, node, LC_NODE_WAITING);
        lc__tree_went_down(node);
        node->tree.cancelled = true; /* its last context has ended long since */
    }
    start_unit(engine, node->tree.group);
}

/* ---- over for good ---- */

/*
 * It will not run again, unless a failure in its group takes it along. If it is significant, and
 * was not told to stop, that may end its parent.
 */
static void is_over(struct lc__engine *engine, struct lc__engine_node *node, bool told)
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

static void give_up_unit(struct lc__engine *engine, struct lc__engine_group *group,
                         struct lc__engine_node *failed)
{
    struct lc__engine_node *member = group->ordered ? failed : TAILQ_FIRST(&group->members);
    group->next = NULL;
    for (; member; member = TAILQ_NEXT(member, tree.in_group)) {
        member->tree.part = LC__UNIT_NONE;
        if (member->policy.restart != LC_TEMPORARY || member->instance == 0)
            is_over(engine, member, false);
    }
}

static void unit_has_ended(struct lc__engine *engine, struct lc__engine_group *group)
{
    struct lc__engine_node *failed = group->failed;
    group->failed = NULL;
    if (failed->tree.stays_down) {
        give_up_unit(engine, group, failed);
        return;
    }
    group->next = group->ordered ? failed : NULL;
    failed->pause = lc__engine_draw_pause(engine, failed);
    if (failed->pause == 0) {
        start_unit(engine, group);
        return;
    }
    lc__tree_came_up(failed);
    failed->tree.cancelled = false;
    lc__engine_do(engine, failed, LC__TELL_RESTART);
    lc__engine_back_off(engine, failed);
}

/* ---- dying ---- */

static void die(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error)
{
    lc__engine_keep_error(engine, node, error);
    node->recovers = true;
    lc__engine_enter(engine, node, LC_NODE_DEAD);
    lc__engine_do(engine, node, LC__TELL_DIED);
    lc__tree_cancel(engine, node);
}

/* A root that is not started again leaves nothing to run: this is what the tree has ended by. */
static void keep_as_result(struct lc__engine *engine, const struct lc__engine_node *node,
                           const lc_error *error)
{
    if (node->parent == &engine->root && !engine->first_error)
        engine->first_error = lc_error_ref(error);
}

/*
 * Too many have died: makes the error that says so, in *error, and carries out what the limit says.
 * @return the node that dies of this in turn, which *error is for; NULL: none, and *error is used
 * up.
 */
static struct lc__engine_node *escalate(struct lc__engine *engine, struct lc__engine_node *node,
                                        lc_error **error)
{
    struct lc__engine_node *parent = node->parent;
    lc_behavior exceeded = node->intensity->limit.exceeded;
    *error = lc__engine_exceeded(engine, node);
    if (exceeded == LC_STOP) {
        keep_as_result(engine, node, *error);
        lc_error_unref(*error);
        take_along(engine, node, true);
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
 * The node has failed with that error, which is taken over. A node that an earlier failure has
 * taken along, or that lies below one told to stop, is part of what is stopped: it does not count.
 */
static void fail(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error)
{
    while (node) {
        die(engine, node, error);
        if (node->tree.part != LC__UNIT_NONE || node->parent->tree.cancelled)
            return;
        if (node->policy.restart == LC_TEMPORARY) {
            keep_as_result(engine, node, error);
            return;
        }
        if (lc__engine_count_restart(engine, node)) {
            take_along(engine, node, false);
            return;
        }
        node = escalate(engine, node, &error);
    }
}

/* It has failed after it had been told to stop. */
static void fail_late(struct lc__engine *engine, struct lc__engine_node *node, lc_error *error)
{
    lc__engine_keep_error(engine, node, lc_error_ref(error));
    lc__engine_enter(engine, node, LC_NODE_DEAD);
    lc__engine_late(engine, node, error);
}

/* ---- going up ---- */

static void leave_group(struct lc__engine_node *node)
{
    struct lc__engine_group *group = node->tree.group;
    if (group->next == node)
        group->next = group->failed ? TAILQ_PREV(node, lc__engine_members, tree.in_group)
                                    : TAILQ_NEXT(node, tree.in_group);
    TAILQ_REMOVE(&group->members, node, tree.in_group);
}

static void forget(struct lc__engine *engine, struct lc__engine_node *node)
{
    leave_group(node);
    lc__engine_forget(engine, node);
}

static struct lc__engine_node *deepest_first(struct lc__engine_node *node)
{
    while (!TAILQ_EMPTY(&node->children))
        node = TAILQ_FIRST(&node->children);
    return node;
}

/* All below it are down, and will be started by it anew, if at all. */
static void forget_children(struct lc__engine *engine, struct lc__engine_node *top)
{
    while (!TAILQ_EMPTY(&top->children)) {
        struct lc__engine_node *leaf = deepest_first(top);
        assert(leaf->life == LC__LIFE_DOWN);
        forget(engine, leaf);
    }
}

/*
 * It is down for good, and its name may be taken again; but if it was cancelled just now, it is
 * considered once more. The root is kept, to be looked at.
 */
static bool is_to_be_forgotten(const struct lc__engine *engine, const struct lc__engine_node *node)
{
    return node->life == LC__LIFE_DOWN && node->policy.restart == LC_TEMPORARY &&
           node->instance > 0 && node->parent != &engine->root;
}

/*
 * One that the unit waits for is down. In an ordered unit one may say done before its turn to stop:
 * the unit waits for it until stop_next ends its context, and goes on from there.
 */
static void unit_member_is_down(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_group *group = node->tree.group;
    if (node->tree.part != LC__UNIT_ENDS ||
        (!node->tree.cancelled && !is_to_be_forgotten(engine, node)))
        return;
    node->tree.part = LC__UNIT_HAS_ENDED;
    group->awaited--;
    if (group->ordered)
        stop_next(engine, group);
    if (group->awaited == 0)
        unit_has_ended(engine, group);
}

/* A permanent node is never over by its type: only a unit that is given up ends it for good. */
static bool is_over_by_type(const struct lc__engine_node *node)
{
    lc_restart_type type = node->policy.restart;
    if (node->life != LC__LIFE_DOWN || node->instance == 0)
        return false;
    return type == LC_TEMPORARY ||
           (type == LC_TRANSIENT && node->tree.part == LC__UNIT_NONE && !node->tree.stays_down);
}

/* It is down, and its parent's context is live. */
static void is_at_rest(struct lc__engine *engine, struct lc__engine_node *node)
{
    bool told = node->tree.part != LC__UNIT_NONE;
    if (node->tree.cancelled)
        forget_children(engine, node);
    if (is_over_by_type(node)) /* first: its unit may be over by this, too */
        is_over(engine, node, told);
    if (told)
        unit_member_is_down(engine, node);
    else if (node->tree.cancelled && node->policy.restart == LC_PERMANENT && !node->tree.stays_down)
        begin(engine, node);
}

/* The node, or the last of those below it, has just ended, or was at rest when cancelled. */
static void consider(struct lc__engine *engine, struct lc__engine_node *node)
{
    while (node != &engine->root) {
        struct lc__engine_node *parent = node->parent;
        struct lc__engine_group *group = node->tree.group;
        if (lc__engine_runs(node) || node->tree.children_up > 0)
            return;
        lc__tree_went_down(node);
        if (!parent->tree.cancelled)
            is_at_rest(engine, node);
        if (is_to_be_forgotten(engine, node)) {
            node->tree.over = !parent->tree.cancelled;
            forget_children(engine, node);
            forget(engine, node);
        }
        if (group->ordered) /* one that is over keeps the next no longer from starting */
            start_next(engine, group);
        node = parent;
    }
}

void lc__tree_propagate(struct lc__engine *engine)
{
    struct lc__engine_node *node;
    while ((node = STAILQ_FIRST(&engine->rested))) {
        STAILQ_REMOVE_HEAD(&engine->rested, tree.in_rested);
        consider(engine, node);
    }
}

/* ---- events ---- */

void lc__tree_added(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__engine_group *group = node->tree.group;
    /* Accepted, so it starts; if its parent has been cancelled meanwhile it will see that. */
    node->tree.cancelled = node->parent->tree.cancelled;
    count_significant(node);
    if (group->ordered &&
        (group->next || !lets_next_start(TAILQ_PREV(node, lc__engine_members, tree.in_group)))) {
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
        start_next(engine, node->tree.group);
}

/* @return whether it had been told to stop: then an error comes late. */
static bool was_told(const struct lc__engine_node *node)
{
    return node->parent->tree.cancelled ||
           (node->tree.part != LC__UNIT_NONE && node->tree.cancelled);
}

/* It has not failed, or has failed although it had been told to stop. */
static void end_as_told(struct lc__engine *engine, struct lc__engine_node *node,
                        enum lc__engine_end_kind how, lc_error *error)
{
    if (how >= LC__ENDED_FAILED) {
        fail_late(engine, node, error);
        return;
    }
    lc_error_unref(error);
    lc__engine_enter(engine, node, how == LC__ENDED_DONE ? LC_NODE_DONE : LC_NODE_CANCELED);
    if (how == LC__ENDED_CANCELED)
        lc__tree_cancel(engine, node);
}

/* It dies of what has happened below it, whatever it returns. */
static void end_as_decided(struct lc__engine *engine, struct lc__engine_node *node,
                           enum lc__engine_end_kind how, lc_error *error)
{
    lc_error *dies_of = node->tree.dies_of;
    node->tree.dies_of = NULL;
    fail(engine, node, dies_of);
    if (how >= LC__ENDED_FAILED)
        lc__engine_late(engine, node, error);
    else
        lc_error_unref(error);
}

void lc__tree_ended(struct lc__engine *engine, struct lc__engine_node *node,
                    enum lc__engine_end_kind how, lc_error *error)
{
    node->life = LC__LIFE_ENDED;
    if (node->tree.dies_of)
        end_as_decided(engine, node, how, error);
    else if (how >= LC__ENDED_FAILED && !was_told(node))
        fail(engine, node, error);
    else
        end_as_told(engine, node, how, error);
    consider(engine, node);
    lc__tree_ready(engine, node); /* one that is done keeps the next no longer from starting */
}
