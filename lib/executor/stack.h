/*
 * stack.h: stacks for fibers: parts of large mappings, each with a guard below. A stack that was
 * given back is used again, with its memory if it still has it. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_STACK_H
#define LIFECYCLE_EXECUTOR_STACK_H

#include "executor/slab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lc__fiber;

/*
 * Takes a stack of at least `size` bytes, control block and guard included.
 * @return its control block. The field `stack` is set, all else is as the fiber before left it.
 * NULL: no memory.
 */
struct lc__fiber *lc__stack_take(size_t size);
/* Gives back the stack that has this control block. No thread runs on it. */
void lc__stack_give(struct lc__fiber *fiber);

/* Whether free stacks keep more memory than they may keep for ever. From any thread. */
bool lc__stacks_have_excess(void);
/*
 * Gives the memory of free stacks back to the system that were not used for the time `after`.
 * @return when to call this next; LC_FOREVER: there is no excess.
 */
int64_t lc__stacks_trim(int64_t now, int64_t after);
/* Gives back the whole excess, when no thread is left that calls lc__stacks_trim. */
void lc__stacks_trim_all(void);

/* The lowest byte that the fiber may use. */
void *lc__stack_low(const struct lc__fiber *fiber);
/* The number of bytes from there up to the control block. */
size_t lc__stack_usable(const struct lc__fiber *fiber);
/* Whether the fiber has written over the mark that guards its stack, if a mark does. */
bool lc__stack_is_overrun(const struct lc__fiber *fiber);
/*
 * The control block of the stack that the address is in the guard of; NULL: the address is in no
 * guard. May be called in the handler of a process signal.
 */
struct lc__fiber *lc__stack_of_guard(const void *address);

/* The list of all slabs, for functions that look at all fibers. */
struct lc__slab *lc__slabs(void);
/* The control block of a stack of the slab. */
struct lc__fiber *lc__slab_fiber(const struct lc__slab *slab, unsigned index);
/* Unmaps all slabs, at the shutdown of the library: no fiber is left. */
void lc__stacks_free(void);

#endif
