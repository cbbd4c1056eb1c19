/*
 * snapshot.h: how a front makes the snapshots of <lifecycle/observe.h>: it says how many nodes and
 * dependencies there are, fills a row for each, and finishes. The snapshot owns all that is stored
 * in it. Floor 5, for the fronts.
 *
 *     struct lc__snapshot *snapshot = lc__snapshot_new(name, lc_now(), nodes, links);
 *     if (!snapshot)
 *         return NULL;
 *     for each node:
 *         lc_node_status *row = lc__snapshot_add(snapshot, node->name);
 *         row->state = ...;
 *         row->waits_for = lc__snapshot_text(snapshot, "%s to be ready", other->name);
 *         for each of its dependencies:
 *             lc__snapshot_link(snapshot, index, condition, along, met);
 *     return lc__snapshot_finish(snapshot);
 *
 * Only lc__snapshot_nest() waits or calls the program; the others may be called under a lock.
 */
#ifndef LIFECYCLE_SUPERVISE_SNAPSHOT_H
#define LIFECYCLE_SUPERVISE_SNAPSHOT_H

#include <lifecycle/component.h>
#include <lifecycle/observe.h>
#include <lifecycle/supervisor.h>

#include <stddef.h>

struct lc__snapshot;

enum { LC__SNAPSHOT_FORMATS = LC_SNAPSHOT_DOT + 1 };

/* With room for `nodes` nodes, which have `links` dependencies in all. NULL: no memory. */
struct lc__snapshot *lc__snapshot_new(const char *name, int64_t time, size_t nodes, size_t links);
/*
 * Adds the row of a node; the name is copied. The row says: waiting, for nothing, with no parent,
 * no dependency, no error, never started. The caller changes what is otherwise. `error` takes a
 * reference over; a text outlives the snapshot or comes from lc__snapshot_text().
 */
lc_node_status *lc__snapshot_add(struct lc__snapshot *snapshot, const char *name);
/* Adds a dependency of the last added node on node `dependency`, which may not be added yet. */
void lc__snapshot_link(struct lc__snapshot *snapshot, size_t dependency, lc_condition condition,
                       bool restart_along, bool met);
/*
 * A text that lives as long as the snapshot. Without memory it is "", and lc__snapshot_finish()
 * will return NULL.
 */
LC_PRINTF(2, 3)
const char *lc__snapshot_text(struct lc__snapshot *snapshot, const char *format, ...);
/*
 * Adds the nodes of a nested snapshot below node `parent`, with `path` before their names. All
 * nodes of the outer snapshot have been added. @return the index of the first; SIZE_MAX: no memory,
 * and lc__snapshot_finish() will return NULL.
 */
size_t lc__snapshot_append(struct lc__snapshot *snapshot, size_t parent, const char *path,
                           const lc_snapshot *nested);
/*
 * Adds, below node `parent`, the nodes of the supervisors and trees that the component consists of,
 * and all that is nested in those. It asks the components, so the caller holds no lock.
 */
void lc__snapshot_nest(struct lc__snapshot *snapshot, size_t parent, lc_component *component);
/* A component without memory to tell its parts tells this one. */
extern const lc_part lc__part_unknown;
/* A node of a snapshot as a part, for lc_component_ops.parts. */
lc_part lc__snapshot_part(const lc_snapshot *snapshot, size_t index, lc_component *component);
/* What the snapshot shows so far. */
const lc_snapshot *lc__snapshot_shown(const struct lc__snapshot *snapshot);
/*
 * Makes the snapshot the user's. All rows have been added; dependencies may be fewer than
 * announced, as one on a node that is gone cannot be shown. @return NULL: memory has run out; all
 * is freed.
 */
lc_snapshot *lc__snapshot_finish(struct lc__snapshot *snapshot);
/* Where the text of that format is kept; NULL is there until it has been printed. */
char **lc__snapshot_printed(lc_snapshot *shown, lc_snapshot_format format);

#endif
