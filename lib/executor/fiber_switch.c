/*
 * fiber_switch.c: see fiber_switch.h. The states and queues of a fiber are drawn in loop.c.
 *
 * A fiber that leaves switches straight to the next ready one. If no fiber is ready, or the budget
 * is used up, it switches to the thread's own stack, and the thread looks around (loop_run.c).
 */
#include "executor/fiber_switch.h"

#include "base/log.h"
#include "executor/loop_stacks.h"
#include "executor/switch.h"
#include "executor/thread_group.h"

#include <lifecycle/log.h>

#include <errno.h>
#include <stdlib.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

/* ---- switching ---- */

/* After each switch, on the new stack. */
static void fiber_arrive(struct lc__loop *loop, struct lc__sanitizer_stack *stack)
{
    lc__sanitizer_arrived(stack);
    if (loop->ended)
        lc__loop_give_ended(loop);
}

static void fiber_overrun(const struct lc__fiber *fiber)
{
    lc_log(LC_LOG_CRITICAL, lc__fiber_name(fiber),
           "has overflowed its stack of %zu bytes, and memory is damaged",
           fiber->stack.slab->stack_size);
    lc_log_flush();
    abort();
}

/* Switches from one fiber to another; NULL is the thread's own stack. */
static void fiber_go(struct lc__loop *loop, struct lc__fiber *from, struct lc__fiber *to,
                     bool for_good)
{
    LC__ASSERT(loop == lc__loop_of_thread && from != to);
    LC__ASSERT(from == atomic_load_explicit(&loop->current, memory_order_relaxed));
    LC__ASSERT(!to || (to->loop == loop && !lc__fiber_is_in(to, LC__FIBER_FREE) &&
                       !lc__fiber_is_in(to, LC__FIBER_RUNNING)));
    struct lc__sanitizer_stack *left = from ? &from->sanitizer : &loop->sanitizer;
    if (to)
        lc__fiber_set_state(to, LC__FIBER_RUNNING);
    if (from && lc__slab_has_marks(from->stack.slab) && lc__stack_is_overrun(from))
        fiber_overrun(from);
    /* Release, after `current`: the monitor that reads the new number reads the new fiber. */
    atomic_store_explicit(&loop->current, to, memory_order_relaxed);
    uint64_t switches = atomic_load_explicit(&loop->switches, memory_order_relaxed);
    atomic_store_explicit(&loop->switches, switches + 1, memory_order_release);
    lc__task_running = to ? &to->task : loop->thread_task;
    lc__sanitizer_leaving(left, to ? &to->sanitizer : &loop->sanitizer, &loop->sanitizer, for_good);
    lc__switch(from ? &from->sp : &loop->sp, to ? to->sp : loop->sp);
    fiber_arrive(loop, left);
}

/*
 * The thread left its own stack in lc__loop_run_fibers(), which makes the call before anything
 * else. `switches` does not grow: to the monitor the fiber has not waited.
 */
void lc__loop_call(void (*run)(void *arg), void *arg)
{
    struct lc__fiber *fiber = lc__fiber_current();
    struct lc__loop *loop = fiber->loop;
    LC__ASSERT(loop == lc__loop_of_thread && !loop->call);
    loop->call = run;
    loop->call_arg = arg;
    lc__sanitizer_release(&loop->call);
    lc__task_running = loop->thread_task;
    lc__sanitizer_leaving(&fiber->sanitizer, &loop->sanitizer, &loop->sanitizer, false);
    lc__switch(&fiber->sp, loop->sp);
    lc__sanitizer_arrived(&fiber->sanitizer);
    lc__sanitizer_acquire(&loop->call);
}

/* On the thread's own stack: makes calls until the fiber has left without one. */
static void loop_make_calls(struct lc__loop *loop)
{
    for (void (*run)(void *arg); (run = loop->call);) {
        struct lc__fiber *fiber = atomic_load_explicit(&loop->current, memory_order_relaxed);
        loop->call = NULL;
        lc__sanitizer_acquire(&loop->call);
        run(loop->call_arg);
        lc__sanitizer_release(&loop->call);
        lc__task_running = &fiber->task;
        lc__sanitizer_leaving(&loop->sanitizer, &fiber->sanitizer, &loop->sanitizer, false);
        lc__switch(&loop->sp, fiber->sp);
        fiber_arrive(loop, &loop->sanitizer);
    }
}

void lc__loop_fiber_main(void *arg)
{
    struct lc__fiber *fiber = arg;
    lc__sanitizer_entered(&fiber->loop->sanitizer);
    fiber_arrive(fiber->loop, &fiber->sanitizer);
    fiber->run(fiber->arg);
    lc__fiber_exit();
}

/* Leaves a fiber for the next one, or for the thread's own stack. */
static void fiber_leave(struct lc__loop *loop, struct lc__fiber *fiber, bool for_good)
{
    struct lc__fiber *next = NULL;
    if (loop->budget > 0) {
        loop->budget--;
        next = lc__loop_pick(loop);
    }
    if (next == fiber)
        lc__fiber_set_state(fiber, LC__FIBER_RUNNING);
    else
        fiber_go(loop, fiber, next, for_good);
}

void lc__loop_run_fibers(struct lc__loop *loop, struct lc__fiber *first)
{
    fiber_go(loop, NULL, first, false);
    loop_make_calls(loop);
}

/* ---- waiting and ending ---- */

/*
 * Parks and wake-ups alternate, so one thread at a time writes a counter. Release: a thread that
 * reads a wake-up counted reads its park counted.
 */
static void task_count(atomic_ulong *counter)
{
    unsigned long before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + 1, memory_order_release);
}

void lc__fiber_park(void)
{
    struct lc__fiber *fiber = lc__fiber_current();
    LC__ASSERT(fiber);
    int kept = errno;
    if (fiber->leaves)
        fiber->leaves(fiber);
    task_count(&fiber->task.parks);
    lc__fiber_set_state(fiber, LC__FIBER_PARKED);
    fiber_leave(fiber->loop, fiber, false);
    errno = kept;
}

void lc__fiber_exit(void)
{
    struct lc__fiber *fiber = lc__fiber_current();
    LC__ASSERT(fiber);
    struct lc__loop *loop = fiber->loop;
    if (fiber->task.unwind)
        fiber->task.unwind();
    if (fiber->leaves)
        fiber->leaves(fiber);
    atomic_store_explicit(&fiber->job, NULL, memory_order_release);
    if (loop->operations->ended)
        loop->operations->ended(loop, fiber);
    if (fiber->group)
        lc_thread_group_unref(fiber->group);
    if (fiber->finishing)
        loop->finishing--;
    else
        lc__loop_count(&loop->working, (size_t)-1);
    lc__fiber_set_state(fiber, LC__FIBER_FREE);
    /*
     * Only this thread takes stacks from its cache, and it takes none before it is on another
     * stack. So this one may be put there while it is still in use.
     */
    if (LC__SANITIZED || !lc__loop_keeps(loop, fiber))
        loop->ended = fiber;
    else
        lc__loop_keep(loop, fiber);
    fiber_leave(loop, fiber, true);
    abort(); /* no switch comes back here */
}

void lc__fiber_finishing(void)
{
    struct lc__fiber *fiber = lc__fiber_current();
    LC__ASSERT(fiber && fiber->loop == lc__loop_of_thread);
    if (fiber->finishing)
        return;
    fiber->finishing = true;
    fiber->loop->finishing++;
    lc__loop_count(&fiber->loop->working, (size_t)-1);
}

/* ---- going on ---- */

void lc__fiber_wake(struct lc__fiber *fiber, bool in_handler)
{
    struct lc__loop *loop = fiber->loop;
    task_count(&fiber->task.wakes);
    if (loop == lc__loop_of_thread && !in_handler)
        lc__loop_make_ready(loop, fiber);
    else
        lc__loop_push_inbox(loop, fiber);
}

void lc__fiber_yield(void)
{
    struct lc__fiber *fiber = lc__fiber_current();
    LC__ASSERT(fiber);
    struct lc__loop *loop = fiber->loop;
    int kept = errno;
    if (fiber->leaves)
        fiber->leaves(fiber);
    /*
     * If no other fiber is ready, the thread looks around for one. Else a fiber that yields every
     * few milliseconds would run alone through the whole budget, and be reported as a stall.
     */
    if (lc__loop_is_in_order(loop) && STAILQ_EMPTY(&loop->ready))
        loop->budget = 0;
    lc__loop_make_ready(loop, fiber);
    fiber_leave(loop, fiber, false);
    errno = kept;
}

/* New fibers run before the fiber that yields. */
static void loop_start_fresh(struct lc__loop *loop)
{
    enum { FRESH_MAX = LC__LOOP_BUDGET / 2 };
    struct lc__fiber *fresh;
    for (unsigned i = 0; i < FRESH_MAX && (fresh = lc__loop_take_fresh(loop)); i++)
        lc__loop_make_ready(loop, fresh);
}

bool lc__loop_turn(struct lc__loop *loop, struct lc__fiber *fiber, bool patient)
{
    LC__ASSERT(fiber == lc__fiber_current() && fiber->loop == loop);
    /* To the monitor it is as good as a switch. */
    uint64_t switches = atomic_load_explicit(&loop->switches, memory_order_relaxed);
    atomic_store_explicit(&loop->switches, switches + 1, memory_order_release);
    bool others = !STAILQ_EMPTY(&loop->ready) ||
                  atomic_load_explicit(&loop->fresh_count, memory_order_relaxed);
    if (lc__loop_is_in_order(loop) && loop->budget > 0 && (patient || !others)) {
        loop->budget--;
        return false;
    }
    loop_start_fresh(loop);
    lc__loop_make_ready(loop, fiber);
    fiber_leave(loop, fiber, false);
    return true;
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
