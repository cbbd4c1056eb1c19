/*
 * isolate.c: spawning isolates, and running them. See isolate.h and <lifecycle/isolate.h>.
 *
 * An isolate that has something to do is posted to its executor as a job. A run handles some
 * events, one after the other, and then lets others run. Before each event it asks what comes next:
 * without a lock while it has messages in its hand and no call has asked for its attention.
 *
 * Each run is a worker's (context/worker.h), so that a throw in a handler ends that run and no
 * more: what is left of the event is cleared away, and the isolate is posted again.
 */
#include "isolate/isolate.h"

#include "base/backtrace.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/library.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/random.h"
#include "context/context.h"
#include "context/signaler.h"
#include "context/worker.h"

#include <lifecycle/log.h>
#include <lifecycle/manager.h>

#include <bsd/string.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    TURN = 64,  /* events that are handled before others run */
    GLANCE = 8, /* events that are handled between two looks at the clock */
    /*
     * Below this limit they are taken one by one, so that those in hand do not make it much higher.
     */
    EXACT_LIMIT = 1024,
};

static void copy_name(struct lc__job *job, char *name)
{
    struct lc__isolate *isolate = (struct lc__isolate *)job;
    lc__spinlock_lock(&isolate->lock);
    strlcpy(name, lc__isolate_name(isolate), LC_NAME_MAX + 1);
    lc__isolate_unlock(isolate);
}

static void name_one(const lc_executor *executor, char *name)
{
    uint32_t made = lc__pool_made(&lc__isolates);
    for (uint32_t place = 0; place < made; place++) {
        struct lc__isolate *isolate = lc__pool_at(&lc__isolates, place);
        lc__spinlock_lock(&isolate->lock);
        bool found = isolate->alive && isolate->job.executor == executor;
        if (found)
            strlcpy(name, lc__isolate_name(isolate), LC_NAME_MAX + 1);
        lc__isolate_unlock(isolate);
        if (found)
            return;
    }
}

/* ---- events ---- */

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

static const struct lc__job_kind kind = {run_isolate, copy_name};

/* ---- errors ---- */

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
        listeners = isolate->extras->on_error;
        if (listeners)
            atomic_fetch_add_explicit(&listeners->refs, 1, memory_order_relaxed);
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

/* ---- the context ---- */

/* What an isolate's signaler relays to. */
struct address {
    struct lc__isolate *isolate;
    lc_send_port control;
};

/* Thrown by another worker, on a context below the isolate's: it is the isolate's in its turn. */
static void pass_error(lc_send_port control, lc_error *error)
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
    isolate->bars |= LC__CONTROL_WAITS;
    lc__isolate_unlock_changed(isolate);
}

static void relay_error(void *arg, lc_error *error)
{
    const struct address *address = arg;
    struct lc__isolate *running = lc__isolate_running();
    if (running == address->isolate && running->serial == address->control.serial)
        lc__isolate_failed(running, error, true);
    else
        pass_error(address->control, error);
}

static lc_context *make_context(struct lc__isolate *isolate, lc_context *parent)
{
    struct address *address = lc__allocate(sizeof *address);
    if (!address)
        return NULL;
    *address = (struct address){isolate, lc__isolate_control_port(isolate)};
    const struct lc__relay relay = {relay_error, lc__free, address, true};
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
    lc_context *context = make_context(isolate, extras->companion.parent);
    lc__spinlock_lock(&isolate->lock);
    extras->context = context;
    bool late = isolate->bars & LC__KILLED_NOW;
    lc__isolate_unlock(isolate);
    if (late)
        lc_context_cancel(context, NULL);
    return context;
}

/* ---- spawning ---- */

LC__OPTIONS_END(lc_isolate_options, mailbox_limit);

static lc_error *isolate_options_check(const lc_isolate_options *options)
{
    size_t length = options->name ? strnlen(options->name, LC_NAME_MAX + 1) : 1;
    if (length < 1 || length > LC_NAME_MAX)
        return lc_error_new(-EINVAL, "an isolate's name has 1 to %d bytes", LC_NAME_MAX);
    const char *name = options->name ? options->name : "isolate";
    if (!options->entry)
        return lc_error_new(-EINVAL, "isolate \"%s\" has no entry to run", name);
    if (options->mailbox_limit >= UINT32_MAX && options->mailbox_limit != LC_MAILBOX_UNLIMITED)
        return lc_error_new(-EINVAL,
                            "isolate \"%s\" has a mailbox_limit of %zu: up to %" PRIu32
                            ", 0 for the default, or LC_MAILBOX_UNLIMITED",
                            name, options->mailbox_limit, UINT32_MAX - 1);
    if ((unsigned)options->when_full > LC_FULL_PARK_SENDER)
        return lc_error_new(-EINVAL, "isolate \"%s\" has a when_full of %d, not one of LC_FULL_...",
                            name, (int)options->when_full);
    if (lc__payload_check(&options->exit_response) < 0)
        return lc_error_new(-EINVAL, "isolate \"%s\" has an exit_response of bytes that are NULL",
                            name);
    if (options->group && options->executor &&
        options->executor != lc__isolate_group_executor(options->group))
        return lc_error_new(-EINVAL, "isolate \"%s\" has a group of another executor than its own",
                            name);
    return NULL;
}

lc_error *lc__isolate_options_read(lc_isolate_options *options, const lc_isolate_options *given)
{
    lc_error *mistake = lc__options_read(options, sizeof *options, given, "lc_isolate_options");
    if (options->mailbox_limit == 0)
        options->mailbox_limit = LC_MAILBOX_DEFAULT;
    return mistake ? mistake : isolate_options_check(options);
}

static bool wants_extras(const lc_isolate_options *options, const struct lc__companion *companion,
                         const lc_isolate *isolate)
{
    return options->name || options->release || options->paused || companion || isolate ||
           lc_send_port_is_set(options->on_error) || lc_send_port_is_set(options->on_exit);
}

static void free_extras(struct lc__extras *extras)
{
    struct lc__pause *pause = extras ? STAILQ_FIRST(&extras->pauses) : NULL;
    struct lc__exit_listener *listener = extras ? STAILQ_FIRST(&extras->at_exit) : NULL;
    if (!extras)
        return;
    if (listener)
        lc__message_disown(listener->response);
    lc__free(listener);
    lc__free(pause);
    lc__free(extras->on_error);
    lc__free(extras->name);
    lc__free(extras);
}

static bool add_first_listeners(struct lc__extras *extras, const lc_isolate_options *options)
{
    if (lc_send_port_is_set(options->on_error)) {
        extras->on_error = lc__allocate(sizeof *extras->on_error + sizeof(lc_send_port));
        if (!extras->on_error)
            return false;
        atomic_init(&extras->on_error->refs, 1);
        extras->on_error->count = 1;
        extras->on_error->ports[0] = options->on_error;
    }
    if (lc_send_port_is_set(options->on_exit)) {
        struct lc__exit_listener *listener = lc__allocate(sizeof *listener);
        if (!listener)
            return false;
        STAILQ_INSERT_TAIL(&extras->at_exit, listener, link);
        extras->listener_count = 1;
        listener->response = lc__message_new(options->on_exit, &options->exit_response);
        return listener->response != NULL;
    }
    return true;
}

/* What an isolate has from the start. NULL: no memory. */
static struct lc__extras *first_extras(const lc_isolate_options *options,
                                       const struct lc__companion *companion,
                                       const lc_isolate *isolate)
{
    struct lc__extras *extras = lc__extras_new();
    if (!extras)
        return NULL;
    extras->release = options->release;
    if (companion)
        extras->companion = *companion;
    if (isolate || options->paused) {
        extras->pause = lc_capability_new();
        extras->terminate = lc_capability_new();
    }
    bool done = true;
    if (options->paused) {
        struct lc__pause *pause = lc__allocate(sizeof *pause);
        done = pause != NULL;
        if (pause) {
            pause->resume = extras->pause;
            STAILQ_INSERT_TAIL(&extras->pauses, pause, link);
            extras->pause_count = 1;
        }
    }
    if (done && options->name) {
        extras->name = lc__duplicate(options->name);
        done = extras->name != NULL;
    }
    if (done && add_first_listeners(extras, options))
        return extras;
    free_extras(extras);
    return NULL;
}

/*
 * The same, if it has anything from the start. Without its capabilities it could be neither resumed
 * nor killed. @return 0; -ENOMEM; -ENODATA: there are no random bytes to make them of.
 */
static int get_extras(const lc_isolate_options *options, const struct lc__companion *companion,
                      const lc_isolate *isolate, struct lc__extras **extras)
{
    if (!wants_extras(options, companion, isolate))
        return 0;
    *extras = first_extras(options, companion, isolate);
    if (!*extras)
        return -ENOMEM;
    bool needs = isolate || options->paused;
    if (!needs || !lc_capability_equal((*extras)->terminate, LC_NO_CAPABILITY))
        return 0;
    free_extras(*extras);
    *extras = NULL;
    return -ENODATA;
}

/* A record of the pool becomes the isolate that the options ask for; locked. */
static struct lc__isolate *make(const lc_isolate_options *options, struct lc__extras *extras,
                                lc_executor *executor, lc_isolate_group *group)
{
    lc__isolates_register();
    static const struct lc__job_overseer overseer = {name_one, lc__isolates_drop};
    lc__jobs_overseen_by(&overseer);
    struct lc__isolate *isolate = lc__pool_take(&lc__isolates, lc__loop_index());
    if (!isolate)
        return NULL;
    bool exact = options->mailbox_limit < EXACT_LIMIT || options->when_full == LC_FULL_DROP_OLDEST;
    /* Under the lock: an address of what it was before may be looked up just now. */
    lc__spinlock_lock(&isolate->lock);
    lc__job_init(&isolate->job, &kind, executor, lc__isolate_group_threads(group));
    atomic_store_explicit(&isolate->attention, false, memory_order_relaxed);
    isolate->alive = true;
    isolate->bars = (uint8_t)(LC__NOT_ENTERED | (options->paused ? LC__PAUSED : 0) |
                              (options->hold_at_start ? LC__HELD_AT_START : 0));
    /*
     * Either a shutdown of the group has yet to look for its isolates, and finds this one; or it
     * has looked, and is seen here.
     */
    if (lc__isolate_group_is_down(group))
        isolate->bars |= LC__KILLED;
    isolate->ready = false;
    isolate->survives_errors = options->errors_not_fatal;
    isolate->hold_at_exit = options->hold_at_exit;
    isolate->when_full = (unsigned)options->when_full & 3u;
    isolate->one_by_one = exact;
    isolate->counted_off = 0;
    isolate->queued = isolate->waiting = isolate->last_number = isolate->keeping = 0;
    isolate->limit = options->mailbox_limit == LC_MAILBOX_UNLIMITED
                         ? UINT32_MAX
                         : (uint32_t)options->mailbox_limit;
    if (isolate->serial == 0)
        isolate->serial = lc__pool_first_serial(&lc__isolates);
    isolate->mailbox.first = NULL;
    isolate->taken = NULL;
    isolate->running = NULL;
    isolate->port.number = 0;
    isolate->entry = options->entry;
    isolate->arg = options->arg;
    isolate->group = group;
    isolate->extras = extras;
    isolate->posted = lc__isolate_next(isolate) != LC__EVENT_NONE;
    return isolate;
}

/* Takes back what was made and has never run. */
static void unmake(struct lc__isolate *isolate)
{
    lc__spinlock_lock(&isolate->lock);
    isolate->alive = false;
    isolate->serial++;
    isolate->extras = NULL;
    lc__isolate_unlock(isolate);
    lc__pool_give(&lc__isolates, lc__loop_index(), isolate);
}

/* Bound, and in its group, the isolate is made and started. */
static int start(const lc_isolate_options *options, struct lc__extras *extras,
                 lc_executor *executor, lc_isolate_group *group, lc_isolate *reference)
{
    struct lc__isolate *isolate = make(options, extras, executor, group);
    if (!isolate)
        return lc__pool_made(&lc__isolates) < LC_ISOLATES_MAX ? -ENOMEM : -EMFILE;
    /* One that does not run yet may be killed, with its group, and be gone, once it is unlocked. */
    if (reference)
        *reference =
            (lc_isolate){lc__isolate_control_port(isolate), extras->pause, extras->terminate};
    bool runs = isolate->posted;
    lc__isolate_unlock(isolate);
    int result = runs ? lc__job_start(&isolate->job, options->spread) : 0;
    if (result < 0)
        unmake(isolate);
    return result;
}

static lc_error *explain(int failed, const lc_isolate_options *options)
{
    const char *name = options->name ? options->name : "isolate";
    switch (failed) {
    case 0:
        return NULL;
    case -ESHUTDOWN:
        return lc_error_new(failed, "isolate \"%s\": its executor, or its group, is shut down",
                            name);
    case -ENOTSUP:
        return lc_error_new(failed,
                            "isolate \"%s\": not in a child forked when there were workers, nor "
                            "between a simulation and the real world",
                            name);
    case -ENODATA:
        return lc_error_new(
            failed, "isolate \"%s\": the kernel gives no random bytes for its capabilities", name);
    case -EMFILE:
        return lc_error_new(failed, "isolate \"%s\": there are %d already, as many as can be", name,
                            LC_ISOLATES_MAX);
    default:
        return lc_error_new_errno(-failed, "isolate \"%s\" could not be spawned", name);
    }
}

static int spawn(const lc_isolate_options *options, const struct lc__companion *companion,
                 lc_isolate *reference)
{
    lc_isolate_group *group = options->group;
    if (!group && !options->executor)
        group = lc_isolate_group_current();
    lc_executor *executor = options->executor;
    if (!executor)
        executor = group ? lc__isolate_group_executor(group) : lc_executor_current();
    if (lc__forked())
        return -ENOTSUP;
    if (!executor)
        return -ENOMEM;
    if (!lc__executor_is_of_this_world(executor) || lc__port_check_world(options->on_error) < 0 ||
        lc__port_check_world(options->on_exit) < 0)
        return -ENOTSUP;
    struct lc__extras *extras = NULL;
    int result = get_extras(options, companion, reference, &extras);
    if (result < 0)
        return result;
    result = lc__executor_bind(executor);
    if (result == 0) {
        result = lc__isolate_group_enter(group);
        if (result == 0)
            result = start(options, extras, executor, group, reference);
        else
            group = NULL;
        if (result < 0) {
            lc__isolate_group_leave(group);
            lc__job_finishing(executor);
            lc__executor_unbind(executor);
        }
    }
    if (result < 0)
        free_extras(extras);
    return result;
}

lc_error *lc__isolate_spawn(const lc_isolate_options *options,
                            const struct lc__companion *companion, lc_isolate *isolate)
{
    return explain(spawn(options, companion, isolate), options);
}

lc_error *lc_isolate_spawn(const lc_isolate_options *given, lc_isolate *isolate)
{
    lc__task_check();
    lc_isolate_options options;
    lc_error *mistake = lc__isolate_options_read(&options, given);
    return mistake ? mistake : lc__isolate_spawn(&options, NULL, isolate);
}

/* ---- of the calling isolate ---- */

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

void lc_isolate_check(void)
{
    lc__task_check();
}

lc_isolate_group *lc_isolate_group_current(void)
{
    const struct lc__isolate *isolate = lc__isolate_running();
    return isolate ? isolate->group : NULL;
}
