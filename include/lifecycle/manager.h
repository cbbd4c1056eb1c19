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
 * has returned. A worker that fails, by returning an error or by throwing, reports to the context
 * the manager was started with and has the other workers cancelled; one that returns NULL leaves
 * the others be. A worker is a thread or a fiber (executor.h); the manager uses no thread beyond
 * them, and the library's one thread for timers if it is started by a thread.
 *
 * What a worker that was told to stop may return is in context.h. An error that is no answer to the
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
/** After how long a manager names the workers that are not ready, in nanoseconds: the default. */
#define LC_READY_WARNING (10 * LC_SECOND)

/* ---- building ---- */

/**
 * Makes a builder of managers called `name` (1 to LC_NAME_MAX bytes; copied). A builder is used by
 * one thread at a time. Mistakes are kept, and told by lc_manager_builder_build.
 * @return the builder, or NULL if memory has run out.
 */
LC_API LC_MUST_CHECK lc_manager_builder *lc_manager_builder_new(const char *name);
/** Frees the builder; what it built lives on. NULL is allowed. */
LC_API void lc_manager_builder_free(lc_manager_builder *builder);
/**
 * The kind of the workers that are added from here on and ask for none; LC_THREAD at first.
 */
LC_API void lc_manager_builder_set_kind(lc_manager_builder *builder, lc_worker_kind kind);
/**
 * When a manager that is not ready warns of it: `timeout` nanoseconds after its start, on the clock
 * of its starter, one log line names the workers that have not signalled ready. The line is for
 * people: it has no other effect, and is left out if no timer can be made. 0 for LC_READY_WARNING,
 * LC_FOREVER for no warning; below 0 is a mistake.
 */
LC_API void lc_manager_builder_set_ready_warning(lc_manager_builder *builder, int64_t timeout);
/**
 * Adds a worker (copied): lc_manager_builder_add(builder, LC_WORKER(.name = "commit", ...)).
 */
LC_API void lc_manager_builder_add(lc_manager_builder *builder, const lc_worker *worker);
/**
 * Builds a manager. May be called several times: each manager starts the workers itself, with the
 * same arguments.
 * @param manager  receives a reference, or NULL.
 * @return NULL, or the first mistake made (-EINVAL, -E2BIG, -EEXIST for a name used twice, -ENOMEM,
 * also for a builder that is NULL), its message naming the worker and what would be right.
 */
LC_API LC_MUST_CHECK lc_error *lc_manager_builder_build(lc_manager_builder *builder,
                                                        lc_manager **manager);

/* ---- managers ---- */

/** One more reference. NULL gives NULL. */
LC_API lc_manager *lc_manager_ref(lc_manager *manager);
/** Gives a reference back. Running workers keep their manager alive. NULL is allowed. */
LC_API void lc_manager_unref(lc_manager *manager);
/**
 * The manager as a component. The component is the same object and carries the caller's reference:
 * lc_component_destroy on it is lc_manager_unref.
 */
LC_API lc_component *lc_manager_component(lc_manager *manager);
/** The manager's name; lives as long as the manager. */
LC_API const char *lc_manager_name(const lc_manager *manager);
/**
 * Has `release(data)` called when the manager is freed, that is after its last worker has returned
 * and its last reference has gone. At most one for a manager; -EALREADY otherwise. Call it before
 * others share the manager.
 */
LC_API int lc_manager_set_data(lc_manager *manager, void *data, void (*release)(void *data));
/** What lc_manager_set_data was given, or NULL. */
LC_API void *lc_manager_data(const lc_manager *manager);

/**
 * Launches the workers under a context with a signaler above it, and returns. With no workers,
 * ready and done close at once. With a context that has ended the workers still run, and find it
 * ended. A worker that cannot be launched after others have been is a fatal error on the context,
 * and the others are cancelled.
 * @return NULL; -EALREADY if it was started before (nothing changes); -ENOMEM, -EAGAIN, -ESHUTDOWN
 * (the fibers' executor is being freed) if no worker could be launched (the manager counts as
 * done); -EINVAL; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_manager_start(lc_manager *manager, lc_context *context);
/**
 * Closes when every worker has signalled ready; never, if one returned before it did. The log names
 * a worker that returns without an error, and without having been told to stop, before it is ready;
 * and those that are not ready in time, see lc_manager_builder_set_ready_warning.
 */
LC_API lc_handle *lc_manager_ready(lc_manager *manager);
/** Closes when every worker has returned. The shutdown handle is closed by then. */
LC_API lc_handle *lc_manager_done(lc_manager *manager);
/**
 * Closes when the shutdown begins: the parent was cancelled, a worker failed, or the last one
 * returned. Once it is closed the workers' context has ended.
 */
LC_API lc_handle *lc_manager_shutdown(lc_manager *manager);

/** What a worker is about. */
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
 * Tells of each worker, in the order added: which are not ready or not done, and since when.
 * @param statuses  room for `capacity` rows; may be NULL if that is 0.
 * @return how many workers there are; at most `capacity` rows are written.
 */
LC_API size_t lc_manager_copy_workers(lc_manager *manager, lc_worker_status *statuses,
                                      size_t capacity);

LC_END_DECLARATIONS

#endif
