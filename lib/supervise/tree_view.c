/*
 * tree_view.c: see tree_view.h and <lifecycle/tree.h>.
 */
#include "supervise/tree_view.h"

#include "base/memory.h"
#include "supervise/ended.h"
#include "supervise/observe.h"
#include "supervise/row.h"
#include "supervise/snapshot.h"

/* The node before it in an ordered group; NULL: none. */
static const struct lc__engine_node *runnable_before(const struct lc__engine_node *node)
{
    return node->tree.group->ordered ? TAILQ_PREV(node, lc__engine_members, tree.in_group) : NULL;
}

static const char *runnable_waits_for(struct lc__snapshot *snapshot,
                                      const struct lc__engine_node *node)
{
    const struct lc__engine_node *before = runnable_before(node);
    if (node->state == LC_NODE_BACKOFF)
        return lc__snapshot_text(snapshot, "a pause of %.1f s to end",
                                 (double)node->pause / (double)LC_SECOND);
    if (node->tree.cancelled && !lc__engine_runs(node) && node->tree.children_up > 0)
        return lc__snapshot_text(snapshot, "%zu children to end", node->tree.children_up);
    if (node->tree.part != LC__UNIT_NONE && node->life == LC__LIFE_DOWN && node->tree.group->failed)
        return lc__snapshot_text(snapshot, "%zu of its group to end", node->tree.group->awaited);
    if (node->life == LC__LIFE_DOWN && before &&
        (node->tree.part != LC__UNIT_NONE || node->state == LC_NODE_WAITING))
        return lc__snapshot_text(snapshot, "%s to be healthy", before->name);
    if (node->tree.part != LC__UNIT_NONE && node->life == LC__LIFE_DOWN)
        return "the pause of its group to end";
    return lc__engine_runs(node) && node->tree.cancelled ? "its end" : "";
}

/* The index of a runnable that is not shown, with none above it that is. */
#define NOWHERE SIZE_MAX

struct tree_picture {
    bool live_only;
    lc_snapshot *result;
};

static void tree_add_row(struct lc__snapshot *snapshot, struct lc__engine_node *node)
{
    lc_node_status *row = lc__snapshot_add(snapshot, node->name);
    const struct lc__runnable *parent = lc__runnable_of(node)->parent;
    lc__row_fill(row, node);
    row->error = lc_error_ref(node->error);
    row->waits_for = runnable_waits_for(snapshot, node);
    if (parent && parent->index != NOWHERE)
        row->parent = parent->index;
}

static size_t tree_count_rows(struct tree_picture *picture, struct lc__engine_node *top)
{
    size_t count = 0, ended = 0;
    for (struct lc__engine_node *node = top; node; node = lc__engine_after(top, node)) {
        struct lc__runnable *runnable = lc__runnable_of(node);
        if (lc__engine_runs(node) || !picture->live_only)
            runnable->index = count++;
        else /* its children are shown below its parent */
            runnable->index = runnable->parent ? runnable->parent->index : NOWHERE;
        ended += picture->live_only ? 0 : lc__ended_count(runnable->ended);
    }
    return count + ended;
}

static void tree_take_snapshot(struct lc__shell *shell, void *arg)
{
    struct tree_picture *picture = arg;
    lc_tree *tree = lc__tree_of(shell);
    LC__ASSERT(lc__shell_serves(shell));
    struct lc__engine_node *top = shell->started ? lc__tree_top(tree) : NULL;
    struct lc__snapshot *snapshot =
        lc__snapshot_new(shell->name, lc_now(), tree_count_rows(picture, top), 0);
    if (!snapshot)
        return;
    for (struct lc__engine_node *node = top; node; node = lc__engine_after(top, node))
        if (lc__engine_runs(node) || !picture->live_only)
            tree_add_row(snapshot, node);
    for (struct lc__engine_node *node = top; node && !picture->live_only;
         node = lc__engine_after(top, node))
        lc__ended_show(lc__runnable_of(node)->ended, snapshot, lc__runnable_of(node)->index);
    picture->result = lc__snapshot_finish(snapshot);
}

lc_snapshot *lc_tree_snapshot(lc_tree *tree)
{
    struct tree_picture picture = {false, NULL};
    if (tree)
        lc__shell_call(&tree->shell, tree_take_snapshot, &picture);
    return picture.result;
}

lc_snapshot *lc_tree_snapshot_live(lc_tree *tree)
{
    struct tree_picture picture = {true, NULL};
    if (tree)
        lc__shell_call(&tree->shell, tree_take_snapshot, &picture);
    return picture.result;
}

lc_observer *lc_tree_observe(lc_tree *tree, size_t capacity)
{
    return tree ? lc__shell_observe(&tree->shell, capacity) : NULL;
}

/* A snapshot of all, and when each that still runs was told to end. */
struct tree_survey {
    struct tree_picture picture;
    int64_t *told; /* for each row; 0: not told, or the time is not known */
};

static void tree_take_survey(struct lc__shell *shell, void *arg)
{
    struct tree_survey *survey = arg;
    tree_take_snapshot(shell, &survey->picture);
    const lc_snapshot *snapshot = survey->picture.result;
    survey->told = lc__allocate_array(snapshot ? snapshot->count + 1 : 1, sizeof *survey->told);
    const lc_tree *tree = lc__tree_of(shell);
    struct lc__engine_node *top = lc__tree_top(tree);
    if (!snapshot || snapshot->count == 0 || !survey->told)
        return;
    for (struct lc__engine_node *node = top; node; node = lc__engine_after(top, node))
        if (lc__engine_runs(node) && node->tree.cancelled)
            survey->told[lc__runnable_of(node)->index] =
                lc__runnable_told_at(lc__runnable_of(node));
}

/* The tree may lie inside the shell that asks, hence lc__shell_ask(). */
void lc__tree_parts(lc_component *component, lc_part_visitor visit, void *arg)
{
    lc_tree *tree = (lc_tree *)component;
    struct tree_survey survey = {{false, NULL}, NULL};
    if (!lc__shell_ask(&tree->shell, tree_take_survey, &survey))
        return;
    lc_snapshot *snapshot = survey.picture.result;
    for (size_t i = 0; snapshot && i < snapshot->count; i++) {
        lc_part part = lc__snapshot_part(snapshot, i, NULL);
        if (survey.told && survey.told[i] != 0) {
            part.state = LC_NODE_STOPPING;
            part.since = survey.told[i];
            part.waits_for = NULL;
        }
        visit(&part, arg);
    }
    if (!snapshot)
        visit(&lc__part_unknown, arg);
    lc_snapshot_free(snapshot);
    lc__free(survey.told);
}
