/*
 * shell.c: see shell.h.
 *
 * The shell has no thread and no stack of its own. An event is applied on the stack of the task
 * that posts it, or left to a task that applies another event at that moment. So an event costs no
 * switch and no wake-up, and a worker that is busy delays no other worker.
 *
 * What calls in. lc__shell_post(): waiters of handles, relays of signalers, ends of tasks, the
 * timer. lc__shell_call() and lc__shell_ask(): the functions of supervisors and trees, from any
 * task, and callbacks of the program that run inside the serving task.
 *
 * The states are those of one word, `queue`:
 *
 *              serve_begin(): IDLE -> BUSY            event_leave(): push
 *       IDLE -----------------------------> BUSY ------------------------> event list ---.
 *        ^                                  |  ^                             |    ^      | push
 *        |    serve_end(): BUSY -> IDLE     |  |   events_apply(): take all  |    '------'
 *        '----------------------------------'  '-----------------------------'
 *
 *     IDLE         no task serves
 *     BUSY         a task serves, and no event has come since it took the last ones
 *     event list   a task serves, and these events wait; the last one that was posted comes first
 *
 * The invariant: between serve_begin() and the step BUSY -> IDLE one task, and no other, touches
 * the engine and all that hangs on it. There is no lock: a task that finds the word not IDLE never
 * waits for it.
 *
 * Why no event is lost. Each step is a compare-and-exchange of the one word. A posting task either
 * takes the word from IDLE to BUSY and applies its event itself, or pushes its event while the
 * word is not IDLE. The serving task leaves only by the step from BUSY to IDLE. This step fails if
 * an event was pushed since the serving task took the last ones; the task then goes on. So no event
 * is in the list when the word becomes IDLE. One word is enough: no store/load handshake is needed.
 *
 * Why no waiting call is lost. lc__shell_call() puts its parker beside its event, pushes the event,
 * and parks. The serving task unparks the parker after it has called the function. An unpark that
 * comes before the park counts as well.
 *
 * Why no deadline is lost. Before its last step the serving task arms the timer, so that it fires
 * no later than the engine's next deadline. When the timer fires it posts its event, unless that is
 * in the queue already (`timer_posted`). event_timer_apply() clears this mark, and reads the time
 * after that. A firing before the clearing is covered by this reading; a later one posts again.
 *
 * References. A shell that has started holds one to itself until it is over; the serving task gives
 * it back in serve_end(), as its last step. A task that serves a shell which has not started, or
 * is over, holds one of its own until then. The waiter on the context above holds one. The timer
 * takes one in `due`, under the lock of the timers.
 *
 * The program's code runs inside the serving task when a context is cancelled or a handle closes
 * (callbacks), when a line is logged, and when a judge has to answer without a task of its own. It
 * may call back. Such a call of the serving task runs at once, but what comes of it waits until the
 * present action has been carried out: see shell_act(). The call may find a node that the engine
 * has forgotten and the front has not freed yet: see lc__engine_is_forgotten().
 */
#include "supervise/shell.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/random.h"
#include "base/task.h"
#include "context/context.h"
#include "context/signaler.h"
#include "executor/park.h"

#include <lifecycle/log.h>
#include <lifecycle/random.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define IDLE ((struct lc__shell_event *)0)
static struct lc__shell_event busy_event;
#define BUSY (&busy_event)

/* ---- references ---- */

struct lc__shell *lc__shell_ref(struct lc__shell *shell)
{
    atomic_fetch_add_explicit(&shell->refs, 1, memory_order_relaxed);
    return shell;
}

void lc__shell_unref(struct lc__shell *shell)
{
    /* Not lc__refs_drop(): the timer may take a reference while another task gives one back. */
    unsigned before = atomic_fetch_sub_explicit(&shell->refs, 1, memory_order_acq_rel);
    LC__ASSERT(before > 0);
    if (before == 1)
        shell->front->destroy(shell);
}

LC__HANDLE_OWNER(shell_ready_owner, struct lc__shell, ready, lc__shell_ref, lc__shell_unref);
LC__HANDLE_OWNER(shell_done_owner, struct lc__shell, done, lc__shell_ref, lc__shell_unref);

/* ---- observers ---- */

static void observers_tell_end(struct lc__shell *shell, lc_event_kind kind, const lc_error *error)
{
    const lc_event event = {.kind = kind, .time = shell->engine.now, .name = "", .error = error};
    lc__observers_tell(&shell->observers, &event);
}

/* Tells of stopping and halting, once each; of halting alone if stopping is for a halt. */
static void observers_tell_stop(struct lc__shell *shell)
{
    const struct lc__engine *engine = &shell->engine;
    if (engine->behavior == LC_SPIN_HALT && !shell->told_halting) {
        shell->told_halting = shell->told_stopping = true;
        observers_tell_end(shell, LC_EVENT_HALTING, engine->why);
    } else if (engine->ending && !shell->told_stopping) {
        shell->told_stopping = true;
        observers_tell_end(shell, LC_EVENT_STOPPING, engine->why);
    }
}

static void shell_state_changed(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__shell *shell = LC__CONTAINER_OF(engine, struct lc__shell, engine);
    LC__ASSERT(lc__shell_serves(shell));
    if (LIST_EMPTY(&shell->observers) || !shell->front->shows(node->state))
        return;
    bool failed = node->error_of == node->instance && node->state != LC_NODE_CANCELED;
    observers_tell_stop(shell); /* the stop comes before the states that follow from it */
    const lc_event event = {.kind = LC_EVENT_STATE,
                            .time = engine->now,
                            .name = node->name,
                            .state = node->state,
                            .instance = node->instance,
                            .error = failed ? node->error : NULL};
    lc__observers_tell(&shell->observers, &event);
}

/* ---- carrying out what the engine says ---- */

/* One cancellation serves all contexts, until a halt gives another reason than the shutdown had. */
void lc__shell_cancel(struct lc__shell *shell, lc_context *context)
{
    lc_error *why = shell->engine.why;
    LC__ASSERT(lc__shell_serves(shell));
    if (!shell->stop || lc_error_cause(shell->stop) != why) {
        lc_error_unref(shell->stop);
        shell->stop = lc__context_cancellation(lc_error_ref(why));
    }
    lc__context_cancel_by(context, lc_error_ref(shell->stop));
}

static void shell_unwatch_above(struct lc__shell *shell)
{
    /* If the waiter was taken out, its event has been posted or will be, with the reference. */
    if (shell->above && lc__handle_remove(lc_context_done(shell->above), &shell->above_ended))
        lc__shell_unref(shell);
}

/* The shell's own reference outlives this: serve_end() gives it back. */
static void shell_finish(struct lc__shell *shell)
{
    LC__ASSERT(!shell->over);
    shell->over = true;
    observers_tell_end(shell, LC_EVENT_ENDED, shell->engine.result);
    lc__observers_close(&shell->observers);
    shell_unwatch_above(shell);
    lc__shell_cancel(shell, shell->context); /* reaches the overdue instances */
    lc__timer_disarm(&shell->timer);
    /* Before `done` closes: from then on the program may shut the library down. */
    lc__timers_release(&shell->holds_timers);
    shell->front->finished(shell);
}

/* Nodes that were given up do not count, unless no other is left, or everything ends. */
static bool shell_is_good(const struct lc__engine *engine)
{
    bool works = engine->given_up < engine->count || !engine->first_error;
    return engine->not_good == 0 && works && !engine->ending;
}

static void shell_become_ready(struct lc__shell *shell)
{
    char without[LC__GIVEN_UP_SIZE];
    if (lc_handle_is_closed(&shell->ready))
        return;
    lc__engine_list_given_up(&shell->engine, without, sizeof without);
    if (without[0] != '\0')
        lc_log(LC_LOG_WARNING, lc__shell_own_path(shell), "ready, without: %s", without);
    lc_handle_close(&shell->ready);
}

static void shell_carry_out(struct lc__shell *shell)
{
    struct lc__engine_action action;
    while (lc__engine_next(&shell->engine, &action)) {
        observers_tell_stop(shell);
        shell->front->act(shell, &action);
    }
    observers_tell_stop(shell);
    if (shell->front->ready_when_good && shell->started && shell_is_good(&shell->engine))
        shell_become_ready(shell);
    if (shell->engine.finished && !shell->over)
        shell_finish(shell);
}

/*
 * Carries out what the last event has brought about. A callback of the program may call back into
 * the shell and bring about more. That waits until the present action is over: it could free what
 * the action is about, or come between the two halves of a restart.
 */
static void shell_act(struct lc__shell *shell)
{
    LC__ASSERT(lc__shell_serves(shell));
    if (shell->acting)
        return;
    shell->acting = true;
    do
        shell_carry_out(shell);
    while (!STAILQ_EMPTY(&shell->engine.queue));
    shell->acting = false;
}

/* ---- the timer ---- */

/* Called under the lock of the timers: keeps the shell for shell_timer_fired(). */
static bool shell_timer_due(struct lc__timer *timer)
{
    lc__shell_ref(LC__CONTAINER_OF(timer, struct lc__shell, timer));
    return true;
}

static void shell_timer_fired(struct lc__timer *timer)
{
    struct lc__shell *shell = LC__CONTAINER_OF(timer, struct lc__shell, timer);
    if (shell->front->look_ahead)
        shell->front->look_ahead(shell);
    if (!atomic_exchange(&shell->timer_posted, true))
        lc__shell_post(shell, &shell->timer_event);
    lc__shell_unref(shell);
}

static void shell_advance(struct lc__shell *shell, int64_t now)
{
    while (!shell->over && lc__engine_deadline(&shell->engine) <= now) {
        lc__engine_advance(&shell->engine, now);
        shell_act(shell);
    }
}

static void event_timer_apply(struct lc__shell *shell, struct lc__shell_event *event)
{
    (void)event;
    atomic_store(&shell->timer_posted, false); /* before the time is read: see the top */
    lc__timer_disarm(&shell->timer);           /* it may have been armed again since it fired */
    shell->armed_for = LC_FOREVER;
    shell_advance(shell, lc_now());
}

/*
 * Arms the timer so that it fires no later than the engine's next deadline. A timer that fires too
 * early does no harm, so a deadline that is set and cleared again costs nothing but the first time.
 * Arming cannot fail, since the shell holds the timer's thread; except in a forked child, which has
 * none, and in which nothing is to happen any more.
 */
static void shell_arm_timer(struct lc__shell *shell)
{
    int64_t deadline = lc__engine_deadline(&shell->engine);
    if (shell->over || deadline >= shell->armed_for)
        return;
    lc__timer_disarm(&shell->timer);
    int result = lc__timer_arm_apart(&shell->timer, deadline);
    LC__ASSERT(result == 0 || result == -ENOTSUP);
    shell->armed_for = result == 0 ? deadline : LC_FOREVER;
}

/* ---- the queue of events ---- */

static void event_apply(struct lc__shell *shell, struct lc__shell_event *event)
{
    lc__shell_look_above(shell);
    event->apply(shell, event);
    shell_act(shell);
}

/* The list has the last event first. @return the first. */
static struct lc__shell_event *events_reverse(struct lc__shell_event *last)
{
    struct lc__shell_event *first = NULL;
    while (last) {
        struct lc__shell_event *before = last->next;
        last->next = first;
        first = last;
        last = before;
    }
    return first;
}

bool lc__shell_has_events(struct lc__shell *shell)
{
    LC__ASSERT(lc__shell_serves(shell));
    return atomic_load_explicit(&shell->queue, memory_order_relaxed) != BUSY;
}

static void events_apply(struct lc__shell *shell)
{
    /* Acquire, with the release of event_leave(): the events are seen as they were posted. */
    struct lc__shell_event *last =
        atomic_exchange_explicit(&shell->queue, BUSY, memory_order_acquire);
    for (struct lc__shell_event *event = events_reverse(last); event;) {
        struct lc__shell_event *next = event->next;
        event_apply(shell, event);
        event = next;
    }
}

/* One service: from serve_begin() to serve_end(), on the stack of the serving task. */
struct lc__service {
    struct lc__task *task;
    struct lc__shell *shell;
    struct lc__service *before; /* the service inside which this one runs; NULL: none */
    struct lc__clock *clock;    /* of the task, when it does not serve */
    int cancelling;             /* the cancel state of the thread */
    bool was_over;
    bool holds; /* a reference of its own to the shell */
};

/*
 * Begins to serve, if no task does: with the shell's clock, and so that the task is neither
 * cancelled nor killed before serve_end(). @return false: a task serves.
 */
static bool serve_begin(struct lc__shell *shell, struct lc__service *service)
{
    struct lc__shell_event *queue = IDLE;
    /* Acquire, with the release of serve_end(): what earlier serving tasks did is seen. */
    if (!atomic_compare_exchange_strong_explicit(&shell->queue, &queue, BUSY, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    struct lc__task *task = lc__task_current();
    *service = (struct lc__service){.task = task,
                                    .shell = shell,
                                    .before = task->service,
                                    .clock = task->clock,
                                    .cancelling = PTHREAD_CANCEL_ENABLE,
                                    .was_over = shell->over,
                                    .holds = !shell->started || shell->over};
    if (!task->fiber)
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &service->cancelling);
    lc__task_shield();
    task->service = service;
    if (shell->clock)
        task->clock = shell->clock;
    if (service->holds)
        lc__shell_ref(shell);
    atomic_store_explicit(&shell->server, task, memory_order_relaxed);
    return true;
}

/* Applies the events that have been left, until there are no more, and then ends the service. */
static void serve_end(struct lc__shell *shell, const struct lc__service *service)
{
    struct lc__shell_event *queue;
    bool is_over;
    LC__ASSERT(service->task == lc__task_current() && service->task->service == service);
    do {
        atomic_store_explicit(&shell->server, service->task, memory_order_relaxed);
        while (lc__shell_has_events(shell))
            events_apply(shell);
        shell_arm_timer(shell);
        is_over = shell->over;
        atomic_store_explicit(&shell->server, NULL, memory_order_relaxed);
        queue = BUSY;
        /* Release: the next serving task sees what this one did. */
    } while (!atomic_compare_exchange_strong_explicit(&shell->queue, &queue, IDLE,
                                                      memory_order_release, memory_order_relaxed));
    service->task->clock = service->clock;
    service->task->service = service->before;
    lc__task_unshield();
    if (service->holds)
        lc__shell_unref(shell);
    if (is_over && !service->was_over)
        lc__shell_unref(shell); /* the shell's own: it was started, and is over now */
    if (!service->task->fiber)
        pthread_setcancelstate(service->cancelling, NULL);
}

/*
 * Leaves the event to the serving task. @return false if no task serves. After true the event
 * belongs to the serving task, which may have applied it and freed the shell.
 */
static bool event_leave(struct lc__shell *shell, struct lc__shell_event *event)
{
    struct lc__shell_event *queue = atomic_load_explicit(&shell->queue, memory_order_relaxed);
    do {
        if (queue == IDLE)
            return false;
        event->next = queue == BUSY ? NULL : queue;
        /* Release: the serving task sees the event, and what was done before it was posted. */
    } while (!atomic_compare_exchange_weak_explicit(&shell->queue, &queue, event,
                                                    memory_order_release, memory_order_relaxed));
    return true;
}

void lc__shell_post(struct lc__shell *shell, struct lc__shell_event *event)
{
    struct lc__service service;
    while (!serve_begin(shell, &service))
        if (event_leave(shell, event))
            return;
    event_apply(shell, event);
    serve_end(shell, &service);
}

/* ---- calls ---- */

/* A call that waits for the serving task. */
struct shell_call {
    struct lc__shell_event event; /* first */
    void (*function)(struct lc__shell *shell, void *arg);
    void *arg;
    struct lc__parker parker;
};

static void event_call_apply(struct lc__shell *shell, struct lc__shell_event *event)
{
    struct shell_call *call = (struct shell_call *)event;
    call->function(shell, call->arg);
    lc__unpark(&call->parker); /* the last access: the caller's stack goes on */
}

bool lc__shell_serves(struct lc__shell *shell)
{
    /* Relaxed: only the calling task stores itself, so it finds itself exactly if it serves. */
    return atomic_load_explicit(&shell->server, memory_order_relaxed) == lc__task_current();
}

bool lc__shell_serves_part_of(const struct lc__owner *owner)
{
    const struct lc__service *service = lc__task_current()->service;
    while (service && !lc__owner_owns(owner, service->shell->above))
        service = service->before;
    return service != NULL;
}

bool lc__shell_serves_inside(const struct lc__shell *whole)
{
    const struct lc__service *service = lc__task_current()->service;
    while (service && !lc__owner_is_in(whole, service->shell->above))
        service = service->before;
    return service != NULL;
}

static void serve_call(struct lc__shell *shell, const struct lc__service *service,
                       void (*function)(struct lc__shell *shell, void *arg), void *arg)
{
    lc__shell_look_above(shell);
    function(shell, arg);
    shell_act(shell);
    serve_end(shell, service);
}

void lc__shell_call(struct lc__shell *shell, void (*function)(struct lc__shell *shell, void *arg),
                    void *arg)
{
    if (lc__shell_serves(shell)) {
        function(shell, arg);
        shell_act(shell);
        return;
    }
    struct lc__service service;
    struct shell_call call = {.event.apply = event_call_apply, .function = function, .arg = arg};
    lc__parker_init(&call.parker);
    while (!serve_begin(shell, &service))
        if (event_leave(shell, &call.event)) {
            lc__park_until(&call.parker, 1);
            return;
        }
    serve_call(shell, &service, function, arg);
}

bool lc__shell_ask(struct lc__shell *shell, void (*function)(struct lc__shell *shell, void *arg),
                   void *arg)
{
    struct lc__service service;
    if (lc__shell_serves(shell) || !lc__task_current()->service) {
        lc__shell_call(shell, function, arg);
        return true;
    }
    if (!serve_begin(shell, &service))
        return false;
    serve_call(shell, &service, function, arg);
    return true;
}

/* ---- the context above ---- */

static void event_above_apply(struct lc__shell *shell, struct lc__shell_event *event)
{
    (void)event; /* event_apply() has looked above */
    lc__shell_unref(shell);
}

static void shell_above_ended(struct lc__waiter *waiter)
{
    struct lc__shell *shell = LC__CONTAINER_OF(waiter, struct lc__shell, above_ended);
    lc__shell_post(shell, &shell->above_ended_event);
}

/* Called before each event: the event may be a consequence of the end of the context above, and the
 * engine must learn the end first. */
void lc__shell_look_above(struct lc__shell *shell)
{
    LC__ASSERT(lc__shell_serves(shell));
    const lc_error *error = shell->started ? lc_context_error(shell->above) : NULL;
    if (error && !shell->engine.ending)
        lc__engine_cancel(&shell->engine, lc_error_ref(error), lc_now());
}

void lc__shell_report(struct lc__shell *shell)
{
    const lc_error *result = shell->engine.result;
    LC__ASSERT(lc__shell_serves(shell) && shell->over);
    /* The context above knows why everything was to stop, but not what went wrong in the stop. */
    if (lc__context_is_clean_end(shell->above, result))
        result = shell->engine.trouble;
    if (!result)
        return;
    lc_signaler *signaler = lc__context_signaler(shell->above);
    if (!signaler) {
        lc_log(LC_LOG_ERROR, lc__shell_own_path(shell), "ended by an error: %s",
               lc_error_message(result));
        return;
    }
    if (shell->engine.behavior >= LC_SHUTDOWN)
        lc__signaler_ask(signaler, (unsigned char)shell->engine.behavior);
    lc_signal_error(shell->above, lc_error_ref(result));
}

/* ---- names ---- */

const char *lc__shell_own_path(const struct lc__shell *shell)
{
    return shell->path ? shell->path : shell->name;
}

const char *lc__shell_path(const struct lc__shell *shell, const char *name,
                           char path[LC__PATH_SIZE])
{
    return lc__path_join(lc__shell_own_path(shell), name, path);
}

/* Without memory for the path, messages name the shell as if it lay in no other. */
static void shell_set_path(struct lc__shell *shell, const lc_context *above, bool is_part)
{
    const struct lc__owner *owner = lc__owner_next(&above);
    if (!owner)
        return;
    size_t size = strlen(owner->path) + 1 + sizeof shell->name;
    shell->path = lc__allocate(size);
    if (shell->path)
        snprintf(shell->path, size, "%s%s%s", owner->path, is_part ? "" : "/",
                 is_part ? "" : shell->name);
}

/* ---- beginning and ending ---- */

lc_error *lc__shell_error_started(const struct lc__shell *shell)
{
    return lc_error_new(-EALREADY, "\"%s\" has been run before", shell->name);
}

static void shell_watch_above(struct lc__shell *shell)
{
    if (!shell->above)
        return;
    lc__shell_ref(shell); /* the waiter's, until its event is applied or it is removed */
    if (!lc__handle_add(lc_context_done(shell->above), &shell->above_ended))
        lc__shell_unref(shell);
}

lc_error *lc__shell_start(struct lc__shell *shell, lc_context *above, lc_context *context,
                          bool is_part)
{
    LC__ASSERT(lc__shell_serves(shell) && !shell->started);
    if (!context)
        return lc_error_new(-ENOMEM, "no memory to run \"%s\"", shell->name);
    int result = lc__timers_hold(&shell->holds_timers);
    if (result < 0) {
        lc_context_unref(context);
        return lc_error_new_errno(-result, "no thread for the timers of \"%s\"", shell->name);
    }
    lc__shell_ref(shell); /* the shell's own */
    shell_set_path(shell, above, is_part);
    shell->started = true;
    shell->executor = lc_is_fiber() ? lc_executor_current() : NULL;
    shell->clock = lc__task_current()->clock;
    shell->above = lc_context_ref(above);
    shell->context = context;
    shell_watch_above(shell);
    return NULL;
}

void lc__shell_init(struct lc__shell *shell, const struct lc__shell_front *front, const char *name)
{
    atomic_init(&shell->refs, 1);
    atomic_init(&shell->queue, IDLE);
    shell->front = front;
    lc__name_copy(shell->name, name);
    lc__engine_init(&shell->engine, lc_random());
    shell->engine.changed_state = shell_state_changed;
    LIST_INIT(&shell->observers);
    shell->armed_for = LC_FOREVER;
    shell->above_ended.closed = shell_above_ended;
    shell->above_ended_event.apply = event_above_apply;
    shell->timer.due = shell_timer_due;
    shell->timer.fire = shell_timer_fired;
    shell->timer_event.apply = event_timer_apply;
    lc__handle_init(&shell->ready, &shell_ready_owner);
    lc__handle_init(&shell->done, &shell_done_owner);
}

void lc__shell_end(struct lc__shell *shell)
{
    LC__ASSERT(atomic_load(&shell->refs) == 0 && atomic_load(&shell->queue) == IDLE);
    lc_context_unref(shell->above);
    lc_context_unref(shell->context);
    lc__handle_destroy(&shell->ready);
    lc__handle_destroy(&shell->done);
    lc_error_unref(shell->stop);
    lc__ended_free(shell->ended);
    lc__engine_end(&shell->engine);
    lc__free(shell->path);
}

/* ---- as a component ---- */

lc_handle *lc__shell_component_ready(lc_component *component)
{
    return &((struct lc__shell *)component)->ready;
}

lc_handle *lc__shell_component_done(lc_component *component)
{
    return &((struct lc__shell *)component)->done;
}

void lc__shell_component_destroy(lc_component *component)
{
    lc__shell_unref((struct lc__shell *)component);
}

const char *lc__shell_component_name(lc_component *component)
{
    return ((struct lc__shell *)component)->name;
}
