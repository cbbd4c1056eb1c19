/*
 * cache.h: small blocks of memory that a thread keeps for itself, so that to make and free what a
 * message takes costs no call of the allocator. Full magazines of blocks go from threads that free
 * to threads that allocate, through a depot: the design is Bonwick's. Floor 0.
 *
 * A block that is kept does not count as in use. With a sanitizer each block comes from the
 * allocator and goes back to it, so that the sanitizer sees a use after free.
 */
#ifndef LIFECYCLE_BASE_CACHE_H
#define LIFECYCLE_BASE_CACHE_H

#include <stddef.h>

/* The size of the blocks, in bytes. */
#define LC__BLOCK_SIZE ((size_t)96)

/* A block that is kept. */
struct lc__block {
    struct lc__block *next;
};

struct lc__magazine {
    struct lc__block *first;
    unsigned count;
};

/* The blocks that one thread keeps. All zero: none. */
struct lc__cache {
    struct lc__magazine loaded; /* blocks are taken from it and given to it */
    struct lc__magazine spare;  /* full or empty: saves a thread many visits to the depot */
};

/* A block, not cleared. `cache`: NULL for a thread that has none. NULL: no memory. */
void *lc__block_take(struct lc__cache *cache);
/* Gives a block back, wherever it was taken. */
void lc__block_give(struct lc__cache *cache, void *given);
/* Frees the blocks that the thread keeps. */
void lc__cache_empty(struct lc__cache *cache);

#endif
