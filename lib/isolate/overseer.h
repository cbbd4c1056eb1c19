/*
 * overseer.h (internal): what an executor asks about all isolates of it. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_OVERSEER_H
#define LIFECYCLE_ISOLATE_OVERSEER_H

/* Tells the executors how to name and to drop their isolates. Called before the first is bound. */
void lc__isolates_oversee(void);

#endif
