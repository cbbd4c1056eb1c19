/*
 * placement.h: where work goes: to which loop, and from a loop to one that has nothing to do.
 * Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_PLACEMENT_H
#define LIFECYCLE_EXECUTOR_PLACEMENT_H

#include "executor/executor.h"

#include <stdbool.h>

/* Where a new fiber goes. NULL: no memory. */
struct lc__loop *lc__executor_place(lc_executor *executor, lc_thread_group *group, bool spread);
/* A loop that is there already: one with a thread, if there is one. */
struct lc__loop *lc__executor_any_loop(lc_executor *executor);
/* Looks for fibers to take from other loops. @return whether it got any. */
bool lc__executor_find_work(struct lc__loop *loop);
/*
 * A fiber waits for a thread that will not soon come to it: wakes one, or makes one; `add`: beyond
 * the executor's number, if all of them are busy.
 */
void lc__executor_call_help(lc_executor *executor, bool add);

#endif
