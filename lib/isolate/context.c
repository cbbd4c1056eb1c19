/*
 * context.c: the context of an isolate. See lc_isolate_context.
 */
#include "base/memory.h"
#include "base/task.h"
#include "context/signaler.h"
#include "isolate/failure.h"
#include "isolate/lookup.h"
#include "isolate/record.h"
#include "isolate/schedule.h"

#include <lifecycle/log.h>

/* What an isolate's signaler relays to. */
struct address {
    struct lc__isolate *isolate;
    lc_send_port control;
};

/* Thrown by another worker, on a context below the isolate's: it is the isolate's in its turn. */
static void pass_error(lc_send_port control, lc_error *error)
{
    int failed;
    struct lc__control *passed = lc__allocate(sizeof *passed);
    struct lc__isolate *isolate = passed ? lc__isolate_lock_extras(control, &failed) : NULL;
    if (!isolate) {
        lc_log(LC_LOG_ERROR, NULL, "unhandled error, below an isolate that has ended: %s",
               lc_error_message(error));
        lc_error_unref(error);
        lc__free(passed);
        return;
    }
    passed->error = error;
    STAILQ_INSERT_TAIL(&isolate->extras->control, passed, link);
    isolate->bars |= LC__CONTROL_WAITS;
    lc__isolate_unlock_changed(isolate);
}

static void relay_error(void *arg, lc_error *error)
{
    const struct address *address = arg;
    struct lc__isolate *running = lc__isolate_running();
    if (running == address->isolate && running->serial == address->control.serial)
        lc__isolate_failed(running, error, true);
    else
        pass_error(address->control, error);
}

static lc_context *make_context(struct lc__isolate *isolate, lc_context *parent)
{
    struct address *address = lc__allocate(sizeof *address);
    if (!address)
        return NULL;
    *address = (struct address){isolate, lc__isolate_control_port(isolate)};
    const struct lc__relay relay = {relay_error, lc__free, address, true};
    lc_signaler *signaler = lc__signaler_relaying(&relay);
    if (!signaler) {
        lc__free(address);
        return NULL;
    }
    lc_context *context = lc_context_with_signaler(parent, signaler);
    lc_signaler_unref(signaler);
    return context;
}

lc_context *lc_isolate_context(void)
{
    lc__task_check();
    struct lc__isolate *isolate = lc__isolate_running();
    struct lc__extras *extras = isolate ? lc__isolate_extras(isolate) : NULL;
    if (!extras || extras->context)
        return extras ? extras->context : NULL;
    lc_context *context = make_context(isolate, extras->companion.parent);
    lc__spinlock_lock(&isolate->lock);
    extras->context = context;
    bool late = isolate->bars & LC__KILLED_NOW;
    lc__isolate_unlock(isolate);
    if (late)
        lc_context_cancel(context, NULL);
    return context;
}
