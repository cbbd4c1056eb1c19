/*
 * restart.h: restarts: restart types, back-off, restart intensity. For the graph supervisor
 * (supervisor.h) and the supervision tree (tree.h).
 *
 * The types and the intensity are those of Erlang/OTP's supervisor.
 */
#ifndef LIFECYCLE_RESTART_H
#define LIFECYCLE_RESTART_H

#include <lifecycle/api.h>
#include <lifecycle/behavior.h>
#include <lifecycle/time.h>

LC_BEGIN_DECLARATIONS

/**
 * After which ends a restart follows. In a tree a runnable that has signalled done and has returned
 * NULL is not restarted, whatever its type.
 */
typedef enum lc_restart_type {
    LC_RESTART_TYPE_DEFAULT = 0, /**< of a node LC_TRANSIENT, of a tree's child LC_PERMANENT */
    LC_PERMANENT = 1,            /**< after each end */
    LC_TRANSIENT = 2,            /**< after an end with an error */
    LC_TEMPORARY = 3             /**< never */
} lc_restart_type;

/**
 * The pause before a restart: `first`, then `factor` times as long each time, at most `most`. Each
 * pause is longer or shorter by a random part of itself, up to `jitter`, so that nodes that failed
 * at one moment do not all start at one moment.
 *
 * After a steady life the next pause is `first` again. A life is steady if the instance was ready
 * for at least `steady`, and for at least the pause that would come next. A node that fails soon
 * after it is ready is thus restarted less and less often. In a tree, as in its source, *healthy*
 * and *done* set the pause back too.
 *
 * In each field 0 means the default. Of a node: 100 ms, doubled each time up to 30 s, jitter 0.2,
 * steady after 10 s, and no pause after a steady life. Of a tree: 0.5 s, times 1.5 up to 60 s,
 * jitter 0.5.
 */
typedef struct lc_backoff {
    int64_t first;  /**< nanoseconds; LC_NONE: no pause (100 ms if memory or a thread is lacking) */
    int64_t most;   /**< nanoseconds; at least `first` */
    double factor;  /**< 1 or more */
    double jitter;  /**< up to 1; LC_NONE: none */
    int64_t steady; /**< nanoseconds; LC_NONE: each life that was ready is steady */
    /** The first restart after a steady life pauses too. In a tree it always does. */
    bool pause_first;
} lc_backoff;

/** The largest lc_intensity.restarts. */
#define LC_INTENSITY_MAX 1000
/**
 * For lc_intensity.restarts: no restart is allowed. This is what 0 means as the intensity of an
 * Erlang/OTP supervisor.
 */
#define LC_RESTARTS_NONE 4294967295U

/**
 * A limit of restarts. In a graph each node has one, which counts the node's restarts. In a tree
 * each group has one, which counts the failures of its members: one failure counts once, however
 * many members it takes along.
 */
typedef struct lc_intensity {
    /**
     * How many are allowed within any `period`. 0: no limit (in Erlang/OTP 0 means
     * LC_RESTARTS_NONE).
     */
    unsigned restarts;
    int64_t period; /**< nanoseconds; 0: five seconds */
    /**
     * What happens instead of the restart that exceeds the limit; 0 (LC_RESTART): LC_STOP_PARENTS.
     * In a graph any behavior; in a tree LC_STOP: the node stays down with all that its failure
     * takes along, LC_STOP_PARENTS: its parent dies of it, LC_SHUTDOWN: the whole tree ends with
     * the error.
     */
    lc_behavior exceeded;
} lc_intensity;

LC_END_DECLARATIONS

#endif
