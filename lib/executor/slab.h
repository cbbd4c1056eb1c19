/*
 * slab.h: where the stacks of fibers lie. stack.c makes slabs. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_SLAB_H
#define LIFECYCLE_EXECUTOR_SLAB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All that a fiber has is in its stack: its control block, and the guard. */
enum { LC__STACK_DEFAULT = 64 * 1024, LC__STACKS_PER_SLAB = 64 };

/*
 * The stacks of one mapping, all of one size. Slabs are never unmapped before the library shuts
 * down, so that who looks at a fiber that has just ended looks at memory that is there.
 */
struct lc__slab {
    struct lc__slab *next;      /* of all slabs, the latest first */
    struct lc__slab *next_cold; /* of those of the class with cold stacks */
    char *base;
    size_t stack_size;
    unsigned count; /* of stacks: at most LC__STACKS_PER_SLAB */
    uint64_t cold;  /* bit i: stack i is free, and its memory has been given back, or never used */
    uint64_t warm;  /* bit i: stack i is free, and its memory is kept */
    uint64_t guarded;             /* bit i: it has been taken before, and has what guards it */
    atomic_uint_least64_t marked; /* bit i: and that is but a mark at its end */
};

/*
 *     low                                                                      low + size
 *      | guard |                       <--- frames |  struct lc__fiber  | colour |
 *
 * What fibers use most would lie at the same place of each page, and so in the same few lines of
 * the cache: the colour differs from stack to stack.
 */
struct lc__stack {
    struct lc__slab *slab;
    unsigned index;
};

/* Whether there are stacks in the slab that nothing but a mark at their end could guard. */
static inline bool lc__slab_has_marks(const struct lc__slab *slab)
{
    return atomic_load_explicit(&slab->marked, memory_order_relaxed) != 0;
}

#endif
