/*
 * loop_stacks.c: see loop_stacks.h.
 */
#include "executor/loop_stacks.h"

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

enum { CACHED_MIN = 64 }; /* free stacks that a thread keeps for ever */

struct lc__fiber *lc__loop_take_stack(struct lc__loop *loop, size_t size)
{
    struct lc__fiber *fiber = NULL;
    if (loop && loop == lc__loop_of_thread && size <= LC__STACK_DEFAULT) {
        fiber = loop->cached;
        if (fiber) {
            loop->cached = fiber->next;
            loop->cached_count--;
            if (loop->cached_count < loop->cached_unused)
                loop->cached_unused = loop->cached_count;
        }
        size = LC__STACK_DEFAULT;
    }
    return fiber ? fiber : lc__stack_take(size);
}

void lc__loop_give_ended(struct lc__loop *loop)
{
    struct lc__fiber *fiber = loop->ended;
    LC__ASSERT(loop == lc__loop_of_thread && fiber != lc__fiber_current());
    loop->ended = NULL;
    lc__sanitizer_stack_ended(&fiber->sanitizer);
    if (lc__loop_keeps(loop, fiber))
        lc__loop_keep(loop, fiber);
    else
        lc__stack_give(fiber);
}

void lc__loop_keep_only(struct lc__loop *loop, unsigned count)
{
    LC__ASSERT(lc__loop_is_here(loop));
    struct lc__fiber **end = &loop->cached;
    if (loop->cached_count <= count)
        return;
    for (unsigned i = 0; i < count; i++)
        end = &(*end)->next;
    struct lc__fiber *rest = *end;
    *end = NULL;
    loop->cached_count = count;
    for (struct lc__fiber *next; rest; rest = next) {
        next = rest->next;
        lc__stack_give(rest);
    }
}

static bool loop_has_excess(const struct lc__loop *loop)
{
    return loop->cached_count > CACHED_MIN || lc__stacks_have_excess();
}

int64_t lc__loop_trim_stacks(struct lc__loop *loop, int64_t idle)
{
    enum { PERIODS = 3 };
    LC__ASSERT(loop == lc__loop_of_thread);
    int64_t after = (idle < LC__STACK_IDLE ? idle : LC__STACK_IDLE) / PERIODS;
    if (!loop_has_excess(loop)) {
        loop->trim_at = 0;
        return LC_FOREVER;
    }
    if (loop->trim_at != 0 && loop->now < loop->trim_at)
        return loop->trim_at;
    if (loop->trim_at != 0) {
        unsigned used = loop->cached_count - loop->cached_unused;
        lc__loop_keep_only(loop, used > CACHED_MIN ? used : CACHED_MIN);
    }
    loop->cached_unused = loop->cached_count;
    int64_t next = lc__stacks_trim(loop->now, after);
    if (loop->cached_count > CACHED_MIN && loop->now + after < next)
        next = loop->now + after;
    loop->trim_at = next < LC_FOREVER ? next : 0;
    return next;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
