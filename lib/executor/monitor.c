/*
 * monitor.c: see monitor.h.
 *
 * No wake-up is lost: `asleep` and the flags of the loops, loop->asleep, make a store/load
 * handshake (base/handshake.h). The monitor stores `asleep`, then looks once more. A thread of an
 * executor clears loop->asleep, then loads `asleep` in lc__monitor_notice(). A wake-up too many
 * costs one look.
 */
#include "executor/monitor.h"

#include "executor/service_thread.h"
#include "executor/stall.h"

#include <lifecycle/time.h>

#include <stdatomic.h>

static atomic_bool asleep;

static int64_t monitor_work(void)
{
    atomic_store(&asleep, false);
    int64_t pause = lc__stalls_look();
    if (pause == LC_FOREVER) {
        atomic_store(&asleep, true);
        pause = lc__stalls_look();
    }
    return lc_deadline_after(pause);
}

static struct lc__service_thread monitor =
    LC__SERVICE_THREAD("lc-monitor", "the next look", monitor_work);

void lc__monitor_start(void)
{
    lc__service_thread_start(&monitor);
    lc__monitor_notice();
}

void lc__monitor_notice(void)
{
    if (atomic_load(&asleep))
        lc__service_thread_wake(&monitor);
}

void lc__monitor_stop(void)
{
    lc__service_thread_stop(&monitor);
}
