/*
 * thread.c: see thread.h.
 *
 * A thread is RUNNING, then FINISHING, then ENDED; ended ones are joined by the next that start or
 * end, and the last by lc_library_shutdown. A join by others never waits: behind our own code a
 * thread still runs the destructors of the program's thread-local storage, which may take their
 * time.
 */
#include "executor/thread.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/library.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/task.h"
#include "executor/fiber_switch.h"
#include "executor/park.h"
#include "executor/spawn.h"
#include "executor/thread_create.h"

#include <lifecycle/executor.h>
#include <lifecycle/log.h>
#include <lifecycle/manager.h>

#include <bsd/string.h>
#include <bsd/sys/queue.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

struct thread {
    TAILQ_ENTRY(thread) link; /* in `live` or `ended` */
    pthread_t id;
    bool finishing; /* under the lock */
    bool is_service;
    struct lc__clock *clock;
    void (*run)(void *arg);
    void *arg;
    char name[];
};

TAILQ_HEAD(thread_list, thread);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct thread_list live = TAILQ_HEAD_INITIALIZER(live);   /* running and finishing */
static struct thread_list ended = TAILQ_HEAD_INITIALIZER(ended); /* to be joined, oldest first */
static struct lc__parker *waits_for_last;                        /* under the lock */
static _Thread_local struct thread *self;

/* ---- joining ---- */

static struct thread *take_ended(void)
{
    pthread_mutex_lock(&lock);
    struct thread *thread = TAILQ_FIRST(&ended);
    if (thread)
        TAILQ_REMOVE(&ended, thread, link);
    pthread_mutex_unlock(&lock);
    return thread;
}

/* Joins up to two: as many again as come in, so that the ended ones become fewer. */
static void join_some(void)
{
    for (int i = 0; i < 2; i++) {
        struct thread *thread = take_ended();
        if (!thread)
            return;
        if (pthread_tryjoin_np(thread->id, NULL) != EBUSY) {
            lc__free(thread);
            continue;
        }
        /* Behind the others: what keeps it may take long, and must not keep them too. */
        pthread_mutex_lock(&lock);
        TAILQ_INSERT_TAIL(&ended, thread, link);
        pthread_mutex_unlock(&lock);
    }
}

static bool threads_busy(void)
{
    char name[LC_NAME_MAX + 1] = "";
    size_t running = 0;
    struct thread *thread;
    pthread_mutex_lock(&lock);
    TAILQ_FOREACH (thread, &live, link) {
        if (thread->finishing || thread->is_service)
            continue;
        running++;
        strlcpy(name, thread->name, sizeof name);
    }
    pthread_mutex_unlock(&lock);
    if (running > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "the library cannot shut down: workers still running: %zu, among them \"%s\"",
               running, name);
    return running > 0;
}

/*
 * Waits until no thread is in our code any more: none joins others then, and all records are in
 * `ended`.
 */
static void await_last(void)
{
    static const struct lc__park_reason reason = {"the last threads to end", NULL};
    struct lc__parker parker;
    lc__parker_init(&parker);
    pthread_mutex_lock(&lock);
    bool wait = !TAILQ_EMPTY(&live);
    if (wait)
        waits_for_last = &parker;
    pthread_mutex_unlock(&lock);
    while (wait && lc__parker_count(&parker) == 0)
        lc__park(&parker, 0, LC_FOREVER, &reason);
}

/* Called when none is running: those that are finishing will end. */
static void join_all(void)
{
    await_last();
    for (struct thread *thread; (thread = take_ended());) {
        pthread_join(thread->id, NULL);
        lc__free(thread);
    }
}

static struct lc__facility threads = {.busy = threads_busy, .shut_down = join_all};

/* ---- a thread's life ---- */

static void finishing(struct thread *thread)
{
    pthread_mutex_lock(&lock);
    thread->finishing = true;
    pthread_mutex_unlock(&lock);
}

void lc__worker_finishing(void)
{
    if (lc__fiber_current())
        lc__fiber_finishing();
    else
        finishing(self);
}

/* However the thread ends: by returning, by pthread_exit, or cancelled. */
static void end(void *arg)
{
    struct thread *thread = arg;
    finishing(thread);
    lc__log_set_speaker(NULL);
    join_some();
    pthread_mutex_lock(&lock);
    TAILQ_REMOVE(&live, thread, link);
    TAILQ_INSERT_TAIL(&ended, thread, link);
    struct lc__parker *waiter = TAILQ_EMPTY(&live) ? waits_for_last : NULL;
    if (waiter)
        waits_for_last = NULL;
    pthread_mutex_unlock(&lock);
    if (waiter)
        lc__unpark(waiter);
}

static void *begin(void *arg)
{
    struct thread *thread = arg;
    char shown[16];
    self = thread;
    thread->id =
        pthread_self(); /* written here, not by the creator: it may be joined before that goes on */
    strlcpy(shown, thread->name, sizeof shown);
    pthread_setname_np(pthread_self(), shown);
    lc__log_set_speaker(thread->name);
    lc__clock_set_current(thread->clock);
    lc__library_own_thread();
    pthread_cleanup_push(end, thread);
    thread->run(thread->arg);
    pthread_cleanup_pop(1);
    return NULL;
}

static struct thread *make(const struct lc__thread_options *options)
{
    size_t name_size = strlen(options->name) + 1;
    struct thread *thread = lc__allocate(sizeof *thread + name_size);
    if (!thread)
        return NULL;
    memcpy(thread->name, options->name, name_size);
    thread->clock = lc__clock_current();
    thread->is_service = options->is_service;
    thread->run = options->run;
    thread->arg = options->arg;
    return thread;
}

/* In a simulation there is but one thread. */
static int simulate(const struct lc__thread_options *options)
{
    enum { STACK = 1024 * 1024 }; /* as much as code for threads might expect */
    const struct lc__fiber_options fiber = {
        .name = options->name,
        .stack_size = options->stack_size > STACK ? options->stack_size : STACK,
        .run = options->run,
        .arg = options->arg,
    };
    return lc__fiber_start(&fiber);
}

int lc__thread_start(const struct lc__thread_options *options)
{
    if (lc__forked())
        return -ENOTSUP;
    if (lc__task_current()->simulation)
        return simulate(options);
    int result = lc__fork_guard();
    if (result < 0)
        return result;
    lc__facility_register(&threads);
    join_some();
    struct thread *thread = make(options);
    if (!thread)
        return -ENOMEM;
    /* In the list before it begins: it takes itself out when it ends. */
    pthread_mutex_lock(&lock);
    TAILQ_INSERT_TAIL(&live, thread, link);
    pthread_mutex_unlock(&lock);
    pthread_t id; /* not to be read: it notes its own */
    result = lc__thread_create(&id, options->stack_size, begin, thread);
    if (result == 0)
        return 0;
    pthread_mutex_lock(&lock);
    TAILQ_REMOVE(&live, thread, link);
    pthread_mutex_unlock(&lock);
    lc__free(thread);
    return result;
}

const char *lc_worker_name(void)
{
    return lc__log_speaker();
}
