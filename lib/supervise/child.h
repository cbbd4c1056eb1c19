/*
 * child.h: reads the options of children and groups, checks them, and fills in the defaults. Floor
 * 5: runnable_calls.c, children.c, tree_make.c.
 */
#ifndef LIFECYCLE_SUPERVISE_CHILD_H
#define LIFECYCLE_SUPERVISE_CHILD_H

#include "supervise/engine.h"

#include <lifecycle/tree.h>

/* The options of a child with all defaults filled in. The caller owns the strings. */
struct lc__child {
    lc_child options; /* but for the back-off */
    struct lc__backoff backoff;
};

/* `name` is for a child without one; NULL: such a child is refused. */
lc_error *lc__child_read(struct lc__child *child, const lc_child *given, const char *name);
/* Checks a name that was given later. */
lc_error *lc__child_check_name(const char *name);

/* Reads a group, and checks and counts its children. */
lc_error *lc__child_group_read(lc_child_group *group, const lc_child_group *given, size_t *count);

#endif
