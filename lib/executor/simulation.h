/*
 * simulation.h (internal): the world of a simulated executor: its clock, its faults, and what other
 * files keep in it. simulated_executor.h runs its fibers. See <lifecycle/simulate.h>. Floor 1.
 *
 * One thread runs a simulation, and calls all of these functions: nothing here has a lock.
 */
#ifndef LIFECYCLE_EXECUTOR_SIMULATION_H
#define LIFECYCLE_EXECUTOR_SIMULATION_H

#include "base/clock.h"
#include "base/log_repeated.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/task.h"
#include "executor/simulated_net.h"
#include "executor/timer_queue.h"

#include <lifecycle/manager.h>
#include <lifecycle/simulate.h>

#include <bsd/sys/queue.h>

struct lc__fiber;

/* What a fiber of a simulation has beside its control block. */
struct lc__simulated_fiber {
    TAILQ_ENTRY(lc__simulated_fiber) link; /* in `live` */
    struct lc__fiber *fiber;
    struct lc__timer late; /* ends the delay of a wake-up */
};

/* A worker that ran in the last steps before the limit. */
struct lc__busy_worker {
    char name[LC_NAME_MAX + 1];
    uint64_t steps;
};

enum {
    LC__LAST_STEPS = 4096,     /* before the limit: their workers are counted */
    LC__BUSY_WORKERS_MAX = 16, /* how many workers are counted */
};

/* The real descriptors that its fibers wait for, in the order in which the waits began. */
struct lc__simulated_watch;
struct lc__simulated_fds {
    TAILQ_HEAD(lc__simulated_watches, lc__simulated_watch) watches;
};

struct lc__simulation {
    struct lc__clock clock; /* first */
    struct lc__timers timers;
    struct lc__timers late; /* of delayed wake-ups; armed also under the lock of `timers` */
    int64_t now;
    lc_simulation_options options;
    lc_executor *executor;
    struct lc__random order;  /* which fiber runs next */
    struct lc__random own;    /* the program's */
    struct lc__random chance; /* delays and early wake-ups */
    struct lc__random luck;   /* allocations */
    struct lc__faults faults;
    bool quiet; /* the faults are off */
    uint64_t steps;
    struct lc__busy_worker busy[LC__BUSY_WORKERS_MAX];
    uint64_t caught;
    lc_error *verdict; /* why the run was broken off; NULL: it was not */

    /* simulated_executor.c: its fibers. */
    struct lc__fiber **ready; /* room for all that live */
    size_t ready_count;
    size_t room;
    TAILQ_HEAD(, lc__simulated_fiber) live; /* in the order in which they were made */
    size_t live_count;
    struct lc__simulated_fds fds;
    struct lc__simulated_net net;
    struct lc__log_repeated scarcity;
};

/*
 * Reads options of any size, and fills in the defaults. @return NULL, or -EINVAL that names the
 * option.
 */
lc_error *lc__simulation_read_options(lc_simulation_options *options,
                                      const lc_simulation_options *given);
/* A world with nothing in it; NULL: no memory. */
struct lc__simulation *lc__simulation_new(const lc_simulation_options *options);
/* Calls the functions that lc__simulation_at_end was given. */
void lc__simulation_forget(struct lc__simulation *simulation);
/* Frees a world of which nothing is left. */
void lc__simulation_free(struct lc__simulation *simulation);
/* Gives a task the clock, the generator and the faults of this world. */
void lc__simulation_adopt(struct lc__simulation *simulation, struct lc__task *task);
/* Chooses one of `count` things: a number below it. */
size_t lc__simulation_choose(struct lc__simulation *simulation, size_t count);
/* True one time in `number`, at random; 0: never. */
bool lc__simulation_strikes(struct lc__simulation *simulation, unsigned number);
/* Whether a wait ends at once, without a reason. */
bool lc__simulation_wakes_early(struct lc__simulation *simulation);

/* How many of `size` bytes a read or a write moves: at least 1, often all. */
size_t lc__simulation_part(struct lc__simulation *simulation, size_t size);
/* The addresses of its sockets. */
struct lc__simulated_net *lc__simulation_net(struct lc__simulation *simulation);
/* The log lines about a lack of descriptors. */
struct lc__log_repeated *lc__simulation_scarcity(struct lc__simulation *simulation);

/* ---- process signals: signals.c ---- */

/* The signals delivered in this world so far, one bit each. */
uint64_t *lc__simulation_caught(struct lc__simulation *simulation);
/* From now on calls `forget` for each simulation before it is freed. From any thread. */
void lc__simulation_at_end(void (*forget)(struct lc__simulation *simulation));

#endif
