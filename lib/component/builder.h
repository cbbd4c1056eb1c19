/*
 * builder.h (internal): building a manager for one component of a graph. Floor 4.
 */
#ifndef LIFECYCLE_COMPONENT_BUILDER_H
#define LIFECYCLE_COMPONENT_BUILDER_H

#include <lifecycle/manager.h>

/* As lc_manager_builder_build, and each worker that has no arg gets `arg` in this manager. */
lc_error *lc__builder_build_for(lc_manager_builder *builder, void *arg, lc_manager **manager);

#endif
