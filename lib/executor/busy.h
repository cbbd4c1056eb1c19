/*
 * busy.h: for how long a task that does not wait in the library has run, or been blocked elsewhere.
 * Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_BUSY_H
#define LIFECYCLE_EXECUTOR_BUSY_H

#include <stdint.h>

struct lc__task;

/* What is known of a task. Zeroed at first, and when the task has waited since. */
struct lc__busy {
    int64_t looked; /* when it was last looked at; 0: it was not */
    int64_t ran;    /* the processor time of its thread by then */
    int64_t had;    /* for how long it has run or been blocked. Not counted: time without a turn */
};

/* A task that does not run: a fiber that is ready, and has not had its turn. */
#define LC__NO_THREAD 0
/* A task whose thread cannot be looked at, as in a simulation. */
#define LC__ANY_THREAD (-1)

/* The thread, as the system counts, that the task runs on; or one of these. The task is there. */
int lc__task_thread(const struct lc__task *task);
/*
 * Looks at a task that runs on that thread. What has passed since the last look counts if the
 * thread is blocked, and as far as it has run; not while it waits for a processor.
 */
void lc__busy_look(struct lc__busy *busy, int thread, int64_t now);

#endif
