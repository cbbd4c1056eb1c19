/*
 * executor_shutdown.h: what lc_library_shutdown asks of all executors. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_EXECUTOR_SHUTDOWN_H
#define LIFECYCLE_EXECUTOR_EXECUTOR_SHUTDOWN_H

#include <stdbool.h>

/* Waits a moment for fibers that are just ending. */
void lc__executors_settle(void);
/* Whether an executor keeps the library up; says in the log which, and what it has to do. */
bool lc__executors_busy(void);

#endif
