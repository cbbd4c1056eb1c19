/*
 * memory.h: the one allocator of the library. Everything the library allocates comes from here, so
 * that tests can count it and make it fail. Floor 0; any floor may call it.
 */
#ifndef LIFECYCLE_BASE_MEMORY_H
#define LIFECYCLE_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/** `size` bytes of zeros, or NULL. */
void *lc__allocate(size_t size);
/** `size` bytes that are not cleared, for who writes them all, or NULL. */
void *lc__allocate_raw(size_t size);
/** `count` times `size` bytes of zeros, or NULL; also NULL if the product does not fit. */
void *lc__allocate_array(size_t count, size_t size);
/** Resizes an array, whose new part is not cleared; NULL leaves the old one as it was. */
void *lc__reallocate_array(void *array, size_t count, size_t size);
/** A copy of the text, or NULL. */
char *lc__duplicate(const char *text);
void lc__free(void *memory);

/* ---- for cache.c, which keeps memory that is not in use ---- */

/** As an allocation, of memory that is there. @return false: it is to fail. */
bool lc__memory_begin_use(void);
void lc__memory_end_use(void);
/** Frees memory that is not in use. */
void lc__memory_free_uncounted(void *memory);

struct lc__random;

/* What makes allocations of a task fail by chance: see lc__task. */
struct lc__faults {
    struct lc__random *random;
    unsigned one_in;
};

/* ---- for tests ---- */

/** Counts allocations from here on. Call it before the library allocates for the first time. */
void lc__memory_track(void);
/** How many allocations are alive, if they are counted. */
size_t lc__memory_in_use(void);
/**
 * Makes the `nth` allocation from now fail, counted from 1 over all threads; later ones succeed. 0
 * makes none fail. Making a thread or a descriptor counts as an allocation. Needs lc__memory_track.
 */
void lc__memory_fail_at(size_t nth);
/** The same, and all later ones fail too, until lc__memory_fail_at is called. */
void lc__memory_fail_from(size_t nth);
/** How many allocations, threads and descriptors were asked for since the last of these calls. */
size_t lc__memory_asked(void);
/** Whether the failure that was last asked for has happened. */
bool lc__memory_has_failed(void);
/** Whether an allocation made otherwise than here, of a thread or a descriptor, is to fail now. */
bool lc__memory_must_fail(void);

#endif
