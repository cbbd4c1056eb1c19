/*
 * supervisor.h: what a supervisor consists of: its nodes by name, and the check that they are a
 * graph which can be run. Floor 5: supervisor_....c.
 */
#ifndef LIFECYCLE_SUPERVISE_SUPERVISOR_H
#define LIFECYCLE_SUPERVISE_SUPERVISOR_H

#include "base/container.h"
#include "supervise/node.h"

RB_HEAD(lc__supervisor_names, lc__node);
RB_PROTOTYPE_INTERNAL(lc__supervisor_names, lc__node, by_name, , );

struct lc_supervisor {
    lc_component component; /* first */
    struct lc__shell shell;
    bool handle_signals;
    lc_halt_mode halt;
    void (*on_halt)(const lc_error *error, void *arg);
    void *on_halt_arg;
    /* In the service. */
    struct lc__supervisor_names names;
    size_t needed_count;
    bool is_component; /* its error goes to the signaler above */
};

static inline lc_supervisor *lc__supervisor_of(struct lc__shell *shell)
{
    return LC__CONTAINER_OF(shell, lc_supervisor, shell);
}

/* Whether a node may have the name. */
bool lc__supervisor_takes_name(const char *name);
/* What the program may not do in a child that was forked when there were workers. */
lc_error *lc__supervisor_check_forked(const lc_supervisor *supervisor);

/* ---- in the service ---- */

struct lc__node *lc__supervisor_find(lc_supervisor *supervisor, const char *name);
/* Looks up what the node needs. @return NULL, or why there is none. */
lc_error *lc__supervisor_look_up(lc_supervisor *supervisor, struct lc__node *node);
/* Looks up what all nodes need. @return NULL, or why they are no graph that can be run. */
lc_error *lc__supervisor_check_graph(lc_supervisor *supervisor);
/* Tells the engine what the node needs, which has been looked up. */
void lc__supervisor_link(struct lc__node *node);

#endif
