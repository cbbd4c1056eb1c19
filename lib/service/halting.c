/*
 * halting.c: see halting.h.
 */
#include "service/halting.h"

#include "supervise/halt.h"

#include <lifecycle/log.h>
#include <lifecycle/simulate.h>

#include <stdio.h>
#include <unistd.h>

struct halting {
    struct lc__service *service;
    const lc_error *why;
    int64_t reminder_due;
};

static void halting_on_halt(const lc_error *error, void *arg)
{
    struct lc__service *service = ((struct halting *)arg)->service;
    lc__report_set(&service->report, LC__HALTING, "halted until SIGTERM%s: %s",
                   service->overdue ? ", though not all has stopped" : "", lc_error_message(error));
    if (service->options->on_halt)
        service->options->on_halt(error, service->options->on_halt_arg);
}

/* A simulation leaves the process's number out, so that each run logs the same. */
static void halting_remind(const struct halting *halting)
{
    char command[32] = "kill -TERM";
    if (!lc_is_simulated())
        snprintf(command, sizeof command, "kill -TERM %d", (int)getpid());
    lc_log(LC_LOG_CRITICAL, halting->service->name,
           "still halted, since a restart would do harm: %s; SIGTERM ends it: %s",
           lc_error_message(halting->why), command);
}

static int64_t halting_beat(void *arg)
{
    struct halting *halting = arg;
    int64_t next = lc__report_beat(&halting->service->report);
    if (lc_now() >= halting->reminder_due) {
        halting_remind(halting);
        halting->reminder_due = lc_deadline_after(halting->service->options->halt_reminder);
    }
    return next < halting->reminder_due ? next : halting->reminder_due;
}

/* service->signals stays until after the halt: without it SIGINT would end the process. */
int lc__service_halt(struct lc__service *service, const lc_error *why)
{
    struct halting halting = {service, why, lc_deadline_after(service->options->halt_reminder)};
    const struct lc__halt_beat beats = {halting_beat, &halting};
    lc__spin_halt(why, halting_on_halt, &halting, &beats);
    return LC_EXIT_HALTED;
}
