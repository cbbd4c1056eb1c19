/*
 * timers.h: something that is to happen at a time of a clock. A fiber's timers are fired by the
 * executor thread that it runs on; those of other threads by one thread, made when the first is
 * armed; those of another clock by whoever moves that clock. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_TIMERS_H
#define LIFECYCLE_EXECUTOR_TIMERS_H

#include "base/heap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in what it is for. Zeroed but for its two functions, it is disarmed. */
struct lc__timer {
    struct lc__heap_entry entry; /* first; its key is the deadline */
    /* Where it was armed, or has gone to since; NULL: in none. Changed under both locks. */
    _Atomic(struct lc__timers *) timers;
    bool armed; /* under the lock of those timers */
    /* Between `due` and `fire`, by the thread that calls `fire`: due.c. */
    struct lc__timer *next_due;
    unsigned pending; /* how often `fire` is still to be called */
    /*
     * Its time has come. Runs under the timers' lock: so short that it calls nobody, and once
     * disarm has returned, it is not running. It says whether `fire` is to be called: then without
     * the lock, and it must have seen to it that the timer is still there. Timers of one thread, or
     * of one clock, are fired by deadline, and among equal ones in the order they were armed in.
     * Between `due` and `fire` a timer may be armed again only where it was armed before.
     */
    bool (*due)(struct lc__timer *timer);
    void (*fire)(struct lc__timer *timer);
};

/* The timers of one clock, or of one thread. */
struct lc__timers {
    pthread_mutex_t lock;
    struct lc__heap heap; /* under the lock */
};

#define LC__TIMERS_INIT                                                                            \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/*
 * Arms a disarmed timer, on the calling task's clock. A deadline that has passed fires at once,
 * but never on the caller's stack, unless the caller is who moves the clock.
 * @return 0; -EAGAIN, -ENOMEM if the timer thread could not be made; -ENOTSUP in a forked child.
 */
int lc__timer_arm(struct lc__timer *timer, int64_t deadline);
/*
 * The same, but in the real world never among the timers of an executor's thread: a fiber that is
 * busy cannot hold it up.
 */
int lc__timer_arm_apart(struct lc__timer *timer, int64_t deadline);
/*
 * Makes the thread that lc__timer_arm_apart needs and keeps it, so that arming cannot fail for want
 * of a thread before lc__timers_release. On a clock that needs no thread it does nothing.
 * @param held  receives whether there is something to release.
 * @return 0, or as lc__timer_arm.
 */
int lc__timers_hold(bool *held);
/* Gives back what lc__timers_hold has held, if it has, and clears *held. */
void lc__timers_release(bool *held);
/* Arms it among these. @return whether it is now the first. */
bool lc__timers_arm(struct lc__timers *timers, struct lc__timer *timer, int64_t deadline);
/*
 * Disarms. @return whether it was armed; if not, it has fired or was never armed. Does not wait for
 * `fire`.
 */
bool lc__timer_disarm(struct lc__timer *timer);

/*
 * Takes the first timer out if its deadline is not after `limit`, and calls `due`. `set_now`, if
 * not NULL, is called with its deadline before.
 * @return whether there was one. *fire is then the timer if `fire` is to be called, or NULL.
 */
bool lc__timers_take_due(struct lc__timers *timers, int64_t limit,
                         void (*set_now)(void *arg, int64_t now), void *arg,
                         struct lc__timer **fire);
/* The same, and calls `fire` on this stack. */
bool lc__timers_fire_one(struct lc__timers *timers, int64_t limit,
                         void (*set_now)(void *arg, int64_t now), void *arg);
/* Calls `fire`, as a callback of the library. */
void lc__timer_fire(struct lc__timer *timer);
/*
 * Moves all of them, timers of the real clock, to the thread that fires for those that are no
 * executor's. @return 0, or what lc__timer_arm says if that thread could not be made.
 */
int lc__timers_hand_over(struct lc__timers *timers);
/*
 * The same when that thread could not be made and the caller's thread cannot stay: until it can be
 * made, threads that wait fire the timers. lc__timers_attend is to be called next, from outside.
 */
void lc__timers_leave(struct lc__timers *timers);
/* Tries once more to make the thread, if timers were left without one. */
void lc__timers_attend(void);
/* The first deadline of timers that were left, or LC_FOREVER: none was, or the thread is there. */
int64_t lc__timers_left_next(void);
/* Fires those of them that are due, on this stack. By a thread that has waited. */
void lc__timers_left_fire(void);
/* Disarms all of them, which are about to be gone. */
void lc__timers_drop(struct lc__timers *timers);
/* The first deadline, or LC_FOREVER. */
int64_t lc__timers_next(struct lc__timers *timers);
size_t lc__timers_count(struct lc__timers *timers);

#endif
