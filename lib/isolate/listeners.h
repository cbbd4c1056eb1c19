/*
 * listeners.h (internal): the ports that are told of an isolate's errors and of its end. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_LISTENERS_H
#define LIFECYCLE_ISOLATE_LISTENERS_H

#include "isolate/record.h"

/* A reference to the error listeners, or NULL; under the lock. */
struct lc__listeners *lc__listeners_ref(struct lc__listeners *listeners);
/* Gives a reference back. NULL is allowed. */
void lc__listeners_unref(struct lc__listeners *listeners);

#endif
