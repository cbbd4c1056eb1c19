/*
 * job.c: see job.h.
 *
 * What a thread of the executor posts goes into a ring of that thread, where two isolates that talk to
 * each other pay for no lock, and where a thread that has nothing to do can help itself: after Go's
 * scheduler. What others post goes into a list under the loop's lock.
 *
 * ThreadSanitizer does not see this file, as it does not see loop.c, and for the same reason.
 */
#include "executor/job.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/sanitizer.h"
#include "executor/executor_threads.h"
#include "executor/placement.h"
#include "executor/simulation.h"

#include <errno.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

enum {
    TAKEN_MAX = 64,  /* jobs that go from one thread to another at a time */
    CHOICE_MAX = 16, /* jobs among which a simulation chooses */
    SLICE = 32,      /* jobs that run before the thread's fibers have their turn */
    LOOK = 61,       /* jobs that run before what others have posted is looked at */
};

/* ---- lists; under the lock for what is fresh ---- */

static struct lc__job *shift(struct lc__job_queue *queue)
{
    struct lc__job *job = queue->first;
    if (job)
        queue->first = job->next;
    return job;
}

static void append(struct lc__job_queue *queue, struct lc__job *job)
{
    job->next = NULL;
    if (queue->first)
        queue->last->next = job;
    else
        queue->first = job;
    queue->last = job;
}

static void count_posted(struct lc__loop *loop, size_t by)
{
    size_t count = atomic_load_explicit(&loop->posted_count, memory_order_relaxed);
    atomic_store_explicit(&loop->posted_count, count + by, memory_order_release);
}

static void post(struct lc__loop *loop, struct lc__job *job)
{
    append(&loop->jobs.posted, job);
    count_posted(loop, 1);
}

/* ---- the ring ---- */

static unsigned ring_count(const struct lc__jobs *jobs)
{
    unsigned head = atomic_load_explicit(&jobs->head, memory_order_acquire);
    return atomic_load_explicit(&jobs->tail, memory_order_acquire) - head;
}

/*
 * Takes the first `count` jobs, at which `head` stood, into `taken`. Read before the head is moved:
 * after that their places may be used again. @return false: somebody else was faster.
 */
static bool take_from_ring(struct lc__jobs *jobs, unsigned head, unsigned count,
                           struct lc__job **taken)
{
    for (unsigned i = 0; i < count; i++)
        taken[i] =
            atomic_load_explicit(&jobs->ring[(head + i) % LC__JOB_RING], memory_order_relaxed);
    /* Release: who sees the head moved may write where we have read. */
    return atomic_compare_exchange_strong_explicit(&jobs->head, &head, head + count,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

/* By the loop's thread. NULL: it is empty. */
static struct lc__job *shift_ring(struct lc__jobs *jobs)
{
    struct lc__job *job;
    for (;;) {
        unsigned head = atomic_load_explicit(&jobs->head, memory_order_acquire);
        if (head == atomic_load_explicit(&jobs->tail, memory_order_relaxed))
            return NULL;
        if (take_from_ring(jobs, head, 1, &job))
            return job;
    }
}

/* The ring is full: half of it goes to the list, where all can take it, and the job behind it. */
static bool spill(struct lc__loop *loop, struct lc__job *job)
{
    enum { HALF = LC__JOB_RING / 2 };
    struct lc__job *spilled[HALF];
    unsigned head = atomic_load_explicit(&loop->jobs.head, memory_order_acquire);
    unsigned tail = atomic_load_explicit(&loop->jobs.tail, memory_order_relaxed);
    if (tail - head < LC__JOB_RING || !take_from_ring(&loop->jobs, head, HALF, spilled))
        return false; /* somebody has just taken some */
    lc__spinlock_lock(&loop->fresh_lock);
    for (unsigned i = 0; i < HALF; i++)
        post(loop, spilled[i]);
    post(loop, job);
    lc__spinlock_unlock(&loop->fresh_lock);
    return true;
}

/* By the loop's thread. */
static void push_ring(struct lc__loop *loop, struct lc__job *job)
{
    struct lc__jobs *jobs = &loop->jobs;
    for (;;) {
        /* Acquire: pairs with the release of who moved the head, and has read what was there. */
        unsigned head = atomic_load_explicit(&jobs->head, memory_order_acquire);
        unsigned tail = atomic_load_explicit(&jobs->tail, memory_order_relaxed);
        if (tail - head < LC__JOB_RING) {
            atomic_store_explicit(&jobs->ring[tail % LC__JOB_RING], job, memory_order_relaxed);
            /* Release: who sees the tail moved sees the job there. */
            atomic_store_explicit(&jobs->tail, tail + 1, memory_order_release);
            return;
        }
        if (spill(loop, job))
            return;
    }
}

/* ---- taking what others have ---- */

/* How many threads it may run on; 0: any. */
static unsigned width(const struct lc__job *job)
{
    return atomic_load_explicit(&job->threads, memory_order_relaxed) >> 16;
}

/* As lc__thread_group_has, without the group. */
static bool may_go(const struct lc__job *job, const struct lc__loop *thief)
{
    unsigned window = atomic_load_explicit(&job->threads, memory_order_relaxed);
    unsigned threads = thief->executor->threads, first = window & UINT16_MAX;
    return window == 0 ||
           (thief->index < threads && (thief->index + threads - first) % threads < window >> 16);
}

/*
 * Takes some of what is posted at `victim`, which may be `thief` itself. @return how many.
 */
static unsigned take_posted(struct lc__loop *thief, struct lc__loop *victim)
{
    struct lc__job *taken[TAKEN_MAX];
    unsigned count = 0;
    struct lc__job_queue rest = {NULL, NULL};
    struct lc__job *job;
    lc__spinlock_lock(&victim->fresh_lock);
    for (unsigned looked = 0; looked < TAKEN_MAX && (job = shift(&victim->jobs.posted)); looked++) {
        /* In its own loop it has its place, though its group's threads may be others. */
        if (thief == victim || may_go(job, thief))
            taken[count++] = job;
        else
            append(&rest, job);
    }
    if (rest.first) {
        rest.last->next = victim->jobs.posted.first;
        if (!victim->jobs.posted.first)
            victim->jobs.posted.last = rest.last;
        victim->jobs.posted.first = rest.first;
    }
    count_posted(victim, -(size_t)count);
    lc__spinlock_unlock(&victim->fresh_lock);
    for (unsigned i = 0; i < count; i++)
        push_ring(thief, taken[i]);
    return count;
}

/* Takes the first half of a ring, as far as the jobs may go with the thief. @return how many. */
static unsigned take_half(struct lc__loop *thief, struct lc__loop *victim)
{
    struct lc__job *taken[TAKEN_MAX];
    struct lc__jobs *jobs = &victim->jobs;
    for (;;) {
        unsigned head = atomic_load_explicit(&jobs->head, memory_order_acquire);
        unsigned there = atomic_load_explicit(&jobs->tail, memory_order_acquire) - head;
        unsigned most = (there + 1) / 2 < TAKEN_MAX ? (there + 1) / 2 : TAKEN_MAX;
        unsigned count = 0;
        if (there > LC__JOB_RING) /* the head has moved between the two looks */
            continue;
        /*
         * A job may be taken by another, and even end, while we look at it; its memory stays, though
         * not its group's, and then the head has moved.
         */
        for (; count < most; count++)
            if (!may_go(atomic_load_explicit(&jobs->ring[(head + count) % LC__JOB_RING],
                                             memory_order_relaxed),
                        thief))
                break;
        if (count == 0)
            return 0;
        if (!take_from_ring(jobs, head, count, taken))
            continue;
        for (unsigned i = 0; i < count; i++)
            push_ring(thief, taken[i]);
        return count;
    }
}

bool lc__jobs_is_empty(const struct lc__loop *loop)
{
    return ring_count(&loop->jobs) == 0 && atomic_load(&loop->posted_count) == 0;
}

static bool has_posted(const struct lc__loop *loop)
{
    return atomic_load_explicit(&loop->posted_count, memory_order_relaxed) > 0;
}

bool lc__jobs_steal(struct lc__loop *thief, struct lc__loop *victim)
{
    return (has_posted(victim) && take_posted(thief, victim) > 0) || take_half(thief, victim) > 0;
}

/* ---- carriers ---- */

/* Any order is possible in a simulation: one of the first goes before the others. */
static void shuffle(struct lc__loop *loop)
{
    struct lc__jobs *jobs = &loop->jobs;
    unsigned count = ring_count(jobs);
    unsigned head = atomic_load_explicit(&jobs->head, memory_order_relaxed);
    size_t among = count < CHOICE_MAX ? count : CHOICE_MAX;
    unsigned chosen = head + (unsigned)lc__simulation_choose(loop->simulation, among);
    _Atomic(struct lc__job *) *first = &jobs->ring[head % LC__JOB_RING];
    _Atomic(struct lc__job *) *other = &jobs->ring[chosen % LC__JOB_RING];
    struct lc__job *job = atomic_load_explicit(first, memory_order_relaxed);
    atomic_store_explicit(first, atomic_load_explicit(other, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_store_explicit(other, job, memory_order_relaxed);
}

static struct lc__job *next_job(struct lc__loop *loop)
{
    /* Now and then, since isolates that talk to each other never leave the ring empty. */
    bool looks = loop->simulation || ++loop->jobs.turn % LOOK == 0 || ring_count(&loop->jobs) == 0;
    if (looks && has_posted(loop))
        take_posted(loop, loop);
    if (loop->simulation)
        shuffle(loop);
    return shift_ring(&loop->jobs);
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
    int64_t now = loop->simulation ? 0 : lc__now_roughly();
    if (now != loop->jobs.tick) { /* handlers may take long, and timers and descriptors wait */
        loop->jobs.tick = now;
        loop->jobs.turn = LOOK - 1; /* what others have posted waits, too */
        loop->budget = 0;
    }
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
    return loop && loop->executor == job->executor && may_go(job, loop);
}

static void post_here(struct lc__loop *loop, struct lc__job *job)
{
    push_ring(loop, job);
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
        post(loop, job);
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

/* ---- calling help ---- */

bool lc__jobs_have_aged(struct lc__loop *loop)
{
    struct lc__jobs *jobs = &loop->jobs;
    unsigned head = atomic_load_explicit(&jobs->head, memory_order_relaxed);
    unsigned tail = atomic_load_explicit(&jobs->tail, memory_order_relaxed);
    if (tail - head < 2 || loop->simulation || loop->executor->threads < 2) {
        jobs->since = 0;
        return false;
    }
    int64_t now = lc__clock_real.now(&lc__clock_real);
    if (jobs->since == 0 || (int)(head - jobs->mark) >= 0) { /* all that were there have gone */
        jobs->since = now;
        jobs->mark = tail;
        return false;
    }
    const struct lc__job *first =
        atomic_load_explicit(&jobs->ring[head % LC__JOB_RING], memory_order_relaxed);
    bool may_go_elsewhere = width(first) != 1;
    return may_go_elsewhere && now - jobs->since >= LC__FRESH_AGE;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
