/*
 * blocking.c: running what blocks on threads kept for that. See lc_call_blocking.
 */
#include "base/clock.h"
#include "base/fork.h"
#include "base/library.h"
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
struct job {
    STAILQ_ENTRY(job) link;
    void (*run)(void *arg);
    void *arg;
    const char *caller;            /* under whose name it logs */
    const struct lc__task *client; /* the caller's; it stays, as the caller waits */
    struct lc__clock *clock;       /* the caller's */
    struct lc__parker parker;
};

#define IDLE_TIMEOUT (10 * LC_SECOND)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for what follows */
static pthread_cond_t changed;                           /* more jobs, or stopping */
static pthread_once_t changed_once = PTHREAD_ONCE_INIT;
static STAILQ_HEAD(, job) jobs = STAILQ_HEAD_INITIALIZER(jobs); /* that no thread has yet */
static unsigned waiting;                                        /* jobs in it */
static unsigned threads;
static unsigned idle; /* of those, the ones that wait for a job */
static bool stopping;

static void make_condition(void)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* ---- a thread ---- */

static void run_job(struct job *job)
{
    lc__log_set_speaker(job->caller);
    lc__clock_set_current(job->clock);
    lc__task_current()->client = job->client;
    lc__callback_enter();
    job->run(job->arg);
    lc__callback_leave();
    lc__task_current()->client = NULL;
    lc__clock_set_current(NULL);
    lc__log_set_speaker(NULL);
    lc__unpark(&job->parker); /* with this it is gone */
}

/* Under the lock. @return the next job; NULL: none came in time. */
static struct job *next_job(void)
{
    int64_t until = lc__clock_real.now(&lc__clock_real) + IDLE_TIMEOUT;
    struct timespec deadline = {until / LC_SECOND, until % LC_SECOND};
    int waited = 0;
    idle++;
    while (STAILQ_EMPTY(&jobs) && !stopping && waited == 0)
        waited = pthread_cond_timedwait(&changed, &lock, &deadline);
    idle--;
    struct job *job = STAILQ_FIRST(&jobs);
    if (job) {
        STAILQ_REMOVE_HEAD(&jobs, link);
        waiting--;
    }
    return job;
}

static void serve(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    for (struct job *job; (job = next_job());) {
        pthread_mutex_unlock(&lock);
        run_job(job);
        pthread_mutex_lock(&lock);
    }
    threads--;
    pthread_mutex_unlock(&lock);
}

/* The threads end at once, and are joined with all others. No fiber is left that could call. */
static void stop(void)
{
    pthread_mutex_lock(&lock);
    stopping = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static struct lc__facility facility = {.shut_down = stop};

/* Under the lock. @return 0, or why no thread could be made. */
static int add_thread(void)
{
    const struct lc__thread_options options = {
        .name = "lc-blocking", .is_service = true, .run = serve};
    int result = lc__thread_start(&options);
    if (result < 0)
        return result;
    threads++;
    stopping = false;
    lc__facility_register(&facility);
    return 0;
}

/* ---- the fiber that calls ---- */

/* @return 0 once a thread has it or will have it. */
static int hand_over(struct job *job)
{
    int result = 0;
    pthread_mutex_lock(&lock);
    /* Each job that waits has an idle thread on its way to it, or all threads there can be. */
    if (waiting >= idle && threads < LC_BLOCKING_THREADS_MAX)
        result = add_thread();
    if (threads > 0)
        result = 0;
    if (result == 0) {
        STAILQ_INSERT_TAIL(&jobs, job, link);
        waiting++;
        pthread_cond_signal(&changed);
    }
    pthread_mutex_unlock(&lock);
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
    struct job job = {
        .run = run, .arg = arg, .caller = task->name, .client = task, .clock = lc__clock_current()};
    pthread_once(&changed_once, make_condition);
    lc__parker_init(&job.parker);
    int result = hand_over(&job);
    lc__task_shield(); /* the other thread works on this stack: nothing interrupts the wait */
    while (result == 0 && lc__parker_count(&job.parker) == 0)
        lc__park(&job.parker, 0, LC_FOREVER, &reason);
    lc__task_unshield();
    lc__task_check();
    return result;
}
