/*
 * busy.h: for how long a task that does not wait in the library has run, or was blocked outside of
 * the library. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_BUSY_H
#define LIFECYCLE_EXECUTOR_BUSY_H

#include <stdint.h>

struct lc__task;

/* What is known of a task. The owner zeroes it at first, and whenever the task has waited. */
struct lc__busy {
    int64_t looked; /* the time of the last look; 0: there was none */
    int64_t ran;    /* the processor time of its thread at that look */
    int64_t had;    /* for how long it has run or was blocked; time without a processor is not in */
};

/* The task does not run: it is a fiber that is ready, or new. */
#define LC__NO_THREAD 0
/* The thread of the task cannot be looked at, as in a simulation. */
#define LC__ANY_THREAD (-1)

/*
 * The number, by the system's count, of the thread that the task runs on, or one of these two. The
 * caller makes sure that the task is not freed.
 */
int lc__task_thread(const struct lc__task *task);
/*
 * Looks at a task that runs on that thread. The time since the last look counts in full if the
 * thread is blocked. Otherwise the time counts that the thread has run, and not the time that it
 * has waited for a processor.
 */
void lc__busy_look(struct lc__busy *busy, int thread, int64_t now);

#endif
