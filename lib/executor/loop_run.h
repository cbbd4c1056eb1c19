/*
 * loop_run.h: what the thread of a loop does between its fibers: it looks around, and sleeps when
 * there is nothing to run. Floor 1, and of it only the files of the executor.
 */
#ifndef LIFECYCLE_EXECUTOR_LOOP_RUN_H
#define LIFECYCLE_EXECUTOR_LOOP_RUN_H

#include "executor/loop.h"

/* Runs on the calling thread until lc__executor_lets_go. */
void lc__loop_run(struct lc__loop *loop);
/*
 * Gives back what the loop's thread keeps to itself. By that thread, before it says that it has
 * left: another may then come at once.
 */
void lc__loop_let_go(struct lc__loop *loop);

#endif
