/*
 * signals.c: see signals.h.
 */
#include "service/signals.h"

#include <lifecycle/log.h>

#include <signal.h>
#include <string.h>

static void service_ask_for_reload(struct lc__service *service)
{
    service->reload_wanted = true;
    if (!service->options->configure)
        lc_log(LC_LOG_NOTICE, service->name,
               "received SIGHUP, which does nothing: there is no configure function");
}

/* Before the halt itself: lc__spin_halt answers signals after that. */
static void service_answer_before_halt(const struct lc__service *service, int number)
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
 * Raises or lowers the log's level by one. The program may have switched the log off; one level
 * more than that is LC_LOG_CRITICAL.
 */
static void service_change_log_level(const struct lc__service *service, int by)
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

static void service_take_signal(struct lc__service *service, int number)
{
    if (number == SIGUSR1 || number == SIGUSR2) {
        service_change_log_level(service, number == SIGUSR1 ? 1 : -1);
        return;
    }
    switch (service->report.phase) {
    case LC__STARTING:
    case LC__RUNNING:
    case LC__RELOADING:
        if (number == SIGHUP)
            service_ask_for_reload(service);
        else
            lc__service_stop_by_signal(service, number);
        break;
    case LC__STOPPING:
        if (number == SIGHUP)
            lc_log(LC_LOG_NOTICE, service->name,
                   "received SIGHUP, which does nothing: the service is stopping");
        else
            lc__service_tell_remaining(service, number);
        break;
    case LC__HALTING:
        service_answer_before_halt(service, number);
        break;
    }
}

void lc__service_take_signals(struct lc__service *service)
{
    int number;
    while ((number = lc_process_signals_next(service->signals, LC_NOW)) > 0)
        service_take_signal(service, number);
}
