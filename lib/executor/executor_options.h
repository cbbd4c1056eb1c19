/*
 * executor_options.h: reading lc_executor_options. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_EXECUTOR_OPTIONS_H
#define LIFECYCLE_EXECUTOR_EXECUTOR_OPTIONS_H

#include <lifecycle/executor.h>

/* Reads options of any size, with the defaults filled in. @return NULL, or a mistake. */
lc_error *lc__executor_options_read(lc_executor_options *options, const lc_executor_options *given);

#endif
