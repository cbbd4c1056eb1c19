/*
 * job_fiber.h: the fiber that runs the jobs of a loop. The loop's thread calls all of these
 * functions. Floor 1, and of it only the files of the executor.
 */
#ifndef LIFECYCLE_EXECUTOR_JOB_FIBER_H
#define LIFECYCLE_EXECUTOR_JOB_FIBER_H

#include "executor/loop.h"

/* Makes a job fiber if there are jobs and no fiber for them. @return false: no memory. */
bool lc__job_fiber_serve(struct lc__loop *loop);
/* Whether jobs have waited so long that it is worth to wake another thread. */
bool lc__job_fiber_has_backlog(struct lc__loop *loop);

#endif
