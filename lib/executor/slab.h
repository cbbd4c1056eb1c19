/*
 * slab.h: the memory of stacks. stack.c makes slabs and gives out their stacks. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_SLAB_H
#define LIFECYCLE_EXECUTOR_SLAB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stack has all that a fiber has: the frames, the control block, and the guard. */
enum { LC__STACK_DEFAULT = 64 * 1024, LC__STACKS_PER_SLAB = 64 };

/*
 * The stacks of one mapping, all of one size. Slabs are unmapped at the shutdown of the library
 * only. So a thread that looks at all fibers may look at one that has just ended.
 */
struct lc__slab {
    struct lc__slab *next;      /* in the list of all slabs, the latest first */
    struct lc__slab *next_cold; /* in the list of slabs of this size that have cold stacks */
    char *base;
    size_t stack_size;
    unsigned count;   /* of stacks: at most LC__STACKS_PER_SLAB */
    uint64_t cold;    /* bit i: stack i is free, and has no memory: given back, or never used */
    uint64_t warm;    /* bit i: stack i is free, and keeps its memory */
    uint64_t guarded; /* bit i: stack i was taken before, and has its guard */
    atomic_uint_least64_t marked; /* bit i: the guard of stack i is a mark only */
};

/*
 *     low                                                                      low + size
 *      | guard |                       <--- frames |  struct lc__fiber  | colour |
 *
 * The colour differs from stack to stack. Without it the control blocks would lie at the same place
 * of each page, and so share a few lines of the cache.
 */
struct lc__stack {
    struct lc__slab *slab;
    unsigned index;
};

/* Whether a mark is the only guard of some stacks of the slab. Relaxed: a new mark is seen soon. */
static inline bool lc__slab_has_marks(const struct lc__slab *slab)
{
    return atomic_load_explicit(&slab->marked, memory_order_relaxed) != 0;
}

#endif
