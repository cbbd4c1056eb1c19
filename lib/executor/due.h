/*
 * due.h: the timers of a loop that have come due, and the fiber that calls them. The loop's thread
 * calls all of these functions. Floor 1, and of it only the files of the executor.
 */
#ifndef LIFECYCLE_EXECUTOR_DUE_H
#define LIFECYCLE_EXECUTOR_DUE_H

#include "executor/loop.h"

#include <stdbool.h>

/* Takes the timers that are due at `now` out of a queue, and puts them behind those of the loop. */
void lc__due_collect(struct lc__loop *loop, struct lc__timers *timers, int64_t now);
/*
 * Makes a fiber for the timers that are due, or calls them itself if there is no memory. On the
 * thread's own stack. @return false: in a simulation, which shall try again.
 */
bool lc__due_serve(struct lc__loop *loop);

#endif
