/*
 * timer.h (internal): timers that send messages. Floor 6. See timer.c.
 */
#ifndef LIFECYCLE_ISOLATE_TIMER_H
#define LIFECYCLE_ISOLATE_TIMER_H

#include "isolate/record.h"

/* Cancels the timers of an isolate that has ended. */
void lc__message_timers_end(struct lc__message_timers *list);
/* Cancels the timers that were started in a simulation that was broken off. */
void lc__message_timers_drop(const lc_executor *executor);

#endif
