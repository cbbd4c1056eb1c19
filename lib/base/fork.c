/*
 * fork.c: see fork.h.
 */
#include "base/fork.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* A page that reads as zero in a forked child. NULL while the library has made no thread. */
static _Atomic(unsigned char *) guard;
static pthread_mutex_t guard_lock = PTHREAD_MUTEX_INITIALIZER;
static bool watching; /* forks, by pthread_atfork; under the lock */

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
    /*
     * Emulators take the advice and do not follow it: so children made by way of libc's fork are told
     * besides. Those made in another way are then not known.
     */
    madvise(page, size, MADV_WIPEONFORK);
    if (!watching && pthread_atfork(NULL, NULL, wipe_guard) != 0) {
        munmap(page, size);
        return -ENOMEM;
    }
    watching = true;
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

void lc__fork_guard_drop(void)
{
    unsigned char *page = atomic_exchange_explicit(&guard, NULL, memory_order_acq_rel);
    if (page)
        munmap(page, (size_t)sysconf(_SC_PAGESIZE));
}
