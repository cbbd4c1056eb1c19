/*
 * owner.h: the owner of a context: the node of a supervisor, the runnable of a tree, the part of a
 * merged component, or the task group that a worker belongs to. An owner has the path by which
 * messages name what is supervised, and shows whether a caller is part of what it wants to wait
 * for. Floor 3.
 *
 * The context of each instance has a value that leads to its owner. A supervisor or tree that is
 * started below such a context lies inside that owner. So the owners that are found upward from a
 * context are all that the worker is part of, from the inside out.
 */
#ifndef LIFECYCLE_CONTEXT_OWNER_H
#define LIFECYCLE_CONTEXT_OWNER_H

#include <lifecycle/context.h>

#include <stdatomic.h>

struct lc__owner {
    const void *whole; /* the supervisor or tree; compared only, may be freed. NULL: neither */
    bool is_runnable;  /* it is the first member of a struct lc__run: see runnable.h */
    const char *path;  /* outer/inner/node */
    /*
     * The owners above it are found from this context on, which it holds; NULL: above the context
     * that leads to it. A task group lies inside the worker that made it, whatever its context is.
     */
    lc_context *inside;
};

/* The key of the value by which a context leads to its owner. */
extern const char lc__owner_key;

/* An owner that counts its references, with a copy of the path. NULL: no memory. */
struct lc__owner *lc__owner_new(const void *whole, const char *path);
struct lc__owner *lc__owner_ref(struct lc__owner *owner);
/* Gives a reference back; for the release of a context's value. NULL is allowed. */
void lc__owner_unref(void *owner);

/* The nearest owner upward; *context becomes the context above it. NULL: there is none. */
struct lc__owner *lc__owner_next(const lc_context **context);

/* Room for a path. The beginning of a longer path is left out. */
enum { LC__PATH_SIZE = 256 };
/* Joins two parts of a path, "above/name"; NULL for either leaves it out. @return `path`. */
const char *lc__path_join(const char *above, const char *name, char path[LC__PATH_SIZE]);
/*
 * The path of something called `name` that was started under the context: its nearest owner's,
 * followed by the name unless the owner is called so. @return `path`.
 */
const char *lc__owner_path_of(const lc_context *context, const char *name,
                              char path[LC__PATH_SIZE]);

/*
 * Whether a task that works under `context`, its lc__worker_context, is part of what this owner
 * owns: then its wait for the owner's end would never end. Every call that waits for an end asks
 * it. The answer holds for workers, factories, starts and handlers of the library, one inside
 * another too, and for what they call through lc_call_blocking. False for NULL.
 */
bool lc__owner_owns(const struct lc__owner *owner, const lc_context *context);
/* The same for all that a supervisor or tree owns. */
bool lc__owner_is_in(const void *whole, const lc_context *context);

#endif
