/*
 * tree.c: see tree.h.
 */
#include "supervise/tree.h"

#include "base/memory.h"
#include "supervise/engine_text.h"
#include "supervise/policy.h"

#include <lifecycle/log.h>

#include <inttypes.h>

/* No more lines of a kind will come of the runnable: says how many were left out. */
static void end_lines(struct lc__runnable *runnable)
{
    char buffer[LC__PATH_SIZE];
    const char *path = lc__shell_path(runnable->shell, runnable->engine.name, buffer);
    lc__log_repeated_end(&runnable->death_lines, LC_LOG_ERROR, path);
    lc__log_repeated_end(&runnable->pause_lines, LC_LOG_NOTICE, path);
    lc__log_repeated_end(&runnable->ready_lines, LC_LOG_NOTICE, path);
    lc__log_repeated_end(&runnable->late_lines, LC_LOG_ERROR, path);
}

static void forget(struct lc__shell *shell, struct lc__runnable *runnable)
{
    lc_tree *tree = lc__tree_of(shell);
    end_lines(runnable);
    if (runnable == tree->root)
        tree->root = NULL;
    if (runnable->engine.tree.over) /* else it goes since its parent is restarted */
        lc__ended_keep(&runnable->parent->ended, runnable->engine.name, &runnable->engine);
    lc__runnable_free(runnable);
}

static void tell_pause(struct lc__runnable *runnable, const char *path)
{
    char next[LC__RESTART_TEXT_SIZE];
    lc__log_repeated(&runnable->pause_lines, LC_LOG_NOTICE, path, NULL, "%s",
                     lc__engine_restart_text(&runnable->engine, next));
}

/* Whether the line is one of a storm, and left out: then nothing is put together for it. */
static bool is_left_out(struct lc__runnable *runnable, enum lc__engine_action_kind kind)
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

static void tell(struct lc__runnable *runnable, const struct lc__engine_action *action)
{
    if (is_left_out(runnable, action->kind))
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
        tell_pause(runnable, path);
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
    default: /* of graphs */
        break;
    }
}

static void act(struct lc__shell *shell, const struct lc__engine_action *action)
{
    struct lc__runnable *runnable = lc__runnable_of(action->node);
    switch (action->kind) {
    case LC__START:
        lc__runnable_start(runnable);
        break;
    case LC__CANCEL:
        lc__runnable_cancel(runnable);
        break;
    case LC__FORGET:
        forget(shell, runnable);
        break;
    default:
        tell(runnable, action);
        break;
    }
}

static const char *name_of(struct lc__engine_node *node)
{
    return node->name;
}

/* A pause before a restart is no state of its own, nor is a wait after it: it is dead meanwhile. */
static bool shows(lc_node_state state)
{
    return state != LC_NODE_BACKOFF && state != LC_NODE_WAITING;
}

static void finished(struct lc__shell *shell)
{
    lc_tree *tree = lc__tree_of(shell);
    struct lc__engine_node *top = tree->root ? &tree->root->engine : NULL;
    for (struct lc__engine_node *node = top; node; node = lc__engine_after(top, node)) {
        lc__runnable_let_go(lc__runnable_of(node));
        end_lines(lc__runnable_of(node));
    }
    if (!shell->engine.ending && !lc_handle_is_closed(&shell->ready))
        lc_log(LC_LOG_WARNING, shell->name, "its root has ended before it was healthy");
    lc__shell_report(shell);
    lc_handle_close(&shell->done);
}

/* Children before their parents, to which they lead. */
static void destroy_shell(struct lc__shell *shell)
{
    lc_tree *tree = lc__tree_of(shell);
    struct lc__engine_node *node = tree->root ? &tree->root->engine : NULL;
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
    .act = act,
    .name_of = name_of,
    .shows = shows,
    .finished = finished,
    .destroy = destroy_shell,
};
