/*
 * plan.c: see plan.h.
 */
#include "component/plan.h"

#include "base/memory.h"

#include <errno.h>

struct lc__plan *lc__plan_ref(struct lc__plan *plan)
{
    atomic_fetch_add_explicit(&plan->refs, 1, memory_order_relaxed);
    return plan;
}

void lc__plan_unref(struct lc__plan *plan)
{
    /* Release, then acquire by the last: what others read of it happens before the free. */
    if (!plan || atomic_fetch_sub_explicit(&plan->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < plan->count; i++)
        lc__free((char *)(uintptr_t)plan->workers[i].name);
    lc__free(plan->workers);
    lc__free(plan->name);
    lc__free(plan);
}

struct lc__plan *lc__plan_new(const char *name)
{
    struct lc__plan *plan = lc__allocate(sizeof *plan);
    if (!plan)
        return NULL;
    atomic_init(&plan->refs, 1);
    plan->name = lc__duplicate(name);
    if (!plan->name) {
        lc__free(plan);
        return NULL;
    }
    return plan;
}

int lc__plan_append(struct lc__plan *plan, const lc_worker *worker)
{
    if (plan->count == plan->room) {
        size_t room = plan->room ? plan->room * 2 : 4;
        lc_worker *workers = lc__reallocate_array(plan->workers, room, sizeof *workers);
        if (!workers)
            return -ENOMEM;
        plan->workers = workers;
        plan->room = room;
    }
    char *name = lc__duplicate(worker->name);
    if (!name)
        return -ENOMEM;
    plan->workers[plan->count] = *worker;
    plan->workers[plan->count].name = name;
    plan->count++;
    plan->names_checked = false;
    return 0;
}

struct lc__plan *lc__plan_copy(const struct lc__plan *plan)
{
    struct lc__plan *copy = lc__plan_new(plan->name);
    if (!copy)
        return NULL;
    for (size_t i = 0; i < plan->count; i++) {
        if (lc__plan_append(copy, &plan->workers[i]) == 0)
            continue;
        lc__plan_unref(copy);
        return NULL;
    }
    return copy;
}
