/*
 * control.h (internal): the stop of an isolate by its component. Floor 6. See control.c.
 */
#ifndef LIFECYCLE_ISOLATE_CONTROL_H
#define LIFECYCLE_ISOLATE_CONTROL_H

#include <lifecycle/isolate.h>

/* Kills the isolate before its next event, and ends its holds. @return as lc_isolate_kill(). */
int lc__isolate_stop(lc_isolate isolate);

#endif
