/*
 * job.h: work without a stack, which is run from time to time on a thread of an executor, and owns
 * nothing there in between: what an isolate is to the executor. Floor 1.
 *
 * A job is in one queue at a time: it is posted again only while it runs, or after that. Two runs
 * of a job may be on different threads. A lock of the job's own orders the actions of the two; the
 * thread that posts holds it.
 */
#ifndef LIFECYCLE_EXECUTOR_JOB_H
#define LIFECYCLE_EXECUTOR_JOB_H

#include "executor/job_queue.h"

#include <lifecycle/executor.h>

#include <stdbool.h>
#include <stddef.h>

struct lc__cache;

/* Other threads may look at it at the same time, as the job that was in this memory before. */
void lc__job_init(struct lc__job *job, const struct lc__job_kind *kind, lc_executor *executor,
                  struct lc_thread_group *group);
/*
 * Counts a job in: until it is counted out the executor is not freed, and keeps a thread.
 * @return 0; -ESHUTDOWN: it is being freed.
 */
int lc__executor_bind(lc_executor *executor);
/*
 * A job has done its work, and is unbound next: lc_library_shutdown waits for it instead of
 * refusing. To be called before any other worker learns that the work is done.
 */
void lc__job_finishing(lc_executor *executor);
/* Counts a job out. By a thread of the executor, which then does not touch the executor again. */
void lc__executor_unbind(lc_executor *executor);

/*
 * Posts a bound job for the first time. `spread`: to the threads in turn.
 * @return 0; -EAGAIN, -ENOMEM: no thread could be made; -ENOTSUP: in a forked child.
 */
int lc__job_start(struct lc__job *job, bool spread);
/* Posts it again: it will be run. From any thread of its world. */
void lc__job_post(struct lc__job *job);

/* Whether the caller and the executor are in the same world: the real one, or one simulation. */
bool lc__executor_is_of_this_world(const lc_executor *executor);
/* The block cache of the calling executor thread; NULL: another thread, or a simulation. */
struct lc__cache *lc__loop_cache(void);
/* The number of the calling executor thread; 0 in other threads. */
unsigned lc__loop_index(void);

/* The module that knows all jobs. */
struct lc__job_overseer {
    /* Copies the name of a job of the executor, if there is one. Room for LC_NAME_MAX + 1. */
    void (*name_one)(const lc_executor *executor, char *name);
    /* A simulation was broken off. Its jobs will not run again: unbinds them. */
    void (*drop)(const lc_executor *executor);
};

/* Sets the one overseer, before the first job is bound. */
void lc__jobs_overseen_by(const struct lc__job_overseer *by);
/* Its `name_one`; "" if there is none. */
void lc__jobs_name_one(const lc_executor *executor, char *name);
/* Its `drop`. */
void lc__jobs_drop(const lc_executor *executor);

#endif
