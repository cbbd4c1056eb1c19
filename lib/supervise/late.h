/*
 * late.h: finds out what a node still waits for when its time to start or to stop is over, so that
 * the log and the error can name that down to the worker. Floor 5: supervisor.c.
 */
#ifndef LIFECYCLE_SUPERVISE_LATE_H
#define LIFECYCLE_SUPERVISE_LATE_H

#include "supervise/shell.h"

/*
 * Keeps for each late node what it waits for. The timer calls this before the deadline is dealt
 * with. It asks the nodes' components, and those may wait for the service of a nested supervisor.
 */
void lc__late_look(struct lc__shell *shell);
/* For engine->awaited: what was found; NULL: nothing is known. */
const char *lc__late_awaited(struct lc__engine *engine, struct lc__engine_node *node);

#endif
