/*
 * component.h: what a component is, and how components and their handles are combined.
 *
 * A component is anything with `start`, a *ready* handle and a *done* handle. Most are managers of
 * workers (manager.h); a program can also make its own kind:
 *
 *     struct server { lc_component component; ... };    // its first member
 *     static const lc_component_ops ops = {
 *         .size = sizeof ops, .start = start, .ready = ready, .done = done, .destroy = destroy};
 *
 * The semantics are those of Component in the Go component/lifecycle packages.
 */
#ifndef LIFECYCLE_COMPONENT_H
#define LIFECYCLE_COMPONENT_H

#include <lifecycle/api.h>
#include <lifecycle/context.h>
#include <lifecycle/error.h>
#include <lifecycle/handle.h>
#include <lifecycle/observe.h>

LC_BEGIN_DECLARATIONS

typedef struct lc_component lc_component;

/** The component's start neither throws nor waits, so a caller needs no worker to call it in. */
#define LC_START_INLINE 1u

/**
 * One part of a component at this moment: a worker of a manager, a node of a supervisor, a runnable
 * of a tree. Everything that the struct points to is borrowed for the visit.
 */
typedef struct lc_part {
    const char *name;
    lc_node_state state;
    int64_t since;         /**< when the part entered the state, as lc_now; 0: not known */
    const char *waits_for; /**< what the part waits for, in words; NULL or "": nothing */
    bool is_worker;        /**< the part is a worker, which has no parts */
    /** The part as a component, which may have parts itself. NULL: it is not one. */
    lc_component *component;
    /** The snapshot that the part is node `index` of; NULL: not a supervisor's or tree's part. */
    const lc_snapshot *snapshot;
    size_t index;
} lc_part;

/** Receives one part. It must not throw. */
typedef void (*lc_part_visitor)(const lc_part *part, void *arg);

/** What a kind of component can do. */
typedef struct lc_component_ops {
    size_t size; /**< sizeof(lc_component_ops) */
    /**
     * Starts the component under a signaler context. The component reports its fatal errors on the
     * context, and stops when the context ends (context.h); so does a start that is still going on.
     * The owner calls it at most once; a second call must return an error of code -EALREADY and
     * change nothing. It may throw. **A start that fails, by returning an error or by throwing,
     * leaves nothing of the component running**: the component counts as done, whatever its done
     * handle says. `context` is borrowed: take a reference to keep it beyond the call.
     */
    lc_error *(*start)(lc_component *component, lc_context *context);
    /**
     * The handle that closes once the component is operational. Each call returns the same handle,
     * also before the start.
     */
    lc_handle *(*ready)(lc_component *component);
    /**
     * The handle that closes once the component no longer runs. As of ready.
     */
    lc_handle *(*done)(lc_component *component);
    /** Frees it: when it is done, when its start has failed, or when it was never started. */
    void (*destroy)(lc_component *component);
    unsigned flags; /**< LC_START_... */
    /**
     * Optional. Calls `visit` for each part, so that messages can name the part that the others
     * wait for. Any thread may call it, at any time before the destroy. It must not throw, and must
     * not wait for the component. A component that is made of components visits each of them.
     * Without this function messages name the component as a whole.
     */
    void (*parts)(lc_component *component, lc_part_visitor visit, void *arg);
    /** Optional. The component's own name; it lives as long as the component. */
    const char *(*name)(lc_component *component);
} lc_component_ops;

/** A component: the first member of a struct that implements one. */
struct lc_component {
    const lc_component_ops *ops;
};

/** Starts the component. @return NULL, or an error; of code -EALREADY if it was started before. */
LC_API LC_MUST_CHECK lc_error *lc_component_start(lc_component *component, lc_context *context);
/** The ready handle, lent by the component. */
LC_API lc_handle *lc_component_ready(lc_component *component);
/** The done handle, lent by the component. */
LC_API lc_handle *lc_component_done(lc_component *component);
/** Frees the component, which must not be running. NULL is allowed. */
LC_API void lc_component_destroy(lc_component *component);
/**
 * Calls `visit` for each part of the component; for none if its kind has no `parts` function. The
 * component must not be destroyed during the call. Parts of parts are not visited: call this for
 * `part->component`.
 */
LC_API void lc_component_parts(lc_component *component, lc_part_visitor visit, void *arg);
/** The component's own name, lent by it; "" if its kind has none. */
LC_API const char *lc_component_name(lc_component *component);

/**
 * Makes a fresh instance.
 * @param component  receives it; the run loop owns it and destroys it.
 * @return NULL; or an error, which the caller takes over. At the first instance the run ends with
 * it, and the judge is not asked. If the run has been told to stop, the error may be a clean end
 * (context.h).
 */
typedef lc_error *(*lc_component_factory)(lc_component **component, void *arg);

/* ---- combinators ---- */

/**
 * A handle that closes when all of `handles` have; closed at once for none.
 * Give it back with lc_handle_unref, at any time.
 * @return the handle, or NULL if memory has run out or a handle is NULL.
 */
LC_API LC_MUST_CHECK lc_handle *lc_handles_all_closed(lc_handle *const *handles, size_t count);
/** A handle that closes when all components are ready. Calls only their `ready`. */
LC_API LC_MUST_CHECK lc_handle *lc_components_all_ready(lc_component *const *components,
                                                        size_t count);
/** A handle that closes when all components are done. Calls only their `done`. */
LC_API LC_MUST_CHECK lc_handle *lc_components_all_done(lc_component *const *components,
                                                       size_t count);

/**
 * Makes one component of several parts. Its start starts the parts in their order. It is ready when
 * all parts are ready, and done when all are done. If a part does not start, the start cancels the
 * parts before it, waits for them, and returns the error. The end of the context stops all parts at
 * the same moment, in no order; a graph (supervisor.h) stops dependants before their dependencies.
 * @param parts   the array is copied. On success the components belong to the merged one, which
 *                destroys them.
 * @param merged  receives the component, or NULL.
 * @return NULL; -EINVAL naming a part that is NULL or listed twice; -ENOMEM.
 */
LC_API LC_MUST_CHECK lc_error *lc_components_merge(lc_component *const *parts, size_t count,
                                                   lc_component **merged);

LC_END_DECLARATIONS

#endif
