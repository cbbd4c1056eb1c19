/*
 * engine_end.h: the end of everything, and what comes of it. Floor 5, for the files of the engine.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_END_H
#define LIFECYCLE_SUPERVISE_ENGINE_END_H

#include "supervise/engine_state.h"

/* Everything is to stop, for that reason, taken over; NULL for none. */
void lc__engine_end_all(struct lc__engine *engine, lc_error *why, lc_behavior behavior);
/* Everything is over: makes what it has ended by. */
void lc__engine_conclude(struct lc__engine *engine);

#endif
