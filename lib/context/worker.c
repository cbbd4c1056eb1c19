/*
 * worker.c: throwing, deferring, and the frame that workers run in. See <lifecycle/context.h> and
 * worker.h.
 */
#include "context/worker.h"

#include "base/library.h"
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
 * The process cannot go on: a fatal error has nobody to go to. sysexits(3): internal software
 * error.
 */
enum { EXIT_INTERNAL = 70 };

/* ---- deferred calls ---- */

struct lc__deferred {
    struct lc__deferred *before;
    void (*function)(void *arg);
    void *arg;
};

static void run_deferred(void *unused);

/*
 * A deferred call that ends its thread, by a throw or in any other way, leaves through here: the
 * rest still run. A fiber has but one way to end early, which is lc_throw, and that sees to it; nor
 * may it have a cleanup pushed over a wait, since those are the thread's.
 */
static void call_one(struct lc__deferred call)
{
    if (lc__task_current()->fiber) {
        call.function(call.arg);
        return;
    }
    pthread_cleanup_push(run_deferred, NULL);
    call.function(call.arg);
    pthread_cleanup_pop(0);
}

/* Each is taken off before it is called. The mark is for lib/isolate: no kill cuts them short. */
static void run_deferred(void *unused)
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
        call_one(call);
    }
    task->running_deferred = false;
}

static void unwind(void)
{
    run_deferred(NULL);
}

/* In threads that the library did not make, the end of the thread runs what is left. */
static pthread_mutex_t key_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t at_thread_end; /* under the lock, if made */
static bool key_made;

static void thread_ends(void *unused)
{
    run_deferred(unused);
}

static void drop_key(void)
{
    pthread_key_delete(at_thread_end);
    key_made = false;
}

static struct lc__facility key_facility = {.shut_down = drop_key};

/* Has the deferred calls run when the calling thread ends, if nothing runs them before. */
static int watch_thread_end(void)
{
    int failed = 0;
    pthread_mutex_lock(&key_lock);
    if (!key_made) {
        lc__facility_register(&key_facility);
        failed = pthread_key_create(&at_thread_end, thread_ends);
        key_made = failed == 0;
    }
    /* Any value but NULL has the destructor called. */
    if (!failed)
        failed = pthread_setspecific(at_thread_end, &at_thread_end);
    pthread_mutex_unlock(&key_lock);
    return -failed;
}

int lc_defer(void (*function)(void *arg), void *arg)
{
    if (!function)
        return -EINVAL;
    struct lc__task *task = lc__task_current();
    if (task->fiber)
        task->unwind = unwind;
    else if (!task->worker && watch_thread_end() < 0)
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

static void tell_ended(void *arg);

/* Ends the worker, or the thread, whose deferred calls have run. */
static LC_NORETURN void end_task(void)
{
    struct lc__task *task = lc__task_current();
    if (!task->fiber)
        pthread_exit(NULL);
    if (task->worker)
        tell_ended(task->worker);
    lc__fiber_exit();
}

static LC_NORETURN void end_process(const lc_error *error, const char *why)
{
    lc__signaler_log(LC_LOG_CRITICAL, NULL, why, error);
    lc_log_flush();
    _exit(EXIT_INTERNAL);
}

static lc_error *something(lc_error *error)
{
    return error ? error : lc_error_new(-EINVAL, "a throw needs an error: NULL means success");
}

static LC_NORETURN void end_unheard(const lc_error *error)
{
    end_process(error, "fatal error, and no signaler to report it to");
}

/* Drops an error that is only the clean answer to a stop. @return whether it has. */
static bool is_dropped(const lc_context *context, lc_error *error)
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
        end_unheard(error);
    if (!is_dropped(context, error))
        lc__signaler_signal(signaler, error);
}

/*
 * A context with no signaler above is a mistake of the caller. In a worker the error then goes to
 * the signaler of the worker's own context, so that the mistake ends the worker and not the
 * process.
 */
void lc_signal_error(lc_context *context, lc_error *error)
{
    const struct lc__worker_call *worker = lc__task_current()->worker;
    lc_context *own = worker ? worker->context : NULL;
    error = something(error);
    if (!lc__context_signaler(context))
        context = own;
    lc_signaler *signaler = lc__context_signaler(context);
    if (!signaler)
        end_unheard(error);
    if (is_dropped(context, error))
        return;
    if (worker && worker->failed && signaler == lc__context_signaler(own))
        worker->failed(worker->arg, error);
    else
        lc__signaler_signal(signaler, error);
}

void lc_throw(lc_context *context, lc_error *error)
{
    error = something(error);
    if (lc__in_callback())
        end_process(error,
                    "an error was thrown in a callback of the library, use lc_signal_error there");
    lc_signal_error(context, error);
    run_deferred(NULL);
    end_task();
}

void lc__worker_end(void)
{
    run_deferred(NULL);
    end_task();
}

void lc__worker_run_deferred(void)
{
    if (lc__task_current()->deferred)
        run_deferred(NULL);
}

/* ---- the frame of a worker ---- */

/* Once, though a thread that is ended anew while it ends may come here again. */
static void tell_ended(void *arg)
{
    struct lc__worker_call *call = arg;
    struct lc__task *task = lc__task_current();
    if (!task->fiber) {
        lc__frames_were_left();
        /* The thread only ends from here on, and what it has to tell is not to be cut short. */
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    }
    if (!task->worker)
        return;
    task->worker = NULL;
    call->ended(call->arg);
}

static void do_work(struct lc__worker_call *call)
{
    lc_error *error = call->work(call->arg);
    if (error)
        lc_signal_error(call->context, error);
}

/* However the work ended, and however the deferred calls do. */
static void finish(void *arg)
{
    pthread_cleanup_push(tell_ended, arg);
    run_deferred(NULL);
    pthread_cleanup_pop(1);
}

static void run_in_thread(struct lc__worker_call *call)
{
    pthread_cleanup_push(finish, call);
    do_work(call);
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
    task->worker = call;
    if (!task->fiber) {
        run_in_thread(call);
        return;
    }
    do_work(call);
    run_deferred(NULL);
    tell_ended(call);
}
