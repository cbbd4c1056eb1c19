/*
 * due.h: what the timers of a loop call, in the order in which they fall due. Floor 1, and of it
 * only the files of the executor.
 */
#ifndef LIFECYCLE_EXECUTOR_DUE_H
#define LIFECYCLE_EXECUTOR_DUE_H

#include "executor/timer_queue.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct lc__fiber;
struct lc__loop;

/*
 * Timers that have fallen due and whose `fire` has not been called yet. The loop's thread's alone.
 */
struct lc__due {
    unsigned refused;        /* how often in a row there was no memory for a firer */
    struct lc__timer *first; /* linked by `next_due` */
    struct lc__timer *last;
    struct lc__fiber *firer; /* the fiber that calls them, one after the other; NULL: none */
    bool firer_starting;     /* one has been made, and has not begun */
    atomic_size_t count;     /* others read it, to tell */
};

/* The timer is behind all that are here; lc__due_serve is to be called next. */
void lc__due_add(struct lc__loop *loop, struct lc__timer *timer);
/*
 * Sees to it that what is due is fired. On the thread's own stack. @return false: in a simulation
 * there was no memory for a fiber, try again.
 */
bool lc__due_serve(struct lc__loop *loop);
/* The fiber waits, yields or ends: if it is the firer, it is so no longer. */
void lc__due_leave(struct lc__loop *loop, const struct lc__fiber *fiber);

#endif
