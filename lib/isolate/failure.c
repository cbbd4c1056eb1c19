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

static void log_error(const struct lc__isolate *isolate, const lc_error *error,
                      const char *backtrace)
{
    const lc_log_field field = lc_field_text("backtrace", backtrace);
    lc_log_fields(LC_LOG_ERROR, lc__isolate_name(isolate), &field, backtrace != NULL,
                  "uncaught error: %s", lc_error_message(error));
}

static void tell_listener(const struct lc__isolate *isolate, lc_send_port port,
                          const lc_error *error, const char *backtrace)
{
    lc_message *message = lc__message_of_error(port, error, backtrace);
    if (message)
        lc__send_own(message);
    else
        log_error(isolate, error, backtrace);
}

/*
 * Whether the error is only the answer to the end of the isolate's context, or of the one that it
 * was started under. Both live as long as the isolate, which runs on this stack.
 */
static bool is_answer_to_stop(struct lc__isolate *isolate, const lc_error *error)
{
    const lc_context *context = NULL;
    lc__spinlock_lock(&isolate->lock);
    if (isolate->extras && isolate->extras->context)
        context = isolate->extras->context;
    else if (isolate->extras)
        context = isolate->extras->companion.parent;
    lc__isolate_unlock(isolate);
    return lc__context_is_clean_end(context, error);
}

bool lc__isolate_failed(struct lc__isolate *isolate, lc_error *error, bool thrown)
{
    if (is_answer_to_stop(isolate, error)) {
        lc_error_unref(error);
        return false;
    }
    char *backtrace = thrown ? lc__backtrace("\n") : NULL;
    struct lc__listeners *listeners = NULL;
    struct lc__companion companion = {0};
    lc__spinlock_lock(&isolate->lock);
    bool fatal = !isolate->survives_errors && !(isolate->bars & LC__FAILED);
    isolate->bars |= fatal ? LC__FAILED : 0;
    atomic_store_explicit(&isolate->attention, true, memory_order_relaxed);
    if (isolate->extras) {
        companion = isolate->extras->companion;
        listeners = lc__listeners_ref(isolate->extras->on_error);
    }
    lc__isolate_unlock(isolate);
    size_t count = listeners ? listeners->count : 0;
    for (size_t i = 0; i < count; i++)
        tell_listener(isolate, listeners->ports[i], error, backtrace);
    bool told = fatal && companion.failed;
    if (count == 0 && !told)
        log_error(isolate, error, backtrace);
    if (told)
        companion.failed(error, companion.arg);
    lc__listeners_unref(listeners);
    lc_error_unref(error);
    free(backtrace);
    return true;
}
