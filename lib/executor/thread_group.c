/*
 * thread_group.c: see thread_group.h.
 */
#include "executor/thread_group.h"

#include "base/memory.h"
#include "base/refs.h"

bool lc__thread_group_has(const lc_thread_group *group, unsigned index)
{
    return index < group->all && (index + group->all - group->first) % group->all < group->count;
}

lc_thread_group *lc_thread_group_ref(lc_thread_group *group)
{
    if (group)
        atomic_fetch_add_explicit(&group->refs, 1, memory_order_relaxed);
    return group;
}

void lc_thread_group_unref(lc_thread_group *group)
{
    if (group && lc__refs_drop(&group->refs))
        lc__free(group);
}
