/*
 * placement.h: which loop gets work, and how a loop without work gets some. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_PLACEMENT_H
#define LIFECYCLE_EXECUTOR_PLACEMENT_H

#include "executor/executor.h"

#include <stdbool.h>

/*
 * The loop for a new fiber or job of this group (NULL: any thread). `spread`: the next loop in
 * turn, not the caller's. From any thread. NULL: no memory.
 */
struct lc__loop *lc__executor_place(lc_executor *executor, lc_thread_group *group, bool spread);
/* A loop that exists, with a thread in it if there is one; NULL: there is no loop. */
struct lc__loop *lc__executor_any_loop(lc_executor *executor);
/* Moves work of other loops to this one. By the loop's thread. @return whether there was any. */
bool lc__executor_find_work(struct lc__loop *loop);
/*
 * Work waits for a thread that will not come soon: wakes a thread, or makes one. `add`: beyond the
 * executor's number, if all of them are busy. From any thread.
 */
void lc__executor_call_help(lc_executor *executor, bool add);

#endif
