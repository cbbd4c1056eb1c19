/*
 * signals.h (internal): what a service does when it receives a signal. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_SIGNALS_H
#define LIFECYCLE_SERVICE_SIGNALS_H

#include "service/state.h"

void lc__service_take_signals(struct lc__service *service);

#endif
