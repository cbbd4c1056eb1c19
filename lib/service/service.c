/*
 * service.c: the main program of a service: a loop between the supervisor, the process's signals
 * and the service manager. See <lifecycle/service.h>.
 *
 * All messages to the service manager come from the loop's thread, so they are in order. The loop
 * waits in one place, service_await(), and at most until the next message is due: so it feeds the
 * watchdog whatever the components do. Each turn looks at everything, whatever has woken it, so it
 * never misses something that happened during the turn before.
 */
#include "base/name.h"
#include "context/worker.h"
#include "service/events.h"
#include "service/halting.h"
#include "service/options.h"
#include "service/reloads.h"
#include "service/signals.h"
#include "service/state.h"
#include "wait/signals.h"

#include <lifecycle/log.h>
#include <lifecycle/simulate.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* The observer keeps so many events while the loop is busy. */
#define EVENTS_KEPT 4096
/* The time between two turns if a wait fails for want of memory. */
#define LOOK_EVERY (100 * LC_MILLISECOND)

/* ---- the loop ---- */

/* Waits until a turn may find something new. */
static void service_await(struct lc__service *service, int64_t deadline)
{
    enum { OBSERVER, DONE, READY, RELOADED, SIGNALS, COUNT };
    lc_waitable waitables[COUNT] = {[SIGNALS] = lc_on_signals(service->signals)};
    lc_handle *reloaded = lc__reload_done(&service->reload);
    /* What needs no turn any more stays LC_WAITABLE_NONE. */
    if (!service->is_silent)
        waitables[OBSERVER] = lc_on_observer(service->observer);
    if (!service->is_done)
        waitables[DONE] = lc_on_handle(lc_supervisor_done(service->supervisor));
    if (service->report.phase == LC__STARTING)
        waitables[READY] = lc_on_handle(lc_supervisor_ready(service->supervisor));
    if (reloaded)
        waitables[RELOADED] = lc_on_handle(reloaded);
    int result = lc_wait_any(waitables, COUNT, deadline);
    if (result >= 0 || result == -ETIMEDOUT)
        return;
    if (!service->cannot_wait)
        lc_log(LC_LOG_ERROR, service->name, "cannot wait, so looks every 0.1 s: %s",
               strerror(-result));
    service->cannot_wait = true;
    lc_sleep(LOOK_EVERY);
}

/* Nothing runs, and nothing will be started. */
static bool service_is_over(const struct lc__service *service)
{
    bool ends = service->refusal || service->report.phase >= LC__STOPPING;
    return (service->is_done || (!service->is_started && ends) || service->refusal) &&
           !lc__reload_done(&service->reload);
}

/* @return whether the loop ends. */
static bool service_turn(struct lc__service *service)
{
    service->is_done = lc_handle_is_closed(lc_supervisor_done(service->supervisor));
    lc__service_take_events(service);
    if (service->is_done)
        lc__service_take_result(service);
    lc__service_follow_events(service);
    lc__service_end_reload(service);
    if (service_is_over(service))
        return true;
    lc__service_take_signals(service);
    lc__service_begin_reload(service);
    service->overdue = lc_now() >= service->stop_deadline;
    return service->overdue;
}

static void service_run(struct lc__service *service)
{
    while (!service_turn(service)) {
        int64_t beat = lc__report_beat(&service->report);
        service_await(service, beat < service->stop_deadline ? beat : service->stop_deadline);
    }
}

/* ---- the end ---- */

static void service_name_overdue(struct lc__service *service)
{
    char remaining[LC__REMAINING_MAX];
    lc__service_describe_remaining(service, remaining, sizeof remaining);
    lc_log(LC_LOG_CRITICAL, service->name,
           "has not stopped in %.1f s, and is not waited for any longer: %s",
           (double)service->options->stop_timeout / (double)LC_SECOND, remaining);
    lc__report_set(&service->report, service->report.phase, "not stopped in time: %s", remaining);
}

/* Whether the supervisor has no other error than that of the signal that stopped it. */
static bool service_result_is_clean(const struct lc__service *service, const lc_error *result)
{
    return !result || result == lc_context_error(service->context);
}

static int service_judge(struct lc__service *service, const lc_error *result)
{
    if (service_result_is_clean(service, result)) {
        lc_log(LC_LOG_NOTICE, service->name, "ended");
        return LC_EXIT_CLEAN;
    }
    lc_log(LC_LOG_ERROR, service->name, "ended by an error: %s", lc_error_message(result));
    lc__report_set(&service->report, LC__STOPPING, "ended by an error: %s",
                   lc_error_message(result));
    return LC_EXIT_ERROR;
}

static int service_refuse(struct lc__service *service)
{
    const char *why = lc_error_message(service->refusal);
    lc_log(LC_LOG_ERROR, service->name, "cannot start: %s", why);
    lc__report_set(&service->report, LC__STARTING, "cannot start: %s", why);
    return LC_EXIT_ERROR;
}

/* @return the exit status. */
static int service_conclude(struct lc__service *service)
{
    if (service->refusal)
        return service_refuse(service);
    lc_error *result = lc_supervisor_result(service->supervisor, NULL);
    int status = LC_EXIT_ERROR;
    if (service->overdue)
        service_name_overdue(service);
    if (service->is_halting)
        status = lc__service_halt(service, result ? result : service->why);
    else if (!service->overdue)
        status = service_judge(service, result);
    lc_error_unref(result);
    return status;
}

/* Ends the process while workers run: what they use is not freed. */
static void service_leave(struct lc__service *service, int status)
{
    lc__pidfile_close(&service->pid_file);
    lc_log_flush();
    _exit(status);
}

/* ---- the beginning ---- */

/* Before any file is opened: one that got the number of standard error would be logged into. */
static lc_error *standard_fds_open(void)
{
    int result = lc_is_simulated() ? 0 : lc_standard_fds_open();
    return result < 0
               ? lc_error_new_errno(-result,
                                    "a standard descriptor is closed, and /dev/null cannot be "
                                    "opened in its place")
               : NULL;
}

static void service_set_name(struct lc__service *service)
{
    const char *name = service->options->name;
    lc_snapshot *snapshot = name ? NULL : lc_supervisor_snapshot(service->supervisor);
    if (!name)
        name = snapshot ? snapshot->name : "service";
    lc__name_copy(service->name, name);
    lc_snapshot_free(snapshot);
}

static lc_error *service_watch_signals(struct lc__service *service)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
    size_t count = service->options->log_level_signals ? 5 : 3;
    lc_error *error = lc_process_signals_new(numbers, count, &service->signals);
    return error ? lc_error_wrap(error, lc_error_code(error), "signals cannot be handled") : NULL;
}

static lc_error *service_start(struct lc__service *service)
{
    /* Before the pid file exists: a signal would leave it behind. */
    lc_error *error = service_watch_signals(service);
    if (!error && service->options->pid_file && !lc_is_simulated())
        error = lc__pidfile_open(&service->pid_file, service->options->pid_file);
    if (error)
        return error;
    service->signaler = lc_signaler_new();
    service->context = lc_context_with_signaler(NULL, service->signaler);
    service->observer = lc_supervisor_observe(service->supervisor, EVENTS_KEPT);
    if (!service->context || !service->observer)
        return lc_error_new(-ENOMEM, "there is no memory for the service");
    lc__report_set(&service->report, LC__STARTING, "starting");
    if (service->options->configure)
        return lc__reload_start(&service->reload, service->options, service->context);
    lc__service_start_supervisor(service);
    return NULL;
}

/*
 * The signaler has the error that the supervisor has returned too. A service that has run is about
 * to exit with its status: another signal must not end it before that.
 */
static void service_end(struct lc__service *service, bool has_run)
{
    lc_observer_free(service->observer);
    if (has_run)
        lc__signals_unwatch_and_ignore(service->signals);
    else
        lc_process_signals_free(service->signals);
    if (service->signaler)
        lc_error_unref(lc_signaler_take(service->signaler));
    lc_error_unref(service->why);
    lc_error_unref(service->reload_error);
    lc_error_unref(service->refusal);
    if (lc__reload_done(&service->reload)) /* in a simulation: the reload is overdue */
        lc_error_unref(lc__reload_end(&service->reload));
    lc_context_unref(service->context);
    lc_signaler_unref(service->signaler);
    lc__report_end(&service->report);
    lc__pidfile_close(&service->pid_file);
    lc_log_flush(); /* also logs how many lines were lost */
}

static int service_serve(const lc_service_options *options)
{
    struct lc__service service = {
        .options = options, .supervisor = options->supervisor, .stop_deadline = LC_FOREVER};
    service_set_name(&service);
    lc__report_begin(&service.report, options, service.name);
    lc_error *error = service_start(&service);
    if (error)
        service.refusal = error;
    bool has_run = !service.refusal;
    if (has_run)
        service_run(&service);
    int status = service_conclude(&service);
    if (service.overdue && !lc_is_simulated())
        service_leave(&service, status);
    service_end(&service, has_run);
    return status;
}

/* Not in a worker, for which the shutdown would wait, and not in a simulation. */
static void service_shut_down_library(const lc_service_options *options)
{
    if (!options->keep_library && !lc_is_simulated() && !lc_is_fiber() && !lc__worker_context())
        lc_library_shutdown();
}

int lc_service_main(const lc_service_options *given)
{
    lc_service_options options = {0};
    int status = LC_EXIT_ERROR;
    lc_error *error = standard_fds_open();
    if (!error)
        error = lc__service_options_read(&options, given);
    if (error)
        lc_log(LC_LOG_CRITICAL, options.name, "cannot start: %s", lc_error_message(error));
    else
        status = service_serve(&options);
    lc_error_unref(error);
    lc_supervisor_unref(options.supervisor);
    service_shut_down_library(&options);
    return status;
}
