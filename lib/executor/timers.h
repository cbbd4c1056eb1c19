/*
 * timers.h: arming a timer. A fiber's timers are fired by the executor thread that it runs on;
 * those of other threads by one thread, made when the first is armed; those of another clock by
 * the thread that moves that clock. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_TIMERS_H
#define LIFECYCLE_EXECUTOR_TIMERS_H

#include "executor/timer_queue.h"

#include <stdbool.h>
#include <stdint.h>

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

#endif
