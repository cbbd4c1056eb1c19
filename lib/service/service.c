/*
 * service.c: the main program of a service: one loop over what happens, between the supervisor, the
 * process's signals and the service manager. See <lifecycle/service.h>.
 *
 * The loop is the only one to tell the manager anything, so that what it tells is in order; and it
 * never waits but in one place, so that the watchdog is fed whatever the components do. Each turn
 * looks at everything: that one thing has woken it means nothing for the others.
 */
#include "base/fork.h"
#include "base/options.h"
#include "context/worker.h"
#include "service/pidfile.h"
#include "service/reload.h"
#include "service/remaining.h"
#include "service/report.h"
#include "supervise/given_up.h"
#include "supervise/halt.h"
#include "supervise/policy.h"
#include "wait/signals.h"

#include <lifecycle/log.h>
#include <lifecycle/simulate.h>

#include <bsd/string.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A reload that takes its time must not make us miss what the supervisor has come to. */
#define EVENTS_KEPT 4096
/* At most so many events a turn: they may come without end. */
#define EVENTS_A_TURN 1024
/* How often to look if waiting fails, for want of memory. */
#define LOOK_EVERY (100 * LC_MILLISECOND)
/* As much as a status can tell. */
#define REMAINING_MAX (LC__NOTIFICATION_MAX - 320)

struct service {
    const lc_service_options *options;
    char name[LC_NAME_MAX + 1];
    struct lc__report report;
    struct lc__pidfile pid_file;
    lc_process_signals *signals;
    lc_supervisor *supervisor;
    lc_observer *observer;
    lc_signaler *signaler;
    lc_context *context; /* the supervisor's; ended by a signal */
    struct lc__reload reload;
    bool reload_wanted;
    bool is_started; /* the supervisor; it is not while `configure` is called for the first time */
    lc_error *refusal;      /* why it is not, and will not be; NULL */
    lc_error *reload_error; /* of the last reload; NULL: it went well, or there was none */
    /* What the supervisor has said. */
    bool is_stopping;
    bool is_halting;
    bool gave_up;   /* a node has stopped for good, which the status does not say yet */
    bool is_done;   /* it has ended */
    bool is_silent; /* there are no more events */
    lc_error *why;  /* it stops, or halts */
    /* What became of it. */
    int64_t stop_deadline; /* LC_FOREVER: it has not begun to stop, or may take any time */
    bool overdue;          /* the deadline is over, and it is not */
    bool cannot_wait;      /* which has been logged */
};

/* ---- stopping ---- */

static void begin_stop(struct service *service)
{
    if (service->stop_deadline == LC_FOREVER)
        service->stop_deadline = lc_deadline_after(service->options->stop_timeout);
    service->reload_wanted = false;
    lc__reload_cancel(&service->reload);
}

static void stop_by_signal(struct service *service, int number)
{
    lc_log(LC_LOG_NOTICE, service->name, "stopping: received SIG%s", sigabbrev_np(number));
    begin_stop(service);
    lc__report_set(&service->report, LC__STOPPING, "stopping: received SIG%s",
                   sigabbrev_np(number));
    lc_context_cancel(service->context,
                      lc_error_new(-EINTR, "received SIG%s", sigabbrev_np(number)));
}

static void stop_by_itself(struct service *service)
{
    begin_stop(service);
    if (service->why)
        lc__report_set(&service->report, LC__STOPPING, "stopping: %s",
                       lc_error_message(service->why));
    else
        lc__report_set(&service->report, LC__STOPPING, "stopping: nothing is left to run");
}

static void stop_to_halt(struct service *service)
{
    lc_log(LC_LOG_CRITICAL, service->name,
           "stopping everything in order to halt, since a restart would do harm: %s",
           lc_error_message(service->why));
    begin_stop(service);
    lc__report_set(&service->report, LC__HALTING, "stopping in order to halt: %s",
                   lc_error_message(service->why));
}

/* What holds up the stop: `configure` before anything was started; else nodes, and the reload. */
static void describe_remaining(struct service *service, char *text, size_t size)
{
    if (!service->is_started) {
        strlcpy(text, "configure", size);
        return;
    }
    bool reloads = lc__reload_done(&service->reload) != NULL;
    lc__remaining(service->supervisor, text, size);
    if (!reloads)
        return;
    if (service->is_done)
        strlcpy(text, "the reload", size);
    else
        strlcat(text, "; and the reload", size);
}

static void tell_remaining(struct service *service, int number)
{
    char remaining[REMAINING_MAX];
    describe_remaining(service, remaining, sizeof remaining);
    lc_log(LC_LOG_WARNING, service->name, "received SIG%s; still stopping: %s",
           sigabbrev_np(number), remaining);
    lc__report_set(&service->report, LC__STOPPING, "still stopping: %s", remaining);
}

/* ---- what the supervisor says ---- */

/* It stops, or halts, for this reason. A halt's takes the place of a stop's. */
static void note(struct service *service, bool halts, const lc_error *why)
{
    if (halts ? !service->is_halting : !service->is_stopping) {
        lc_error_unref(service->why);
        service->why = lc_error_ref(why);
    }
    service->is_halting |= halts;
    service->is_stopping = true;
}

static void take_events(struct service *service)
{
    for (int i = 0; i < EVENTS_A_TURN && !service->is_silent; i++) {
        lc_event *event;
        int result = lc_observer_next(service->observer, &event, LC_NOW);
        if (result == -ETIMEDOUT)
            return;
        service->is_silent = result < 0;
        if (result < 0)
            return;
        if (event->kind == LC_EVENT_STOPPING || event->kind == LC_EVENT_HALTING)
            note(service, event->kind == LC_EVENT_HALTING, event->error);
        service->gave_up |= event->kind == LC_EVENT_STATE && event->state == LC_NODE_STOPPED;
        lc_event_free(event);
    }
}

/* It is over, which tells the same as the events, of which some may have been lost. */
static void take_result(struct service *service)
{
    lc_behavior behavior;
    lc_error *result = lc_supervisor_result(service->supervisor, &behavior);
    note(service, behavior == LC_SPIN_HALT, result);
    lc_error_unref(result);
}

/* What has been given up, and a reload that has failed, are part of the status. */
static void report_running(struct service *service)
{
    char without[REMAINING_MAX];
    const lc_error *failed = service->reload_error;
    lc__supervisor_given_up(service->supervisor, without, sizeof without);
    lc__report_set(&service->report, LC__RUNNING, "ready%s%s%s%s",
                   without[0] != '\0' ? ", without: " : "", without,
                   failed ? "; the last reload has failed: " : "",
                   failed ? lc_error_message(failed) : "");
}

static void become_ready(struct service *service)
{
    lc_log(LC_LOG_NOTICE, service->name, "ready");
    report_running(service);
}

/*
 * One that ends well before we look was ready nonetheless: without having been told so, the manager
 * would take its end for a failure.
 */
static void heed_events(struct service *service)
{
    struct lc__report *report = &service->report;
    if (service->is_halting) {
        if (report->phase != LC__HALTING)
            stop_to_halt(service);
        return;
    }
    if (report->phase == LC__STARTING && !service->why &&
        lc_handle_is_closed(lc_supervisor_ready(service->supervisor)))
        become_ready(service);
    if (service->is_stopping && report->phase < LC__STOPPING)
        stop_by_itself(service);
    if (service->gave_up && report->phase == LC__RUNNING)
        report_running(service);
    service->gave_up = false;
}

/* ---- reloads ---- */

/* Takes the error of the last reload over; NULL: there was none. */
static void keep_reload_error(struct service *service, lc_error *error)
{
    lc_error_unref(service->reload_error);
    service->reload_error = error;
}

static void start_supervisor(struct service *service)
{
    service->is_started = true;
    service->refusal =
        lc_component_start(lc_supervisor_component(service->supervisor), service->context);
}

/* The first call of `configure` has ended. */
static void end_configuration(struct service *service, lc_error *error)
{
    if (error)
        service->refusal = lc_error_wrap(error, lc_error_code(error), "configure has failed");
    else if (service->report.phase == LC__STARTING)
        start_supervisor(service);
}

static void end_reload(struct service *service)
{
    lc_handle *done = lc__reload_done(&service->reload);
    if (!done || !lc_handle_is_closed(done))
        return;
    lc_error *error = lc__reload_end(&service->reload);
    if (!service->is_started) {
        end_configuration(service, error);
        return;
    }
    bool goes_on = service->report.phase == LC__RELOADING;
    if (error)
        lc_log(LC_LOG_ERROR, service->name, "the reload has failed: %s", lc_error_message(error));
    else
        lc_log(LC_LOG_NOTICE, service->name, goes_on ? "reloaded" : "the reload has ended");
    keep_reload_error(service, error);
    if (goes_on)
        report_running(service);
}

/* There is nothing to do, but the service manager waits for a message that says so. */
static void answer_reload(struct service *service)
{
    lc__report_set(&service->report, LC__RELOADING, "reloading");
    report_running(service);
}

static void begin_reload(struct service *service)
{
    if (!service->reload_wanted || service->report.phase != LC__RUNNING)
        return;
    service->reload_wanted = false;
    if (!service->options->configure) {
        answer_reload(service);
        return;
    }
    lc_log(LC_LOG_NOTICE, service->name, "reloading");
    lc__report_set(&service->report, LC__RELOADING, "reloading");
    lc_error *error = lc__reload_start(&service->reload, service->options, service->context);
    if (!error)
        return;
    lc_log(LC_LOG_ERROR, service->name, "the reload cannot be begun: %s", lc_error_message(error));
    keep_reload_error(service, error);
    report_running(service);
}

/* ---- signals ---- */

static void ask_for_reload(struct service *service)
{
    service->reload_wanted = true;
    if (!service->options->configure)
        lc_log(LC_LOG_NOTICE, service->name,
               "received SIGHUP, which does nothing: there is no configure function");
}

/* Until the halt itself, which then answers for itself. */
static void answer_before_halt(const struct service *service, int number)
{
    if (number == SIGTERM)
        lc_log(LC_LOG_NOTICE, service->name,
               "received SIGTERM: the process will end without a halt once all has stopped");
    else
        lc_log(LC_LOG_CRITICAL, service->name,
               "SIG%s does not end this process: it is about to halt, since a restart would do "
               "harm (%s); SIGTERM ends it",
               sigabbrev_np(number), lc_error_message(service->why));
}

/*
 * A level more, or less, whatever the service is about. Below the first level there is a log that
 * tells nothing: the program may have set that, and more than that is the first level.
 */
static void change_log_level(const struct service *service, int by)
{
    int level = (int)lc_log_read_level() + by;
    if (by > 0 && level < LC_LOG_CRITICAL)
        level = LC_LOG_CRITICAL;
    if (level < LC_LOG_CRITICAL || level > LC_LOG_DEBUG)
        return;
    lc_log_set_level((lc_log_level)level);
    lc_log(LC_LOG_NOTICE, service->name, "the log level is %s",
           lc_log_level_name((lc_log_level)level));
}

static void take_signal(struct service *service, int number)
{
    if (number == SIGUSR1 || number == SIGUSR2) {
        change_log_level(service, number == SIGUSR1 ? 1 : -1);
        return;
    }
    switch (service->report.phase) {
    case LC__STARTING:
    case LC__RUNNING:
    case LC__RELOADING:
        if (number == SIGHUP)
            ask_for_reload(service);
        else
            stop_by_signal(service, number);
        break;
    case LC__STOPPING:
        if (number == SIGHUP)
            lc_log(LC_LOG_NOTICE, service->name,
                   "received SIGHUP, which does nothing: the service is stopping");
        else
            tell_remaining(service, number);
        break;
    case LC__HALTING:
        answer_before_halt(service, number);
        break;
    }
}

static void take_signals(struct service *service)
{
    int number;
    while ((number = lc_process_signals_next(service->signals, LC_NOW)) > 0)
        take_signal(service, number);
}

/* ---- the loop ---- */

/* Waits until something may have happened. */
static void await(struct service *service, int64_t deadline)
{
    enum { OBSERVER, DONE, READY, RELOADED, SIGNALS, COUNT };
    lc_waitable waitables[COUNT] = {[SIGNALS] = lc_on_signals(service->signals)};
    lc_handle *reloaded = lc__reload_done(&service->reload);
    /* What the last turn has dealt with is not waited for; the rest is LC_WAITABLE_NONE. */
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

/* Nothing runs that was started, and nothing will be. */
static bool is_over(const struct service *service)
{
    bool ends = service->refusal || service->report.phase >= LC__STOPPING;
    return (service->is_done || (!service->is_started && ends) || service->refusal) &&
           !lc__reload_done(&service->reload);
}

/* Looks at everything. @return whether the loop is over. */
static bool turn(struct service *service)
{
    service->is_done = lc_handle_is_closed(lc_supervisor_done(service->supervisor));
    take_events(service);
    if (service->is_done)
        take_result(service);
    heed_events(service);
    end_reload(service);
    if (is_over(service))
        return true;
    take_signals(service);
    begin_reload(service);
    service->overdue = lc_now() >= service->stop_deadline;
    return service->overdue;
}

static void run(struct service *service)
{
    while (!turn(service)) {
        int64_t beat = lc__report_beat(&service->report);
        await(service, beat < service->stop_deadline ? beat : service->stop_deadline);
    }
}

/* ---- the halt ---- */

struct halting {
    struct service *service;
    const lc_error *why;
    int64_t reminder_due;
};

static void halted(const lc_error *error, void *arg)
{
    struct service *service = ((struct halting *)arg)->service;
    lc__report_set(&service->report, LC__HALTING, "halted until SIGTERM%s: %s",
                   service->overdue ? ", though not all has stopped" : "", lc_error_message(error));
    if (service->options->on_halt)
        service->options->on_halt(error, service->options->on_halt_arg);
}

/* The process is not named in a simulation, where each run is to log the same. */
static void remind(const struct halting *halting)
{
    char command[32] = "kill -TERM";
    if (!lc_is_simulated())
        snprintf(command, sizeof command, "kill -TERM %d", (int)getpid());
    lc_log(LC_LOG_CRITICAL, halting->service->name,
           "still halted, since a restart would do harm: %s; SIGTERM ends it: %s",
           lc_error_message(halting->why), command);
}

static int64_t beat(void *arg)
{
    struct halting *halting = arg;
    int64_t next = lc__report_beat(&halting->service->report);
    if (lc_now() >= halting->reminder_due) {
        remind(halting);
        halting->reminder_due = lc_deadline_after(halting->service->options->halt_reminder);
    }
    return next < halting->reminder_due ? next : halting->reminder_due;
}

/* Our own watch stays until after it: between the two SIGINT would end the process. */
static int halt(struct service *service, const lc_error *why)
{
    struct halting halting = {service, why, lc_deadline_after(service->options->halt_reminder)};
    const struct lc__halt_beat beats = {beat, &halting};
    lc__spin_halt(why, halted, &halting, &beats);
    return LC_EXIT_HALTED;
}

/* ---- the end ---- */

static void name_overdue(struct service *service)
{
    char remaining[REMAINING_MAX];
    describe_remaining(service, remaining, sizeof remaining);
    lc_log(LC_LOG_CRITICAL, service->name,
           "has not stopped in %.1f s, and is not waited for any longer: %s",
           (double)service->options->stop_timeout / (double)LC_SECOND, remaining);
    lc__report_set(&service->report, service->report.phase, "not stopped in time: %s", remaining);
}

/* It has stopped because it was told to, and with no other error than that. */
static bool is_clean(const struct service *service, const lc_error *result)
{
    return !result || result == lc_context_error(service->context);
}

static int judge(struct service *service, const lc_error *result)
{
    if (is_clean(service, result)) {
        lc_log(LC_LOG_NOTICE, service->name, "ended");
        return LC_EXIT_CLEAN;
    }
    lc_log(LC_LOG_ERROR, service->name, "ended by an error: %s", lc_error_message(result));
    lc__report_set(&service->report, LC__STOPPING, "ended by an error: %s",
                   lc_error_message(result));
    return LC_EXIT_ERROR;
}

static int refuse(struct service *service)
{
    const char *why = lc_error_message(service->refusal);
    lc_log(LC_LOG_ERROR, service->name, "cannot start: %s", why);
    lc__report_set(&service->report, LC__STARTING, "cannot start: %s", why);
    return LC_EXIT_ERROR;
}

/* @return the exit status. */
static int conclude(struct service *service)
{
    if (service->refusal)
        return refuse(service);
    lc_error *result = lc_supervisor_result(service->supervisor, NULL);
    int status = LC_EXIT_ERROR;
    if (service->overdue)
        name_overdue(service);
    if (service->is_halting)
        status = halt(service, result ? result : service->why);
    else if (!service->overdue)
        status = judge(service, result);
    lc_error_unref(result);
    return status;
}

/* Workers are alive, and what they use must stay: nothing is taken down but what others see. */
static void leave(struct service *service, int status)
{
    lc__pidfile_close(&service->pid_file);
    lc_log_flush();
    _exit(status);
}

/* ---- the beginning ---- */

static lc_error *check_options(const lc_service_options *options)
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

static void fill_in_defaults(lc_service_options *options)
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

/* `options` is to be let go of, whatever is returned: it may have a supervisor. */
static lc_error *read_options(lc_service_options *options, const lc_service_options *given)
{
    const char *name = "service";
    lc_error *error = lc__options_read(options, sizeof *options, given, "lc_service_options");
    if (!error && options->name)
        error = lc__policy_name(&options->name, NULL, "lc_service_options.name");
    if (!error)
        error = check_options(options);
    if (error)
        return error;
    fill_in_defaults(options);
    if (options->supervisor)
        return NULL;
    const lc_supervisor_options own = {.size = sizeof own,
                                       .name = options->name ? options->name : name,
                                       .nodes = options->nodes,
                                       .log_states = options->log_states};
    return lc_supervisor_new(&own, &options->supervisor);
}

/* First of all: a file that got the number of standard error would be logged into. */
static lc_error *open_standard(void)
{
    int result = lc_is_simulated() ? 0 : lc_standard_fds_open();
    return result < 0
               ? lc_error_new_errno(-result,
                                    "a standard descriptor is closed, and /dev/null cannot be "
                                    "opened in its place")
               : NULL;
}

static void set_name(struct service *service)
{
    const char *name = service->options->name;
    lc_snapshot *snapshot = name ? NULL : lc_supervisor_snapshot(service->supervisor);
    if (!name)
        name = snapshot ? snapshot->name : "service";
    strlcpy(service->name, name, sizeof service->name);
    lc_snapshot_free(snapshot);
}

static lc_error *watch_signals(struct service *service)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
    size_t count = service->options->log_level_signals ? 5 : 3;
    lc_error *error = lc_process_signals_new(numbers, count, &service->signals);
    return error ? lc_error_wrap(error, lc_error_code(error), "signals cannot be handled") : NULL;
}

static lc_error *start(struct service *service)
{
    /* First of all, so that a signal does not leave the pid file behind. */
    lc_error *error = watch_signals(service);
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
    start_supervisor(service);
    return NULL;
}

/*
 * What the supervisor has reported upward is what it has returned. A service that has run is about
 * to exit with its status: another signal must not end it first.
 */
static void end(struct service *service, bool has_run)
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
    if (lc__reload_done(&service->reload)) /* overdue, in a simulation */
        lc_error_unref(lc__reload_end(&service->reload));
    lc_context_unref(service->context);
    lc_signaler_unref(service->signaler);
    lc__report_end(&service->report);
    lc__pidfile_close(&service->pid_file);
    lc_log_flush(); /* logs how many lines were lost while there is time */
}

static int serve(const lc_service_options *options)
{
    struct service service = {
        .options = options, .supervisor = options->supervisor, .stop_deadline = LC_FOREVER};
    set_name(&service);
    lc__report_begin(&service.report, options, service.name);
    lc_error *error = start(&service);
    if (error)
        service.refusal = error;
    bool has_run = !service.refusal;
    if (has_run)
        run(&service);
    int status = conclude(&service);
    if (service.overdue && !lc_is_simulated())
        leave(&service, status);
    end(&service, has_run);
    return status;
}

/* Not from a worker, whose own end it would wait for, and not in a simulation. */
static void shut_down_library(const lc_service_options *options)
{
    if (!options->keep_library && !lc_is_simulated() && !lc_is_fiber() && !lc__worker_context())
        lc_library_shutdown();
}

int lc_service_main(const lc_service_options *given)
{
    lc_service_options options = {0};
    int status = LC_EXIT_ERROR;
    lc_error *error = open_standard();
    if (!error)
        error = read_options(&options, given);
    if (error)
        lc_log(LC_LOG_CRITICAL, options.name, "cannot start: %s", lc_error_message(error));
    else
        status = serve(&options);
    lc_error_unref(error);
    lc_supervisor_unref(options.supervisor);
    shut_down_library(&options);
    return status;
}
