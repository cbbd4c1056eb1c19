/*
 * park.h: how anything waits. A waiter makes a parker on its stack, shows it to those who may wake
 * it, and parks; they unpark. All waits of the library go through here, so that what waits can be a
 * thread, one the library did not make as well, or a fiber. Floor 1.
 *
 * The protocol:
 * - Each unpark is counted, and counting is the last thing an unpark does with the parker's memory.
 *   A waiter that knows how many were to unpark it waits for that many, and may then let its stack
 * go.
 * - park returns when the count is no longer the one seen; it may also return early. Look again at
 *   what was waited for.
 */
#ifndef LIFECYCLE_EXECUTOR_PARK_H
#define LIFECYCLE_EXECUTOR_PARK_H

#include "executor/parker.h"

#include <stdbool.h>

/* What a worker waits for: for debuggers, and for whoever reports a deadlock. */
struct lc__park_reason {
    const char *what;    /* "handle", "channel: receive", ... */
    const void *subject; /* the object of that kind, or NULL */
};

/* For a wait of the calling task. */
void lc__parker_init(struct lc__parker *parker);
/*
 * As lc__parker_init, for a task that will wait in lc__park_poll. @return 0, or -EMFILE, -ENFILE,
 * -ENOMEM.
 */
int lc__parker_init_poll(struct lc__parker *parker);
/*
 * Begins it for the plainest wait: of a fiber, with no deadline, for exactly one unpark.
 * @return false if the wait is none of that: then it was begun as by lc__parker_init.
 */
bool lc__parker_init_direct(struct lc__parker *parker, int64_t deadline);
/*
 * Waits while the count is `seen`. The reason is borrowed for the wait.
 * @return 0; -ETIMEDOUT at the deadline, on the thread's clock; -ENOTSUP in a forked child;
 * -EINTR: the task must end (lc__task_must_end), whatever else has come.
 */
int lc__park(struct lc__parker *parker, unsigned seen, int64_t deadline,
             const struct lc__park_reason *reason);
/*
 * Waits for the unpark of a direct parker. Its fiber is pinned, so a wake-up that comes too early
 * waits for its thread: nothing has to be agreed upon, and no locked instruction is spent.
 */
void lc__park_direct(struct lc__parker *parker, const struct lc__park_reason *reason);
/*
 * Waits, with no deadline, until the count is `target`: for unparks that are under way. Nothing
 * interrupts it.
 */
void lc__park_until(struct lc__parker *parker, unsigned target);
/*
 * As lc__park, by a thread, ended as well by poll(2) on `descriptors`, which has room for one more
 * behind its `count`.
 */
int lc__park_poll(struct lc__parker *parker, unsigned seen, struct pollfd *descriptors,
                  size_t count, int64_t deadline, const struct lc__park_reason *reason);

/*
 * Whether a task, which is there, waits in the library and has not been woken. *parks becomes how
 * often it has gone to wait: if that is the same at two looks which both found it waiting, it has
 * waited all the time between them.
 */
struct lc__task;
bool lc__task_waits(struct lc__task *task, unsigned long *parks);
/*
 * The task's `end_now` has been set: interrupts the wait that it is in, if it can end there. The
 * caller sees to it that the task is still there. From any thread.
 */
void lc__task_interrupt(struct lc__task *task);

/*
 * Counts one and wakes the waiter. Release: what was done before is seen by the waiter. From any
 * thread.
 */
void lc__unpark(struct lc__parker *parker);
/* The same in the handler of a process signal. */
void lc__unpark_in_handler(struct lc__parker *parker);
/*
 * Ends the wait, or the next, without counting, until lc__parker_clear_ready. Not the last touch of
 * the parker: the caller sees to it that the waiter waits for him.
 */
void lc__parker_set_ready(struct lc__parker *parker);
static inline void lc__parker_clear_ready(struct lc__parker *parker)
{
    atomic_fetch_and_explicit(&parker->word, ~(unsigned)LC__PARKER_READY, memory_order_relaxed);
}

#endif
