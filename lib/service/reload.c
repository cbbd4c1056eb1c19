/*
 * reload.c: see reload.h.
 */
#include "service/reload.h"

#include "base/assert.h"
#include "base/memory.h"
#include "context/context.h"

#include <lifecycle/executor.h>

#include <errno.h>

/* The worker's data. The manager frees it, since an overdue call outlives the struct lc__reload. */
struct hook {
    lc_error *(*function)(lc_context *context, void *arg);
    void *arg;
};

static lc_error *hook_run(lc_context *context, lc_ready *ready, void *arg)
{
    const struct hook *hook = arg;
    lc_ready_signal(ready);
    return hook->function(context, hook->arg);
}

static lc_error *reload_manager_make(struct lc__reload *reload, const lc_service_options *options)
{
    struct hook *hook = lc__allocate(sizeof *hook);
    if (!hook)
        return lc_error_new(-ENOMEM, "no memory to configure the service");
    *hook = (struct hook){options->configure, options->arg};
    lc_manager_builder *builder = lc_manager_builder_new("configure");
    lc_manager_builder_set_kind(builder, options->kind);
    lc_manager_builder_add(builder, LC_WORKER(.name = "configure", .run = hook_run, .arg = hook));
    lc_error *error = lc_manager_builder_build(builder, &reload->manager);
    lc_manager_builder_free(builder);
    if (error || lc_manager_set_data(reload->manager, hook, lc__free) < 0)
        lc__free(hook);
    return error;
}

lc_error *lc__reload_start(struct lc__reload *reload, const lc_service_options *options,
                           lc_context *above)
{
    LC__ASSERT(!reload->manager);
    lc_error *error = reload_manager_make(reload, options);
    reload->signaler = lc_signaler_new();
    reload->context = lc_context_with_signaler(above, reload->signaler);
    if (!error && (!reload->signaler || !reload->context))
        error = lc_error_new(-ENOMEM, "no memory to configure the service");
    if (!error)
        error = lc_manager_start(reload->manager, reload->context);
    if (error)
        lc_error_unref(lc__reload_end(reload));
    return error;
}

lc_handle *lc__reload_done(const struct lc__reload *reload)
{
    return reload->manager ? lc_manager_done(reload->manager) : NULL;
}

void lc__reload_cancel(struct lc__reload *reload)
{
    if (reload->context)
        lc_context_cancel(reload->context, NULL);
}

lc_error *lc__reload_end(struct lc__reload *reload)
{
    lc_error *error = reload->signaler ? lc_signaler_take(reload->signaler) : NULL;
    if (error && reload->context && lc__context_is_clean_end(reload->context, error)) {
        lc_error_unref(error);
        error = NULL;
    }
    lc_manager_unref(reload->manager);
    lc_signaler_unref(reload->signaler);
    lc_context_unref(reload->context);
    *reload = (struct lc__reload){0};
    return error;
}
