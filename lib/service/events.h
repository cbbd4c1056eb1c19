/*
 * events.h (internal): what the service does after an event of its supervisor. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_EVENTS_H
#define LIFECYCLE_SERVICE_EVENTS_H

#include "service/state.h"

/* Reads the supervisor's events into the service's state. */
void lc__service_take_events(struct lc__service *service);
/* Reads the result of the supervisor, which is done: an event that says the same may be lost. */
void lc__service_take_result(struct lc__service *service);
/* Becomes ready, begins a stop or a halt, or updates the status, as the state now asks for. */
void lc__service_follow_events(struct lc__service *service);
/* Shows "ready" as the status, with the nodes that have stopped for good and a failed reload. */
void lc__service_report_running(struct lc__service *service);

#endif
