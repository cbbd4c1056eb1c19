/*
 * reloads.c: see reloads.h.
 */
#include "service/reloads.h"

#include "base/assert.h"
#include "service/events.h"

#include <lifecycle/log.h>

/* Takes over the error of the last reload; NULL: it has not failed. */
static void service_keep_reload_error(struct lc__service *service, lc_error *error)
{
    lc_error_unref(service->reload_error);
    service->reload_error = error;
}

void lc__service_start_supervisor(struct lc__service *service)
{
    LC__ASSERT(!service->is_started && !service->refusal);
    service->is_started = true;
    service->refusal =
        lc_component_start(lc_supervisor_component(service->supervisor), service->context);
}

/* The first call of `configure` has ended. */
static void service_end_configuration(struct lc__service *service, lc_error *error)
{
    if (error)
        service->refusal = lc_error_wrap(error, lc_error_code(error), "configure has failed");
    else if (service->report.phase == LC__STARTING)
        lc__service_start_supervisor(service);
}

void lc__service_end_reload(struct lc__service *service)
{
    lc_handle *done = lc__reload_done(&service->reload);
    if (!done || !lc_handle_is_closed(done))
        return;
    lc_error *error = lc__reload_end(&service->reload);
    if (!service->is_started) {
        service_end_configuration(service, error);
        return;
    }
    bool goes_on = service->report.phase == LC__RELOADING;
    if (error)
        lc_log(LC_LOG_ERROR, service->name, "the reload has failed: %s", lc_error_message(error));
    else
        lc_log(LC_LOG_NOTICE, service->name, goes_on ? "reloaded" : "the reload has ended");
    service_keep_reload_error(service, error);
    if (goes_on)
        lc__service_report_running(service);
}

/* There is no `configure`, but the service manager waits for the messages of a reload. */
static void service_answer_reload(struct lc__service *service)
{
    lc__report_set(&service->report, LC__RELOADING, "reloading");
    lc__service_report_running(service);
}

void lc__service_begin_reload(struct lc__service *service)
{
    if (!service->reload_wanted || service->report.phase != LC__RUNNING)
        return;
    service->reload_wanted = false;
    if (!service->options->configure) {
        service_answer_reload(service);
        return;
    }
    lc_log(LC_LOG_NOTICE, service->name, "reloading");
    lc__report_set(&service->report, LC__RELOADING, "reloading");
    lc_error *error = lc__reload_start(&service->reload, service->options, service->context);
    if (!error)
        return;
    lc_log(LC_LOG_ERROR, service->name, "the reload cannot be begun: %s", lc_error_message(error));
    service_keep_reload_error(service, error);
    lc__service_report_running(service);
}
