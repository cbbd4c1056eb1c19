/*
 * run.c: running isolates. See run.h.
 *
 * An isolate that has something to do is posted to its executor as a job. A run handles some
 * events, one after the other, and then lets others run. Before each event it asks what comes next:
 * without a lock while it has messages in its hand and no call has asked for its attention.
 *
 * Each run is a worker's (context/worker.h), so that a throw in a handler ends that run and no
 * more: what is left of the event is cleared away, and the isolate is posted again.
 */
#include "isolate/run.h"

#include "base/clock.h"
#include "base/memory.h"
#include "context/worker.h"
#include "isolate/end.h"
#include "isolate/failure.h"
#include "isolate/isolate_port.h"
#include "isolate/mailbox.h"
#include "isolate/room.h"
#include "isolate/schedule.h"
#include "isolate/send.h"

#include <lifecycle/manager.h>

#include <bsd/string.h>

enum {
    TURN = 64,  /* events that are handled before others run */
    GLANCE = 8, /* events that are handled between two looks at the clock */
};

static void copy_name(struct lc__job *job, char *name)
{
    struct lc__isolate *isolate = (struct lc__isolate *)job;
    lc__spinlock_lock(&isolate->lock);
    strlcpy(name, lc__isolate_name(isolate), LC_NAME_MAX + 1);
    lc__isolate_unlock(isolate);
}

/* One run of an isolate. */
struct run {
    struct lc__isolate *isolate; /* NULL: it has ended, or been let go */
    struct lc__task *task;
    const char *carrier_name;
    bool has_looked;     /* under the lock: from then on the isolate is the run's */
    lc_message *message; /* being handled */
    struct lc__worker_call call;
};

static void answer(struct lc__isolate *isolate, struct lc__control *control)
{
    if (control->response)
        lc__send_own(control->response);
    if (control->error)
        lc__isolate_failed(isolate, control->error, false);
    lc__free(control);
}

/* The run's task has the isolate, from the first look on; under the lock, as the next. */
static void hold(struct run *run)
{
    struct lc__isolate *isolate = run->isolate;
    run->has_looked = true;
    isolate->running = run->task;
    /* Lives until the isolate ends, which is in this run or later. */
    run->task->name = lc__isolate_name(isolate);
    /* For the question what the task is part of (owner.h); an error does not go there. */
    run->call.context = isolate->extras ? isolate->extras->companion.parent : NULL;
}

static void let_go(struct run *run)
{
    struct lc__task *task = run->task;
    run->isolate->running = NULL;
    run->isolate = NULL;
    task->isolate = NULL;
    task->name = run->carrier_name;
    atomic_store_explicit(&task->doom, NULL, memory_order_relaxed);
}

/*
 * What comes next, and what it takes. If there is nothing the isolate is let go in the same step.
 */
static enum lc__event next_event(struct run *run, struct lc__control **control)
{
    struct lc__isolate *isolate = run->isolate;
    /*
     * Relaxed: of what was asked for before a message was sent, the lock under which the message
     * was taken has told us; anything else may be seen a little later.
     */
    if (run->has_looked && isolate->taken && isolate->counted_off > 0 &&
        !atomic_load_explicit(&isolate->attention, memory_order_relaxed))
        return LC__EVENT_MESSAGE;
    lc_handle *room = NULL;
    lc__spinlock_lock(&isolate->lock);
    if (!run->has_looked)
        hold(run);
    enum lc__event event = lc__isolate_next(isolate);
    if (event == LC__EVENT_CONTROL) {
        *control = STAILQ_FIRST(&isolate->extras->control);
        STAILQ_REMOVE_HEAD(&isolate->extras->control, link);
        if (STAILQ_EMPTY(&isolate->extras->control))
            isolate->bars &= (uint8_t)~LC__CONTROL_WAITS;
    }
    if (event == LC__EVENT_ENTRY)
        isolate->bars &= (uint8_t) ~(LC__NOT_ENTERED | LC__HELD_AT_START);
    if (event == LC__EVENT_MESSAGE && lc__mailbox_take(isolate))
        room = lc__room_take(isolate);
    /* Behind control something may still stand before the messages in its hand: it looks again. */
    atomic_store_explicit(&isolate->attention, isolate->bars != 0, memory_order_relaxed);
    if (event == LC__EVENT_NONE) {
        isolate->posted = false;
        let_go(run);
    }
    lc__isolate_unlock(isolate);
    lc__room_tell(room);
    return event;
}

static void tell_ready(struct lc__isolate *isolate)
{
    lc_handle *ready = NULL;
    struct lc__companion companion = {0};
    lc__spinlock_lock(&isolate->lock);
    isolate->ready = true;
    if (isolate->extras) {
        ready = lc_handle_ref(isolate->extras->ready);
        companion = isolate->extras->companion;
    }
    lc__isolate_unlock(isolate);
    lc_handle_close(ready);
    lc_handle_unref(ready);
    if (companion.ready)
        companion.ready(companion.arg);
}

static void enter(struct lc__isolate *isolate)
{
    lc_error *error = isolate->entry(isolate->arg);
    if (!error || !lc__isolate_failed(isolate, error, false))
        tell_ready(isolate);
}

static void handle(struct run *run)
{
    struct lc__isolate *isolate = run->isolate;
    lc_message *message = isolate->taken;
    isolate->taken = message->next;
    isolate->counted_off -= !message->is_tick;
    __builtin_prefetch(isolate->taken); /* by now it has left the cache, or is in another's */
    const struct lc__port *port = lc__isolate_port_find(isolate, message->port.number);
    if (!port->handler) {
        lc__mailbox_let_wait(isolate, message);
        return;
    }
    if (!lc__tick_deliver(message)) {
        lc_message_free(message);
        return;
    }
    run->message = message;
    lc_error *error = port->handler(message, port->arg);
    if (error)
        lc__isolate_failed(isolate, error, false);
    lc__worker_run_deferred();
    run->message = NULL;
    lc_message_free(message);
}

/*
 * Whether the turn is over: after so many events, or the system's tick after the first few, since
 * handlers may take long. The clock is looked at now and then, and not for a few events at all.
 */
static bool is_turn_over(unsigned handled, int64_t *began)
{
    if (handled == TURN)
        return true;
    if (handled == 0 || handled % GLANCE != 0)
        return false;
    int64_t now = lc__now_roughly();
    bool over = handled > GLANCE && now != *began;
    *began = now;
    return over;
}

static void send_last(struct lc__isolate *isolate)
{
    lc__spinlock_lock(&isolate->lock);
    lc_message *last = isolate->extras->last;
    isolate->extras->last = NULL;
    lc__isolate_unlock(isolate);
    lc__send_own(last);
}

static lc_error *run_events(void *arg)
{
    struct run *run = arg;
    struct lc__isolate *isolate = run->isolate;
    int64_t began = 0;
    for (unsigned handled = 0; !is_turn_over(handled, &began); handled++) {
        struct lc__control *control = NULL;
        switch (next_event(run, &control)) {
        case LC__EVENT_NONE:
            return NULL;
        case LC__EVENT_CONTROL:
            answer(isolate, control);
            break;
        case LC__EVENT_ENTRY:
            enter(isolate);
            lc__worker_run_deferred();
            break;
        case LC__EVENT_MESSAGE:
            handle(run);
            break;
        case LC__EVENT_LAST:
            send_last(isolate);
            break;
        case LC__EVENT_END:
            run->isolate = NULL;
            lc__isolate_end(isolate);
            return NULL;
        }
    }
    return NULL;
}

/* After the events, however the last of them has ended. */
static void settle(void *arg)
{
    struct run *run = arg;
    struct lc__isolate *isolate = run->isolate;
    lc_message_free(run->message);
    run->task->name = run->carrier_name; /* of one that has ended, too */
    if (!isolate)
        return;
    lc__spinlock_lock(&isolate->lock);
    let_go(run);
    bool again = lc__isolate_next(isolate) != LC__EVENT_NONE;
    isolate->posted = again;
    lc__isolate_unlock(isolate);
    if (again)
        lc__job_post(&isolate->job);
}

static void run_isolate(struct lc__job *job)
{
    struct lc__task *task = lc__task_current();
    struct run run = {
        .isolate = (struct lc__isolate *)job,
        .task = task,
        .carrier_name = task->name,
    };
    run.call = (struct lc__worker_call){.work = run_events, .ended = settle, .arg = &run};
    task->isolate = run.isolate;
    lc__worker_run(&run.call);
}

lc_message *lc__isolate_in_hand(const struct lc__isolate *isolate)
{
    const struct lc__worker_call *call = isolate->running ? isolate->running->worker : NULL;
    return call ? ((const struct run *)call->arg)->message : NULL;
}

const struct lc__job_kind lc__isolate_job_kind = {run_isolate, copy_name};
