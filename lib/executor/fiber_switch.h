/*
 * fiber_switch.h: running fibers: from one to the next, and between them and the stack of their
 * thread. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_FIBER_SWITCH_H
#define LIFECYCLE_EXECUTOR_FIBER_SWITCH_H

#include "executor/loop.h"

/* Ends the calling fiber, after its deferred calls; for those that have no way to return. */
void lc__fiber_exit(void) __attribute__((noreturn));
/*
 * The calling fiber has done its work, and will do nothing but end: lc_library_shutdown waits for
 * it instead of refusing.
 */
void lc__fiber_finishing(void);
/* Leaves the processor until lc__fiber_wake. Who is to wake it may have done so already. */
void lc__fiber_park(void);
/*
 * Makes a parked fiber go on; once for each park. From any thread. `in_handler`: in the handler of
 * a process signal.
 */
void lc__fiber_wake(struct lc__fiber *fiber, bool in_handler);
/* Lets the others run first. */
void lc__fiber_yield(void);

/* What a fiber enters its stack by; `arg` is the fiber. */
void lc__loop_fiber_main(void *arg);
/*
 * By a fiber: calls `run(arg)` on the stack of its thread, which is as large as threads' stacks
 * are. `run` does not wait. The fiber counts as running meanwhile.
 */
void lc__loop_call(void (*run)(void *arg), void *arg);
/*
 * The fiber, which is the loop's and running, has done one piece of work of several: lets the
 * thread look around when it is time, and others run that are ready, unless they are `patient`.
 * @return whether others had their turn.
 */
bool lc__loop_turn(struct lc__loop *loop, struct lc__fiber *fiber, bool patient);

/* What runs next; NULL: nothing can, now. By the loop's thread. */
LC__OF_ITS_THREAD
static inline struct lc__fiber *lc__loop_pick(struct lc__loop *loop)
{
    struct lc__fiber *fiber = lc__loop_shift_ready(loop);
    return fiber ? fiber : loop->operations->pick(loop);
}
/* On the thread's own stack: runs fibers, this one first, until the thread is to look around. */
void lc__loop_run_fibers(struct lc__loop *loop, struct lc__fiber *first);

enum { LC__LOOP_BUDGET = 64 }; /* fibers that run between two looks around */

#endif
