/*
 * loop.h: the record of one thread of an executor, its queues of fibers, and the table of what an
 * executor and a simulation do differently. fiber_switch.h runs the fibers. loop_run.h is what the
 * thread does between them. Floor 1, and of it only the files of the executor.
 *
 * "The loop's thread" is the thread that is in the loop. A loop without one is used by any thread
 * that holds the executor's lock, and a simulation's loop by the one thread of the simulation.
 */
#ifndef LIFECYCLE_EXECUTOR_LOOP_H
#define LIFECYCLE_EXECUTOR_LOOP_H

#include "base/assert.h"
#include "base/cache.h"
#include "base/spin.h"
#include "executor/fiber.h"
#include "executor/job_queue.h"
#include "executor/parker.h"
#include "executor/timer_queue.h"

#include <pthread.h>
#include <stdatomic.h>

struct lc__loop;

/*
 * What the threads of an executor (executor_loop.c) and a simulation (simulated_executor.c) do
 * differently. The loop's thread calls these functions, but for `call_help`.
 */
struct lc__loop_operations {
    /* No fiber is in the ready queue. @return the fiber that runs next; NULL: none can now. */
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
    /* Makes ready the fibers that timers, descriptors and other threads have woken. */
    void (*look_around)(struct lc__loop *loop);
    /* Gets work from other loops. @return whether there was any. */
    bool (*find_work)(struct lc__loop *loop);
    /*
     * There is nothing to run: sleeps, or moves the clock. `seen` is the count of the parker before
     * the thread looked around; `served` is false if a fiber that is needed could not be made.
     * @return false if the thread leaves the loop, which may then be another thread's already.
     */
    bool (*idle)(struct lc__loop *loop, unsigned seen, bool served);
    /* Work waits for a thread that will not come soon: see lc__executor_call_help. */
    void (*call_help)(struct lc__loop *loop, bool add);
    unsigned stacks_kept; /* how many free stacks the thread keeps to itself */
};

/* What the monitor has seen of a loop. Of the monitor's thread. */
struct lc__stall {
    uint64_t switches;
    int64_t since;  /* when that number was first seen unchanged; 0: it has changed */
    int64_t queued; /* how long the loop's thread had waited for a processor by then */
    bool told;      /* the stall is in the log */
};

/* Descriptors that fibers of this thread wait for: poller.c. Of the loop's thread. */
struct lc__poller {
    int epoll;         /* -1: not made yet */
    unsigned watching; /* how many waits of fibers there are */
};

/* Timers that have come due and wait for the call of their `fire`: due.c. Of the loop's thread. */
struct lc__due {
    struct lc__timer *first; /* linked by `next_due` */
    struct lc__timer *last;
    struct lc__fiber *firer; /* the fiber that calls them, one after the other; NULL: none */
    bool firer_starting;     /* a fiber has been made, and has not begun */
    unsigned refused;        /* how often in a row there was no memory for a firer */
    atomic_size_t count;     /* other threads read it */
};

/* The fiber that runs the loop's jobs, one after the other: job_fiber.c. Of the loop's thread. */
struct lc__job_fiber {
    struct lc__fiber *fiber; /* NULL: none */
    bool starting;           /* a fiber has been made, and has not begun */
    int64_t tick;            /* the time at the last job */
    unsigned slice;          /* how many more jobs it runs before fibers have their turn */
    unsigned turn;           /* counts the jobs */
};

struct lc__loop {
    /* Of the loop's thread. */
    struct lc__fiber_queue ready;
    struct lc__fiber *cached; /* free stacks of the default size, the warmest first */
    unsigned cached_count;
    unsigned cached_unused;  /* how many of them have not been used since the last trim */
    int64_t trim_at;         /* when to trim again; 0: there is no excess */
    unsigned budget;         /* how many more fibers run before the thread looks around */
    void *sp;                /* the thread's own stack, on which it looks around */
    void (*call)(void *arg); /* what the running fiber calls on that stack: lc__loop_call */
    void *call_arg;
    struct lc__fiber *ended; /* has ended, while its stack was still in use */
    struct lc__task *thread_task;
    struct lc__job_fiber job_fiber;
    struct lc__due due;
    struct lc__cache cache;
    int64_t now;         /* the time when the thread last looked at the clock */
    int64_t stays_until; /* the thread does not ask before then whether it may leave */
    struct lc__poller poller;
    struct lc__sanitizer_stack sanitizer;
    size_t finishing; /* fibers that have begun and do nothing but end */

    /* Written by the loop's thread; other threads read. */
    _Atomic(struct lc__fiber *) current;
    atomic_uint_least64_t switches; /* grows with each switch; see stall.c */
    atomic_size_t working;          /* fibers that have begun, but those that are finishing */
    atomic_bool asleep;             /* the thread would have time for work of other loops */

    /* Of all threads. */
    struct lc__timers timers;
    struct lc__job_queue jobs;
    _Atomic(struct lc__fiber *) inbox; /* fibers of this loop, woken by others; a stack */
    atomic_uint wakers;   /* threads that may still touch this loop: it is not freed under them */
    atomic_uint bookings; /* threads about to put work here: the loop's thread does not leave */
    struct lc__parker parker;
    struct lc__spinlock fresh_lock;
    struct lc__fiber_queue fresh; /* fibers that have not started; under fresh_lock */
    int64_t fresh_since;          /* when it was last empty; under fresh_lock, with > 1 threads */
    atomic_size_t fresh_count;    /* written under fresh_lock */
    struct lc__stall stall;

    /* Unchanging while the loop is in use. */
    const struct lc__loop_operations *operations;
    lc_executor *executor;
    unsigned index;
    unsigned threads;                  /* how many the executor has */
    struct lc__simulation *simulation; /* the world is this one; NULL: the real one */

    /* Under the executor's lock. */
    atomic_int thread_id; /* as the system counts; the thread writes it when it comes, without
                             the lock; others read it */
    atomic_bool running;  /* a thread is in the loop; other threads read it */
    struct lc__loop_thread *thread; /* was made for the loop and has not left: executor.h */
    bool guest;                     /* the thread in the loop is the program's: executor_run.c */
    struct lc__loop *next_spare;    /* executor.c */
};

/* The loop of the calling thread; NULL: it is in none. */
extern _Thread_local struct lc__loop *lc__loop_of_thread __attribute__((tls_model("initial-exec")));

/* Where a loop is. */
struct lc__loop_place {
    lc_executor *executor;
    unsigned index;
    unsigned threads;
    const struct lc__loop_operations *operations;
    struct lc__simulation *simulation;
};
/* Makes the loop an empty one of this place. Its timers have been initialised, and are kept. */
void lc__loop_init(struct lc__loop *loop, const struct lc__loop_place *place);
/* Wakes the loop's thread if it sleeps. From any thread, and in signal handlers. */
void lc__loop_poke(struct lc__loop *loop);
/* Whether the loop has nothing to run, now or later, but timers. Exact if no thread adds work. */
bool lc__loop_is_empty(struct lc__loop *loop);
/* How many fibers have begun and not ended. */
size_t lc__loop_has_begun(struct lc__loop *loop);

/* Whether fibers run in the order in which they became ready. */
static inline bool lc__loop_is_in_order(const struct lc__loop *loop)
{
    return !loop->operations->became_ready;
}

/* Whether the caller may touch the fields of the loop's thread. */
static inline bool lc__loop_is_here(const struct lc__loop *loop)
{
    return loop == lc__loop_of_thread || loop->simulation;
}

/*
 * Adds to a counter that one thread writes at a time: no locked instruction is needed. Release: a
 * fiber that goes from one counter to another is added there first, so a thread that reads both in
 * the order of a fiber's life misses no fiber.
 */
static inline void lc__loop_count(atomic_size_t *counter, size_t by)
{
    size_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + by, memory_order_release);
}

/* ---- ready fibers; by the loop's thread ---- */

/* Takes the first fiber out of the ready queue; NULL: it is empty. */
LC__OF_ITS_THREAD
static inline struct lc__fiber *lc__loop_shift_ready(struct lc__loop *loop)
{
    LC__ASSERT(lc__loop_is_here(loop));
    struct lc__fiber *fiber = STAILQ_FIRST(&loop->ready);
    if (fiber)
        STAILQ_REMOVE_HEAD(&loop->ready, link);
    return fiber;
}

/* The fiber, which belongs to the loop and is in no queue, may run from now on. */
LC__OF_ITS_THREAD
static inline void lc__loop_make_ready(struct lc__loop *loop, struct lc__fiber *fiber)
{
    LC__ASSERT(lc__loop_is_here(loop) && fiber->loop == loop);
    LC__ASSERT(!lc__fiber_is_in(fiber, LC__FIBER_FREE) && !lc__fiber_is_in(fiber, LC__FIBER_READY));
    lc__fiber_set_state(fiber, LC__FIBER_READY);
    if (loop->operations->became_ready)
        loop->operations->became_ready(loop, fiber);
    else
        STAILQ_INSERT_TAIL(&loop->ready, fiber, link);
}

/* ---- fibers that other threads wake ---- */

/* Puts a fiber of the loop into its inbox. From any thread, and in signal handlers. */
void lc__loop_push_inbox(struct lc__loop *loop, struct lc__fiber *fiber);
/* Makes the fibers of the inbox ready. By the loop's thread. */
void lc__loop_empty_inbox(struct lc__loop *loop);

/* ---- fibers that have not started ---- */

/* From here on the fiber belongs to the loop's thread, which calls. */
void lc__loop_begin(struct lc__loop *loop, struct lc__fiber *fiber);
/* Begins a fiber that must not go to another loop. By the loop's thread. */
void lc__loop_adopt(struct lc__loop *loop, struct lc__fiber *fiber);
/*
 * Puts a new fiber where it waits for its start. By a thread that has booked, or the loop's thread.
 */
void lc__loop_add_fresh(struct lc__loop *loop, struct lc__fiber *fiber);
/* Takes the first; NULL: there is none. By the loop's thread. */
struct lc__fiber *lc__loop_take_fresh(struct lc__loop *loop);

/* How old a backlog must be before another thread takes work from it. */
#define LC__FRESH_AGE (200 * LC_MICROSECOND)
/*
 * Moves some aged fibers that have not started from one loop to another. By the thief's thread.
 * @return whether there were any.
 */
bool lc__loop_steal(struct lc__loop *thief, struct lc__loop *victim, int64_t now);
/*
 * Whether fibers have waited for their start so long that it is worth to wake another thread. By
 * the loop's thread.
 */
bool lc__loop_has_aged_backlog(struct lc__loop *loop);

#endif
