/*
 * row.h: what a snapshot shows of any node. Floor 5: supervisor_view.c, tree_view.c.
 */
#ifndef LIFECYCLE_SUPERVISE_ROW_H
#define LIFECYCLE_SUPERVISE_ROW_H

#include "supervise/engine_state.h"

#include <lifecycle/observe.h>

/* Fills in the fields that the engine knows, except for the error. */
static inline void lc__row_fill(lc_node_status *row, const struct lc__engine_node *node)
{
    row->state = node->state;
    row->since = node->since;
    row->instance = node->instance;
    row->restarts = node->instance > 0 ? node->instance - 1 : 0;
    row->overdue = node->overdue;
}

#endif
