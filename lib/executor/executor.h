/*
 * executor.h (internal): the record of an executor, its loops, and the list of all executors.
 * executor_make.h makes them. Floor 1, and of it only the files of the executor.
 */
#ifndef LIFECYCLE_EXECUTOR_EXECUTOR_H
#define LIFECYCLE_EXECUTOR_EXECUTOR_H

#include "base/lock.h"
#include "executor/loop.h"
#include "executor/thread_group.h"

#include <lifecycle/executor.h>

#include <bsd/sys/queue.h>
#include <pthread.h>
#include <stdatomic.h>

/* A thread that was made for a loop. */
struct lc__loop_thread {
    STAILQ_ENTRY(lc__loop_thread) link; /* in `left`, once the thread has left the loop */
    pthread_t id;
};

struct lc_executor {
    TAILQ_ENTRY(lc_executor) link; /* in the list of all executors, under its lock */
    char name[33];
    unsigned threads; /* guests, and threads added behind a stall, come on top */
    size_t stack_size;
    int64_t idle_timeout;
    int64_t stall_limit;
    const struct lc__loop_operations *operations; /* of its loops */
    struct lc__simulation *simulation;            /* NULL: the world is real */
    bool is_default;
    bool listed; /* under the lock of the list */

    atomic_bool closing;
    atomic_size_t bound; /* jobs: see job.h */
    atomic_size_t jobs;  /* the same, but those that are finishing */
    atomic_uint turn;    /* for spreading */
    /*
     * Thefts, and starts from one thread to another. Between the two counts a fiber may be in no
     * queue, or in one that was counted before: executor_shutdown.c.
     */
    atomic_uint moves_begun, moves_ended;
    atomic_bool helping; /* a thread has been called to help, and has not looked yet */

    struct lc__lock lock; /* for the coming and going of threads */
    pthread_cond_t ended; /* a thread has left, or the last job of a closing executor has ended */
    /* Threads to be joined. They run no code of the library any more, but perhaps the program's. */
    STAILQ_HEAD(, lc__loop_thread) left;
    atomic_uint made; /* all loops have a lower index; a hint for thieves */
    /* Grows only. A loop is filled in before it is found here. */
    _Atomic(struct lc__loop *) loops[LC_EXECUTOR_THREADS_MAX];
};

TAILQ_HEAD(lc__executor_list, lc_executor);

/* All executors. The caller holds the lock of the list until lc__executors_unlock. */
struct lc__executor_list *lc__executors_lock(void);
void lc__executors_unlock(void);
void lc__executors_add(lc_executor *executor);
/* Does nothing if the executor is not in the list. */
void lc__executors_remove(lc_executor *executor);

/* The loop of this index; NULL: there is none yet. */
struct lc__loop *lc__executor_loop(const lc_executor *executor, unsigned index);
/* The same, made if there is none. The caller holds the executor's lock. NULL: no memory. */
struct lc__loop *lc__executor_make_loop(lc_executor *executor, unsigned index);
/* The same, by a caller that does not hold the lock. */
struct lc__loop *lc__executor_need_loop(lc_executor *executor, unsigned index);
/* Takes the loops from an executor in which no thread is. */
void lc__executor_retire_loops(lc_executor *executor);
/* Frees the loops that were taken, at the shutdown of the library. */
void lc__executor_free_loops(void);

#endif
