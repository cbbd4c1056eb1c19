/*
 * simulation_report.h: the verdicts on a run that is broken off, which name its workers. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_SIMULATION_REPORT_H
#define LIFECYCLE_EXECUTOR_SIMULATION_REPORT_H

#include "executor/simulation.h"

/* Counts one of the last steps for this fiber, if it is among the first few workers counted. */
void lc__simulation_count_step(struct lc__simulation *simulation, const struct lc__fiber *fiber);
/* Sets the verdict: the run did not end in its number of steps. */
void lc__simulation_report_endless(struct lc__simulation *simulation);
/* Sets the verdict: nothing will wake the workers that are left. */
void lc__simulation_report_deadlock(struct lc__simulation *simulation);

#endif
