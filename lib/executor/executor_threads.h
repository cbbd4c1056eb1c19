/*
 * executor_threads.h: the coming and going of an executor's threads. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_EXECUTOR_THREADS_H
#define LIFECYCLE_EXECUTOR_EXECUTOR_THREADS_H

#include "executor/executor.h"

#include <stdbool.h>

/*
 * Makes a thread for the loop if none is in it. The thread stays as long as the caller has booked
 * (loop->bookings). @return 0; -EAGAIN, -ENOMEM; -ENOTSUP in a forked child.
 */
int lc__executor_need_thread(struct lc__loop *loop);
/*
 * Books: from here until lc__loop_unbook, which is to be called in any case, the loop is not freed,
 * and its thread does not leave it. From any thread, to put work into the loop.
 * @return as lc__executor_need_thread, which it calls.
 */
int lc__loop_book(struct lc__loop *loop);
void lc__loop_unbook(struct lc__loop *loop);
/*
 * The loop's thread has nothing to do, or has `waited` for that long enough to retire. By that
 * thread. @return whether it leaves: then the loop may be another thread's already.
 */
bool lc__executor_lets_go(struct lc__loop *loop, bool waited);
/* Whether the thread leaves once it has waited: it is no guest and has no fibers. By itself. */
bool lc__executor_may_retire(struct lc__loop *loop);
/* The thread in the loop has left. The caller holds the executor's lock. */
void lc__executor_vacate(struct lc__loop *loop);
/* Waits until no thread is in any loop, and joins the threads. */
void lc__executor_await_threads(lc_executor *executor);

#endif
