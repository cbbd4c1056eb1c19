/*
 * overseer.h (internal): the isolates of an executor. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_OVERSEER_H
#define LIFECYCLE_ISOLATE_OVERSEER_H

/* Tells the executors how to find and to drop their isolates. Before the first is bound. */
void lc__isolates_oversee(void);

#endif
