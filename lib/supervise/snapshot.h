/*
 * snapshot.h: how a front makes the snapshots that observe.h shows: it says how many nodes and
 * dependencies there are, fills a row for each, and finishes. What it stores in one is freed with
 * it. Floor 5, for the fronts.
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
 * Only lc__snapshot_nest waits or calls the program; the other calls may be made under a lock.
 */
#ifndef LIFECYCLE_SUPERVISE_SNAPSHOT_H
#define LIFECYCLE_SUPERVISE_SNAPSHOT_H

#include <lifecycle/component.h>
#include <lifecycle/observe.h>
#include <lifecycle/supervisor.h>

#include <stddef.h>

struct lc__snapshot;

enum { LC__SNAPSHOT_FORMATS = LC_SNAPSHOT_DOT + 1 };

/*
 * With room for so many nodes, and so many dependencies of all of them together. NULL: no memory.
 */
struct lc__snapshot *lc__snapshot_new(const char *name, int64_t time, size_t nodes, size_t links);
/*
 * The row of the next node; the name is copied. It says: waiting, for nothing, with no parent, no
 * dependency, no error, never started. What is not so the caller changes. It gives a reference over
 * with `error`; the other texts it puts there live on their own, or come of lc__snapshot_text.
 */
lc_node_status *lc__snapshot_add(struct lc__snapshot *snapshot, const char *name);
/* A dependency of the node added last on the node with that index, which may come later. */
void lc__snapshot_link(struct lc__snapshot *snapshot, size_t dependency, lc_condition condition,
                       bool restart_along, bool met);
/*
 * A text that lives as long as the snapshot. Where memory has run out it is "", and
 * lc__snapshot_finish tells.
 */
LC_PRINTF(2, 3)
const char *lc__snapshot_text(struct lc__snapshot *snapshot, const char *format, ...);
/*
 * Adds the nodes of a snapshot that lies in this one, below the node `parent`; their names begin
 * with `path`. All nodes of its own have been added before. @return the index of the first;
 * SIZE_MAX: no memory, and lc__snapshot_finish tells.
 */
size_t lc__snapshot_append(struct lc__snapshot *snapshot, size_t parent, const char *path,
                           const lc_snapshot *nested);
/*
 * Adds, below the node `parent`, the nodes of the supervisors and trees that the component is or is
 * made of, and what is nested in those. Asks the components, so no lock is held.
 */
void lc__snapshot_nest(struct lc__snapshot *snapshot, size_t parent, lc_component *component);
/* What is visited instead of parts where there is no memory to tell of them. */
extern const lc_part lc__part_unknown;
/* A node of a snapshot as a part, for lc_component_ops.parts. */
lc_part lc__snapshot_part(const lc_snapshot *snapshot, size_t index, lc_component *component);
/* What the snapshot shows so far. */
const lc_snapshot *lc__snapshot_shown(const struct lc__snapshot *snapshot);
/*
 * Gives the snapshot to its user. Every row that there is room for has been filled; there may be
 * fewer dependencies, as one on a node that is not there cannot be shown.
 * @return NULL if memory has run out for a text; then all is freed.
 */
lc_snapshot *lc__snapshot_finish(struct lc__snapshot *snapshot);
/* Where the text of that format is kept; NULL is there until it has been printed. */
char **lc__snapshot_printed(lc_snapshot *shown, lc_snapshot_format format);

#endif
