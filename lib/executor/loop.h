/*
 * loop.h: the record of one thread of an executor, and its queues of fibers. fiber_switch.h runs
 * the fibers; loop_run.h is what the thread does between them. Floor 1, and of it only the files of
 * the executor.
 */
#ifndef LIFECYCLE_EXECUTOR_LOOP_H
#define LIFECYCLE_EXECUTOR_LOOP_H

#include "base/cache.h"
#include "base/spin.h"
#include "executor/fiber.h"
#include "executor/job_queue.h"
#include "executor/parker.h"
#include "executor/timer_queue.h"

#include <pthread.h>
#include <stdatomic.h>

/* What the monitor has seen of a loop; its thread's alone. */
struct lc__stall {
    uint64_t switches;
    int64_t since;  /* when that number was seen to stand still; 0: it was not */
    int64_t queued; /* how long the thread had waited for a processor by then */
    bool told;      /* the stall is in the log */
};

/* Descriptors that fibers of this thread wait for: poller.c. Used by that thread only. */
struct lc__poller {
    int epoll;         /* -1: not made yet */
    unsigned watching; /* how many waits of fibers there are */
};

/* Timers that have fallen due and whose `fire` has not been called yet: due.c. */
struct lc__due {
    unsigned refused;        /* how often in a row there was no memory for a firer */
    struct lc__timer *first; /* linked by `next_due` */
    struct lc__timer *last;
    struct lc__fiber *firer; /* the fiber that calls them, one after the other; NULL: none */
    bool firer_starting;     /* one has been made, and has not begun */
    atomic_size_t count;     /* others read it, to tell */
};

/* The fiber that runs the loop's jobs, one after the other: job_fiber.c. */
struct lc__job_fiber {
    struct lc__fiber *fiber; /* NULL: none */
    bool starting;           /* one has been made, and has not begun */
    int64_t tick;            /* as of the last job */
    unsigned slice;          /* how many more it may run before it lets fibers run */
    unsigned turn;           /* how many it has run */
};

/*
 * What the threads of an executor and a simulation do differently: executor_loop.c and
 * simulated_executor.c. By the loop's thread, but for `call_help`.
 */
struct lc__loop_operations {
    /* No fiber is in the ready queue. @return the one that runs next; NULL: none can, now. */
    struct lc__fiber *(*pick)(struct lc__loop *loop);
    /*
     * The fiber, perhaps a new one, may run from now on. NULL: a new fiber waits in `fresh`, and
     * fibers run in the order in which they became ready.
     */
    void (*became_ready)(struct lc__loop *loop, struct lc__fiber *fiber);
    /* A fiber has been made. NULL: nothing to do. @return 0, -ENOMEM. */
    int (*admit)(struct lc__loop *loop, struct lc__fiber *fiber);
    /* The calling fiber will not run again. NULL: nothing to do. */
    void (*ended)(struct lc__loop *loop, struct lc__fiber *fiber);
    /* Makes ready what timers, descriptors and other threads have for the loop. */
    void (*look_around)(struct lc__loop *loop);
    /* Gets work from other loops. @return whether there was any. */
    bool (*find_work)(struct lc__loop *loop);
    /*
     * There is nothing to run: sleeps, or moves the clock. `seen` is the count of the parker before
     * the loop was looked at; `served` is false if there was no memory for a fiber that is needed.
     * @return false if the thread leaves the loop.
     */
    bool (*idle)(struct lc__loop *loop, unsigned seen, bool served);
    /* Fibers wait for a thread that will not soon come to them: see lc__executor_call_help. */
    void (*call_help)(struct lc__loop *loop, bool add);
    unsigned stacks_kept; /* how many free stacks the thread keeps to itself */
};

/*
 * Fibers that have started belong to one loop for good, and only its thread touches its ready
 * queue. Others hand over what they wake through the inbox. Fibers that have not started lie in
 * `fresh`, where other threads may take them.
 */
struct lc__loop {
    /* Its thread's alone. */
    struct lc__fiber_queue ready;
    struct lc__fiber *cached; /* free stacks of the default size, the warmest first */
    unsigned cached_count;
    unsigned cached_unused;  /* so many of them have not been used since it was last looked at */
    int64_t trim_at;         /* when it is to be looked at again; 0: there is no excess */
    unsigned budget;         /* how many more may run before the next look around */
    void *sp;                /* the thread's own stack, on which it looks around */
    void (*call)(void *arg); /* what the running fiber has called there: lc__loop_call */
    void *call_arg;
    struct lc__fiber *corpse; /* has ended, but its stack was still stood on */
    struct lc__task *thread_task;
    struct lc__job_fiber job_fiber;
    struct lc__due due;
    struct lc__cache cache;
    int64_t now;         /* as of the last look at the clock */
    int64_t stays_until; /* so long it does not ask again whether it may leave; 0: it has not */
    struct lc__poller poller;
    struct lc__sanitizer_stack sanitizer;

    /* Its thread's; others read them, to tell. */
    _Atomic(struct lc__fiber *) current;
    atomic_uint_least64_t switches; /* grows with each switch; see monitor.c */
    atomic_size_t working;          /* fibers that have begun, but those that are finishing */
    size_t finishing;               /* fibers that will do nothing but end; its thread's alone */

    /* Everybody's. */
    struct lc__timers timers;
    struct lc__job_queue jobs;
    _Atomic(struct lc__fiber *) inbox; /* started fibers of this loop, woken by others; a stack */
    atomic_uint wakers;                /* those that may still touch this loop after a push */
    /* Those that are about to put a fresh fiber here: the thread must not leave meanwhile. */
    atomic_uint bookings;
    struct lc__parker parker;
    struct lc__spinlock fresh_lock;
    struct lc__fiber_queue fresh; /* under its lock, as the next */
    int64_t fresh_since;          /* when it was last empty; not told where nobody could help */
    atomic_size_t fresh_count;
    atomic_bool asleep; /* it would have time for work of others */
    struct lc__stall stall;

    /* Unchanging while the loop is in use. */
    const struct lc__loop_operations *operations;
    lc_executor *executor;
    unsigned index;
    unsigned threads;                  /* how many the executor has */
    struct lc__simulation *simulation; /* the world is this one; NULL: the real one */

    /* Under the executor's lock. */
    atomic_int thread_id; /* as the system counts; monitor.c */
    atomic_bool running;  /* a thread is in it; those that hand something over only look */
    struct lc__loop_thread *thread; /* that was made for it and has not left; executor.h */
    bool guest;                     /* the thread in it is not ours: lc_executor_run */
    struct lc__loop *next_spare;    /* executor.c */
};

/* The loop of the calling thread, or NULL. */
extern _Thread_local struct lc__loop *lc__loop_of_thread __attribute__((tls_model("initial-exec")));

/* Makes it one of this executor, with nothing in it. */
struct lc__loop_place {
    lc_executor *executor;
    unsigned index;
    unsigned threads;
    const struct lc__loop_operations *operations;
    struct lc__simulation *simulation;
};
void lc__loop_init(struct lc__loop *loop, const struct lc__loop_place *place);
/* Wakes its thread if it sleeps. From any thread, and signal handlers. */
void lc__loop_poke(struct lc__loop *loop);
/* Whether there is anything that would have to be run; by its thread, exact if nobody adds. */
bool lc__loop_is_empty(struct lc__loop *loop);
/* How many fibers have begun and not ended. By its thread. */
size_t lc__loop_has_begun(struct lc__loop *loop);

/* Whether ready fibers run in the order in which they became ready. */
static inline bool lc__loop_is_in_order(const struct lc__loop *loop)
{
    return !loop->operations->became_ready;
}

/*
 * Whether the caller may touch what is the loop's thread's alone: it is that thread, or the loop is
 * a simulation's, which no other thread runs.
 */
static inline bool lc__loop_is_here(const struct lc__loop *loop)
{
    return loop == lc__loop_of_thread || loop->simulation;
}

/* ---- fibers that are ready; by the loop's thread ---- */

/*
 * Counters that one thread writes at a time, by a lock or for good: no locked step is needed.
 * Release: a fiber that goes from one to the other is counted in one of them at least.
 */
static inline void lc__loop_count(atomic_size_t *counter, size_t by)
{
    size_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + by, memory_order_release);
}

/* NULL: none is ready. */
LC__OF_ITS_THREAD
static inline struct lc__fiber *lc__loop_shift_ready(struct lc__loop *loop)
{
    struct lc__fiber *fiber = STAILQ_FIRST(&loop->ready);
    if (fiber)
        STAILQ_REMOVE_HEAD(&loop->ready, link);
    return fiber;
}

/* The fiber may run from now on. */
LC__OF_ITS_THREAD
static inline void lc__loop_make_ready(struct lc__loop *loop, struct lc__fiber *fiber)
{
    lc__fiber_set_state(fiber, LC__FIBER_READY);
    if (loop->operations->became_ready)
        loop->operations->became_ready(loop, fiber);
    else
        STAILQ_INSERT_TAIL(&loop->ready, fiber, link);
}

/* ---- fibers that other threads wake ---- */

/*
 * By another thread, or in a signal handler: what the loop's thread is just doing is not touched.
 */
void lc__loop_push_inbox(struct lc__loop *loop, struct lc__fiber *fiber);
/* Makes them ready. By the loop's thread. */
void lc__loop_empty_inbox(struct lc__loop *loop);

/* ---- fibers that have not started ---- */

/* From here on the fiber belongs to this thread, which calls. */
void lc__loop_begin(struct lc__loop *loop, struct lc__fiber *fiber);
/*
 * Takes over a guest's main fiber, which may not go to another thread; the loop's thread calls it.
 */
void lc__loop_adopt(struct lc__loop *loop, struct lc__fiber *fiber);
/* Puts a new fiber where it waits for its start; from any thread. */
void lc__loop_add_fresh(struct lc__loop *loop, struct lc__fiber *fiber);
/* Takes the first; NULL: there is none. By the loop's thread. */
struct lc__fiber *lc__loop_take_fresh(struct lc__loop *loop);

/* How old a fiber that has not started must be before another thread may take it. */
#define LC__FRESH_AGE (200 * LC_MICROSECOND)
/* Takes aged fibers from another loop. @return whether there were any. */
bool lc__loop_steal(struct lc__loop *thief, struct lc__loop *victim, int64_t now);
/*
 * Whether what waits to be started has waited long enough for another thread to be worth its wake.
 */
bool lc__loop_has_aged_backlog(struct lc__loop *loop);

#endif
