/*
 * fiber_switch.h: runs the fibers of a loop, and lets them wait, go on and end. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_FIBER_SWITCH_H
#define LIFECYCLE_EXECUTOR_FIBER_SWITCH_H

#include "executor/loop.h"

/* Ends the calling fiber, after its deferred calls. */
void lc__fiber_exit(void) __attribute__((noreturn));
/*
 * The calling fiber has done its work, and does nothing but end: lc_library_shutdown waits for it
 * instead of refusing. May be called more than once.
 */
void lc__fiber_finishing(void);
/* The calling fiber waits for lc__fiber_wake, which may have come already. */
void lc__fiber_park(void);
/*
 * Makes a parked fiber run again; once for each park. From any thread. `in_handler`: in the handler
 * of a process signal.
 */
void lc__fiber_wake(struct lc__fiber *fiber, bool in_handler);
/* The calling fiber lets the others run first. */
void lc__fiber_yield(void);

/* The entry of each stack; `arg` is the fiber. */
void lc__loop_fiber_main(void *arg);
/*
 * Calls `run(arg)` for the calling fiber on the stack of its thread, which is as large as stacks of
 * threads are. `run` does not wait. The fiber counts as running.
 */
void lc__loop_call(void (*run)(void *arg), void *arg);
/*
 * The calling fiber has done one piece of work of several. Lets the thread look around when it is
 * time, and other ready fibers run, unless the caller is `patient`.
 * @return whether others had their turn.
 */
bool lc__loop_turn(struct lc__loop *loop, struct lc__fiber *fiber, bool patient);

/* Takes the fiber that runs next; NULL: none can now. By the loop's thread. */
LC__OF_ITS_THREAD
static inline struct lc__fiber *lc__loop_pick(struct lc__loop *loop)
{
    struct lc__fiber *fiber = lc__loop_shift_ready(loop);
    return fiber ? fiber : loop->operations->pick(loop);
}

enum { LC__LOOP_BUDGET = 64 }; /* how many fibers run between two looks around */
/* On the thread's own stack: runs fibers, this one first, until the thread is to look around. */
void lc__loop_run_fibers(struct lc__loop *loop, struct lc__fiber *first);

#endif
