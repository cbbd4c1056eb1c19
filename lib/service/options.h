/*
 * options.h (internal): the options of a service. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_OPTIONS_H
#define LIFECYCLE_SERVICE_OPTIONS_H

#include <lifecycle/service.h>

/*
 * Reads, checks and completes the options, and makes a supervisor of their nodes. The caller unrefs
 * options->supervisor whatever is returned. @return NULL, or what is wrong.
 */
lc_error *lc__service_options_read(lc_service_options *options, const lc_service_options *given);

#endif
