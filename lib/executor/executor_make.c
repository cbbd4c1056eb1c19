/*
 * executor_make.c: see executor_make.h and <lifecycle/executor.h>.
 */
#include "executor/executor_make.h"

#include "base/fork.h"
#include "base/library.h"
#include "base/memory.h"
#include "executor/executor_loop.h"
#include "executor/executor_options.h"
#include "executor/executor_shutdown.h"
#include "executor/executor_threads.h"
#include "executor/monitor.h"
#include "executor/overflow.h"
#include "executor/processors.h"
#include "executor/stack.h"
#include "executor/timers.h"

#include <bsd/string.h>
#include <errno.h>

static _Atomic(lc_executor *) standard; /* the default executor; NULL: there is none */

lc_executor *lc__executor_make(const lc_executor_options *options,
                               const struct lc__loop_operations *operations)
{
    lc_executor *executor = lc__allocate(sizeof *executor);
    if (!executor)
        return NULL;
    strlcpy(executor->name, options->name, sizeof executor->name);
    executor->threads = options->threads ? options->threads : lc__processors();
    executor->stack_size = options->stack_size ? options->stack_size : LC__STACK_DEFAULT;
    executor->idle_timeout = options->idle_timeout;
    executor->stall_limit = options->stall_limit;
    executor->operations = operations;
    lc__lock_init(&executor->lock);
    pthread_cond_init(&executor->ended, NULL);
    STAILQ_INIT(&executor->left);
    return executor;
}

static void executor_await_jobs(lc_executor *executor)
{
    lc__lock_take(&executor->lock);
    while (atomic_load(&executor->bound) > 0)
        lc__lock_wait(&executor->lock, &executor->ended);
    lc__lock_give(&executor->lock);
}

void lc__executor_close(lc_executor *executor)
{
    atomic_store(&executor->closing, true);
    executor_await_jobs(executor);
    lc__executor_await_threads(executor);
    lc__timers_attend(); /* there are fewer threads now, so the timer thread may be made */
}

void lc__executor_destroy(lc_executor *executor)
{
    LC__ASSERT(atomic_load(&executor->bound) == 0);
    lc__executors_remove(executor);
    /* The monitor, which does not find the executor any more, may just have called a thread. */
    lc__executor_await_threads(executor);
    lc__executor_retire_loops(executor);
    lc__stacks_trim_all(); /* perhaps no thread is left that would do so */
    pthread_cond_destroy(&executor->ended);
    lc__lock_destroy(&executor->lock);
    lc__free(executor);
}

static void executors_shut_down(void)
{
    lc_executor *executor = atomic_exchange(&standard, NULL);
    if (executor) {
        executor->is_default = false;
        lc__executor_close(executor);
        lc__executor_destroy(executor);
    }
    lc__monitor_stop();
    lc__overflow_stop();
    lc__stacks_free();
    lc__executor_free_loops();
}

static struct lc__facility executors_facility = {
    .settle = lc__executors_settle, .busy = lc__executors_busy, .shut_down = executors_shut_down};

void lc__executor_enlist(lc_executor *executor)
{
    lc__facility_register(&executors_facility);
    lc__executors_add(executor);
}

static lc_error *executor_make(const lc_executor_options *given, lc_executor **executor)
{
    *executor = NULL;
    if (lc__forked())
        return lc_error_new(-ENOTSUP, "no executor in a child forked when there were workers");
    lc_executor_options options;
    lc_error *mistake = lc__executor_options_read(&options, given);
    if (mistake)
        return mistake;
    *executor = lc__executor_make(&options, &lc__executor_loop_operations);
    if (!*executor)
        return lc_error_new(-ENOMEM, "no memory for executor \"%s\"", options.name);
    lc__executor_enlist(*executor);
    int reporting = options.report_overflow ? lc__overflow_report() : 0;
    if (reporting == 0)
        return NULL;
    lc__executor_destroy(*executor);
    *executor = NULL;
    return lc_error_new_errno(-reporting, "executor \"%s\" cannot report overflows", options.name);
}

lc_error *lc_executor_new(const lc_executor_options *options, lc_executor **executor)
{
    if (!executor)
        return lc_error_new(-EINVAL, "lc_executor_new needs a place for the executor");
    return executor_make(options, executor);
}

/* Makes it the default executor. @return false if there is one already. */
static bool executor_set_default(lc_executor *executor)
{
    lc_executor *none = NULL;
    executor->is_default = true;
    /* Release and acquire: a thread that finds it finds it filled in. */
    return atomic_compare_exchange_strong_explicit(&standard, &none, executor, memory_order_acq_rel,
                                                   memory_order_acquire);
}

lc_error *lc_default_executor_configure(const lc_executor_options *options)
{
    lc_executor *executor;
    lc_error *error = executor_make(options, &executor);
    if (!executor || executor_set_default(executor))
        return error;
    lc__executor_destroy(executor);
    return lc_error_new(-EBUSY, "there is a default executor already: configure it before the "
                                "first fiber is started");
}

lc_executor *lc__executor_default(void)
{
    lc_executor *there = atomic_load_explicit(&standard, memory_order_acquire);
    if (there || lc__forked())
        return lc__forked() ? NULL : there;
    lc_error_unref(lc_default_executor_configure(NULL)); /* another thread may have been faster */
    return atomic_load_explicit(&standard, memory_order_acquire);
}

lc_executor *lc_executor_current(void)
{
    struct lc__loop *loop = lc__loop_of_thread;
    return loop && !lc__forked() ? loop->executor : lc__executor_default();
}
