/*
 * check.h (internal): the places where an immediate kill ends an event. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_CHECK_H
#define LIFECYCLE_ISOLATE_CHECK_H

#include "base/task.h"

#include <lifecycle/port.h>

/* As lc__isolate_die, of a call that was given a payload: moved data goes with it. */
void lc__isolate_die_with(const lc_payload *payload);
/* As lc__task_check, of a call that takes a payload, which may be NULL. */
static inline void lc__isolate_check_with(const lc_payload *payload)
{
    if (atomic_load_explicit(&lc__task_current()->doom, memory_order_relaxed))
        lc__isolate_die_with(payload);
}
/* What a doomed task is called by: ends the event, unless in a deferred call or a callback. */
void lc__isolate_die(void);

#endif
