/*
 * timer_queue.h: timers, and the queue of those that are armed on one clock or by one thread.
 * timers.h says which queue a timer goes to. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_TIMER_QUEUE_H
#define LIFECYCLE_EXECUTOR_TIMER_QUEUE_H

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
/* Disarms all of them, which are about to be gone. */
void lc__timers_drop(struct lc__timers *timers);
/* The first deadline, or LC_FOREVER. */
int64_t lc__timers_next(struct lc__timers *timers);
size_t lc__timers_count(struct lc__timers *timers);

/*
 * ---- the timers of threads that are no executor's; the thread that fires them is in timers.c ----
 */

/*
 * Arms it. @return whether their thread would look too late. Both sides hold the lock: either the
 * timer is in before the thread's look, which finds it, or the time of that look is seen here. Most
 * timers never come to fire, so one armed and disarmed again and again wakes the thread once, not
 * each time.
 */
bool lc__shared_timers_arm(struct lc__timer *timer, int64_t deadline);
/* Notes when their thread is to look again. @return that time. */
int64_t lc__shared_timers_next_look(void);
/* Moves all of these there. */
void lc__shared_timers_take_over(struct lc__timers *timers);
/* Fires those that are due, on this stack. */
void lc__shared_timers_fire(void);
size_t lc__shared_timers_count(void);
/* Notes whether they are left without a thread: then threads that wait fire them. */
void lc__shared_timers_set_left(bool left);
bool lc__shared_timers_are_left(void);
/* The first deadline of timers that are left, or LC_FOREVER: none is, or the thread is there. */
int64_t lc__shared_timers_left_next(void);

#endif
