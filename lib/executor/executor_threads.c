/*
 * executor_threads.c: see executor_threads.h.
 */
#include "executor/executor_threads.h"

#include "base/fork.h"
#include "base/library.h"
#include "base/memory.h"
#include "executor/loop_run.h"
#include "executor/monitor.h"
#include "executor/overflow.h"
#include "executor/stack.h"
#include "executor/thread_create.h"
#include "executor/timers.h"

#include <bsd/string.h>
#include <errno.h>
#include <stdio.h>

/* Of all executors. The last that ends sees to the stacks that are left. */
static atomic_uint threads_running;

static void *thread_main(void *arg)
{
    struct lc__loop *loop = arg;
    atomic_fetch_add_explicit(&threads_running, 1, memory_order_relaxed);
    char name[64], shown[16];
    snprintf(name, sizeof name, "%s-%u", loop->executor->name, loop->index);
    strlcpy(shown, name, sizeof shown);
    pthread_setname_np(pthread_self(), shown);
    /* Cancelling it would leave its fibers hanging; and callbacks switch this off and on. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    lc__library_own_thread();
    lc__overflow_thread_begins();
    lc__loop_run(loop);
    /* Acquire and release: the last one finds all that others have left. */
    if (atomic_fetch_sub_explicit(&threads_running, 1, memory_order_acq_rel) == 1)
        lc__stacks_trim_all();
    lc__overflow_thread_ends();
    return NULL;
}

/*
 * Under the executor's lock, and so without waiting: behind our own code a thread runs the
 * destructors of the program's thread-local variables, which may want what our caller holds.
 */
static void join_some(lc_executor *executor)
{
    struct lc__loop_thread *thread, *next;
    STAILQ_FOREACH_SAFE (thread, &executor->left, link, next) {
        if (pthread_tryjoin_np(thread->id, NULL) != 0)
            continue;
        STAILQ_REMOVE(&executor->left, thread, lc__loop_thread, link);
        lc__free(thread);
    }
}

/* Under the executor's lock. @return 0, -EAGAIN, -ENOMEM, -ENOTSUP. */
static int make_thread(struct lc__loop *loop)
{
    int guarded = lc__fork_guard();
    if (guarded < 0)
        return guarded;
    join_some(loop->executor);
    struct lc__loop_thread *thread = lc__allocate(sizeof *thread);
    if (!thread)
        return -ENOMEM;
    /* Before there is a thread: it may leave at once, as soon as it gets the lock. */
    loop->thread = thread;
    atomic_store(&loop->running, true);
    if (lc__thread_create(&thread->id, 0, thread_main, loop) < 0) {
        atomic_store(&loop->running, false);
        loop->thread = NULL;
        lc__free(thread);
        return -EAGAIN;
    }
    if (loop->executor->stall_limit < LC_FOREVER)
        lc__monitor_start();
    return 0;
}

int lc__executor_need_thread(struct lc__loop *loop)
{
    /*
     * The caller has booked, or only wants to help. Sequentially consistent, as the booking, and
     * what who leaves does: he stores, and then looks for bookings. So either we see that nobody
     * runs the loop, or he sees the booking and stays.
     */
    if (atomic_load(&loop->running))
        return 0;
    pthread_mutex_lock(&loop->executor->lock);
    int result = loop->running ? 0 : make_thread(loop);
    pthread_mutex_unlock(&loop->executor->lock);
    return result;
}

void lc__executor_vacate(struct lc__loop *loop)
{
    if (loop->thread)
        STAILQ_INSERT_TAIL(&loop->executor->left, loop->thread, link);
    loop->thread = NULL;
    loop->guest = false;
    atomic_store(&loop->running, false);
    pthread_cond_broadcast(&loop->executor->ended);
}

bool lc__executor_may_retire(struct lc__loop *loop)
{
    return !loop->guest && lc__loop_has_begun(loop) == 0;
}

/*
 * Under the executor's lock: whether there are jobs, and no thread to run them. One stays for them,
 * since a message to an isolate must not fail for want of a thread.
 */
static bool is_last_with_jobs(const lc_executor *executor)
{
    if (atomic_load(&executor->bound) == 0)
        return false;
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        const struct lc__loop *loop = lc__executor_loop(executor, i);
        if (loop && atomic_load(&loop->running) && !loop->guest)
            return false;
    }
    return true;
}

bool lc__executor_lets_go(struct lc__loop *loop, bool waited)
{
    lc_executor *executor = loop->executor;
    /* A guest came for one fiber, and leaves when that has ended and all it has left behind. */
    bool closing = atomic_load(&executor->closing) && atomic_load(&executor->bound) == 0;
    bool wants = loop->guest || waited || closing;
    if (!wants || !lc__loop_is_empty(loop))
        return false;
    /* Deadlines of contexts that outlive the fibers: they go to the thread for all others. */
    if (lc__timers_hand_over(&loop->timers) < 0) {
        if (!loop->guest && !closing)
            return false; /* it stays for them */
        lc__timers_leave(&loop->timers);
    }
    lc__loop_let_go(loop);
    pthread_mutex_lock(&executor->lock);
    /* Sequentially consistent: see lc__executor_need_thread. */
    atomic_store(&loop->running, false);
    bool empty = atomic_load(&loop->bookings) == 0 && lc__loop_is_empty(loop) &&
                 lc__timers_count(&loop->timers) == 0 &&
                 (loop->guest || closing || !is_last_with_jobs(executor));
    if (empty)
        lc__executor_vacate(loop);
    else
        atomic_store(&loop->running, true);
    pthread_mutex_unlock(&executor->lock);
    return empty;
}

/*
 * Under the executor's lock, which it gives away while it waits. @return whether it has waited for
 * a thread: another may have come meanwhile.
 */
static bool await_one(lc_executor *executor)
{
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        struct lc__loop *loop = lc__executor_loop(executor, i);
        if (!loop || !atomic_load(&loop->running))
            continue;
        lc__loop_poke(loop);
        pthread_cond_wait(&executor->ended, &executor->lock);
        return true;
    }
    return false;
}

void lc__executor_await_threads(lc_executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    while (await_one(executor))
        continue;
    for (struct lc__loop_thread *thread; (thread = STAILQ_FIRST(&executor->left));) {
        STAILQ_REMOVE_HEAD(&executor->left, link);
        pthread_mutex_unlock(&executor->lock);
        pthread_join(thread->id, NULL);
        lc__free(thread);
        pthread_mutex_lock(&executor->lock);
    }
    pthread_mutex_unlock(&executor->lock);
}
