/*
 * reloads.h (internal): when `configure` is called, and what its result leads to. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_RELOADS_H
#define LIFECYCLE_SERVICE_RELOADS_H

#include "service/state.h"

void lc__service_start_supervisor(struct lc__service *service);
/* Begins a reload if one is wanted and the service is running. */
void lc__service_begin_reload(struct lc__service *service);
/* Ends the reload, or the first call of `configure`, if it has returned. */
void lc__service_end_reload(struct lc__service *service);

#endif
