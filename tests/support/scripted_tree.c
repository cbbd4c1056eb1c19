/*
 * scripted_tree.c: see scripted_tree.h.
 */
#include "support/scripted_tree.h"

#include "support/check.h"
#include "support/mode.h"

#include <bsd/string.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a runnable does ---- */

static void note(struct scripted_runnable *runnable, lc_error *error)
{
    runnable->answer = lc_error_code(error);
    strlcpy(runnable->said, error ? lc_error_message(error) : "", sizeof runnable->said);
    lc_error_unref(error);
}

static void start_children(struct scripted_runnable *runnable, lc_context *context)
{
    const lc_child *children[RUNNABLE_CHILDREN_MAX + 1] = {NULL};
    for (size_t i = 0; i < runnable->child_count; i++)
        children[i] = &runnable->children[i]->child;
    runnable->group.children = children;
    note(runnable, lc_runnable_start_group(context, &runnable->group));
}

static void carry_out(struct scripted_runnable *runnable, lc_context *context,
                      enum runnable_order order)
{
    if (order == RUNNABLE_HEALTHY)
        lc_runnable_signal_healthy(context);
    else if (order == RUNNABLE_DONE)
        lc_runnable_signal_done(context);
    else if (order == RUNNABLE_START)
        start_children(runnable, context);
    else if (order == RUNNABLE_CALL)
        runnable->call(context, runnable->arg);
}

static int next_order(struct scripted_runnable *runnable, lc_context *context, void **order)
{
    return runnable->stubborn ? lc_channel_receive(runnable->orders, order, LC_FOREVER)
                              : lc_context_receive(context, runnable->orders, order, LC_FOREVER);
}

static lc_error *act(lc_context *context, void *arg)
{
    struct scripted_runnable *runnable = arg;
    void *order = NULL;
    lc_channel_send(runnable->entered, lc_context_ref(context), LC_FOREVER);
    while (next_order(runnable, context, &order) == 0) {
        switch ((enum runnable_order)(intptr_t)order) {
        case RUNNABLE_RETURN:
            return NULL;
        case RUNNABLE_FAIL:
            return lc_error_ref(runnable->error);
        case RUNNABLE_THROW:
            lc_throw(context, lc_error_ref(runnable->error));
        case RUNNABLE_YIELD:
            return lc_error_ref(lc_context_error(context));
        default:
            carry_out(runnable, context, (enum runnable_order)(intptr_t)order);
        }
        lc_channel_send(runnable->answers, order, LC_FOREVER);
    }
    return lc_error_ref(lc_context_error(context));
}

/* ---- what it is told ---- */

static void drop_context(void *context)
{
    lc_context_unref(context);
}

bool runnable_entered(struct scripted_runnable *runnable)
{
    void *context = NULL;
    if (lc_channel_receive(runnable->entered, &context, check_patience()) != 0)
        return false;
    lc_context_unref(runnable->context);
    runnable->context = context;
    return true;
}

bool runnable_absent(struct scripted_runnable *runnable)
{
    return lc_channel_length(runnable->entered) == 0;
}

bool runnable_told(struct scripted_runnable *runnable, enum runnable_order order)
{
    return lc_channel_send(runnable->orders, (void *)(intptr_t)order, check_patience()) == 0;
}

bool runnable_does(struct scripted_runnable *runnable, enum runnable_order order)
{
    void *answer = NULL;
    return runnable_told(runnable, order) &&
           lc_channel_receive(runnable->answers, &answer, check_patience()) == 0 &&
           (intptr_t)answer == (intptr_t)order;
}

bool runnable_calls(struct scripted_runnable *runnable,
                    void (*call)(lc_context *context, void *arg), void *arg)
{
    runnable->call = call;
    runnable->arg = arg;
    return runnable_does(runnable, RUNNABLE_CALL);
}

bool runnable_told_to_call(struct scripted_runnable *runnable,
                           void (*call)(lc_context *context, void *arg), void *arg)
{
    runnable->call = call;
    runnable->arg = arg;
    return runnable_told(runnable, RUNNABLE_CALL);
}

bool runnable_starts(struct scripted_runnable *runnable, size_t count)
{
    runnable->child_count = count;
    return runnable_does(runnable, RUNNABLE_START) && runnable->answer == 0;
}

bool runnable_ended(const struct scripted_runnable *runnable)
{
    return lc_context_error(runnable->context) != NULL;
}

static void runnable_init(struct scripted_runnable *runnable, const char *name, int code)
{
    *runnable = (struct scripted_runnable){.child = {.size = sizeof(lc_child)},
                                           .group = {.size = sizeof(lc_child_group)}};
    runnable->child.name = name;
    runnable->child.run = act;
    runnable->child.arg = runnable;
    runnable->child.kind = check_kind();
    runnable->child.backoff.first = LC_NONE;
    runnable->error = lc_error_new(code, "\"%s\" failed with %d", name, code);
    if (check_code(
            lc_channel_new(LC_CHANNEL(.capacity = LC_CHANNEL_UNBOUNDED, .discard = drop_context),
                           &runnable->entered)) != 0 ||
        check_code(lc_channel_new(LC_CHANNEL(.capacity = 8), &runnable->orders)) != 0 ||
        check_code(lc_channel_new(LC_CHANNEL(.capacity = 8), &runnable->answers)) != 0)
        abort();
}

static void runnable_drop(struct scripted_runnable *runnable)
{
    lc_context_unref(runnable->context);
    lc_channel_unref(runnable->entered);
    lc_channel_unref(runnable->orders);
    lc_channel_unref(runnable->answers);
    lc_error_unref(runnable->error);
}

/* ---- the tree ---- */

void tree_init(struct scripted_tree *tree)
{
    static const char *const names[TREE_RUNNABLES] = {"root", "a", "b", "c", "d", "e"};
    memset(tree, 0, sizeof *tree);
    check_log_capture();
    tree->options = (lc_tree_options){.size = sizeof(lc_tree_options)};
    for (size_t i = 0; i < TREE_RUNNABLES; i++)
        runnable_init(&tree->runnables[i], names[i], -100 - (int)i);
    for (size_t i = 1; i < TREE_RUNNABLES; i++)
        tree->runnables[0].children[i - 1] = &tree->runnables[i];
}

bool tree_start(struct scripted_tree *tree)
{
    enum { EVENTS = 1000 };
    tree->options.root = &tree->runnables[0].child;
    lc_error *error = lc_tree_new(&tree->options, &tree->real);
    if (!error)
        tree->observer = lc_tree_observe(tree->real, EVENTS);
    if (!error)
        error = lc_tree_start(tree->real, tree->context);
    bool well = !error && tree->observer && runnable_entered(&tree->runnables[0]);
    lc_error_unref(error);
    return well;
}

bool tree_start_children(struct scripted_runnable *parent,
                         struct scripted_runnable *const *children, size_t count)
{
    for (size_t i = 0; i < count; i++)
        parent->children[i] = children[i];
    bool well = runnable_starts(parent, count);
    for (size_t i = 0; well && i < count; i++)
        well = runnable_entered(children[i]);
    return well;
}

bool tree_start_with(struct scripted_tree *tree, size_t count)
{
    bool well = tree_start(tree) && runnable_starts(&tree->runnables[0], count);
    for (size_t i = 1; well && i <= count; i++)
        well = runnable_entered(&tree->runnables[i]);
    return well;
}

void tree_drop(struct scripted_tree *tree)
{
    lc_tree_cancel(tree->real);
    for (size_t i = 0; i < TREE_RUNNABLES; i++)
        lc_channel_close(tree->runnables[i].orders); /* what still runs returns */
    lc_error *ended = tree->real ? lc_tree_wait(tree->real, check_patience()) : NULL;
    CU_ASSERT_FALSE(lc_error_is(ended, -ETIMEDOUT));
    lc_error_unref(ended);
    lc_observer_free(tree->observer);
    lc_tree_unref(tree->real);
    for (size_t i = 0; i < TREE_RUNNABLES; i++)
        runnable_drop(&tree->runnables[i]);
    check_log_release();
}

/* ---- looking at it ---- */

static bool next_event(struct scripted_tree *tree, int64_t deadline, struct tree_happening *next)
{
    lc_event *event = NULL;
    if (lc_observer_next(tree->observer, &event, deadline) != 0)
        return false;
    *next = (struct tree_happening){event->kind,     "",          event->state,
                                    event->instance, event->time, lc_error_code(event->error)};
    strlcpy(next->name, event->name, sizeof next->name);
    lc_event_free(event);
    return true;
}

static bool is(const struct tree_happening *event, const char *name, lc_node_state state)
{
    return event->kind == LC_EVENT_STATE && event->state == state && strcmp(event->name, name) == 0;
}

static bool was_pending(struct scripted_tree *tree, const char *name, lc_node_state state)
{
    for (size_t i = 0; i < tree->pending_count; i++) {
        if (!is(&tree->pending[i], name, state))
            continue;
        tree->last = tree->pending[i];
        tree->pending_count--;
        memmove(&tree->pending[i], &tree->pending[i + 1],
                (tree->pending_count - i) * sizeof *tree->pending);
        return true;
    }
    return false;
}

bool tree_sees(struct scripted_tree *tree, const char *name, lc_node_state state)
{
    struct tree_happening next;
    if (was_pending(tree, name, state))
        return true;
    while (next_event(tree, check_patience(), &next)) {
        if (is(&next, name, state)) {
            tree->last = next;
            return true;
        }
        if (tree->pending_count == TREE_PENDING)
            abort();
        tree->pending[tree->pending_count++] = next;
    }
    return false;
}

bool tree_next(struct scripted_tree *tree, const char *name, lc_node_state state)
{
    if (tree->pending_count > 0 || !next_event(tree, check_patience(), &tree->last))
        return false;
    return is(&tree->last, name, state);
}

bool tree_quiet(struct scripted_tree *tree)
{
    return tree->pending_count == 0 && !next_event(tree, LC_NOW, &tree->last);
}

bool tree_settles(struct scripted_tree *tree)
{
    return lc_tree_settle(tree->real, check_patience()) == 0;
}

static lc_node_status find(const lc_snapshot *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->count; i++)
        if (strcmp(snapshot->nodes[i].name, name) == 0)
            return snapshot->nodes[i];
    return (lc_node_status){0};
}

lc_node_status tree_status(struct scripted_tree *tree, const char *name)
{
    lc_snapshot *snapshot = lc_tree_snapshot(tree->real);
    lc_node_status status = find(snapshot, name);
    if (status.name)
        status.name = name;
    status.error = NULL;
    status.waits_for = NULL;
    lc_snapshot_free(snapshot);
    return status;
}

int tree_state(struct scripted_tree *tree, const char *name)
{
    lc_node_status status = tree_status(tree, name);
    return status.name ? (int)status.state : -1;
}

size_t tree_count(struct scripted_tree *tree)
{
    lc_snapshot *snapshot = lc_tree_snapshot(tree->real);
    size_t count = snapshot->count;
    lc_snapshot_free(snapshot);
    return count;
}
