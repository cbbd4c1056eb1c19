/*
 * spawn.c: see spawn.h and <lifecycle/executor.h>.
 */
#include "executor/spawn.h"

#include "base/clock.h"
#include "base/fork.h"
#include "base/name.h"
#include "base/options.h"
#include "executor/executor_make.h"
#include "executor/executor_threads.h"
#include "executor/fiber_switch.h"
#include "executor/placement.h"
#include "executor/thread_group.h"

#include <lifecycle/log.h>
#include <lifecycle/manager.h>

#include <errno.h>
#include <sched.h>

#ifdef LC__TSAN
#pragma clang attribute push(LC__OF_ITS_THREAD, apply_to = function)
#endif

static lc_executor *fiber_executor(const struct lc__fiber_options *options)
{
    struct lc__fiber *fiber = lc__fiber_current();
    if (options->executor)
        return options->executor;
    if (options->group)
        return options->group->executor;
    return fiber ? fiber->loop->executor : lc__executor_default();
}

/* Makes a fiber in the loop of another thread, or of none. */
static int fiber_make_there(struct lc__loop *loop, const struct lc__fiber_options *options,
                            size_t stack_size)
{
    int result = lc__loop_book(loop);
    if (result == 0)
        result = lc__fiber_make(loop, options, stack_size);
    lc__loop_unbook(loop);
    return result;
}

int lc__fiber_start(const struct lc__fiber_options *options)
{
    if (lc__forked())
        return -ENOTSUP;
    lc_executor *executor = fiber_executor(options);
    if (!executor)
        return -ENOMEM;
    if (lc__task_current()->simulation != executor->simulation)
        return -ENOTSUP; /* a fiber starts no fiber in another world */
    if (atomic_load_explicit(&executor->closing, memory_order_relaxed))
        return -ESHUTDOWN;
    size_t stack_size = options->stack_size ? options->stack_size : executor->stack_size;
    if (stack_size > LC_FIBER_STACK_MAX)
        return -E2BIG;
    struct lc__loop *loop = lc__executor_place(executor, options->group, options->spread);
    if (!loop)
        return -ENOMEM;
    return lc__loop_is_here(loop) ? lc__fiber_make(loop, options, stack_size)
                                  : fiber_make_there(loop, options, stack_size);
}

/* ---- the public functions ---- */

LC__OPTIONS_END(lc_fiber_options, group);

static lc_error *fiber_options_check(const lc_fiber_options *options)
{
    lc_error *mistake = lc__name_check("a fiber", options->name);
    if (mistake)
        return mistake;
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
