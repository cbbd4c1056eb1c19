/*
 * supervisor_act.h: carries out what the engine says about a graph. Floor 5: supervisor_....c.
 */
#ifndef LIFECYCLE_SUPERVISE_SUPERVISOR_ACT_H
#define LIFECYCLE_SUPERVISE_SUPERVISOR_ACT_H

#include "supervise/supervisor.h"

/* What the shell of a supervisor calls. */
extern const struct lc__shell_front lc__supervisor_front;
/* Frees the node, which the engine has dropped, and closes its handle. In the service. */
void lc__supervisor_forget(struct lc__node *node);

#endif
