/*
 * observe.h: snapshots and events of supervisors (supervisor.h) and trees (tree.h).
 */
#ifndef LIFECYCLE_OBSERVE_H
#define LIFECYCLE_OBSERVE_H

#include <lifecycle/api.h>
#include <lifecycle/channel.h>
#include <lifecycle/error.h>
#include <lifecycle/time.h>
#include <lifecycle/wait.h>

LC_BEGIN_DECLARATIONS

/**
 * The state of a node. The states of a tree's runnable are starting (its NEW), ready (HEALTHY),
 * done, dead and canceled; in a snapshot also back-off, of which there is no event.
 */
typedef enum lc_node_state {
    LC_NODE_WAITING = 0,  /**< does not run: waits for dependencies, or dependants that stop */
    LC_NODE_BACKOFF = 1,  /**< does not run: pauses before a restart */
    LC_NODE_STARTING = 2, /**< runs and is not ready */
    LC_NODE_READY = 3,    /**< runs and is ready */
    LC_NODE_FAILING = 4,  /**< has failed, and still runs */
    LC_NODE_STOPPING = 5, /**< has been told to stop, and still runs */
    LC_NODE_JUDGED = 6,   /**< has failed and ended; its judge is being asked */
    LC_NODE_DONE = 7,     /**< has ended without an error, and will not run again */
    LC_NODE_STOPPED =
        8,            /**< will not run again: stopped, failed for good, or never able to start */
    LC_NODE_DEAD = 9, /**< of a tree: has ended with an error, or without having said done */
    LC_NODE_CANCELED = 10 /**< of a tree: has ended because it was told to */
} lc_node_state;

/** The state's name ("waiting", "back-off", ...), or NULL for any other value. */
LC_API const char *lc_node_state_name(lc_node_state state);

/* ---- snapshots ---- */

/** One node at the snapshot's time. */
typedef struct lc_node_status {
    /** In a tree the distinguished name: root.a.b. Nested, after its parent's name: inner/store. */
    const char *name;
    lc_node_state state;
    int64_t since;         /**< when it entered the state, as lc_now */
    uint64_t instance;     /**< how many times it has been started */
    uint64_t restarts;     /**< how many of these starts were restarts */
    const lc_error *error; /**< its last error; NULL: none */
    const char *waits_for; /**< in words; "": nothing */
    bool overdue;          /**< it should have stopped by now */
    size_t parent;         /**< index of its parent; its own index: it has none */
    size_t first_link;     /**< index of the first of its dependencies among the links */
    size_t link_count;     /**< how many dependencies it has */
} lc_node_status;

/** A dependency. */
typedef struct lc_node_link {
    size_t dependency;     /**< index of the node that it depends on */
    const char *condition; /**< "ready", "started", "completed" */
    bool restart_along;
    bool met; /**< whether the condition is met at this time */
} lc_node_link;

/** A snapshot shows so many of the temporary nodes that have ended: the last ones. */
#define LC_SNAPSHOT_ENDED_MAX 16

/**
 * All nodes at one moment: those of a graph in the order in which they were added, those of a tree
 * with parents before children; then the last LC_SNAPSHOT_ENDED_MAX temporary nodes that have
 * ended; then the nodes that are nested in nodes.
 */
typedef struct lc_snapshot {
    const char *name; /**< of the supervisor or tree */
    int64_t time;
    const lc_node_status *nodes;
    size_t count;
    const lc_node_link *links;
    size_t link_count;
} lc_snapshot;

/** Frees a snapshot and its printed text. NULL is allowed. */
LC_API void lc_snapshot_free(lc_snapshot *snapshot);

/** How a snapshot is printed. */
typedef enum lc_snapshot_format {
    LC_SNAPSHOT_TEXT = 0, /**< a tree of lines, for a terminal */
    LC_SNAPSHOT_JSON = 1, /**< one object, RFC 8259 */
    LC_SNAPSHOT_DOT = 2   /**< a digraph for Graphviz */
} lc_snapshot_format;

/**
 * Prints a snapshot.
 * @return the text, which lives as long as the snapshot; NULL if memory has run out or there is no
 * such format.
 */
LC_API const char *lc_snapshot_print(lc_snapshot *snapshot, lc_snapshot_format format);

/* ---- the stream of events ---- */

/** What an event says. */
typedef enum lc_event_kind {
    LC_EVENT_STATE = 0,    /**< a node has entered a state */
    LC_EVENT_STOPPING = 1, /**< everything is being stopped; after a failure `error` says why */
    LC_EVENT_HALTING = 2,  /**< everything is being stopped for a spin-halt; `error` says why */
    LC_EVENT_ENDED = 3     /**< nothing runs any more; `error` is the result of the run, or NULL */
} lc_event_kind;

/** An event. */
typedef struct lc_event {
    lc_event_kind kind;
    int64_t time;          /**< as lc_now */
    const char *name;      /**< of the node; "": the event is about the whole */
    lc_node_state state;   /**< of the node */
    uint64_t instance;     /**< of the node */
    const lc_error *error; /**< the error that led to the node's state; NULL: none */
    uint64_t lost;         /**< how many events the observer has lost before this one */
} lc_event;

typedef struct lc_observer lc_observer;

/** The largest capacity of an observer, in events. */
#define LC_OBSERVER_EVENTS_MAX 1048576

/**
 * Waits for the next event. Only one thread or fiber may call it at a time.
 * @param event  receives it, for lc_event_free.
 * @return 0; -ETIMEDOUT; -EPIPE: the supervisor is gone, and there are no more events; -EINVAL;
 * -ENOTSUP in a forked child.
 */
LC_API int lc_observer_next(lc_observer *observer, lc_event **event, int64_t deadline);
/**
 * For lc_wait_any: ready when lc_observer_next with LC_NOW returns an event or -EPIPE.
 */
LC_API lc_waitable lc_on_observer(lc_observer *observer);
/** Frees an event. NULL is allowed. */
LC_API void lc_event_free(lc_event *event);
/**
 * Stops observing and frees the observer. May be called at any time, also while the supervisor
 * runs. NULL is allowed.
 */
LC_API void lc_observer_free(lc_observer *observer);

LC_END_DECLARATIONS

#endif
