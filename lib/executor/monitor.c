/*
 * monitor.c: see monitor.h.
 *
 * No wake-up is lost: `asleep` and the flags of the loops that `look` reads (loop->asleep) make a
 * store/load handshake (base/handshake.h). The monitor stores `asleep`, then looks once more; a
 * thread of an executor clears loop->asleep, then loads `asleep` in lc__monitor_notice(). A wake-up
 * too many costs one look.
 */
#include "executor/monitor.h"

#include "base/assert.h"
#include "executor/service_thread.h"

#include <lifecycle/time.h>

#include <stdatomic.h>
#include <stddef.h>

static int64_t (*_Atomic monitor_look)(void);
static atomic_bool asleep;

static int64_t monitor_work(void)
{
    int64_t (*look)(void) = atomic_load_explicit(&monitor_look, memory_order_relaxed);
    LC__ASSERT(look);
    atomic_store(&asleep, false);
    int64_t pause = look();
    if (pause == LC_FOREVER) {
        atomic_store(&asleep, true);
        pause = look();
    }
    return lc_deadline_after(pause);
}

static struct lc__service_thread monitor =
    LC__SERVICE_THREAD("lc-monitor", "the next look", monitor_work);

void lc__monitor_look_with(int64_t (*look)(void))
{
    /* Relaxed: making the thread, and taking a lock of an executor, publish it. */
    atomic_store_explicit(&monitor_look, look, memory_order_relaxed);
}

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
