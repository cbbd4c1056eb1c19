/*
 * supervisor_act.h: carries out the actions of the engine of a graph. Floor 5: supervisor_make.c,
 * supervisor_remove.c.
 */
#ifndef LIFECYCLE_SUPERVISE_SUPERVISOR_ACT_H
#define LIFECYCLE_SUPERVISE_SUPERVISOR_ACT_H

#include "supervise/supervisor.h"

extern const struct lc__shell_front lc__supervisor_front;
/* Frees a node that the engine has dropped, and closes its `gone`. For the serving task. */
void lc__supervisor_forget(struct lc__node *node);

#endif
