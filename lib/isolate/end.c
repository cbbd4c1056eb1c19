/*
 * end.c: how an isolate ends. See isolate.h.
 *
 * First it is alive no more, in one step under its lock: what is sent from then on is dropped by
 * its sender. Then what it had is given up in an order that others can rely on: messages, context,
 * argument; the last message; the exit listeners; its group; the workers that wait for it to be
 * done. Only then another isolate may get its record.
 */
#include "isolate/end.h"

#include "base/memory.h"
#include "executor/callback.h"
#include "isolate/group.h"
#include "isolate/listeners.h"
#include "isolate/send.h"
#include "isolate/timer.h"

#include <errno.h>

/* What is left of an isolate once its record is no longer it. */
struct remains {
    struct lc__messages mailbox;
    struct lc_message *taken;
    struct lc__extras *extras;
    void *arg;
    lc_executor *executor;
    lc_isolate_group *group;
    bool killed;
};

static struct remains take_remains(struct lc__isolate *isolate)
{
    lc__spinlock_lock(&isolate->lock);
    struct remains remains = {
        .mailbox = isolate->mailbox,
        .taken = isolate->taken,
        .extras = isolate->extras,
        .arg = isolate->arg,
        .executor = isolate->job.executor,
        .group = isolate->group,
        .killed = isolate->bars & (LC__KILLED | LC__KILLED_NOW),
    };
    if (isolate->running)
        atomic_store_explicit(&isolate->running->doom, NULL, memory_order_relaxed);
    isolate->running = NULL;
    isolate->mailbox.first = NULL;
    isolate->taken = NULL;
    isolate->alive = false;
    isolate->ending = true;
    lc__isolate_unlock(isolate);
    return remains;
}

/*
 * From here on the record belongs to no isolate. @return its extras, which hold `done` if a caller
 * has asked for it; or NULL.
 */
static struct lc__extras *vacate(struct lc__isolate *isolate)
{
    lc__spinlock_lock(&isolate->lock);
    struct lc__extras *extras = isolate->extras;
    isolate->extras = NULL;
    isolate->ending = false;
    isolate->serial++;
    lc__isolate_unlock(isolate);
    return extras;
}

static void end_context(lc_context *context, bool killed)
{
    if (!context)
        return;
    lc_context_cancel(context, lc_error_new(-ECANCELED, killed ? "the isolate was killed"
                                                               : "the isolate has ended"));
    lc_context_unref(context);
}

static void release_arg(const struct remains *remains)
{
    lc__callback_enter();
    remains->extras->release(remains->arg);
    lc__callback_leave();
}

static void drop_pauses(struct lc__extras *extras)
{
    for (struct lc__pause *pause; (pause = STAILQ_FIRST(&extras->pauses));) {
        STAILQ_REMOVE_HEAD(&extras->pauses, link);
        lc__free(pause);
    }
}

/* Comes only with a simulation that was broken off: else control is carried out before the end. */
static void drop_control(struct lc__extras *extras)
{
    for (struct lc__control *control; (control = STAILQ_FIRST(&extras->control));) {
        STAILQ_REMOVE_HEAD(&extras->control, link);
        lc__message_drop(control->response);
        lc_error_unref(control->error);
        lc__free(control);
    }
}

static void tell_exit_listeners(struct lc__extras *extras, bool tells)
{
    for (struct lc__exit_listener *listener; (listener = STAILQ_FIRST(&extras->at_exit));) {
        STAILQ_REMOVE_HEAD(&extras->at_exit, link);
        if (tells)
            lc__send_own(listener->response);
        else
            lc__message_drop(listener->response);
        lc__free(listener);
    }
}

static void close_and_drop(lc_handle *handle)
{
    lc_handle_close(handle);
    lc_handle_unref(handle);
}

static void give_up_what_is_the_programs(const struct remains *remains)
{
    const struct lc__extras *extras = remains->extras;
    lc__messages_drop(remains->taken);
    lc__messages_drop(remains->mailbox.first);
    if (!extras)
        return;
    lc__message_timers_end(&remains->extras->timers);
    lc__messages_drop(extras->waiting.first);
    end_context(extras->context, remains->killed);
    if (extras->release)
        release_arg(remains);
}

/* `tells`: those who listen are there. */
static void tell(struct lc__extras *extras, bool tells)
{
    if (extras->last && tells)
        lc__send_own(extras->last);
    else
        lc__message_drop(extras->last);
    drop_pauses(extras);
    drop_control(extras);
    tell_exit_listeners(extras, tells);
    close_and_drop(extras->room);
}

/* With the close of `done`, and the companion's last call, others go on. */
static void let_go(struct lc__extras *extras)
{
    if (extras->companion.ended)
        extras->companion.ended(extras->companion.arg);
    close_and_drop(extras->done);
    close_and_drop(extras->ready); /* who waits for it is not left waiting */
    lc__listeners_unref(extras->on_error);
    lc__free(extras->ports);
    lc__free(extras->name);
    lc__free(extras);
}

static void end(struct lc__isolate *isolate, bool tells)
{
    /* Before its state is "ended": a thread that learns of that may shut the library down. */
    lc__job_finishing(isolate->job.executor);
    struct remains remains = take_remains(isolate);
    give_up_what_is_the_programs(&remains);
    if (remains.extras)
        tell(remains.extras, tells);
    lc__isolate_group_leave(remains.group);
    struct lc__extras *extras = vacate(isolate);
    if (extras)
        let_go(extras);
    lc__pool_give(&lc__isolates, lc__loop_index(), isolate);
    lc__executor_unbind(remains.executor); /* the last: then it may be freed */
}

void lc__isolate_end(struct lc__isolate *isolate)
{
    lc__task_current()->isolate = NULL;
    end(isolate, true);
}

void lc__isolate_end_unheard(struct lc__isolate *isolate)
{
    end(isolate, false);
}
