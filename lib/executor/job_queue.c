/*
 * job_queue.c: see job_queue.h.
 *
 * What a thread of the executor posts goes into the ring of that thread, where two isolates that
 * talk to each other pay for no lock, and where a thread that has nothing to do takes jobs: after
 * Go's scheduler. What other threads post goes into the list.
 */
#include "executor/job_queue.h"

#include "base/clock.h"
#include "base/sanitizer.h"

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

enum { TAKEN_MAX = 64 }; /* jobs that go from one thread to another at a time */

void lc__job_queue_init(struct lc__job_queue *queue)
{
    STAILQ_INIT(&queue->posted);
}

/* ---- the list; under the lock ---- */

static void posted_count_add(struct lc__job_queue *queue, size_t by)
{
    size_t count = atomic_load_explicit(&queue->posted_count, memory_order_relaxed);
    atomic_store_explicit(&queue->posted_count, count + by, memory_order_release);
}

static void posted_append(struct lc__job_queue *queue, struct lc__job *job)
{
    STAILQ_INSERT_TAIL(&queue->posted, job, link);
    posted_count_add(queue, 1);
}

void lc__job_queue_post(struct lc__job_queue *queue, struct lc__job *job)
{
    lc__spinlock_lock(&queue->lock);
    posted_append(queue, job);
    lc__spinlock_unlock(&queue->lock);
}

bool lc__job_queue_spill(struct lc__job_queue *queue, struct lc__job *job)
{
    enum { HALF = LC__JOB_RING / 2 };
    struct lc__job *spilled[HALF];
    unsigned head = atomic_load_explicit(&queue->head, memory_order_acquire);
    unsigned tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    if (tail - head < LC__JOB_RING || !lc__job_queue_take(queue, head, HALF, spilled))
        return false; /* a thief has just taken some */
    lc__spinlock_lock(&queue->lock);
    for (unsigned i = 0; i < HALF; i++)
        posted_append(queue, spilled[i]);
    posted_append(queue, job);
    lc__spinlock_unlock(&queue->lock);
    return true;
}

/* ---- where a job may run ---- */

/* How many threads it may run on; 0: any. */
static unsigned job_width(const struct lc__job *job)
{
    return atomic_load_explicit(&job->threads, memory_order_relaxed) >> 16;
}

/* As lc__thread_group_has, without the group. */
bool lc__job_may_run(const struct lc__job *job, unsigned index, unsigned threads)
{
    unsigned window = atomic_load_explicit(&job->threads, memory_order_relaxed);
    unsigned first = window & UINT16_MAX;
    return window == 0 || (index < threads && (index + threads - first) % threads < window >> 16);
}

/* ---- taking ---- */

static void jobs_push(struct lc__job_queue *queue, struct lc__job **jobs, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        lc__job_queue_push(queue, jobs[i]);
}

unsigned lc__job_queue_take_posted(struct lc__job_queue *queue)
{
    struct lc__job *taken[TAKEN_MAX];
    unsigned count = 0;
    lc__spinlock_lock(&queue->lock);
    while (count < TAKEN_MAX && (taken[count] = STAILQ_FIRST(&queue->posted))) {
        STAILQ_REMOVE_HEAD(&queue->posted, link);
        count++;
    }
    posted_count_add(queue, -(size_t)count);
    lc__spinlock_unlock(&queue->lock);
    jobs_push(queue, taken, count);
    return count;
}

static unsigned posted_steal(struct lc__job_queue *thief, struct lc__job_queue *victim,
                             unsigned index, unsigned threads)
{
    struct lc__job *taken[TAKEN_MAX];
    unsigned count = 0;
    struct lc__job_list rest = STAILQ_HEAD_INITIALIZER(rest);
    struct lc__job *job;
    lc__spinlock_lock(&victim->lock);
    for (unsigned i = 0; i < TAKEN_MAX && (job = STAILQ_FIRST(&victim->posted)); i++) {
        STAILQ_REMOVE_HEAD(&victim->posted, link);
        if (lc__job_may_run(job, index, threads))
            taken[count++] = job;
        else
            STAILQ_INSERT_TAIL(&rest, job, link);
    }
    /* Those that may not go are the oldest still. */
    STAILQ_CONCAT(&rest, &victim->posted);
    STAILQ_CONCAT(&victim->posted, &rest);
    posted_count_add(victim, -(size_t)count);
    lc__spinlock_unlock(&victim->lock);
    jobs_push(thief, taken, count);
    return count;
}

/*
 * How many jobs from `head` on may go, of at most `most`. Another thread may take a job, and the
 * job even end, while this one looks at it: its memory stays, and then the head has moved.
 */
static unsigned ring_count_that_may(struct lc__job_queue *victim, unsigned head, unsigned most,
                                    unsigned index, unsigned threads)
{
    unsigned count = 0;
    while (count < most &&
           lc__job_may_run(atomic_load_explicit(&victim->ring[(head + count) % LC__JOB_RING],
                                                memory_order_relaxed),
                           index, threads))
        count++;
    return count;
}

/* Takes the first half of a ring, as far as the jobs may go. @return how many. */
static unsigned ring_steal(struct lc__job_queue *thief, struct lc__job_queue *victim,
                           unsigned index, unsigned threads)
{
    struct lc__job *taken[TAKEN_MAX];
    for (;;) {
        unsigned head = atomic_load_explicit(&victim->head, memory_order_acquire);
        unsigned there = atomic_load_explicit(&victim->tail, memory_order_acquire) - head;
        if (there > LC__JOB_RING) /* the head has moved between the two looks */
            continue;
        unsigned most = (there + 1) / 2 < TAKEN_MAX ? (there + 1) / 2 : TAKEN_MAX;
        unsigned count = ring_count_that_may(victim, head, most, index, threads);
        if (count == 0)
            return 0;
        if (!lc__job_queue_take(victim, head, count, taken))
            continue;
        jobs_push(thief, taken, count);
        return count;
    }
}

bool lc__job_queue_steal(struct lc__job_queue *thief, struct lc__job_queue *victim, unsigned index,
                         unsigned threads)
{
    return (lc__job_queue_has_posted(victim) && posted_steal(thief, victim, index, threads) > 0) ||
           ring_steal(thief, victim, index, threads) > 0;
}

/* ---- looking ---- */

bool lc__job_queue_is_empty(const struct lc__job_queue *queue)
{
    return lc__job_queue_count(queue) == 0 && atomic_load(&queue->posted_count) == 0;
}

bool lc__job_queue_has_aged(struct lc__job_queue *queue, int64_t age)
{
    unsigned head = atomic_load_explicit(&queue->head, memory_order_relaxed);
    unsigned tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    if (tail - head < 2) {
        queue->since = 0;
        return false;
    }
    int64_t now = lc__clock_real.now(&lc__clock_real);
    if (queue->since == 0 || (int)(head - queue->mark) >= 0) { /* all that were there have gone */
        queue->since = now;
        queue->mark = tail;
        return false;
    }
    const struct lc__job *first =
        atomic_load_explicit(&queue->ring[head % LC__JOB_RING], memory_order_relaxed);
    bool may_go_elsewhere = job_width(first) != 1;
    return may_go_elsewhere && now - queue->since >= age;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
