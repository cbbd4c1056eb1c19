/*
 * timers.h: something that is to happen at a time of a clock. Timers of the real clock are fired by
 * one thread, made when the first is armed; those of another clock by whoever moves that clock.
 * Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_TIMERS_H
#define LIFECYCLE_EXECUTOR_TIMERS_H

#include <bsd/sys/tree.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in what it is for. Zeroed but for its two functions, it is disarmed. */
struct lc__timer {
    RB_ENTRY(lc__timer) node;
    int64_t deadline;
    uint64_t sequence;         /* among equal deadlines the first armed is the first fired */
    struct lc__timers *timers; /* where it was armed last; NULL: never */
    bool armed;                /* under the lock of those timers */
    /*
     * Its time has come. Runs under the timers' lock: so short that it calls nobody, and once
     * disarm has returned, it is not running. It says whether `fire` is to be called: then without
     * the lock, and it must have seen to it that the timer is still there.
     */
    bool (*due)(struct lc__timer *timer);
    void (*fire)(struct lc__timer *timer);
};

RB_HEAD(lc__timer_tree, lc__timer);

/* The timers of one clock. */
struct lc__timers {
    pthread_mutex_t lock;
    struct lc__timer_tree tree; /* by deadline, then sequence */
    uint64_t sequence;
    size_t count;
};

#define LC__TIMERS_INIT                                                                            \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/*
 * Arms a disarmed timer, on the calling thread's clock. A deadline that has passed fires at once,
 * but never on the caller's stack, unless the caller is who moves the clock.
 * @return 0; -EAGAIN, -ENOMEM if the timer thread could not be made; -ENOTSUP in a forked child.
 */
int lc__timer_arm(struct lc__timer *timer, int64_t deadline);
/*
 * Disarms. @return whether it was armed; if not, it has fired or was never armed. Does not wait for
 * `fire`.
 */
bool lc__timer_disarm(struct lc__timer *timer);

/*
 * Fires the first timer whose deadline is not after `limit`. `set_now`, if not NULL, is called with
 * its deadline before. @return whether there was one.
 */
bool lc__timers_fire_one(struct lc__timers *timers, int64_t limit,
                         void (*set_now)(void *arg, int64_t now), void *arg);
/* The first deadline, or LC_FOREVER. */
int64_t lc__timers_next(struct lc__timers *timers);
size_t lc__timers_count(struct lc__timers *timers);

#endif
