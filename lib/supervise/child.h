/*
 * child.h: what a tree is told about its children and groups: read, checked, with the defaults
 * filled in. Floor 5.
 */
#ifndef LIFECYCLE_SUPERVISE_CHILD_H
#define LIFECYCLE_SUPERVISE_CHILD_H

#include "supervise/engine.h"

#include <lifecycle/tree.h>

/* A child, all of whose fields have their meaning. The strings are the caller's. */
struct lc__child {
    lc_child options; /* its back-off has no meaning: */
    struct lc__backoff backoff;
};

/* `name`: what it is called if it has no name; NULL: then it is refused. */
lc_error *lc__child_read(struct lc__child *child, const lc_child *given, const char *name);
/* The same check again, of a name that has been put in later. */
lc_error *lc__child_check_name(const char *name);

/* A group, and how many children it has, each of which has been checked. */
lc_error *lc__child_group_read(lc_child_group *group, const lc_child_group *given, size_t *count);

#endif
