/*
 * task.h: the state of the worker that runs on this thread. Where one thread runs many workers, a
 * switch between them exchanges it. Floor 0; the file that uses a field is named beside it.
 */
#ifndef LIFECYCLE_BASE_TASK_H
#define LIFECYCLE_BASE_TASK_H

#include "base/assert.h"
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
    const char *name;                     /* log.c: the component that logs; NULL: "" */
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
    struct lc__worker_call *worker; /* worker.c: its work; NULL: it is no worker */
    const struct lc__task *client;  /* blocking.c: the caller that it blocks for; or NULL */
    struct lc__deferred *deferred;  /* worker.c: the last deferred call */
    void (*unwind)(void);           /* worker.c: runs the deferred calls; NULL: there are none */
    /* loop.c: calls what needs a large stack and does not wait; NULL: the task has a large one */
    void (*with_room)(void (*run)(void *arg), void *arg);
    struct lc__isolate *isolate; /* run.c: it handles an event of this isolate; or NULL */
    /*
     * control.c: set by a thread that makes the task end. lc__task_check() calls it; it returns
     * only if lc__task_can_end() is false. NULL: the task goes on.
     */
    void (*_Atomic end_now)(void);
    unsigned io_tries;           /* io.c: since other workers have run */
    unsigned io_served;          /* io.c: since the end of io_context */
    const void *io_context;      /* io.c: of the last call, if it had ended; compared only */
    int thread_id;               /* of a thread's own task: the system's number */
    unsigned shields;            /* lc__task_shield: how often */
    struct lc__service *service; /* shell.c: the innermost service that it runs; or NULL */
    unsigned callback_depth;     /* callback.c: how many callbacks it runs, one in another */
    bool running_deferred;       /* worker.c */
};

/*
 * The task that runs on this thread; NULL until the thread has asked for it. Initial-exec, since it
 * is read at every step: one pointer is small enough for a library that is loaded late.
 */
extern _Thread_local struct lc__task *lc__task_running __attribute__((tls_model("initial-exec")));
/* Makes the own task of a thread, which runs no fiber, the running one. @return it. */
struct lc__task *lc__task_of_thread(void);

/* Never NULL. */
static inline struct lc__task *lc__task_current(void)
{
    return lc__task_running ? lc__task_running : lc__task_of_thread();
}

/*
 * Whether the task can be made to end where it is: it handles an isolate's event, and runs no
 * deferred call, no callback, and nothing that a shield protects.
 */
static inline bool lc__task_can_end(const struct lc__task *task)
{
    return task->isolate && task->shields == 0 && !task->running_deferred &&
           task->callback_depth == 0;
}

/* Whether the next lc__task_check does not return. */
static inline bool lc__task_must_end(const struct lc__task *task)
{
    return atomic_load_explicit(&task->end_now, memory_order_relaxed) && lc__task_can_end(task);
}

/*
 * Called at the beginning of calls that may wait or take long. Does not return if
 * lc__task_must_end(). Relaxed: the task has to see it soon, and nothing else with it.
 */
static inline void lc__task_check(void)
{
    void (*end_now)(void) =
        lc__task_running ? atomic_load_explicit(&lc__task_running->end_now, memory_order_relaxed)
                         : NULL;
    if (end_now)
        end_now();
}

/*
 * Until lc__task_unshield() the task is not made to end: for a caller that holds something, or
 * works for others, and calls what begins with a check. Shields nest.
 */
static inline void lc__task_shield(void)
{
    lc__task_current()->shields++;
}
static inline void lc__task_unshield(void)
{
    LC__ASSERT(lc__task_current()->shields > 0);
    lc__task_current()->shields--;
}

#endif
