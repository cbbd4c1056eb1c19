/*
 * loop_run.h: what the thread of a loop does between its fibers. Floor 1, and of it only the files
 * of the executor.
 */
#ifndef LIFECYCLE_EXECUTOR_LOOP_RUN_H
#define LIFECYCLE_EXECUTOR_LOOP_RUN_H

#include "executor/loop.h"

/* Runs the loop on the calling thread, until its `idle` operation says that the thread leaves. */
void lc__loop_run(struct lc__loop *loop);
/*
 * Gives back what the loop's thread keeps to itself. The thread calls it before it declares that it
 * has left, since another thread may then come at once.
 */
void lc__loop_let_go(struct lc__loop *loop);

#endif
