/*
 * plan.h: the workers of a builder. All managers that it builds share one plan. Floor 4.
 */
#ifndef LIFECYCLE_COMPONENT_PLAN_H
#define LIFECYCLE_COMPONENT_PLAN_H

#include <lifecycle/manager.h>

#include <stdatomic.h>

/* A piece of memory for the copies of names. The first piece is part of the plan. */
struct lc__names {
    struct lc__names *before;
    size_t size;
    size_t used;
    char text[];
};

/*
 * A plan does not change once a manager has it: a builder to which workers are added after that
 * copies it first. A plan of a few workers is one piece of memory.
 */
struct lc__plan {
    atomic_uint refs;
    const char *name;      /* the manager's */
    int64_t ready_warning; /* when the log names workers that are not ready; LC_FOREVER: never */
    size_t count;
    size_t room;
    lc_worker *workers; /* `few`, or allocated; their names lie in the plan */
    /*
     * A hash table from a name to the worker's index + 1, or 0; NULL: `few` is enough. Open
     * addressing, a power of two of places.
     */
    unsigned *places;
    size_t place_count;
    struct lc__names *names; /* the last piece */
    lc_worker few[4];
    struct lc__names first_names; /* the last member: its text lies behind the plan */
};

/* A plan without workers, with defaults. NULL: no memory. */
struct lc__plan *lc__plan_new(const char *name);
/* Appends a copy of the worker. @return 0; -ENOMEM; -EEXIST: the plan has one of that name. */
int lc__plan_append(struct lc__plan *plan, const lc_worker *worker);
/* A copy with one reference, the caller's. NULL: no memory. */
struct lc__plan *lc__plan_copy(const struct lc__plan *plan);
struct lc__plan *lc__plan_ref(struct lc__plan *plan);
void lc__plan_unref(struct lc__plan *plan);

#endif
