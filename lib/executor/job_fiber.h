/*
 * job_fiber.h: the fiber that runs the jobs of a loop. By the loop's thread, all of it. Floor 1,
 * and of it only the files of the executor.
 */
#ifndef LIFECYCLE_EXECUTOR_JOB_FIBER_H
#define LIFECYCLE_EXECUTOR_JOB_FIBER_H

#include "executor/loop.h"

/* Sees to it that a fiber takes the jobs that are here. @return false: no memory, try again. */
bool lc__job_fiber_serve(struct lc__loop *loop);
/* Whether jobs have waited so long that another thread is worth its wake-up. */
bool lc__job_fiber_has_backlog(struct lc__loop *loop);

#endif
