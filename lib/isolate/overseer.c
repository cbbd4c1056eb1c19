/*
 * overseer.c: see overseer.h.
 */
#include "isolate/overseer.h"

#include "isolate/end.h"
#include "isolate/record.h"
#include "isolate/run.h"
#include "isolate/timer.h"

#include <lifecycle/manager.h>

#include <bsd/string.h>

static void isolates_name_one(const lc_executor *executor, char *name)
{
    uint32_t made = lc__pool_made(&lc__isolates);
    for (uint32_t place = 0; place < made; place++) {
        struct lc__isolate *isolate = lc__pool_at(&lc__isolates, place);
        lc__spinlock_lock(&isolate->lock);
        bool found = isolate->alive && isolate->job.executor == executor;
        if (found)
            strlcpy(name, lc__isolate_name(isolate), LC_NAME_MAX + 1);
        lc__isolate_unlock(isolate);
        if (found)
            return;
    }
}

/*
 * Ends the isolates of a simulation that was broken off. They will not run again, and their
 * listeners are not told. The stacks of their runs are lost, so the messages being handled are
 * freed here.
 */
static void isolates_drop(const lc_executor *executor)
{
    uint32_t made = lc__pool_made(&lc__isolates);
    for (uint32_t place = 0; place < made; place++) {
        struct lc__isolate *isolate = lc__pool_at(&lc__isolates, place);
        lc__spinlock_lock(&isolate->lock);
        bool lost = isolate->alive && isolate->job.executor == executor;
        lc_message *handled = lost ? lc__run_message(isolate) : NULL;
        lc__isolate_unlock(isolate);
        lc__message_drop(handled);
        if (lost)
            lc__isolate_end_unheard(isolate);
    }
    lc__message_timers_drop(executor);
}

void lc__isolates_oversee(void)
{
    static const struct lc__job_overseer overseer = {isolates_name_one, isolates_drop};
    lc__jobs_overseen_by(&overseer);
}
