/*
 * seeds.h: one test in very many simulations, a seed each, until one fails: then the seed is
 * printed, with how to run it alone.
 */
#ifndef LIFECYCLE_TESTS_SEEDS_H
#define LIFECYCLE_TESTS_SEEDS_H

#include <stdint.h>

/**
 * Calls `run(arg, seed)` for 1,000 seeds from check_seed() on (10,000 in the long run, fewer under
 * a sanitizer, as many as LC_CHECK_SEEDS says), or until an assertion has failed. Each call is to
 * leave the library with as much memory as it found. What is logged goes nowhere, unless there is
 * but one seed.
 */
void check_seeds(void (*run)(const void *arg, uint64_t seed), const void *arg);
/**
 * The same with a quarter of the seeds, for worlds of a hundred fibers: each has many orders in it.
 */
void check_seeds_large(void (*run)(const void *arg, uint64_t seed), const void *arg);

#endif
