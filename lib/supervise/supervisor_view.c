/*
 * supervisor_view.c: see supervisor_view.h and <lifecycle/supervisor.h>.
 */
#include "supervise/supervisor_view.h"

#include "base/memory.h"
#include "base/name.h"
#include "supervise/ended.h"
#include "supervise/engine_text.h"
#include "supervise/node_instance.h"
#include "supervise/observe.h"
#include "supervise/row.h"
#include "supervise/snapshot.h"

#include <errno.h>
#include <stdio.h>

/* The dependencies that the node waits for. */
static const char *node_unmet(struct lc__snapshot *snapshot, const struct lc__node *node)
{
    static const char *const conditions[] = {"ready", "started", "completed"};
    char text[256] = "";
    for (size_t i = 0; i < node->needed_count; i++) {
        const struct lc__engine_edge *edge = &node->needed[i].edge;
        char piece[LC_NAME_MAX + 16];
        if (edge->level == LC__EDGE_MET)
            continue;
        snprintf(piece, sizeof piece, "%s (%s)", node->needed[i].name, conditions[edge->condition]);
        lc__engine_list_name(text, sizeof text, piece);
    }
    return lc__snapshot_text(snapshot, "%s", text);
}

static const char *node_waits_for(struct lc__snapshot *snapshot, const struct lc__node *node)
{
    const struct lc__engine_node *engine = &node->engine;
    if (engine->state == LC_NODE_WAITING && engine->graph.unmet > 0)
        return node_unmet(snapshot, node);
    if (engine->graph.blockers > 0 &&
        (engine->state == LC_NODE_WAITING ||
         (engine->life == LC__LIFE_RUNNING && engine->graph.order != LC__ORDER_NONE)))
        return lc__snapshot_text(snapshot, "%zu dependant%s to stop", engine->graph.blockers,
                                 engine->graph.blockers == 1 ? "" : "s");
    if (engine->state == LC_NODE_BACKOFF)
        return lc__snapshot_text(snapshot, "a pause of %.1f s to end",
                                 (double)engine->pause / (double)LC_SECOND);
    return engine->state == LC_NODE_JUDGED ? "its judge" : "";
}

static void supervisor_add_row(lc_supervisor *supervisor, struct lc__snapshot *snapshot,
                               const struct lc__node *node)
{
    const struct lc__engine_node *engine = &node->engine;
    lc_node_status *row = lc__snapshot_add(snapshot, node->name);
    lc__row_fill(row, engine);
    row->error = lc_error_ref(engine->error);
    row->waits_for = node_waits_for(snapshot, node);
    for (size_t i = 0; i < node->needed_count; i++) {
        const struct lc__needed *needed = &node->needed[i];
        const struct lc__node *dependency = lc__supervisor_find(supervisor, needed->name);
        if (dependency)
            lc__snapshot_link(snapshot, dependency->index, (lc_condition)needed->edge.condition,
                              needed->edge.along, needed->edge.level == LC__EDGE_MET);
    }
}

/* A snapshot that is not finished, and for each row the instance with its component. */
struct supervisor_survey {
    struct lc__snapshot *snapshot;   /* NULL: no memory */
    struct lc__node_instance **held; /* NULL: no memory. An entry may be NULL: no component */
};

static void supervisor_survey(struct lc__shell *shell, void *arg)
{
    lc_supervisor *supervisor = lc__supervisor_of(shell);
    struct supervisor_survey *survey = arg;
    struct lc__engine_node *node;
    size_t index = 0;
    LC__ASSERT(lc__shell_serves(shell));
    size_t rows = shell->engine.count + lc__ended_count(shell->ended);
    survey->held = lc__allocate_array(rows + 1, sizeof *survey->held);
    survey->snapshot = lc__snapshot_new(shell->name, lc_now(), rows, supervisor->needed_count);
    if (!survey->snapshot)
        return;
    TAILQ_FOREACH (node, &shell->engine.root.children, among_children) {
        if (survey->held)
            survey->held[index] = lc__node_hold(lc__node_of(node));
        lc__node_of(node)->index = index++;
    }
    TAILQ_FOREACH (node, &shell->engine.root.children, among_children)
        supervisor_add_row(supervisor, survey->snapshot, lc__node_of(node));
    lc__ended_show(shell->ended, survey->snapshot, SIZE_MAX);
}

lc_snapshot *lc_supervisor_snapshot(lc_supervisor *supervisor)
{
    struct supervisor_survey survey = {NULL, NULL};
    if (!supervisor)
        return NULL;
    lc__shell_call(&supervisor->shell, supervisor_survey, &survey);
    size_t count = survey.snapshot ? lc__snapshot_shown(survey.snapshot)->count : 0;
    for (size_t i = 0; survey.held && i < count; i++) {
        if (survey.held[i])
            lc__snapshot_nest(survey.snapshot, i, lc__node_instance_component(survey.held[i]));
        lc__node_instance_release(survey.held[i]);
    }
    lc__free(survey.held);
    return survey.snapshot ? lc__snapshot_finish(survey.snapshot) : NULL;
}

struct node_inquiry {
    const char *name;
    lc_node_status *status; /* to be filled in; NULL: the call asks for `over` */
    lc_handle *over;        /* taken over by the call */
    int result;
};

static void supervisor_look_at(struct lc__shell *shell, void *arg)
{
    struct node_inquiry *inquiry = arg;
    const struct lc__node *node = lc__supervisor_find(lc__supervisor_of(shell), inquiry->name);
    if (!node)
        return;
    inquiry->result = 0;
    *inquiry->status = (lc_node_status){.name = inquiry->name, .waits_for = ""};
    lc__row_fill(inquiry->status, &node->engine);
}

int lc_supervisor_node(lc_supervisor *supervisor, const char *name, lc_node_status *status)
{
    struct node_inquiry inquiry = {.name = name, .status = status, .result = -ENOENT};
    if (!supervisor || !name || !status)
        return -EINVAL;
    if (lc__name_fits(name))
        lc__shell_call(&supervisor->shell, supervisor_look_at, &inquiry);
    return inquiry.result;
}

/* From here on the engine tells when the node will not run again. */
static void supervisor_watch_over(struct lc__shell *shell, void *arg)
{
    struct node_inquiry *inquiry = arg;
    struct lc__node *node = lc__supervisor_find(lc__supervisor_of(shell), inquiry->name);
    bool is_over = !node || lc__engine_is_settled(&node->engine) || shell->engine.finished;
    if (is_over) {
        inquiry->over = lc_handle_new_closed();
        return;
    }
    if (!node->over)
        node->over = lc_handle_new();
    node->engine.graph.tells_end = node->over != NULL;
    inquiry->over = lc_handle_ref(node->over);
}

lc_handle *lc_supervisor_node_over(lc_supervisor *supervisor, const char *name)
{
    struct node_inquiry inquiry = {.name = name};
    if (!supervisor || !lc__name_fits(name))
        return lc_handle_new_closed();
    lc__shell_call(&supervisor->shell, supervisor_watch_over, &inquiry);
    return inquiry.over;
}

/* The supervisor may lie inside the one that asks, hence lc__shell_ask(). */
void lc__supervisor_parts(lc_component *component, lc_part_visitor visit, void *arg)
{
    lc_supervisor *supervisor = (lc_supervisor *)component;
    struct supervisor_survey survey = {NULL, NULL};
    if (!lc__shell_ask(&supervisor->shell, supervisor_survey, &survey))
        return;
    size_t count = survey.snapshot ? lc__snapshot_shown(survey.snapshot)->count : 0;
    lc_snapshot *snapshot = survey.snapshot ? lc__snapshot_finish(survey.snapshot) : NULL;
    for (size_t i = 0; i < count; i++) {
        struct lc__node_instance *held = survey.held ? survey.held[i] : NULL;
        lc_component *below = held ? lc__node_instance_component(held) : NULL;
        if (snapshot) {
            const lc_part part = lc__snapshot_part(snapshot, i, below);
            visit(&part, arg);
        }
        lc__node_instance_release(held);
    }
    if (!snapshot)
        visit(&lc__part_unknown, arg);
    lc_snapshot_free(snapshot);
    lc__free(survey.held);
}

lc_observer *lc_supervisor_observe(lc_supervisor *supervisor, size_t capacity)
{
    return supervisor ? lc__shell_observe(&supervisor->shell, capacity) : NULL;
}
