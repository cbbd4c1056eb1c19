/*
 * manager_record.c: see manager_record.h.
 */
#include "component/manager_record.h"

#include "base/clock.h"
#include "base/container.h"
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
    int cancelling; /* a thread that is cancelled in the release would not free the manager */
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

/* A reference to an embedded handle is one to the manager. */
LC__HANDLE_OWNER(manager_ready_owner, lc_manager, ready, lc_manager_ref, lc_manager_unref);
LC__HANDLE_OWNER(manager_done_owner, lc_manager, done, lc_manager_ref, lc_manager_unref);
LC__HANDLE_OWNER(manager_shutdown_owner, lc_manager, shutdown, lc_manager_ref, lc_manager_unref);

/* ---- making ---- */

lc_manager *lc__manager_record_new(struct lc__plan *plan, const lc_component_ops *ops)
{
    lc_manager *manager = lc__allocate(sizeof *manager + plan->count * sizeof manager->workers[0]);
    if (!manager)
        return NULL;
    manager->component.ops = ops;
    atomic_init(&manager->refs, 1);
    manager->plan = plan;
    lc__handle_init(&manager->ready, &manager_ready_owner);
    lc__handle_init(&manager->done, &manager_done_owner);
    lc__handle_init(&manager->shutdown, &manager_shutdown_owner);
    for (size_t i = 0; i < plan->count; i++) {
        manager->workers[i].ready.manager = manager;
        manager->workers[i].plan = &plan->workers[i];
    }
    return manager;
}

/* ---- ending ---- */

/*
 * The last activity has ended, or the workers' context has and shutdown is closed. The second of
 * these two, perhaps in another thread, closes done.
 */
static void manager_half_finish(lc_manager *manager)
{
    /* acq_rel: what happened before either half happens before done closes. */
    int halves = atomic_fetch_sub_explicit(&manager->halves, 1, memory_order_acq_rel);
    LC__ASSERT(halves == 1 || halves == 2);
    if (halves > 1)
        return;
    lc_handle_close(&manager->done);
    lc_manager_unref(manager);
}

void lc__manager_context_ended(struct lc__waiter *waiter)
{
    lc_manager *manager = LC__CONTAINER_OF(waiter, lc_manager, context_ended);
    int64_t now = lc__now_roughly();
    lc__spinlock_lock(&manager->lock);
    LC__ASSERT(manager->told_at == 0);
    manager->told_at = now;
    lc__spinlock_unlock(&manager->lock);
    lc_handle_close(&manager->shutdown);
    manager_half_finish(manager);
}

void lc__manager_end_activity(lc_manager *manager)
{
    LC__ASSERT(manager->finished); /* it does not change any more, so it is read without the lock */
    if (manager->watched)
        lc__timer_disarm(&manager->readiness);
    lc__signaler_seal(manager->signaler);
    lc_context_cancel(manager->context, NULL);
    manager_half_finish(manager);
}

bool lc__manager_count_off(lc_manager *manager)
{
    LC__ASSERT(lc__spinlock_is_held(&manager->lock));
    LC__ASSERT(manager->active > 0 && !manager->finished);
    manager->finished = --manager->active == 0;
    return manager->finished;
}

void lc__manager_leave(lc_manager *manager)
{
    lc__spinlock_lock(&manager->lock);
    bool last = lc__manager_count_off(manager);
    lc__spinlock_unlock(&manager->lock);
    if (last)
        lc__manager_end_activity(manager);
}

bool lc__manager_enter(lc_manager *manager)
{
    lc__spinlock_lock(&manager->lock);
    bool entered = !manager->finished;
    manager->active += entered;
    lc__spinlock_unlock(&manager->lock);
    return entered;
}
