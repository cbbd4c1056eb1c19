/*
 * late.h: finds out what holds a node up whose time is over, before the deadline is dealt with, so
 * that log and error can name it down to the worker. Floor 5: supervisor.c.
 */
#ifndef LIFECYCLE_SUPERVISE_LATE_H
#define LIFECYCLE_SUPERVISE_LATE_H

#include "supervise/shell.h"

/*
 * Looks at the nodes whose time is over, and keeps for each what it waits for. For the timer,
 * outside the service: the nodes' components are asked, which may have to wait for the service of a
 * supervisor that lies in this one.
 */
void lc__late_look(struct lc__shell *shell);
/* What was found, in the service: for struct lc__engine. NULL: nothing is known. */
const char *lc__late_awaited(struct lc__engine *engine, struct lc__engine_node *node);

#endif
