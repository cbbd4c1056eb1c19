/*
 * events.h (internal): what the supervisor says to its service. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_EVENTS_H
#define LIFECYCLE_SERVICE_EVENTS_H

#include "service/state.h"

void lc__service_take_events(struct lc__service *service);
/* It is over, which tells the same as the events, of which some may have been lost. */
void lc__service_take_result(struct lc__service *service);
void lc__service_follow_events(struct lc__service *service);
/* What has been given up, and a reload that has failed, are part of the status. */
void lc__service_report_running(struct lc__service *service);

#endif
