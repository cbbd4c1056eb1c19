/*
 * fiber_make.c: see fiber_make.h.
 */
#include "executor/fiber_make.h"

#include "base/fork.h"
#include "executor/executor.h"
#include "executor/fiber_switch.h"
#include "executor/loop_stacks.h"
#include "executor/simulation.h"
#include "executor/switch.h"
#include "executor/thread_group.h"

#include <errno.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

static void fiber_init(struct lc__fiber *fiber, const struct lc__fiber_options *options,
                       struct lc__loop *loop)
{
    const struct lc__task *maker = lc__task_current();
    fiber->task = (struct lc__task){
        .name = lc__fiber_name(fiber),
        .clock = maker->clock,
        .fiber = fiber,
        .with_room = lc__loop_call,
    };
    if (loop->simulation)
        lc__simulation_adopt(loop->simulation, &fiber->task);
    fiber->loop = loop;
    fiber->run = options->run;
    fiber->arg = options->arg;
    fiber->group = lc_thread_group_ref(options->group);
    fiber->finishing = options->finishing;
    fiber->simulated = NULL;
    fiber->leaves = NULL;
    atomic_store_explicit(&fiber->job, NULL, memory_order_relaxed);
    lc__fiber_set_name(fiber, options->name);
    fiber->sp = lc__switch_prepare(lc__stack_low(fiber), fiber, lc__loop_fiber_main, fiber);
    /* Release, as the last: a thread that finds the fiber not FREE finds it filled in. */
    atomic_store_explicit(&fiber->state, LC__FIBER_NEW, memory_order_release);
    lc__sanitizer_stack_begins(&fiber->sanitizer, lc__stack_low(fiber), lc__stack_usable(fiber));
}

int lc__fiber_make(struct lc__loop *loop, const struct lc__fiber_options *options,
                   size_t stack_size)
{
    LC__ASSERT(!options->pinned || lc__loop_is_here(loop));
    struct lc__fiber *fiber = lc__loop_take_stack(loop, stack_size);
    if (!fiber)
        return -ENOMEM;
    fiber_init(fiber, options, loop);
    if (loop->operations->admit && loop->operations->admit(loop, fiber) < 0) {
        atomic_store_explicit(&fiber->state, LC__FIBER_FREE, memory_order_relaxed);
        lc__sanitizer_stack_ended(&fiber->sanitizer);
        lc_thread_group_unref(fiber->group);
        lc__stack_give(fiber);
        return -ENOMEM;
    }
    if (options->pinned)
        lc__loop_adopt(loop, fiber);
    else
        lc__loop_add_fresh(loop, fiber);
    return 0;
}

int lc__fiber_make_server(struct lc__loop *loop, const char *name, void (*run)(void *loop))
{
    const struct lc__fiber_options options = {
        .name = name,
        .run = run,
        .arg = loop,
        .pinned = true,
        .finishing = true, /* what it serves keeps the library up, and is counted itself */
    };
    if (lc__forked())
        return -ENOTSUP;
    return loop == lc__loop_of_thread ? lc__fiber_make(loop, &options, loop->executor->stack_size)
                                      : -ENOMEM;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
