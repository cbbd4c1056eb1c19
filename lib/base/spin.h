/*
 * spin.h: waits for another thread that holds something for a few instructions only. Floor 0.
 */
#ifndef LIFECYCLE_BASE_SPIN_H
#define LIFECYCLE_BASE_SPIN_H

#include "base/assert.h"
#include "base/holder.h"

#include <stdatomic.h>
#include <stdbool.h>

/*
 * Waits for a moment, longer each time; `*round` begins at 0. Finally it sleeps, so that a holder
 * of lower priority, or one that has lost its processor, can run.
 */
void lc__spin(unsigned *round);

/* A lock that is held for a few instructions, and never across a call out of the library. */
struct lc__spinlock {
    atomic_bool held;
    struct lc__holder holder;
};

/* Whether the calling thread holds the lock. For assertions: a release build says yes. */
static inline bool lc__spinlock_is_held(const struct lc__spinlock *lock)
{
    return lc__holder_is_self(&lock->holder);
}

/* Acquire: this thread sees what was done under the lock before. */
static inline void lc__spinlock_lock(struct lc__spinlock *lock)
{
    LC__ASSERT(!lc__spinlock_is_held(lock)); /* it would wait for itself */
    unsigned round = 0;
    while (atomic_exchange_explicit(&lock->held, true, memory_order_acquire))
        lc__spin(&round);
    lc__holder_set(&lock->holder);
}

/* Release: pairs with the acquire of the next lc__spinlock_lock. */
static inline void lc__spinlock_unlock(struct lc__spinlock *lock)
{
    lc__holder_clear(&lock->holder);
    atomic_store_explicit(&lock->held, false, memory_order_release);
}

#endif
