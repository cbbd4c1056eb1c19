/*
 * tree.h: the supervision tree: runnables that start child runnables, in groups that share fate.
 *
 *     static lc_error *root(lc_context *context, void *arg)
 *     {
 *         lc_child cache = LC_CHILD_INIT;
 *         cache.name = "cache";
 *         cache.run = run_cache;
 *         lc_error *error = lc_tree_run(context, &cache);
 *         if (error)
 *             return error;
 *         lc_tree_signal_healthy(context);
 *         lc_handle_wait(lc_context_done(context), LC_FOREVER);
 *         return lc_error_ref(lc_context_error(context));
 *     }
 *
 * A runnable starts its children while it is NEW, says that it is healthy, and works until its
 * context ends; then it returns the context's error, or one that wraps it. One whose work is over
 * says done and returns NULL. Anything else is a death: the runnable's context is cancelled, its
 * children's with it, and its group siblings'. What has been cancelled is started again once all
 * below it has ended, after a pause if it has died; it starts its children anew.
 *
 * States: NEW (LC_NODE_STARTING), HEALTHY (LC_NODE_READY), DEAD, DONE, CANCELED.
 *
 * A runnable is a thread of its own, or a fiber. One that misbehaves, by a busy loop, children
 * without end, or signals out of order, leaves the others supervised; a fiber that never waits
 * keeps the other fibers of its executor's thread waiting (executor.h).
 *
 * The semantics are those of Monogon's supervisor; strategies, restart types and intensity are
 * those of Erlang/OTP's.
 */
#ifndef LIFECYCLE_TREE_H
#define LIFECYCLE_TREE_H

#include <lifecycle/api.h>
#include <lifecycle/component.h>
#include <lifecycle/context.h>
#include <lifecycle/error.h>
#include <lifecycle/handle.h>
#include <lifecycle/manager.h>
#include <lifecycle/observe.h>
#include <lifecycle/restart.h>

LC_BEGIN_DECLARATIONS

typedef struct lc_tree lc_tree;

/** The longest name of a runnable: of these bytes, [A-Za-z0-9_-]. */
#define LC_TREE_NAME_MAX 64
/** The most runnables of a tree. */
#define LC_TREE_NODES_MAX 1048576

/**
 * The work of a runnable.
 * @param context  its own, which ends when it is to stop; borrowed until the return.
 * @return NULL or an error, given over. To throw on the context is to die of that error.
 */
typedef lc_error *(*lc_runnable)(lc_context *context, void *arg);

/** A child to be started. Begin with LC_CHILD_INIT. */
typedef struct lc_child {
    size_t size;      /**< sizeof(lc_child) */
    const char *name; /**< [A-Za-z0-9_-]{1,64}, unique among its siblings and their logs; copied */
    lc_runnable run;  /**< required */
    void *arg;        /**< handed to `run`, at each start */
    lc_worker_kind kind;
    size_t stack_size; /**< bytes; 0 for the default of its kind */
    /** Of a fiber: NULL for that of the fiber that starts it first. Borrowed: it outlives the tree. */
    lc_executor *executor;
    lc_restart_type restart; /**< LC_TRANSIENT: also NULL without done ends it; see docs */
    lc_backoff backoff;
    /** Not ended so long after it was told to: it is named in the log. It is not started again
     * before it has ended. */
    int64_t stop_timeout;
} lc_child;

#define LC_CHILD_INIT                                                                              \
    {                                                                                              \
        sizeof(lc_child), NULL, NULL, NULL, LC_WORKER_THREAD, 0, NULL, LC_PERMANENT,               \
            LC_BACKOFF_TREE_INIT, LC_FOREVER                                                       \
    }

/** Whom the death of a child takes along. */
typedef enum lc_strategy {
    LC_ONE_FOR_ALL = 0, /**< all of its group */
    LC_ONE_FOR_ONE = 1, /**< nobody */
    LC_REST_FOR_ONE = 2 /**< those that come after it in its group */
} lc_strategy;

/** Children that share their fate. Begin with LC_CHILD_GROUP_INIT. */
typedef struct lc_child_group {
    size_t size; /**< sizeof(lc_child_group) */
    const lc_child *children;
    size_t count;
    lc_strategy strategy;
    lc_intensity intensity; /**< of restarts after a death, in the whole group */
} lc_child_group;

#define LC_CHILD_GROUP_INIT                                                                        \
    {                                                                                              \
        sizeof(lc_child_group), NULL, 0, LC_ONE_FOR_ALL, LC_INTENSITY_INIT                         \
    }

/* ---- for runnables: with their context, or one below it ---- */

/**
 * Starts a child, in a group of its own. Only while the caller is NEW.
 * @return NULL; -EPERM (the caller is not NEW); -EEXIST, -EINVAL naming the child or the field;
 * -ESHUTDOWN (the whole tree is cancelled); -ENOSPC, -ENOMEM; -ENOTSUP in a forked child. Called
 * with a context that belongs to no running runnable: it throws, as the others here do.
 */
LC_API LC_MUST_CHECK lc_error *lc_tree_run(lc_context *context, const lc_child *child);
/** Starts a group of children: all of them, or, if it is refused, none. As lc_tree_run. */
LC_API LC_MUST_CHECK lc_error *lc_tree_run_group(lc_context *context, const lc_child_group *group);
/** Says that the caller is healthy: once, while it is NEW. Out of order it throws. */
LC_API void lc_tree_signal_healthy(lc_context *context);
/** Says that the caller is done and will return NULL: once, when it is healthy; else it throws. */
LC_API void lc_tree_signal_done(lc_context *context);
/**
 * The distinguished name of the caller, root.a.b; also once its instance has ended. Lives as long as
 * the context.
 */
LC_API const char *lc_tree_name(lc_context *context);
/**
 * Opens a sub-log: a name for lc_log that is the caller's followed by `name`, as root.a.name. The
 * name is from then on refused to the caller's children, until the caller is restarted.
 * @param log  receives it; lives as long as the instance.
 * @return NULL; -EEXIST, -EINVAL, -ENOMEM.
 */
LC_API LC_MUST_CHECK lc_error *lc_tree_sublog(lc_context *context, const char *name,
                                              const char **log);

/* ---- for who has the tree ---- */

/** How a tree is to be. Begin with LC_TREE_INIT. */
typedef struct lc_tree_options {
    size_t size;      /**< sizeof(lc_tree_options) */
    const char *name; /**< for the log and snapshots; 1 to LC_NAME_MAX bytes; copied */
    lc_child root;    /**< the root runnable; its name is the first part of all names */
    /**
     * How long a runnable may be busy, or blocked outside the library, before it counts as settled.
     * Time in which it waits for a processor, or for its turn, is not counted.
     */
    int64_t settle_grace;
} lc_tree_options;

#define LC_TREE_INIT                                                                               \
    {                                                                                              \
        sizeof(lc_tree_options), "tree",                                                           \
            {sizeof(lc_child),     "root",    NULL, NULL, LC_WORKER_THREAD, 0, NULL, LC_PERMANENT, \
             LC_BACKOFF_TREE_INIT, LC_FOREVER},                                                    \
            50 * LC_MILLISECOND                                                                    \
    }

/**
 * Makes a tree, which runs once.
 * @return NULL; -EINVAL naming the option; -ENOMEM.
 */
LC_API LC_MUST_CHECK lc_error *lc_tree_new(const lc_tree_options *options, lc_tree **tree);
/** One more reference. NULL gives NULL. */
LC_API lc_tree *lc_tree_ref(lc_tree *tree);
/**
 * Gives a reference back. A tree that still runs goes on; one that was cancelled may still have
 * runnables alive. NULL is allowed.
 */
LC_API void lc_tree_unref(lc_tree *tree);

/**
 * Starts the root. The tree runs until `context` ends, and restarts the root while it has not.
 * @param context  NULL for none: then only lc_tree_cancel ends the tree. If its intensity says so,
 * the tree ends by itself; what then is to be told goes to the context's signaler, if it has one.
 * @return NULL; -EALREADY; -EAGAIN: no thread can be made to measure pauses and deadlines; -ENOMEM,
 * -ENOTSUP.
 */
LC_API LC_MUST_CHECK lc_error *lc_tree_start(lc_tree *tree, lc_context *context);
/** Cancels every runnable and returns at once. Thread-safe. */
LC_API void lc_tree_cancel(lc_tree *tree);
/**
 * Waits until nothing of it runs any more.
 * @return NULL; -ETIMEDOUT naming those that still run; -EDEADLK, at once, from one of its runnables,
 * from what is nested in one, and from what they call through lc_blocking.
 */
LC_API LC_MUST_CHECK lc_error *lc_tree_wait(lc_tree *tree, int64_t deadline);
/**
 * Waits until the tree is settled: no start, exit or restart waits to be carried out, and every
 * runnable that runs has come to wait in the library, or has been busy for longer than the grace.
 * NEW counts as settled; a pause before a restart that runs does too. For tests of runnables.
 * @return 0; -ETIMEDOUT; -EDEADLK as lc_tree_wait; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API int lc_tree_settle(lc_tree *tree, int64_t deadline);

/**
 * The tree as a component, a node of a supervisor, say: takes over the caller's reference. It is
 * ready when its root is healthy, and done when its context has ended and all of it has.
 */
LC_API lc_component *lc_tree_component(lc_tree *tree);
/** Closes when the root has signalled healthy for the first time. Lent. */
LC_API lc_handle *lc_tree_ready(lc_tree *tree);
/** Closes when it is cancelled and nothing of it runs any more. Lent. */
LC_API lc_handle *lc_tree_done(lc_tree *tree);

/** All runnables at this moment, parents before children, for lc_snapshot_free. NULL: no memory. */
LC_API LC_MUST_CHECK lc_snapshot *lc_tree_snapshot(lc_tree *tree);
/** Only those that run: which still live. NULL: no memory. */
LC_API LC_MUST_CHECK lc_snapshot *lc_tree_live(lc_tree *tree);
/**
 * Observes state changes, in order: NEW when really started, HEALTHY at the signal, the others at
 * the return. Otherwise as lc_supervisor_observe.
 */
LC_API LC_MUST_CHECK lc_observer *lc_tree_observe(lc_tree *tree, size_t capacity);

LC_END_DECLARATIONS

#endif
