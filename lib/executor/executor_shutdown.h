/*
 * executor_shutdown.h: what lc_library_shutdown asks of all executors. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_EXECUTOR_SHUTDOWN_H
#define LIFECYCLE_EXECUTOR_EXECUTOR_SHUTDOWN_H

#include <stdbool.h>

/* Waits a moment for fibers that are about to end. */
void lc__executors_settle(void);
/* Whether an executor keeps the library up. Logs which executors do, and what they have to do. */
bool lc__executors_busy(void);

#endif
