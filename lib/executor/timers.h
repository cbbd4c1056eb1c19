/*
 * timers.h: arms timers for any task, and the thread that fires those of the real clock that
 * no executor's thread fires. It is made when the first of them is armed. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_TIMERS_H
#define LIFECYCLE_EXECUTOR_TIMERS_H

#include "executor/timer_queue.h"

/*
 * Arms a disarmed timer on the calling task's clock. A deadline in the past fires at once, but
 * never on the caller's stack, unless the caller is the one that moves the clock.
 * @return 0; -EAGAIN, -ENOMEM if the timer thread could not be made; -ENOTSUP in a forked child.
 */
int lc__timer_arm(struct lc__timer *timer, int64_t deadline);
/*
 * The same, but on the real clock always in the timer thread: a fiber that keeps its thread busy
 * cannot delay the timer.
 */
int lc__timer_arm_apart(struct lc__timer *timer, int64_t deadline);

/*
 * Makes the timer thread and keeps it, so that lc__timer_arm_apart cannot fail for want of it
 * before lc__timers_release. On a clock that needs no thread it does nothing.
 * @param held  receives whether there is something to release.
 * @return 0, or as lc__timer_arm.
 */
int lc__timers_hold(bool *held);
/* Gives back what lc__timers_hold has held, if it has, and clears *held. */
void lc__timers_release(bool *held);

/* ---- for an executor's thread that is about to leave its timers ---- */

/*
 * Moves them to the timer thread.
 * @return 0, or what lc__timer_arm says if that thread could not be made: none has moved.
 */
int lc__timers_hand_over(struct lc__timers *timers);
/*
 * Moves them although the timer thread could not be made. Until it can be made, threads that wait
 * fire them. The caller calls lc__timers_attend next, outside of the executor.
 */
void lc__timers_leave(struct lc__timers *timers);
/* Tries again to make the timer thread, if there are timers without one. */
void lc__timers_attend(void);

#endif
