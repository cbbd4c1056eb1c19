/*
 * state.c: see state.h.
 */
#include "service/state.h"

#include "base/assert.h"
#include "component/awaited.h"

#include <lifecycle/log.h>

#include <bsd/string.h>
#include <errno.h>
#include <string.h>

/* ---- stopping ---- */

static void service_begin_stop(struct lc__service *service)
{
    LC__ASSERT(service->context);
    if (service->stop_deadline == LC_FOREVER)
        service->stop_deadline = lc_deadline_after(service->options->stop_timeout);
    service->reload_wanted = false;
    lc__reload_cancel(&service->reload);
}

void lc__service_stop_by_signal(struct lc__service *service, int number)
{
    lc_log(LC_LOG_NOTICE, service->name, "stopping: received SIG%s", sigabbrev_np(number));
    service_begin_stop(service);
    lc__report_set(&service->report, LC__STOPPING, "stopping: received SIG%s",
                   sigabbrev_np(number));
    lc_context_cancel(service->context,
                      lc_error_new(-EINTR, "received SIG%s", sigabbrev_np(number)));
}

void lc__service_stop_by_itself(struct lc__service *service)
{
    service_begin_stop(service);
    if (service->why)
        lc__report_set(&service->report, LC__STOPPING, "stopping: %s",
                       lc_error_message(service->why));
    else
        lc__report_set(&service->report, LC__STOPPING, "stopping: nothing is left to run");
}

void lc__service_stop_to_halt(struct lc__service *service)
{
    lc_log(LC_LOG_CRITICAL, service->name,
           "stopping everything in order to halt, since a restart would do harm: %s",
           lc_error_message(service->why));
    service_begin_stop(service);
    lc__report_set(&service->report, LC__HALTING, "stopping in order to halt: %s",
                   lc_error_message(service->why));
}

/* ---- what remains ---- */

/* Writes the nodes that run, as lc__awaited_of does; "nothing" if none runs. */
static void service_write_remaining(lc_supervisor *supervisor, char *text, size_t size)
{
    lc_component *component = lc_supervisor_component(supervisor);
    if (lc__awaited_of(component, LC__AWAITED_DONE, text, size) == 0)
        strlcpy(text, "nothing", size);
}

void lc__service_describe_remaining(struct lc__service *service, char *text, size_t size)
{
    if (!service->is_started) {
        strlcpy(text, "configure", size);
        return;
    }
    bool reloads = lc__reload_done(&service->reload) != NULL;
    service_write_remaining(service->supervisor, text, size);
    if (!reloads)
        return;
    if (service->is_done)
        strlcpy(text, "the reload", size);
    else
        strlcat(text, "; and the reload", size);
}

void lc__service_tell_remaining(struct lc__service *service, int number)
{
    char remaining[LC__REMAINING_MAX];
    lc__service_describe_remaining(service, remaining, sizeof remaining);
    lc_log(LC_LOG_WARNING, service->name, "received SIG%s; still stopping: %s",
           sigabbrev_np(number), remaining);
    lc__report_set(&service->report, LC__STOPPING, "still stopping: %s", remaining);
}
