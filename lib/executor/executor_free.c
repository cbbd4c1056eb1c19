/*
 * executor_free.c: freeing an executor of the program. See <lifecycle/executor.h>.
 */
#include "base/fork.h"
#include "executor/executor_make.h"
#include "executor/job.h"
#include "executor/simulated_executor.h"

#include <errno.h>

static bool executor_has_guest(lc_executor *executor)
{
    bool found = false;
    lc__lock_take(&executor->lock);
    for (unsigned i = 0; i < LC_EXECUTOR_THREADS_MAX && !found; i++) {
        const struct lc__loop *loop = lc__executor_loop(executor, i);
        found = loop && loop->guest;
    }
    lc__lock_give(&executor->lock);
    return found;
}

/* Whether the caller is a fiber or a thread of the executor, or serves a blocking call of one. */
static bool executor_has_caller(const lc_executor *executor)
{
    const struct lc__task *task = lc__task_current();
    while (task && !(task->fiber && task->fiber->loop->executor == executor))
        task = task->client;
    return task || (lc__loop_of_thread && lc__loop_of_thread->executor == executor);
}

int lc_executor_free(lc_executor *executor)
{
    if (!executor)
        return 0;
    if (lc__forked())
        return -ENOTSUP;
    if (executor->is_default)
        return -EBUSY;
    if (executor_has_caller(executor) || executor_has_guest(executor))
        return -EDEADLK;
    if (executor->simulation && !lc__simulation_is_over(executor->simulation))
        return -EBUSY;
    atomic_store(&executor->closing, true);
    if (executor->simulation)
        lc__jobs_drop(executor); /* jobs end with their world */
    lc__executor_close(executor);
    if (executor->simulation)
        lc__simulation_end(executor->simulation);
    lc__executor_destroy(executor);
    return 0;
}
