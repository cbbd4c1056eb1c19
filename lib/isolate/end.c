/*
 * end.c: see end.h.
 *
 * An isolate ends once, in an order that others rely on:
 *
 *     step                            afterwards
 *     1  not alive, under the lock    senders drop what they send; lookups fail, but for `done`
 *     2  messages, timers, context,   its release function has run; of the program's data only the
 *        argument                     messages of step 3 are left
 *     3  last message, exit           listeners know of the end, after the last message
 *        listeners, waiting senders
 *     4  its group                    a shutdown of the group may return
 *     5  not ending, new serial,      no lookup finds the record
 *        under the lock
 *     6  hooks, `done`, `ready`       the waiters of `done` and the component go on
 *     7  record, executor             the record may become another isolate, the executor freed
 */
#include "isolate/end.h"

#include "base/memory.h"
#include "executor/callback.h"
#include "isolate/group.h"
#include "isolate/listeners.h"
#include "isolate/send.h"
#include "isolate/timer.h"

#include <errno.h>

/* What an isolate had when it ended. */
struct isolate_remains {
    struct lc__messages mailbox;
    struct lc_message *taken;
    struct lc__extras *extras;
    void *arg;
    lc_executor *executor;
    lc_isolate_group *group;
    bool killed;
};

static void isolate_take_remains(struct lc__isolate *isolate, struct isolate_remains *remains)
{
    lc__spinlock_lock(&isolate->lock);
    LC__ASSERT(isolate->alive && !isolate->ending);
    *remains = (struct isolate_remains){
        .mailbox = STAILQ_HEAD_INITIALIZER(remains->mailbox),
        .taken = isolate->taken,
        .extras = isolate->extras,
        .arg = isolate->arg,
        .executor = isolate->job.executor,
        .group = isolate->group,
        .killed = isolate->flags & (LC__KILLED | LC__KILLED_NOW),
    };
    STAILQ_CONCAT(&remains->mailbox, &isolate->mailbox);
    isolate->taken = NULL;
    if (isolate->running)
        atomic_store_explicit(&isolate->running->end_now, NULL, memory_order_relaxed);
    isolate->running = NULL;
    isolate->alive = false;
    isolate->ending = true;
    lc__isolate_unlock(isolate);
}

/*
 * The record is no isolate from here on. @return its extras, also those that a caller of
 * lc_isolate_done() made during the end; or NULL.
 */
static struct lc__extras *isolate_vacate(struct lc__isolate *isolate)
{
    lc__spinlock_lock(&isolate->lock);
    LC__ASSERT(isolate->ending);
    struct lc__extras *extras = isolate->extras;
    isolate->extras = NULL;
    isolate->ending = false;
    isolate->serial++;
    lc__isolate_unlock(isolate);
    return extras;
}

static void isolate_context_end(lc_context *context, bool killed)
{
    if (!context)
        return;
    lc_context_cancel(context, lc_error_new(-ECANCELED, killed ? "the isolate was killed"
                                                               : "the isolate has ended"));
    lc_context_unref(context);
}

static void remains_release_arg(const struct isolate_remains *remains)
{
    lc__callback_enter();
    remains->extras->release(remains->arg);
    lc__callback_leave();
}

static void remains_free(const struct isolate_remains *remains)
{
    struct lc__extras *extras = remains->extras;
    lc__messages_drop(remains->taken);
    lc__messages_drop(STAILQ_FIRST(&remains->mailbox));
    if (!extras)
        return;
    lc__message_timers_end(&extras->timers);
    lc__messages_drop(STAILQ_FIRST(&extras->waiting));
    isolate_context_end(extras->context, remains->killed);
    if (extras->release)
        remains_release_arg(remains);
}

static void pauses_free(struct lc__extras *extras)
{
    for (struct lc__pause *pause; (pause = STAILQ_FIRST(&extras->pauses));) {
        STAILQ_REMOVE_HEAD(&extras->pauses, link);
        lc__free(pause);
    }
}

/* There is control left only in a simulation that was broken off. Else it comes before the end. */
static void control_drop(struct lc__extras *extras)
{
    for (struct lc__control *control; (control = STAILQ_FIRST(&extras->control));) {
        STAILQ_REMOVE_HEAD(&extras->control, link);
        lc__message_drop(control->response);
        lc_error_unref(control->error);
        lc__free(control);
    }
}

static void message_send_or_drop(lc_message *message, bool send)
{
    if (message && send)
        lc__send_own(message);
    else
        lc__message_drop(message);
}

static void exit_listeners_tell(struct lc__extras *extras, bool heard)
{
    for (struct lc__exit_listener *listener; (listener = STAILQ_FIRST(&extras->at_exit));) {
        STAILQ_REMOVE_HEAD(&extras->at_exit, link);
        message_send_or_drop(listener->response, heard);
        lc__free(listener);
    }
}

static void handle_close_and_unref(lc_handle *handle)
{
    lc_handle_close(handle);
    lc_handle_unref(handle);
}

/* `heard`: the receivers of the messages are there. */
static void extras_tell(struct lc__extras *extras, bool heard)
{
    message_send_or_drop(extras->last, heard);
    pauses_free(extras);
    control_drop(extras);
    exit_listeners_tell(extras, heard);
    handle_close_and_unref(extras->room);
}

static void extras_free(struct lc__extras *extras)
{
    if (extras->hooks.ended)
        extras->hooks.ended(extras->hooks.arg);
    handle_close_and_unref(extras->done);
    handle_close_and_unref(extras->ready); /* of an isolate that has never become ready */
    lc__error_listeners_unref(extras->on_error);
    lc__free(extras->ports);
    lc__free(extras->name);
    lc__free(extras);
}

static void isolate_end(struct lc__isolate *isolate, bool heard)
{
    /* First, as a thread that learns of the end may shut the library down. */
    lc__job_finishing(isolate->job.executor);
    struct isolate_remains remains;
    isolate_take_remains(isolate, &remains);
    remains_free(&remains);
    if (remains.extras)
        extras_tell(remains.extras, heard);
    lc__isolate_group_leave(remains.group);
    struct lc__extras *extras = isolate_vacate(isolate);
    if (extras)
        extras_free(extras);
    lc__pool_give(&lc__isolates, lc__loop_index(), isolate);
    lc__executor_unbind(remains.executor); /* last: then the executor may be freed */
}

void lc__isolate_end(struct lc__isolate *isolate)
{
    LC__ASSERT(lc__isolate_running() == isolate && isolate->running == lc__task_current());
    lc__task_current()->isolate = NULL;
    isolate_end(isolate, true);
}

void lc__isolate_end_unheard(struct lc__isolate *isolate)
{
    isolate_end(isolate, false);
}
