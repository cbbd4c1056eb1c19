/*
 * stall.h: finds fibers that keep their thread for longer than the executor's stall limit without
 * waiting. The log names them, and another thread is called for the work that waits behind them.
 * Floor 1; the monitor calls it.
 */
#ifndef LIFECYCLE_EXECUTOR_STALL_H
#define LIFECYCLE_EXECUTOR_STALL_H

#include <stdint.h>

/*
 * Looks at all executors. By the monitor's thread.
 * @return how long until the next look; LC_FOREVER if all threads sleep.
 */
int64_t lc__stalls_look(void);

#endif
