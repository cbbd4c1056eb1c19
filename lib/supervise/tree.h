/*
 * tree.h: what a tree consists of, and how it carries out the actions of its engine. Floor 5:
 * tree_....c.
 */
#ifndef LIFECYCLE_SUPERVISE_TREE_H
#define LIFECYCLE_SUPERVISE_TREE_H

#include "base/container.h"
#include "supervise/runnable.h"

struct lc_tree {
    struct lc__shell shell; /* first */
    int64_t settle_grace;
    /* Of the serving task. */
    struct lc__runnable *root; /* NULL: forgotten */
    bool cancelled_before;     /* the tree was cancelled before its start */
};

static inline lc_tree *lc__tree_of(struct lc__shell *shell)
{
    return LC__CONTAINER_OF(shell, lc_tree, shell);
}

/* The first node of lc__engine_after(), which goes through all. NULL: the tree has no root. */
static inline struct lc__engine_node *lc__tree_top(const lc_tree *tree)
{
    return tree->root ? &tree->root->engine : NULL;
}

extern const struct lc__shell_front lc__tree_front;

#endif
