/*
 * tree.h: the supervision tree: runnables that start child runnables, in groups that fail together.
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
 * A runnable starts its children while it is NEW, signals that it is healthy, and works until its
 * context ends; then it makes a clean end (context.h). A runnable that has finished its work
 * signals done and returns NULL. Any other end is a death: the contexts of the runnable, its
 * children and the siblings in its group are cancelled. A cancelled runnable is started again once
 * all below it has ended; it then starts its children again.
 *
 * The runnables that one death stops are one *unit*. None of them starts before all of them, and
 * all below them, have ended. The unit pauses once, by the back-off of the runnable that has died,
 * and counts once against an intensity. If it is not started again, none of its runnables is.
 *
 * Each death is logged at once. So is an error of a runnable that was told to stop, if it is no
 * clean end; it has no other effect, but if the whole tree is being stopped, the error of
 * lc_tree_wait names it.
 *
 * States: NEW (LC_NODE_STARTING), HEALTHY (LC_NODE_READY), DEAD, DONE, CANCELED.
 *
 * A runnable is a thread of its own, or a fiber. The tree goes on supervising the others if one is
 * in a busy loop, starts children without end, or signals out of order; but a fiber that never
 * waits keeps its thread from the other fibers (executor.h).
 *
 * The semantics are those of Monogon's supervisor. Strategies, restart types, intensity,
 * significant children and children of one description are those of Erlang/OTP's, with two
 * differences. 0 restarts of an intensity mean no limit; LC_RESTARTS_NONE is OTP's 0. A runnable
 * that does not stop in time is logged and waited for, since nothing in C can kill it.
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

/** The longest name of a runnable, of the characters [A-Za-z0-9_-]. */
#define LC_TREE_NAME_MAX 64
/** How many runnables a tree can have. */
#define LC_TREE_NODES_MAX 1048576

/**
 * The work of a runnable.
 * @param context  its own; its end tells the runnable to stop. Borrowed until the return.
 * @return NULL, or an error, which the tree takes over. A throw on the context is a death too.
 */
typedef lc_error *(*lc_runnable)(lc_context *context, void *arg);

/** A child. Zero means the default in each field. */
typedef struct lc_child {
    size_t size;      /**< sizeof(lc_child) */
    const char *name; /**< [A-Za-z0-9_-]{1,64}, unique among its siblings and their logs; copied */
    lc_runnable run;  /**< required */
    void *arg;        /**< the argument of `run`, at each start */
    lc_worker_kind kind; /**< 0: LC_THREAD */
    /**
     * Of a fiber; borrowed until the tree is freed. NULL: that of the fiber that first starts it.
     */
    lc_executor *executor;
    /**
     * A child that is not LC_PERMANENT may return NULL without a signal of done. A transient child
     * is also not started again after a clean end if not the tree but other code, such as the child
     * itself, has cancelled its context. A temporary child is forgotten once it and all below it
     * have ended; its name is then free.
     */
    lc_restart_type restart; /**< 0: LC_PERMANENT */
    /** Its end may stop its parent: lc_child_group.automatic_shutdown. Not for LC_PERMANENT. */
    bool significant;
    size_t stack_size; /**< bytes; 0 for the default of its kind */
    lc_backoff backoff;
    /**
     * How long a stop may take. A child that has not ended after that is named in the log. It is
     * not started again before it has ended. 0: no limit.
     */
    int64_t stop_timeout;
} lc_child;

/** A pointer to an lc_child: LC_CHILD(.name = "cache", .run = run_cache). */
#define LC_CHILD(...) LC_OPTIONS(lc_child, __VA_ARGS__)
/** The list of them for lc_child_group.children. */
#define LC_CHILDREN(...) LC_OPTIONS_LIST(lc_child, __VA_ARGS__)

/** Which children a child's death stops with it; the death of a temporary child stops none. */
typedef enum lc_strategy {
    LC_ONE_FOR_ALL = 0, /**< all members of its group */
    LC_ONE_FOR_ONE = 1, /**< no other */
    /**
     * The members after it in its group. Each member depends on the one before it: it starts, and
     * is started again, once that is healthy or will not run again. After a death they are told to
     * stop in the reverse order, each member when those after it have ended. Once the group is told
     * to stop, no further member starts.
     */
    LC_REST_FOR_ONE = 2
} lc_strategy;

/**
 * Whether the ends of significant children stop their parent: its context is cancelled, as if the
 * parent had cancelled it. The parent's restart type decides what follows: a transient parent is
 * not started again after a clean end. An end counts if the child will not run again and the tree
 * had not told it to stop: any end of a temporary child, or an end without an error of a transient
 * one.
 */
typedef enum lc_automatic_shutdown {
    LC_AUTOMATIC_SHUTDOWN_NEVER = 0, /**< they do not */
    LC_AUTOMATIC_SHUTDOWN_ANY = 1,   /**< the first of them does */
    LC_AUTOMATIC_SHUTDOWN_ALL = 2    /**< the last of them does */
} lc_automatic_shutdown;

/** Children that fail together. Zero means the default in each field. */
typedef struct lc_child_group {
    size_t size;                     /**< sizeof(lc_child_group) */
    const lc_child *const *children; /**< LC_CHILDREN; copied */
    lc_strategy strategy;
    lc_automatic_shutdown automatic_shutdown;
    lc_intensity intensity; /**< of restarts after a death, in the whole group */
} lc_child_group;

/** A pointer to an lc_child_group: LC_CHILD_GROUP(.children = LC_CHILDREN(...)). */
#define LC_CHILD_GROUP(...) LC_OPTIONS(lc_child_group, __VA_ARGS__)

/** A description from which children are started one by one: lc_children_new. */
typedef struct lc_children lc_children;

/* ---- for runnables; `context` is the runnable's, or one below it ---- */

/**
 * Starts a child, in a group of its own. Only while the caller is NEW.
 * A context that belongs to no running runnable makes this call, and the calls below, throw.
 * @return NULL; -EPERM: the caller is not NEW; -EEXIST, -EINVAL naming the child or the field;
 * -ESHUTDOWN: the whole tree is cancelled; -ENOSPC; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_runnable_start_child(lc_context *context, const lc_child *child);
/**
 * Starts a group of children; after an error none of them. As lc_runnable_start_child.
 */
LC_API LC_MUST_CHECK lc_error *lc_runnable_start_group(lc_context *context,
                                                       const lc_child_group *group);
/**
 * Describes children that are later started one by one, also when the caller is healthy: jobs, or
 * connections. Only while the caller is NEW.
 * @param description a group of exactly one child, of strategy LC_ONE_FOR_ONE; copied. Its
 * intensity
 *                     counts all of them together. The child's name and arg are the defaults of
 *                     lc_children_start.
 * @param children     receives the description, a reference.
 * @return as lc_runnable_start_child.
 */
LC_API LC_MUST_CHECK lc_error *
lc_children_new(lc_context *context, const lc_child_group *description, lc_children **children);
/**
 * Starts one more child, below the runnable that has described it. Any thread may call it.
 * @param name  NULL: the description's name followed by "-1", "-2" and so on.
 * @param arg   NULL: the description's.
 * @return NULL; -ESHUTDOWN: the instance that described it has ended, or was told to stop;
 * -EEXIST, -EINVAL naming the child; -ENOSPC, -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_children_start(lc_children *children, const char *name,
                                                 void *arg);
/** One more reference. NULL gives NULL. */
LC_API lc_children *lc_children_ref(lc_children *children);
/** Gives a reference back; the children run on. NULL is allowed. */
LC_API void lc_children_unref(lc_children *children);
/** Signals that the caller is healthy: once, while it is NEW; else it throws. */
LC_API void lc_runnable_signal_healthy(lc_context *context);
/** Signals that the caller is done and will return NULL: once, while HEALTHY; else it throws. */
LC_API void lc_runnable_signal_done(lc_context *context);
/**
 * The distinguished name of the caller, root.a.b; also after its instance has ended. Lives as long
 * as the context.
 */
LC_API const char *lc_runnable_name(lc_context *context);
/**
 * Opens a sub-log: a component name for lc_log, the caller's followed by `name`, as root.a.name. No
 * child of the caller can have that name until the caller is restarted.
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
     * will not run again, by its restart type or by the intensity, the tree is done.
     */
    const lc_child *root;
    /**
     * A runnable that has been busy, or blocked outside the library, for this time counts as
     * settled: lc_tree_settle. Time in which it waits for a processor, or for other fibers, does
     * not count. 0: 50 ms; LC_NONE: at once.
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
 * Gives a reference back. A tree that runs goes on; after a cancel its runnables may still be
 * alive. NULL is allowed.
 */
LC_API void lc_tree_unref(lc_tree *tree);

/**
 * Starts the root. The tree restarts the root until `context` ends or the root will not run again.
 * The error that the tree ends by, and errors during a stop, go to the context's signaler; without
 * one they are logged.
 * @param context  NULL for none.
 * @return NULL; -EALREADY; -EAGAIN: no thread can be made to measure pauses and deadlines; -ENOMEM;
 * -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_tree_start(lc_tree *tree, lc_context *context);
/** Cancels every runnable, without a wait. Before the start: nothing will start. Thread-safe. */
LC_API void lc_tree_cancel(lc_tree *tree);
/**
 * Waits until no runnable of the tree runs.
 * @return NULL: it was stopped, or its root is done; the error that it ended by; an error that
 * names the runnables that failed while they were being stopped; -ETIMEDOUT naming those that still
 * run; -EDEADLK, at once, in one of its runnables, in what is nested in one, in a function that
 * they call through lc_call_blocking, and in a callback or log sink that the tree calls.
 */
LC_API LC_MUST_CHECK lc_error *lc_tree_wait(lc_tree *tree, int64_t deadline);
/**
 * Waits until the tree is settled: it has no start, end or restart left to carry out, and every
 * runnable that runs waits in the library, or has been busy for longer than settle_grace. NEW
 * counts as settled, and so does a pause before a restart. For tests of runnables.
 * @return 0; -ETIMEDOUT; -EDEADLK as lc_tree_wait; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API int lc_tree_settle(lc_tree *tree, int64_t deadline);

/**
 * The tree as a component, for example a node of a supervisor. Takes over the caller's reference.
 * It is ready and done as lc_tree_ready and lc_tree_done say.
 */
LC_API lc_component *lc_tree_component(lc_tree *tree);
/**
 * Closes when the root has signalled healthy for the first time. It stays open if the tree ends
 * before that (logged), so wait for done too. Lent.
 */
LC_API lc_handle *lc_tree_ready(lc_tree *tree);
/** Closes when the tree is cancelled or its root will not run again, and none runs. Lent. */
LC_API lc_handle *lc_tree_done(lc_tree *tree);

/**
 * A snapshot of all runnables, parents before children, and of the last temporary children of each
 * that have ended (LC_SNAPSHOT_ENDED_MAX). For lc_snapshot_free. NULL: no memory.
 */
LC_API LC_MUST_CHECK lc_snapshot *lc_tree_snapshot(lc_tree *tree);
/** A snapshot of the runnables that run. NULL: no memory. */
LC_API LC_MUST_CHECK lc_snapshot *lc_tree_snapshot_live(lc_tree *tree);
/**
 * As lc_supervisor_observe, for changes of state: NEW when the runnable starts, HEALTHY at its
 * signal, the others when it returns.
 */
LC_API LC_MUST_CHECK lc_observer *lc_tree_observe(lc_tree *tree, size_t capacity);

LC_END_DECLARATIONS

#endif
