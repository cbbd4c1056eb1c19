/*
 * plan.h: the workers of a builder, shared by all the managers it builds. Floor 4.
 */
#ifndef LIFECYCLE_COMPONENT_PLAN_H
#define LIFECYCLE_COMPONENT_PLAN_H

#include <lifecycle/manager.h>

#include <stdatomic.h>

/* Unchanging once a manager has it: a builder that goes on adding makes itself a copy. */
struct lc__plan {
    atomic_uint refs;
    char *name; /* the manager's */
    size_t count;
    size_t room;
    lc_worker *workers; /* their names are the plan's */
    bool names_checked; /* no two workers have the same; the builder's, managers do not look */
};

/* A plan of no workers yet, or NULL. */
struct lc__plan *lc__plan_new(const char *name);
/* Copies the worker behind the others. @return 0, or -ENOMEM. */
int lc__plan_append(struct lc__plan *plan, const lc_worker *worker);
/* One that nobody shares, or NULL. */
struct lc__plan *lc__plan_copy(const struct lc__plan *plan);
struct lc__plan *lc__plan_ref(struct lc__plan *plan);
void lc__plan_unref(struct lc__plan *plan);

/* A manager of these workers, whose reference it takes; NULL: no memory. */
lc_manager *lc__manager_new(struct lc__plan *plan);

#endif
