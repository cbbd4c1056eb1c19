/*
 * fiber.h: a worker with a small stack of its own, switched in user space. Started by a spawner, it
 * runs on one thread of its executor from its first step to its last. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_FIBER_H
#define LIFECYCLE_EXECUTOR_FIBER_H

#include "base/sanitizer.h"
#include "base/task.h"
#include "executor/slab.h"

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

/* First in, first out. */
STAILQ_HEAD(lc__fiber_queue, lc__fiber);

/*
 * The control block, at the top of the stack. What a switch and a queue touch comes first.
 * A debugger's script reads these fields by name (tools/).
 */
struct lc__fiber {
    struct lc__task task;         /* first */
    void *sp;                     /* where its stack was left: see switch.h */
    STAILQ_ENTRY(lc__fiber) link; /* in a queue */
    struct lc__fiber *next;       /* in an inbox, or among free stacks */
    struct lc__loop *loop;        /* where it runs; changed only while it is new */
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
    /* Called before it waits, yields or ends, by itself. NULL: nothing is to be done. */
    void (*leaves)(struct lc__fiber *fiber);
    _Atomic(struct lc__job *) job; /* that it runs, of whatever name; NULL: none. job.c */
    /*
     * The name, in words so that a thread that looks may do so while another writes: see
     * lc__fiber_copy_name.
     */
    atomic_uint_least64_t name[9];
};

/* The calling fiber, or NULL in a thread. */
static inline struct lc__fiber *lc__fiber_current(void)
{
    return lc__task_current()->fiber;
}

static inline void lc__fiber_set_state(struct lc__fiber *fiber, enum lc__fiber_state state)
{
    atomic_store_explicit(&fiber->state, (unsigned char)state, memory_order_relaxed);
}

void lc__fiber_set_name(struct lc__fiber *fiber, const char *name);
const char *lc__fiber_name(const struct lc__fiber *fiber);
/* The name as others may read it, while the fiber may just be ending. Room for LC_NAME_MAX + 1. */
void lc__fiber_copy_name(const struct lc__fiber *fiber, char *name);

#endif
