/*
 * snapshot_text.h: a snapshot as a line a node, children below their parents. Floor 5, for
 * snapshot_print.c.
 */
#ifndef LIFECYCLE_SUPERVISE_SNAPSHOT_TEXT_H
#define LIFECYCLE_SUPERVISE_SNAPSHOT_TEXT_H

#include <lifecycle/observe.h>

#include <stdbool.h>
#include <stdio.h>

/* @return false if memory has run out. */
bool lc__snapshot_print_text(FILE *out, const lc_snapshot *shown);

#endif
