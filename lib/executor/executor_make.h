/*
 * executor_make.h: making executors, and taking them down. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_EXECUTOR_MAKE_H
#define LIFECYCLE_EXECUTOR_EXECUTOR_MAKE_H

#include "executor/executor.h"

/* The default executor, made if there is none. NULL: no memory, or a forked child. */
lc_executor *lc__executor_default(void);
/* Makes an executor of options that have been checked; NULL: no memory. */
lc_executor *lc__executor_make(const lc_executor_options *options,
                               const struct lc__loop_operations *operations);
/* Puts it into the list of all executors, where the shutdown of the library finds it. */
void lc__executor_enlist(lc_executor *executor);
/* Closes it to new work, and waits until it has no jobs and no threads. */
void lc__executor_close(lc_executor *executor);
/* Frees an executor that is closed, or has never run anything. */
void lc__executor_destroy(lc_executor *executor);

#endif
