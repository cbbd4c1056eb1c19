/*
 * ended.h: the temporary nodes that have ended last. The engine forgets a temporary node when it
 * has ended, so that its name is free; snapshots still show the last few. Floor 5: the fronts, in
 * the service.
 */
#ifndef LIFECYCLE_SUPERVISE_ENDED_H
#define LIFECYCLE_SUPERVISE_ENDED_H

#include "supervise/engine.h"
#include "supervise/snapshot.h"

struct lc__ended; /* made with the first node; NULL: there has been none */

/*
 * Keeps what a snapshot shows of a node that has ended, in place of the oldest one kept. Without
 * memory it keeps nothing.
 */
void lc__ended_keep(struct lc__ended **ended, const char *name, const struct lc__engine_node *node);
/* A node of that name exists again: drops the one that is kept. */
void lc__ended_drop(struct lc__ended *ended, const char *name);
/* How many are kept. */
size_t lc__ended_count(const struct lc__ended *ended);
/* Adds a row for each, below row `parent`; SIZE_MAX: below none. */
void lc__ended_show(const struct lc__ended *ended, struct lc__snapshot *snapshot, size_t parent);
void lc__ended_free(struct lc__ended *ended);

#endif
