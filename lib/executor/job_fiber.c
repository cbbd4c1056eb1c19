/*
 * job_fiber.c: see job_fiber.h.
 *
 * A loop has at most one *job fiber*, which runs one job after the other. When a job waits, the
 * fiber stops being the job fiber: its `leaves` hook makes another one, which goes on with the
 * rest. The first fiber comes back when its job returns. It becomes the job fiber again if there is
 * none, and else ends.
 *
 * ThreadSanitizer does not see this file, for the reason given in loop.c.
 */
#include "executor/job_fiber.h"

#include "base/clock.h"
#include "base/sanitizer.h"
#include "executor/fiber_make.h"
#include "executor/fiber_switch.h"
#include "executor/simulation.h"

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

enum {
    CHOICE_MAX = 16, /* jobs among which a simulation chooses */
    SLICE = 32,      /* jobs that run before the fibers of the thread have their turn */
    LOOK = 61,       /* jobs that run before the posted jobs are looked at */
};

/* A simulation allows any order: exchanges the first job of the ring with one of the next. */
static void jobs_shuffle(struct lc__loop *loop)
{
    struct lc__job_queue *jobs = &loop->jobs;
    unsigned count = lc__job_queue_count(jobs);
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

static struct lc__job *jobs_next(struct lc__loop *loop)
{
    /* Looks at posted jobs also now and then: isolates that talk never leave the ring empty. */
    bool looks = loop->simulation || ++loop->job_fiber.turn % LOOK == 0 ||
                 lc__job_queue_count(&loop->jobs) == 0;
    if (looks && lc__job_queue_has_posted(&loop->jobs))
        lc__job_queue_take_posted(&loop->jobs);
    if (loop->simulation)
        jobs_shuffle(loop);
    return lc__job_queue_shift(&loop->jobs);
}

static void job_run(struct lc__fiber *fiber, struct lc__job *job)
{
    /* Release: a thread that reads the job knows that the one before has returned: stall.c. */
    atomic_store_explicit(&fiber->job, job, memory_order_release);
    job->kind->run(job);
    atomic_store_explicit(&fiber->job, NULL, memory_order_release);
}

static void jobs_let_others_run(struct lc__loop *loop, struct lc__fiber *self)
{
    bool patient = loop->job_fiber.slice > 0 && !loop->simulation;
    int64_t now = loop->simulation ? 0 : lc__now_roughly();
    if (now != loop->job_fiber.tick) { /* the job was long, and timers and descriptors wait */
        loop->job_fiber.tick = now;
        loop->job_fiber.turn = LOOK - 1; /* and so do posted jobs */
        loop->budget = 0;
    }
    loop->job_fiber.slice -= patient;
    if (lc__loop_turn(loop, self, patient))
        loop->job_fiber.slice = SLICE;
}

static void job_fiber_leaves(struct lc__fiber *fiber)
{
    struct lc__loop *loop = fiber->loop;
    if (loop->job_fiber.fiber != fiber)
        return;
    loop->job_fiber.fiber = NULL;
    lc__job_fiber_serve(loop); /* without memory the thread tries again when it looks around */
}

static void job_fiber_main(void *arg)
{
    struct lc__loop *loop = arg;
    struct lc__fiber *self = lc__fiber_current();
    struct lc__job *job;
    LC__ASSERT(loop == lc__loop_of_thread && loop->job_fiber.starting);
    self->leaves = job_fiber_leaves;
    loop->job_fiber.starting = false;
    if (!loop->job_fiber.fiber)
        loop->job_fiber.fiber = self;
    while (loop->job_fiber.fiber == self && (job = jobs_next(loop))) {
        job_run(self, job);
        if (loop->job_fiber.fiber == self)
            jobs_let_others_run(loop, self);
        else if (!loop->job_fiber.fiber)
            loop->job_fiber.fiber = self;
    }
    if (loop->job_fiber.fiber == self)
        loop->job_fiber.fiber = NULL;
}

bool lc__job_fiber_serve(struct lc__loop *loop)
{
    LC__ASSERT(lc__loop_is_here(loop));
    if (loop->job_fiber.fiber || loop->job_fiber.starting || lc__job_queue_is_empty(&loop->jobs))
        return true;
    loop->job_fiber.starting = true;
    if (lc__fiber_make_server(loop, "isolates", job_fiber_main) == 0)
        return true;
    loop->job_fiber.starting = false;
    return false;
}

bool lc__job_fiber_has_backlog(struct lc__loop *loop)
{
    LC__ASSERT(lc__loop_is_here(loop));
    return loop->threads > 1 && lc__job_queue_has_aged(&loop->jobs, LC__FRESH_AGE);
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
