/*
 * job.c: see job.h.
 *
 * The life of a job:
 *
 *            lc__job_start()                  jobs_next()               run() returns
 *     bound ------------------> in one queue ------------> in a job fiber ---------> idle
 *                                    ^                           |                    |
 *                                    +------ lc__job_post() -----+--------------------+
 *
 * Callers. A thread of the executor posts into the ring of its own loop, where only thieves compete
 * with it. Any other thread posts into the list of a loop that it has booked.
 *
 * Invariant. A posted job is in exactly one queue, of a loop that has a thread, and the thread
 * stays until it has run the job or another thread has stolen it.
 *
 * Why no job is lost:
 * - In its own loop the thread itself makes sure that a job fiber exists (lc__job_fiber_serve). If
 *   there is no memory for one, the thread tries again after a millisecond.
 * - In another loop the booking keeps the thread, or makes one (lc__loop_book). The poke comes
 *   after the job is in the list: see loop.c.
 * - When the job fiber waits, its `leaves` hook makes another one for the rest of the queue.
 * - A thread that leaves the loop looks at the queue after it has declared that it is gone, and
 *   comes back if there is a job (lc__executor_lets_go).
 * - lc__job_post cannot fail. Where jobs are bound at least one thread stays, and if no thread can
 *   be made for the loop in turn, the job goes to that one.
 */
#include "executor/job.h"

#include "base/sanitizer.h"
#include "executor/executor_threads.h"
#include "executor/job_fiber.h"
#include "executor/placement.h"

#include <errno.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

/* ---- posting ---- */

void lc__job_init(struct lc__job *job, const struct lc__job_kind *kind, lc_executor *executor,
                  struct lc_thread_group *group)
{
    job->kind = kind;
    job->executor = executor;
    job->group = group;
    atomic_store_explicit(&job->threads, group ? group->count << 16 | group->first : 0,
                          memory_order_relaxed);
}

static bool job_is_for(const struct lc__job *job, const struct lc__loop *loop)
{
    return loop && loop->executor == job->executor &&
           lc__job_may_run(job, loop->index, loop->threads);
}

static void job_post_here(struct lc__loop *loop, struct lc__job *job)
{
    LC__ASSERT(lc__loop_is_here(loop));
    lc__job_queue_push(&loop->jobs, job);
    lc__job_fiber_serve(loop);
}

/*
 * Posts into the loop of another thread, or of none. With `must` the job is posted also if no
 * thread could be made. @return 0, -EAGAIN, -ENOMEM, -ENOTSUP.
 */
static int job_post_there(struct lc__loop *loop, struct lc__job *job, bool must)
{
    int result = lc__loop_book(loop);
    if (result == 0 || must)
        lc__job_queue_post(&loop->jobs, job);
    lc__loop_unbook(loop);
    return result;
}

int lc__job_start(struct lc__job *job, bool spread)
{
    LC__ASSERT(atomic_load(&job->executor->bound) > 0);
    struct lc__loop *own = lc__loop_of_thread;
    struct lc__loop *loop = !spread && job_is_for(job, own)
                                ? own
                                : lc__executor_place(job->executor, job->group, spread);
    if (!loop)
        return -ENOMEM;
    if (!lc__loop_is_here(loop))
        return job_post_there(loop, job, false);
    job_post_here(loop, job);
    return 0;
}

void lc__job_post(struct lc__job *job)
{
    struct lc__loop *own = lc__loop_of_thread;
    if (job_is_for(job, own)) {
        job_post_here(own, job);
        return;
    }
    struct lc__loop *loop = lc__executor_place(job->executor, job->group, false);
    if (!loop)
        loop = lc__executor_any_loop(job->executor);
    if (loop->simulation) {
        job_post_here(loop, job);
        return;
    }
    if (lc__executor_need_thread(loop) < 0)
        loop = lc__executor_any_loop(job->executor);
    job_post_there(loop, job, true);
}

/* ---- counting ---- */

int lc__executor_bind(lc_executor *executor)
{
    /*
     * A store/load handshake with lc_executor_free(), which stores `closing` and loads `bound`. If
     * both see each other, the job is counted out again, and the free goes on.
     */
    atomic_fetch_add(&executor->bound, 1);
    atomic_fetch_add(&executor->jobs, 1);
    if (!atomic_load(&executor->closing))
        return 0;
    lc__job_finishing(executor);
    lc__executor_unbind(executor);
    return -ESHUTDOWN;
}

void lc__job_finishing(lc_executor *executor)
{
    LC__ASSERT(atomic_load(&executor->jobs) > 0);
    atomic_fetch_sub(&executor->jobs, 1);
}

void lc__executor_unbind(lc_executor *executor)
{
    LC__ASSERT(atomic_load(&executor->bound) > 0);
    /* The executor stays while this thread is in one of its loops. */
    if (atomic_fetch_sub(&executor->bound, 1) > 1 || !atomic_load(&executor->closing))
        return;
    lc__lock_take(&executor->lock);
    pthread_cond_broadcast(&executor->ended);
    lc__lock_give(&executor->lock);
}

/* ---- the calling thread ---- */

bool lc__executor_is_of_this_world(const lc_executor *executor)
{
    return lc__task_current()->simulation == executor->simulation;
}

struct lc__cache *lc__loop_cache(void)
{
    struct lc__loop *loop = lc__loop_of_thread;
    return loop && !loop->simulation ? &loop->cache : NULL;
}

unsigned lc__loop_index(void)
{
    return lc__loop_of_thread ? lc__loop_of_thread->index : 0;
}

/* ---- the overseer ---- */

static _Atomic(const struct lc__job_overseer *) overseer;

void lc__jobs_overseen_by(const struct lc__job_overseer *by)
{
    atomic_store_explicit(&overseer, by, memory_order_relaxed);
}

void lc__jobs_name_one(const lc_executor *executor, char *name)
{
    const struct lc__job_overseer *by = atomic_load_explicit(&overseer, memory_order_relaxed);
    name[0] = '\0';
    if (by)
        by->name_one(executor, name);
}

void lc__jobs_drop(const lc_executor *executor)
{
    const struct lc__job_overseer *by = atomic_load_explicit(&overseer, memory_order_relaxed);
    if (by)
        by->drop(executor);
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
