/*
 * tree.h: what a tree consists of, and how it carries out what the engine says. Floor 5:
 * tree_....c.
 */
#ifndef LIFECYCLE_SUPERVISE_TREE_H
#define LIFECYCLE_SUPERVISE_TREE_H

#include "base/container.h"
#include "supervise/runnable.h"

struct lc_tree {
    lc_component component; /* first */
    struct lc__shell shell;
    int64_t settle_grace;
    struct lc__runnable *root; /* NULL: forgotten. In the service */
    bool cancelled_before;     /* it was started. In the service */
};

static inline lc_tree *lc__tree_of(struct lc__shell *shell)
{
    return LC__CONTAINER_OF(shell, lc_tree, shell);
}

/* What the shell of a tree calls. */
extern const struct lc__shell_front lc__tree_front;

#endif
