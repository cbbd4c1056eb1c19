/*
 * simulate.h (internal): what a test program of simulations needs beside lc_simulate. Floor 5.
 */
#ifndef LIFECYCLE_SUPERVISE_SIMULATE_H
#define LIFECYCLE_SUPERVISE_SIMULATE_H

#include <lifecycle/simulate.h>

/*
 * Reads options of any size, with the defaults filled in, and the test and the seeds looked at too.
 * @return NULL, or -EINVAL naming the option.
 */
lc_error *lc__simulate_read_options(lc_simulation_options *options,
                                    const lc_simulation_options *given);

#endif
