/*
 * thread_group.h (internal): some of an executor's threads. See <lifecycle/executor.h>. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_THREAD_GROUP_H
#define LIFECYCLE_EXECUTOR_THREAD_GROUP_H

#include <lifecycle/executor.h>

#include <stdatomic.h>
#include <stdbool.h>

struct lc_thread_group {
    atomic_uint refs;
    lc_executor *executor;
    unsigned all;   /* how many threads the executor has */
    unsigned first; /* of the group's threads; the others follow, round */
    unsigned count;
    atomic_uint turn;
};

/* Whether fibers of the group may run on the executor's loop of this index. */
bool lc__thread_group_has(const lc_thread_group *group, unsigned index);

#endif
