/*
 * context.c: the context of an isolate, and the errors that other workers throw on it. See
 * lc_isolate_context.
 */
#include "base/memory.h"
#include "base/task.h"
#include "context/signaler.h"
#include "isolate/failure.h"
#include "isolate/lookup.h"
#include "isolate/schedule.h"

#include <lifecycle/log.h>

/* Where the signaler of an isolate's context relays errors to. */
struct isolate_address {
    struct lc__isolate *isolate;
    lc_send_port control;
};

/* Another worker throws the error: the isolate fails with it between two events. */
static void error_pass(lc_send_port control, lc_error *error)
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
    isolate->flags |= LC__CONTROL_WAITS;
    lc__isolate_unlock_changed(isolate);
}

static void error_relay(void *arg, lc_error *error)
{
    const struct isolate_address *address = arg;
    struct lc__isolate *running = lc__isolate_running();
    if (running == address->isolate && running->serial == address->control.serial)
        lc__isolate_failed(running, error, true);
    else
        error_pass(address->control, error);
}

static lc_context *isolate_context_make(struct lc__isolate *isolate, lc_context *parent)
{
    struct isolate_address *address = lc__allocate(sizeof *address);
    if (!address)
        return NULL;
    *address = (struct isolate_address){isolate, lc__isolate_control_port(isolate)};
    const struct lc__relay relay = {error_relay, lc__free, address, true};
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
    lc_context *context = isolate_context_make(isolate, extras->hooks.parent);
    lc__spinlock_lock(&isolate->lock);
    extras->context = context;
    bool killed = isolate->flags & LC__KILLED_NOW; /* the kill found no context to cancel */
    lc__isolate_unlock(isolate);
    if (killed)
        lc_context_cancel(context, NULL);
    return context;
}
