/*
 * due.h: what the timers of a loop call, in the order in which they fall due. Floor 1, and of it
 * only the files of the executor.
 */
#ifndef LIFECYCLE_EXECUTOR_DUE_H
#define LIFECYCLE_EXECUTOR_DUE_H

#include "executor/loop.h"

#include <stdbool.h>

/* Takes out what is due, and has it fired. By the loop's thread. */
void lc__loop_fire_timers(struct lc__loop *loop, struct lc__timers *timers, int64_t now);
/* The timer is behind all that are here; lc__due_serve is to be called next. */
void lc__due_add(struct lc__loop *loop, struct lc__timer *timer);
/*
 * Sees to it that what is due is fired. On the thread's own stack. @return false: in a simulation
 * there was no memory for a fiber, try again.
 */
bool lc__due_serve(struct lc__loop *loop);

#endif
