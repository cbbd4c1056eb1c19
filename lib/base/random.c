/*
 * random.c: see random.h.
 */
#include "base/random.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/sanitizer.h"
#include "base/system.h"
#include "base/task.h"

#include <lifecycle/random.h>

#include <pthread.h>
#include <stdatomic.h>
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
/*
 * Secret bytes of the kernel that are not used yet: a system call for each use would cost more than
 * the rest of it. Used bytes are cleared.
 */
static _Thread_local unsigned char stock[256];
static _Thread_local size_t stock_left;

/* Otherwise a forked child would draw what its parent draws. */
LC__OF_ITS_THREAD
static void random_forget(void)
{
    own_is_seeded = false;
    stock_left = 0;
    memset(stock, 0, sizeof stock);
}

static pthread_once_t watch_forks_once = PTHREAD_ONCE_INIT;
static bool forks_are_watched; /* set in the once; false: there was no memory for it */

static void random_watch_forks(void)
{
    forks_are_watched = pthread_atfork(NULL, NULL, random_forget) == 0;
}

/* Whether bytes and a seed may be kept: a forked child forgets those of its parent. */
static bool random_may_keep(void)
{
    pthread_once(&watch_forks_once, random_watch_forks);
    return forks_are_watched && !lc__forked();
}

/* Where the kernel gives no random bytes, the time and an address of memory make a seed. */
static uint64_t random_draw_seed(void)
{
    static atomic_uint_least64_t draws;
    uint64_t seed;
    if (lc__getrandom(&seed, sizeof seed) == 0)
        return seed;
    seed = (uint64_t)lc__clock_real.now(&lc__clock_real) ^ (uint64_t)(uintptr_t)&own;
    return seed + (atomic_fetch_add_explicit(&draws, 1, memory_order_relaxed) << 32);
}

LC__OF_ITS_THREAD
struct lc__random *lc__random_current(void)
{
    struct lc__random *given = lc__task_current()->random;
    if (given)
        return given;
    if (!own_is_seeded) {
        lc__random_seed(&own, random_draw_seed());
        own_is_seeded = random_may_keep();
    }
    return &own;
}

void lc__random_set_current(struct lc__random *random)
{
    lc__task_current()->random = random;
}

/* For a simulation. */
static void random_draw_seeded(struct lc__random *given, char *at, size_t size)
{
    while (size > 0) {
        uint64_t word = lc__random_next(given);
        size_t part = size < sizeof word ? size : sizeof word;
        memcpy(at, &word, part);
        at += part;
        size -= part;
    }
}

LC__OF_ITS_THREAD
static int random_draw_from_stock(void *bytes, size_t size)
{
    if (stock_left < size) {
        int result = lc__getrandom(stock, sizeof stock);
        if (result < 0)
            return result;
        stock_left = sizeof stock;
    }
    stock_left -= size;
    memcpy(bytes, stock + stock_left, size);
    explicit_bzero(stock + stock_left, size);
    return 0;
}

int lc__random_secret(void *bytes, size_t size)
{
    struct lc__random *given = lc__task_current()->random;
    if (given) {
        random_draw_seeded(given, bytes, size);
        return 0;
    }
    int result = size <= sizeof stock && random_may_keep() ? random_draw_from_stock(bytes, size)
                                                           : lc__getrandom(bytes, size);
    if (result < 0)
        memset(bytes, 0, size);
    return result;
}

uint64_t lc_random(void)
{
    return lc__random_next(lc__random_current());
}

uint64_t lc_random_below(uint64_t bound)
{
    return lc__random_below(lc__random_current(), bound);
}
