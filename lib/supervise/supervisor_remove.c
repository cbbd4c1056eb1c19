/*
 * supervisor_remove.c: removes a node from a supervisor. See <lifecycle/supervisor.h>.
 */
#include "base/name.h"
#include "base/task.h"
#include "context/owner.h"
#include "context/worker.h"
#include "supervise/supervisor_act.h"

#include <errno.h>

struct removal {
    const char *name;
    const lc_context *context; /* the caller works under it; NULL: none */
    lc_handle *gone;           /* held; closes when the node is forgotten */
    struct lc__owner *owner;   /* of the node; held; NULL: the node has not run */
    lc_error *error;
};

static lc_error *removal_check(lc_supervisor *supervisor, const struct lc__node *node,
                               const char *name)
{
    if (!node)
        return lc_error_new(-ENOENT, "\"%s\" has no node called \"%s\"", supervisor->shell.name,
                            name);
    const struct lc__engine_edge *edge = LIST_FIRST(&node->engine.graph.dependants);
    if (edge)
        return lc_error_new(-EBUSY, "node \"%s\" cannot be removed, since \"%s\" depends on it",
                            name, edge->dependant->name);
    return NULL;
}

static void removal_begin(struct lc__shell *shell, void *arg)
{
    struct removal *removal = arg;
    lc_supervisor *supervisor = lc__supervisor_of(shell);
    struct lc__node *node = lc__supervisor_find(supervisor, removal->name);
    removal->error = removal_check(supervisor, node, removal->name);
    if (removal->error)
        return;
    removal->owner = lc__owner_ref(node->owner);
    if (!shell->started) {
        lc__engine_drop(&shell->engine, &node->engine);
        lc__supervisor_forget(node);
        return;
    }
    if (!node->gone)
        node->gone = lc_handle_new();
    removal->gone = lc_handle_ref(node->gone);
    if (!removal->gone)
        removal->error = lc_error_new(-ENOMEM, "no memory to remove \"%s\"", removal->name);
    else if (!node->engine.graph.leaving && !lc__engine_is_forgotten(&node->engine))
        lc__engine_remove(&shell->engine, &node->engine, lc_now());
}

/*
 * A caller must not wait if the end of the node waits for the caller. That is a caller which serves
 * the shell, as a callback does, or the shell of a part of the node, or is part of the node.
 */
static int removal_await(lc_supervisor *supervisor, const struct removal *removal, int64_t deadline)
{
    if (lc_handle_is_closed(removal->gone))
        return 0;
    if (lc__shell_serves(&supervisor->shell) || lc__shell_serves_part_of(removal->owner) ||
        lc__owner_owns(removal->owner, removal->context))
        return -EDEADLK;
    return lc_handle_wait(removal->gone, deadline);
}

static lc_error *removal_error(const struct removal *removal, int result)
{
    if (result == -EDEADLK)
        return lc_error_new(
            result,
            "node \"%s\" is being removed, but the caller cannot wait for that: the "
            "node's end waits for the caller",
            removal->name);
    return lc_error_new_errno(-result, "node \"%s\" is still stopping", removal->name);
}

lc_error *lc_supervisor_remove(lc_supervisor *supervisor, const char *name, int64_t deadline)
{
    if (!supervisor || !lc__name_fits(name))
        return lc_error_new(-EINVAL,
                            "lc_supervisor_remove needs a supervisor, and a name of 1 to %d bytes",
                            LC_NAME_MAX);
    struct removal removal = {.name = name,
                              .context = lc__worker_context(),
                              .error = lc__supervisor_check_forked(supervisor)};
    if (!removal.error)
        lc__shell_call(&supervisor->shell, removal_begin, &removal);
    if (removal.gone) {
        lc__task_shield();
        int result = removal_await(supervisor, &removal, deadline);
        lc__task_unshield();
        if (result < 0)
            removal.error = removal_error(&removal, result);
    }
    lc_handle_unref(removal.gone);
    lc__owner_unref(removal.owner);
    return removal.error;
}
