/*
 * job.h: stackless tasks: work that is run from time to time on a thread of an executor, and owns
 * nothing there in between. What an isolate is to the executor. Floor 1.
 *
 * A job is run in a fiber, the *carrier*, which takes one job after the other. One that waits keeps
 * its carrier, and its thread, until it returns; another carrier then goes on with the rest.
 *
 * A job is posted again only once it runs, or has run: it is in one queue at a time. Two runs of a
 * job may be on different threads; whoever posts orders what one did before the other by a lock of
 * the job's own.
 */
#ifndef LIFECYCLE_EXECUTOR_JOB_H
#define LIFECYCLE_EXECUTOR_JOB_H

#include <lifecycle/executor.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct lc__cache;
struct lc__fiber;
struct lc__job;
struct lc__loop;

struct lc__job_kind {
    /* Runs it. With its last post it may be running elsewhere: nothing of it is touched after. */
    void (*run)(struct lc__job *job);
    /*
     * Its name, for those that look, from any thread, also while it ends: so a job's memory is never
     * given back but in the library's shutdown. Room for LC_NAME_MAX + 1.
     */
    void (*copy_name)(struct lc__job *job, char *name);
};

/* Embedded, first, in what it is of. */
struct lc__job {
    struct lc__job *next; /* in a queue */
    const struct lc__job_kind *kind;
    lc_executor *executor;
    struct lc_thread_group *group; /* the threads it may run on; NULL: any. Borrowed */
    /*
     * The same for those that look at a job which may just end, and its group with it: the first of
     * the threads, and above 16 bits how many; 0: any.
     */
    atomic_uint threads;
};

struct lc__job_queue {
    struct lc__job *first;
    struct lc__job *last;
};

enum { LC__JOB_RING = 256 };

/*
 * What a loop has of jobs.
 *
 *     ring:  | . | a | b | c | . |    from `head` to `tail`, round. The loop's thread puts jobs at the
 *                  ^ head      ^ tail   tail; whoever moves the head takes them, that thread or others
 *
 * What does not fit into the ring, and what other threads post, is in a list under the loop's lock.
 */
struct lc__jobs {
    atomic_uint head;
    atomic_uint tail; /* its thread's to move */
    _Atomic(struct lc__job *) ring[LC__JOB_RING];
    /* Its thread's alone. */
    unsigned mark;             /* where the tail was at `since` */
    int64_t since;             /* 0: there is no mark */
    struct lc__fiber *carrier; /* the one that takes jobs; NULL: none */
    bool carrier_due;          /* one has been started, and has not begun */
    int64_t tick;              /* as of the last job */
    unsigned slice;            /* how many more it may run before it lets fibers run */
    unsigned turn;             /* how many it has run */
    /* Under the lock for what is fresh. */
    struct lc__job_queue posted;
};

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

/* ---- for the executor's files; by the loop's thread ---- */

/* Sees to it that somebody takes the jobs that are here. @return false: no memory, try again. */
bool lc__jobs_serve(struct lc__loop *loop);
/* The fiber waits, yields or ends: if it is the carrier, it is so no longer. */
void lc__jobs_leave(struct lc__loop *loop, const struct lc__fiber *fiber);
/* Whether jobs have waited so long that another thread is worth its wake-up. */
bool lc__jobs_have_aged(struct lc__loop *loop);
/* Takes some of another loop's. @return whether there were any. */
bool lc__jobs_steal(struct lc__loop *thief, struct lc__loop *victim);
/* Whether there are none. */
bool lc__jobs_is_empty(const struct lc__loop *loop);

#endif
