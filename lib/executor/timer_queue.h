/*
 * timer_queue.h: timers, and the queue of those armed on one clock or by one thread. The owner of a
 * queue fires its timers: an executor's thread those of its fibers, the timer thread (timers.h)
 * those of all other threads, a simulation or a test's clock its own. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_TIMER_QUEUE_H
#define LIFECYCLE_EXECUTOR_TIMER_QUEUE_H

#include "base/clock.h"
#include "base/heap.h"
#include "base/lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in the object that it is for. Zeroed except for its two functions, it is disarmed. */
struct lc__timer {
    struct lc__heap_entry entry; /* first; its key is the deadline */
    /* The queue that it is armed in, or has moved to; NULL: none. A move holds both locks. */
    _Atomic(struct lc__timers *) timers;
    bool armed; /* under the lock of the queue */
    /* Between `due` and `fire`, for the thread that calls `fire`: due.c. */
    struct lc__timer *next_due;
    unsigned pending; /* how many calls of `fire` are still to come */
    /*
     * The deadline has come. Runs under the lock of the queue, so it is short and calls nothing of
     * the program. lc__timer_disarm takes that lock, so `due` does not run once that has returned.
     * @return whether `fire` is to be called, without the lock. Then `due` has made sure that the
     * timer is not freed before.
     *
     * The timers of one queue fire in the order of their deadlines, and among equal deadlines in
     * the order in which they were armed. Between `due` and `fire` a timer may be armed again only
     * in the same queue.
     */
    bool (*due)(struct lc__timer *timer);
    void (*fire)(struct lc__timer *timer);
};

/* A queue of armed timers. */
struct lc__timers {
    struct lc__lock lock;
    struct lc__heap heap; /* under the lock, as the next */
    int64_t looks_at;     /* what lc__timers_plan_look returned last */
};

#define LC__TIMERS_INIT                                                                            \
    {                                                                                              \
        .lock = LC__LOCK_INIT                                                                      \
    }

/* No thread uses the queue any more. */
void lc__timers_destroy(struct lc__timers *timers);

/* ---- arming; from any thread ---- */

/* Those that this thread fires itself, on the real clock. NULL: none. Set by the loop it runs. */
extern _Thread_local struct lc__timers *lc__timers_of_thread
    __attribute__((tls_model("initial-exec")));
/*
 * The timers of the calling task's clock, or else those that the calling thread fires itself. NULL:
 * there are neither, the timer thread has to fire (lc__timer_arm of timers.h).
 */
static inline struct lc__timers *lc__timers_here(void)
{
    struct lc__timers *timers = lc__clock_current()->timers;
    return timers ? timers : lc__timers_of_thread;
}

/*
 * Arms a disarmed timer in this queue. A deadline in the past fires as soon as the owner looks.
 * @return whether the owner would look too late, and has to be woken.
 */
bool lc__timers_arm(struct lc__timers *timers, struct lc__timer *timer, int64_t deadline);
/*
 * Disarms the timer, in whatever queue it is. Does not wait for `fire`.
 * @return whether the timer was armed. If not, it has come due, or was never armed.
 */
bool lc__timer_disarm(struct lc__timer *timer);
/* Moves all timers to another queue. No thread moves timers the other way. */
void lc__timers_move(struct lc__timers *from, struct lc__timers *to);
/* Disarms all timers: the objects that they are in are about to be freed. */
void lc__timers_drop(struct lc__timers *timers);

/* The first deadline, or LC_FOREVER. */
int64_t lc__timers_next(struct lc__timers *timers);
size_t lc__timers_count(struct lc__timers *timers);

/* ---- firing; by the owner of the queue ---- */

/* @return the first deadline, or LC_FOREVER. The owner promises to look again at that time. */
int64_t lc__timers_plan_look(struct lc__timers *timers);
/*
 * Takes the first timer out if its deadline is not after `limit`, and calls `due`. `set_now`, if
 * not NULL, is called before that with the deadline.
 * @return whether there was one. *fire is then the timer if `fire` is to be called, or else NULL.
 */
bool lc__timers_take_due(struct lc__timers *timers, int64_t limit,
                         void (*set_now)(void *arg, int64_t now), void *arg,
                         struct lc__timer **fire);
/* The same, and calls `fire` on this stack. */
bool lc__timers_fire_one(struct lc__timers *timers, int64_t limit,
                         void (*set_now)(void *arg, int64_t now), void *arg);
/* Calls `fire`, as a callback of the library. */
void lc__timer_fire(struct lc__timer *timer);

/* ---- the real clock's timers that no executor's thread fires ---- */

extern struct lc__timers lc__timers_real;
/*
 * There are such timers, and the timer thread could not be made: threads that wait fire them. A
 * thread that reads the flag takes the lock of lc__timers_real before it reads anything else.
 */
extern atomic_bool lc__timers_unserved;

/* The first deadline of unserved timers, or LC_FOREVER. */
int64_t lc__timers_unserved_next(void);
/* Fires the unserved timers that are due, on this stack. By a thread that has waited. */
void lc__timers_unserved_fire(void);

#endif
