/*
 * simulated_executor.h: the executor of a simulation: one thread that runs its fibers in an order
 * that follows from the seed. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_SIMULATED_EXECUTOR_H
#define LIFECYCLE_EXECUTOR_SIMULATED_EXECUTOR_H

#include "executor/simulation.h"

/* A run begins: its steps are counted from 0. */
void lc__simulation_begin(struct lc__simulation *simulation);
/* The error that a run returns: the verdict, or else `result`, which is taken over. */
lc_error *lc__simulation_verdict(struct lc__simulation *simulation, lc_error *result);
/* Whether it may be freed. Logs what still refers to it. */
bool lc__simulation_is_over(struct lc__simulation *simulation);
/* Frees it, and loses the workers that are left. */
void lc__simulation_end(struct lc__simulation *simulation);

#endif
