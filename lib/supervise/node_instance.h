/*
 * node_instance.h: the instances of a node: made and started in tasks of their own, watched without
 * any. Floor 5: supervisor.c, late.c.
 */
#ifndef LIFECYCLE_SUPERVISE_NODE_INSTANCE_H
#define LIFECYCLE_SUPERVISE_NODE_INSTANCE_H

#include "supervise/instance.h"
#include "supervise/node.h"

/* ---- in the service ---- */

/*
 * Keeps the component of the present instance, and with it the instance and the node, until
 * lc__node_instance_release. NULL: there is none, or it is just being made or destroyed.
 */
struct lc__node_instance *lc__node_hold(struct lc__node *node);

/* Carries out LC__START, LC__CANCEL. */
void lc__node_start(struct lc__node *node);
void lc__node_cancel(struct lc__node *node);

/* ---- elsewhere ---- */

/* The component of an instance that is held. */
lc_component *lc__node_instance_component(const struct lc__node_instance *instance);
/* NULL is allowed. */
void lc__node_instance_release(struct lc__node_instance *instance);

#endif
