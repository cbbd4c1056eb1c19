/*
 * job.h: stackless tasks: work that is run from time to time on a thread of an executor, and owns
 * nothing there in between. What an isolate is to the executor. Floor 1.
 *
 * A job is run in a fiber, the *job fiber*, which takes one job after the other. A job that waits
 * keeps its fiber, and its thread, until it returns; another job fiber then goes on with the rest.
 *
 * A job is posted again only once it runs, or has run: it is in one queue at a time. Two runs of a
 * job may be on different threads; whoever posts orders what one did before the other by a lock of
 * the job's own.
 */
#ifndef LIFECYCLE_EXECUTOR_JOB_H
#define LIFECYCLE_EXECUTOR_JOB_H

#include "executor/job_queue.h"

#include <lifecycle/executor.h>

#include <stdbool.h>
#include <stddef.h>

struct lc__cache;

/* Others may look at it just now, as the job that was there before. */
void lc__job_init(struct lc__job *job, const struct lc__job_kind *kind, lc_executor *executor,
                  struct lc_thread_group *group);
/*
 * Counts a job in: the executor is not freed, and does not leave itself without a thread, until it
 * is counted out. @return 0; -ESHUTDOWN: it is being freed.
 */
int lc__executor_bind(lc_executor *executor);
/*
 * A job, which will be unbound next, has done its work: lc_library_shutdown waits for it instead of
 * refusing. Before anybody is told.
 */
void lc__job_finishing(lc_executor *executor);
/* By a job of the executor's, as the last it does with it. */
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
/* What the executor thread that calls keeps; NULL: another thread, or a simulation. */
struct lc__cache *lc__loop_cache(void);
/* The number of the executor thread that calls; 0 in other threads. */
unsigned lc__loop_index(void);

/* Who knows all jobs. */
struct lc__job_overseer {
    /* The name of one of the executor's; untouched if there is none. Room for LC_NAME_MAX + 1. */
    void (*name_one)(const lc_executor *executor, char *name);
    /* A simulation was broken off: its jobs will not run again, and are to be unbound. */
    void (*drop)(const lc_executor *executor);
};

/* There is one, unchanging; known before the first job is bound. */
void lc__jobs_overseen_by(const struct lc__job_overseer *by);
/* Its `name_one`: "" if none is found. */
void lc__jobs_name_one(const lc_executor *executor, char *name);
/* Its `drop`. */
void lc__jobs_drop(const lc_executor *executor);

#endif
