/*
 * task.h: what belongs to the worker that is running on this thread, in one place: when one thread
 * runs many workers, this is what a switch between them exchanges. Floor 0; each field is used by
 * the file named beside it.
 */
#ifndef LIFECYCLE_BASE_TASK_H
#define LIFECYCLE_BASE_TASK_H

#include <stdbool.h>

struct lc__clock;
struct lc__random;
struct lc__park_reason;
struct lc__deferred;
struct lc_handle_callback;

struct lc__task {
    const char *name;                     /* log.c: who speaks; NULL: nobody in particular */
    struct lc__clock *clock;              /* clock.c; NULL: the real one */
    struct lc__random *random;            /* random.c; NULL: the thread's own */
    const struct lc__park_reason *parked; /* park.c: what it waits for; NULL: it does not */
    unsigned callback_depth; /* callback.c: in how many callbacks of the library it is */
    struct lc_handle_callback *callback; /* handle.c: the innermost that it runs */
    struct lc__deferred *deferred;       /* worker.c: the last deferred call */
    bool running_deferred;               /* worker.c */
    bool in_worker;                      /* worker.c: it is not a thread of somebody else's */
};

/* Never NULL. */
struct lc__task *lc__task_current(void);

#endif
