/*
 * manager_warning.h (internal): the warning that a manager is not ready after some time. Floor 4.
 */
#ifndef LIFECYCLE_COMPONENT_MANAGER_WARNING_H
#define LIFECYCLE_COMPONENT_MANAGER_WARNING_H

#include "component/manager_record.h"

/* Called by the start, once it has launched the workers and while it still is an activity. */
void lc__manager_warning_arm(lc_manager *manager);

#endif
