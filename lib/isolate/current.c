/*
 * current.c: calls of an isolate about itself. See <lifecycle/isolate.h>.
 */
#include "base/memory.h"
#include "context/worker.h"
#include "executor/callback.h"
#include "isolate/lookup.h"
#include "isolate/message.h"
#include "isolate/record.h"

#include <lifecycle/log.h>

#include <unistd.h>

/* sysexits(3): internal software error. */
enum { EXIT_INTERNAL = 70 };

bool lc_isolate_current(lc_isolate *reference)
{
    lc__task_check();
    struct lc__isolate *isolate = lc__isolate_running();
    if (!isolate || !reference)
        return isolate != NULL;
    *reference =
        (lc_isolate){lc__isolate_control_port(isolate), LC_NO_CAPABILITY, LC_NO_CAPABILITY};
    struct lc__extras *extras = lc__isolate_extras(isolate);
    if (!extras)
        return true;
    lc_capability pause = lc_capability_new(), terminate = lc_capability_new();
    lc__spinlock_lock(&isolate->lock);
    if (lc_capability_equal(extras->pause, LC_NO_CAPABILITY)) {
        extras->pause = pause;
        extras->terminate = terminate;
    }
    reference->pause = extras->pause;
    reference->terminate = extras->terminate;
    lc__isolate_unlock(isolate);
    return true;
}

lc_isolate_group *lc_isolate_group_current(void)
{
    const struct lc__isolate *isolate = lc__isolate_running();
    return isolate ? isolate->group : NULL;
}

static LC_NORETURN void isolate_exit_refuse(void)
{
    lc_log(LC_LOG_CRITICAL, NULL,
           "lc_isolate_exit was called outside of an isolate, or in a "
           "callback of the library");
    lc_log_flush();
    _exit(EXIT_INTERNAL);
}

void lc_isolate_exit(lc_send_port port, const lc_payload *last)
{
    /* No lc__check_with(): this call does not return in any case, so it owns the payload. */
    struct lc__isolate *isolate = lc__isolate_running();
    if (!isolate || lc__in_callback())
        isolate_exit_refuse();
    bool sends = lc_send_port_is_set(port);
    struct lc__extras *extras = sends ? lc__isolate_extras(isolate) : NULL;
    lc_message *message =
        extras && lc__payload_check(last) == 0 ? lc__message_new(port, last) : NULL;
    if (!message)
        lc__payload_destroy(last);
    if (sends && !message)
        lc_log(LC_LOG_ERROR, NULL,
               "no memory for the last message of an isolate, or its payload is bad: the "
               "isolate ends without it");
    lc__spinlock_lock(&isolate->lock);
    isolate->flags |= LC__EXITING;
    /* The run looks at the messages that it has taken without the lock. */
    atomic_store_explicit(&isolate->attention, true, memory_order_relaxed);
    if (message && !(isolate->flags & LC__KILLED_NOW)) {
        /* Of an earlier exit: one of its deferred calls exits again. */
        lc_message *before = extras->last;
        extras->last = message;
        message = before;
    }
    lc__isolate_unlock(isolate);
    lc__message_drop(message);
    lc__worker_end();
}
