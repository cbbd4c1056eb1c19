/*
 * supervisor_start.c: see supervisor_start.h.
 */
#include "supervise/supervisor_start.h"

#include "context/context.h"

/* The value of a context under this key is the supervisor of the nodes below. */
static const char supervisor_key;

static lc_context *supervisor_context(lc_supervisor *supervisor, lc_context *above)
{
    lc_context *apart = lc__context_apart(above);
    lc_context *context =
        apart ? lc_context_with_value(apart, &supervisor_key, supervisor, NULL) : NULL;
    lc_context_unref(apart);
    return context;
}

struct supervisor_start {
    lc_context *above;
    bool is_component;
    lc_error *error;
};

static void supervisor_start(struct lc__shell *shell, void *arg)
{
    struct supervisor_start *start = arg;
    lc_supervisor *supervisor = lc__supervisor_of(shell);
    start->error =
        shell->started ? lc__shell_error_started(shell) : lc__supervisor_check_graph(supervisor);
    if (!start->error)
        start->error = lc__shell_start(
            shell, start->above, supervisor_context(supervisor, start->above), start->is_component);
    if (start->error)
        return;
    struct lc__node *node;
    RB_FOREACH (node, lc__supervisor_names, &supervisor->names)
        lc__supervisor_link(node);
    supervisor->is_component = start->is_component;
    lc__shell_look_above(shell);
    lc__engine_start(&shell->engine, lc_now());
}

lc_error *lc__supervisor_start(lc_supervisor *supervisor, lc_context *above, bool is_component)
{
    struct supervisor_start start = {above, is_component, lc__supervisor_check_forked(supervisor)};
    if (!start.error)
        lc__shell_call(&supervisor->shell, supervisor_start, &start);
    return start.error;
}

lc_supervisor *lc_context_supervisor(const lc_context *context)
{
    return context ? lc_context_value(context, &supervisor_key) : NULL;
}
