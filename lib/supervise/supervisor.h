/*
 * supervisor.h: what a supervisor consists of: its nodes by name, and the check of their graph.
 * Floor 5: supervisor_....c, given_up.c.
 */
#ifndef LIFECYCLE_SUPERVISE_SUPERVISOR_H
#define LIFECYCLE_SUPERVISE_SUPERVISOR_H

#include "base/container.h"
#include "supervise/node.h"

RB_HEAD(lc__supervisor_names, lc__node);
RB_PROTOTYPE_INTERNAL(lc__supervisor_names, lc__node, by_name, , );

struct lc_supervisor {
    struct lc__shell shell; /* first */
    bool handle_signals;
    lc_halt_mode halt;
    void (*on_halt)(const lc_error *error, void *arg);
    void *on_halt_arg;
    /* Of the serving task. */
    struct lc__supervisor_names names;
    size_t needed_count; /* dependencies of all nodes */
    bool is_component;   /* its error goes to the signaler above */
};

static inline lc_supervisor *lc__supervisor_of(struct lc__shell *shell)
{
    return LC__CONTAINER_OF(shell, lc_supervisor, shell);
}

/* NULL; -ENOTSUP in a child that was forked when there were workers. */
lc_error *lc__supervisor_check_forked(const lc_supervisor *supervisor);

/* ---- for the serving task ---- */

/* NULL: there is no node of that name. */
struct lc__node *lc__supervisor_find(lc_supervisor *supervisor, const char *name);
/* Looks up the dependencies of the node. @return NULL; -ENOENT, -EINVAL. */
lc_error *lc__supervisor_look_up(lc_supervisor *supervisor, struct lc__node *node);
/* The same for all nodes; -ELOOP: the dependencies form a circle. */
lc_error *lc__supervisor_check_graph(lc_supervisor *supervisor);
/* Tells the engine the dependencies of the node, which have been looked up. */
void lc__supervisor_link(struct lc__node *node);

#endif
