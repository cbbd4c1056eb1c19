/*
 * race.h: two threads call at the same moment, many times over, on one processor and on two.
 */
#ifndef LIFECYCLE_TESTS_RACE_H
#define LIFECYCLE_TESTS_RACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** A meeting point that is used once: all that have come go on together. Begin with zeros. */
struct race_gate {
    atomic_uint arrived;
};
/** Spins until `expected` threads have come. */
void race_meet(struct race_gate *gate, unsigned expected);

/**
 * A pause of a few hundred nanoseconds at most, another one each time, to sweep the moment of a
 * race.
 */
void race_stagger(uint64_t *random);

/**
 * Rounds of a race: race_stagger draws the pause of each side from 256 lengths, so the difference
 * of the two takes 511 values. 2,500 rounds meet each about five times, on one processor and on
 * two; and each run of the tests draws others. The long run has 100,000.
 */
#define RACE_ROUNDS check_count(2500, 100000)

/** A race: each round both sides run at once, each on a thread that lives as long as the race. */
struct race {
    void (*prepare)(void *arg); /**< on the caller's thread, before each round; may be NULL */
    void (*first)(void *arg);   /**< on the caller's thread */
    void (*second)(void *arg);  /**< on the other thread */
    bool (*judge)(
        void *arg); /**< on the caller's thread, after both: whether all was well; tidies up */
};

/**
 * Runs `rounds` rounds on one processor, then as many on two. A fiber that calls it runs the second
 * side in a helper, and in a simulation only one round, since each seed is one. @return of how many
 * rounds the judge returned false.
 */
unsigned race_run(const struct race *race, void *arg, unsigned rounds);

/** What runs the sides of a race in race_fibers. */
enum race_sides {
    RACE_FIBERS,          /**< two fibers, each on its thread */
    RACE_THREAD_AND_FIBER /**< the second is a fiber */
};
/** As race_run, with fibers that live as long as the race. Called by a thread. */
unsigned race_fibers(enum race_sides sides, const struct race *race, void *arg, unsigned rounds);

/**
 * For races with threads that come and go: calls `round(arg)` `rounds` times on one processor, then
 * on two.
 * @return how many returned false.
 */
unsigned race_repeat(bool (*round)(void *arg), void *arg, unsigned rounds);

#endif
