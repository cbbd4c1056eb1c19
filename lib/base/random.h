/*
 * random.h: the generator of the calling thread. No other file of the library makes random numbers.
 * Floor 0.
 */
#ifndef LIFECYCLE_BASE_RANDOM_H
#define LIFECYCLE_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* xoshiro256**, by Blackman and Vigna: small, fast, and good enough for anything but secrets. */
struct lc__random {
    uint64_t state[4];
};

/* Fills the state from one number: the same seed, the same sequence. */
void lc__random_seed(struct lc__random *random, uint64_t seed);
uint64_t lc__random_next(struct lc__random *random);
/* 0 to bound - 1, all equally likely; 0 for a bound of 0. */
uint64_t lc__random_below(struct lc__random *random, uint64_t bound);

/*
 * Random bytes that cannot be guessed; in a simulation they follow from the seed. @return 0, or a
 * negative errno if the kernel has none: the bytes are then all zero.
 */
int lc__random_secret(void *bytes, size_t size);

/* The thread's generator: the one that was set, or its own, which the system has seeded. */
struct lc__random *lc__random_current(void);
/* Sets the thread's generator, which must outlive its use; NULL: the thread's own. */
void lc__random_set_current(struct lc__random *random);

#endif
