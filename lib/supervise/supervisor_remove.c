/*
 * supervisor_remove.c: removes a node from a supervisor. See <lifecycle/supervisor.h>.
 */
#include "base/task.h"
#include "context/owner.h"
#include "context/worker.h"
#include "supervise/supervisor_act.h"

#include <errno.h>

struct removal {
    const char *name;
    const lc_context *context; /* that the caller works under; NULL: none */
    lc_handle *gone;           /* given to the caller */
    struct lc__owner *owner;   /* the node's, held; NULL: it has not run */
    lc_error *error;
};

static lc_error *may_remove(lc_supervisor *supervisor, const struct lc__node *node,
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

static void remove_in_service(struct lc__shell *shell, void *arg)
{
    struct removal *removal = arg;
    lc_supervisor *supervisor = lc__supervisor_of(shell);
    struct lc__node *node = lc__supervisor_find(supervisor, removal->name);
    removal->error = may_remove(supervisor, node, removal->name);
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
    else if (!node->engine.graph.leaving)
        lc__engine_remove(&shell->engine, &node->engine, lc_now());
}

/*
 * Within the service, or that of a part of the node, in a callback, say, and as a part of the node,
 * the caller would wait for what only goes on after it.
 */
static int await_gone(lc_supervisor *supervisor, const struct removal *removal, int64_t deadline)
{
    if (lc_handle_is_closed(removal->gone))
        return 0;
    if (lc__shell_serves(&supervisor->shell) || lc__shell_serves_part_of(removal->owner) ||
        lc__owner_owns(removal->owner, removal->context))
        return -EDEADLK;
    return lc_handle_wait(removal->gone, deadline);
}

static lc_error *still_stops(const struct removal *removal, int result)
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
    if (!supervisor || !lc__supervisor_takes_name(name))
        return lc_error_new(-EINVAL,
                            "lc_supervisor_remove needs a supervisor, and a name of 1 to %d bytes",
                            LC_NAME_MAX);
    struct removal removal = {.name = name,
                              .context = lc__worker_context(),
                              .error = lc__supervisor_check_forked(supervisor)};
    if (!removal.error)
        lc__shell_call(&supervisor->shell, remove_in_service, &removal);
    if (removal.gone) {
        lc__task_shield();
        int result = await_gone(supervisor, &removal, deadline);
        lc__task_unshield();
        if (result < 0)
            removal.error = still_stops(&removal, result);
    }
    lc_handle_unref(removal.gone);
    lc__owner_unref(removal.owner);
    return removal.error;
}
