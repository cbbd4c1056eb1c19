/*
 * pool.h: records of one size that keep their place and their memory until the library is shut down.
 * A record that was given back is taken again, but what was one stays one: so a place and a number
 * that changes with each taking make an address that may be looked up at any time, though what it
 * named is long gone. Floor 0.
 */
#ifndef LIFECYCLE_BASE_POOL_H
#define LIFECYCLE_BASE_POOL_H

#include "base/spin.h"

#include <stddef.h>
#include <stdint.h>

enum {
    LC__POOL_CHUNK = 4096, /* records that are allocated together */
    LC__POOL_CHUNKS = 4096,
    LC__POOL_SHARDS = 8, /* lists of free records, so that threads do not meet at one */
};

/* A record that is free. In use the first word is the user's, who must leave it alone from then on. */
struct lc__pool_free {
    struct lc__pool_free *next;
};

struct lc__pool_shard {
    struct lc__spinlock lock;
    _Atomic(struct lc__pool_free *) free; /* changed under the lock; read without, as a hint */
    char apart[48];                       /* one processor's list is not on the line of another's */
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
 * A record, all zero but for its place if it is new, else as it was given back but for the first
 * word. `shard`: any number, best one for each thread. NULL: no memory, or all places are taken.
 */
void *lc__pool_take(struct lc__pool *pool, unsigned shard);
/* Gives a record back. */
void lc__pool_give(struct lc__pool *pool, unsigned shard, void *record);
/*
 * What a record that is new begins to count from, so that no number comes twice with its place, also
 * when all memory was freed in between. Never 0.
 */
static inline uint64_t lc__pool_first_serial(const struct lc__pool *pool)
{
    enum { TAKINGS = 44 }; /* as many bits count how often a record is taken */
    return (uint64_t)pool->era << TAKINGS | 1;
}
/* How many records were ever made: their places are the numbers below. */
uint32_t lc__pool_made(struct lc__pool *pool);
/* Frees all memory. Nobody uses the pool. */
void lc__pool_free_all(struct lc__pool *pool);

/* The record of a place; NULL: there is none. */
static inline void *lc__pool_at(struct lc__pool *pool, uint32_t place)
{
    if (place >= (uint32_t)LC__POOL_CHUNK * LC__POOL_CHUNKS)
        return NULL;
    /* Acquire: pairs with the release by which the chunk was put there. */
    char *chunk = atomic_load_explicit(&pool->chunks[place / LC__POOL_CHUNK], memory_order_acquire);
    return chunk ? chunk + place % LC__POOL_CHUNK * pool->record_size : NULL;
}

#endif
