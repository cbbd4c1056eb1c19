/*
 * task_group.h (internal): what a worker waits for in lc_task_group_wait. Floor 4.
 */
#ifndef LIFECYCLE_COMPONENT_TASK_GROUP_H
#define LIFECYCLE_COMPONENT_TASK_GROUP_H

#include "context/worker.h"

#include <lifecycle/task_group.h>

/* Room for what lc__task_group_describe_wait writes. */
enum { LC__TASKS_TEXT_SIZE = LC_NAME_MAX + 40 };

/*
 * Writes for which tasks the worker waits: "the end of tasks of customers: 12". From any thread.
 * @return false if it waits for none.
 */
bool lc__task_group_describe_wait(struct lc__worker_wait *wait, char text[LC__TASKS_TEXT_SIZE]);

#endif
