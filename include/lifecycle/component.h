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

/** The component's start neither throws nor waits, so it needs no worker of its own to run in. */
#define LC_START_INLINE 1u

/**
 * One part of a component at this moment: a worker of a manager, a node of a supervisor, a runnable
 * of a tree. Everything that the struct points to is borrowed for the visit.
 */
typedef struct lc_part {
    const char *name;
    lc_node_state state;
    int64_t since;         /**< when the part entered the state, as lc_now; 0: not known */
    const char *waits_for; /**< what the part waits for, for a person; NULL or "": nothing */
    bool is_worker;        /**< the part is a function, and not something with parts of its own */
    /** What the part is made of; it can be asked for its own parts. NULL: there is nothing more. */
    lc_component *component;
    /** Of a supervisor or a tree: its snapshot, whose node `index` the part is. NULL: of none. */
    const lc_snapshot *snapshot;
    size_t index;
} lc_part;

/** Receives one part. It must not throw. */
typedef void (*lc_part_visitor)(const lc_part *part, void *arg);

/** What a kind of component can do. */
typedef struct lc_component_ops {
    size_t size; /**< sizeof(lc_component_ops) */
    /**
     * Starts the component under a signaler context, on which it reports fatal errors, and whose
     * end tells it to stop, also the start itself (context.h). Called at most once by its owner; a
     * second call must answer an error of code -EALREADY and change nothing. May throw. **A start
     * that fails, by returning an error or by throwing, leaves nothing of the component running**:
     * it counts as done, whatever its done handle says. `context` is borrowed: reference it to keep
     * it beyond the call.
     */
    lc_error *(*start)(lc_component *component, lc_context *context);
    /**
     * The handle that closes once the component is operational. The same at each call; before the
     * start too.
     */
    lc_handle *(*ready)(lc_component *component);
    /**
     * The handle that closes once it no longer runs. The same at each call; before the start too.
     */
    lc_handle *(*done)(lc_component *component);
    /** The owner lets go: when it is done, when its start failed, or when it was never started. */
    void (*destroy)(lc_component *component);
    unsigned flags; /**< LC_START_... */
    /**
     * Optional. Calls `visit` for each part, so that messages can name the part that everything
     * else waits for. Called in any thread, at any time between the making and the destroy. It must
     * not throw, and must not wait for the component. A component that is made of other components
     * visits each of them. Without this function the component is named as a whole.
     */
    void (*parts)(lc_component *component, lc_part_visitor visit, void *arg);
    /** Optional. The component's own name; it lives as long as the component. */
    const char *(*name)(lc_component *component);
} lc_component_ops;

/** A component: the first member of whatever implements it. */
struct lc_component {
    const lc_component_ops *ops;
};

/** Starts the component. @return NULL, or why not (-EALREADY: it was started before). */
LC_API LC_MUST_CHECK lc_error *lc_component_start(lc_component *component, lc_context *context);
/** The ready handle, lent by the component. */
LC_API lc_handle *lc_component_ready(lc_component *component);
/** The done handle, lent by the component. */
LC_API lc_handle *lc_component_done(lc_component *component);
/** Gives the component up. It must not be running. NULL is allowed. */
LC_API void lc_component_destroy(lc_component *component);
/**
 * Calls `visit` for each part of the component; for none if its kind does not tell of its parts.
 * The caller keeps the component from being destroyed meanwhile. Parts of parts are not visited:
 * ask `part->component`.
 */
LC_API void lc_component_parts(lc_component *component, lc_part_visitor visit, void *arg);
/** The component's own name, lent by it; "" if its kind has none. */
LC_API const char *lc_component_name(lc_component *component);

/**
 * Makes a fresh instance.
 * @param component  receives it; the run loop owns it and destroys it.
 * @return NULL, or an error, given over: the run ends with it and the handler is not asked. If the
 * run has been told to stop, the error may be the answer to that (context.h).
 */
typedef lc_error *(*lc_component_factory)(lc_component **component, void *arg);

/* ---- combinators ---- */

/**
 * A handle that closes when all of `handles` have; closed at once for none.
 * Give it back with lc_handle_unref, at any time.
 * @return the handle, or NULL if memory has run out or a handle is NULL.
 */
LC_API LC_MUST_CHECK lc_handle *lc_handles_all_closed(lc_handle *const *handles, size_t count);
/** A handle that closes when all the components are ready; never asks one for its done handle. */
LC_API LC_MUST_CHECK lc_handle *lc_components_all_ready(lc_component *const *components,
                                                        size_t count);
/** A handle that closes when all the components are done; never asks one for its ready handle. */
LC_API LC_MUST_CHECK lc_handle *lc_components_all_done(lc_component *const *components,
                                                       size_t count);

/**
 * Makes one component of several: started in order, ready when all are ready, done when all are
 * done. The first start error is returned; the rest are not started, and those started before it
 * are cancelled and waited for. The end of the context stops all parts at the same moment, in no
 * order: a graph (supervisor.h) stops what depends on another part first.
 * @param parts   copied; the components themselves are taken over on success and destroyed with the
 * whole.
 * @param merged  receives the component, or NULL.
 * @return NULL; -EINVAL naming the part that is NULL, or there twice; -ENOMEM.
 */
LC_API LC_MUST_CHECK lc_error *lc_components_merge(lc_component *const *parts, size_t count,
                                                   lc_component **merged);

LC_END_DECLARATIONS

#endif
