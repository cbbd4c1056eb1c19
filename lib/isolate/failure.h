/*
 * failure.h (internal): errors that an isolate does not handle. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_FAILURE_H
#define LIFECYCLE_ISOLATE_FAILURE_H

#include "isolate/record.h"

/*
 * The running isolate has failed: tells the listeners; the error is taken over. @return false: it
 * has not, the error only answers the end of the isolate's context.
 */
bool lc__isolate_failed(struct lc__isolate *isolate, lc_error *error, bool thrown);

#endif
