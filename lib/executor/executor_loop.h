/*
 * executor_loop.h: what the threads of a real executor do in their loops. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_EXECUTOR_LOOP_H
#define LIFECYCLE_EXECUTOR_EXECUTOR_LOOP_H

#include "executor/loop.h"

extern const struct lc__loop_operations lc__executor_loop_operations;

#endif
