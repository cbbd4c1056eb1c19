/*
 * stack.h: stacks for fibers: cut from large mappings, guarded below, used again while they are
 * warm. Floor 1; fiber.c takes them, debuggers and reports look at them.
 */
#ifndef LIFECYCLE_EXECUTOR_STACK_H
#define LIFECYCLE_EXECUTOR_STACK_H

#include "executor/slab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lc__fiber;

/*
 * A stack of at least `size` bytes, all included. @return the place of its control block, in which
 * `stack` is set, all else is as it was; NULL: no memory.
 */
struct lc__fiber *lc__stack_take(size_t size);
/* Gives a stack back, whose control block this is. Nobody may stand on it. */
void lc__stack_give(struct lc__fiber *fiber);

/* Whether more memory of free stacks is kept than may be kept for ever. From any thread. */
bool lc__stacks_have_excess(void);
/*
 * Gives back the memory of free stacks that have not been used for the time `after`; to be called
 * now and then. @return when to be called next; LC_FOREVER: there is no excess.
 */
int64_t lc__stacks_trim(int64_t now, int64_t after);
/* Gives back the whole excess: no thread is left that would call lc__stacks_trim. */
void lc__stacks_trim_all(void);

/* The lowest byte that may be used, and how many there are up to the control block. */
void *lc__stack_low(const struct lc__fiber *fiber);
size_t lc__stack_usable(const struct lc__fiber *fiber);
/* Whether the fiber has overrun such a stack. */
bool lc__stack_is_overrun(const struct lc__fiber *fiber);
/* The control block of the stack whose guard the address lies in, or NULL. In a signal handler. */
struct lc__fiber *lc__stack_of_guard(const void *address);

/* Every slab there is, for those that look at all fibers. */
struct lc__slab *lc__slabs(void);
struct lc__fiber *lc__slab_fiber(const struct lc__slab *slab, unsigned index);
/* Unmaps all, at the shutdown of the library: no fiber is left. */
void lc__stacks_free(void);

#endif
