/*
 * halting.h (internal): a service that halts. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_HALTING_H
#define LIFECYCLE_SERVICE_HALTING_H

#include "service/state.h"

/* Halts until SIGTERM. @return the exit status. */
int lc__service_halt(struct lc__service *service, const lc_error *why);

#endif
