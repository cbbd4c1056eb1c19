/*
 * engine_restart.h: how long a node pauses before a restart, and how many restarts are too many.
 * Floor 5, for the files of the engine.
 */
#ifndef LIFECYCLE_SUPERVISE_ENGINE_RESTART_H
#define LIFECYCLE_SUPERVISE_ENGINE_RESTART_H

#include "supervise/engine_state.h"

/* Draws the pause before the restart that is due now. */
int64_t lc__engine_draw_pause(struct lc__engine *engine, struct lc__engine_node *node);
/* Counts a restart. @return false if it is one too many. */
bool lc__engine_count_restart(struct lc__engine *engine, struct lc__engine_node *node);
/* Logs that there were too many restarts, and returns an error that says so around the node's. */
lc_error *lc__engine_exceeded(struct lc__engine *engine, struct lc__engine_node *node);
/* Begins the pause that was drawn. */
void lc__engine_back_off(struct lc__engine *engine, struct lc__engine_node *node);

#endif
