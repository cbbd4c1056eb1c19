/*
 * supervisor_make.c: makes supervisors and adds nodes to them; the supervisor as a component.
 * See <lifecycle/supervisor.h>.
 */
#include "base/memory.h"
#include "base/options.h"
#include "supervise/ended.h"
#include "supervise/late.h"
#include "supervise/policy.h"
#include "supervise/supervisor_act.h"
#include "supervise/supervisor_start.h"
#include "supervise/supervisor_view.h"

#include <errno.h>

/* ---- as a component ---- */

static lc_error *supervisor_component_start(lc_component *component, lc_context *context)
{
    return lc__supervisor_start((lc_supervisor *)component, context, true);
}

static const lc_component_ops supervisor_component_ops = {
    .size = sizeof(lc_component_ops),
    .start = supervisor_component_start,
    .ready = lc__shell_component_ready,
    .done = lc__shell_component_done,
    .destroy = lc__shell_component_destroy,
    .flags = LC_START_INLINE,
    .parts = lc__supervisor_parts,
    .name = lc__shell_component_name,
};

lc_component *lc_supervisor_component(lc_supervisor *supervisor)
{
    return supervisor ? &supervisor->shell.component : NULL;
}

lc_handle *lc_supervisor_ready(lc_supervisor *supervisor)
{
    return supervisor ? &supervisor->shell.ready : NULL;
}

lc_handle *lc_supervisor_done(lc_supervisor *supervisor)
{
    return supervisor ? &supervisor->shell.done : NULL;
}

/* ---- adding ---- */

struct addition {
    struct lc__node *node;
    lc_error *error;
};

static lc_error *addition_check(lc_supervisor *supervisor, struct lc__node *node)
{
    const struct lc__engine *engine = &supervisor->shell.engine;
    if (lc__supervisor_find(supervisor, node->name))
        return lc_error_new(-EEXIST, "\"%s\" has a node called \"%s\" already",
                            supervisor->shell.name, node->name);
    if (engine->ending || engine->finished)
        return lc_error_new(-ESHUTDOWN, "\"%s\" is being stopped, or has: node \"%s\" is refused",
                            supervisor->shell.name, node->name);
    if (engine->count >= LC_SUPERVISOR_NODES_MAX ||
        supervisor->needed_count + node->needed_count > LC_SUPERVISOR_NODES_MAX)
        return lc_error_new(-ENOSPC, "\"%s\" has %d nodes or dependencies already",
                            supervisor->shell.name, LC_SUPERVISOR_NODES_MAX);
    return supervisor->shell.started ? lc__supervisor_look_up(supervisor, node) : NULL;
}

static void addition_apply(struct lc__shell *shell, void *arg)
{
    struct addition *addition = arg;
    lc_supervisor *supervisor = lc__supervisor_of(shell);
    struct lc__node *node = addition->node;
    addition->error = addition_check(supervisor, node);
    if (addition->error)
        return;
    supervisor->needed_count += node->needed_count;
    RB_INSERT(lc__supervisor_names, &supervisor->names, node);
    lc__ended_drop(shell->ended, node->name);
    lc__engine_add(&shell->engine, &node->engine, NULL, lc_now());
    if (!shell->started)
        return;
    lc__supervisor_link(node);
    lc__engine_begin(&shell->engine, &node->engine, lc_now());
}

/* Checks the nested nodes at once, so that the call which is given a node finds a mistake in it. */
static lc_error *supervisor_nest(lc_component **component, const char *name,
                                 const lc_node *const *nodes)
{
    lc_supervisor *supervisor = NULL;
    lc_error *error = lc_supervisor_new(LC_SUPERVISOR(.name = name, .nodes = nodes), &supervisor);
    if (!error)
        error = lc_supervisor_check(supervisor);
    if (error) {
        lc_supervisor_unref(supervisor);
        return error;
    }
    *component = lc_supervisor_component(supervisor);
    return NULL;
}

lc_error *lc_supervisor_add(lc_supervisor *supervisor, const lc_node *options)
{
    struct addition addition = {NULL, NULL};
    lc_error *error = supervisor ? lc__supervisor_check_forked(supervisor)
                                 : lc_error_new(-EINVAL, "lc_supervisor_add needs a supervisor");
    if (!error)
        error = lc__node_new(&supervisor->shell, options, supervisor_nest, &addition.node);
    if (error)
        return error;
    lc__shell_call(&supervisor->shell, addition_apply, &addition);
    if (addition.error)
        lc__node_free(addition.node);
    return addition.error;
}

/* ---- making ---- */

LC__OPTIONS_END(lc_supervisor_options, on_halt_arg);

static lc_error *supervisor_read_options(lc_supervisor_options *options,
                                         const lc_supervisor_options *given)
{
    lc_error *error = lc__options_read(options, sizeof *options, given, "lc_supervisor_options");
    if (!error)
        error = lc__policy_name(&options->name, "supervisor", "lc_supervisor_options.name");
    if (!error)
        error = lc__policy_timeout(&options->stop_timeout, "stop_timeout", options->name);
    if (!error && options->halt != LC_HALT_WAIT && options->halt != LC_HALT_RETURN)
        error = lc_error_new(-EINVAL, "halt of \"%s\" is %d, not one of LC_HALT_...", options->name,
                             (int)options->halt);
    return error;
}

static void supervisor_set_options(lc_supervisor *supervisor, const lc_supervisor_options *options)
{
    supervisor->handle_signals = options->handle_signals;
    supervisor->halt = options->halt;
    supervisor->on_halt = options->on_halt;
    supervisor->on_halt_arg = options->on_halt_arg;
    supervisor->shell.engine.tells_states = options->log_states;
    supervisor->shell.engine.keep_running = options->keep_running;
    supervisor->shell.engine.stop_timeout = options->stop_timeout;
}

lc_error *lc_supervisor_new(const lc_supervisor_options *given, lc_supervisor **result)
{
    lc_supervisor_options options;
    if (!result)
        return lc_error_new(-EINVAL, "lc_supervisor_new has nowhere to put the supervisor");
    *result = NULL;
    lc_error *error = supervisor_read_options(&options, given);
    if (error)
        return error;
    lc_supervisor *supervisor = lc__allocate(sizeof *supervisor);
    if (!supervisor)
        return lc_error_new(-ENOMEM, "no memory for supervisor \"%s\"", options.name);
    RB_INIT(&supervisor->names);
    lc__shell_init(&supervisor->shell, &lc__supervisor_front, options.name);
    supervisor->shell.component.ops = &supervisor_component_ops;
    supervisor->shell.engine.awaited = lc__late_awaited;
    supervisor_set_options(supervisor, &options);
    for (size_t i = 0; options.nodes && options.nodes[i] && !error; i++)
        error = lc_supervisor_add(supervisor, options.nodes[i]);
    if (!error)
        *result = supervisor;
    else
        lc_supervisor_unref(supervisor);
    return error;
}

lc_supervisor *lc_supervisor_ref(lc_supervisor *supervisor)
{
    if (supervisor)
        lc__shell_ref(&supervisor->shell);
    return supervisor;
}

void lc_supervisor_unref(lc_supervisor *supervisor)
{
    if (supervisor)
        lc__shell_unref(&supervisor->shell);
}
