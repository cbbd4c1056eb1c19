/*
 * engine_end.h: how everything is stopped, and what it ends with. Floor 5, for the files of the
 * engine.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_END_H
#define LIFECYCLE_SUPERVISE_ENGINE_END_H

#include "supervise/engine_state.h"

/* Stops everything because of `why`, which is taken over; NULL: for no error. */
void lc__engine_end_all(struct lc__engine *engine, lc_error *why, lc_behavior behavior);
/* Everything is over: makes the result. */
void lc__engine_conclude(struct lc__engine *engine);

#endif
