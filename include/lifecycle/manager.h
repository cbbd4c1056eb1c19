/*
 * manager.h: the component manager: a component made of workers.
 *
 *     lc_manager_builder *builder = lc_manager_builder_new("store");
 *     lc_manager_builder_add(builder,
 *                            LC_WORKER(.name = "commit", .run = commit_worker, .arg = store));
 *     lc_manager_builder_add(builder,
 *                            LC_WORKER(.name = "compact", .run = compact_worker, .arg = store));
 *     lc_error *failed = lc_manager_builder_build(builder, &manager);
 *     lc_manager_builder_free(builder);
 *
 * A manager is ready when every worker has signalled its ready token, and done when every worker
 * has returned. A worker that fails, by returning an error or by throwing, reports the error to the
 * context that the manager was started with, and the other workers are cancelled. A worker that
 * returns NULL has no effect on the others. A worker is a thread or a fiber (executor.h). A manager
 * has no thread of its own; if a thread starts it, it uses the library's one thread for timers.
 *
 * context.h says what a clean end is after a stop. Any other error of a worker that was told to
 * stop is logged with the worker's name and reported like an error before the stop.
 *
 * The semantics are those of the ComponentManager in the Go component/lifecycle packages, from
 * which the names are taken as well.
 */
#ifndef LIFECYCLE_MANAGER_H
#define LIFECYCLE_MANAGER_H

#include <lifecycle/api.h>
#include <lifecycle/component.h>
#include <lifecycle/context.h>
#include <lifecycle/error.h>
#include <lifecycle/handle.h>
#include <lifecycle/worker.h>

LC_BEGIN_DECLARATIONS

typedef struct lc_manager lc_manager;
typedef struct lc_manager_builder lc_manager_builder;

/** The most workers of one manager. */
#define LC_MANAGER_WORKERS_MAX 1048576
/** The default of lc_manager_builder_set_ready_warning, in nanoseconds. */
#define LC_READY_WARNING (10 * LC_SECOND)

/* ---- building ---- */

/**
 * Makes a builder of managers called `name` (1 to LC_NAME_MAX bytes; copied). A builder is used by
 * one thread at a time. It keeps the first mistake, which lc_manager_builder_build returns.
 * @return the builder, or NULL if memory has run out.
 */
LC_API LC_MUST_CHECK lc_manager_builder *lc_manager_builder_new(const char *name);
/** Frees the builder, not the managers that it has built. NULL is allowed. */
LC_API void lc_manager_builder_free(lc_manager_builder *builder);
/**
 * Sets the kind of workers that are added later and name no kind. At first it is LC_THREAD.
 */
LC_API void lc_manager_builder_set_kind(lc_manager_builder *builder, lc_worker_kind kind);
/**
 * Sets when a manager warns that it is not ready: `timeout` nanoseconds after its start, on the
 * clock of the thread or fiber that starts it, one log line names the workers that have not
 * signalled ready. It has no other effect. There is no line if no timer can be made. 0:
 * LC_READY_WARNING; LC_FOREVER: no warning; below 0: a mistake.
 */
LC_API void lc_manager_builder_set_ready_warning(lc_manager_builder *builder, int64_t timeout);
/**
 * Adds a worker (copied): lc_manager_builder_add(builder, LC_WORKER(.name = "commit", ...)).
 */
LC_API void lc_manager_builder_add(lc_manager_builder *builder, const lc_worker *worker);
/**
 * Builds a manager. It may be called again: each manager runs all workers, with the same arguments.
 * @param manager  receives a reference, or NULL.
 * @return NULL, or the first mistake: -EINVAL, -E2BIG, -EEXIST (two workers of one name), -ENOMEM
 * (also for a builder of NULL). The message names the worker and says what would be right.
 */
LC_API LC_MUST_CHECK lc_error *lc_manager_builder_build(lc_manager_builder *builder,
                                                        lc_manager **manager);

/* ---- managers ---- */

/** One more reference. NULL gives NULL. */
LC_API lc_manager *lc_manager_ref(lc_manager *manager);
/** Gives a reference back. Running workers keep their manager alive. NULL is allowed. */
LC_API void lc_manager_unref(lc_manager *manager);
/**
 * The manager as a component. It is the same object: lc_component_destroy gives the caller's
 * reference back, as lc_manager_unref does.
 */
LC_API lc_component *lc_manager_component(lc_manager *manager);
/** The manager's name; lives as long as the manager. */
LC_API const char *lc_manager_name(const lc_manager *manager);
/**
 * Gives the manager data. When the manager is freed, after its last worker has returned, it calls
 * `release(data)`. Call this before other threads use the manager. @return 0; -EALREADY: it has
 * data; -EINVAL.
 */
LC_API int lc_manager_set_data(lc_manager *manager, void *data, void (*release)(void *data));
/** The data of lc_manager_set_data, or NULL. */
LC_API void *lc_manager_data(const lc_manager *manager);

/**
 * Launches the workers under a context with a signaler above it, and returns. Without workers ready
 * and done close at once. Under a context that has ended the workers still run, and find it ended.
 * If the first worker is launched and a later one cannot be, that is a fatal error on the context,
 * and the workers that run are cancelled.
 * @return NULL; -EALREADY: it was started before, and nothing changes; -ENOMEM, -EAGAIN, -ESHUTDOWN
 * (the fibers' executor is being freed): no worker could be launched, and the manager is done;
 * -EINVAL; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_manager_start(lc_manager *manager, lc_context *context);
/**
 * Closes when every worker has signalled ready; never, if one returns before that. The log names a
 * worker that returns before it is ready, without an error and without having been told to stop;
 * and the workers that are not ready in time: lc_manager_builder_set_ready_warning.
 */
LC_API lc_handle *lc_manager_ready(lc_manager *manager);
/** Closes when every worker has returned. The shutdown handle is closed by then. */
LC_API lc_handle *lc_manager_done(lc_manager *manager);
/**
 * Closes when the workers' context has ended: its parent has ended, a worker has failed, or the
 * last worker has returned.
 */
LC_API lc_handle *lc_manager_shutdown(lc_manager *manager);

/** The state of a worker. */
typedef enum lc_worker_state {
    LC_WORKER_PENDING = 0,  /**< the manager has not been started */
    LC_WORKER_STARTING = 1, /**< launched, not ready */
    LC_WORKER_READY = 2,    /**< has signalled ready */
    LC_WORKER_RETURNED = 3  /**< has returned, or could not be launched */
} lc_worker_state;

/** One row of lc_manager_copy_workers. */
typedef struct lc_worker_status {
    const char *name; /**< lives as long as the manager */
    lc_worker_state state;
    bool was_ready; /**< whether it ever signalled ready */
    int64_t since;  /**< when it entered the state, as lc_now; 0 while pending */
} lc_worker_status;

/**
 * Copies the status of each worker, in the order in which they were added.
 * @param statuses  room for `capacity` rows; may be NULL if that is 0.
 * @return the number of workers; at most `capacity` rows are written.
 */
LC_API size_t lc_manager_copy_workers(lc_manager *manager, lc_worker_status *statuses,
                                      size_t capacity);

LC_END_DECLARATIONS

#endif
