/*
 * park.h: how a worker waits. The waiter makes a parker on its stack, publishes it to the workers
 * that may wake it, and parks; they unpark. All waits of the library go through here, so the waiter
 * can be a fiber, or any thread, also one that the library did not make. Floor 1.
 *
 * The protocol:
 * - An unpark counts, and then does not touch the memory of the parker again. A waiter that knows
 *   how many unparks will come waits for that many, and may then leave its stack.
 * - park returns when the count is not the one seen. It may also return early, so the waiter looks
 *   again at what it waits for.
 */
#ifndef LIFECYCLE_EXECUTOR_PARK_H
#define LIFECYCLE_EXECUTOR_PARK_H

#include "executor/parker.h"

#include <stdbool.h>

/* What a worker waits for: for debuggers, and for the report of a deadlock. */
struct lc__park_reason {
    const char *what;    /* "handle", "channel: receive", ... */
    const void *subject; /* the object of that kind, or NULL */
};

/* Initialises it for waits of the calling task. */
void lc__parker_init(struct lc__parker *parker);
/*
 * The same, for a task that may wait in lc__park_poll. lc__parker_end_poll ends it.
 * @return 0, -EMFILE, -ENFILE, -ENOMEM.
 */
int lc__parker_init_poll(struct lc__parker *parker);
/*
 * Initialises it for one wait for exactly one unpark: a *direct* wait, if the caller is a fiber
 * with no deadline. @return false if it is not direct: then the caller waits with lc__park.
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
 * Waits for the unpark of a direct parker. The fiber stays on its thread, so a wake-up that comes
 * before the wait stays in a queue of that thread until the fiber parks. No locked instruction is
 * needed.
 */
void lc__park_direct(struct lc__parker *parker, const struct lc__park_reason *reason);
/*
 * Waits until the count is `target`: for unparks that are under way. Has no deadline, and is not
 * interrupted.
 */
void lc__park_until(struct lc__parker *parker, unsigned target);
/*
 * As lc__park, by a thread, but ready descriptors end the wait, too. `descriptors` has room for one
 * more behind its `count`.
 */
int lc__park_poll(struct lc__parker *parker, unsigned seen, struct pollfd *descriptors,
                  size_t count, int64_t deadline, const struct lc__park_reason *reason);

/*
 * Whether a task, which the caller knows to exist, waits in the library and has not been woken.
 * *parks becomes the number of its waits. If two calls find it waiting and the number is the same,
 * it has waited all the time in between.
 */
struct lc__task;
bool lc__task_waits(struct lc__task *task, unsigned long *parks);
/*
 * Interrupts the wait of a task if the task can end there. The caller has set `end_now` of the
 * task, and keeps the task from being freed. From any thread.
 */
void lc__task_interrupt(struct lc__task *task);

/*
 * Counts one, and wakes the waiter. From any thread. Release: the waiter sees what was done before.
 */
void lc__unpark(struct lc__parker *parker);
/* The same in the handler of a process signal. */
void lc__unpark_in_handler(struct lc__parker *parker);
/*
 * Ends the wait, and each later one, without counting, until lc__parker_clear_ready. The caller
 * keeps the parker from being freed, by a lock.
 */
void lc__parker_set_ready(struct lc__parker *parker);
static inline void lc__parker_clear_ready(struct lc__parker *parker)
{
    atomic_fetch_and_explicit(&parker->word, ~(unsigned)LC__PARKER_READY, memory_order_relaxed);
}

#endif
