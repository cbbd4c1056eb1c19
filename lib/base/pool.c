/*
 * pool.c: see pool.h.
 */
#include "base/pool.h"

#include "base/memory.h"

#include <string.h>

/* Gives the pool's lock away while it allocates. NULL: no memory. */
static char *pool_chunk_of(struct lc__pool *pool, uint32_t place)
{
    LC__ASSERT(lc__spinlock_is_held(&pool->lock));
    _Atomic(char *) *at = &pool->chunks[place / LC__POOL_CHUNK];
    char *chunk = atomic_load_explicit(at, memory_order_relaxed);
    if (chunk)
        return chunk;
    lc__spinlock_unlock(&pool->lock);
    char *fresh = lc__allocate_array(LC__POOL_CHUNK, pool->record_size);
    lc__spinlock_lock(&pool->lock);
    chunk = atomic_load_explicit(at, memory_order_relaxed);
    if (chunk) { /* another thread was faster */
        lc__spinlock_unlock(&pool->lock);
        lc__free(fresh);
        lc__spinlock_lock(&pool->lock);
        return chunk;
    }
    /* Release: a thread that sees the chunk sees it cleared. */
    if (fresh)
        atomic_store_explicit(at, fresh, memory_order_release);
    return fresh;
}

static void *pool_make_record(struct lc__pool *pool)
{
    char *record = NULL;
    lc__spinlock_lock(&pool->lock);
    while (pool->made < (uint32_t)LC__POOL_CHUNK * LC__POOL_CHUNKS) {
        uint32_t place = pool->made;
        char *chunk = pool_chunk_of(pool, place);
        if (!chunk)
            break;
        if (pool->made != place) /* another thread has taken it since */
            continue;
        pool->made++;
        record = chunk + place % LC__POOL_CHUNK * pool->record_size;
        memcpy(record + pool->place_at, &place, sizeof place);
        break;
    }
    lc__spinlock_unlock(&pool->lock);
    return record;
}

static struct lc__pool_free *pool_take_from(struct lc__pool_shard *shard)
{
    /* Relaxed: a thread that misses a record which is just given back takes another one. */
    if (!atomic_load_explicit(&shard->free, memory_order_relaxed))
        return NULL;
    lc__spinlock_lock(&shard->lock);
    struct lc__pool_free *record = atomic_load_explicit(&shard->free, memory_order_relaxed);
    if (record)
        atomic_store_explicit(&shard->free, record->next, memory_order_relaxed);
    lc__spinlock_unlock(&shard->lock);
    return record;
}

void *lc__pool_take(struct lc__pool *pool, unsigned shard)
{
    for (unsigned i = 0; i < LC__POOL_SHARDS; i++) {
        struct lc__pool_shard *at = &pool->shards[(shard + i) % LC__POOL_SHARDS];
        struct lc__pool_free *record = pool_take_from(at);
        if (record)
            return record;
    }
    return pool_make_record(pool);
}

void lc__pool_give(struct lc__pool *pool, unsigned shard, void *record)
{
    struct lc__pool_shard *at = &pool->shards[shard % LC__POOL_SHARDS];
    struct lc__pool_free *given = record;
    lc__spinlock_lock(&at->lock);
    given->next = atomic_load_explicit(&at->free, memory_order_relaxed);
    atomic_store_explicit(&at->free, given, memory_order_relaxed);
    lc__spinlock_unlock(&at->lock);
}

uint32_t lc__pool_made(struct lc__pool *pool)
{
    lc__spinlock_lock(&pool->lock);
    uint32_t made = pool->made;
    lc__spinlock_unlock(&pool->lock);
    return made;
}

void lc__pool_free_all(struct lc__pool *pool)
{
    for (unsigned i = 0; i < LC__POOL_SHARDS; i++)
        atomic_store_explicit(&pool->shards[i].free, NULL, memory_order_relaxed);
    for (uint32_t i = 0; i < LC__POOL_CHUNKS; i++) {
        lc__free(atomic_load_explicit(&pool->chunks[i], memory_order_relaxed));
        atomic_store_explicit(&pool->chunks[i], NULL, memory_order_relaxed);
    }
    pool->made = 0;
    pool->era++;
}
