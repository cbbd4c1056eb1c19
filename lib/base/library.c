/*
 * library.c: see library.h and <lifecycle/api.h>.
 */
#include "base/library.h"

#include "base/fork.h"

#include <lifecycle/api.h>
#include <lifecycle/log.h>

#include <errno.h>
#include <pthread.h>

static pthread_mutex_t facilities_lock = PTHREAD_MUTEX_INITIALIZER;
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
    /* Relaxed: it says only that it need not be done. */
    if (atomic_load_explicit(&facility->registered, memory_order_relaxed))
        return;
    pthread_mutex_lock(&facilities_lock);
    if (!facility->registered) {
        struct lc__facility **at = &facilities;
        while (facility->is_memory && *at)
            at = &(*at)->next;
        facility->registered = true;
        facility->next = *at;
        *at = facility;
    }
    pthread_mutex_unlock(&facilities_lock);
}

static struct lc__facility *take_facility(void)
{
    pthread_mutex_lock(&facilities_lock);
    struct lc__facility *facility = facilities;
    if (facility) {
        facilities = facility->next;
        facility->registered = false;
    }
    pthread_mutex_unlock(&facilities_lock);
    return facility;
}

/*
 * The list is walked without the lock, since these calls wait, or log, which calls the program's
 * code: facilities are never freed, and no other thread is in the library now.
 */
static struct lc__facility *first_facility(void)
{
    pthread_mutex_lock(&facilities_lock);
    struct lc__facility *facility = facilities;
    pthread_mutex_unlock(&facilities_lock);
    return facility;
}

static void settle_all(void)
{
    for (struct lc__facility *facility = first_facility(); facility; facility = facility->next)
        if (facility->settle)
            facility->settle();
}

static bool any_busy(void)
{
    bool busy = false;
    for (struct lc__facility *facility = first_facility(); facility; facility = facility->next)
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
    settle_all();
    if (any_busy())
        return -EBUSY;
    for (struct lc__facility *facility; (facility = take_facility());)
        facility->shut_down();
    lc__fork_guard_drop();
    lc_log_set_sink(NULL);
    return 0;
}
