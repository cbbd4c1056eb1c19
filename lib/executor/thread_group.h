/*
 * thread_group.h (internal): the record of a group of an executor's threads. See
 * <lifecycle/executor.h>. Floor 1.
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
    unsigned first; /* thread of the group; the others follow, and after the last comes 0 */
    unsigned count;
    atomic_uint turn; /* for spreading */
};

/* Whether the thread of this index is in the group. From any thread. */
bool lc__thread_group_has(const lc_thread_group *group, unsigned index);

#endif
