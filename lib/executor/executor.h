/*
 * executor.h (internal): the threads that run fibers. Floor 1, and of it only the files of the
 * executor; monitor.c and simulation.c look in.
 */
#ifndef LIFECYCLE_EXECUTOR_EXECUTOR_H
#define LIFECYCLE_EXECUTOR_EXECUTOR_H

#include "executor/loop.h"
#include "executor/thread_group.h"

#include <lifecycle/executor.h>

#include <bsd/sys/queue.h>
#include <pthread.h>
#include <stdatomic.h>

/* A thread that was made for a loop. */
struct lc__loop_thread {
    STAILQ_ENTRY(lc__loop_thread) link; /* once it has left the loop */
    pthread_t id;
};

struct lc_executor {
    TAILQ_ENTRY(lc_executor) link; /* of all executors, under their lock */
    char name[33];
    unsigned threads; /* beyond these only guests, and those added behind a stall */
    size_t stack_size;
    int64_t idle_timeout;
    int64_t stall_limit;
    struct lc__simulation *simulation; /* NULL: real */
    bool is_default;
    bool listed; /* under the lock of the list */

    atomic_bool closing;
    atomic_size_t bound; /* jobs: see job.h */
    atomic_size_t jobs;  /* the same, but for those that are finishing */
    atomic_uint turn;    /* for spreading */
    /*
     * Thefts, and starts from one thread to another: in between a fiber may be in no queue, or one
     * that was counted before.
     */
    atomic_uint moves_begun, moves_ended;
    atomic_bool helping; /* a thread has been called to help, and has not looked yet */

    pthread_mutex_t lock; /* for threads' coming and going */
    pthread_cond_t ended; /* a thread has left */
    /* Threads to be joined. They have nothing of ours left to do, but perhaps of the program's. */
    STAILQ_HEAD(, lc__loop_thread) left;
    atomic_uint made; /* loops lie below this index; a hint for thieves */
    /* Grows only; a loop is filled in before it is found here. */
    _Atomic(struct lc__loop *) loops[LC_EXECUTOR_THREADS_MAX];
};

TAILQ_HEAD(lc__executor_list, lc_executor);

/* All executors; the lock is held until lc__executors_unlock. */
struct lc__executor_list *lc__executors_lock(void);
void lc__executors_unlock(void);

/* The default one, made if there is none. NULL: no memory, or a forked child. */
lc_executor *lc__executor_default(void);
/* Where a new fiber goes. NULL: no memory. */
struct lc__loop *lc__executor_place(lc_executor *executor, lc_thread_group *group, bool spread);
/* A loop that is there already: one with a thread, if there is one. */
struct lc__loop *lc__executor_any_loop(lc_executor *executor);
/* Sees to it that a thread is in the loop. @return 0, -EAGAIN, -ENOMEM. */
int lc__executor_need_thread(struct lc__loop *loop);
/*
 * A fiber waits for a thread that will not soon come to it: wakes one, or makes one; `add`: beyond
 * the executor's number, if all of them are busy.
 */
void lc__executor_call_help(lc_executor *executor, bool add);
/* Looks for fibers to take from other loops. @return whether it got any. */
bool lc__executor_find_work(struct lc__loop *loop);
/*
 * The loop's thread has nothing to do; `waited` for as long as it would. @return whether it is to
 * leave: then the loop is no longer its.
 */
bool lc__executor_lets_go(struct lc__loop *loop, bool waited);
/* Whether the thread would leave once it has waited: it has no fibers, no timers, no guest. */
bool lc__executor_may_retire(struct lc__loop *loop);

/* For simulation.c: builds one of options known to be good; NULL: no memory. */
lc_executor *lc__executor_make(const lc_executor_options *options);
/* Puts it where the shutdown of the library finds it. */
void lc__executor_enlist(lc_executor *executor);
/* Frees one in which no thread is. */
void lc__executor_destroy(lc_executor *executor);

#endif
