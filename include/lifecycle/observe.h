/*
 * observe.h: looking at what is supervised: snapshots, and the stream of what changes. For
 * supervisors (supervisor.h) and trees (tree.h) alike.
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
 * What a node is about. Of a tree: starting (its NEW), ready (HEALTHY), done, dead and canceled; in
 * a snapshot also back-off, which its observers are not told of.
 */
typedef enum lc_node_state {
    LC_NODE_WAITING = 0,  /**< not running: for its dependencies, or for dependants that stop */
    LC_NODE_BACKOFF = 1,  /**< not running: pauses before a restart */
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

/** One node, as it was at the snapshot's time. */
typedef struct lc_node_status {
    /** In a tree the distinguished name: root.a.b. Nested, behind its parent's: inner/store. */
    const char *name;
    lc_node_state state;
    int64_t since;         /**< when it entered the state, as lc_now */
    uint64_t instance;     /**< how many times it has been started */
    uint64_t restarts;     /**< of these, how many were restarts */
    const lc_error *error; /**< the last it had; NULL: none */
    const char *waits_for; /**< for a person; "": nothing */
    bool overdue;          /**< it should have stopped by now */
    size_t parent;     /**< index of its parent, of a runnable or a nested node; its own: none */
    size_t first_link; /**< index of the first of its dependencies among the links */
    size_t link_count; /**< how many dependencies it has */
} lc_node_status;

/** A dependency. */
typedef struct lc_node_link {
    size_t dependency;     /**< index of the node depended upon */
    const char *condition; /**< "ready", "started", "completed" */
    bool restart_along;
    bool met; /**< whether the condition is met at this time */
} lc_node_link;

/** How many of the temporary nodes that have ended a snapshot shows: the last ones. */
#define LC_SNAPSHOT_ENDED_MAX 16

/**
 * All nodes at one moment. A graph's in the order added, a tree's parents before their children;
 * then the last LC_SNAPSHOT_ENDED_MAX temporary nodes that have ended and are forgotten;
 * behind them what is nested in the nodes.
 */
typedef struct lc_snapshot {
    const char *name; /**< of the supervisor or tree */
    int64_t time;
    const lc_node_status *nodes;
    size_t count;
    const lc_node_link *links;
    size_t link_count;
} lc_snapshot;

/** Frees a snapshot and what was printed of it. NULL is allowed. */
LC_API void lc_snapshot_free(lc_snapshot *snapshot);

/** How a snapshot is printed. */
typedef enum lc_snapshot_format {
    LC_SNAPSHOT_TEXT = 0, /**< a tree of lines, for a terminal */
    LC_SNAPSHOT_JSON = 1, /**< one object, RFC 8259 */
    LC_SNAPSHOT_DOT = 2   /**< a digraph for Graphviz */
} lc_snapshot_format;

/**
 * Prints a snapshot.
 * @return the text, which lives as long as the snapshot; NULL if memory has run out or the format
 * is none of these.
 */
LC_API const char *lc_snapshot_print(lc_snapshot *snapshot, lc_snapshot_format format);

/* ---- the stream of events ---- */

/** What an event tells. */
typedef enum lc_event_kind {
    LC_EVENT_STATE = 0,    /**< a node has entered a state */
    LC_EVENT_STOPPING = 1, /**< everything is being stopped; `error` says why, if it failed */
    LC_EVENT_HALTING = 2,  /**< everything is being stopped for a spin-halt; `error` says why */
    LC_EVENT_ENDED = 3     /**< nothing runs any more; `error` is what the run returns, or NULL */
} lc_event_kind;

/** Something that has happened. */
typedef struct lc_event {
    lc_event_kind kind;
    int64_t time;          /**< as lc_now */
    const char *name;      /**< of the node; "" if it is about the whole */
    lc_node_state state;   /**< of the node */
    uint64_t instance;     /**< of the node */
    const lc_error *error; /**< of the node, where the state comes of one; NULL */
    uint64_t lost;         /**< how many events before this one the observer has lost */
} lc_event;

typedef struct lc_observer lc_observer;

/** The most events an observer can ask to have kept. */
#define LC_OBSERVER_EVENTS_MAX 1048576

/**
 * Waits for the next event. By one caller at a time.
 * @param event  receives it, for lc_event_free.
 * @return 0; -ETIMEDOUT; -EPIPE when the supervisor is gone and all was told; -EINVAL; -ENOTSUP in
 * a forked child.
 */
LC_API int lc_observer_next(lc_observer *observer, lc_event **event, int64_t deadline);
/**
 * For lc_wait_any: there is an event, or there will be none any more; then ask lc_observer_next
 * with LC_NOW.
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
