/*
 * thread.c: see thread.h.
 *
 *     running --> finishing --> ended --> joined
 *     (in `live`) (in `live`)   (in `ended`)
 *
 * The next threads that start or end join the ended ones, and lc_library_shutdown() joins the rest.
 * A join by another thread never waits: behind the library's code a thread still runs the
 * destructors of the program's thread-local storage, which may take long.
 */
#include "executor/thread.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/library.h"
#include "base/lock.h"
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
    bool is_finishing; /* under the lock */
    bool is_service;
    struct lc__clock *clock;
    void (*run)(void *arg);
    void *arg;
    char name[];
};

TAILQ_HEAD(thread_list, thread);

static struct lc__lock lock = LC__LOCK_INIT; /* for what follows */
static struct thread_list live = TAILQ_HEAD_INITIALIZER(live);
static struct thread_list ended = TAILQ_HEAD_INITIALIZER(ended); /* oldest first */
static bool last_is_awaited;                                     /* by a thread in `last_ended` */
static struct lc__parker last_ended;
static _Thread_local struct thread *self; /* NULL: not made here */

/* ---- joining ---- */

/* Takes the oldest ended thread. NULL: there is none. */
static struct thread *thread_take_ended(void)
{
    lc__lock_take(&lock);
    struct thread *thread = TAILQ_FIRST(&ended);
    if (thread)
        TAILQ_REMOVE(&ended, thread, link);
    lc__lock_give(&lock);
    return thread;
}

/* Joins up to two ended threads: more than the one that the caller adds, or will add. */
static void thread_join_some(void)
{
    for (int i = 0; i < 2; i++) {
        struct thread *thread = thread_take_ended();
        if (!thread)
            return;
        if (pthread_tryjoin_np(thread->id, NULL) != EBUSY) {
            lc__free(thread);
            continue;
        }
        /* To the end of the list: its destructors may take long, and must not delay the others. */
        lc__lock_take(&lock);
        TAILQ_INSERT_TAIL(&ended, thread, link);
        lc__lock_give(&lock);
    }
}

static bool threads_busy(void)
{
    char name[LC_NAME_MAX + 1] = "";
    size_t running = 0;
    struct thread *thread;
    lc__lock_take(&lock);
    TAILQ_FOREACH (thread, &live, link) {
        if (thread->is_finishing || thread->is_service)
            continue;
        running++;
        strlcpy(name, thread->name, sizeof name);
    }
    lc__lock_give(&lock);
    if (running > 0)
        lc_log(LC_LOG_ERROR, NULL,
               "the library cannot shut down: workers still running: %zu, among them \"%s\"",
               running, name);
    return running > 0;
}

/*
 * Waits until no thread runs this file's code any more. Then no other thread joins, and all records
 * are in `ended`.
 */
static void threads_await_last(void)
{
    static const struct lc__park_reason reason = {"the last threads to end", NULL};
    lc__lock_take(&lock);
    LC__ASSERT(!last_is_awaited);
    lc__parker_init(&last_ended);
    bool wait = last_is_awaited = !TAILQ_EMPTY(&live);
    lc__lock_give(&lock);
    while (wait && lc__parker_count(&last_ended) == 0)
        lc__park(&last_ended, 0, LC_FOREVER, &reason);
}

/* At the shutdown: no thread is running any more, and those that are finishing will end. */
static void threads_join_all(void)
{
    LC__ASSERT(!self);
    threads_await_last();
    for (struct thread *thread; (thread = thread_take_ended());) {
        pthread_join(thread->id, NULL);
        lc__free(thread);
    }
}

static struct lc__facility threads = {.busy = threads_busy, .shut_down = threads_join_all};

/* ---- the life of a thread ---- */

static void thread_set_finishing(struct thread *thread)
{
    LC__ASSERT(thread == self);
    lc__lock_take(&lock);
    thread->is_finishing = true;
    lc__lock_give(&lock);
}

void lc__worker_finishing(void)
{
    if (lc__fiber_current())
        lc__fiber_finishing();
    else
        thread_set_finishing(self);
}

/* Runs however the thread ends: it returns, calls pthread_exit, or is cancelled. */
static void thread_end(void *arg)
{
    struct thread *thread = arg;
    thread_set_finishing(thread);
    lc__log_set_speaker(NULL);
    thread_join_some();
    lc__lock_take(&lock);
    TAILQ_REMOVE(&live, thread, link);
    TAILQ_INSERT_TAIL(&ended, thread, link);
    bool is_last = last_is_awaited && TAILQ_EMPTY(&live);
    if (is_last)
        last_is_awaited = false;
    lc__lock_give(&lock);
    if (is_last)
        lc__unpark(&last_ended);
}

static void *thread_begin(void *arg)
{
    struct thread *thread = arg;
    char shown[16];
    self = thread;
    /* Written here and not by the creator: the thread may be joined before the creator goes on. */
    thread->id = pthread_self();
    strlcpy(shown, thread->name, sizeof shown);
    pthread_setname_np(pthread_self(), shown);
    lc__log_set_speaker(thread->name);
    lc__clock_set_current(thread->clock);
    lc__library_own_thread();
    pthread_cleanup_push(thread_end, thread);
    thread->run(thread->arg);
    pthread_cleanup_pop(1);
    return NULL;
}

static struct thread *thread_make(const struct lc__thread_options *options)
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

/* In a simulation, which has one thread only. */
static int thread_start_as_fiber(const struct lc__thread_options *options)
{
    enum { STACK = 1024 * 1024 }; /* code for threads may need as much */
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
    LC__ASSERT(options->name && options->run);
    if (lc__forked())
        return -ENOTSUP;
    if (lc__task_current()->simulation)
        return thread_start_as_fiber(options);
    int result = lc__fork_guard();
    if (result < 0)
        return result;
    lc__facility_register(&threads);
    thread_join_some();
    struct thread *thread = thread_make(options);
    if (!thread)
        return -ENOMEM;
    /* In the list before it begins: thread_end() removes it. */
    lc__lock_take(&lock);
    TAILQ_INSERT_TAIL(&live, thread, link);
    lc__lock_give(&lock);
    pthread_t id; /* unused: thread_begin() notes it */
    result = lc__thread_create(&id, options->stack_size, thread_begin, thread);
    if (result == 0)
        return 0;
    lc__lock_take(&lock);
    TAILQ_REMOVE(&live, thread, link);
    lc__lock_give(&lock);
    lc__free(thread);
    return result;
}

const char *lc_worker_name(void)
{
    return lc__log_speaker();
}
