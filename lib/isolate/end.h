/*
 * end.h (internal): how an isolate ends. Floor 6. See end.c.
 */
#ifndef LIFECYCLE_ISOLATE_END_H
#define LIFECYCLE_ISOLATE_END_H

#include "isolate/record.h"

/* Ends the isolate that runs on this stack. The record is no longer this isolate afterwards. */
void lc__isolate_end(struct lc__isolate *isolate);
/* Ends an isolate of a simulation that was broken off. Its listeners are not told. */
void lc__isolate_end_unheard(struct lc__isolate *isolate);

#endif
