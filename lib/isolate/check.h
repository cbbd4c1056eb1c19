/*
 * check.h (internal): where an immediate kill ends the event that runs. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_CHECK_H
#define LIFECYCLE_ISOLATE_CHECK_H

#include "base/task.h"

#include <lifecycle/port.h>

/*
 * Ends the event that the calling task handles, and does not return. But a deferred call, a
 * callback and a shielded call go on: then it does nothing. lc__task_check() calls it in a killed
 * isolate.
 */
void lc__event_end(void);
/* The same for a call that was given a payload, which may be NULL: destroys data that is moved. */
void lc__event_end_with(const lc_payload *payload);

/* As lc__task_check(), for a call that was given a payload, which may be NULL. */
static inline void lc__check_with(const lc_payload *payload)
{
    if (atomic_load_explicit(&lc__task_current()->end_now, memory_order_relaxed))
        lc__event_end_with(payload);
}

#endif
