/*
 * job.c: see job.h. job_queue.c keeps the jobs of a loop, and job_fiber.c runs them.
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

static bool is_for(const struct lc__job *job, const struct lc__loop *loop)
{
    return loop && loop->executor == job->executor &&
           lc__job_may_run(job, loop->index, loop->threads);
}

static void post_here(struct lc__loop *loop, struct lc__job *job)
{
    lc__job_queue_push(&loop->jobs, job);
    lc__job_fiber_serve(loop);
}

/*
 * Into a loop that is another thread's, or nobody's: as a fiber that is handed over, see fiber.c.
 * @return 0, -EAGAIN, -ENOMEM, -ENOTSUP; if it `must` be, it is there all the same.
 */
static int post_there(struct lc__loop *loop, struct lc__job *job, bool must)
{
    lc_executor *executor = loop->executor;
    atomic_fetch_add_explicit(&loop->wakers, 1, memory_order_relaxed);
    atomic_fetch_add(&loop->bookings, 1);
    atomic_fetch_add(&executor->moves_begun, 1);
    int result = lc__executor_need_thread(loop);
    if (result == 0 || must)
        lc__job_queue_post(&loop->jobs, job);
    atomic_fetch_add(&executor->moves_ended, 1);
    atomic_fetch_sub(&loop->bookings, 1);
    lc__loop_poke(loop);
    /* Release: after this the loop may be freed. */
    atomic_fetch_sub_explicit(&loop->wakers, 1, memory_order_release);
    return result;
}

int lc__job_start(struct lc__job *job, bool spread)
{
    struct lc__loop *own = lc__loop_of_thread;
    if (!spread && is_for(job, own)) {
        post_here(own, job);
        return 0;
    }
    struct lc__loop *loop = lc__executor_place(job->executor, job->group, spread);
    if (!loop)
        return -ENOMEM;
    if (lc__loop_is_here(loop)) {
        post_here(loop, job);
        return 0;
    }
    return post_there(loop, job, false);
}

void lc__job_post(struct lc__job *job)
{
    struct lc__loop *own = lc__loop_of_thread;
    if (is_for(job, own)) {
        post_here(own, job);
        return;
    }
    struct lc__loop *loop = lc__executor_place(job->executor, job->group, false);
    if (!loop)
        loop = lc__executor_any_loop(job->executor);
    if (loop->simulation) {
        post_here(loop, job);
        return;
    }
    /* Where jobs are bound there is a thread; if there cannot be one here, it goes there. */
    if (lc__executor_need_thread(loop) < 0)
        loop = lc__executor_any_loop(job->executor);
    post_there(loop, job, true);
}

int lc__executor_bind(lc_executor *executor)
{
    /* Sequentially consistent, as who closes: he sees the job, or we that he closes. */
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
    atomic_fetch_sub(&executor->jobs, 1);
}

void lc__executor_unbind(lc_executor *executor)
{
    /* The executor is still there: who frees it waits for the thread we are on. */
    if (atomic_fetch_sub(&executor->bound, 1) > 1 || !atomic_load(&executor->closing))
        return;
    pthread_mutex_lock(&executor->lock);
    pthread_cond_broadcast(&executor->ended);
    pthread_mutex_unlock(&executor->lock);
}

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
