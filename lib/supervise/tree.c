/*
 * tree.c: see tree.h.
 */
#include "supervise/tree.h"

#include "base/memory.h"
#include "supervise/engine_text.h"
#include "supervise/policy.h"

#include <lifecycle/log.h>

#include <inttypes.h>

/* No more lines will come of the runnable: logs how many were left out. */
static void runnable_end_lines(struct lc__runnable *runnable)
{
    char buffer[LC__PATH_SIZE];
    const char *path = lc__shell_path(runnable->shell, runnable->engine.name, buffer);
    lc__log_repeated_end(&runnable->death_lines, LC_LOG_ERROR, path);
    lc__log_repeated_end(&runnable->pause_lines, LC_LOG_NOTICE, path);
    lc__log_repeated_end(&runnable->ready_lines, LC_LOG_NOTICE, path);
    lc__log_repeated_end(&runnable->late_lines, LC_LOG_ERROR, path);
}

static void tree_forget(struct lc__shell *shell, struct lc__runnable *runnable)
{
    lc_tree *tree = lc__tree_of(shell);
    runnable_end_lines(runnable);
    if (runnable == tree->root)
        tree->root = NULL;
    /* Else the restart of its parent removes it, or the parent has gone already. */
    if (runnable->engine.tree.over && runnable->parent)
        lc__ended_keep(&runnable->parent->ended, runnable->engine.name, &runnable->engine);
    lc__runnable_free(runnable);
}

static void runnable_tell_pause(struct lc__runnable *runnable, const char *path)
{
    char next[LC__RESTART_TEXT_SIZE];
    lc__log_repeated(&runnable->pause_lines, LC_LOG_NOTICE, path, NULL, "%s",
                     lc__engine_restart_text(&runnable->engine, next));
}

/* Whether the line is one of too many and left out: then its text is not made. */
static bool runnable_leaves_out(struct lc__runnable *runnable, enum lc__engine_action_kind kind)
{
    int64_t now = runnable->shell->engine.now;
    if (kind == LC__TELL_DIED)
        return lc__log_repeated_is_left_out(&runnable->death_lines, LC_LOG_ERROR, now);
    if (kind == LC__TELL_LATE)
        return lc__log_repeated_is_left_out(&runnable->late_lines, LC_LOG_ERROR, now);
    if (kind == LC__TELL_READY)
        return lc__log_repeated_is_left_out(&runnable->ready_lines, LC_LOG_NOTICE, now);
    if (kind == LC__TELL_RESTART)
        return lc__log_repeated_is_left_out(&runnable->pause_lines, LC_LOG_NOTICE, now);
    return false;
}

static void runnable_tell(struct lc__runnable *runnable, const struct lc__engine_action *action)
{
    if (runnable_leaves_out(runnable, action->kind))
        return;
    char buffer[LC__PATH_SIZE], limit[LC__INTENSITY_TEXT_SIZE];
    const char *path = lc__shell_path(runnable->shell, runnable->engine.name, buffer);
    switch (action->kind) {
    case LC__TELL_DIED:
        lc__runnable_tell(runnable, &runnable->death_lines, path, "died", action->error);
        break;
    case LC__TELL_LATE:
        lc__runnable_tell(runnable, &runnable->late_lines, path,
                          "failed while it was being stopped", action->error);
        break;
    case LC__TELL_RESTART:
        runnable_tell_pause(runnable, path);
        break;
    case LC__TELL_READY:
        lc__log_repeated(&runnable->ready_lines, LC_LOG_NOTICE, path, NULL,
                         "healthy again after restart %" PRIu64, runnable->engine.instance - 1);
        break;
    case LC__TELL_OVERDUE:
        lc_log(LC_LOG_ERROR, path, "has not ended in time, and blocks its restart");
        break;
    case LC__TELL_EXCEEDED:
        lc_log(LC_LOG_ERROR, path, "too many restarts (%s): %s",
               lc__intensity_text(&runnable->engine.intensity->limit, limit),
               lc_error_message(action->error));
        break;
    default: /* LC__ASK and lines of graphs */
        break;
    }
}

static void tree_act(struct lc__shell *shell, const struct lc__engine_action *action)
{
    struct lc__runnable *runnable = lc__runnable_of(action->node);
    LC__ASSERT(runnable->shell == shell && lc__shell_serves(shell));
    switch (action->kind) {
    case LC__START:
        lc__runnable_start(runnable);
        break;
    case LC__CANCEL:
        lc__runnable_cancel(runnable);
        break;
    case LC__FORGET:
        tree_forget(shell, runnable);
        break;
    default:
        runnable_tell(runnable, action);
        break;
    }
}

/* Observers see a runnable as dead while it pauses before a restart, or waits for one. */
static bool tree_shows(lc_node_state state)
{
    return state != LC_NODE_BACKOFF && state != LC_NODE_WAITING;
}

static void tree_finished(struct lc__shell *shell)
{
    lc_tree *tree = lc__tree_of(shell);
    struct lc__engine_node *top = lc__tree_top(tree);
    for (struct lc__engine_node *node = top; node; node = lc__engine_after(top, node)) {
        lc__runnable_let_go(lc__runnable_of(node));
        runnable_end_lines(lc__runnable_of(node));
    }
    if (!shell->engine.ending && !lc_handle_is_closed(&shell->ready))
        lc_log(LC_LOG_WARNING, shell->name, "its root has ended before it was healthy");
    lc__shell_report(shell);
    lc_handle_close(&shell->done);
}

/* Children refer to their parents, and are freed first. */
static void tree_destroy(struct lc__shell *shell)
{
    lc_tree *tree = lc__tree_of(shell);
    struct lc__engine_node *node = lc__tree_top(tree);
    while (node) {
        struct lc__engine_node *child = TAILQ_FIRST(&node->children);
        if (child) {
            node = child;
            continue;
        }
        struct lc__engine_node *parent = node == &tree->root->engine ? NULL : node->parent;
        if (parent)
            TAILQ_REMOVE(&parent->children, node, among_children);
        lc__runnable_free(lc__runnable_of(node));
        node = parent;
    }
    lc__shell_end(shell);
    lc__free(tree);
}

const struct lc__shell_front lc__tree_front = {
    .act = tree_act,
    .shows = tree_shows,
    .finished = tree_finished,
    .destroy = tree_destroy,
};
