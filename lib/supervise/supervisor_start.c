/*
 * supervisor_start.c: see supervisor_start.h.
 */
#include "supervise/supervisor_start.h"

#include "context/context.h"

#include <errno.h>

/* Its value is the supervisor whose nodes run below the context. */
static const char supervisor_key;

static lc_context *make_context(lc_supervisor *supervisor, lc_context *above)
{
    lc_context *apart = lc__context_apart(above);
    lc_context *context =
        apart ? lc_context_with_value(apart, &supervisor_key, supervisor, NULL) : NULL;
    lc_context_unref(apart);
    return context;
}

struct start {
    lc_context *above;
    bool is_component;
    lc_error *error;
};

static void start_in_service(struct lc__shell *shell, void *arg)
{
    struct start *start = arg;
    lc_supervisor *supervisor = lc__supervisor_of(shell);
    if (shell->started) {
        start->error = lc_error_new(-EALREADY, "\"%s\" has been run before", shell->name);
        return;
    }
    start->error = lc__supervisor_check_graph(supervisor);
    if (start->error)
        return;
    lc_context *context = make_context(supervisor, start->above);
    start->error = context ? lc__shell_prepare(shell)
                           : lc_error_new(-ENOMEM, "no memory to run \"%s\"", shell->name);
    if (start->error) {
        lc_context_unref(context);
        return;
    }
    struct lc__node *node;
    RB_FOREACH (node, lc__supervisor_names, &supervisor->names)
        lc__supervisor_link(node);
    supervisor->is_component = start->is_component;
    lc__shell_start(shell, start->above, context, start->is_component);
    lc__engine_start(&shell->engine, lc_now());
}

lc_error *lc__supervisor_start(lc_supervisor *supervisor, lc_context *above, bool is_component)
{
    struct start start = {above, is_component, lc__supervisor_check_forked(supervisor)};
    if (!start.error)
        lc__shell_call(&supervisor->shell, start_in_service, &start);
    return start.error;
}

lc_supervisor *lc_context_supervisor(const lc_context *context)
{
    return context ? lc_context_value(context, &supervisor_key) : NULL;
}
