/*
 * node_log.h: logs what becomes of the nodes of graphs. Floor 5: supervisor_act.c.
 */
#ifndef LIFECYCLE_SUPERVISE_NODE_LOG_H
#define LIFECYCLE_SUPERVISE_NODE_LOG_H

#include "supervise/node.h"

/* Logs what the engine tells of the node: LC__TELL_.... Of very many lines some are left out. */
void lc__node_tell(struct lc__node *node, const struct lc__engine_action *action);
/* No more lines will come of the node: logs how many were left out. */
void lc__node_end_lines(struct lc__node *node);

#endif
