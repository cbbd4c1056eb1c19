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

static void name_one(const lc_executor *executor, char *name)
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

/* The isolates of a simulation that was broken off will not run again: nobody is told. */
static void drop_all(const lc_executor *executor)
{
    uint32_t made = lc__pool_made(&lc__isolates);
    for (uint32_t place = 0; place < made; place++) {
        struct lc__isolate *isolate = lc__pool_at(&lc__isolates, place);
        lc__spinlock_lock(&isolate->lock);
        bool lost = isolate->alive && isolate->job.executor == executor;
        lc_message *in_hand = lost ? lc__isolate_in_hand(isolate) : NULL;
        lc__isolate_unlock(isolate);
        lc__message_drop(in_hand);
        if (lost)
            lc__isolate_end_unheard(isolate);
    }
    lc__message_timers_drop(executor);
}

void lc__isolates_oversee(void)
{
    static const struct lc__job_overseer overseer = {name_one, drop_all};
    lc__jobs_overseen_by(&overseer);
}
