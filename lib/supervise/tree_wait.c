/*
 * tree_wait.c: waits until a tree has ended, or has settled. See <lifecycle/tree.h>.
 */
#include "base/fork.h"
#include "base/task.h"
#include "context/context.h"
#include "supervise/engine_text.h"
#include "supervise/tree.h"

#include <errno.h>

static void tree_list_living(struct lc__shell *shell, void *arg)
{
    lc_tree *tree = lc__tree_of(shell);
    char *names = arg;
    struct lc__engine_node *top = lc__tree_top(tree);
    for (struct lc__engine_node *node = top; node; node = lc__engine_after(top, node))
        if (lc__engine_runs(node))
            lc__engine_list_name(names, LC_ERROR_MESSAGE_MAX / 2, node->name);
}

/* The error that the tree ended by, or, if that only answers a stop, what went wrong in it. */
static void tree_take_result(struct lc__shell *shell, void *arg)
{
    lc_error **result = arg;
    const struct lc__engine *engine = &shell->engine;
    bool clean = lc__context_is_clean_end(shell->above, engine->result);
    *result = lc_error_ref(clean ? engine->trouble : engine->result);
}

/* Whether the end of the tree waits for the caller: a part of the tree, or a callback it calls. */
static bool tree_awaits_caller(lc_tree *tree)
{
    return lc__shell_serves(&tree->shell) || lc__shell_serves_inside(&tree->shell) ||
           lc__owner_is_in(&tree->shell, lc__worker_context());
}

lc_error *lc_tree_wait(lc_tree *tree, int64_t deadline)
{
    if (!tree)
        return lc_error_new(-EINVAL, "lc_tree_wait needs a tree");
    if (!lc_handle_is_closed(&tree->shell.done) && tree_awaits_caller(tree))
        return lc_error_new(-EDEADLK,
                            "\"%s\" is waited for by a task that is part of it, or in a callback "
                            "that it calls, \"%s\"",
                            lc__shell_own_path(&tree->shell), lc_worker_name());
    int result = lc_handle_wait(&tree->shell.done, deadline);
    if (result == 0) {
        lc_error *error = NULL;
        lc__shell_call(&tree->shell, tree_take_result, &error);
        return error;
    }
    char names[LC_ERROR_MESSAGE_MAX / 2] = "";
    lc__shell_call(&tree->shell, tree_list_living, names);
    return lc_error_new(result, "\"%s\" has not ended; what still runs: %s", tree->shell.name,
                        names[0] != '\0' ? names : "nothing");
}

/* ---- settled ---- */

struct tree_look {
    bool settled;
    bool own; /* the calling task is one of the runnables */
    const struct lc__task *task;
};

static void tree_look_settled(struct lc__shell *shell, void *arg)
{
    struct tree_look *look = arg;
    lc_tree *tree = lc__tree_of(shell);
    int64_t now = lc_now();
    look->settled = !lc__shell_has_events(shell);
    struct lc__engine_node *top = lc__tree_top(tree);
    for (struct lc__engine_node *node = top; node; node = lc__engine_after(top, node)) {
        struct lc__run *run = lc__runnable_of(node)->last;
        if (lc__engine_runs(node) && run &&
            !lc__run_is_settled(run, now, tree->settle_grace, look->task, &look->own))
            look->settled = false;
    }
}

/* How often to look. There is no handle for what happens in other threads. */
#define SETTLE_INTERVAL LC_MILLISECOND

int lc_tree_settle(lc_tree *tree, int64_t deadline)
{
    if (!tree)
        return -EINVAL;
    if (lc__forked())
        return -ENOTSUP;
    for (;;) {
        if (tree_awaits_caller(tree))
            return -EDEADLK;
        struct tree_look look = {.task = lc__task_current()};
        lc__shell_call(&tree->shell, tree_look_settled, &look);
        if (look.own)
            return -EDEADLK;
        if (look.settled)
            return 0;
        if (lc_now() >= deadline)
            return -ETIMEDOUT;
        int result = lc_sleep(SETTLE_INTERVAL);
        if (result < 0)
            return result;
    }
}
