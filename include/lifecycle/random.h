/*
 * random.h: random numbers for jitter, for a choice among several, for tests. They are not for
 * secrets.
 *
 * In a simulation they follow from the seed. Elsewhere each thread has its own generator, which the
 * kernel seeds. All calls are thread-safe and never wait.
 */
#ifndef LIFECYCLE_RANDOM_H
#define LIFECYCLE_RANDOM_H

#include <lifecycle/api.h>

LC_BEGIN_DECLARATIONS

/** A random number of 64 bits. */
LC_API uint64_t lc_random(void);
/** A random number from 0 to `bound` - 1, all equally likely; 0 for a bound of 0. */
LC_API uint64_t lc_random_below(uint64_t bound);

LC_END_DECLARATIONS

#endif
