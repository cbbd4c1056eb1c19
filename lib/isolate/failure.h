/*
 * failure.h (internal): errors that an isolate does not handle. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_FAILURE_H
#define LIFECYCLE_ISOLATE_FAILURE_H

#include "isolate/record.h"

/*
 * Reports an error of the running isolate, which is the caller, to its listeners and to its
 * component; without them, to the log. Unless the isolate survives errors, it ends next. Takes the
 * error over. `thrown`: the report has a backtrace of the calling stack.
 * @return false: the error only answers the cancellation of the isolate's context; nothing is done.
 */
bool lc__isolate_failed(struct lc__isolate *isolate, lc_error *error, bool thrown);

#endif
