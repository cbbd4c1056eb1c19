/*
 * parts.h: what the supervisors and trees of tests are made of: components of one worker, nodes,
 * trees and judges, in the kind of the test's mode. What cannot be made aborts.
 */
#ifndef LIFECYCLE_TESTS_PARTS_H
#define LIFECYCLE_TESTS_PARTS_H

#include <lifecycle.h>

/** A manager of that name with one worker, called the same. */
lc_component *component_of(const char *name, lc_worker_function run, void *arg);
/** A node without dependencies and without a judge. */
lc_node node_of(const char *name, lc_component_factory factory, void *arg);
/** A tree with a root like this one; the name is "root". */
lc_tree *tree_of(lc_child root);

/* Judges that give the same answer to each failure. */
lc_behavior answer_restart(const lc_failure *failure, void *arg);
lc_behavior answer_stop(const lc_failure *failure, void *arg);
lc_behavior answer_shutdown(const lc_failure *failure, void *arg);
lc_behavior answer_halt(const lc_failure *failure, void *arg);

#endif
