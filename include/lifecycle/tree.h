/*
 * tree.h: the supervision tree: runnables that start child runnables, in groups that share fate.
 *
 *     static lc_error *root(lc_context *context, void *arg)
 *     {
 *         lc_error *error =
 *             lc_runnable_start_child(context, LC_CHILD(.name = "cache", .run = run_cache));
 *         if (error)
 *             return error;
 *         lc_runnable_signal_healthy(context);
 *         lc_handle_wait(lc_context_done(context), LC_FOREVER);
 *         return lc_error_ref(lc_context_error(context));
 *     }
 *
 * A runnable starts its children while it is NEW, says that it is healthy, and works until its
 * context ends; then it returns NULL, or an error whose chain has the code of the context's error.
 * One whose work is over says done and returns NULL. Anything else is a death: the runnable's
 * context is cancelled, its children's with it, and its group siblings'. What has been cancelled is
 * started again once all below it has ended; it then starts its children again.
 *
 * What one death takes along is one *unit*. Nothing of it starts before all of it has ended, with
 * all that is below it. It pauses once, as the one that has died has to, and counts once against an
 * intensity. If it is given up, all of it is.
 *
 * Each death is logged at once, whatever follows. A runnable that was told to stop and ends with an
 * error that is no answer to that (context.h) is logged too, but its error counts for nothing; if
 * the whole tree is being stopped, lc_tree_wait names it.
 *
 * States: NEW (LC_NODE_STARTING), HEALTHY (LC_NODE_READY), DEAD, DONE, CANCELED.
 *
 * A runnable is a thread of its own, or a fiber. One that misbehaves, by a busy loop, children
 * without end, or signals out of order, leaves the others supervised; a fiber that never waits
 * keeps the other fibers of its executor's thread waiting (executor.h).
 *
 * The semantics are those of Monogon's supervisor. Strategies, restart types, intensity,
 * significant children and children of one description are those of Erlang/OTP's, with two
 * differences. An intensity's 0 restarts means no limit; LC_RESTARTS_NONE is OTP's 0. A runnable
 * that does not stop in time is named and waited for, since nothing in C can kill it.
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
#include <lifecycle/options.h>
#include <lifecycle/restart.h>
#include <lifecycle/worker.h>

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

/** A child to be started. Zero means the default in each field. */
typedef struct lc_child {
    size_t size;      /**< sizeof(lc_child) */
    const char *name; /**< [A-Za-z0-9_-]{1,64}, unique among its siblings and their logs; copied */
    lc_runnable run;  /**< required */
    void *arg;        /**< handed to `run`, at each start */
    lc_worker_kind kind; /**< 0: LC_THREAD */
    /**
     * Of a fiber: NULL for that of the fiber that starts it first. Borrowed: it outlives the tree.
     */
    lc_executor *executor;
    /**
     * A child that is not LC_PERMANENT may return NULL without having said done. A transient child
     * is not started again either if its context was cancelled by something else than the tree, by
     * the child itself for instance, and it then ends as told. A temporary child is forgotten once
     * it and all below it have ended; its name may then be given again.
     */
    lc_restart_type restart; /**< 0: LC_PERMANENT */
    /** Its end may stop its parent: lc_child_group.automatic_shutdown. Not of LC_PERMANENT. */
    bool significant;
    size_t stack_size; /**< bytes; 0 for the default of its kind */
    lc_backoff backoff;
    /**
     * Not ended so long after it was told to: it is named in the log. It is not started again
     * before it has ended. 0: no limit.
     */
    int64_t stop_timeout;
} lc_child;

/** A pointer to an lc_child: LC_CHILD(.name = "cache", .run = run_cache). */
#define LC_CHILD(...) LC_OPTIONS(lc_child, __VA_ARGS__)
/** The list of them for lc_child_group.children. */
#define LC_CHILDREN(...) LC_OPTIONS_LIST(lc_child, __VA_ARGS__)

/** What the death of a child takes along. The death of a temporary child takes nothing along. */
typedef enum lc_strategy {
    LC_ONE_FOR_ALL = 0, /**< all of its group */
    LC_ONE_FOR_ONE = 1, /**< no other */
    /**
     * The members after it in its group. They depend on it: each starts, and is started again,
     * after the one before it is healthy, or is over for good. What a death takes along is told to
     * stop in the reverse order, each member when those after it have ended. A member whose turn to
     * start has not come when the group is told to stop is not started.
     */
    LC_REST_FOR_ONE = 2
} lc_strategy;

/**
 * When the ends of significant children stop their parent: its context is cancelled, as if the
 * parent had cancelled it. The parent's own restart type says what follows: a transient parent that
 * ends as told is not started again. An end counts if the child is over for good and the tree had
 * not told it to stop: the end of a temporary child, and that of a transient child without an
 * error.
 */
typedef enum lc_automatic_shutdown {
    LC_AUTOMATIC_SHUTDOWN_NEVER = 0, /**< they do not */
    LC_AUTOMATIC_SHUTDOWN_ANY = 1,   /**< the first of them does */
    LC_AUTOMATIC_SHUTDOWN_ALL = 2    /**< the last of them does */
} lc_automatic_shutdown;

/** Children that share their fate. Zero means the default in each field. */
typedef struct lc_child_group {
    size_t size;                     /**< sizeof(lc_child_group) */
    const lc_child *const *children; /**< LC_CHILDREN: NULL ends the list; copied */
    lc_strategy strategy;
    lc_automatic_shutdown automatic_shutdown;
    lc_intensity intensity; /**< of restarts after a death, in the whole group */
} lc_child_group;

/** A pointer to an lc_child_group: LC_CHILD_GROUP(.children = LC_CHILDREN(...)). */
#define LC_CHILD_GROUP(...) LC_OPTIONS(lc_child_group, __VA_ARGS__)

/** Children of one description, started one by one: lc_children_new. */
typedef struct lc_children lc_children;

/* ---- for runnables: with their context, or one below it ---- */

/**
 * Starts a child, in a group of its own. Only while the caller is NEW.
 * @return NULL; -EPERM (the caller is not NEW); -EEXIST, -EINVAL naming the child or the field;
 * -ESHUTDOWN (the whole tree is cancelled); -ENOSPC, -ENOMEM; -ENOTSUP in a forked child. Called
 * with a context that belongs to no running runnable: it throws, as the others here do.
 */
LC_API LC_MUST_CHECK lc_error *lc_runnable_start_child(lc_context *context, const lc_child *child);
/**
 * Starts a group of children: all of them, or, if it is refused, none. As lc_runnable_start_child.
 */
LC_API LC_MUST_CHECK lc_error *lc_runnable_start_group(lc_context *context,
                                                       const lc_child_group *group);
/**
 * Describes children that are to be started one by one, also when the caller is healthy: jobs, or
 * connections. Only while the caller is NEW.
 * @param description  a group of exactly one child, of strategy LC_ONE_FOR_ONE; its intensity is
 * that of all of them together. The child's name and arg are defaults: lc_children_start. Copied.
 * @param children  receives them, with one reference for the caller.
 * @return as lc_runnable_start_child.
 */
LC_API LC_MUST_CHECK lc_error *
lc_children_new(lc_context *context, const lc_child_group *description, lc_children **children);
/**
 * Starts one more, below the runnable that has described them. Thread-safe, from anywhere.
 * @param name  its name; NULL for that of the description followed by "-1", "-2" and so on.
 * @param arg  handed to its `run`; NULL for that of the description.
 * @return NULL; -ESHUTDOWN (the instance that described them has ended, or was told to stop);
 * -EEXIST, -EINVAL naming the child; -ENOSPC, -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_children_start(lc_children *children, const char *name,
                                                 void *arg);
/** One more reference. NULL gives NULL. */
LC_API lc_children *lc_children_ref(lc_children *children);
/** Gives a reference back; the children that run are left alone. NULL is allowed. */
LC_API void lc_children_unref(lc_children *children);
/** Says that the caller is healthy: once, while it is NEW. Out of order it throws. */
LC_API void lc_runnable_signal_healthy(lc_context *context);
/** Says that the caller is done and will return NULL: once, when it is healthy; else it throws. */
LC_API void lc_runnable_signal_done(lc_context *context);
/**
 * The distinguished name of the caller, root.a.b; also once its instance has ended. Lives as long
 * as the context.
 */
LC_API const char *lc_runnable_name(lc_context *context);
/**
 * Opens a sub-log: a name for lc_log that is the caller's followed by `name`, as root.a.name. The
 * name is from then on refused to the caller's children, until the caller is restarted.
 * @param log  receives it; lives as long as the instance.
 * @return NULL; -EEXIST, -EINVAL, -ENOMEM.
 */
LC_API LC_MUST_CHECK lc_error *lc_runnable_sublog(lc_context *context, const char *name,
                                                  const char **log);

/* ---- for the owner of the tree ---- */

/** Options of a tree. Zero means the default in each field. */
typedef struct lc_tree_options {
    size_t size; /**< sizeof(lc_tree_options) */
    /** For the log and snapshots; up to LC_NAME_MAX bytes; copied. NULL: "tree". */
    const char *name;
    /**
     * The root runnable; required. Its name is the first part of all names; NULL: "root". Once it
     * is over for good, by its restart type or by the intensity, the tree is done.
     */
    const lc_child *root;
    /**
     * How long a runnable may be busy, or blocked outside the library, before it counts as settled.
     * Time in which it waits for a processor, or for its turn, is not counted. 0: 50 ms; LC_NONE:
     * no time.
     */
    int64_t settle_grace;
    lc_intensity intensity; /**< of restarts of the root after a death */
} lc_tree_options;

/** A pointer to lc_tree_options: LC_TREE(.root = LC_CHILD(.run = root)). */
#define LC_TREE(...) LC_OPTIONS(lc_tree_options, __VA_ARGS__)

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
 * Starts the root. The tree runs until `context` ends or the root is over for good, and restarts
 * the root until then. The error that it ends by, and what failed while it was being stopped, goes
 * to the context's signaler; without a signaler it is logged.
 * @param context  NULL for none.
 * @return NULL; -EALREADY; -EAGAIN: no thread can be made to measure pauses and deadlines; -ENOMEM,
 * -ENOTSUP.
 */
LC_API LC_MUST_CHECK lc_error *lc_tree_start(lc_tree *tree, lc_context *context);
/** Cancels every runnable and returns at once. Before the start: nothing starts. Thread-safe. */
LC_API void lc_tree_cancel(lc_tree *tree);
/**
 * Waits until nothing of it runs any more.
 * @return NULL if it ended as told, or its root is done; the error that it ended by, or one that
 * names the runnables that failed while they were being stopped; -ETIMEDOUT naming those that still
 * run; -EDEADLK, at once, from one of its runnables, from what is nested in one, from what they
 * call through lc_call_blocking, and from a callback or log sink that the tree calls.
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
/**
 * Closes when the root has signalled healthy for the first time. It stays open if the tree ends
 * before that, which is logged: wait for done beside it. Lent.
 */
LC_API lc_handle *lc_tree_ready(lc_tree *tree);
/** Closes when it is cancelled, or its root over for good, and nothing of it runs. Lent. */
LC_API lc_handle *lc_tree_done(lc_tree *tree);

/**
 * All runnables at this moment, parents before children, and of each the last temporary children
 * that have ended (LC_SNAPSHOT_ENDED_MAX). For lc_snapshot_free. NULL: no memory.
 */
LC_API LC_MUST_CHECK lc_snapshot *lc_tree_snapshot(lc_tree *tree);
/** Only those that run: which still live. NULL: no memory. */
LC_API LC_MUST_CHECK lc_snapshot *lc_tree_snapshot_live(lc_tree *tree);
/**
 * Observes state changes, in order: NEW when really started, HEALTHY at the signal, the others at
 * the return. Otherwise as lc_supervisor_observe.
 */
LC_API LC_MUST_CHECK lc_observer *lc_tree_observe(lc_tree *tree, size_t capacity);

LC_END_DECLARATIONS

#endif
