/*
 * manager_record.c: see manager_record.h.
 */
#include "component/manager_record.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/refs.h"
#include "context/context.h"
#include "context/signaler.h"

#include <pthread.h>

/* ---- references ---- */

lc_manager *lc_manager_ref(lc_manager *manager)
{
    if (manager)
        atomic_fetch_add_explicit(&manager->refs, 1, memory_order_relaxed);
    return manager;
}

static void manager_data_release(const lc_manager *manager)
{
    int cancelling; /* a thread that is cancelled in the release would leave the rest undone */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    manager->release(manager->data);
    pthread_setcancelstate(cancelling, NULL);
}

void lc_manager_unref(lc_manager *manager)
{
    if (!manager || !lc__refs_drop(&manager->refs))
        return;
    if (manager->release)
        manager_data_release(manager);
    lc_context_unref(manager->context);
    lc__handle_destroy(&manager->ready);
    lc__handle_destroy(&manager->done);
    lc__handle_destroy(&manager->shutdown);
    lc__plan_unref(manager->plan);
    lc__free(manager);
}

/* The embedded handles pass references on to the manager; `field` tells where in it they are. */
#define HANDLE_OWNER(field)                                                                        \
    static void ref_##field(lc_handle *handle)                                                     \
    {                                                                                              \
        lc_manager_ref((lc_manager *)((char *)handle - offsetof(lc_manager, field)));              \
    }                                                                                              \
    static void unref_##field(lc_handle *handle)                                                   \
    {                                                                                              \
        lc_manager_unref((lc_manager *)((char *)handle - offsetof(lc_manager, field)));            \
    }                                                                                              \
    static const struct lc__handle_owner field##_owner = {ref_##field, unref_##field};

HANDLE_OWNER(ready)
HANDLE_OWNER(done)
HANDLE_OWNER(shutdown)

/* ---- making ---- */

lc_manager *lc__manager_record_new(struct lc__plan *plan, const lc_component_ops *ops)
{
    lc_manager *manager = lc__allocate(sizeof *manager + plan->count * sizeof manager->workers[0]);
    if (!manager)
        return NULL;
    manager->component.ops = ops;
    atomic_init(&manager->refs, 1);
    manager->plan = plan;
    lc__handle_init(&manager->ready, &ready_owner);
    lc__handle_init(&manager->done, &done_owner);
    lc__handle_init(&manager->shutdown, &shutdown_owner);
    for (size_t i = 0; i < plan->count; i++) {
        manager->workers[i].ready.manager = manager;
        manager->workers[i].plan = &plan->workers[i];
    }
    return manager;
}

/* ---- ending ---- */

/*
 * Done takes two: all work is over, and the workers' context has ended and closed the shutdown
 * handle. The latter may be just under way in another thread, which then closes done.
 */
static void manager_half_finish(lc_manager *manager)
{
    /* Release and acquire: who sees done closed sees what was done before either half. */
    if (atomic_fetch_sub_explicit(&manager->halves, 1, memory_order_acq_rel) > 1)
        return;
    lc_handle_close(&manager->done);
    lc_manager_unref(manager);
}

/* The workers' context has ended: the shutdown begins. */
void lc__manager_context_ended(struct lc__waiter *waiter)
{
    lc_manager *manager = (lc_manager *)((char *)waiter - offsetof(lc_manager, context_ended));
    int64_t now = lc__now_roughly();
    lc__spinlock_lock(&manager->lock);
    manager->told_at = now;
    lc__spinlock_unlock(&manager->lock);
    lc_handle_close(&manager->shutdown);
    manager_half_finish(manager);
}

/* After the last activity nothing is left that the context is for. */
void lc__manager_end_activity(lc_manager *manager)
{
    if (manager->watched)
        lc__timer_disarm(&manager->readiness);
    lc__signaler_seal(manager->signaler);
    lc_context_cancel(manager->context, NULL);
    manager_half_finish(manager);
}

/* Under the lock: one activity less. @return whether it was the last. */
bool lc__manager_count_off(lc_manager *manager)
{
    manager->finished = --manager->active == 0;
    return manager->finished;
}

/* Ends an activity that is no worker's. */
void lc__manager_leave(lc_manager *manager)
{
    lc__spinlock_lock(&manager->lock);
    bool last = lc__manager_count_off(manager);
    lc__spinlock_unlock(&manager->lock);
    if (last)
        lc__manager_end_activity(manager);
}

/* @return whether done is still to come: then it waits for `leave`. */
bool lc__manager_enter(lc_manager *manager)
{
    lc__spinlock_lock(&manager->lock);
    bool entered = !manager->finished;
    manager->active += entered;
    lc__spinlock_unlock(&manager->lock);
    return entered;
}
