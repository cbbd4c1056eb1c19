/*
 * monitor.h: a thread that looks whether others get on: names fibers that keep their thread, and
 * calls help for those that wait behind them. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_MONITOR_H
#define LIFECYCLE_EXECUTOR_MONITOR_H

/* An executor that wants it gets its first thread. */
void lc__monitor_start(void);
/*
 * A thread of an executor has woken up, and does not say so in loop->asleep any more. Both that and
 * what is looked at here are sequentially consistent, so that not both sides miss each other.
 */
void lc__monitor_notice(void);
/* At the library's shutdown: no executor is left. */
void lc__monitor_stop(void);

#endif
