/*
 * manager_worker.h (internal): a worker of a manager: its launch, its end, its errors. Floor 4.
 */
#ifndef LIFECYCLE_COMPONENT_MANAGER_WORKER_H
#define LIFECYCLE_COMPONENT_MANAGER_WORKER_H

#include "component/manager_record.h"

/* @return 0, or a negative errno. */
int lc__manager_worker_launch(struct lc__manager_worker *worker);
/* A worker that was not launched counts as returned. */
void lc__manager_worker_unlaunched(struct lc__manager_worker *worker);

#endif
