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

/* Of all executors. The last one that ends trims the stacks that are left. */
static atomic_uint threads_running;

static void *loop_thread_main(void *arg)
{
    struct lc__loop *loop = arg;
    atomic_fetch_add_explicit(&threads_running, 1, memory_order_relaxed);
    char name[64], shown[16];
    snprintf(name, sizeof name, "%s-%u", loop->executor->name, loop->index);
    strlcpy(shown, name, sizeof shown);
    pthread_setname_np(pthread_self(), shown);
    /* A cancelled thread would never run its fibers again. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    lc__library_own_thread();
    lc__overflow_thread_begins();
    lc__loop_run(loop);
    /* Acquire and release: the last thread finds all stacks that the others have left. */
    if (atomic_fetch_sub_explicit(&threads_running, 1, memory_order_acq_rel) == 1)
        lc__stacks_trim_all();
    lc__overflow_thread_ends();
    return NULL;
}

/*
 * Does not wait: behind the library's code a thread runs the destructors of the program's
 * thread-local variables, which may want what the caller holds.
 */
static void executor_join_ended(lc_executor *executor)
{
    LC__ASSERT(lc__lock_is_held(&executor->lock));
    struct lc__loop_thread *thread, *next;
    STAILQ_FOREACH_SAFE (thread, &executor->left, link, next) {
        if (pthread_tryjoin_np(thread->id, NULL) != 0)
            continue;
        STAILQ_REMOVE(&executor->left, thread, lc__loop_thread, link);
        lc__free(thread);
    }
}

/* @return 0, -EAGAIN, -ENOMEM, -ENOTSUP. */
static int loop_make_thread(struct lc__loop *loop)
{
    LC__ASSERT(lc__lock_is_held(&loop->executor->lock) && !loop->thread);
    int guarded = lc__fork_guard();
    if (guarded < 0)
        return guarded;
    executor_join_ended(loop->executor);
    struct lc__loop_thread *thread = lc__allocate(sizeof *thread);
    if (!thread)
        return -ENOMEM;
    /* Before the thread exists: it may leave as soon as it gets the lock. */
    loop->thread = thread;
    atomic_store(&loop->running, true);
    if (lc__thread_create(&thread->id, 0, loop_thread_main, loop) < 0) {
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
     * A store/load handshake with lc__executor_lets_go(): the caller has stored its booking, and
     * loads `running`; a thread that leaves stores `running`, and loads the bookings. Either this
     * function makes a thread, or the thread that is there stays. If both see each other, the
     * thread stays and this function finds it there under the lock.
     */
    if (atomic_load(&loop->running))
        return 0;
    lc__lock_take(&loop->executor->lock);
    int result = loop->running ? 0 : loop_make_thread(loop);
    lc__lock_give(&loop->executor->lock);
    return result;
}

int lc__loop_book(struct lc__loop *loop)
{
    atomic_fetch_add_explicit(&loop->wakers, 1, memory_order_relaxed);
    atomic_fetch_add(&loop->bookings, 1); /* before lc__executor_need_thread() loads `running` */
    atomic_fetch_add(&loop->executor->moves_begun, 1);
    return lc__executor_need_thread(loop);
}

void lc__loop_unbook(struct lc__loop *loop)
{
    LC__ASSERT(atomic_load(&loop->bookings) > 0);
    atomic_fetch_add(&loop->executor->moves_ended, 1);
    atomic_fetch_sub(&loop->bookings, 1);
    /* After that: a thread that stayed only for the booking looks again whether it may leave. */
    lc__loop_poke(loop);
    /* Release: the loop may be freed from here on. */
    atomic_fetch_sub_explicit(&loop->wakers, 1, memory_order_release);
}

void lc__executor_vacate(struct lc__loop *loop)
{
    LC__ASSERT(lc__lock_is_held(&loop->executor->lock));
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
 * Whether there are jobs and no thread to run them. One thread stays for jobs, since a message to
 * an isolate must not fail for want of a thread.
 */
static bool executor_lacks_thread(const lc_executor *executor)
{
    LC__ASSERT(lc__lock_is_held(&executor->lock));
    if (atomic_load(&executor->bound) == 0)
        return false;
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        const struct lc__loop *loop = lc__executor_loop(executor, i);
        if (loop && atomic_load(&loop->running) && !loop->guest)
            return false;
    }
    return true;
}

/*
 * Declares that the thread has left, and takes it back if work has come. @return whether it leaves.
 */
static bool loop_leave(struct lc__loop *loop, bool closing)
{
    lc_executor *executor = loop->executor;
    lc__lock_take(&executor->lock);
    /* The other side of the handshake in lc__executor_need_thread(). */
    atomic_store(&loop->running, false);
    bool empty = atomic_load(&loop->bookings) == 0 && lc__loop_is_empty(loop) &&
                 lc__timers_count(&loop->timers) == 0 &&
                 (loop->guest || closing || !executor_lacks_thread(executor));
    if (empty)
        lc__executor_vacate(loop);
    else
        atomic_store(&loop->running, true);
    lc__lock_give(&executor->lock);
    return empty;
}

bool lc__executor_lets_go(struct lc__loop *loop, bool waited)
{
    LC__ASSERT(loop == lc__loop_of_thread && !lc__fiber_current());
    lc_executor *executor = loop->executor;
    /* A guest leaves when its main fiber, and all others in its loop, have ended. */
    bool closing = atomic_load(&executor->closing) && atomic_load(&executor->bound) == 0;
    bool wants = loop->guest || waited || closing;
    if (!wants || !lc__loop_is_empty(loop))
        return false;
    /* Deadlines of contexts that outlive the fibers go to the timer thread. */
    if (lc__timers_hand_over(&loop->timers) < 0) {
        if (!loop->guest && !closing)
            return false; /* this thread stays for them */
        lc__timers_leave(&loop->timers);
    }
    lc__loop_let_go(loop);
    return loop_leave(loop, closing);
}

/*
 * Gives the executor's lock away while it waits. @return whether it has waited for a thread: then
 * another one may have come.
 */
static bool executor_await_one(lc_executor *executor)
{
    LC__ASSERT(lc__lock_is_held(&executor->lock));
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX; i++) {
        struct lc__loop *loop = lc__executor_loop(executor, i);
        if (!loop || !atomic_load(&loop->running))
            continue;
        lc__loop_poke(loop);
        lc__lock_wait(&executor->lock, &executor->ended);
        return true;
    }
    return false;
}

void lc__executor_await_threads(lc_executor *executor)
{
    LC__ASSERT(!lc__loop_of_thread || lc__loop_of_thread->executor != executor);
    lc__lock_take(&executor->lock);
    while (executor_await_one(executor))
        continue;
    for (struct lc__loop_thread *thread; (thread = STAILQ_FIRST(&executor->left));) {
        STAILQ_REMOVE_HEAD(&executor->left, link);
        lc__lock_give(&executor->lock);
        pthread_join(thread->id, NULL);
        lc__free(thread);
        lc__lock_take(&executor->lock);
    }
    lc__lock_give(&executor->lock);
}
