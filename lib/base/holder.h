/*
 * holder.h: the thread that holds a lock, known in test builds only, for assertions. In a release
 * build it takes no room and no time. Floor 0; for lock.h and spin.h.
 */
#ifndef LIFECYCLE_BASE_HOLDER_H
#define LIFECYCLE_BASE_HOLDER_H

#include "base/assert.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct lc__holder {
#ifdef LC__ASSERTIONS
    _Atomic(pthread_t) thread; /* 0: none */
#endif
};

/*
 * Whether the calling thread is the holder. Relaxed is enough: a thread asks only about itself, and
 * it has stored itself, or removed itself, before it asks. Meant for LC__ASSERT.
 */
static inline bool lc__holder_is_self(const struct lc__holder *holder)
{
#ifdef LC__ASSERTIONS
    return atomic_load_explicit(&holder->thread, memory_order_relaxed) == pthread_self();
#else
    (void)holder;
    return true;
#endif
}

/* The calling thread has just got the lock. */
static inline void lc__holder_set(struct lc__holder *holder)
{
#ifdef LC__ASSERTIONS
    atomic_store_explicit(&holder->thread, pthread_self(), memory_order_relaxed);
#else
    (void)holder;
#endif
}

/* The calling thread is about to give the lock away. */
static inline void lc__holder_clear(struct lc__holder *holder)
{
#ifdef LC__ASSERTIONS
    LC__ASSERT(lc__holder_is_self(holder));
    atomic_store_explicit(&holder->thread, 0, memory_order_relaxed);
#else
    (void)holder;
#endif
}

#endif
