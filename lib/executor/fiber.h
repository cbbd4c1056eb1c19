/*
 * fiber.h: the record of a fiber: a worker with a small stack of its own, switched in user space.
 * A fiber runs on one thread of its executor from its first step to its last. Floor 1.
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
    LC__FIBER_NEW,     /* has not started; any thread may still start it */
    LC__FIBER_READY,   /* waits for its thread */
    LC__FIBER_RUNNING, /* on its thread */
    LC__FIBER_PARKED   /* waits for what task.parked names */
};

/* First in, first out. */
STAILQ_HEAD(lc__fiber_queue, lc__fiber);

/*
 * The control block, at the top of the stack. What a switch and a queue touch comes first.
 * tools/lifecycle-gdb.py reads these fields by name.
 */
struct lc__fiber {
    struct lc__task task;         /* first */
    void *sp;                     /* where its stack was left: see switch.h */
    STAILQ_ENTRY(lc__fiber) link; /* in a queue */
    struct lc__fiber *next;       /* in an inbox, or among free stacks */
    struct lc__loop *loop;        /* where it runs; changes only while the fiber is NEW */
    void (*run)(void *arg);
    void *arg;
    int64_t born;                  /* since when the backlog exists that it has joined */
    struct lc_thread_group *group; /* the threads it may run on; NULL: any */
    atomic_uchar state;            /* enum lc__fiber_state, for readers */
    bool finishing;                /* it does nothing but end: lc__fiber_finishing */
    struct lc__stack stack;
    TAILQ_ENTRY(lc__fiber) free; /* stack.c: of a free stack */
    struct lc__sanitizer_stack sanitizer;
    struct lc__simulated_fiber *simulated; /* simulated_executor.c */
    /* The fiber calls it before it waits, yields or ends. NULL: nothing to do. */
    void (*leaves)(struct lc__fiber *fiber);
    _Atomic(struct lc__job *) job; /* the job that it runs; NULL: none. job_fiber.c */
    /* In words, so that a thread may read it while another writes: see lc__fiber_copy_name. */
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

/* Meant for LC__ASSERT, by the thread that the fiber belongs to. */
static inline bool lc__fiber_is_in(const struct lc__fiber *fiber, enum lc__fiber_state state)
{
    return atomic_load_explicit(&fiber->state, memory_order_relaxed) == state;
}

/* Copies the name, which is cut at LC_NAME_MAX. */
void lc__fiber_set_name(struct lc__fiber *fiber, const char *name);
/* By the fiber's own thread, or while the fiber is known to live. */
const char *lc__fiber_name(const struct lc__fiber *fiber);
/*
 * Copies the name of the fiber, or of the job that it runs, from any thread, also while the fiber
 * ends: then it may be any mixture of names. Room for LC_NAME_MAX + 1.
 */
void lc__fiber_copy_name(const struct lc__fiber *fiber, char *name);

#endif
