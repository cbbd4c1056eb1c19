/*
 * worker.h (internal): running a function as a worker: with deferred calls, with an end that throws
 * reach, and with somebody told when it has ended, however it ends. Floor 3.
 */
#ifndef LIFECYCLE_CONTEXT_WORKER_H
#define LIFECYCLE_CONTEXT_WORKER_H

#include "base/spin.h"

#include <lifecycle/context.h>

struct lc_task_group;

/*
 * The task group whose tasks a worker waits for, for reports. Begin with zeros. Set and read under
 * the lock; the worker has a reference to the group until it has cleared it.
 */
struct lc__worker_wait {
    struct lc__spinlock lock;
    struct lc_task_group *group; /* NULL: none */
};

struct lc__worker_call {
    lc_context *context; /* where an error it returns goes; borrowed */
    /* The work. An error it returns is reported as if thrown. */
    lc_error *(*work)(void *arg);
    /*
     * Takes over an error that the worker returns, throws or signals to the signaler of its own
     * context, on the worker's stack; NULL: the signaler gets it.
     */
    void (*failed)(void *arg, lc_error *error);
    /* Called once, after the deferred calls, also if the work threw or ended its thread. */
    void (*ended)(void *arg);
    void *arg;
    struct lc__worker_wait *wait; /* where it tells which group it waits for; NULL: nowhere */
};

/*
 * Runs the call in this thread or fiber, which is a worker's from its start to its end. The call is
 * borrowed until `ended`.
 */
void lc__worker_run(struct lc__worker_call *call);

/*
 * The context that the calling task works under: of the worker that it is, or of the one whose
 * blocking call it runs. NULL: none, or none that the library knows. Borrowed: it lives as long as
 * the work.
 */
lc_context *lc__worker_context(void);

/*
 * As lc_signal_error, but does not fall back on the signaler of the calling worker's own context.
 */
void lc__signal_above(lc_context *context, lc_error *error);

/* Ends the calling worker as a throw does, without an error. */
LC_NORETURN void lc__worker_end(void);
/* Runs the deferred calls of the calling worker, which goes on: one piece of its work is over. */
void lc__worker_run_deferred(void);

/* Takes the last deferred call of this function and argument off again: it is not run. */
void lc__undefer(void (*function)(void *arg), const void *arg);

#endif
