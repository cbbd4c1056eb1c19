/*
 * task_group.h: task groups. A worker starts tasks in a group, each a fiber or a thread. The group
 * counts them and limits their number, and the worker waits for all of them: the connections of a
 * listener, the parts of a large computation.
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
 * context that the group was made with ends, or by lc_task_group_cancel. After that a clean end
 * (context.h) is no error.
 *
 * A task counts as running inside the worker that made the group. So a call that waits for the end
 * of that worker, such as lc_supervisor_remove of its node, returns -EDEADLK in a task as it does
 * in the worker.
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

/** The default of lc_task_group_options.limit. */
#define LC_TASKS_LIMIT_DEFAULT 1048576

/**
 * The work of a task.
 * @param context  the group's, shared by its tasks; borrowed until the return.
 * @return NULL; or an error, which the group takes over: see lc_tasks_on_error.
 */
typedef lc_error *(*lc_task)(lc_context *context, void *arg);

/**
 * What a group does with errors: those that its tasks return or throw, and those that other code
 * throws on the group's context.
 */
typedef enum lc_tasks_on_error {
    /**
     * Each is logged under the group's name, but at most ten in ten seconds; the rest is counted.
     */
    LC_TASKS_LOG = 0,
    /** The first is thrown on the context that the group was made with; the others are logged. */
    LC_TASKS_THROW = 1,
    /**
     * The first cancels the group, and is kept for lc_task_group_result; the others are logged.
     */
    LC_TASKS_CANCEL = 2
} lc_tasks_on_error;

/** Options of a task group; see LC_TASK_GROUP. Zero means the default in each field. */
typedef struct lc_task_group_options {
    size_t size; /**< sizeof(lc_task_group_options) */
    /** Of the group and of each task; at most LC_NAME_MAX bytes; copied. NULL: "tasks". */
    const char *name;
    /**
     * Its end tells the tasks to stop. NULL: only lc_task_group_cancel does, and errors are thrown
     * on the context of the worker that makes the group.
     */
    lc_context *context;
    size_t limit;        /**< how many tasks run at a time; 0: LC_TASKS_LIMIT_DEFAULT */
    lc_worker_kind kind; /**< LC_FIBER, which is the default, or LC_THREAD */
    lc_tasks_on_error on_error;
    size_t stack_size; /**< bytes, as of lc_worker; 0: the default of the kind */
    /** Of fibers; NULL: the executor of the fiber that starts the task, or the default one. */
    lc_executor *executor;
} lc_task_group_options;

/** Options of a task group: LC_TASK_GROUP(.name = "customers", .limit = 1000). */
#define LC_TASK_GROUP(...) LC_OPTIONS(lc_task_group_options, __VA_ARGS__)

/**
 * Makes a group without tasks.
 * @return a reference; NULL: memory has run out, or an option is wrong (logged).
 */
LC_API LC_MUST_CHECK lc_task_group *lc_task_group_new(const lc_task_group_options *options);
/** One more reference. NULL gives NULL. */
LC_API lc_task_group *lc_task_group_ref(lc_task_group *group);
/**
 * Gives a reference back. The group's tasks run on, and the group lives until the last of them has
 * ended: a task may use its group without a reference. NULL is allowed.
 */
LC_API void lc_task_group_unref(lc_task_group *group);

/**
 * Starts a task, which calls `task(context, arg)`. A task of the group may call it too.
 * @return 0; -ENOSPC: the limit is reached (logged, at most ten times in ten seconds); -ECANCELED:
 * the group's context has ended; -EINVAL without a group or a task; -ENOMEM, -EAGAIN, -ESHUTDOWN,
 * -ENOTSUP as lc_fiber_start. After an error `task` is not called, and `arg` is still the caller's.
 */
LC_API int lc_task_group_start(lc_task_group *group, lc_task task, void *arg);

/** How many tasks were started and have not ended. */
LC_API size_t lc_task_group_count(lc_task_group *group);

/**
 * Ends the group's context: the tasks are told to stop, and no task can be started any more. After
 * this call and then a lc_task_group_wait that returns 0, no task of the group runs any more.
 * @param cause  as of lc_context_cancel; taken over.
 */
LC_API void lc_task_group_cancel(lc_task_group *group, lc_error *cause);

/**
 * Waits for a moment at which all tasks have ended: their functions have returned, their deferred
 * calls have run, their errors were reported, and neither they nor the group keep
 * lc_library_shutdown or lc_executor_free from success. Tasks may be started during the wait, and
 * after it.
 * @return 0; -ETIMEDOUT; -EDEADLK in a task of the group, or inside one; -EINVAL without a group;
 * -ENOTSUP in a forked child.
 */
LC_API int lc_task_group_wait(lc_task_group *group, int64_t deadline);

/**
 * The error that has cancelled a group with LC_TASKS_CANCEL. A task's error is reported before the
 * task counts as ended, so after a wait the result is final, unless more tasks are started.
 * @return a reference; NULL if no task has failed.
 */
LC_API LC_MUST_CHECK lc_error *lc_task_group_result(lc_task_group *group);

LC_END_DECLARATIONS

#endif
