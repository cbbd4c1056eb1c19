/*
 * options.h (internal): the options of a service. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_OPTIONS_H
#define LIFECYCLE_SERVICE_OPTIONS_H

#include <lifecycle/service.h>

/* `options` is to be let go of, whatever is returned: it may have a supervisor. */
lc_error *lc__service_options_read(lc_service_options *options, const lc_service_options *given);

#endif
