/*
 * puppet.c: see puppet.h.
 */
#include "support/puppet.h"

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

void puppet_init(struct puppet *puppet, int code)
{
    *puppet = (struct puppet){.error = lc_error_new(code, "puppet failed with %d", code)};
    if (check_code(lc_channel_new(LC_CHANNEL(.capacity = 8), &puppet->orders)) != 0 ||
        check_code(lc_channel_new(LC_CHANNEL(.capacity = 8), &puppet->answers)) != 0)
        abort();
}

void puppet_renew(struct puppet *puppet)
{
    lc_context_unref(puppet->context);
    lc_ready_unref(puppet->ready);
    puppet->context = NULL;
    puppet->ready = NULL;
}

void puppet_drop(struct puppet *puppet)
{
    puppet_renew(puppet);
    lc_channel_unref(puppet->orders);
    lc_channel_unref(puppet->answers);
    lc_error_unref(puppet->error);
}

static void end_by_cancel(void)
{
    pthread_cancel(pthread_self());
    for (;;)
        pthread_testcancel(); /* not a call that sanitizers wrap: they do not see it left that way */
}

lc_error *puppet_run(lc_context *context, lc_ready *ready, void *arg)
{
    struct puppet *puppet = arg;
    puppet->context = lc_context_ref(context);
    puppet->ready = lc_ready_ref(ready);
    void *order = NULL;
    lc_channel_send(puppet->answers, NULL, LC_FOREVER);
    while (lc_channel_receive(puppet->orders, &order, LC_FOREVER) == 0) {
        switch ((enum puppet_order)(intptr_t)order) {
        case PUPPET_LOOK:
            break;
        case PUPPET_READY:
            lc_ready_signal(ready);
            break;
        case PUPPET_AWAIT:
            lc_handle_wait(lc_context_done(context), LC_FOREVER);
            break;
        case PUPPET_RETURN:
            return NULL;
        case PUPPET_FAIL:
            return lc_error_ref(puppet->error);
        case PUPPET_THROW:
            lc_throw(context, lc_error_ref(puppet->error));
        case PUPPET_YIELD:
            return lc_error_new(lc_error_code(lc_context_error(context)), "puppet yielded");
        case PUPPET_EXIT:
            pthread_exit(NULL);
        case PUPPET_CANCEL:
            end_by_cancel();
        }
        lc_channel_send(puppet->answers, order, LC_FOREVER);
    }
    return NULL;
}

static bool answered(struct puppet *puppet, enum puppet_order wanted)
{
    void *answer = puppet;
    return lc_channel_receive(puppet->answers, &answer, check_patience()) == 0 &&
           (intptr_t)answer == (intptr_t)wanted;
}

bool puppet_entered(struct puppet *puppet)
{
    return answered(puppet, (enum puppet_order)0);
}

bool puppet_told(struct puppet *puppet, enum puppet_order order)
{
    return lc_channel_send(puppet->orders, (void *)(intptr_t)order, check_patience()) == 0;
}

bool puppet_does(struct puppet *puppet, enum puppet_order order)
{
    return puppet_told(puppet, order) && answered(puppet, order);
}

lc_manager *puppet_manager(struct puppet *puppets, size_t count)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("puppets");
    for (size_t i = 0; i < count; i++) {
        char name[32];
        lc_worker worker = {.size = sizeof worker};
        snprintf(name, sizeof name, "w%zu", i);
        worker.name = name;
        worker.run = puppet_run;
        worker.arg = &puppets[i];
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

bool puppet_start(lc_manager *manager, struct scope *scope, struct puppet *puppets, size_t count)
{
    lc_error *failed = lc_manager_start(manager, scope->context);
    bool well = failed == NULL;
    lc_error_unref(failed);
    for (size_t i = 0; well && i < count; i++)
        well = puppet_entered(&puppets[i]);
    return well;
}
