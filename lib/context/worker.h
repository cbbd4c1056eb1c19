/*
 * worker.h (internal): runs a function as a worker, with deferred calls and throws, and with a call
 * when it has ended, however it ends. Floor 3.
 */
#ifndef LIFECYCLE_CONTEXT_WORKER_H
#define LIFECYCLE_CONTEXT_WORKER_H

#include "base/spin.h"

#include <lifecycle/context.h>

struct lc_task_group;

/*
 * The task group that a worker waits for, for reports. Begins with zeros. It is set and read under
 * the lock; the worker has a reference to the group until it has cleared it.
 */
struct lc__worker_wait {
    struct lc__spinlock lock;
    struct lc_task_group *group; /* NULL: none */
};

struct lc__worker_call {
    lc_context *context; /* gets an error that the work returns; borrowed */
    /* The work. An error that it returns is reported like one that it throws. */
    lc_error *(*work)(void *arg);
    /*
     * Takes over an error that the worker returns, throws or signals to the signaler of its own
     * context, on the worker's stack; NULL: the signaler gets it.
     */
    void (*failed)(void *arg, lc_error *error);
    /* Called once, after the deferred calls, also if the work threw or ended its thread. */
    void (*ended)(void *arg);
    void *arg;
    struct lc__worker_wait
        *wait; /* shows the group that the worker waits for; NULL: nothing does */
};

/*
 * Runs the call in this thread or fiber, which runs no other call at the same time. A thread only
 * ends after it; a fiber may run other calls after it. The call is borrowed until `ended`.
 */
void lc__worker_run(struct lc__worker_call *call);

/*
 * The context of the calling worker, or of the worker for which the calling task runs a blocking
 * call. NULL: there is none. Borrowed: it lives as long as the work.
 */
lc_context *lc__worker_context(void);

/*
 * As lc_signal_error, but does not fall back on the signaler of the calling worker's own context.
 */
void lc__signal_above(lc_context *context, lc_error *error);

/* Ends the calling worker as a throw does, but without an error. */
LC_NORETURN void lc__worker_end(void);
/* Runs the deferred calls of the calling worker, which goes on with another piece of its work. */
void lc__worker_run_deferred(void);

/* Removes the last deferred call of this function and argument, which then does not run. */
void lc__undefer(void (*function)(void *arg), const void *arg);

#endif
