/*
 * monitor.h: the thread that looks for stalls in all executors (stall.h). It looks a few times in
 * each stall limit, for as long as any thread of an executor is awake. When all sleep it sleeps
 * too, and the first that wakes up wakes it. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_MONITOR_H
#define LIFECYCLE_EXECUTOR_MONITOR_H

/*
 * An executor that is to be looked at gets a thread. Without memory for the monitor's thread the
 * executor works as well, and no stall is found.
 */
void lc__monitor_start(void);
/* A thread of an executor has woken up, and has cleared loop->asleep. */
void lc__monitor_notice(void);
/* At the library's shutdown: no executor is left. */
void lc__monitor_stop(void);

#endif
