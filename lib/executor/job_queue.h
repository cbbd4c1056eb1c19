/*
 * job_queue.h: jobs, and the queue of those that wait for their next run in one loop. job.h says
 * what a job is. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_JOB_QUEUE_H
#define LIFECYCLE_EXECUTOR_JOB_QUEUE_H

#include "base/spin.h"

#include <lifecycle/executor.h>

#include <bsd/sys/queue.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lc__job;

struct lc__job_kind {
    /*
     * Runs the job. After the last post the job may already run on another thread, so `run` touches
     * nothing of it any more.
     */
    void (*run)(struct lc__job *job);
    /*
     * Copies its name, from any thread, also while the job ends. So the memory of a job is given
     * back only in the library's shutdown. Room for LC_NAME_MAX + 1.
     */
    void (*copy_name)(struct lc__job *job, char *name);
};

/* Embedded, first, in the object that is run. */
struct lc__job {
    STAILQ_ENTRY(lc__job) link; /* in the list of a queue */
    const struct lc__job_kind *kind;
    lc_executor *executor;
    struct lc_thread_group *group; /* the threads it may run on; NULL: any. Borrowed */
    /*
     * The same for a thread that looks at a job which may just end, and its group with it: the
     * first of the threads, and above 16 bits their number; 0: any.
     */
    atomic_uint threads;
};

enum { LC__JOB_RING = 256 };

/*
 *     ring:  | . | a | b | c | . |    from `head` to `tail`, round. The loop's thread puts a job at
 *                  ^ head      ^ tail   the tail. A thread takes jobs by moving the head: the
 *                                       loop's thread, or a thief.
 *
 * What does not fit into the ring, and what other threads post, is in a list under a lock.
 */
struct lc__job_queue {
    atomic_uint head;
    atomic_uint tail; /* the loop's thread moves it */
    _Atomic(struct lc__job *) ring[LC__JOB_RING];
    struct lc__spinlock lock;
    STAILQ_HEAD(lc__job_list, lc__job) posted; /* under the lock */
    atomic_size_t posted_count;                /* written under the lock */
    /* Of the loop's thread. */
    unsigned mark; /* where the tail was at `since` */
    int64_t since; /* 0: there is no mark */
};

void lc__job_queue_init(struct lc__job_queue *queue);

/* Puts a job into the list, from any thread. */
void lc__job_queue_post(struct lc__job_queue *queue, struct lc__job *job);
/*
 * Moves some of the posted jobs into the ring. By the loop's thread.
 * @return how many.
 */
unsigned lc__job_queue_take_posted(struct lc__job_queue *queue);
/*
 * Moves some jobs from another loop's queue into the ring of `thief`, those that may run on the
 * thread of this index among so many. By the thief's thread. @return whether there were any.
 */
bool lc__job_queue_steal(struct lc__job_queue *thief, struct lc__job_queue *victim, unsigned index,
                         unsigned threads);
/* Half of a full ring and then `job` go to the list. @return false: the ring has room by now. */
bool lc__job_queue_spill(struct lc__job_queue *queue, struct lc__job *job);
/* Exact if nothing adds or takes. */
bool lc__job_queue_is_empty(const struct lc__job_queue *queue);
/*
 * Whether jobs that another thread may run have been in the ring for longer than `age`. By the
 * loop's thread.
 */
bool lc__job_queue_has_aged(struct lc__job_queue *queue, int64_t age);
/* Whether the job may run on the thread of this index among so many. */
bool lc__job_may_run(const struct lc__job *job, unsigned index, unsigned threads);

static inline bool lc__job_queue_has_posted(const struct lc__job_queue *queue)
{
    return atomic_load_explicit(&queue->posted_count, memory_order_relaxed) > 0;
}

/* How many jobs are in the ring. */
static inline unsigned lc__job_queue_count(const struct lc__job_queue *queue)
{
    unsigned head = atomic_load_explicit(&queue->head, memory_order_acquire);
    return atomic_load_explicit(&queue->tail, memory_order_acquire) - head;
}

/*
 * Takes the first `count` jobs, at which `head` stood, into `taken`. Read before the head is moved:
 * after that their places may be used again. @return false: another thread was faster.
 */
static inline bool lc__job_queue_take(struct lc__job_queue *queue, unsigned head, unsigned count,
                                      struct lc__job **taken)
{
    for (unsigned i = 0; i < count; i++)
        taken[i] =
            atomic_load_explicit(&queue->ring[(head + i) % LC__JOB_RING], memory_order_relaxed);
    /* Release: the thread that sees the head moved may write where this one has read. */
    return atomic_compare_exchange_strong_explicit(&queue->head, &head, head + count,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

/* Takes the first job out of the ring; NULL: it is empty. By the loop's thread. */
static inline struct lc__job *lc__job_queue_shift(struct lc__job_queue *queue)
{
    struct lc__job *job;
    for (;;) {
        unsigned head = atomic_load_explicit(&queue->head, memory_order_acquire);
        if (head == atomic_load_explicit(&queue->tail, memory_order_relaxed))
            return NULL;
        if (lc__job_queue_take(queue, head, 1, &job))
            return job;
    }
}

/* Puts a job behind the others. By the loop's thread. */
static inline void lc__job_queue_push(struct lc__job_queue *queue, struct lc__job *job)
{
    for (;;) {
        /* Acquire: pairs with the release by which a thief moved the head, having read the job. */
        unsigned head = atomic_load_explicit(&queue->head, memory_order_acquire);
        unsigned tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
        if (tail - head < LC__JOB_RING) {
            atomic_store_explicit(&queue->ring[tail % LC__JOB_RING], job, memory_order_relaxed);
            /* Release: a thread that sees the tail moved sees the job there. */
            atomic_store_explicit(&queue->tail, tail + 1, memory_order_release);
            return;
        }
        if (lc__job_queue_spill(queue, job))
            return;
    }
}

#endif
