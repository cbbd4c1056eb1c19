/*
 * fork.h: whether this process is a forked child. Floor 0.
 *
 * Until the library has made a thread, a forked child may use all of the library. Afterwards the
 * child has copies of locks and queues, but not the threads that use them. Calls that would wait or
 * make a thread then return -ENOTSUP.
 */
#ifndef LIFECYCLE_BASE_FORK_H
#define LIFECYCLE_BASE_FORK_H

#include <stdatomic.h>
#include <stdbool.h>

/* The caller is about to make a thread. @return 0, or -ENOMEM. */
int lc__fork_guard(void);
/* No thread of the library is left: a child that is forked from now on may use the library. */
void lc__fork_guard_drop(void);

/* A page that reads as zero in a forked child. NULL while the library has made no thread. */
extern _Atomic(unsigned char *) lc__fork_page;

/* Whether this process is a child that was forked when the library had threads. */
static inline bool lc__forked(void)
{
    const unsigned char *page = atomic_load_explicit(&lc__fork_page, memory_order_acquire);
    return page && *page == 0;
}

#endif
