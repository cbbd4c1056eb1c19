/*
 * reloads.h (internal): when `configure` is called, and what follows from its result. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_RELOADS_H
#define LIFECYCLE_SERVICE_RELOADS_H

#include "service/state.h"

void lc__service_start_supervisor(struct lc__service *service);
void lc__service_begin_reload(struct lc__service *service);
void lc__service_end_reload(struct lc__service *service);

#endif
