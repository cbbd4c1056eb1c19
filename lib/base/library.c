/*
 * library.c: see library.h and <lifecycle/api.h>.
 */
#include "base/library.h"

#include <lifecycle/api.h>
#include <lifecycle/log.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

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
    pthread_mutex_lock(&facilities_lock);
    if (!facility->registered) {
        facility->registered = true;
        facility->next = facilities;
        facilities = facility;
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
 * Walked without the lock, since busy() logs, and that calls the program's code: facilities are
 * never freed, and nobody else is in the library now.
 */
static bool any_busy(void)
{
    pthread_mutex_lock(&facilities_lock);
    struct lc__facility *facility = facilities;
    pthread_mutex_unlock(&facilities_lock);
    bool busy = false;
    for (; facility; facility = facility->next)
        busy |= facility->busy && facility->busy();
    return busy;
}

void lc__library_own_thread(void)
{
    own_thread = true;
}

/* ---- fork ---- */

/* A page that reads as zero in a forked child. NULL while the library has made no thread. */
static _Atomic(unsigned char *) guard;
static pthread_mutex_t guard_lock = PTHREAD_MUTEX_INITIALIZER;

static void wipe_guard(void)
{
    unsigned char *page = atomic_load_explicit(&guard, memory_order_acquire);
    if (page)
        *page = 0;
}

static int make_guard(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *page =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return -ENOMEM;
    /* Kernels and emulators without it: then only children made by way of libc's fork are known. */
    if (madvise(page, size, MADV_WIPEONFORK) != 0 && pthread_atfork(NULL, NULL, wipe_guard) != 0) {
        munmap(page, size);
        return -ENOMEM;
    }
    *page = 1;
    /* Release: who finds the page finds the 1 in it. */
    atomic_store_explicit(&guard, page, memory_order_release);
    return 0;
}

int lc__fork_guard(void)
{
    if (atomic_load_explicit(&guard, memory_order_acquire))
        return 0;
    pthread_mutex_lock(&guard_lock);
    int result = atomic_load_explicit(&guard, memory_order_relaxed) ? 0 : make_guard();
    pthread_mutex_unlock(&guard_lock);
    return result;
}

bool lc__forked(void)
{
    const unsigned char *page = atomic_load_explicit(&guard, memory_order_acquire);
    return page && *page == 0;
}

static void drop_guard(void)
{
    unsigned char *page = atomic_exchange_explicit(&guard, NULL, memory_order_acq_rel);
    if (page)
        munmap(page, (size_t)sysconf(_SC_PAGESIZE));
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
    if (any_busy())
        return -EBUSY;
    for (struct lc__facility *facility; (facility = take_facility());)
        facility->shut_down();
    drop_guard();
    lc_log_set_sink(NULL);
    return 0;
}
