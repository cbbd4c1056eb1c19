/*
 * control.h (internal): stopping an isolate from inside the library. Floor 6. See control.c.
 */
#ifndef LIFECYCLE_ISOLATE_CONTROL_H
#define LIFECYCLE_ISOLATE_CONTROL_H

#include <lifecycle/isolate.h>

/* Kills it before its next event, and ends its holds; as lc_isolate_kill. */
int lc__isolate_stop(lc_isolate isolate);

#endif
