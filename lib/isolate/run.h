/*
 * run.h (internal): running an isolate. Floor 6. See run.c.
 */
#ifndef LIFECYCLE_ISOLATE_RUN_H
#define LIFECYCLE_ISOLATE_RUN_H

#include "isolate/record.h"

/* What the executor calls to run an isolate, and to name it. */
extern const struct lc__job_kind lc__isolate_job_kind;

/*
 * The message that a lost run was handling; the caller owns it then. Only for a simulation that was
 * broken off, under the lock. NULL: there is none.
 */
lc_message *lc__run_message(const struct lc__isolate *isolate);

#endif
