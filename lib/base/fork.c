/*
 * fork.c: see fork.h.
 */
#include "base/fork.h"

#include "base/lock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

_Atomic(unsigned char *) lc__fork_page;
static struct lc__lock guard_lock = LC__LOCK_INIT;
static bool watches_forks; /* by pthread_atfork; under guard_lock */

static void guard_wipe(void)
{
    unsigned char *page = atomic_load_explicit(&lc__fork_page, memory_order_acquire);
    if (page)
        *page = 0;
}

static int guard_new(void)
{
    LC__ASSERT(lc__lock_is_held(&guard_lock));
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *page =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return -ENOMEM;
    /*
     * An emulator may accept the advice and not follow it. guard_wipe() then does it for the
     * children of libc's fork, but not for children that are made in another way.
     */
    madvise(page, size, MADV_WIPEONFORK);
    if (!watches_forks && pthread_atfork(NULL, NULL, guard_wipe) != 0) {
        munmap(page, size);
        return -ENOMEM;
    }
    watches_forks = true;
    *page = 1;
    /* Release: a thread that sees the page sees the 1 in it. */
    atomic_store_explicit(&lc__fork_page, page, memory_order_release);
    return 0;
}

int lc__fork_guard(void)
{
    if (atomic_load_explicit(&lc__fork_page, memory_order_acquire))
        return 0;
    lc__lock_take(&guard_lock);
    int result = atomic_load_explicit(&lc__fork_page, memory_order_relaxed) ? 0 : guard_new();
    lc__lock_give(&guard_lock);
    return result;
}

void lc__fork_guard_drop(void)
{
    unsigned char *page = atomic_exchange_explicit(&lc__fork_page, NULL, memory_order_acq_rel);
    if (page)
        munmap(page, (size_t)sysconf(_SC_PAGESIZE));
}
