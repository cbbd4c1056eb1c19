/*
 * task_group.h: tasks, each a fiber or a thread, that one worker starts, counts, limits and waits
 * for: the connections of a listener, the parts of a large computation.
 *
 *     lc_task_group *customers = lc_task_group_new(
 *         LC_TASK_GROUP(.name = "customers", .context = context, .limit = 1000));
 *     while (lc_accept(context, listener, &fd, LC_FOREVER) == 0)
 *         if (lc_task_group_start(customers, serve, (void *)(intptr_t)fd) < 0)
 *             close(fd);
 *     lc_task_group_wait(customers, LC_FOREVER);
 *     lc_task_group_unref(customers);
 *
 * A task is a worker: it may wait, defer, throw. Its context is the group's, which ends when the
 * context ends that the group was made with, or by lc_task_group_cancel. A task that was told to
 * stop ends well with NULL and with any error that has the code of its context's error in its
 * chain.
 *
 * A task counts as running inside the worker that made the group. So a call that waits for that
 * worker to end, lc_supervisor_remove of its node, say, answers -EDEADLK in a task as it does in
 * the worker.
 *
 * All calls are thread-safe.
 */
#ifndef LIFECYCLE_TASK_GROUP_H
#define LIFECYCLE_TASK_GROUP_H

#include <lifecycle/api.h>
#include <lifecycle/context.h>
#include <lifecycle/error.h>
#include <lifecycle/executor.h>
#include <lifecycle/options.h>
#include <lifecycle/worker.h>

LC_BEGIN_DECLARATIONS

typedef struct lc_task_group lc_task_group;

/** How many tasks of one group run at a time, if its options do not say. */
#define LC_TASKS_LIMIT_DEFAULT 1048576

/**
 * The work of a task.
 * @param context  the group's, shared by its tasks; borrowed until the return.
 * @return NULL when it has finished; an error, given over, if it failed: see lc_tasks_on_error.
 */
typedef lc_error *(*lc_task)(lc_context *context, void *arg);

/**
 * What a group does with the errors of its tasks: those that they return or throw, and those that
 * others throw on the group's context.
 */
typedef enum lc_tasks_on_error {
    /** Each is logged under the group's name; of a storm, ten in ten seconds and a count. */
    LC_TASKS_LOG = 0,
    /** The first is thrown to the context that the group was made with; further ones are logged. */
    LC_TASKS_THROW = 1,
    /**
     * The first cancels the group, and is kept for lc_task_group_result; further ones are logged.
     */
    LC_TASKS_CANCEL = 2
} lc_tasks_on_error;

/** How a task group is to be. Zero is the default of each field; begin with LC_TASK_GROUP. */
typedef struct lc_task_group_options {
    size_t size; /**< sizeof(lc_task_group_options) */
    /** Of the group, and of each of its fibers or threads; at most LC_NAME_MAX bytes; copied.
     * NULL: "tasks". */
    const char *name;
    /**
     * Its end tells the tasks to stop. NULL: only lc_task_group_cancel does, and what is thrown
     * goes where the throws of the worker that makes the group go.
     */
    lc_context *context;
    size_t limit;        /**< how many tasks run at a time; 0: LC_TASKS_LIMIT_DEFAULT */
    lc_worker_kind kind; /**< LC_FIBER, which is the default, or LC_THREAD */
    lc_tasks_on_error on_error;
    size_t stack_size; /**< bytes, as of lc_worker; 0: the default of the kind */
    /** Of fibers; NULL: that of the fiber that starts the task, or the default one. */
    lc_executor *executor;
} lc_task_group_options;

#define LC_TASK_GROUP(...) LC_OPTIONS(lc_task_group_options, __VA_ARGS__)

/**
 * Makes a group without tasks.
 * @return a reference, or NULL: memory has run out, or an option is wrong, which is logged.
 */
LC_API LC_MUST_CHECK lc_task_group *lc_task_group_new(const lc_task_group_options *options);
/** One more reference. NULL gives NULL. */
LC_API lc_task_group *lc_task_group_ref(lc_task_group *group);
/**
 * Gives a reference back. Tasks that are there run on, and the group lives until the last of them
 * has ended: a task may use its group without a reference of its own. NULL is allowed.
 */
LC_API void lc_task_group_unref(lc_task_group *group);

/**
 * Starts a task, which runs `task(context, arg)`. Also from a task of the group.
 * @return 0; -ENOSPC if as many run as the limit allows (logged, rarely); -ECANCELED once the
 * group's context has ended; -EINVAL without a group or a task; -ENOMEM, -EAGAIN, -ESHUTDOWN,
 * -ENOTSUP as lc_fiber_start. After an error `task` is not called, and `arg` is still the caller's.
 */
LC_API int lc_task_group_start(lc_task_group *group, lc_task task, void *arg);

/** How many tasks were started and have not ended. */
LC_API size_t lc_task_group_count(lc_task_group *group);

/**
 * Ends the group's context: the tasks are told to stop, and no other is started any more. Once this
 * and then a lc_task_group_wait has returned 0, no task of the group will ever run.
 * @param cause  as of lc_context_cancel; taken over.
 */
LC_API void lc_task_group_cancel(lc_task_group *group, lc_error *cause);

/**
 * Waits until there is a moment at which all tasks have ended: their functions have returned, their
 * deferred calls have run, their errors were reported, and none of them, nor the group, keeps
 * lc_library_shutdown or lc_executor_free from working. Tasks may be started meanwhile, and after
 * it.
 * @return 0; -ETIMEDOUT; -EDEADLK from a task of the group, or what lies inside one; -EINVAL
 * without a group; -ENOTSUP in a forked child.
 */
LC_API int lc_task_group_wait(lc_task_group *group, int64_t deadline);

/**
 * The error that has cancelled a group with LC_TASKS_CANCEL. Each error is reported before its task
 * has ended, so behind a wait the answer is final unless tasks are started.
 * @return a reference; NULL if no task has failed.
 */
LC_API LC_MUST_CHECK lc_error *lc_task_group_result(lc_task_group *group);

LC_END_DECLARATIONS

#endif
