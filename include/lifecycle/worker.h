/*
 * worker.h: one function of a component: what it runs on, the worker itself, and its ready token.
 * Managers (manager.h) and nodes (supervisor.h) are made of workers.
 */
#ifndef LIFECYCLE_WORKER_H
#define LIFECYCLE_WORKER_H

#include <lifecycle/api.h>
#include <lifecycle/context.h>
#include <lifecycle/error.h>
#include <lifecycle/executor.h>

LC_BEGIN_DECLARATIONS

typedef struct lc_ready lc_ready;

/** The longest name of a component or worker, in bytes; threads show the first 15. */
#define LC_NAME_MAX 64
/** The smallest stack a worker that is a thread can ask for, in bytes; see LC_FIBER_STACK_MIN. */
#define LC_STACK_SIZE_MIN ((size_t)64 * 1024)

/**
 * The name of the calling worker; "" in a thread that the library did not make. Lives as long as
 * the worker.
 */
LC_API const char *lc_worker_name(void);

/** What a worker runs on. */
typedef enum lc_worker_kind {
    LC_THREAD = 0, /**< a fresh thread of its own: any code is safe in it */
    LC_FIBER = 1   /**< a fiber of an executor: executor.h says what its code keeps to */
} lc_worker_kind;

/**
 * The work. It signals `ready` once it is operational, works until `context` ends, and returns.
 * @param context  the manager's signaler context, shared by its workers; borrowed until the return.
 * @param ready    the worker's ready token, borrowed until the return.
 * @return NULL when it has finished, also when it was told to; an error, given over, if it failed.
 * Once `context` has ended, an error with the code of the context's error is as good as NULL.
 */
typedef lc_error *(*lc_worker_function)(lc_context *context, lc_ready *ready, void *arg);

/** One worker of a manager. Begin with LC_WORKER_INIT. */
typedef struct lc_worker {
    size_t size;            /**< sizeof(lc_worker) */
    const char *name;       /**< 1 to LC_NAME_MAX bytes; unique within the manager; copied */
    lc_worker_function run; /**< required */
    void *arg;              /**< handed to `run`; must live as long as any manager built */
    lc_worker_kind kind;
    /** Bytes: LC_STACK_SIZE_MIN or LC_FIBER_STACK_MIN or more; 0 for the default of its kind. */
    size_t stack_size;
    /** Of a fiber: NULL for the executor of the fiber that starts the manager, or the default. */
    lc_executor *executor;
    /** Of a fiber: the threads it may run on; NULL for any. Borrowed until the last start. */
    lc_thread_group *group;
    bool spread; /**< of a fiber: begins on the executor's threads in turn */
} lc_worker;

#define LC_WORKER_INIT                                                                             \
    {                                                                                              \
        sizeof(lc_worker), NULL, NULL, NULL, LC_THREAD, 0, NULL, NULL, false                       \
    }

/** A worker that is ready at once and returns when its context ends; `arg` is ignored. */
LC_API lc_error *lc_noop_worker(lc_context *context, lc_ready *ready, void *arg);

/**
 * Says that the worker is operational. From any thread, any number of times, also after shutdown
 * has begun; after the worker has returned it is ignored.
 */
LC_API void lc_ready_signal(lc_ready *ready);
/** Keeps the token beyond the worker's return, for a helper, say. */
LC_API lc_ready *lc_ready_ref(lc_ready *ready);
/** Gives a kept token back. NULL is allowed. */
LC_API void lc_ready_unref(lc_ready *ready);

LC_END_DECLARATIONS

#endif
