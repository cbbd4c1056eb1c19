/*
 * end.c: how an isolate ends. See isolate.h.
 *
 * First it is alive no more, in one step under its lock: what is sent from then on is dropped by
 * its sender. Then what it had is given up in an order that others can rely on: messages, context,
 * argument; the last message; the exit listeners; its group; the workers that wait for it to be
 * done. Only then another isolate may get its record.
 */
#include "base/memory.h"
#include "context/worker.h"
#include "executor/callback.h"
#include "isolate/isolate.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <unistd.h>

/* sysexits(3): internal software error. */
enum { EXIT_INTERNAL = 70 };

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

void lc__isolates_drop(const lc_executor *executor)
{
    uint32_t made = lc__pool_made(&lc__isolates);
    for (uint32_t place = 0; place < made; place++) {
        struct lc__isolate *isolate = lc__pool_at(&lc__isolates, place);
        lc__spinlock_lock(&isolate->lock);
        bool lost = isolate->alive && isolate->job.executor == executor;
        lc_message *in_hand = lost ? lc__isolate_in_hand(isolate) : NULL;
        lc__isolate_unlock(isolate);
        lc__message_drop(in_hand);
        if (lost)
            end(isolate, false);
    }
    lc__message_timers_drop(executor);
}

/* ---- ending from inside ---- */

void lc__isolate_die(void)
{
    if (lc__task_can_end(lc__task_current()))
        lc__worker_end();
}

/*
 * Data that was moved into a call that does not return has no owner: its destructor is called.
 */
void lc__isolate_die_with(const lc_payload *payload)
{
    if (!lc__task_can_end(lc__task_current()))
        return;
    lc__payload_destroy(payload);
    lc__worker_end();
}

static LC_NORETURN void refuse_exit(void)
{
    lc_log(LC_LOG_CRITICAL, NULL,
           "lc_isolate_exit was called outside of an isolate, or in a "
           "callback of the library");
    lc_log_flush();
    _exit(EXIT_INTERNAL);
}

void lc_isolate_exit(lc_send_port port, const lc_payload *last)
{
    /* It does not return, doomed or not, so it takes what is moved over in any case. */
    struct lc__isolate *isolate = lc__isolate_running();
    if (!isolate || lc__in_callback())
        refuse_exit();
    bool sends = lc_send_port_is_set(port);
    struct lc__extras *extras = sends ? lc__isolate_extras(isolate) : NULL;
    lc_message *message =
        extras && lc__payload_check(last) == 0 ? lc__message_new(port, last) : NULL;
    if (!message)
        lc__payload_destroy(last);
    if (sends && !message)
        lc_log(LC_LOG_ERROR, NULL,
               "no memory for the last message of an isolate, or it is not "
               "one: it ends without");
    lc__spinlock_lock(&isolate->lock);
    isolate->bars |= LC__EXITING;
    /* It may have messages in its hand, which are looked at without a lock. */
    atomic_store_explicit(&isolate->attention, true, memory_order_relaxed);
    if (message && !(isolate->bars & LC__KILLED_NOW)) {
        lc_message *before = extras->last; /* of an exit that a deferred call goes on from */
        extras->last = message;
        message = before;
    }
    lc__isolate_unlock(isolate);
    lc__message_drop(message);
    lc__worker_end();
}
