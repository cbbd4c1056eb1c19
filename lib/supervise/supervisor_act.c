/*
 * supervisor_act.c: see supervisor_act.h.
 */
#include "supervise/supervisor_act.h"

#include "base/memory.h"
#include "supervise/ended.h"
#include "supervise/late.h"
#include "supervise/node_instance.h"
#include "supervise/node_judge.h"
#include "supervise/node_log.h"

void lc__supervisor_forget(struct lc__node *node)
{
    lc_supervisor *supervisor = lc__supervisor_of(node->shell);
    lc_handle *gone = node->gone;
    LC__ASSERT(lc__shell_serves(node->shell) && !node->instance);
    node->gone = NULL;
    supervisor->needed_count -= node->needed_count;
    RB_REMOVE(lc__supervisor_names, &supervisor->names, node);
    if (!node->engine.graph.leaving && lc__engine_is_settled(&node->engine))
        lc__ended_keep(&supervisor->shell.ended, node->name, &node->engine);
    lc__node_end_lines(node);
    lc__node_free(node);
    lc_handle_close(gone);
    lc_handle_unref(gone);
}

static void supervisor_act(struct lc__shell *shell, const struct lc__engine_action *action)
{
    struct lc__node *node = lc__node_of(action->node);
    LC__ASSERT(node->shell == shell && lc__shell_serves(shell));
    switch (action->kind) {
    case LC__START:
        lc__node_start(node);
        break;
    case LC__CANCEL:
        lc__node_cancel(node);
        break;
    case LC__ASK:
        lc__node_ask(node);
        break;
    case LC__FORGET:
        lc__supervisor_forget(node);
        break;
    case LC__TELL_OVER:
        lc_handle_close(node->over);
        break;
    default:
        lc__node_tell(node, action);
        break;
    }
}

static bool supervisor_shows(lc_node_state state)
{
    (void)state;
    return true;
}

static void supervisor_finished(struct lc__shell *shell)
{
    lc_supervisor *supervisor = lc__supervisor_of(shell);
    struct lc__node *node;
    RB_FOREACH (node, lc__supervisor_names, &supervisor->names) {
        lc__node_end_lines(node);
        lc_handle_close(node->over);
    }
    if (supervisor->is_component)
        lc__shell_report(shell);
    lc_handle_close(&shell->done);
}

static void supervisor_destroy(struct lc__shell *shell)
{
    lc_supervisor *supervisor = lc__supervisor_of(shell);
    struct lc__node *node, *next;
    RB_FOREACH_SAFE (node, lc__supervisor_names, &supervisor->names, next) {
        RB_REMOVE(lc__supervisor_names, &supervisor->names, node);
        lc__node_free(node);
    }
    lc__shell_end(shell);
    lc__free(supervisor);
}

const struct lc__shell_front lc__supervisor_front = {
    .act = supervisor_act,
    .ready_when_good = true,
    .shows = supervisor_shows,
    .look_ahead = lc__late_look,
    .finished = supervisor_finished,
    .destroy = supervisor_destroy,
};
