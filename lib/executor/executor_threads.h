/*
 * executor_threads.h: the coming and going of an executor's threads. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_EXECUTOR_THREADS_H
#define LIFECYCLE_EXECUTOR_EXECUTOR_THREADS_H

#include "executor/executor.h"

#include <stdbool.h>

/* Sees to it that a thread is in the loop. @return 0, -EAGAIN, -ENOMEM. */
int lc__executor_need_thread(struct lc__loop *loop);
/*
 * The loop's thread has nothing to do; `waited` for as long as it would. @return whether it is to
 * leave: then the loop is no longer its.
 */
bool lc__executor_lets_go(struct lc__loop *loop, bool waited);
/* Whether the thread would leave once it has waited: it has no fibers, no timers, no guest. */
bool lc__executor_may_retire(struct lc__loop *loop);
/* Under the executor's lock: nobody is in the loop any more. */
void lc__executor_vacate(struct lc__loop *loop);
/* Waits until nobody is in any loop, and joins the threads. */
void lc__executor_await_threads(lc_executor *executor);

#endif
