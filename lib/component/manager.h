/*
 * manager.h (internal): making a manager of a plan. Floor 4.
 */
#ifndef LIFECYCLE_COMPONENT_MANAGER_H
#define LIFECYCLE_COMPONENT_MANAGER_H

#include "component/plan.h"

/* Takes over the reference to the plan. NULL: no memory; then the caller keeps it. */
lc_manager *lc__manager_new(struct lc__plan *plan);

#endif
