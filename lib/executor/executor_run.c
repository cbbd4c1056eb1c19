/*
 * executor_run.c: a thread of the program as one of the executor's. See lc_executor_run.
 */
#include "base/fork.h"
#include "executor/executor_make.h"
#include "executor/executor_threads.h"
#include "executor/fiber_make.h"
#include "executor/loop_run.h"
#include "executor/monitor.h"
#include "executor/overflow.h"
#include "executor/simulated_executor.h"
#include "executor/stack.h"
#include "executor/timers.h"

#include <errno.h>

struct guest {
    lc_error *(*run)(void *arg);
    void *arg;
    lc_error *result;
};

static void guest_main(void *arg)
{
    struct guest *guest = arg;
    guest->result = guest->run(guest->arg);
}

/* Takes a loop that no thread is in, for the caller. NULL: there is none, and *error says why. */
static struct lc__loop *executor_claim_loop(lc_executor *executor, int *error)
{
    struct lc__loop *claimed = NULL;
    *error = -EAGAIN;
    lc__lock_take(&executor->lock);
    /* A simulation has one loop. */
    unsigned most = executor->simulation ? 1 : LC_EXECUTOR_THREADS_MAX;
    for (unsigned i = 0; i < most && !claimed; i++) {
        struct lc__loop *loop = lc__executor_make_loop(executor, i);
        if (!loop) {
            *error = -ENOMEM;
            break;
        }
        if (!atomic_load(&loop->running))
            claimed = loop;
    }
    if (claimed) {
        claimed->guest = true;
        atomic_store(&claimed->running, true);
    }
    lc__lock_give(&executor->lock);
    return claimed;
}

static void guest_give_loop_back(struct lc__loop *loop)
{
    lc__lock_take(&loop->executor->lock);
    lc__executor_vacate(loop);
    lc__lock_give(&loop->executor->lock);
}

/* Runs the loop on this thread until the guest's main fiber and all others there have ended. */
static int guest_run_loop(struct lc__loop *loop, struct guest *guest)
{
    int cancelling; /* is off, as in the executor's own threads */
    struct lc__fiber_options fiber = {
        .name = "main",
        .stack_size = (size_t)1024 * 1024,
        .run = guest_main,
        .arg = guest,
        .pinned = true,
    };
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    lc__overflow_thread_begins();
    int result = -ESHUTDOWN;
    lc__loop_of_thread = loop;
    if (!atomic_load_explicit(&loop->executor->closing, memory_order_relaxed))
        result = lc__fiber_make(loop, &fiber, fiber.stack_size);
    lc__loop_of_thread = NULL;
    /* Also after a failure: other threads may have put fibers here. */
    lc__loop_run(loop);
    lc__stacks_trim_all(); /* the executor's own threads may all sleep */
    lc__timers_attend();
    lc__overflow_thread_ends();
    pthread_setcancelstate(cancelling, NULL);
    return result;
}

static lc_error *executor_run_guest(lc_executor *executor, lc_error *(*run)(void *arg), void *arg)
{
    int failed = lc__fork_guard();
    struct lc__loop *loop = failed < 0 ? NULL : executor_claim_loop(executor, &failed);
    if (!loop)
        return lc_error_new_errno(-failed, "no place in executor \"%s\" for this thread",
                                  executor->name);
    struct lc__simulation *simulation = executor->simulation;
    struct guest guest = {run, arg, NULL};
    if (!simulation && executor->stall_limit < LC_FOREVER)
        lc__monitor_start();
    if (simulation)
        lc__simulation_begin(simulation);
    failed = guest_run_loop(loop, &guest);
    if (simulation)
        guest_give_loop_back(loop);
    /* A real loop is not the caller's any more, and the executor may have been freed. */
    if (failed < 0)
        return lc_error_new_errno(-failed,
                                  "no fiber could be made to run lc_executor_run's function");
    return simulation ? lc__simulation_verdict(simulation, guest.result) : guest.result;
}

lc_error *lc_executor_run(lc_executor *executor, lc_error *(*run)(void *arg), void *arg)
{
    if (!run)
        return lc_error_new(-EINVAL, "lc_executor_run needs a function to run");
    if (lc__forked())
        return lc_error_new(-ENOTSUP, "no executor in a child forked when there were workers");
    if (lc__loop_of_thread)
        return lc_error_new(-EDEADLK, "lc_executor_run was called in a fiber: its thread is an "
                                      "executor's already");
    executor = executor ? executor : lc__executor_default();
    if (!executor)
        return lc_error_new(-ENOMEM, "no memory for the default executor");
    return executor_run_guest(executor, run, arg);
}
