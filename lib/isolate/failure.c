/*
 * failure.c: see failure.h.
 */
#include "isolate/failure.h"

#include "base/backtrace.h"
#include "context/context.h"
#include "isolate/listeners.h"
#include "isolate/send.h"

#include <lifecycle/log.h>

#include <stdlib.h>

static void failure_log(const struct lc__isolate *isolate, const lc_error *error,
                        const char *backtrace)
{
    const lc_log_field field = lc_field_text("backtrace", backtrace);
    lc_log_fields(LC_LOG_ERROR, lc__isolate_name(isolate), &field, backtrace != NULL,
                  "uncaught error: %s", lc_error_message(error));
}

static void failure_send(const struct lc__isolate *isolate, lc_send_port port,
                         const lc_error *error, const char *backtrace)
{
    lc_message *message = lc__message_of_error(port, error, backtrace);
    if (message)
        lc__send_own(message);
    else
        failure_log(isolate, error, backtrace);
}

/*
 * Whether the error only answers the cancellation of the isolate's context, or of the context that
 * it was started under. Both live as long as the isolate, which runs on this stack.
 */
static bool failure_answers_cancel(struct lc__isolate *isolate, const lc_error *error)
{
    const lc_context *context = NULL;
    lc__spinlock_lock(&isolate->lock);
    if (isolate->extras && isolate->extras->context)
        context = isolate->extras->context;
    else if (isolate->extras)
        context = isolate->extras->hooks.parent;
    lc__isolate_unlock(isolate);
    return lc__context_is_clean_end(context, error);
}

bool lc__isolate_failed(struct lc__isolate *isolate, lc_error *error, bool thrown)
{
    LC__ASSERT(lc__isolate_running() == isolate);
    if (failure_answers_cancel(isolate, error)) {
        lc_error_unref(error);
        return false;
    }
    char *backtrace = thrown ? lc__backtrace("\n") : NULL;
    struct lc__error_listeners *listeners = NULL;
    struct lc__isolate_hooks hooks = {0};
    lc__spinlock_lock(&isolate->lock);
    bool fatal = !isolate->survives_errors && !(isolate->flags & LC__FAILED);
    isolate->flags |= fatal ? LC__FAILED : 0;
    atomic_store_explicit(&isolate->attention, true, memory_order_relaxed);
    if (isolate->extras) {
        hooks = isolate->extras->hooks;
        listeners = lc__error_listeners_ref(isolate->extras->on_error);
    }
    lc__isolate_unlock(isolate);
    size_t count = listeners ? listeners->count : 0;
    for (size_t i = 0; i < count; i++)
        failure_send(isolate, listeners->ports[i], error, backtrace);
    bool told = fatal && hooks.failed;
    if (count == 0 && !told)
        failure_log(isolate, error, backtrace);
    if (told)
        hooks.failed(error, hooks.arg);
    lc__error_listeners_unref(listeners);
    lc_error_unref(error);
    free(backtrace);
    return true;
}
