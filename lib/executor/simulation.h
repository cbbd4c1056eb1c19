/*
 * simulation.h (internal): the world of a simulated executor: what runs next, what time it is, what
 * goes wrong. See <lifecycle/simulate.h>. Floor 1, and of it only the files of the executor; and
 * floor 2 for process signals.
 */
#ifndef LIFECYCLE_EXECUTOR_SIMULATION_H
#define LIFECYCLE_EXECUTOR_SIMULATION_H

#include "base/task.h"
#include "executor/simulated_fds.h"

#include <lifecycle/simulate.h>

#include <poll.h>

struct lc__fiber;
struct lc__log_repeated;
struct lc__loop;
struct lc__simulated_net;
struct lc__simulation;

/*
 * Reads options of any size, with the defaults filled in. @return NULL, or -EINVAL naming the
 * option.
 */
lc_error *lc__simulation_read_options(lc_simulation_options *options,
                                      const lc_simulation_options *given);
/* Gives a task of this world its clock, its generator, and its faults. */
void lc__simulation_adopt(struct lc__simulation *simulation, struct lc__task *task);
/* Counts a new fiber in. @return 0, -ENOMEM. */
int lc__simulation_admit(struct lc__simulation *simulation, struct lc__fiber *fiber);
/* The fiber will not run again. */
void lc__simulation_ended(struct lc__simulation *simulation, struct lc__fiber *fiber);

/* A run begins: its steps are counted anew. */
void lc__simulation_begin(struct lc__simulation *simulation);
/* The fiber may run from now on, or from a moment later. */
void lc__simulation_ready(struct lc__simulation *simulation, struct lc__fiber *fiber);
/* What runs next; NULL: nothing can, now. */
struct lc__fiber *lc__simulation_pick(struct lc__simulation *simulation);
/* One of `count` things that could be next: a number below it. */
size_t lc__simulation_choose(struct lc__simulation *simulation, size_t count);
/* Nothing can run: moves the clock to the next timer. @return false if the run is over. */
bool lc__simulation_advance(struct lc__simulation *simulation);
/* Whether a wait is to end now, for no reason. */
bool lc__simulation_wakes_early(struct lc__simulation *simulation);

/* ---- descriptors ---- */

/* What the source of the options says, or else poll(2) without waiting. */
int lc__simulation_poll(struct lc__simulation *simulation, struct pollfd *descriptors,
                        size_t count);
/*
 * A fiber is about to wait for a descriptor. If the world has no source, its waits are looked after
 * here, until the unwatch.
 */
void lc__simulation_watch(struct lc__simulation *simulation, struct lc__simulated_watch *watch,
                          struct lc__parker *parker, const struct pollfd *polled);
void lc__simulation_unwatch(struct lc__simulation *simulation, struct lc__simulated_watch *watch);
/* How many of so many bytes a read or a write is to move: 1 at least, often all. */
size_t lc__simulation_part(struct lc__simulation *simulation, size_t size);
/* The addresses that its sockets have. */
struct lc__simulated_net *lc__simulation_net(struct lc__simulation *simulation);
/* Lines of a lack of descriptors in this world. */
struct lc__log_repeated *lc__simulation_scarcity(struct lc__simulation *simulation);

/* What the run returns, `result` being what its function did; taken over. */
lc_error *lc__simulation_verdict(struct lc__simulation *simulation, lc_error *result);
/* Whether nothing refers to it any more; says in the log what does. */
bool lc__simulation_is_over(struct lc__simulation *simulation);
void lc__simulation_free(struct lc__simulation *simulation);

/* ---- process signals: signals.c ---- */

/* Those delivered in this world so far, a bit each. */
uint64_t *lc__simulation_caught(struct lc__simulation *simulation);
/* Has `forget` called for each simulation, from now on, before it is freed. */
void lc__simulation_at_end(void (*forget)(struct lc__simulation *simulation));

#endif
