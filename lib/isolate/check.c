/*
 * check.c: see check.h.
 */
#include "isolate/check.h"

#include "context/worker.h"
#include "isolate/message.h"

#include <lifecycle/isolate.h>

void lc__event_end(void)
{
    if (lc__task_can_end(lc__task_current()))
        lc__worker_end();
}

void lc__event_end_with(const lc_payload *payload)
{
    if (!lc__task_can_end(lc__task_current()))
        return;
    lc__payload_destroy(payload); /* the caller does not return, so the data has no other owner */
    lc__worker_end();
}

void lc_isolate_check(void)
{
    lc__task_check();
}
