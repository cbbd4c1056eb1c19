/*
 * restart.h: when what has ended is started again: restart types, back-off, restart intensity. The
 * graph supervisor (supervisor.h) and the supervision tree (tree.h) use them alike.
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
 * Which ends are followed by a restart. In a tree a runnable that has said done and has returned
 * NULL is not restarted, whatever its type.
 */
typedef enum lc_restart_type {
    LC_RESTART_TYPE_DEFAULT = 0, /**< of a node LC_TRANSIENT, of a tree's child LC_PERMANENT */
    LC_PERMANENT = 1,            /**< all, but a tree's done */
    LC_TRANSIENT = 2,            /**< those with an error */
    LC_TEMPORARY = 3             /**< none */
} lc_restart_type;

/**
 * How long to pause before a restart: `first`, then `factor` times as long each time, at most
 * `most`; each pause is made up to `jitter` of itself longer or shorter, at random, so that what
 * failed together does not come back together.
 *
 * A steady life sets the pause back to `first`: the instance was ready for at least `steady`, and
 * for at least as long as the pause that would come next. An instant of readiness does not, so a
 * node that fails again and again is started less and less often. In a tree, as in its source,
 * *healthy* and *done* set it back as well.
 *
 * In each field 0 means the default. A node's is 100 ms, doubling up to 30 s, give or take a fifth;
 * at once after 10 s of readiness. A tree's is 0.5 s, growing by a
 * half up to 60 s, give or take a half.
 */
typedef struct lc_backoff {
    int64_t first; /**< nanoseconds; LC_NONE: no pause, but 100 ms for want of a thread or memory */
    int64_t most;  /**< nanoseconds; at least `first` */
    double factor; /**< 1 or more */
    double jitter; /**< up to 1; LC_NONE: none */
    int64_t steady; /**< nanoseconds; LC_NONE: any life that was ready is steady */
    /** The first restart after a steady life pauses too. In a tree it always does. */
    bool pause_first;
} lc_backoff;

/** The most restarts that an intensity can count. */
#define LC_INTENSITY_MAX 1000
/**
 * For lc_intensity.restarts: the first restart is one too many already. It is what 0 means as the
 * intensity of an Erlang/OTP supervisor.
 */
#define LC_RESTARTS_NONE 4294967295U

/**
 * How many restarts are too many. A graph's intensity is a node's, and counts its restarts. A
 * tree's is a group's, and counts the failures of its members; what one failure takes along counts
 * once.
 */
typedef struct lc_intensity {
    /**
     * So many within any `period` are allowed. 0: there is no limit; in Erlang/OTP 0 means what
     * LC_RESTARTS_NONE means here.
     */
    unsigned restarts;
    int64_t period; /**< nanoseconds; 0: five seconds */
    /**
     * What happens instead of the one too many; 0 (LC_RESTART): LC_STOP_PARENTS. In a graph any
     * behavior; in a tree LC_STOP: the node stays down with all that its failure takes along,
     * LC_STOP_PARENTS: its parent dies of it, LC_SHUTDOWN: the whole tree ends with the error.
     */
    lc_behavior exceeded;
} lc_intensity;

LC_END_DECLARATIONS

#endif
