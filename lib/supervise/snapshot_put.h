/*
 * snapshot_put.h: what the formats of a printed snapshot write alike. Floor 5, for snapshot_*.c.
 */
#ifndef LIFECYCLE_SUPERVISE_SNAPSHOT_PUT_H
#define LIFECYCLE_SUPERVISE_SNAPSHOT_PUT_H

#include <lifecycle/observe.h>

#include <stddef.h>
#include <stdio.h>

/* Writes the text, with those characters escaped that the format cannot show. */
void lc__snapshot_put(FILE *out, const char *text, lc_snapshot_format format);
/* How many columns a text takes in LC_SNAPSHOT_TEXT, each character taken for one. */
size_t lc__snapshot_columns(const char *text);
/* Writes the node's state, and for how long it has been in it. */
void lc__snapshot_put_state(FILE *out, const lc_snapshot *shown, const lc_node_status *node);

#endif
