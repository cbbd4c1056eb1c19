/*
 * listeners.h (internal): the ports that get an isolate's errors. Floor 6. The listeners of its end
 * are in listeners.c too, and need no function here.
 */
#ifndef LIFECYCLE_ISOLATE_LISTENERS_H
#define LIFECYCLE_ISOLATE_LISTENERS_H

#include "isolate/record.h"

/* Takes a reference, under the isolate's lock. NULL is allowed. */
struct lc__error_listeners *lc__error_listeners_ref(struct lc__error_listeners *listeners);
/* NULL is allowed. */
void lc__error_listeners_unref(struct lc__error_listeners *listeners);

#endif
