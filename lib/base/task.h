/*
 * task.h: what belongs to the worker that is running on this thread, in one place: where one thread
 * runs many workers, this is what a switch between them exchanges. Floor 0; each field is used by
 * the file named beside it.
 */
#ifndef LIFECYCLE_BASE_TASK_H
#define LIFECYCLE_BASE_TASK_H

#include "base/spin.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct lc__clock;
struct lc__deferred;
struct lc__faults;
struct lc__fiber;
struct lc__isolate;
struct lc__park_reason;
struct lc__parker;
struct lc__random;
struct lc__simulation;
struct lc__worker_call;

struct lc__task {
    const char *name;                     /* log.c: who speaks; NULL: nobody in particular */
    struct lc__clock *clock;              /* clock.c; NULL: the real one */
    struct lc__random *random;            /* random.c; NULL: the thread's own */
    const struct lc__faults *faults;      /* memory.c; NULL: nothing is made to fail */
    struct lc__fiber *fiber;              /* fiber.c; NULL: the task is a thread */
    struct lc__simulation *simulation;    /* simulation.c; NULL: the world is real */
    const struct lc__park_reason *parked; /* park.c: what it waits for; NULL: it does not */
    /*
     * park.c: the parker of a thread, or of a wait that can be interrupted; NULL: there is none.
     */
    struct lc__parker *parker;
    struct lc__spinlock parker_lock; /* for `parker`, which other tasks read */
    atomic_ulong parks; /* how often it has gone to wait: park.c for threads, loop.c for fibers */
    atomic_ulong wakes; /* loop.c: how often a fiber was made to go on again */
    struct lc__worker_call *worker; /* worker.c: the work it does; NULL: it is no worker */
    const struct lc__task *client;  /* blocking.c: whose blocking call it runs; NULL: none's */
    struct lc__deferred *deferred;  /* worker.c: the last deferred call */
    void (*unwind)(void);           /* worker.c: runs what is deferred; NULL: nothing is */
    /* loop.c: calls what needs a large stack and does not wait; NULL: the task's own is large */
    void (*with_room)(void (*run)(void *arg), void *arg);
    struct lc__isolate *isolate; /* isolate.c: whose event it handles; NULL: no isolate's */
    /*
     * isolate.c: set by others, to be called once the task comes to lc__task_check; NULL: nothing
     */
    void (*_Atomic doom)(void);
    unsigned io_tries;           /* io.c: since the last turn of others */
    unsigned io_served;          /* io.c: since the end of io_context */
    const void *io_context;      /* io.c: the last call's, if it had ended; not to be looked into */
    int thread_id;               /* of a thread's own task, as the system counts */
    unsigned shields;            /* how many there are: lc__task_shield */
    struct lc__service *service; /* shell.c: the innermost in which it serves; NULL: none */
    unsigned callback_depth;     /* callback.c: in how many callbacks of the library it is */
    bool running_deferred;       /* worker.c */
};

/*
 * The task that runs on this thread; NULL until the thread has asked for it. Initial-exec, as it is
 * read at every step: a pointer is little enough for a library that is loaded late.
 */
extern _Thread_local struct lc__task *lc__task_running __attribute__((tls_model("initial-exec")));
/* The task of a thread that runs no fiber: makes it the running one. */
struct lc__task *lc__task_of_thread(void);

/* Never NULL. */
static inline struct lc__task *lc__task_current(void)
{
    return lc__task_running ? lc__task_running : lc__task_of_thread();
}

/*
 * Whether the task can be ended where it is: it handles an isolate's event, and is in nothing that
 * has to go on, which is a deferred call, a callback, or what a shield protects.
 */
static inline bool lc__task_can_end(const struct lc__task *task)
{
    return task->isolate && task->shields == 0 && !task->running_deferred &&
           task->callback_depth == 0;
}

/* Whether the next lc__task_check does not return. */
static inline bool lc__task_must_end(const struct lc__task *task)
{
    return atomic_load_explicit(&task->doom, memory_order_relaxed) && lc__task_can_end(task);
}

/*
 * Where what may wait, or take long, begins: who has been doomed meanwhile does not come back.
 * Relaxed: it is to be seen soon, and nothing else with it.
 */
static inline void lc__task_check(void)
{
    void (*doom)(void) = lc__task_running
                             ? atomic_load_explicit(&lc__task_running->doom, memory_order_relaxed)
                             : NULL;
    if (doom)
        doom();
}

/*
 * Until the unshield it is not doomed: for what holds something, or serves others, and calls what
 * begins with a check. They nest.
 */
static inline void lc__task_shield(void)
{
    lc__task_current()->shields++;
}
static inline void lc__task_unshield(void)
{
    lc__task_current()->shields--;
}

#endif
