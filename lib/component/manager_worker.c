/*
 * manager_worker.c: see manager_worker.h.
 *
 * There is no thread for the manager. The worker that is ready last closes the ready handle. A
 * worker that fails reports its error upward and cancels the others. The worker that returns last
 * closes shutdown and done.
 */
#include "component/manager_worker.h"

#include "base/clock.h"
#include "context/context.h"
#include "context/owner.h"
#include "context/signaler.h"
#include "executor/spawn.h"
#include "executor/thread.h"

#include <lifecycle/log.h>

#include <stdio.h>

/* ---- ready ---- */

void lc_ready_signal(lc_ready *ready)
{
    if (!ready)
        return;
    struct lc__manager_worker *worker = (struct lc__manager_worker *)ready;
    lc_manager *manager = ready->manager;
    bool all = false;
    int64_t now = lc__now_roughly();
    lc__spinlock_lock(&manager->lock);
    if (worker->state == LC_WORKER_STARTING) {
        lc__manager_worker_enter(worker, LC_WORKER_READY, now);
        worker->was_ready = true;
        all = --manager->not_ready == 0;
    }
    bool watched = manager->watched;
    lc__spinlock_unlock(&manager->lock);
    if (!all)
        return;
    if (watched)
        lc__timer_disarm(&manager->readiness);
    lc_handle_close(&manager->ready);
}

lc_ready *lc_ready_ref(lc_ready *ready)
{
    if (ready)
        lc_manager_ref(ready->manager);
    return ready;
}

void lc_ready_unref(lc_ready *ready)
{
    if (ready)
        lc_manager_unref(ready->manager);
}

lc_error *lc_noop_worker(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return NULL;
}

/* ---- the end of a worker ---- */

static void manager_worker_log_early(const struct lc__manager_worker *worker)
{
    const lc_manager *manager = lc__manager_of(worker);
    char path[LC__PATH_SIZE];
    lc_log(LC_LOG_WARNING, lc__owner_path_of(manager->context, manager->plan->name, path),
           "worker \"%s\" returned before it was ready: \"%s\" will never be ready",
           worker->plan->name, manager->plan->name);
}

/*
 * The worker has returned. If it was not ready, has not failed and was not told to stop, this line
 * alone says why its manager never becomes ready.
 */
static void manager_worker_leave(struct lc__manager_worker *worker)
{
    lc_manager *manager = lc__manager_of(worker);
    int64_t now = lc__now_roughly();
    lc__spinlock_lock(&manager->lock);
    bool early = worker->state == LC_WORKER_STARTING && !lc_context_error(manager->context);
    lc__manager_worker_enter(worker, LC_WORKER_RETURNED, now);
    bool last = !early && lc__manager_count_off(manager);
    lc__spinlock_unlock(&manager->lock);
    if (last)
        lc__manager_end_activity(manager);
    if (!early)
        return;
    manager_worker_log_early(worker);
    lc__manager_leave(manager);
}

/* ---- workers ---- */

static lc_error *manager_worker_work(void *arg)
{
    struct lc__manager_worker *worker = arg;
    return worker->plan->run(lc__manager_of(worker)->context, &worker->ready, worker->plan->arg);
}

/*
 * A late error comes after the worker was told to stop, and is no clean answer to that. The first
 * error of a manager goes upward, late or not. A late one that is not the first is logged here.
 */
static void manager_worker_report_late(const struct lc__manager_worker *worker, lc_error *error)
{
    lc_manager *manager = lc__manager_of(worker);
    char what[LC_NAME_MAX + 64];
    if (lc__signaler_offer(manager->signaler, error))
        return;
    snprintf(what, sizeof what, "unhandled error: worker \"%s\" failed while being stopped",
             worker->plan->name);
    lc__signaler_log(LC_LOG_ERROR, manager->plan->name, what, error);
    lc_error_unref(error);
}

static void manager_worker_failed(void *arg, lc_error *error)
{
    struct lc__manager_worker *worker = arg;
    lc_manager *manager = lc__manager_of(worker);
    bool late = lc_context_error(manager->context) && !worker->failed &&
                !lc__context_is_clean_end(manager->context, error);
    worker->failed = true; /* its further errors follow from this one, and are not late */
    if (late)
        manager_worker_report_late(worker, error);
    else
        lc__signaler_signal(manager->signaler, error);
}

static void manager_worker_ended(void *arg)
{
    struct lc__manager_worker *worker = arg;
    /* Before done can close: code that waits for done may then shut the library down. */
    lc__worker_finishing();
    manager_worker_leave(worker);
}

static void manager_worker_main(void *arg)
{
    struct lc__manager_worker *worker = arg;
    lc__worker_run(&worker->call);
}

int lc__manager_worker_launch(struct lc__manager_worker *worker)
{
    const lc_worker *plan = worker->plan;
    LC__ASSERT(worker->state == LC_WORKER_STARTING);
    worker->call = (struct lc__worker_call){.context = lc__manager_of(worker)->context,
                                            .work = manager_worker_work,
                                            .failed = manager_worker_failed,
                                            .ended = manager_worker_ended,
                                            .arg = worker,
                                            .wait = &worker->wait};
    if (plan->kind == LC_FIBER) {
        const struct lc__fiber_options fiber = {
            .name = plan->name,
            .stack_size = plan->stack_size,
            .run = manager_worker_main,
            .arg = worker,
            .executor = plan->executor,
            .group = plan->group,
            .spread = plan->spread,
        };
        return lc__fiber_start(&fiber);
    }
    const struct lc__thread_options thread = {
        .name = plan->name,
        .stack_size = plan->stack_size,
        .run = manager_worker_main,
        .arg = worker,
    };
    return lc__thread_start(&thread);
}

void lc__manager_worker_unlaunched(struct lc__manager_worker *worker)
{
    lc_manager *manager = lc__manager_of(worker);
    int64_t now = lc__now_roughly();
    lc__spinlock_lock(&manager->lock);
    lc__manager_worker_enter(worker, LC_WORKER_RETURNED, now);
    lc__spinlock_unlock(&manager->lock);
    lc__manager_leave(manager);
}
