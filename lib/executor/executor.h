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
    const struct lc__loop_operations *operations; /* of its loops */
    struct lc__simulation *simulation;            /* NULL: real */
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
void lc__executors_add(lc_executor *executor);
void lc__executors_remove(lc_executor *executor);

/* The loop of this index; NULL: there is none. */
struct lc__loop *lc__executor_loop(const lc_executor *executor, unsigned index);
/* The same, made if there is none; under the executor's lock. NULL: no memory. */
struct lc__loop *lc__executor_make_loop(lc_executor *executor, unsigned index);
/* The same without the lock. */
struct lc__loop *lc__executor_need_loop(lc_executor *executor, unsigned index);
/* Takes its loops from an executor in which no thread is. */
void lc__executor_retire_loops(lc_executor *executor);
/* Frees the loops that were taken, at the shutdown of the library. */
void lc__executor_free_loops(void);

#endif
