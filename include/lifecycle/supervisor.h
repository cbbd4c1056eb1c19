/*
 * supervisor.h: runs components that depend on each other.
 *
 *     lc_supervisor *supervisor;
 *     lc_error *error = lc_supervisor_new(
 *         LC_SUPERVISOR(.nodes = LC_NODES(
 *             LC_NODE(.name = "journal", .run = keep_journal),
 *             LC_NODE(.name = "store", .run = store, .needs = {"journal"}))),
 *         &supervisor);
 *     if (!error)
 *         error = lc_supervisor_run(supervisor, NULL, NULL);
 *
 * A node starts when its dependencies are ready; nodes with no path between them start in parallel.
 * When one fails, it is stopped, and then its policy decides (behavior.h):
 *
 *     restart       a fresh instance of this node, after a pause (restart.h)
 *     stop          the node and its descendants stop for good
 *     stop-parents  so do the nodes that it depends on, and their descendants
 *     shutdown      everything stops, and the run returns the error
 *     spin-halt     everything stops, and the process waits for an operator: see lc_spin_halt
 *
 * A stop that is not a failure goes in order: a node is told to stop once all its descendants are
 * done, also those below nodes that do not run, such as a failed one. context.h says what a clean
 * end is then. Any other error of a node that was told to stop is logged; if everything is being
 * stopped, the result of the run names it. The node's judge is asked too, but only the answers
 * shutdown and spin-halt have an effect: they turn the stop into that.
 *
 * The supervisor has no thread of its own. The thread or fiber that causes an event handles it, one
 * event at a time: a worker that fails calls into the supervisor with its error. Factories, starts
 * and judges run in tasks of their own, so one that blocks does not delay the others.
 *
 * The semantics are those of the supervisor of the Go component/lifecycle packages; where they
 * differ, docs/behaviors.md says how.
 */
#ifndef LIFECYCLE_SUPERVISOR_H
#define LIFECYCLE_SUPERVISOR_H

#include <lifecycle/api.h>
#include <lifecycle/behavior.h>
#include <lifecycle/component.h>
#include <lifecycle/context.h>
#include <lifecycle/error.h>
#include <lifecycle/handle.h>
#include <lifecycle/manager.h>
#include <lifecycle/observe.h>
#include <lifecycle/options.h>
#include <lifecycle/restart.h>
#include <lifecycle/run.h>
#include <lifecycle/worker.h>

LC_BEGIN_DECLARATIONS

typedef struct lc_supervisor lc_supervisor;
struct lc_tree_options;
struct lc_isolate_options;

/** How many nodes, and how many dependencies in all, a supervisor can have. */
#define LC_SUPERVISOR_NODES_MAX 1048576

/** What must be true of a dependency before its dependant starts. */
typedef enum lc_condition {
    LC_WHEN_READY = 0,   /**< its present instance is ready */
    LC_WHEN_STARTED = 1, /**< its present instance has been started */
    /** It has ended without an error. Not for a permanent dependency, which is always restarted. */
    LC_WHEN_COMPLETED = 2
} lc_condition;

/** A dependency of a node on another node. Zero means the default in each field. */
typedef struct lc_dependency {
    size_t size;      /**< sizeof(lc_dependency) */
    const char *name; /**< of another node; copied */
    /** Whether a restart of the dependency restarts the dependant too. */
    bool restart_along;
    lc_condition condition; /**< what must be true of it before the dependant starts */
} lc_dependency;

/** A pointer to an lc_dependency: LC_DEPENDENCY(.name = "store", .restart_along = true). */
#define LC_DEPENDENCY(...) LC_OPTIONS(lc_dependency, __VA_ARGS__)
/** The list of them for lc_node.dependencies. */
#define LC_DEPENDENCIES(...) LC_OPTIONS_LIST(lc_dependency, __VA_ARGS__)

/** How many names lc_node.needs has room for; `dependencies` takes any number. */
#define LC_NEEDS_MAX 8

/**
 * A supervised component: what it is made of, what it needs, what is done about its failures. Zero
 * means the default in each field.
 */
typedef struct lc_node {
    size_t size;      /**< sizeof(lc_node) */
    const char *name; /**< 1 to LC_NAME_MAX bytes; unique in the supervisor; copied */

    /*
     * What it is made of: exactly one of the next six fields is set. A borrowed struct must live,
     * with all that it points to, until the supervisor is freed. The call that adds the node
     * returns an error for a mistake in it.
     */
    lc_worker_function run;                   /**< one worker */
    const lc_worker *workers;                 /**< several: LC_WORKERS; copied */
    const struct lc_tree_options *tree;       /**< a supervision tree: LC_TREE; borrowed */
    const struct lc_isolate_options *isolate; /**< an isolate: LC_ISOLATE; borrowed */
    const struct lc_node *const *nodes;       /**< a nested supervisor: LC_NODES; borrowed */
    /** Makes each instance. For components of any other kind. */
    lc_component_factory factory;
    /** The argument of run, make, factory and judge, and of workers that have no arg. */
    void *arg;
    /**
     * For a node with `run` or `workers`: called before each start. It makes the data of the
     * instance, which the workers get instead of `arg`. Its error is like a factory's. NULL: none.
     */
    lc_error *(*make)(void **data, void *arg);
    /**
     * Frees the data of `make`, once the workers have ended: before the next `make`, and before the
     * node, or a run of the supervisor, counts as ended. It may wait; it must not throw. NULL: the
     * data is not freed.
     */
    void (*free)(void *data);

    lc_worker_kind kind; /**< default of its workers; also of make, factory, start and judge */
    /**
     * What is done about a failure if there is no judge. 0: LC_RESTART.
     */
    lc_behavior on_error;
    /** Decides about each failure, when the instance is done. NULL: on_error decides. */
    lc_judge judge;
    void *judge_arg; /**< for the judge; NULL: `arg` */
    /** The names of the nodes that must be ready before it starts; copied. */
    const char *needs[LC_NEEDS_MAX];
    /** Dependencies with conditions, beside `needs`: LC_DEPENDENCIES; copied. NULL: none. */
    const lc_dependency *const *dependencies;
    /**
     * What is done if the first instance fails before it is ready. LC_SHUTDOWN, for example, ends a
     * service that cannot open its port, instead of trying for ever. A judge gets it as `proposed`.
     * 0 (LC_RESTART): as after any other failure; but if the first `make` or factory fails, the
     * node stops for good. For a later instance that is a failure as any other.
     */
    lc_behavior first_start;
    /**
     * 0: LC_TRANSIENT. LC_TEMPORARY: the node stops for good instead of a restart. Once it has
     * ended and no node depends on it, it is forgotten and its name is free; snapshots show the
     * last few.
     */
    lc_restart_type restart;
    size_t stack_size; /**< default of its workers; bytes; 0: the default of their kind */
    /**
     * Of fibers; borrowed. NULL: the executor of the fiber that runs the supervisor, or the
     * default.
     */
    lc_executor *executor;
    lc_intensity intensity; /**< of this node alone */
    lc_backoff backoff;
    /**
     * How long a start may take. A node that is not ready after that has failed, with -ETIMEDOUT.
     * The error names its parts that are not ready, through nested supervisors, trees and merged
     * components down to the worker. 0: no limit.
     */
    int64_t start_timeout;
    /**
     * How long a stop may take. A node that is not done after that is overdue, which is logged. The
     * nodes that it depends on are then stopped without waiting for it. It is not started again
     * while its old instance lives. If everything stops, the run does not wait for it either, and
     * names it in its error, down to the worker; what it uses is leaked on purpose. 0: no limit.
     */
    int64_t stop_timeout;
} lc_node;

/** A pointer to an lc_node: LC_NODE(.name = "store", .run = store, .needs = {"journal"}). */
#define LC_NODE(...) LC_OPTIONS(lc_node, __VA_ARGS__)
/** The list of them for a supervisor, a service or a simulation. */
#define LC_NODES(...) LC_OPTIONS_LIST(lc_node, __VA_ARGS__)

/** Options of a supervisor. Zero means the default in each field. */
typedef struct lc_supervisor_options {
    size_t size; /**< sizeof(lc_supervisor_options) */
    /** For the log and snapshots; up to LC_NAME_MAX bytes; copied. NULL: "supervisor". */
    const char *name;
    const lc_node *const *nodes; /**< its first nodes: LC_NODES; NULL: none */
    lc_halt_mode halt;           /**< what lc_supervisor_run does with the answer spin-halt */
    /**
     * Whether SIGINT and SIGTERM cancel lc_supervisor_run, as the end of its context does. The run
     * then returns an error of code -ECANCELED with a cause, of code -EINTR, that names the signal.
     * Later signals act as in lc_component_run: the log names what still runs, and a third SIGINT
     * ends the process with status 130, unless everything is being stopped in order to halt.
     */
    bool handle_signals;
    /** The run goes on when no node can ever run again, until it is cancelled. */
    bool keep_running;
    /** Logs each change of a node's state, at level info; of several at once the last. */
    bool log_states;
    /**
     * How long it may take to stop everything. After that a node that is not done is overdue. So is
     * a node with a judge that has not answered: the run returns while the judge still runs, and
     * its error says that the node waits for "its judge". The data of such a judge must outlive the
     * run. 0: no limit.
     */
    int64_t stop_timeout;
    /** Called when a halt has begun to wait, on the caller's stack; must not throw; may be NULL. */
    void (*on_halt)(const lc_error *error, void *arg);
    void *on_halt_arg;
} lc_supervisor_options;

/** A pointer to lc_supervisor_options: LC_SUPERVISOR(.name = "shop"). */
#define LC_SUPERVISOR(...) LC_OPTIONS(lc_supervisor_options, __VA_ARGS__)

/**
 * Makes a supervisor, which runs once.
 * @param options     NULL for the defaults; borrowed for the call.
 * @param supervisor  receives it, for lc_supervisor_unref.
 * @return NULL; -EINVAL naming the option; -ENOMEM.
 */
LC_API LC_MUST_CHECK lc_error *lc_supervisor_new(const lc_supervisor_options *options,
                                                 lc_supervisor **supervisor);
/** One more reference. NULL gives NULL. Thread-safe. */
LC_API lc_supervisor *lc_supervisor_ref(lc_supervisor *supervisor);
/** Gives a reference back. A supervisor that runs goes on to its end. NULL is allowed. */
LC_API void lc_supervisor_unref(lc_supervisor *supervisor);

/**
 * Adds a node. While the supervisor runs, the node starts once its dependencies permit. Before the
 * run nodes may be added in any order; the run checks that all dependencies exist. Thread-safe.
 * @return NULL; -EINVAL naming the field; -EEXIST: the name is taken; for nested nodes the errors
 * of lc_supervisor_new and lc_supervisor_check; during a run also -ENOENT: a dependency does not
 * exist, -EINVAL: it waits for a permanent node to complete, -ESHUTDOWN: everything is being
 * stopped; -ENOSPC; -ENOMEM; -ENOTSUP in a forked child, as of the calls below.
 */
LC_API LC_MUST_CHECK lc_error *lc_supervisor_add(lc_supervisor *supervisor, const lc_node *node);
/**
 * Stops a node, if it runs, and removes it. Thread-safe.
 * @return NULL once it is removed; -ENOENT; -EBUSY naming a node that depends on it; -ETIMEDOUT: it
 * was still stopping at the deadline, and is removed once it has stopped; -EDEADLK, at once, if the
 * node's end would wait for the caller: the node is told to stop, and removed once it has stopped.
 * The latter is the result in a worker, factory, start, judge or isolate of the node, or of a
 * supervisor or tree nested in it; in a function that one of them calls through lc_call_blocking;
 * and in a callback or log sink that the supervisor, or one nested in the node, has called.
 */
LC_API LC_MUST_CHECK lc_error *lc_supervisor_remove(lc_supervisor *supervisor, const char *name,
                                                    int64_t deadline);
/**
 * Checks whether the graph can be run.
 * @return NULL; -ENOENT naming the node and the dependency that does not exist; -EINVAL naming a
 * node that waits for a permanent one to complete; -ELOOP with the cycle, as a -> b -> a; -ENOMEM.
 */
LC_API LC_MUST_CHECK lc_error *lc_supervisor_check(lc_supervisor *supervisor);

/**
 * Runs until everything has stopped. Blocks; call it from a worker or from main.
 *
 * The result:
 *
 * - No node can ever run again: the first error that stopped a node for good, or NULL.
 * - The context has ended: its error.
 * - The answer to a failure was shutdown or spin-halt: the error of that failure. A judge has
 *   answered another value: an error of code -EINVAL that wraps it and names the value.
 * - Nodes have failed while they were being stopped, or are overdue: an error of the same code that
 *   names them and wraps the one above.
 * - The graph is bad: as lc_supervisor_check. It was run before: -EALREADY. No thread can be made
 *   to measure pauses and deadlines: -EAGAIN, and nothing was started.
 *
 * @param context   cancels the run; needs no signaler. NULL for none.
 * @param behavior NULL, or receives LC_SHUTDOWN or LC_SPIN_HALT if that was the answer to a
 * failure,
 *                  else LC_STOP.
 * @return NULL or an error, given to the caller.
 */
LC_API LC_MUST_CHECK lc_error *lc_supervisor_run(lc_supervisor *supervisor, lc_context *context,
                                                 lc_behavior *behavior);

/**
 * The supervisor as a component, for example a node of another supervisor. Takes over the caller's
 * reference. It is ready as lc_supervisor_ready says. The error that lc_supervisor_run would return
 * goes to the signaler of the context that it was started with, but not that context's own error.
 * It does not halt by itself: after the answer spin-halt or shutdown the supervisor above, if this
 * node has no judge, halts or shuts down instead.
 */
LC_API lc_component *lc_supervisor_component(lc_supervisor *supervisor);
/**
 * Closes when every node is ready or will not run again, and not all of them have stopped for good.
 * If some have, a warning names them and their errors. Lent.
 */
LC_API lc_handle *lc_supervisor_ready(lc_supervisor *supervisor);
/** Closes when nothing runs any more. Lent. */
LC_API lc_handle *lc_supervisor_done(lc_supervisor *supervisor);
/**
 * The result of the run, once it is done.
 * @param behavior  NULL, or as of lc_supervisor_run.
 * @return as lc_supervisor_run: a reference, or NULL.
 */
LC_API LC_MUST_CHECK lc_error *lc_supervisor_result(lc_supervisor *supervisor,
                                                    lc_behavior *behavior);

/**
 * A snapshot of all nodes, for lc_snapshot_free: first the supervisor's own, then those of nested
 * supervisors and trees. A nested node's parent is the node that it is nested in, and its name
 * begins with the parent's, as "inner/store". The nested supervisors are read one after the other,
 * so their moments may differ a little. In a callback or a log sink that a nested one has called,
 * its nodes are left out. NULL: no memory. Thread-safe.
 */
LC_API LC_MUST_CHECK lc_snapshot *lc_supervisor_snapshot(lc_supervisor *supervisor);
/**
 * The status of one of the supervisor's own nodes. Thread-safe.
 * @param status receives it. Its name is `name`, its error NULL, its waits_for "", its indices 0; a
 *                snapshot has those too.
 * @return 0; -ENOENT: there is no such node; -EINVAL.
 */
LC_API int lc_supervisor_node(lc_supervisor *supervisor, const char *name, lc_node_status *status);
/**
 * A handle that closes when the node will not run again: it is done or has stopped for good, or the
 * supervisor has ended. While everything is being stopped nothing is restarted, so it closes when
 * the node's instance has ended. With it a dependant can wait for "it is gone" beside "it is ready
 * again". The handle is closed if there is no such node.
 * @return a reference, or NULL if memory has run out. Thread-safe.
 */
LC_API LC_MUST_CHECK lc_handle *lc_supervisor_node_over(lc_supervisor *supervisor,
                                                        const char *name);
/**
 * The supervisor of the node that a worker's context belongs to; of nested ones the nearest. NULL:
 * none. Borrowed: it lives as long as the worker that was given the context. Workers need it to
 * call lc_supervisor_node_over, lc_supervisor_add or lc_supervisor_remove. Thread-safe.
 */
LC_API lc_supervisor *lc_context_supervisor(const lc_context *context);

/**
 * Makes an observer, which gets all later events in their order. The supervisor does not wait for
 * an observer: it keeps at most `capacity` events (1 to LC_OBSERVER_EVENTS_MAX) and drops the
 * oldest; lc_event.lost counts those.
 * @return the observer, for lc_observer_free; NULL: no memory, or a bad capacity. Thread-safe.
 */
LC_API LC_MUST_CHECK lc_observer *lc_supervisor_observe(lc_supervisor *supervisor, size_t capacity);

LC_END_DECLARATIONS

#endif
