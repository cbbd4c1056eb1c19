/*
 * spawn.h: starts fibers, and chooses their loop. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_SPAWN_H
#define LIFECYCLE_EXECUTOR_SPAWN_H

#include "executor/fiber_make.h"

/*
 * Makes a fiber that runs `run(arg)`.
 * @return 0; -ENOMEM, -EAGAIN (no thread could be made to run it), -ENOTSUP in a forked child,
 * -ESHUTDOWN (the executor is being freed), -E2BIG (stack size).
 */
int lc__fiber_start(const struct lc__fiber_options *options);

#endif
