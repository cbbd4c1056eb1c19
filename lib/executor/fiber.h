/*
 * fiber.h: a worker with a small stack of its own, switched in user space. Started by a spawner, it
 * runs on one thread of its executor from its first step to its last. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_FIBER_H
#define LIFECYCLE_EXECUTOR_FIBER_H

#include "base/sanitizer.h"
#include "base/task.h"
#include "executor/slab.h"
#include "executor/timer_queue.h"

#include <lifecycle/executor.h>

#include <bsd/sys/queue.h>
#include <stdatomic.h>

struct lc__job;
struct lc__loop;

enum lc__fiber_state {
    LC__FIBER_FREE,    /* no fiber: the stack is free */
    LC__FIBER_NEW,     /* may still be started by any thread */
    LC__FIBER_READY,   /* waits for its thread */
    LC__FIBER_RUNNING, /* on its thread */
    LC__FIBER_PARKED   /* waits for what task.parked says */
};

/*
 * The control block, at the top of the stack. What a switch and a queue touch comes first.
 * A debugger's script reads these fields by name (tools/).
 */
struct lc__fiber {
    struct lc__task task;   /* first */
    void *sp;               /* where its stack was left: see switch.h */
    struct lc__fiber *next; /* in a queue, or among free stacks */
    struct lc__loop *loop;  /* where it runs; changed only while it is new */
    void (*run)(void *arg);
    void *arg;
    int64_t born;                  /* since when there is the backlog that it has come to */
    struct lc_thread_group *group; /* the threads it may run on; NULL: any */
    atomic_uchar state;            /* enum lc__fiber_state; for those that only look */
    bool finishing;
    struct lc__stack stack;
    TAILQ_ENTRY(lc__fiber) free; /* stack.c: of a free stack */
    struct lc__sanitizer_stack sanitizer;
    struct lc__simulated_fiber *simulated; /* simulation.c */
    _Atomic(struct lc__job *) job;         /* that it runs, of whatever name; NULL: none. job.c */
    /*
     * The name, in words so that a thread that looks may do so while another writes: see
     * lc__fiber_copy_name.
     */
    atomic_uint_least64_t name[9];
};

struct lc__fiber_options {
    const char *name;  /* copied */
    size_t stack_size; /* all included; 0 for the executor's default */
    void (*run)(void *arg);
    void *arg;
    lc_executor *executor;  /* NULL: the caller's, or the default one */
    lc_thread_group *group; /* NULL: none */
    bool spread;            /* to the next thread in turn, not to the caller's */
    bool pinned;            /* to the caller's loop, which is the executor's */
    bool finishing;         /* from its beginning: see lc__fiber_finishing */
    bool late; /* also while the executor is being freed; by a thread in one of its loops */
};

/*
 * Makes a fiber that runs `run(arg)`.
 * @return 0; -ENOMEM, -EAGAIN (no thread could be made to run it), -ENOTSUP in a forked child,
 * -ESHUTDOWN (the executor is being freed), -E2BIG (stack size).
 */
int lc__fiber_start(const struct lc__fiber_options *options);

/* The calling fiber, or NULL in a thread. */
static inline struct lc__fiber *lc__fiber_current(void)
{
    return lc__task_current()->fiber;
}

/* Ends the calling fiber, after its deferred calls; for those that have no way to return. */
void lc__fiber_exit(void) __attribute__((noreturn));
/*
 * The calling fiber has done its work, and will do nothing but end: lc_library_shutdown waits for
 * it instead of refusing.
 */
void lc__fiber_finishing(void);
/* Leaves the processor until lc__fiber_wake. Who is to wake it may have done so already. */
void lc__fiber_park(void);
/*
 * Makes a parked fiber go on; once for each park. From any thread. `in_handler`: in the handler of
 * a process signal.
 */
void lc__fiber_wake(struct lc__fiber *fiber, bool in_handler);
/* Lets the others run first. */
void lc__fiber_yield(void);

/*
 * The name of one of the executor's fibers, of those that are not finishing. Room for
 * LC_NAME_MAX + 1. @return false if none is found.
 */
bool lc__fiber_name_one(const lc_executor *executor, char *name);
/*
 * Whether one of the executor's fibers waits in the library and has not been woken: then it is not
 * just ending.
 */
bool lc__fiber_any_waits(const lc_executor *executor);
const char *lc__fiber_name(const struct lc__fiber *fiber);
/* The name as others may read it, while the fiber may just be ending. Room for LC_NAME_MAX + 1. */
void lc__fiber_copy_name(const struct lc__fiber *fiber, char *name);

#endif
