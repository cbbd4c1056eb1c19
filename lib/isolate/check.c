/*
 * check.c: see check.h.
 */
#include "isolate/check.h"

#include "context/worker.h"
#include "isolate/message.h"

#include <lifecycle/isolate.h>

void lc__isolate_die(void)
{
    if (lc__task_can_end(lc__task_current()))
        lc__worker_end();
}

/*
 * Data that was moved into a call that does not return has no owner: its destructor is called.
 */
void lc__isolate_die_with(const lc_payload *payload)
{
    if (!lc__task_can_end(lc__task_current()))
        return;
    lc__payload_destroy(payload);
    lc__worker_end();
}

void lc_isolate_check(void)
{
    lc__task_check();
}
