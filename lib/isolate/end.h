/*
 * end.h (internal): how an isolate ends. Floor 6. See end.c.
 */
#ifndef LIFECYCLE_ISOLATE_END_H
#define LIFECYCLE_ISOLATE_END_H

#include "isolate/record.h"

/* Ends the isolate, which runs: after that it is another's. */
void lc__isolate_end(struct lc__isolate *isolate);
/* Ends an isolate that will not run again: nobody is told. */
void lc__isolate_end_unheard(struct lc__isolate *isolate);

#endif
