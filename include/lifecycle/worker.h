/*
 * worker.h: workers: one function of a component, the kind of worker, and its ready token.
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
    LC_KIND_DEFAULT = 0, /**< the kind of its builder, node or group; else a thread */
    LC_THREAD = 1,       /**< a fresh thread of its own: any code is safe in it */
    LC_FIBER = 2         /**< a fiber of an executor: executor.h has rules for its code */
} lc_worker_kind;

/**
 * The work. It signals `ready` once it is operational, works until `context` ends, and returns.
 * @param context  the manager's signaler context, shared by its workers; borrowed until the return.
 * @param ready    the worker's ready token, borrowed until the return.
 * @return NULL when it has finished or was told to stop; an error, which the library takes over, if
 * it has failed. Once `context` has ended, an error with the code of the context's error counts as
 * NULL.
 */
typedef lc_error *(*lc_worker_function)(lc_context *context, lc_ready *ready, void *arg);

/** A worker of a component; see LC_WORKER. Zero means the default in each field. */
typedef struct lc_worker {
    size_t size; /**< sizeof(lc_worker); may be 0 in LC_WORKERS */
    /** Required: 1 to LC_NAME_MAX bytes; unique within the component; copied. */
    const char *name;
    lc_worker_function run; /**< required */
    void *arg;              /**< the argument of `run`; lives as long as any component made of it */
    lc_worker_kind kind;    /**< 0: LC_KIND_DEFAULT */
    bool spread;            /**< of a fiber: it begins on the executor's threads in turn */
    /** Bytes: LC_STACK_SIZE_MIN or LC_FIBER_STACK_MIN or more; 0 for the default of its kind. */
    size_t stack_size;
    /** Of a fiber. NULL: the executor of the fiber that starts the manager, or the default. */
    lc_executor *executor;
    /** Of a fiber: the threads that it may run on; NULL: any. Borrowed until the last start. */
    lc_thread_group *group;
} lc_worker;

/** A worker: LC_WORKER(.name = "commit", .run = commit, .arg = store). */
#define LC_WORKER(...) LC_OPTIONS(lc_worker, __VA_ARGS__)
/** Several: LC_WORKERS({.name = "commit", .run = commit}, {.name = "compact", .run = compact}). */
#define LC_WORKERS(...) LC_STRUCT_LIST(lc_worker, __VA_ARGS__)

/** A worker that is ready at once and returns when its context ends; `arg` is ignored. */
LC_API lc_error *lc_noop_worker(lc_context *context, lc_ready *ready, void *arg);

/**
 * Says that the worker is operational. Any thread may call it, any number of times, also after the
 * shutdown has begun; after the worker has returned it has no effect.
 */
LC_API void lc_ready_signal(lc_ready *ready);
/** One more reference to the token, for use after the worker's return. */
LC_API lc_ready *lc_ready_ref(lc_ready *ready);
/** Gives a reference back. NULL is allowed. */
LC_API void lc_ready_unref(lc_ready *ready);

LC_END_DECLARATIONS

#endif
