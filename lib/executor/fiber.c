/*
 * fiber.c: making fibers, and what can be asked of them. See fiber.h and <lifecycle/executor.h>;
 * loop.c runs them.
 */
#include "executor/fiber.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/options.h"
#include "executor/executor_make.h"
#include "executor/executor_threads.h"
#include "executor/job.h"
#include "executor/loop.h"
#include "executor/placement.h"
#include "executor/simulation.h"
#include "executor/stack.h"
#include "executor/switch.h"

#include <lifecycle/log.h>
#include <lifecycle/manager.h>

#include <errno.h>
#include <sched.h>
#include <string.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

_Static_assert(sizeof((struct lc__fiber *)0)->name > LC_NAME_MAX, "there is room for a name");

enum { NAME_WORDS = sizeof((struct lc__fiber *)0)->name / sizeof(uint64_t) };

/* In words, up to the one with the end in it. */
static void set_name(struct lc__fiber *fiber, const char *name)
{
    size_t size = strnlen(name, LC_NAME_MAX) + 1;
    /* Release: who reads the new name sees that the fiber before is gone. See note in monitor.c. */
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i * sizeof(uint64_t) < size; i++) {
        uint64_t word = 0;
        size_t left = size - 1 - i * sizeof word;
        memcpy(&word, name + i * sizeof word, left < sizeof word ? left : sizeof word);
        atomic_store_explicit(&fiber->name[i], word, memory_order_relaxed);
    }
}

const char *lc__fiber_name(const struct lc__fiber *fiber)
{
    return (const char *)(uintptr_t)fiber->name;
}

void lc__fiber_copy_name(const struct lc__fiber *fiber, char *name)
{
    struct lc__job *job = atomic_load_explicit(&fiber->job, memory_order_acquire);
    if (job) {
        job->kind->copy_name(job, name);
        return;
    }
    uint64_t words[NAME_WORDS] = {0};
    for (size_t i = 0; i < NAME_WORDS; i++)
        words[i] = atomic_load_explicit(&fiber->name[i], memory_order_relaxed);
    memcpy(name, words, LC_NAME_MAX);
    name[LC_NAME_MAX] = '\0';
}

/*
 * The first fiber of the executor, but those that are finishing, that `suits` (NULL: any does). It
 * may be ending just now, and its memory be given back. NULL: there is none.
 */
static struct lc__fiber *fiber_find(const lc_executor *executor, bool (*suits)(struct lc__fiber *))
{
    for (const struct lc__slab *slab = lc__slabs(); slab; slab = slab->next) {
        for (unsigned i = 0; i < slab->count; i++) {
            struct lc__fiber *fiber = lc__slab_fiber(slab, i);
            /* Acquire: see init. */
            if (atomic_load_explicit(&fiber->state, memory_order_acquire) == LC__FIBER_FREE)
                continue;
            const struct lc__loop *loop = fiber->loop;
            if (fiber->finishing || !loop || loop->executor != executor || (suits && !suits(fiber)))
                continue;
            return fiber;
        }
    }
    return NULL;
}

bool lc__fiber_name_one(const lc_executor *executor, char *name)
{
    const struct lc__fiber *fiber = fiber_find(executor, NULL);
    if (fiber)
        lc__fiber_copy_name(fiber, name);
    return fiber != NULL;
}

/*
 * As lc__task_waits, which would touch a task that it takes for a thread's: this may be none now.
 */
static bool fiber_is_waiting(struct lc__fiber *fiber)
{
    unsigned long parks = atomic_load_explicit(&fiber->task.parks, memory_order_acquire);
    return parks - atomic_load_explicit(&fiber->task.wakes, memory_order_acquire) == 1;
}

bool lc__fiber_any_waits(const lc_executor *executor)
{
    return fiber_find(executor, fiber_is_waiting) != NULL;
}

static void init(struct lc__fiber *fiber, const struct lc__fiber_options *options,
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
    atomic_store_explicit(&fiber->job, NULL, memory_order_relaxed);
    set_name(fiber, options->name);
    fiber->sp = lc__switch_prepare(lc__stack_low(fiber), fiber, lc__loop_fiber_main, fiber);
    /* Everything is written before: who looks at all fibers looks at those that are not free. */
    atomic_store_explicit(&fiber->state, LC__FIBER_NEW, memory_order_release);
    lc__sanitizer_stack_begins(&fiber->sanitizer, lc__stack_low(fiber), lc__stack_usable(fiber));
}

static lc_executor *executor_for(const struct lc__fiber_options *options)
{
    struct lc__fiber *fiber = lc__fiber_current();
    if (options->executor)
        return options->executor;
    if (options->group)
        return options->group->executor;
    return fiber ? fiber->loop->executor : lc__executor_default();
}

/* Puts a new fiber where it is to run, of which nobody but the caller knows so far. */
static int put(struct lc__loop *loop, const struct lc__fiber_options *options, size_t stack_size)
{
    struct lc__fiber *fiber = lc__loop_take_stack(loop, stack_size);
    if (!fiber)
        return -ENOMEM;
    init(fiber, options, loop);
    if (loop->simulation && lc__simulation_admit(loop->simulation, fiber) < 0) {
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

/*
 * The loop is another thread's, or nobody's. Booked before its thread is looked for, so that this
 * does not leave before the fiber is there; and counted as a waker, so that the loop is still there
 * to be poked.
 */
static int hand_over(struct lc__loop *loop, const struct lc__fiber_options *options,
                     size_t stack_size)
{
    lc_executor *executor = loop->executor;
    atomic_fetch_add_explicit(&loop->wakers, 1, memory_order_relaxed);
    atomic_fetch_add(&loop->bookings, 1);
    atomic_fetch_add(&executor->moves_begun, 1);
    int result = lc__executor_need_thread(loop);
    if (result == 0)
        result = put(loop, options, stack_size);
    atomic_fetch_add(&executor->moves_ended, 1);
    /* Poked when the booking is over: a thread that stays for nothing else is to see that it is. */
    atomic_fetch_sub(&loop->bookings, 1);
    lc__loop_poke(loop);
    /* Release: after this the loop may be freed. */
    atomic_fetch_sub_explicit(&loop->wakers, 1, memory_order_release);
    return result;
}

/* What is real starts nothing in a simulation, nor the other way round. */
static bool is_of_this_world(const struct lc__fiber_options *options, const lc_executor *executor)
{
    return options->pinned || options->late ||
           lc__task_current()->simulation == executor->simulation;
}

int lc__fiber_start(const struct lc__fiber_options *options)
{
    if (lc__forked())
        return -ENOTSUP;
    lc_executor *executor = executor_for(options);
    if (!executor)
        return -ENOMEM;
    if (!is_of_this_world(options, executor))
        return -ENOTSUP;
    if (atomic_load_explicit(&executor->closing, memory_order_relaxed) && !options->late)
        return -ESHUTDOWN;
    size_t stack_size = options->stack_size ? options->stack_size : executor->stack_size;
    if (stack_size > LC_FIBER_STACK_MAX)
        return -E2BIG;
    struct lc__loop *loop = options->pinned
                                ? lc__loop_of_thread
                                : lc__executor_place(executor, options->group, options->spread);
    if (!loop)
        return -ENOMEM;
    bool here = loop == lc__loop_of_thread || loop->simulation;
    return here ? put(loop, options, stack_size) : hand_over(loop, options, stack_size);
}

/* ---- what users call ---- */

LC__OPTIONS_END(lc_fiber_options, group);

static lc_error *fiber_options_check(const lc_fiber_options *options)
{
    size_t length = strnlen(options->name, LC_NAME_MAX + 1);
    if (length < 1 || length > LC_NAME_MAX)
        return lc_error_new(-EINVAL, "a fiber needs a name of 1 to %d bytes", LC_NAME_MAX);
    if (!options->run)
        return lc_error_new(-EINVAL, "fiber \"%s\" has no function to run", options->name);
    if (options->stack_size > LC_FIBER_STACK_MAX)
        return lc_error_new(-E2BIG, "fiber \"%s\" asks for a stack of %zu bytes: at most %zu",
                            options->name, options->stack_size, LC_FIBER_STACK_MAX);
    if (options->group && options->executor && options->group->executor != options->executor)
        return lc_error_new(-EINVAL, "fiber \"%s\" has a group of another executor than its own",
                            options->name);
    return NULL;
}

/* @return 0, or the code of a mistake, which is logged. */
static int fiber_options_read(lc_fiber_options *options, const lc_fiber_options *given)
{
    lc_error *mistake = lc__options_read(options, sizeof *options, given, "lc_fiber_options");
    if (!options->name)
        options->name = "fiber";
    if (!mistake)
        mistake = fiber_options_check(options);
    if (!mistake)
        return 0;
    int code = lc_error_code(mistake);
    lc_log(LC_LOG_ERROR, NULL, "%s", lc_error_message(mistake));
    lc_error_unref(mistake);
    return code;
}

int lc_fiber_start(const lc_fiber_options *given)
{
    lc_fiber_options options;
    int mistake = fiber_options_read(&options, given);
    if (mistake < 0)
        return mistake;
    const struct lc__fiber_options fiber = {
        .name = options.name,
        .stack_size = options.stack_size,
        .run = options.run,
        .arg = options.arg,
        .executor = options.executor,
        .group = options.group,
        .spread = options.spread,
    };
    return lc__fiber_start(&fiber);
}

bool lc_is_fiber(void)
{
    return lc__fiber_current() != NULL;
}

void lc_yield(void)
{
    lc__task_check();
    if (lc__fiber_current())
        lc__fiber_yield();
    else
        sched_yield();
}

#ifdef LC__TSAN
#pragma clang attribute pop
#endif
