/*
 * manager_warning.h (internal): a line in the log for a manager that does not become ready. Floor 4.
 */
#ifndef LIFECYCLE_COMPONENT_MANAGER_WARNING_H
#define LIFECYCLE_COMPONENT_MANAGER_WARNING_H

#include "component/manager_record.h"

void lc__manager_warning_arm(lc_manager *manager);

#endif
