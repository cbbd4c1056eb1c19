/*
 * simulate.h (internal): what a test program of simulations needs besides lc_simulate(). Floor 5.
 */
#ifndef LIFECYCLE_SUPERVISE_SIMULATE_H
#define LIFECYCLE_SUPERVISE_SIMULATE_H

#include <lifecycle/simulate.h>

/*
 * Reads options of any size, checks them, and fills in the defaults. @return NULL, or an error
 * -EINVAL that names the option.
 */
lc_error *lc__simulate_read_options(lc_simulation_options *options,
                                    const lc_simulation_options *given);

#endif
