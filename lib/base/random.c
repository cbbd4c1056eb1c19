/*
 * random.c: see random.h.
 */
#include "base/random.h"

#include "base/sanitizer.h"
#include "base/task.h"

#include <lifecycle/executor.h>

#include <bsd/stdlib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static uint64_t rotate_left(uint64_t word, int by)
{
    return (word << by) | (word >> (64 - by));
}

LC__OF_ITS_THREAD
void lc__random_seed(struct lc__random *random, uint64_t seed)
{
    /* splitmix64 spreads the seed, so that the state is never all zero. */
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        random->state[i] = z ^ (z >> 31);
    }
}

LC__OF_ITS_THREAD
uint64_t lc__random_next(struct lc__random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t lc__random_below(struct lc__random *random, uint64_t bound)
{
    if (bound == 0)
        return 0;
    /* Numbers below the threshold would make the small results likelier: draw again. */
    uint64_t threshold = -bound % bound;
    uint64_t number;
    do
        number = lc__random_next(random);
    while (number < threshold);
    return number % bound;
}

static _Thread_local struct lc__random own;
static _Thread_local bool own_is_seeded;

/* A forked child would otherwise draw what its parent draws. */
LC__OF_ITS_THREAD
static void forget_seed(void)
{
    own_is_seeded = false;
}

static pthread_once_t watch_forks_once = PTHREAD_ONCE_INIT;

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forget_seed);
}

LC__OF_ITS_THREAD
struct lc__random *lc__random_current(void)
{
    struct lc__random *given = lc__task_current()->random;
    if (given)
        return given;
    if (!own_is_seeded) {
        uint64_t seed;
        pthread_once(&watch_forks_once, watch_forks);
        arc4random_buf(&seed, sizeof seed);
        lc__random_seed(&own, seed);
        own_is_seeded = true;
    }
    return &own;
}

void lc__random_set_current(struct lc__random *random)
{
    lc__task_current()->random = random;
}

void lc__random_secret(void *bytes, size_t size)
{
    struct lc__random *given = lc__task_current()->random;
    char *at = bytes;
    if (!given) {
        arc4random_buf(bytes, size);
        return;
    }
    for (uint64_t word; size > 0; at += sizeof word, size -= sizeof word) {
        word = lc__random_next(given);
        memcpy(at, &word, size < sizeof word ? size : sizeof word);
        if (size < sizeof word)
            return;
    }
}

uint64_t lc_random(void)
{
    return lc__random_next(lc__random_current());
}

uint64_t lc_random_below(uint64_t bound)
{
    return lc__random_below(lc__random_current(), bound);
}
