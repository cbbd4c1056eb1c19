/*
 * supervisor_start.h: makes a supervisor begin. Floor 5: supervisor_run.c, supervisor_make.c.
 */
#ifndef LIFECYCLE_SUPERVISE_SUPERVISOR_START_H
#define LIFECYCLE_SUPERVISE_SUPERVISOR_START_H

#include "supervise/supervisor.h"

/*
 * Starts the nodes below a context of their own below `above`. As a component it reports its error
 * to the signaler of `above`. @return NULL; -EALREADY, -ENOTSUP, -ENOMEM; why it is no graph.
 */
lc_error *lc__supervisor_start(lc_supervisor *supervisor, lc_context *above, bool is_component);

#endif
