/*
 * shell.c: see shell.h.
 */
#include "supervise/shell.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/refs.h"
#include "base/task.h"
#include "context/context.h"
#include "context/owner.h"
#include "context/signaler.h"
#include "executor/park.h"

#include <lifecycle/log.h>
#include <lifecycle/random.h>

#include <assert.h>
#include <bsd/string.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* ---- references ---- */

static struct lc__shell *of_ready(lc_handle *handle)
{
    return (struct lc__shell *)((char *)handle - offsetof(struct lc__shell, ready));
}

static struct lc__shell *of_done(lc_handle *handle)
{
    return (struct lc__shell *)((char *)handle - offsetof(struct lc__shell, done));
}

static void ref_ready(lc_handle *handle)
{
    lc__shell_ref(of_ready(handle));
}

static void unref_ready(lc_handle *handle)
{
    lc__shell_unref(of_ready(handle));
}

static void ref_done(lc_handle *handle)
{
    lc__shell_ref(of_done(handle));
}

static void unref_done(lc_handle *handle)
{
    lc__shell_unref(of_done(handle));
}

static const struct lc__handle_owner ready_owner = {ref_ready, unref_ready};
static const struct lc__handle_owner done_owner = {ref_done, unref_done};

struct lc__shell *lc__shell_ref(struct lc__shell *shell)
{
    atomic_fetch_add_explicit(&shell->refs, 1, memory_order_relaxed);
    return shell;
}

void lc__shell_unref(struct lc__shell *shell)
{
    /* Not lc__refs_drop: the timer gets references while somebody else gives the last one back. */
    if (atomic_fetch_sub_explicit(&shell->refs, 1, memory_order_acq_rel) == 1)
        shell->front->destroy(shell);
}

/* ---- the queue ---- */

/*
 *     mail:  IDLE     nobody serves
 *            BUSY     somebody serves, and nothing has come since he last looked
 *            a post   somebody serves, and these wait, the last posted first
 */
#define IDLE ((struct lc__post *)0)
static struct lc__post busy_post;
#define BUSY (&busy_post)

static void publish(struct lc__shell *shell, const lc_event *event)
{
    lc_observer *observer;
    LIST_FOREACH (observer, &shell->observers, link)
        lc__observer_tell(observer, event);
}

static void tell_all(struct lc__shell *shell, lc_event_kind kind, const lc_error *error)
{
    const lc_event event = {.kind = kind, .time = shell->engine.now, .name = "", .error = error};
    publish(shell, &event);
}

/* What is about the whole. Halting comes after stopping if the reason to halt does. */
static void tell_of_the_end(struct lc__shell *shell)
{
    const struct lc__engine *engine = &shell->engine;
    if (engine->halting && !shell->told_halting) {
        shell->told_halting = shell->told_stopping = true;
        tell_all(shell, LC_EVENT_HALTING, engine->why);
    } else if (engine->ending && !shell->told_stopping) {
        shell->told_stopping = true;
        tell_all(shell, LC_EVENT_STOPPING, engine->why);
    }
}

static void state_changed(struct lc__engine *engine, struct lc__engine_node *node)
{
    struct lc__shell *shell =
        (struct lc__shell *)((char *)engine - offsetof(struct lc__shell, engine));
    if (LIST_EMPTY(&shell->observers) || !shell->front->shows(node->state))
        return;
    bool failed = node->error_of == node->instance && node->state != LC_NODE_CANCELED;
    tell_of_the_end(shell); /* before what comes of it */
    const lc_event event = {.kind = LC_EVENT_STATE,
                            .time = engine->now,
                            .name = shell->front->name_of(node),
                            .state = node->state,
                            .instance = node->instance,
                            .error = failed ? node->error : NULL};
    publish(shell, &event);
}

/* Nothing comes to observers any more, so they need not wait. */
static void close_observers(struct lc__shell *shell)
{
    lc_observer *observer;
    LIST_FOREACH (observer, &shell->observers, link)
        lc_channel_close(observer->channel);
}

/* One error for all; made anew if the reason is another by now: a halt's, after a shutdown's. */
void lc__shell_cancel(struct lc__shell *shell, lc_context *context)
{
    lc_error *why = shell->engine.why;
    if (!shell->stop || lc_error_cause(shell->stop) != why) {
        lc_error_unref(shell->stop);
        shell->stop = lc__context_cancellation(lc_error_ref(why));
    }
    lc__context_cancel_by(context, lc_error_ref(shell->stop));
}

static void unwatch_above(struct lc__shell *shell)
{
    /* If it is not there to be removed, it has ended: its post has come, or will. */
    if (shell->above && lc__handle_remove(lc_context_done(shell->above), &shell->above_ended))
        lc__shell_unref(shell);
}

void lc__shell_report(struct lc__shell *shell)
{
    const lc_error *result = shell->engine.result;
    /* Above it is known why everything was to stop, but not what went wrong meanwhile. */
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
    /* If that goes to a node which has no handler, it is what will be done about it. */
    if (shell->engine.behavior >= LC_SHUTDOWN)
        lc__signaler_ask(signaler, (unsigned char)shell->engine.behavior);
    lc_signal_error(shell->above, lc_error_ref(result));
}

static void finish(struct lc__shell *shell)
{
    shell->over = true;
    tell_all(shell, LC_EVENT_ENDED, shell->engine.result);
    close_observers(shell);
    unwatch_above(shell);
    /* For those that are overdue, and whatever else lies below it. */
    lc__shell_cancel(shell, shell->context);
    lc__timer_disarm(&shell->timer);
    /* Before done closes: the library may be shut down as soon as that is known. */
    lc__timers_release(&shell->holds_timers);
    shell->front->finished(shell);
    /* The server gives back the shell's own reference: end_service. */
}

/* What has been given up does not count; but with nothing else, or at the end, nothing is ready. */
static bool is_ready(const struct lc__engine *engine)
{
    bool works = engine->given_up < engine->count || !engine->first_error;
    return engine->not_good == 0 && works && !engine->ending;
}

static void become_ready(struct lc__shell *shell)
{
    char without[LC__GIVEN_UP_SIZE];
    if (lc_handle_is_closed(&shell->ready))
        return;
    lc__engine_list_given_up(&shell->engine, without, sizeof without);
    if (without[0] != '\0')
        lc_log(LC_LOG_WARNING, lc__shell_own_path(shell), "ready, without: %s", without);
    lc_handle_close(&shell->ready);
}

static void carry_out(struct lc__shell *shell)
{
    struct lc__engine_action action;
    while (lc__engine_next(&shell->engine, &action)) {
        tell_of_the_end(shell);
        shell->front->act(shell, &action);
    }
    tell_of_the_end(shell);
    if (shell->front->ready_when_good && shell->started && is_ready(&shell->engine))
        become_ready(shell);
    if (shell->engine.finished && !shell->over)
        finish(shell);
}

/*
 * Carries out what the last event has brought about. The program's code that this calls, where
 * contexts end and lines are logged, may call back, and so bring about more: that has its turn when
 * the present action is over. It could else free what the action is about, or come between the
 * halves of a restart.
 */
static void act(struct lc__shell *shell)
{
    if (shell->acting)
        return;
    shell->acting = true;
    do
        carry_out(shell);
    while (!STAILQ_EMPTY(&shell->engine.queue));
    shell->acting = false;
}

static void deal_with(struct lc__shell *shell, struct lc__post *post)
{
    lc__shell_look_above(shell);
    post->deal(shell, post);
    act(shell);
}

/* Turns them round: the first posted comes first. */
static struct lc__post *oldest_first(struct lc__post *last)
{
    struct lc__post *first = NULL;
    while (last) {
        struct lc__post *before = last->next;
        last->next = first;
        first = last;
        last = before;
    }
    return first;
}

static void arm_timer(struct lc__shell *shell);

bool lc__shell_has_mail(struct lc__shell *shell)
{
    return atomic_load_explicit(&shell->mail, memory_order_relaxed) != BUSY;
}

static void deal_with_mail(struct lc__shell *shell)
{
    /* Acquire, with the release of who posted: what he has done is seen. */
    struct lc__post *mail = atomic_exchange_explicit(&shell->mail, BUSY, memory_order_acquire);
    for (struct lc__post *post = oldest_first(mail); post;) {
        struct lc__post *next = post->next;
        deal_with(shell, post);
        post = next;
    }
}

/*
 * What there is to remember about a service, from its beginning to its end. It needs a reference to
 * the shell, which from its start until it is over has one to itself: that will do.
 */
struct lc__service {
    struct lc__task *task;
    struct lc__shell *shell;
    struct lc__service *before; /* in which the task serves another shell; NULL: none */
    struct lc__clock *clock;
    int cancelling;
    bool was_over;
    bool holds; /* a reference of its own */
};

/*
 * Begins to serve, if nobody does: as the task that calls, on the shell's clock, and not to be
 * cancelled, or killed, half-way. Acquire: what earlier servers did is seen.
 */
static bool begin_service(struct lc__shell *shell, struct lc__service *service)
{
    struct lc__post *mail = IDLE;
    if (!atomic_compare_exchange_strong_explicit(&shell->mail, &mail, BUSY, memory_order_acquire,
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

/* Deals with what has been posted meanwhile, until there is nothing more. */
static void end_service(struct lc__shell *shell, const struct lc__service *service)
{
    struct lc__post *mail;
    bool is_over;
    do {
        atomic_store_explicit(&shell->server, service->task, memory_order_relaxed);
        while (lc__shell_has_mail(shell))
            deal_with_mail(shell);
        arm_timer(shell);
        is_over = shell->over;
        atomic_store_explicit(&shell->server, NULL, memory_order_relaxed);
        mail = BUSY;
        /* Release: the next server sees what this one did. */
    } while (!atomic_compare_exchange_strong_explicit(&shell->mail, &mail, IDLE,
                                                      memory_order_release, memory_order_relaxed));
    service->task->clock = service->clock;
    service->task->service = service->before;
    lc__task_unshield();
    if (service->holds)
        lc__shell_unref(shell);
    if (is_over && !service->was_over)
        lc__shell_unref(shell); /* its own */
    if (!service->task->fiber)
        pthread_setcancelstate(service->cancelling, NULL);
}

/* Leaves the post to who serves. @return false if nobody does. */
static bool leave_post(struct lc__shell *shell, struct lc__post *post)
{
    struct lc__post *mail = atomic_load_explicit(&shell->mail, memory_order_relaxed);
    do {
        if (mail == IDLE)
            return false;
        post->next = mail == BUSY ? NULL : mail;
    } while (!atomic_compare_exchange_weak_explicit(&shell->mail, &mail, post, memory_order_release,
                                                    memory_order_relaxed));
    return true; /* neither it nor, if it has been dealt with, the shell is ours any more */
}

void lc__shell_post(struct lc__shell *shell, struct lc__post *post)
{
    struct lc__service service;
    while (!begin_service(shell, &service))
        if (leave_post(shell, post))
            return;
    deal_with(shell, post);
    end_service(shell, &service);
}

struct call {
    struct lc__post post; /* first */
    void (*function)(struct lc__shell *shell, void *arg);
    void *arg;
    struct lc__parker parker;
};

static void deal_with_call(struct lc__shell *shell, struct lc__post *post)
{
    struct call *call = (struct call *)post;
    call->function(shell, call->arg);
    lc__unpark(&call->parker);
}

bool lc__shell_serves(struct lc__shell *shell)
{
    /* Only this task can have put itself there, so if it is another's it stays another's. */
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

/* As the server. */
static void serve_call(struct lc__shell *shell, const struct lc__service *service,
                       void (*function)(struct lc__shell *shell, void *arg), void *arg)
{
    lc__shell_look_above(shell);
    function(shell, arg);
    act(shell);
    end_service(shell, service);
}

void lc__shell_call(struct lc__shell *shell, void (*function)(struct lc__shell *shell, void *arg),
                    void *arg)
{
    if (lc__shell_serves(shell)) {
        function(shell, arg);
        act(shell);
        return;
    }
    struct lc__service service;
    struct call call = {.post.deal = deal_with_call, .function = function, .arg = arg};
    lc__parker_init(&call.parker);
    while (!begin_service(shell, &service))
        if (leave_post(shell, &call.post)) {
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
    if (!begin_service(shell, &service))
        return false;
    serve_call(shell, &service, function, arg);
    return true;
}

/* ---- time ---- */

/* Under the timers' lock: keeps the shell for the call that follows. */
static bool timer_due(struct lc__timer *timer)
{
    lc__shell_ref((struct lc__shell *)((char *)timer - offsetof(struct lc__shell, timer)));
    return true;
}

static void timer_fired(struct lc__timer *timer)
{
    struct lc__shell *shell =
        (struct lc__shell *)((char *)timer - offsetof(struct lc__shell, timer));
    if (shell->front->look_ahead)
        shell->front->look_ahead(shell);
    /* A post that is still in the queue will do for this one too. */
    if (!atomic_exchange(&shell->timer_posted, true))
        lc__shell_post(shell, &shell->timer_post);
    lc__shell_unref(shell);
}

static void advance(struct lc__shell *shell, int64_t now)
{
    while (!shell->over && lc__engine_deadline(&shell->engine) <= now) {
        lc__engine_advance(&shell->engine, now);
        act(shell);
    }
}

static void deal_with_timer(struct lc__shell *shell, struct lc__post *post)
{
    (void)post;
    atomic_store(&shell->timer_posted, false);
    lc__timer_disarm(&shell->timer); /* it may have been armed anew since it fired */
    shell->armed_for = LC_FOREVER;
    advance(shell, lc_now());
}

/*
 * Arms the timer so that it fires no later than the engine wants. One that fires too early does no
 * harm, so that a deadline which comes and goes costs nothing but the first time. It cannot fail:
 * the start has seen to the thread that it needs. A forked child has none, but there nothing is to
 * happen any more.
 */
static void arm_timer(struct lc__shell *shell)
{
    int64_t deadline = lc__engine_deadline(&shell->engine);
    if (shell->over || deadline >= shell->armed_for)
        return;
    lc__timer_disarm(&shell->timer);
    int result = lc__timer_arm_apart(&shell->timer, deadline);
    assert(result == 0 || result == -ENOTSUP);
    shell->armed_for = result == 0 ? deadline : LC_FOREVER;
}

/* ---- beginning and ending ---- */

static void deal_with_end_above(struct lc__shell *shell, struct lc__post *post)
{
    (void)post; /* deal_with has looked above */
    lc__shell_unref(shell);
}

static void above_ended(struct lc__waiter *waiter)
{
    struct lc__shell *shell =
        (struct lc__shell *)((char *)waiter - offsetof(struct lc__shell, above_ended));
    lc__shell_post(shell, &shell->above_ended_post);
}

void lc__shell_look_above(struct lc__shell *shell)
{
    const lc_error *error = shell->started ? lc_context_error(shell->above) : NULL;
    if (error && !shell->engine.ending)
        lc__engine_cancel(&shell->engine, lc_error_ref(error), lc_now());
}

lc_error *lc__shell_prepare(struct lc__shell *shell)
{
    int result = lc__timers_hold(&shell->holds_timers);
    return result == 0
               ? NULL
               : lc_error_new_errno(-result, "no thread for the timers of \"%s\"", shell->name);
}

const char *lc__shell_path(const struct lc__shell *shell, const char *name,
                           char path[LC__PATH_SIZE])
{
    return lc__path_join(lc__shell_own_path(shell), name, path);
}

const char *lc__shell_own_path(const struct lc__shell *shell)
{
    return shell->path ? shell->path : shell->name;
}

/* Without memory for the path, the shell is named as if it were nested in nothing. */
static void set_path(struct lc__shell *shell, const lc_context *above, bool is_part)
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

void lc__shell_start(struct lc__shell *shell, lc_context *above, lc_context *context, bool is_part)
{
    lc__shell_ref(shell);
    set_path(shell, above, is_part);
    shell->started = true;
    shell->executor = lc_is_fiber() ? lc_executor_current() : NULL;
    shell->clock = lc__task_current()->clock;
    shell->above = lc_context_ref(above);
    shell->context = context;
    if (!above)
        return;
    lc__shell_ref(shell); /* the waiter's, until it is dealt with or removed */
    if (!lc__handle_add(lc_context_done(above), &shell->above_ended))
        lc__shell_unref(shell);
    lc__shell_look_above(shell);
}

void lc__shell_init(struct lc__shell *shell, const struct lc__shell_front *front, const char *name)
{
    atomic_init(&shell->refs, 1);
    atomic_init(&shell->mail, IDLE);
    shell->front = front;
    strlcpy(shell->name, name, sizeof shell->name);
    lc__engine_init(&shell->engine, lc_random());
    shell->engine.changed_state = state_changed;
    LIST_INIT(&shell->observers);
    shell->armed_for = LC_FOREVER;
    shell->above_ended.closed = above_ended;
    shell->above_ended_post.deal = deal_with_end_above;
    shell->timer.due = timer_due;
    shell->timer.fire = timer_fired;
    shell->timer_post.deal = deal_with_timer;
    lc__handle_init(&shell->ready, &ready_owner);
    lc__handle_init(&shell->done, &done_owner);
}

void lc__shell_end(struct lc__shell *shell)
{
    lc_context_unref(shell->above);
    lc_context_unref(shell->context);
    lc__handle_destroy(&shell->ready);
    lc__handle_destroy(&shell->done);
    lc_error_unref(shell->stop);
    lc__ended_free(shell->ended);
    lc__engine_end(&shell->engine);
    lc__free(shell->path);
}
