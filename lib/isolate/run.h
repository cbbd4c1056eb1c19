/*
 * run.h (internal): running an isolate. Floor 6. See run.c.
 */
#ifndef LIFECYCLE_ISOLATE_RUN_H
#define LIFECYCLE_ISOLATE_RUN_H

#include "isolate/record.h"

/* What the executor calls when an isolate has something to do. */
extern const struct lc__job_kind lc__isolate_job_kind;

/*
 * The message that is being handled by a run that will not go on, whose stack is lost: its caller's.
 * NULL: there is none. Under the lock.
 */
lc_message *lc__isolate_in_hand(const struct lc__isolate *isolate);

#endif
