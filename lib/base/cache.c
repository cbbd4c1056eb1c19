/*
 * cache.c: see cache.h.
 */
#include "base/cache.h"

#include "base/assert.h"
#include "base/library.h"
#include "base/memory.h"
#include "base/sanitizer.h"
#include "base/spin.h"

enum {
    MAGAZINE = 64, /* blocks */
    DEPOT = 64,    /* full magazines */
};

static struct {
    struct lc__spinlock lock;
    unsigned count;
    struct lc__block *full[DEPOT]; /* the first block of each */
} depot;

static void blocks_free(struct lc__block *first)
{
    while (first) {
        struct lc__block *next = first->next;
        lc__memory_free_uncounted(first);
        first = next;
    }
}

static void depot_empty(void)
{
    while (depot.count > 0)
        blocks_free(depot.full[--depot.count]);
}

static struct lc__facility facility = {.shut_down = depot_empty};

/* Empties a full magazine into the depot. @return false: the depot has no room. */
static bool depot_give(struct lc__magazine *magazine)
{
    LC__ASSERT(magazine->count == MAGAZINE);
    lc__facility_register(&facility);
    lc__spinlock_lock(&depot.lock);
    bool room = depot.count < DEPOT;
    if (room)
        depot.full[depot.count++] = magazine->first;
    lc__spinlock_unlock(&depot.lock);
    if (room)
        *magazine = (struct lc__magazine){NULL, 0};
    return room;
}

static bool depot_take(struct lc__magazine *magazine)
{
    LC__ASSERT(magazine->count == 0);
    lc__spinlock_lock(&depot.lock);
    bool there = depot.count > 0;
    if (there)
        *magazine = (struct lc__magazine){depot.full[--depot.count], MAGAZINE};
    lc__spinlock_unlock(&depot.lock);
    return there;
}

static void cache_swap(struct lc__cache *cache)
{
    struct lc__magazine loaded = cache->loaded;
    cache->loaded = cache->spare;
    cache->spare = loaded;
}

void *lc__block_take(struct lc__cache *cache)
{
    if (!cache || LC__SANITIZED)
        return lc__allocate_raw(LC__BLOCK_SIZE);
    if (cache->loaded.count == 0) {
        cache_swap(cache);
        if (cache->loaded.count == 0 && !depot_take(&cache->loaded))
            return lc__allocate_raw(LC__BLOCK_SIZE);
    }
    if (!lc__memory_begin_use())
        return NULL;
    struct lc__block *block = cache->loaded.first;
    cache->loaded.first = block->next;
    cache->loaded.count--;
    return block;
}

void lc__block_give(struct lc__cache *cache, void *given)
{
    struct lc__block *block = given;
    if (!cache || LC__SANITIZED) {
        lc__free(block);
        return;
    }
    if (cache->loaded.count == MAGAZINE) {
        cache_swap(cache);
        if (cache->loaded.count == MAGAZINE && !depot_give(&cache->loaded)) {
            lc__free(block);
            return;
        }
    }
    lc__memory_end_use();
    block->next = cache->loaded.first;
    cache->loaded.first = block;
    cache->loaded.count++;
}

void lc__cache_empty(struct lc__cache *cache)
{
    blocks_free(cache->loaded.first);
    blocks_free(cache->spare.first);
    *cache = (struct lc__cache){{NULL, 0}, {NULL, 0}};
}
