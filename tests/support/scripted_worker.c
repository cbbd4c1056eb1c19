/*
 * scripted_worker.c: see scripted_worker.h.
 */
#include "support/scripted_worker.h"

#include "support/check.h"
#include "support/mode.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct scope scope_new(lc_context *parent)
{
    struct scope scope = {.signaler = lc_signaler_new()};
    scope.context = lc_context_with_signaler(parent, scope.signaler);
    if (!scope.signaler || !scope.context)
        abort();
    return scope;
}

void scope_drop(struct scope *scope)
{
    lc_context_unref(scope->context);
    lc_signaler_unref(scope->signaler);
}

void scope_cancel(struct scope *scope)
{
    lc_context_cancel(scope->context, NULL);
}

void worker_init(struct scripted_worker *worker, int code)
{
    *worker = (struct scripted_worker){.error = lc_error_new(code, "worker failed with %d", code)};
    if (check_code(lc_channel_new(LC_CHANNEL(.capacity = 8), &worker->orders)) != 0 ||
        check_code(lc_channel_new(LC_CHANNEL(.capacity = 8), &worker->answers)) != 0)
        abort();
}

void worker_renew(struct scripted_worker *worker)
{
    lc_context_unref(worker->context);
    lc_ready_unref(worker->ready);
    worker->context = NULL;
    worker->ready = NULL;
}

void worker_drop(struct scripted_worker *worker)
{
    worker_renew(worker);
    lc_channel_unref(worker->orders);
    lc_channel_unref(worker->answers);
    lc_error_unref(worker->error);
}

static void end_by_cancel(void)
{
    pthread_cancel(pthread_self());
    for (;;)
        pthread_testcancel(); /* sanitizers wrap other calls, and miss that those do not return */
}

lc_error *worker_run(lc_context *context, lc_ready *ready, void *arg)
{
    struct scripted_worker *worker = arg;
    worker->context = lc_context_ref(context);
    worker->ready = lc_ready_ref(ready);
    void *order = NULL;
    lc_channel_send(worker->answers, NULL, LC_FOREVER);
    while (lc_channel_receive(worker->orders, &order, LC_FOREVER) == 0) {
        switch ((enum worker_order)(intptr_t)order) {
        case WORKER_LOOK:
            break;
        case WORKER_READY:
            lc_ready_signal(ready);
            break;
        case WORKER_AWAIT:
            lc_handle_wait(lc_context_done(context), LC_FOREVER);
            break;
        case WORKER_RETURN:
            return NULL;
        case WORKER_FAIL:
            return lc_error_ref(worker->error);
        case WORKER_THROW:
            lc_throw(context, lc_error_ref(worker->error));
        case WORKER_YIELD:
            return lc_error_new(lc_error_code(lc_context_error(context)), "worker yielded");
        case WORKER_EXIT:
            pthread_exit(NULL);
        case WORKER_CANCEL:
            end_by_cancel();
        }
        lc_channel_send(worker->answers, order, LC_FOREVER);
    }
    return NULL;
}

static bool answered(struct scripted_worker *worker, enum worker_order wanted)
{
    void *answer = worker;
    return lc_channel_receive(worker->answers, &answer, check_patience()) == 0 &&
           (intptr_t)answer == (intptr_t)wanted;
}

bool worker_entered(struct scripted_worker *worker)
{
    return answered(worker, (enum worker_order)0);
}

bool worker_told(struct scripted_worker *worker, enum worker_order order)
{
    return lc_channel_send(worker->orders, (void *)(intptr_t)order, check_patience()) == 0;
}

bool worker_does(struct scripted_worker *worker, enum worker_order order)
{
    return worker_told(worker, order) && answered(worker, order);
}

lc_manager *worker_manager(struct scripted_worker *workers, size_t count)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("workers");
    for (size_t i = 0; i < count; i++) {
        char name[32];
        lc_worker worker = {.size = sizeof worker};
        snprintf(name, sizeof name, "w%zu", i);
        worker.name = name;
        worker.run = worker_run;
        worker.arg = &workers[i];
        worker.kind = check_kind();
        worker.spread = worker.kind == LC_FIBER && i % 2 == 1; /* not all on one thread */
        lc_manager_builder_add(builder, &worker);
    }
    lc_error *failed = lc_manager_builder_build(builder, &manager);
    if (failed)
        abort();
    lc_manager_builder_free(builder);
    return manager;
}

bool worker_start(lc_manager *manager, struct scope *scope, struct scripted_worker *workers,
                  size_t count)
{
    lc_error *failed = lc_manager_start(manager, scope->context);
    bool well = failed == NULL;
    lc_error_unref(failed);
    for (size_t i = 0; well && i < count; i++)
        well = worker_entered(&workers[i]);
    return well;
}
