/*
 * supervisor_start.h: starts a supervisor. Floor 5: supervisor_run.c, supervisor_make.c.
 */
#ifndef LIFECYCLE_SUPERVISE_SUPERVISOR_START_H
#define LIFECYCLE_SUPERVISE_SUPERVISOR_START_H

#include "supervise/supervisor.h"

/*
 * Starts the supervisor, under a context of its own below `above`. A component reports its error to
 * the signaler of `above`.
 * @return NULL; -EALREADY, -ENOTSUP, -EAGAIN, -ENOMEM; or as lc__supervisor_check_graph().
 */
lc_error *lc__supervisor_start(lc_supervisor *supervisor, lc_context *above, bool is_component);

#endif
