/*
 * task_group.h (internal): which group a worker in lc_task_group_wait waits for. Floor 4.
 */
#ifndef LIFECYCLE_COMPONENT_TASK_GROUP_H
#define LIFECYCLE_COMPONENT_TASK_GROUP_H

#include "context/worker.h"

#include <lifecycle/task_group.h>

/* Room for what lc__task_group_describe_wait writes. */
enum { LC__TASKS_TEXT_SIZE = LC_NAME_MAX + 40 };

/*
 * Writes what the worker waits for: "the end of tasks of customers: 12". Any thread may call it.
 * @return false if the worker waits for no group.
 */
bool lc__task_group_describe_wait(struct lc__worker_wait *wait, char text[LC__TASKS_TEXT_SIZE]);

#endif
