/*
 * executor_options.c: see executor_options.h.
 */
#include "executor/executor_options.h"

#include "base/options.h"
#include "executor/executor.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { NAME_MAX_OF_EXECUTOR = sizeof((lc_executor *)0)->name - 1 };

LC__OPTIONS_END(lc_executor_options, stall_limit);

static lc_error *executor_options_check(const lc_executor_options *options)
{
    size_t length = strnlen(options->name, NAME_MAX_OF_EXECUTOR + 1);
    if (length < 1 || length > NAME_MAX_OF_EXECUTOR)
        return lc_error_new(-EINVAL, "an executor needs a name of 1 to %d bytes",
                            NAME_MAX_OF_EXECUTOR);
    if (options->threads > LC_EXECUTOR_THREADS_MAX)
        return lc_error_new(-EINVAL,
                            "executor \"%s\" asks for %u threads: at most %d, or 0 for as many as "
                            "there are processors",
                            options->name, options->threads, LC_EXECUTOR_THREADS_MAX);
    if (options->stack_size != 0 &&
        (options->stack_size < LC_FIBER_STACK_MIN || options->stack_size > LC_FIBER_STACK_MAX))
        return lc_error_new(
            -EINVAL,
            "executor \"%s\" asks for stacks of %zu bytes: %zu to %zu, or 0 for the "
            "default",
            options->name, options->stack_size, LC_FIBER_STACK_MIN, LC_FIBER_STACK_MAX);
    if (options->idle_timeout < LC_NONE)
        return lc_error_new(-EINVAL,
                            "executor \"%s\" has an idle_timeout of %" PRId64
                            " ns: above 0, 0 for ten seconds, or LC_NONE for none",
                            options->name, options->idle_timeout);
    if (options->stall_limit < LC_NONE)
        return lc_error_new(-EINVAL,
                            "executor \"%s\" has a stall_limit of %" PRId64
                            " ns: above 0, 0 for 100 ms, or LC_NONE for none",
                            options->name, options->stall_limit);
    return NULL;
}

/* Replaces zero and LC_NONE. lc__executor_make replaces a stack_size and threads of zero. */
static void executor_options_complete(lc_executor_options *options)
{
    if (options->idle_timeout == 0)
        options->idle_timeout = 10 * LC_SECOND;
    else if (options->idle_timeout == LC_NONE)
        options->idle_timeout = 0;
    if (options->stall_limit == 0)
        options->stall_limit = 100 * LC_MILLISECOND;
    else if (options->stall_limit == LC_NONE)
        options->stall_limit = LC_FOREVER;
}

lc_error *lc__executor_options_read(lc_executor_options *options, const lc_executor_options *given)
{
    lc_error *mistake = lc__options_read(options, sizeof *options, given, "lc_executor_options");
    if (!options->name)
        options->name = "executor";
    if (!mistake)
        mistake = executor_options_check(options);
    executor_options_complete(options);
    return mistake;
}
