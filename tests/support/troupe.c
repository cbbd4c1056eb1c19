/*
 * troupe.c: see troupe.h.
 */
#include "support/troupe.h"

#include "support/check.h"
#include "support/mode.h"

#include <bsd/string.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what an actor does ---- */

static void note(struct actor *actor, lc_error *error)
{
    actor->answer = lc_error_code(error);
    strlcpy(actor->said, error ? lc_error_message(error) : "", sizeof actor->said);
    lc_error_unref(error);
}

static void start_children(struct actor *actor, lc_context *context)
{
    const lc_child *children[ACTOR_CHILDREN_MAX + 1] = {NULL};
    for (size_t i = 0; i < actor->child_count; i++)
        children[i] = &actor->children[i]->child;
    actor->group.children = children;
    note(actor, lc_runnable_start_group(context, &actor->group));
}

static void carry_out(struct actor *actor, lc_context *context, enum actor_order order)
{
    if (order == ACTOR_HEALTHY)
        lc_runnable_signal_healthy(context);
    else if (order == ACTOR_DONE)
        lc_runnable_signal_done(context);
    else if (order == ACTOR_START)
        start_children(actor, context);
    else if (order == ACTOR_CALL)
        actor->call(context, actor->arg);
}

static int next_order(struct actor *actor, lc_context *context, void **order)
{
    return actor->stubborn ? lc_channel_receive(actor->orders, order, LC_FOREVER)
                           : lc_context_receive(context, actor->orders, order, LC_FOREVER);
}

static lc_error *act(lc_context *context, void *arg)
{
    struct actor *actor = arg;
    void *order = NULL;
    lc_channel_send(actor->entered, lc_context_ref(context), LC_FOREVER);
    while (next_order(actor, context, &order) == 0) {
        switch ((enum actor_order)(intptr_t)order) {
        case ACTOR_RETURN:
            return NULL;
        case ACTOR_FAIL:
            return lc_error_ref(actor->error);
        case ACTOR_THROW:
            lc_throw(context, lc_error_ref(actor->error));
        case ACTOR_YIELD:
            return lc_error_ref(lc_context_error(context));
        default:
            carry_out(actor, context, (enum actor_order)(intptr_t)order);
        }
        lc_channel_send(actor->answers, order, LC_FOREVER);
    }
    return lc_error_ref(lc_context_error(context));
}

/* ---- what it is told ---- */

static void drop_context(void *context)
{
    lc_context_unref(context);
}

bool actor_entered(struct actor *actor)
{
    void *context = NULL;
    if (lc_channel_receive(actor->entered, &context, check_patience()) != 0)
        return false;
    lc_context_unref(actor->context);
    actor->context = context;
    return true;
}

bool actor_absent(struct actor *actor)
{
    return lc_channel_length(actor->entered) == 0;
}

bool actor_told(struct actor *actor, enum actor_order order)
{
    return lc_channel_send(actor->orders, (void *)(intptr_t)order, check_patience()) == 0;
}

bool actor_does(struct actor *actor, enum actor_order order)
{
    void *answer = NULL;
    return actor_told(actor, order) &&
           lc_channel_receive(actor->answers, &answer, check_patience()) == 0 &&
           (intptr_t)answer == (intptr_t)order;
}

bool actor_calls(struct actor *actor, void (*call)(lc_context *context, void *arg), void *arg)
{
    actor->call = call;
    actor->arg = arg;
    return actor_does(actor, ACTOR_CALL);
}

bool actor_told_to_call(struct actor *actor, void (*call)(lc_context *context, void *arg),
                        void *arg)
{
    actor->call = call;
    actor->arg = arg;
    return actor_told(actor, ACTOR_CALL);
}

bool actor_starts(struct actor *actor, size_t count)
{
    actor->child_count = count;
    return actor_does(actor, ACTOR_START) && actor->answer == 0;
}

bool actor_ended(const struct actor *actor)
{
    return lc_context_error(actor->context) != NULL;
}

static void actor_init(struct actor *actor, const char *name, int code)
{
    *actor = (struct actor){.child = {.size = sizeof(lc_child)},
                            .group = {.size = sizeof(lc_child_group)}};
    actor->child.name = name;
    actor->child.run = act;
    actor->child.arg = actor;
    actor->child.kind = check_kind();
    actor->child.backoff.first = LC_NONE;
    actor->error = lc_error_new(code, "\"%s\" failed with %d", name, code);
    if (check_code(
            lc_channel_new(LC_CHANNEL(.capacity = LC_CHANNEL_UNBOUNDED, .discard = drop_context),
                           &actor->entered)) != 0 ||
        check_code(lc_channel_new(LC_CHANNEL(.capacity = 8), &actor->orders)) != 0 ||
        check_code(lc_channel_new(LC_CHANNEL(.capacity = 8), &actor->answers)) != 0)
        abort();
}

static void actor_drop(struct actor *actor)
{
    lc_context_unref(actor->context);
    lc_channel_unref(actor->entered);
    lc_channel_unref(actor->orders);
    lc_channel_unref(actor->answers);
    lc_error_unref(actor->error);
}

/* ---- the troupe ---- */

void troupe_set(struct troupe *troupe)
{
    static const char *const names[TROUPE_ACTORS] = {"root", "a", "b", "c", "d", "e"};
    memset(troupe, 0, sizeof *troupe);
    check_log_capture();
    troupe->options = (lc_tree_options){.size = sizeof(lc_tree_options)};
    for (size_t i = 0; i < TROUPE_ACTORS; i++)
        actor_init(&troupe->actors[i], names[i], -100 - (int)i);
    for (size_t i = 1; i < TROUPE_ACTORS; i++)
        troupe->actors[0].children[i - 1] = &troupe->actors[i];
}

bool troupe_open(struct troupe *troupe)
{
    enum { EVENTS = 1000 };
    troupe->options.root = &troupe->actors[0].child;
    lc_error *error = lc_tree_new(&troupe->options, &troupe->tree);
    if (!error)
        troupe->observer = lc_tree_observe(troupe->tree, EVENTS);
    if (!error)
        error = lc_tree_start(troupe->tree, troupe->context);
    bool well = !error && troupe->observer && actor_entered(&troupe->actors[0]);
    lc_error_unref(error);
    return well;
}

bool troupe_plays(struct actor *parent, struct actor *const *children, size_t count)
{
    for (size_t i = 0; i < count; i++)
        parent->children[i] = children[i];
    bool well = actor_starts(parent, count);
    for (size_t i = 0; well && i < count; i++)
        well = actor_entered(children[i]);
    return well;
}

bool troupe_open_with(struct troupe *troupe, size_t count)
{
    bool well = troupe_open(troupe) && actor_starts(&troupe->actors[0], count);
    for (size_t i = 1; well && i <= count; i++)
        well = actor_entered(&troupe->actors[i]);
    return well;
}

void troupe_strike(struct troupe *troupe)
{
    lc_tree_cancel(troupe->tree);
    for (size_t i = 0; i < TROUPE_ACTORS; i++)
        lc_channel_close(troupe->actors[i].orders); /* whoever still runs returns */
    lc_error *ended = troupe->tree ? lc_tree_wait(troupe->tree, check_patience()) : NULL;
    CU_ASSERT_FALSE(lc_error_is(ended, -ETIMEDOUT));
    lc_error_unref(ended);
    lc_observer_free(troupe->observer);
    lc_tree_unref(troupe->tree);
    for (size_t i = 0; i < TROUPE_ACTORS; i++)
        actor_drop(&troupe->actors[i]);
    check_log_release();
}

/* ---- looking at it ---- */

static bool next_event(struct troupe *troupe, int64_t deadline, struct troupe_event *next)
{
    lc_event *event = NULL;
    if (lc_observer_next(troupe->observer, &event, deadline) != 0)
        return false;
    *next = (struct troupe_event){event->kind,     "",          event->state,
                                  event->instance, event->time, lc_error_code(event->error)};
    strlcpy(next->name, event->name, sizeof next->name);
    lc_event_free(event);
    return true;
}

static bool is(const struct troupe_event *event, const char *name, lc_node_state state)
{
    return event->kind == LC_EVENT_STATE && event->state == state && strcmp(event->name, name) == 0;
}

static bool was_pending(struct troupe *troupe, const char *name, lc_node_state state)
{
    for (size_t i = 0; i < troupe->pending_count; i++) {
        if (!is(&troupe->pending[i], name, state))
            continue;
        troupe->last = troupe->pending[i];
        troupe->pending_count--;
        memmove(&troupe->pending[i], &troupe->pending[i + 1],
                (troupe->pending_count - i) * sizeof *troupe->pending);
        return true;
    }
    return false;
}

bool troupe_sees(struct troupe *troupe, const char *name, lc_node_state state)
{
    struct troupe_event next;
    if (was_pending(troupe, name, state))
        return true;
    while (next_event(troupe, check_patience(), &next)) {
        if (is(&next, name, state)) {
            troupe->last = next;
            return true;
        }
        if (troupe->pending_count == TROUPE_PENDING)
            abort();
        troupe->pending[troupe->pending_count++] = next;
    }
    return false;
}

bool troupe_next(struct troupe *troupe, const char *name, lc_node_state state)
{
    if (troupe->pending_count > 0 || !next_event(troupe, check_patience(), &troupe->last))
        return false;
    return is(&troupe->last, name, state);
}

bool troupe_quiet(struct troupe *troupe)
{
    return troupe->pending_count == 0 && !next_event(troupe, LC_NOW, &troupe->last);
}

bool troupe_settles(struct troupe *troupe)
{
    return lc_tree_settle(troupe->tree, check_patience()) == 0;
}

static lc_node_status find(const lc_snapshot *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->count; i++)
        if (strcmp(snapshot->nodes[i].name, name) == 0)
            return snapshot->nodes[i];
    return (lc_node_status){0};
}

lc_node_status troupe_status(struct troupe *troupe, const char *name)
{
    lc_snapshot *snapshot = lc_tree_snapshot(troupe->tree);
    lc_node_status status = find(snapshot, name);
    if (status.name)
        status.name = name;
    status.error = NULL;
    status.waits_for = NULL;
    lc_snapshot_free(snapshot);
    return status;
}

int troupe_state(struct troupe *troupe, const char *name)
{
    lc_node_status status = troupe_status(troupe, name);
    return status.name ? (int)status.state : -1;
}

size_t troupe_count(struct troupe *troupe)
{
    lc_snapshot *snapshot = lc_tree_snapshot(troupe->tree);
    size_t count = snapshot->count;
    lc_snapshot_free(snapshot);
    return count;
}
