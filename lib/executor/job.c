/*
 * job.c: see job.h.
 *
 * What a thread of the executor posts goes into a queue of that thread alone, so that two isolates
 * that talk to each other pay for no lock. What others post, and what has waited long while another
 * thread may have time, lies under the loop's lock, where all can take it.
 *
 * ThreadSanitizer does not see this file, as it does not see loop.c, and for the same reason.
 */
#include "executor/job.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/sanitizer.h"
#include "executor/executor.h"
#include "executor/simulation.h"

#include <errno.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

enum {
    TAKEN_MAX = 64,    /* jobs that a thread takes at a time of those put there for all */
    SHARED_MAX = 1024, /* jobs that a thread puts there at a time: a wake-up is to be worth it */
    CHOICE_MAX = 16,   /* jobs among which a simulation chooses */
    SLICE = 32,        /* jobs that run before the thread's fibers have their turn */
};

/* ---- queues ---- */

static void append(struct lc__job_queue *queue, struct lc__job *job)
{
    job->next = NULL;
    if (queue->first)
        queue->last->next = job;
    else
        queue->first = job;
    queue->last = job;
}

static struct lc__job *shift(struct lc__job_queue *queue)
{
    struct lc__job *job = queue->first;
    if (job)
        queue->first = job->next;
    return job;
}

static void append_own(struct lc__jobs *jobs, struct lc__job *job)
{
    append(&jobs->queue, job);
    jobs->count++;
}

static struct lc__job *shift_own(struct lc__jobs *jobs)
{
    struct lc__job *job = shift(&jobs->queue);
    if (job) {
        jobs->count--;
        jobs->taken++;
    }
    return job;
}

/* Under the lock for what is fresh. The queue is not empty. */
static void post_all_locked(struct lc__loop *loop, const struct lc__job_queue *queue, size_t count)
{
    struct lc__job_queue *posted = &loop->jobs.posted;
    if (posted->first)
        posted->last->next = queue->first;
    else
        posted->first = queue->first;
    posted->last = queue->last;
    size_t before = atomic_load_explicit(&loop->posted_count, memory_order_relaxed);
    atomic_store_explicit(&loop->posted_count, before + count, memory_order_release);
}

/*
 * Takes some of what is posted at `victim`, which may be `thief` itself. @return how many.
 */
static unsigned take_posted(struct lc__loop *thief, struct lc__loop *victim)
{
    unsigned taken = 0;
    struct lc__job_queue rest = {NULL, NULL};
    struct lc__job *job;
    lc__spinlock_lock(&victim->fresh_lock);
    size_t count = atomic_load_explicit(&victim->posted_count, memory_order_relaxed);
    while (taken < TAKEN_MAX && (job = shift(&victim->jobs.posted))) {
        /* In its own loop it has its place, though its group's threads may be others. */
        if (thief != victim && job->group && !lc__group_has(job->group, thief->index)) {
            append(&rest, job);
            continue;
        }
        append_own(&thief->jobs, job);
        taken++;
    }
    if (rest.first) {
        rest.last->next = victim->jobs.posted.first;
        if (!victim->jobs.posted.first)
            victim->jobs.posted.last = rest.last;
        victim->jobs.posted.first = rest.first;
    }
    atomic_store_explicit(&victim->posted_count, count - taken, memory_order_release);
    lc__spinlock_unlock(&victim->fresh_lock);
    return taken;
}

bool lc__jobs_is_empty(const struct lc__loop *loop)
{
    return loop->jobs.count == 0 && atomic_load(&loop->posted_count) == 0;
}

bool lc__jobs_steal(struct lc__loop *thief, struct lc__loop *victim)
{
    return atomic_load_explicit(&victim->posted_count, memory_order_relaxed) > 0 &&
           take_posted(thief, victim) > 0;
}

/* ---- carriers ---- */

/* Any order is possible in a simulation. */
static struct lc__job *choose(struct lc__loop *loop)
{
    struct lc__jobs *jobs = &loop->jobs;
    size_t among = jobs->count < CHOICE_MAX ? jobs->count : CHOICE_MAX;
    for (size_t skip = lc__simulation_choose(loop->simulation, among); skip > 0; skip--) {
        append(&jobs->queue, shift(&jobs->queue));
    }
    return shift_own(jobs);
}

static struct lc__job *next_job(struct lc__loop *loop)
{
    if (loop->jobs.count == 0 &&
        (atomic_load_explicit(&loop->posted_count, memory_order_relaxed) == 0 ||
         take_posted(loop, loop) == 0))
        return NULL;
    return loop->simulation ? choose(loop) : shift_own(&loop->jobs);
}

static void run(struct lc__fiber *carrier, struct lc__job *job)
{
    /* Release: who sees the job sees that the one before is gone. See note in monitor.c. */
    atomic_store_explicit(&carrier->job, job, memory_order_release);
    job->kind->run(job);
    atomic_store_explicit(&carrier->job, NULL, memory_order_release);
}

static void let_others_run(struct lc__loop *loop, struct lc__fiber *self)
{
    bool patient = loop->jobs.slice > 0 && !loop->simulation;
    loop->jobs.slice -= patient;
    if (lc__loop_turn(loop, self, patient))
        loop->jobs.slice = SLICE;
}

static void carry(void *arg)
{
    struct lc__loop *loop = arg;
    struct lc__fiber *self = lc__fiber_current();
    struct lc__job *job;
    loop->jobs.carrier_due = false;
    if (!loop->jobs.carrier)
        loop->jobs.carrier = self;
    /* After a job that waited, another may be the carrier. */
    while (loop->jobs.carrier == self && (job = next_job(loop))) {
        run(self, job);
        if (loop->jobs.carrier == self)
            let_others_run(loop, self);
        else if (!loop->jobs.carrier)
            loop->jobs.carrier = self;
    }
    if (loop->jobs.carrier == self)
        loop->jobs.carrier = NULL;
}

bool lc__jobs_serve(struct lc__loop *loop)
{
    if (loop->jobs.carrier || loop->jobs.carrier_due || lc__jobs_is_empty(loop))
        return true;
    struct lc__fiber_options carrier = {
        .name = "isolates",
        .run = carry,
        .arg = loop,
        .executor = loop->executor,
        .pinned = true,
        .finishing = true, /* what keeps the library up is jobs, not who carries them */
        .late = true,
    };
    loop->jobs.carrier_due = true;
    if (lc__fiber_start(&carrier) == 0)
        return true;
    loop->jobs.carrier_due = false;
    return false;
}

void lc__jobs_leave(struct lc__loop *loop, const struct lc__fiber *fiber)
{
    if (loop->jobs.carrier != fiber)
        return;
    loop->jobs.carrier = NULL;
    lc__jobs_serve(loop); /* else the thread does, when it looks around */
}

/* ---- posting ---- */

static bool is_for(const struct lc__job *job, const struct lc__loop *loop)
{
    return loop && loop->executor == job->executor &&
           (!job->group || lc__group_has(job->group, loop->index));
}

static void post_here(struct lc__loop *loop, struct lc__job *job)
{
    append_own(&loop->jobs, job);
    lc__jobs_serve(loop);
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
    if (result == 0 || must) {
        lc__spinlock_lock(&loop->fresh_lock);
        job->next = NULL;
        post_all_locked(loop, &(struct lc__job_queue){job, job}, 1);
        lc__spinlock_unlock(&loop->fresh_lock);
    }
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
    if (loop == own || loop->simulation) {
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

/* ---- sharing ---- */

bool lc__jobs_share(struct lc__loop *loop)
{
    struct lc__jobs *jobs = &loop->jobs;
    if (jobs->count < 2 || loop->simulation || loop->executor->threads < 2) {
        jobs->since = 0;
        return false;
    }
    int64_t now = lc__clock_real.now(&lc__clock_real);
    if (jobs->since == 0 || jobs->taken >= jobs->mark) {
        jobs->since = now;
        jobs->mark = jobs->taken + jobs->count;
        return false;
    }
    if (now - jobs->since < LC__FRESH_AGE)
        return false;
    /* Unless what was put there last still lies there, or the first may go nowhere else. */
    const struct lc_group *group = jobs->queue.first->group;
    if (atomic_load_explicit(&loop->posted_count, memory_order_relaxed) > 0 ||
        (group && group->count == 1))
        return false;
    size_t most = jobs->count / 2 < SHARED_MAX ? jobs->count / 2 : SHARED_MAX;
    struct lc__job_queue shared = {NULL, NULL};
    for (size_t i = 0; i < most; i++)
        append(&shared, shift_own(jobs));
    lc__spinlock_lock(&loop->fresh_lock);
    post_all_locked(loop, &shared, most);
    lc__spinlock_unlock(&loop->fresh_lock);
    return true;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
