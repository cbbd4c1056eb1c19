/*
 * manager.h (internal): making a manager of a plan. Floor 4.
 */
#ifndef LIFECYCLE_COMPONENT_MANAGER_H
#define LIFECYCLE_COMPONENT_MANAGER_H

#include "component/plan.h"

/* A manager of these workers, whose reference it takes; NULL: no memory. */
lc_manager *lc__manager_new(struct lc__plan *plan);

#endif
