/*
 * worker.c: throws, deferred calls, and the frame that workers run in. See <lifecycle/context.h>
 * and worker.h.
 */
#include "context/worker.h"

#include "base/assert.h"
#include "base/library.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/sanitizer.h"
#include "base/task.h"
#include "context/context.h"
#include "context/signaler.h"
#include "executor/callback.h"
#include "executor/fiber_switch.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

/*
 * The exit status for a fatal error that no signaler gets: the process cannot go on. sysexits(3):
 * internal software error.
 */
enum { EXIT_INTERNAL = 70 };

/* ---- deferred calls ---- */

struct lc__deferred {
    struct lc__deferred *before;
    void (*function)(void *arg);
    void *arg;
};

static void deferred_run_all(void *unused);

/*
 * If a deferred call ends its thread, by a throw or otherwise, the cleanup runs the other deferred
 * calls. A fiber ends early only by lc_throw, which runs them itself. A fiber may push no cleanup
 * over a wait, since cleanups belong to the thread.
 */
static void deferred_call(struct lc__deferred call)
{
    if (lc__task_current()->fiber) {
        call.function(call.arg);
        return;
    }
    pthread_cleanup_push(deferred_run_all, NULL);
    call.function(call.arg);
    pthread_cleanup_pop(0);
}

/*
 * Removes each call before it runs. `running_deferred` keeps a kill of an isolate from ending it.
 */
static void deferred_run_all(void *unused)
{
    (void)unused;
    struct lc__task *task = lc__task_current();
    if (!task->fiber)
        lc__frames_were_left();
    task->running_deferred = true;
    for (struct lc__deferred *last; (last = task->deferred);) {
        struct lc__deferred call = *last;
        task->deferred = call.before;
        lc__free(last);
        deferred_call(call);
    }
    task->running_deferred = false;
}

static void deferred_unwind(void)
{
    deferred_run_all(NULL);
}

/* In a thread that the library did not make, the end of the thread runs what is left. */
static struct lc__lock key_lock = LC__LOCK_INIT;
static pthread_key_t at_thread_end; /* under the lock, if made */
static bool key_made;

static void deferred_at_thread_end(void *unused)
{
    deferred_run_all(unused);
}

static void deferred_drop_key(void)
{
    pthread_key_delete(at_thread_end);
    key_made = false;
}

static struct lc__facility key_facility = {.shut_down = deferred_drop_key};

/* Makes the end of the calling thread run the deferred calls that are left then. */
static int deferred_watch_thread_end(void)
{
    int failed = 0;
    lc__lock_take(&key_lock);
    if (!key_made) {
        lc__facility_register(&key_facility);
        failed = pthread_key_create(&at_thread_end, deferred_at_thread_end);
        key_made = failed == 0;
    }
    /* The destructor runs for any value but NULL. */
    if (!failed)
        failed = pthread_setspecific(at_thread_end, &at_thread_end);
    lc__lock_give(&key_lock);
    return -failed;
}

int lc_defer(void (*function)(void *arg), void *arg)
{
    if (!function)
        return -EINVAL;
    struct lc__task *task = lc__task_current();
    if (task->fiber)
        task->unwind = deferred_unwind;
    else if (!task->worker && deferred_watch_thread_end() < 0)
        return -ENOMEM;
    struct lc__deferred *deferred = lc__allocate(sizeof *deferred);
    if (!deferred)
        return -ENOMEM;
    *deferred = (struct lc__deferred){task->deferred, function, arg};
    task->deferred = deferred;
    return 0;
}

void lc__undefer(void (*function)(void *arg), const void *arg)
{
    struct lc__deferred **at = &lc__task_current()->deferred;
    while (*at && ((*at)->function != function || (*at)->arg != arg))
        at = &(*at)->before;
    struct lc__deferred *found = *at;
    if (!found)
        return;
    *at = found->before;
    lc__free(found);
}

/* ---- throwing ---- */

static void worker_ended(void *arg);

/* Ends the worker, or the thread. The deferred calls have run. */
static LC_NORETURN void worker_end_task(void)
{
    struct lc__task *task = lc__task_current();
    LC__ASSERT(!task->deferred);
    if (!task->fiber)
        pthread_exit(NULL);
    if (task->worker)
        worker_ended(task->worker);
    lc__fiber_exit();
}

static LC_NORETURN void worker_end_process(const lc_error *error, const char *why)
{
    lc__signaler_log(LC_LOG_CRITICAL, NULL, why, error);
    lc_log_flush();
    _exit(EXIT_INTERNAL);
}

static lc_error *worker_error_or_mistake(lc_error *error)
{
    return error ? error : lc_error_new(-EINVAL, "a throw needs an error: NULL means success");
}

static LC_NORETURN void worker_end_unheard(const lc_error *error)
{
    worker_end_process(error, "fatal error, and no signaler to report it to");
}

/* Drops an error that is only the clean answer to a stop. @return whether it did. */
static bool worker_drops_clean_end(const lc_context *context, lc_error *error)
{
    bool dropped = lc__context_drops(context, error);
    if (dropped)
        lc_error_unref(error);
    return dropped;
}

void lc__signal_above(lc_context *context, lc_error *error)
{
    lc_signaler *signaler = lc__context_signaler(context);
    if (!signaler)
        worker_end_unheard(error);
    if (!worker_drops_clean_end(context, error))
        lc__signaler_signal(signaler, error);
}

/*
 * A context without a signaler is a mistake of the caller. In a worker the error then goes to the
 * signaler of the worker's own context, so that the mistake ends the worker and not the process.
 */
void lc_signal_error(lc_context *context, lc_error *error)
{
    const struct lc__worker_call *worker = lc__task_current()->worker;
    lc_context *own = worker ? worker->context : NULL;
    error = worker_error_or_mistake(error);
    if (!lc__context_signaler(context))
        context = own;
    lc_signaler *signaler = lc__context_signaler(context);
    if (!signaler)
        worker_end_unheard(error);
    if (worker_drops_clean_end(context, error))
        return;
    if (worker && worker->failed && signaler == lc__context_signaler(own))
        worker->failed(worker->arg, error);
    else
        lc__signaler_signal(signaler, error);
}

void lc_throw(lc_context *context, lc_error *error)
{
    error = worker_error_or_mistake(error);
    if (lc__in_callback())
        worker_end_process(
            error, "an error was thrown in a callback of the library, use lc_signal_error there");
    lc_signal_error(context, error);
    deferred_run_all(NULL);
    worker_end_task();
}

void lc__worker_end(void)
{
    deferred_run_all(NULL);
    worker_end_task();
}

void lc__worker_run_deferred(void)
{
    if (lc__task_current()->deferred)
        deferred_run_all(NULL);
}

/* ---- the frame of a worker ---- */

/* Calls `ended` once, although a thread that is ended while it ends may come here again. */
static void worker_ended(void *arg)
{
    struct lc__worker_call *call = arg;
    struct lc__task *task = lc__task_current();
    if (!task->fiber) {
        lc__frames_were_left();
        /* From here on the thread only ends, and a cancel must not keep it from calling `ended`. */
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    }
    if (!task->worker)
        return;
    LC__ASSERT(task->worker == call && !task->deferred);
    task->worker = NULL;
    call->ended(call->arg);
}

static void worker_do_work(struct lc__worker_call *call)
{
    lc_error *error = call->work(call->arg);
    if (error)
        lc_signal_error(call->context, error);
}

/* Runs however the work has ended. `ended` is called however the deferred calls end. */
static void worker_finish(void *arg)
{
    pthread_cleanup_push(worker_ended, arg);
    deferred_run_all(NULL);
    pthread_cleanup_pop(1);
}

static void worker_run_in_thread(struct lc__worker_call *call)
{
    pthread_cleanup_push(worker_finish, call);
    worker_do_work(call);
    pthread_cleanup_pop(1);
}

lc_context *lc__worker_context(void)
{
    const struct lc__task *task = lc__task_current();
    while (task && !task->worker)
        task = task->client;
    return task ? task->worker->context : NULL;
}

void lc__worker_run(struct lc__worker_call *call)
{
    struct lc__task *task = lc__task_current();
    LC__ASSERT(!task->worker && call->work && call->ended);
    task->worker = call;
    if (!task->fiber) {
        worker_run_in_thread(call);
        return;
    }
    worker_do_work(call);
    deferred_run_all(NULL);
    worker_ended(call);
}
