/*
 * report.h: what the service manager and ps(1) are told about the service, and when. The service
 * calls lc__report_set when its phase or status changes. The report remembers what the manager has
 * been told, and sends what is missing, again if need be, and the regular messages. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_REPORT_H
#define LIFECYCLE_SERVICE_REPORT_H

#include "service/notify.h"

#include <lifecycle/service.h>

/* A phase of the service. Only running and reloading follow each other repeatedly. */
enum lc__phase {
    LC__STARTING,
    LC__RUNNING,
    LC__RELOADING,
    LC__STOPPING,
    LC__HALTING /* stopping in order to halt, or halted: the manager is not told this phase */
};

struct lc__report {
    struct lc__notify notify;
    const lc_service_options *options; /* borrowed */
    bool is_heard;                     /* there is a service manager, or options->notify */
    bool title;                        /* the process title shows the status */
    enum lc__phase phase;
    enum lc__phase told; /* the phase that the manager knows; never LC__HALTING */
    bool reload_untold;  /* a reload has begun, and the manager does not know of it yet */
    bool status_told;
    char status[LC__NOTIFICATION_MAX - 256]; /* other lines of the message need room too */
    int64_t watchdog_every;                  /* 0: never */
    int64_t watchdog_due;
    int64_t extension_due;
    int64_t extension_ends; /* the end of the phase's time limit */
    int64_t retry_due;      /* not before this is a message tried again */
};

/* In a simulation only options->notify is called: the environment and the title stay. */
void lc__report_begin(struct lc__report *report, const lc_service_options *options,
                      const char *name);
void lc__report_end(struct lc__report *report);
/* Sets the phase, and the status in words, and sends what is due. */
void lc__report_set(struct lc__report *report, enum lc__phase phase, const char *format, ...)
    LC_PRINTF(3, 4);
/* Sends what is due. @return the deadline of the next call, or LC_FOREVER. */
int64_t lc__report_beat(struct lc__report *report);

#endif
