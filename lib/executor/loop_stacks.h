/*
 * loop_stacks.h: the free stacks that the thread of a loop keeps to itself. The loop's thread calls
 * all of these functions. Floor 1, and of it only the files of the executor.
 */
#ifndef LIFECYCLE_EXECUTOR_LOOP_STACKS_H
#define LIFECYCLE_EXECUTOR_LOOP_STACKS_H

#include "executor/loop.h"
#include "executor/stack.h"

/*
 * Takes a free stack, with its control block: from the loop if the loop is the caller's, or from
 * those of all threads. NULL: no memory.
 */
struct lc__fiber *lc__loop_take_stack(struct lc__loop *loop, size_t size);
/* Gives back the stack of the fiber that has ended (loop->ended), now that it is not in use. */
void lc__loop_give_ended(struct lc__loop *loop);
/* Keeps the `count` stacks that were used last, and gives the others to all threads. */
void lc__loop_keep_only(struct lc__loop *loop, unsigned count);

/* How long an unused free stack keeps its memory; shorter if idle threads leave sooner. */
#define LC__STACK_IDLE (10 * LC_SECOND)
/*
 * Gives back the memory of stacks that no fiber has used for some time, at loop->now. The stacks
 * first go from the thread to all threads, where those of one slab come together. A period or two
 * later the system gets their memory. `idle`: the executor's idle_timeout.
 * @return when to call it again; LC_FOREVER: there is no excess.
 */
int64_t lc__loop_trim_stacks(struct lc__loop *loop, int64_t idle);

/* Whether the loop has room for the stack of a fiber that has ended. */
LC__OF_ITS_THREAD
static inline bool lc__loop_keeps(const struct lc__loop *loop, const struct lc__fiber *fiber)
{
#ifdef LC__TSAN
    return false; /* only lc__stack_take makes ThreadSanitizer forget the last user of a stack */
#endif
    return fiber->stack.slab->stack_size == LC__STACK_DEFAULT &&
           loop->cached_count < loop->operations->stacks_kept;
}

/* Keeps the stack of a fiber that has ended. */
LC__OF_ITS_THREAD
static inline void lc__loop_keep(struct lc__loop *loop, struct lc__fiber *fiber)
{
    LC__ASSERT(loop == lc__loop_of_thread && lc__fiber_is_in(fiber, LC__FIBER_FREE));
    fiber->next = loop->cached;
    loop->cached = fiber;
    loop->cached_count++;
}

#endif
