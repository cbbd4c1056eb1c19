/*
 * lock.h: a mutex that a test build can ask whether the calling thread holds it. Floor 0.
 */
#ifndef LIFECYCLE_BASE_LOCK_H
#define LIFECYCLE_BASE_LOCK_H

#include "base/assert.h"
#include "base/holder.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

/* Never held while the library calls the program's code, nor across a switch of fibers. */
struct lc__lock {
    pthread_mutex_t mutex;
    struct lc__holder holder;
};

#define LC__LOCK_INIT                                                                              \
    {                                                                                              \
        .mutex = PTHREAD_MUTEX_INITIALIZER                                                         \
    }

static inline void lc__lock_init(struct lc__lock *lock)
{
    *lock = (struct lc__lock)LC__LOCK_INIT;
}

static inline void lc__lock_destroy(struct lc__lock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}

/* Whether the calling thread holds the lock. For assertions: a release build says yes. */
static inline bool lc__lock_is_held(const struct lc__lock *lock)
{
    return lc__holder_is_self(&lock->holder);
}

static inline void lc__lock_take(struct lc__lock *lock)
{
    LC__ASSERT(!lc__lock_is_held(lock)); /* it would wait for itself */
    pthread_mutex_lock(&lock->mutex);
    lc__holder_set(&lock->holder);
}

static inline void lc__lock_give(struct lc__lock *lock)
{
    lc__holder_clear(&lock->holder);
    pthread_mutex_unlock(&lock->mutex);
}

/* Gives the lock away while it waits for the condition, and has it again afterwards. */
static inline void lc__lock_wait(struct lc__lock *lock, pthread_cond_t *condition)
{
    lc__holder_clear(&lock->holder);
    pthread_cond_wait(condition, &lock->mutex);
    lc__holder_set(&lock->holder);
}

/*
 * The same, until a time of the condition's clock at the latest.
 * @return 0, or ETIMEDOUT as of pthread_cond_timedwait(3).
 */
static inline int lc__lock_wait_until(struct lc__lock *lock, pthread_cond_t *condition,
                                      const struct timespec *deadline)
{
    lc__holder_clear(&lock->holder);
    int result = pthread_cond_timedwait(condition, &lock->mutex, deadline);
    lc__holder_set(&lock->holder);
    return result;
}

#endif
