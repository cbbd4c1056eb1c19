/*
 * pool.h: records of one size that keep their place and their memory until the library is shut
 * down. A record that was given back may be taken again. So a place, with a number that changes
 * each time the record is taken, makes an address: it can be looked up at any time, also when what
 * it named is gone. Floor 0.
 */
#ifndef LIFECYCLE_BASE_POOL_H
#define LIFECYCLE_BASE_POOL_H

#include "base/spin.h"

#include <stddef.h>
#include <stdint.h>

enum {
    LC__POOL_CHUNK = 4096, /* records that are allocated together */
    LC__POOL_CHUNKS = 4096,
    LC__POOL_SHARDS = 8, /* lists of free records: threads do not wait for one lock */
};

/* A record that is free. The first word of a record in use is the user's until it gives it back. */
struct lc__pool_free {
    struct lc__pool_free *next;
};

struct lc__pool_shard {
    struct lc__spinlock lock;
    _Atomic(struct lc__pool_free *) free; /* changed under the lock; read without, as a hint */
    char apart[48];                       /* so that no two lists share a line of the cache */
};

struct lc__pool {
    size_t record_size; /* a multiple of 8 */
    size_t place_at;    /* where in a record its place is written, a uint32_t, when it is made */
    struct lc__spinlock lock;
    uint32_t made; /* records; under the lock */
    uint32_t era;  /* how often all memory was freed */
    struct lc__pool_shard shards[LC__POOL_SHARDS];
    _Atomic(char *) chunks[LC__POOL_CHUNKS];
};

/*
 * Takes a record. A new one is zero but for its place. Another is as it was given back but for its
 * first word. `shard`: any number, best another one for each thread. NULL: no memory, or no place.
 */
void *lc__pool_take(struct lc__pool *pool, unsigned shard);
/* Gives a record back. */
void lc__pool_give(struct lc__pool *pool, unsigned shard, void *record);
/*
 * The number that a new record counts from, so that no number comes twice with its place, also if
 * all memory was freed in between. Never 0.
 */
static inline uint64_t lc__pool_first_serial(const struct lc__pool *pool)
{
    enum { TAKINGS = 44 }; /* so many bits count how often a record is taken */
    return (uint64_t)pool->era << TAKINGS | 1;
}
/* How many records were ever made: their places are the numbers below. */
uint32_t lc__pool_made(struct lc__pool *pool);
/* Frees all memory. No other thread uses the pool. */
void lc__pool_free_all(struct lc__pool *pool);

/* The record of a place; NULL: there is none. */
static inline void *lc__pool_at(struct lc__pool *pool, uint32_t place)
{
    if (place >= (uint32_t)LC__POOL_CHUNK * LC__POOL_CHUNKS)
        return NULL;
    /* Acquire: pairs with the release that puts the chunk there. */
    char *chunk = atomic_load_explicit(&pool->chunks[place / LC__POOL_CHUNK], memory_order_acquire);
    return chunk ? chunk + place % LC__POOL_CHUNK * pool->record_size : NULL;
}

#endif
