/*
 * library.c: see library.h and <lifecycle/api.h>.
 */
#include "base/library.h"

#include "base/fork.h"
#include "base/lock.h"

#include <lifecycle/api.h>
#include <lifecycle/log.h>

#include <errno.h>

static struct lc__lock facilities_lock = LC__LOCK_INIT;
static struct lc__facility *facilities; /* under the lock; the latest first */
static _Thread_local bool own_thread;

#define STRING(x) #x
#define VERSION(major, minor, patch) STRING(major) "." STRING(minor) "." STRING(patch)

const char *lc_version(void)
{
    return VERSION(LC_VERSION_MAJOR, LC_VERSION_MINOR, LC_VERSION_PATCH);
}

void lc__facility_register(struct lc__facility *facility)
{
    /* Relaxed: if it reads true, there is nothing to do; if not, the lock decides. */
    if (atomic_load_explicit(&facility->registered, memory_order_relaxed))
        return;
    lc__lock_take(&facilities_lock);
    if (!facility->registered) {
        struct lc__facility **at = &facilities;
        while (facility->is_memory && *at)
            at = &(*at)->next;
        facility->registered = true;
        facility->next = *at;
        *at = facility;
    }
    lc__lock_give(&facilities_lock);
}

static struct lc__facility *facility_take(void)
{
    lc__lock_take(&facilities_lock);
    struct lc__facility *facility = facilities;
    if (facility) {
        facilities = facility->next;
        facility->registered = false;
    }
    lc__lock_give(&facilities_lock);
    return facility;
}

/*
 * Callers walk the list without the lock, since what they call waits, or logs, which calls the
 * program's code. Facilities are never freed, and no other thread is in the library now.
 */
static struct lc__facility *facility_first(void)
{
    lc__lock_take(&facilities_lock);
    struct lc__facility *facility = facilities;
    lc__lock_give(&facilities_lock);
    return facility;
}

static void facilities_settle(void)
{
    for (struct lc__facility *facility = facility_first(); facility; facility = facility->next)
        if (facility->settle)
            facility->settle();
}

static bool facilities_are_busy(void)
{
    bool busy = false;
    for (struct lc__facility *facility = facility_first(); facility; facility = facility->next)
        busy |= facility->busy && facility->busy();
    return busy;
}

void lc__library_own_thread(void)
{
    own_thread = true;
}

/* ---- shutdown ---- */

int lc_library_shutdown(void)
{
    if (lc__forked())
        return -ENOTSUP;
    if (own_thread) {
        lc_log(LC_LOG_ERROR, NULL,
               "a worker cannot shut the library down: it would wait for itself");
        return -EDEADLK;
    }
    facilities_settle();
    if (facilities_are_busy())
        return -EBUSY;
    for (struct lc__facility *facility; (facility = facility_take());)
        facility->shut_down();
    lc__fork_guard_drop();
    lc_log_set_sink(NULL);
    return 0;
}
