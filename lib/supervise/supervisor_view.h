/*
 * supervisor_view.h: shows the nodes of a supervisor: snapshots, and parts. Floor 5:
 * supervisor_make.c.
 */
#ifndef LIFECYCLE_SUPERVISE_SUPERVISOR_VIEW_H
#define LIFECYCLE_SUPERVISE_SUPERVISOR_VIEW_H

#include "supervise/supervisor.h"

/* The parts of the supervisor as a component: see struct lc_component_ops. */
void lc__supervisor_parts(lc_component *component, lc_part_visitor visit, void *arg);

#endif
