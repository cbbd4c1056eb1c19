/*
 * events.c: see events.h.
 */
#include "service/events.h"

#include "supervise/given_up.h"

#include <lifecycle/log.h>
#include <lifecycle/observe.h>

#include <errno.h>

/* The most events in one turn of the loop: events may come faster than the loop reads them. */
#define EVENTS_A_TURN 1024

/* The service stops or halts for this reason. The reason of a halt replaces that of a stop. */
static void service_note_stop(struct lc__service *service, bool halts, const lc_error *why)
{
    if (halts ? !service->is_halting : !service->is_stopping) {
        lc_error_unref(service->why);
        service->why = lc_error_ref(why);
    }
    service->is_halting |= halts;
    service->is_stopping = true;
}

void lc__service_take_events(struct lc__service *service)
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
            service_note_stop(service, event->kind == LC_EVENT_HALTING, event->error);
        service->gave_up |= event->kind == LC_EVENT_STATE && event->state == LC_NODE_STOPPED;
        lc_event_free(event);
    }
}

void lc__service_take_result(struct lc__service *service)
{
    lc_behavior behavior;
    lc_error *result = lc_supervisor_result(service->supervisor, &behavior);
    service_note_stop(service, behavior == LC_SPIN_HALT, result);
    lc_error_unref(result);
}

void lc__service_report_running(struct lc__service *service)
{
    char without[LC__REMAINING_MAX];
    const lc_error *failed = service->reload_error;
    lc__supervisor_given_up(service->supervisor, without, sizeof without);
    lc__report_set(&service->report, LC__RUNNING, "ready%s%s%s%s",
                   without[0] != '\0' ? ", without: " : "", without,
                   failed ? "; the last reload has failed: " : "",
                   failed ? lc_error_message(failed) : "");
}

static void service_become_ready(struct lc__service *service)
{
    lc_log(LC_LOG_NOTICE, service->name, "ready");
    lc__service_report_running(service);
}

/*
 * A supervisor that was ready and has ended without an error, all before this turn, is still
 * reported as ready: the service manager would take an end before that for a failure.
 */
void lc__service_follow_events(struct lc__service *service)
{
    struct lc__report *report = &service->report;
    if (service->is_halting) {
        if (report->phase != LC__HALTING)
            lc__service_stop_to_halt(service);
        return;
    }
    if (report->phase == LC__STARTING && !service->why &&
        lc_handle_is_closed(lc_supervisor_ready(service->supervisor)))
        service_become_ready(service);
    if (service->is_stopping && report->phase < LC__STOPPING)
        lc__service_stop_by_itself(service);
    if (service->gave_up && report->phase == LC__RUNNING)
        lc__service_report_running(service);
    service->gave_up = false;
}
