/*
 * plan.h: the workers of a builder, shared by all the managers it builds. Floor 4.
 */
#ifndef LIFECYCLE_COMPONENT_PLAN_H
#define LIFECYCLE_COMPONENT_PLAN_H

#include <lifecycle/manager.h>

#include <stdatomic.h>

/* Names are copied into pieces that hold many; the first is part of the plan. */
struct lc__names {
    struct lc__names *before;
    size_t size;
    size_t used;
    char text[];
};

/*
 * Unchanging once a manager has it: a builder that goes on adding makes itself a copy. A plan of a
 * few workers is one piece of memory.
 */
struct lc__plan {
    atomic_uint refs;
    const char *name;      /* the manager's */
    int64_t ready_warning; /* after which workers that are not ready are named; LC_FOREVER: never */
    size_t count;
    size_t room;
    lc_worker *workers; /* their names are the plan's; `few`, or allocated */
    /*
     * Where a worker of a name is, for plans of more than a few: open addressing, a power of two of
     * places, 1 + its index, or 0.
     */
    unsigned *places;
    size_t place_count;
    struct lc__names *names; /* the last piece */
    lc_worker few[4];
    struct lc__names first_names; /* last: its text lies behind the plan */
};

/* A plan of no workers yet, with the default of all else, or NULL. */
struct lc__plan *lc__plan_new(const char *name);
/*
 * Copies the worker behind the others. @return 0; -ENOMEM; -EEXIST: there is one of that name.
 */
int lc__plan_append(struct lc__plan *plan, const lc_worker *worker);
/* One that nobody shares, or NULL. */
struct lc__plan *lc__plan_copy(const struct lc__plan *plan);
struct lc__plan *lc__plan_ref(struct lc__plan *plan);
void lc__plan_unref(struct lc__plan *plan);

#endif
