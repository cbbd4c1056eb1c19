/*
 * blocking.c: lc_call_blocking: a fiber's blocking call runs in a thread of a pool.
 *
 * A thread of the pool ends when it has had no call for some time. The pool has its own condition
 * variable and not the park of each thread, because any idle thread may take a call.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/library.h"
#include "base/lock.h"
#include "base/log.h"
#include "executor/callback.h"
#include "executor/fiber.h"
#include "executor/park.h"
#include "executor/thread.h"

#include <lifecycle/executor.h>

#include <bsd/sys/queue.h>
#include <errno.h>
#include <pthread.h>
#include <time.h>

/* A call; on the stack of the fiber that waits for it. */
struct blocking_call {
    STAILQ_ENTRY(blocking_call) link;
    void (*run)(void *arg);
    void *arg;
    const char *caller;            /* the name that its log lines have */
    const struct lc__task *client; /* the task of the caller, which waits */
    struct lc__clock *clock;       /* the caller's */
    struct lc__parker parker;
};

#define IDLE_TIMEOUT (10 * LC_SECOND)

static struct lc__lock lock = LC__LOCK_INIT; /* for what follows */
static pthread_cond_t changed;               /* there are more calls, or `stopping` is set */
static pthread_once_t changed_once = PTHREAD_ONCE_INIT;
static STAILQ_HEAD(, blocking_call) calls = STAILQ_HEAD_INITIALIZER(calls); /* not taken yet */
static unsigned calls_waiting;                                              /* length of `calls` */
static unsigned threads;
static unsigned threads_idle; /* of `threads`: those that wait for a call */
static bool stopping;

static void changed_init(void)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* ---- a thread ---- */

static void call_run(struct blocking_call *call)
{
    lc__log_set_speaker(call->caller);
    lc__clock_set_current(call->clock);
    lc__task_current()->client = call->client;
    lc__callback_enter();
    call->run(call->arg);
    lc__callback_leave();
    lc__task_current()->client = NULL;
    lc__clock_set_current(NULL);
    lc__log_set_speaker(NULL);
    lc__unpark(&call->parker); /* with this the call may be gone */
}

/* Waits for a call and takes it. @return NULL if none has come in time, or the pool stops. */
static struct blocking_call *call_take(void)
{
    LC__ASSERT(lc__lock_is_held(&lock));
    int64_t until = lc__clock_real.now(&lc__clock_real) + IDLE_TIMEOUT;
    struct timespec deadline = {until / LC_SECOND, until % LC_SECOND};
    int waited = 0;
    threads_idle++;
    while (STAILQ_EMPTY(&calls) && !stopping && waited == 0)
        waited = lc__lock_wait_until(&lock, &changed, &deadline);
    threads_idle--;
    struct blocking_call *call = STAILQ_FIRST(&calls);
    if (call) {
        STAILQ_REMOVE_HEAD(&calls, link);
        calls_waiting--;
    }
    return call;
}

static void blocking_thread_run(void *unused)
{
    (void)unused;
    lc__lock_take(&lock);
    for (struct blocking_call *call; (call = call_take());) {
        lc__lock_give(&lock);
        call_run(call);
        lc__lock_take(&lock);
    }
    threads--;
    lc__lock_give(&lock);
}

/*
 * Makes the threads end; thread.c joins them. A fiber that is finishing, or that calls a timer, may
 * still call: a call in `calls` is taken first, and a later one makes a thread again.
 */
static void blocking_stop(void)
{
    lc__lock_take(&lock);
    stopping = true;
    pthread_cond_broadcast(&changed);
    lc__lock_give(&lock);
}

static struct lc__facility blocking_facility = {.shut_down = blocking_stop};

/* @return 0, or the negative errno of lc__thread_start. */
static int blocking_add_thread(void)
{
    LC__ASSERT(lc__lock_is_held(&lock));
    const struct lc__thread_options options = {
        .name = "lc-blocking", .is_service = true, .run = blocking_thread_run};
    int result = lc__thread_start(&options);
    if (result < 0)
        return result;
    threads++;
    stopping = false;
    lc__facility_register(&blocking_facility);
    return 0;
}

/* ---- the fiber that calls ---- */

/*
 * @return 0: a thread will take the call; else the negative errno: there is none, nor can be made.
 */
static int call_hand_over(struct blocking_call *call)
{
    int result = 0;
    lc__lock_take(&lock);
    /* Each waiting call has an idle thread that is on its way to it, or the pool is full. */
    if (calls_waiting >= threads_idle && threads < LC_BLOCKING_THREADS_MAX)
        result = blocking_add_thread();
    if (threads > 0)
        result = 0;
    if (result == 0) {
        STAILQ_INSERT_TAIL(&calls, call, link);
        calls_waiting++;
        pthread_cond_signal(&changed);
    }
    lc__lock_give(&lock);
    return result;
}

int lc_call_blocking(void (*run)(void *arg), void *arg)
{
    static const struct lc__park_reason reason = {"a blocking call", NULL};
    const struct lc__task *task = lc__task_current();
    lc__task_check();
    if (!run)
        return -EINVAL;
    if (lc__forked())
        return -ENOTSUP;
    if (!task->fiber || task->simulation) {
        run(arg);
        return 0;
    }
    struct blocking_call call = {
        .run = run, .arg = arg, .caller = task->name, .client = task, .clock = lc__clock_current()};
    pthread_once(&changed_once, changed_init);
    lc__parker_init(&call.parker);
    int result = call_hand_over(&call);
    lc__task_shield(); /* the other thread uses this stack: nothing may end the wait early */
    while (result == 0 && lc__parker_count(&call.parker) == 0)
        lc__park(&call.parker, 0, LC_FOREVER, &reason);
    lc__task_unshield();
    lc__task_check();
    return result;
}
