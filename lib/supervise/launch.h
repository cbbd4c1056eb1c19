/*
 * launch.h: starts the threads and fibers in which supervised functions run, and tries once more
 * later where none could be started. Floor 5: instances, nodes, runnables, the run loop.
 */
#ifndef LIFECYCLE_SUPERVISE_LAUNCH_H
#define LIFECYCLE_SUPERVISE_LAUNCH_H

#include "context/worker.h"
#include "executor/timers.h"

#include <lifecycle/executor.h>
#include <lifecycle/manager.h>

/* How to start a task: a thread or a fiber. Zero means the default in each field. */
struct lc__launch {
    lc_worker_kind kind;
    lc_executor *executor; /* of a fiber */
    size_t stack_size;
    const char *name;
};

/*
 * Starts a task that runs `run(arg)`. `otherwise` is the executor of a fiber that asks for none.
 * @return 0; -ENOMEM, -EAGAIN, -EINVAL, -ENOTSUP, -ESHUTDOWN, -E2BIG, as lc__thread_start and
 * lc__fiber_start.
 */
int lc__launch(const struct lc__launch *how, lc_executor *otherwise, void (*run)(void *arg),
               void *arg);
/* The same, for a task that runs the call as a worker. */
int lc__launch_call(const struct lc__launch *how, lc_executor *otherwise,
                    struct lc__worker_call *call);

/*
 * The error of a start for which there was no task. `times` counts such starts in a row, this one
 * among them.
 */
lc_error *lc__launch_error(const char *name, int code, unsigned times);

/*
 * Has `fire` called after a pause, on the timers' thread, to try a launch once more. The caller
 * keeps the timer until then. On a clock that is moved by hand, or simulated, it is not known
 * whether that time comes. @return whether `fire` will be called.
 */
bool lc__launch_later(struct lc__timer *timer, void (*fire)(struct lc__timer *timer));

#endif
