/*
 * behavior.h: what is done about a failure: the five behaviors, what a judge is told of a failure,
 * and the judge.
 *
 *     static lc_behavior judge_store(const lc_failure *failure, void *arg)
 *     {
 *         return lc_error_is(failure->error, -ENOSPC) ? LC_SPIN_HALT : failure->proposed;
 *     }
 *
 * The five behaviors are those of the Go component/lifecycle packages.
 */
#ifndef LIFECYCLE_BEHAVIOR_H
#define LIFECYCLE_BEHAVIOR_H

#include <lifecycle/api.h>
#include <lifecycle/error.h>

LC_BEGIN_DECLARATIONS

/** What is done about a failure. */
typedef enum lc_behavior {
    LC_RESTART = 0,      /**< a fresh instance can go on safely */
    LC_STOP = 1,         /**< the component stops, and what depends on it */
    LC_STOP_PARENTS = 2, /**< as LC_STOP, and what it depends on stops as well */
    LC_SHUTDOWN = 3,     /**< everything stops, the process ends */
    /**
     * Everything stops, and the process stays until an operator sends SIGTERM, because a restart
     * would do harm. Use it with care: it keeps the service manager from restarting the service.
     */
    LC_SPIN_HALT = 4
} lc_behavior;

/**
 * The behavior's name ("restart", "stop", "stop-parents", "shutdown", "spin-halt"), or NULL for any
 * other value. Thread-safe.
 */
LC_API const char *lc_behavior_name(lc_behavior behavior);
/** Finds a behavior by its name. @return 0; -EINVAL, with `*behavior` unchanged. Thread-safe. */
LC_API int lc_behavior_parse(const char *name, lc_behavior *behavior);

/** A fatal error of an instance that has ended. The judge borrows all of it for its call. */
typedef struct lc_failure {
    size_t size;       /**< sizeof(lc_failure) of the library that made it */
    const char *node;  /**< the name of the node, or of the run */
    uint64_t instance; /**< which instance failed: 1 is the first */
    uint64_t restarts; /**< how many restarts there were before this failure */
    bool was_ready;    /**< whether the instance had become ready */
    /**
     * Whether the instance had been told to stop before it failed. Then only the answers
     * LC_SHUTDOWN and LC_SPIN_HALT have an effect.
     */
    bool stopping;
    int64_t ran;           /**< nanoseconds from the instance's start to its failure */
    int64_t ready_for;     /**< nanoseconds from its readiness to its failure; 0: never ready */
    const lc_error *error; /**< never NULL */
    lc_behavior proposed;  /**< the behavior without a judge */
    int64_t pause;         /**< nanoseconds before the restart, if there is one; 0: no pause */
} lc_failure;

/**
 * Judges the fatal error of an instance, after the instance is done. Called once for an instance.
 * It must not throw. The options that take a judge say on which thread or fiber it runs.
 */
typedef lc_behavior (*lc_judge)(const lc_failure *failure, void *arg);

LC_END_DECLARATIONS

#endif
