/*
 * options.c: see options.h.
 */
#include "service/options.h"

#include "base/fork.h"
#include "base/options.h"
#include "supervise/policy.h"

#include <errno.h>

static lc_error *service_options_check(const lc_service_options *options)
{
    if (options->pid_file && options->pid_file[0] != '/')
        return lc_error_new(-EINVAL,
                            "lc_service_main: pid_file is \"%s\", not a path from the root",
                            options->pid_file);
    if (options->stop_timeout < 0 || options->halt_reminder < 0 || options->watchdog < 0)
        return lc_error_new(-EINVAL,
                            "lc_service_main: stop_timeout is %lld, halt_reminder is %lld and "
                            "watchdog is %lld; each must be 0 or more",
                            (long long)options->stop_timeout, (long long)options->halt_reminder,
                            (long long)options->watchdog);
    if (options->start_timeout < 0 || options->reload_timeout < 0)
        return lc_error_new(-EINVAL,
                            "lc_service_main: start_timeout is %lld and reload_timeout is %lld; "
                            "both must be 0 or more",
                            (long long)options->start_timeout, (long long)options->reload_timeout);
    if (!options->supervisor == !options->nodes)
        return lc_error_new(-EINVAL, "lc_service_main: give it either nodes or a supervisor");
    if (lc__forked())
        return lc_error_new(-ENOTSUP,
                            "a service cannot run in a child forked when there were workers");
    return NULL;
}

static void service_options_fill(lc_service_options *options)
{
    if (options->stop_timeout == 0)
        options->stop_timeout = 30 * LC_SECOND;
    if (options->halt_reminder == 0)
        options->halt_reminder = LC_MINUTE;
    if ((unsigned)options->kind == 0)
        options->kind = lc_is_fiber() ? LC_FIBER : LC_THREAD;
    if (!options->on_halt_arg)
        options->on_halt_arg = options->arg;
    if (!options->notify_arg)
        options->notify_arg = options->arg;
}

LC__OPTIONS_END(lc_service_options, reload_timeout);

lc_error *lc__service_options_read(lc_service_options *options, const lc_service_options *given)
{
    const char *name = "service";
    lc_error *error = lc__options_read(options, sizeof *options, given, "lc_service_options");
    if (!error && options->name)
        error = lc__policy_name(&options->name, NULL, "lc_service_options.name");
    if (!error)
        error = service_options_check(options);
    if (error)
        return error;
    service_options_fill(options);
    if (options->supervisor)
        return NULL;
    const lc_supervisor_options own = {.size = sizeof own,
                                       .name = options->name ? options->name : name,
                                       .nodes = options->nodes,
                                       .log_states = options->log_states};
    return lc_supervisor_new(&own, &options->supervisor);
}
