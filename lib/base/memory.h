/*
 * memory.h: the allocator of the library. All that the library allocates comes from here, so that
 * tests can count it and make it fail. Floor 0.
 */
#ifndef LIFECYCLE_BASE_MEMORY_H
#define LIFECYCLE_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/** `size` bytes of zeros, or NULL. */
void *lc__allocate(size_t size);
/** `size` bytes that are not cleared, or NULL. */
void *lc__allocate_raw(size_t size);
/** `count` times `size` bytes of zeros, or NULL; also NULL if the product does not fit. */
void *lc__allocate_array(size_t count, size_t size);
/** Resizes an array. The new part is not cleared. NULL: no memory; the array is as it was. */
void *lc__reallocate_array(void *array, size_t count, size_t size);
/** A copy of the text, or NULL. */
char *lc__duplicate(const char *text);
void lc__free(void *memory);

/* ---- for cache.c, which keeps memory that is not in use ---- */

/** Counts memory that is there as allocated. @return false: the allocation is to fail. */
bool lc__memory_begin_use(void);
void lc__memory_end_use(void);
/** Frees memory that is not in use. */
void lc__memory_free_uncounted(void *memory);

struct lc__random;

/* Makes one in so many allocations of a task fail, at random. See lc__task. */
struct lc__faults {
    struct lc__random *random;
    unsigned one_in;
};

/* ---- for tests ---- */

/** Counts allocations from now on. Called before the library's first allocation. */
void lc__memory_track(void);
/** How many allocations are in use, if they are counted. */
size_t lc__memory_in_use(void);
/**
 * Makes the `nth` allocation from now fail, counted from 1 over all threads; later ones succeed. 0
 * makes none fail. Making a thread or a descriptor counts as an allocation. Needs lc__memory_track.
 */
void lc__memory_fail_at(size_t nth);
/** The same, and all later allocations fail too, until a call of lc__memory_fail_at. */
void lc__memory_fail_from(size_t nth);
/** How many allocations, threads and descriptors were asked for since one of these two calls. */
size_t lc__memory_asked(void);
/** Whether the failure that one of these two calls has asked for has happened. */
bool lc__memory_has_failed(void);
/** Whether to make a thread or a descriptor, which counts as an allocation, is to fail now. */
bool lc__memory_must_fail(void);

#endif
