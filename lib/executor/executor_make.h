/*
 * executor_make.h: making executors, and taking them down. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_EXECUTOR_MAKE_H
#define LIFECYCLE_EXECUTOR_EXECUTOR_MAKE_H

#include "executor/executor.h"

/* The default one, made if there is none. NULL: no memory, or a forked child. */
lc_executor *lc__executor_default(void);
/* For simulation.c: builds one of options known to be good; NULL: no memory. */
lc_executor *lc__executor_make(const lc_executor_options *options,
                               const struct lc__loop_operations *operations);
/* Puts it where the shutdown of the library finds it. */
void lc__executor_enlist(lc_executor *executor);
/* Waits until it has no jobs and no threads, which nothing may add to any more: it is closing. */
void lc__executor_close(lc_executor *executor);
/* Frees one in which no thread is. */
void lc__executor_destroy(lc_executor *executor);

#endif
