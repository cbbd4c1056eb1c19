/*
 * cache.h: small blocks of memory that a thread keeps to itself, so that what is made and freed with
 * each message costs no call of the allocator. Blocks go from a thread that frees to one that
 * makes by the magazine, through a depot: after Bonwick's magazines. Floor 0.
 *
 * A block that is kept does not count as in use. With a sanitizer each block comes from the
 * allocator and goes back to it, so that a use after free is seen.
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

/* One thread's. All zero: empty. */
struct lc__cache {
    struct lc__magazine loaded; /* taken from, given to */
    struct lc__magazine spare;  /* full or empty: so that a thread at the edge asks no depot */
};

/* A block, not cleared. `cache`: NULL for a thread that has none. NULL: no memory. */
void *lc__block_take(struct lc__cache *cache);
/* Gives a block back, wherever it was taken. */
void lc__block_give(struct lc__cache *cache, void *given);
/* Gives back what the thread keeps. */
void lc__cache_empty(struct lc__cache *cache);

#endif
