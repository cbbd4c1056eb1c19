/*
 * simulation_report.h: why a run was broken off: the errors that name its workers. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_SIMULATION_REPORT_H
#define LIFECYCLE_EXECUTOR_SIMULATION_REPORT_H

#include "executor/simulation.h"

/* One of the last steps is this fiber's. Those of workers beyond the first few are not counted. */
void lc__simulation_count_step(struct lc__simulation *simulation, const struct lc__fiber *fiber);
/* Sets the verdict: the run did not end in its number of steps. */
void lc__simulation_report_endless(struct lc__simulation *simulation);
/* Sets the verdict: nothing will wake what is left. */
void lc__simulation_report_deadlock(struct lc__simulation *simulation);

#endif
