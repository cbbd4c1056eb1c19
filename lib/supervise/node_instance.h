/*
 * node_instance.h: starts the instances of nodes, and follows them. Floor 5: supervisor_act.c for
 * the actions of the engine; late.c and supervisor_view.c for the components.
 */
#ifndef LIFECYCLE_SUPERVISE_NODE_INSTANCE_H
#define LIFECYCLE_SUPERVISE_NODE_INSTANCE_H

#include "supervise/instance.h"
#include "supervise/node.h"

struct lc__node_instance;

/* ---- for the serving task ---- */

/* Carry out LC__START and LC__CANCEL. */
void lc__node_start(struct lc__node *node);
void lc__node_cancel(struct lc__node *node);
/*
 * Keeps the present instance, its component and the node until lc__node_instance_release().
 * NULL: there is no component, or it is just being made or destroyed.
 */
struct lc__node_instance *lc__node_hold(struct lc__node *node);

/* ---- for any task that holds an instance ---- */

lc_component *lc__node_instance_component(const struct lc__node_instance *instance);
/* Does nothing for NULL. */
void lc__node_instance_release(struct lc__node_instance *instance);

#endif
