/*
 * simulated_executor.h: the executor of a simulation: one thread that runs its fibers in an order
 * that follows from the seed. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_SIMULATED_EXECUTOR_H
#define LIFECYCLE_EXECUTOR_SIMULATED_EXECUTOR_H

#include "executor/simulation.h"

/* A run begins: its steps are counted from 0. */
void lc__simulation_begin(struct lc__simulation *simulation);
/* What the run returns, `result` being what its function did; taken over. */
lc_error *lc__simulation_verdict(struct lc__simulation *simulation, lc_error *result);
/* Whether nothing refers to it any more; says in the log what does. */
bool lc__simulation_is_over(struct lc__simulation *simulation);
/* Frees it, with the workers that are left. */
void lc__simulation_end(struct lc__simulation *simulation);

#endif
