/*
 * manager_worker.h (internal): one worker of a manager, from its launch to its end. Floor 4.
 */
#ifndef LIFECYCLE_COMPONENT_MANAGER_WORKER_H
#define LIFECYCLE_COMPONENT_MANAGER_WORKER_H

#include "component/manager_record.h"

/* @return 0, or a negative errno. */
int lc__manager_worker_launch(struct lc__manager_worker *worker);
/* The worker will not be launched: it counts as returned. */
void lc__manager_worker_unlaunched(struct lc__manager_worker *worker);

#endif
