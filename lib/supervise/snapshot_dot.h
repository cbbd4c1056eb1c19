/*
 * snapshot_dot.h: a snapshot as a drawing for the tools of Graphviz. Floor 5, for snapshot_print.c.
 */
#ifndef LIFECYCLE_SUPERVISE_SNAPSHOT_DOT_H
#define LIFECYCLE_SUPERVISE_SNAPSHOT_DOT_H

#include <lifecycle/observe.h>

#include <stdbool.h>
#include <stdio.h>

bool lc__snapshot_print_dot(FILE *out, const lc_snapshot *shown);

#endif
