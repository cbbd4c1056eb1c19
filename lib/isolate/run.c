/*
 * run.c: see run.h.
 *
 * What calls in. The executor calls isolate_run() on one of its threads when the isolate's job is
 * at the front of a run queue. mailbox.c draws the states of an isolate and says why no wake-up
 * is lost.
 *
 *     isolate_run --> lc__worker_run --+--> run_events --> run_next_event --> the event, and again
 *                                      |
 *                                      +--> run_ended, when the deferred calls have run
 *
 * A run handles up to TURN events, one after the other, and then lets other jobs run. Before each
 * event it asks what comes next. It asks without the lock while it has taken and uncounted
 * messages and no other thread has set `attention`.
 *
 * A run owns its isolate from its first look under the lock (run_hold) to the step under the lock
 * in which it finds no event, or its turn is over (run_release), or to the isolate's end.
 *
 * Each run is a worker (context/worker.h). A throw in a handler, and an immediate kill, end that
 * run only: they leave run_events() by a jump, run_ended() frees the message being handled, and
 * posts the job again if an event comes next.
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
    TURN = 64,  /* how many events a run handles before other jobs run */
    GLANCE = 8, /* how many events a run handles between two looks at the clock */
};

struct isolate_run {
    struct lc__isolate *isolate; /* NULL: it has ended, or the run has released it */
    struct lc__task *task;
    const char *task_name; /* the task's own, which it gets back */
    bool has_looked;       /* under the lock: from then on the run owns the isolate */
    lc_message *message;   /* being handled; NULL: none */
    struct lc__worker_call call;
};

/* ---- owning the isolate ---- */

static void run_hold(struct isolate_run *run)
{
    struct lc__isolate *isolate = run->isolate;
    LC__ASSERT(lc__spinlock_is_held(&isolate->lock));
    LC__ASSERT(isolate->alive && isolate->scheduled && !isolate->running);
    run->has_looked = true;
    isolate->running = run->task;
    /* The name lives until the isolate ends, in this run or later. */
    run->task->name = lc__isolate_name(isolate);
    /* Tells owner.h what the task is part of. No error goes there. */
    run->call.context = isolate->extras ? isolate->extras->hooks.parent : NULL;
}

static void run_release(struct isolate_run *run)
{
    struct lc__task *task = run->task;
    LC__ASSERT(lc__spinlock_is_held(&run->isolate->lock));
    LC__ASSERT(run->isolate->running == task);
    run->isolate->running = NULL;
    run->isolate = NULL;
    task->isolate = NULL;
    task->name = run->task_name;
    atomic_store_explicit(&task->end_now, NULL, memory_order_relaxed);
}

/* ---- events ---- */

static struct lc__control *control_shift(struct lc__isolate *isolate)
{
    LC__ASSERT(lc__spinlock_is_held(&isolate->lock));
    struct lc__control *control = STAILQ_FIRST(&isolate->extras->control);
    STAILQ_REMOVE_HEAD(&isolate->extras->control, link);
    if (STAILQ_EMPTY(&isolate->extras->control))
        isolate->flags &= (uint8_t)~LC__CONTROL_WAITS;
    return control;
}

/*
 * Finds the next event and takes what it needs. If there is none, releases the isolate in the same
 * step under the lock.
 */
static enum lc__event run_next_event(struct isolate_run *run, struct lc__control **control)
{
    struct lc__isolate *isolate = run->isolate;
    /*
     * Relaxed. The run took the messages under the lock, so it has seen each request that a thread
     * made before it sent one of them. It may see a later request later.
     */
    if (run->has_looked && isolate->taken && isolate->uncounted > 0 &&
        !atomic_load_explicit(&isolate->attention, memory_order_relaxed))
        return LC__EVENT_MESSAGE;
    lc_handle *room = NULL;
    lc__spinlock_lock(&isolate->lock);
    if (!run->has_looked)
        run_hold(run);
    LC__ASSERT(isolate->running == run->task);
    enum lc__event event = lc__isolate_next_event(isolate);
    if (event == LC__EVENT_CONTROL)
        *control = control_shift(isolate);
    if (event == LC__EVENT_ENTRY)
        isolate->flags &= (uint8_t) ~(LC__NOT_ENTERED | LC__HELD_AT_START);
    if (event == LC__EVENT_MESSAGE && lc__mailbox_take(isolate))
        room = lc__room_take(isolate);
    /* With a flag set, another event than the next message may follow: the run looks again. */
    atomic_store_explicit(&isolate->attention, isolate->flags != 0, memory_order_relaxed);
    if (event == LC__EVENT_NONE) {
        isolate->scheduled = false;
        run_release(run);
    }
    lc__isolate_unlock(isolate);
    lc__room_wake(room);
    return event;
}

static void control_answer(struct lc__isolate *isolate, struct lc__control *control)
{
    if (control->response)
        lc__send_own(control->response);
    if (control->error)
        lc__isolate_failed(isolate, control->error, false);
    lc__free(control);
}

static void isolate_announce_ready(struct lc__isolate *isolate)
{
    lc_handle *ready = NULL;
    struct lc__isolate_hooks hooks = {0};
    lc__spinlock_lock(&isolate->lock);
    isolate->ready = true;
    if (isolate->extras) {
        ready = lc_handle_ref(isolate->extras->ready);
        hooks = isolate->extras->hooks;
    }
    lc__isolate_unlock(isolate);
    lc_handle_close(ready);
    lc_handle_unref(ready);
    if (hooks.ready)
        hooks.ready(hooks.arg);
}

static void isolate_enter(struct lc__isolate *isolate)
{
    lc_error *error = isolate->entry(isolate->arg);
    if (!error || !lc__isolate_failed(isolate, error, false))
        isolate_announce_ready(isolate);
    lc__worker_run_deferred();
}

static void run_handle_message(struct isolate_run *run)
{
    struct lc__isolate *isolate = run->isolate;
    lc_message *message = isolate->taken;
    LC__ASSERT(message && !run->message);
    LC__ASSERT(isolate->uncounted > 0 || message->is_tick);
    isolate->taken = STAILQ_NEXT(message, link);
    isolate->uncounted -= !message->is_tick;
    __builtin_prefetch(isolate->taken); /* it is not in this processor's cache */
    const struct lc__port *port = lc__isolate_port_find(isolate, message->port.number);
    LC__ASSERT(port); /* the close of a port takes its messages out of all queues */
    if (!port->handler) {
        lc__mailbox_set_aside(isolate, message);
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

static void isolate_send_last(struct lc__isolate *isolate)
{
    lc__spinlock_lock(&isolate->lock);
    lc_message *last = isolate->extras->last;
    LC__ASSERT(last);
    isolate->extras->last = NULL;
    lc__isolate_unlock(isolate);
    lc__send_own(last);
}

/*
 * Whether other jobs have their turn: after TURN events, or when the coarse clock has advanced,
 * since handlers may take long. A run of a few events does not read the clock.
 */
static bool turn_is_over(unsigned handled, int64_t *began)
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

static lc_error *run_events(void *arg)
{
    struct isolate_run *run = arg;
    struct lc__isolate *isolate = run->isolate;
    int64_t began = 0;
    for (unsigned handled = 0; !turn_is_over(handled, &began); handled++) {
        struct lc__control *control = NULL;
        switch (run_next_event(run, &control)) {
        case LC__EVENT_NONE:
            return NULL;
        case LC__EVENT_CONTROL:
            control_answer(isolate, control);
            break;
        case LC__EVENT_ENTRY:
            isolate_enter(isolate);
            break;
        case LC__EVENT_MESSAGE:
            run_handle_message(run);
            break;
        case LC__EVENT_LAST:
            isolate_send_last(isolate);
            break;
        case LC__EVENT_END:
            run->isolate = NULL;
            lc__isolate_end(isolate);
            return NULL;
        }
    }
    return NULL;
}

/* Called once, when run_events() has returned or a jump has left it. */
static void run_ended(void *arg)
{
    struct isolate_run *run = arg;
    struct lc__isolate *isolate = run->isolate;
    lc_message_free(run->message);
    run->task->name = run->task_name; /* also when the isolate has ended */
    if (!isolate)
        return;
    lc__spinlock_lock(&isolate->lock);
    run_release(run);
    bool again = lc__isolate_next_event(isolate) != LC__EVENT_NONE;
    isolate->scheduled = again;
    lc__isolate_unlock(isolate);
    if (again)
        lc__job_post(&isolate->job);
}

static void isolate_run(struct lc__job *job)
{
    struct lc__task *task = lc__task_current();
    LC__ASSERT(!task->isolate); /* a task runs one isolate at a time */
    struct isolate_run run = {
        .isolate = lc__isolate_of_job(job),
        .task = task,
        .task_name = task->name,
    };
    run.call = (struct lc__worker_call){.work = run_events, .ended = run_ended, .arg = &run};
    task->isolate = run.isolate;
    lc__worker_run(&run.call);
}

lc_message *lc__run_message(const struct lc__isolate *isolate)
{
    LC__ASSERT(lc__spinlock_is_held(&isolate->lock));
    const struct lc__worker_call *call = isolate->running ? isolate->running->worker : NULL;
    return call ? ((const struct isolate_run *)call->arg)->message : NULL;
}

static void isolate_copy_name(struct lc__job *job, char *name)
{
    struct lc__isolate *isolate = lc__isolate_of_job(job);
    lc__spinlock_lock(&isolate->lock);
    strlcpy(name, lc__isolate_name(isolate), LC_NAME_MAX + 1);
    lc__isolate_unlock(isolate);
}

const struct lc__job_kind lc__isolate_job_kind = {isolate_run, isolate_copy_name};
