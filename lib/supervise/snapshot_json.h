/*
 * snapshot_json.h: a snapshot as one JSON object. Floor 5, for snapshot_print.c.
 */
#ifndef LIFECYCLE_SUPERVISE_SNAPSHOT_JSON_H
#define LIFECYCLE_SUPERVISE_SNAPSHOT_JSON_H

#include <lifecycle/observe.h>

#include <stdbool.h>
#include <stdio.h>

bool lc__snapshot_print_json(FILE *out, const lc_snapshot *shown);

#endif
