/*
 * executor.h: the world that a worker runs in: its name, its random generator. Executors that run
 * fibers, and the simulated one, will be found here.
 */
#ifndef LIFECYCLE_EXECUTOR_H
#define LIFECYCLE_EXECUTOR_H

#include <lifecycle/api.h>

LC_BEGIN_DECLARATIONS

/**
 * The name of the calling worker; "" in a thread that the library did not make. Lives as long as
 * the worker.
 */
LC_API const char *lc_worker_name(void);

/** A random number from the thread's generator, which is not for secrets. */
LC_API uint64_t lc_random(void);
/** A random number from 0 to `bound` - 1, each as likely; 0 for a bound of 0. */
LC_API uint64_t lc_random_below(uint64_t bound);

LC_END_DECLARATIONS

#endif
