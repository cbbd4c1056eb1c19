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
 *     stop          the node is over, and what depends on it
 *     stop-parents  so is what it depends on, and all that depends on that
 *     shutdown      everything stops, and the run returns the error
 *     spin-halt     everything stops, and the process waits for an operator: see lc_spin_halt
 *
 * What is stopped on purpose stops in order: a node is told to stop once all that depends on it is
 * done, also what depends on it by way of nodes that do not run, such as one that has failed. How a
 * node that was told to stop ends cleanly is in context.h. Any other error is logged and, if
 * everything is being stopped, named in what the run returns. Its judge is asked too, but only the
 * answers shutdown and spin-halt count: they turn the stop into that.
 *
 * The supervisor has no thread of its own. The thread or fiber that brings an event about deals
 * with it, one event at a time: a worker that fails carries its error to the supervisor itself.
 * Factories, starts and judges run in tasks of their own, so one that blocks holds up no other.
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

/** The most nodes of a supervisor, and the most dependencies of all its nodes together. */
#define LC_SUPERVISOR_NODES_MAX 1048576

/** What must be true of a dependency before its dependant starts. */
typedef enum lc_condition {
    LC_WHEN_READY = 0,   /**< its present instance has become ready */
    LC_WHEN_STARTED = 1, /**< its present instance has been started */
    /** It has ended without an error. Refused for a permanent dependency, which never does. */
    LC_WHEN_COMPLETED = 2
} lc_condition;

/** One thing that a node depends on. Zero means the default in each field. */
typedef struct lc_dependency {
    size_t size;      /**< sizeof(lc_dependency) */
    const char *name; /**< of another node; copied */
    /** Whether the dependant restarts along when the dependency is restarted. */
    bool restart_along;
    lc_condition condition; /**< what must be true of it first */
} lc_dependency;

/** A pointer to an lc_dependency: LC_DEPENDENCY(.name = "store", .restart_along = true). */
#define LC_DEPENDENCY(...) LC_OPTIONS(lc_dependency, __VA_ARGS__)
/** The list of them for lc_node.dependencies. */
#define LC_DEPENDENCIES(...) LC_OPTIONS_LIST(lc_dependency, __VA_ARGS__)

/** How many names lc_node.needs has room for; `dependencies` takes any number. */
#define LC_NEEDS_MAX 8

/**
 * A component to be supervised: what it is made of, what it needs, what is done about its failures.
 * Zero means the default in each field.
 */
typedef struct lc_node {
    size_t size;      /**< sizeof(lc_node) */
    const char *name; /**< 1 to LC_NAME_MAX bytes; unique in the supervisor; copied */

    /*
     * What it is made of: exactly one of the next six. What is borrowed must live, with all that it
     * points to, until the supervisor is freed. A mistake in it is an error of the call that gives
     * the node.
     */
    lc_worker_function run;                   /**< one worker */
    const lc_worker *workers;                 /**< several: LC_WORKERS; copied */
    const struct lc_tree_options *tree;       /**< a supervision tree: LC_TREE; borrowed */
    const struct lc_isolate_options *isolate; /**< an isolate: LC_ISOLATE; borrowed */
    const struct lc_node *const *nodes;       /**< a nested supervisor: LC_NODES; borrowed */
    /** Makes each instance. For components of any other kind. */
    lc_component_factory factory;
    /** Handed to run, to workers that have no arg of their own, to make, factory and judge. */
    void *arg;
    /**
     * Called before each start of a node with `run` or `workers`: makes the data of the instance,
     * which the workers get as their arg instead of `arg`. An error is as one of a factory. NULL:
     * nothing.
     */
    lc_error *(*make)(void **data, void *arg);
    /**
     * Frees what `make` has made, once the workers have ended: before the next `make`, and before
     * the node, or a run of the supervisor, counts as ended. It may wait; it must not throw. NULL:
     * nothing is freed.
     */
    void (*free)(void *data);

    lc_worker_kind kind; /**< of workers that ask for none, of make, factory, start and judge */
    /**
     * What is done about a failure if there is no judge: what a judge may answer. Without it the
     * node is restarted.
     */
    lc_behavior on_error;
    /** Asked about each failure, when the instance is done. NULL: on_error decides. */
    lc_judge judge;
    void *judge_arg; /**< for the judge; NULL: `arg` */
    /** The names of what must be ready before it starts; copied. */
    const char *needs[LC_NEEDS_MAX];
    /** Dependencies with conditions, beside `needs`: LC_DEPENDENCIES; copied. NULL: none. */
    const lc_dependency *const *dependencies;
    /**
     * What is done if the first instance fails before it is ready: LC_SHUTDOWN, say, since a port
     * that is in use must not be tried for ever in silence. 0 (LC_RESTART): as of any other
     * failure. A judge has it proposed. Without it a node whose first `make` or factory fails is
     * stopped for good. At a later instance that is a failure as any other.
     */
    lc_behavior first_start;
    /**
     * 0: LC_TRANSIENT. LC_TEMPORARY: instead of a restart the node is stopped. Once it has ended
     * and nothing depends on it, it is forgotten and its name is free; snapshots show the last few.
     */
    lc_restart_type restart;
    size_t stack_size; /**< of workers that ask for none; bytes; 0: the default of their kind */
    /**
     * Of fibers: NULL for the executor of the fiber that runs the supervisor, or the default.
     * Borrowed.
     */
    lc_executor *executor;
    lc_intensity intensity; /**< of this node alone */
    lc_backoff backoff;
    /**
     * Not ready so long after its start: it has failed, with -ETIMEDOUT. The error names what of it
     * is not ready, through nested supervisors, trees and merged components down to the worker. 0:
     * no limit.
     */
    int64_t start_timeout;
    /**
     * Not done so long after it was told to stop: it is overdue, which is logged, and what it
     * depends on is stopped without waiting for it any longer. It is not started again while its
     * old instance lives. If everything stops, the run does not wait for it any longer either, and
     * names it in its error, down to the worker; what it uses is then leaked on purpose. 0: no
     * limit.
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
    const lc_node *const *nodes; /**< added at once: LC_NODES; NULL: none */
    lc_halt_mode halt;           /**< what lc_supervisor_run does with the answer spin-halt */
    /**
     * Whether SIGINT and SIGTERM cancel lc_supervisor_run, as if its context had been: it then
     * returns an error of code -ECANCELED whose cause, of code -EINTR, names the signal. Later ones
     * are answered as by lc_component_run: what still runs is named, and a third SIGINT ends the
     * process with status 130, unless it is being stopped in order to halt.
     */
    bool handle_signals;
    /** Goes on when nothing is left that could ever run, until it is cancelled. */
    bool keep_running;
    /** Logs each change of a node's state, at level info; of several at one moment the last. */
    bool log_states;
    /**
     * Once everything is being stopped: a node that is not done so long after is overdue. So is one
     * whose judge has not answered: the run returns while the judge still runs, and its
     * error names the node and says that it waits for "its judge". What a judge uses must
     * then outlive the run. 0: no limit.
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
/** Gives a reference back. It may still run: it then goes on to its end. NULL is allowed. */
LC_API void lc_supervisor_unref(lc_supervisor *supervisor);

/**
 * Adds a node, also while the supervisor runs: then it is started as soon as its dependencies
 * permit. Before, nodes may be added in any order; the run checks that all dependencies are there.
 * Thread-safe.
 * @return NULL; -EINVAL naming the field; -EEXIST (the name is taken); of nested nodes what
 * lc_supervisor_new and lc_supervisor_check answer about them; while it runs also -ENOENT (a
 * dependency is not there), -EINVAL (it waits for a permanent node to complete) and -ESHUTDOWN
 * (everything is being stopped); -ENOSPC, -ENOMEM; -ENOTSUP in a forked child, as those that
 * follow.
 */
LC_API LC_MUST_CHECK lc_error *lc_supervisor_add(lc_supervisor *supervisor, const lc_node *node);
/**
 * Stops a node, if it runs, and forgets it. Thread-safe.
 * @return NULL once it is gone; -ENOENT; -EBUSY naming a node that depends on it; -ETIMEDOUT if it
 * was still stopping at the deadline: it is forgotten once it has stopped. -EDEADLK, at once, if
 * the node's end waits for the caller: the removal is begun, and the node is forgotten once it has
 * stopped. This is the answer to a worker, factory, start, judge or isolate of the node, or of a
 * supervisor or tree nested in it; to what they call through lc_call_blocking; and to a callback,
 * or a log sink, that the supervisor itself or one nested in the node has called.
 */
LC_API LC_MUST_CHECK lc_error *lc_supervisor_remove(lc_supervisor *supervisor, const char *name,
                                                    int64_t deadline);
/**
 * Says whether the graph can be run.
 * @return NULL; -ENOENT naming the node and the dependency that is not there; -EINVAL naming a node
 * that waits for a permanent one to complete; -ELOOP with the cycle, as a -> b -> a; -ENOMEM.
 */
LC_API LC_MUST_CHECK lc_error *lc_supervisor_check(lc_supervisor *supervisor);

/**
 * Runs until everything has stopped. Blocks; call it from a worker or from main.
 *
 * - Nothing is left that could ever run: the first error that stopped a node, or NULL.
 * - Context ended: its error.
 * - The answer to a failure was shutdown or spin-halt: its error. A judge answered none of the
 *   five: an error of code -EINVAL that wraps it and names the value.
 * - Nodes failed while they were being stopped, or are overdue: an error of the same code that
 *   names them and wraps the one above.
 * - The graph is bad: as lc_supervisor_check. It has been run before: -EALREADY. No thread can be
 *   made to measure pauses and deadlines: -EAGAIN, and nothing has been started.
 *
 * @param context   cancels the run; needs no signaler. NULL for none.
 * @param behavior  NULL, or receives LC_SHUTDOWN or LC_SPIN_HALT if a failure was answered so, else
 * LC_STOP.
 * @return NULL or an error, given to the caller.
 */
LC_API LC_MUST_CHECK lc_error *lc_supervisor_run(lc_supervisor *supervisor, lc_context *context,
                                                 lc_behavior *behavior);

/**
 * The supervisor as a component, to be a node of another, say: takes over the caller's reference.
 * It is ready as lc_supervisor_ready says. What lc_supervisor_run would return goes to the signaler
 * it was started with; of that context's own error only what went wrong besides. A spin-halt is not
 * waited out here: if this is a node without a judge, the supervisor above halts in its stead,
 * as it shuts down for a shutdown.
 */
LC_API lc_component *lc_supervisor_component(lc_supervisor *supervisor);
/**
 * Closes when every node is ready or over for good, and not all of them have been given up. If some
 * have, a warning names them and their errors. Lent.
 */
LC_API lc_handle *lc_supervisor_ready(lc_supervisor *supervisor);
/** Closes when nothing runs any more. Lent. */
LC_API lc_handle *lc_supervisor_done(lc_supervisor *supervisor);
/**
 * How it ended, once it is done.
 * @param behavior  NULL, or as lc_supervisor_run.
 * @return what lc_supervisor_run would; one more reference, or NULL.
 */
LC_API LC_MUST_CHECK lc_error *lc_supervisor_result(lc_supervisor *supervisor,
                                                    lc_behavior *behavior);

/**
 * All nodes at this moment, for lc_snapshot_free. A node that is a supervisor or a tree is
 * followed, behind all nodes of the supervisor's own, by the nodes of that, of which it is the
 * parent: their names begin with its name, as "inner/store". Each supervisor is looked at in
 * turn, so the moments may differ a little. Called in a callback or a log sink while a nested one
 * is being changed, it leaves that one's nodes out. NULL: no memory. Thread-safe.
 */
LC_API LC_MUST_CHECK lc_snapshot *lc_supervisor_snapshot(lc_supervisor *supervisor);
/**
 * One node at this moment, of the supervisor's own.
 * @param status  receives it. Its name is `name`, its error NULL and its waits_for "": what lives
 * longer than the call is in a snapshot. The indices are 0.
 * @return 0; -ENOENT: there is no such node; -EINVAL. Thread-safe.
 */
LC_API int lc_supervisor_node(lc_supervisor *supervisor, const char *name, lc_node_status *status);
/**
 * A handle that closes when the node will not run again: it is done, or stopped for good, or the
 * supervisor has ended. While everything is being stopped nothing is restarted, so it closes then
 * when the node's last instance has ended. So a dependant can wait for "it is gone", beside "it is
 * ready again". Closed already if there is no such node.
 * @return a reference, or NULL if memory has run out. Thread-safe.
 */
LC_API LC_MUST_CHECK lc_handle *lc_supervisor_node_over(lc_supervisor *supervisor,
                                                        const char *name);
/**
 * The supervisor whose node the worker of this context belongs to, the nearest of nested ones;
 * NULL: none. Borrowed: it lives as long as the worker that was given the context. For calls such
 * as lc_supervisor_node_over, lc_supervisor_add and lc_supervisor_remove. Thread-safe.
 */
LC_API lc_supervisor *lc_context_supervisor(const lc_context *context);

/**
 * Observes what happens from here on, in order. Nothing waits for an observer: when `capacity`
 * events (1 to LC_OBSERVER_EVENTS_MAX) are kept for it, the oldest is lost for the next, and it is
 * told how many were.
 * @return the observer, for lc_observer_free; NULL: no memory, or a bad capacity. Thread-safe.
 */
LC_API LC_MUST_CHECK lc_observer *lc_supervisor_observe(lc_supervisor *supervisor, size_t capacity);

LC_END_DECLARATIONS

#endif
