/*
 * loop_stacks.h: the free stacks that the thread of a loop keeps to itself. By that thread, all of
 * them. Floor 1, and of it only the files of the executor.
 */
#ifndef LIFECYCLE_EXECUTOR_LOOP_STACKS_H
#define LIFECYCLE_EXECUTOR_LOOP_STACKS_H

#include "executor/loop.h"
#include "executor/stack.h"

/* A free stack for a fiber that this thread makes, with its control block. NULL: no memory. */
struct lc__fiber *lc__loop_take_stack(struct lc__loop *loop, size_t size);
/* Gives away or keeps the stack that could not be while it was stood on. */
void lc__loop_bury(struct lc__loop *loop);
/* Keeps the `count` stacks that were used last, and leaves the others to all threads. */
void lc__loop_keep_only(struct lc__loop *loop, unsigned count);

/* How long a free stack that is not used may keep its memory; less if idle threads end sooner. */
#define LC__STACK_IDLE (10 * LC_SECOND)
/*
 * Gives back the memory of stacks that no fiber has used for some time. As of loop->now. First the
 * stacks go from the thread to all threads, where those of one slab come together; then, a period
 * or two later, their memory goes.
 * @return when there may be more of them; LC_FOREVER: no stack is kept that need not be.
 */
int64_t lc__loop_trim_stacks(struct lc__loop *loop, int64_t idle);

/* Whether the loop has room for the stack of a fiber that has ended. */
LC__OF_ITS_THREAD
static inline bool lc__loop_keeps(const struct lc__loop *loop, const struct lc__fiber *fiber)
{
#ifdef LC__TSAN
    return false; /* lc__stack_take has it forget who used the stack */
#endif
    return fiber->stack.slab->stack_size == LC__STACK_DEFAULT &&
           loop->cached_count < loop->operations->stacks_kept;
}

LC__OF_ITS_THREAD
static inline void lc__loop_keep(struct lc__loop *loop, struct lc__fiber *fiber)
{
    fiber->next = loop->cached;
    loop->cached = fiber;
    loop->cached_count++;
}

#endif
