/*
 * tree_view.h: shows the runnables of a tree: snapshots, and parts. Floor 5: tree_make.c.
 */
#ifndef LIFECYCLE_SUPERVISE_TREE_VIEW_H
#define LIFECYCLE_SUPERVISE_TREE_VIEW_H

#include "supervise/tree.h"

/* The parts of the tree as a component: see struct lc_component_ops. */
void lc__tree_parts(lc_component *component, lc_part_visitor visit, void *arg);

#endif
