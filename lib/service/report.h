/*
 * report.h: what the service manager, and ps(1), are told of the service, and when. The service
 * says what it is about; what of it is still to be told, told again or told regularly is known
 * here. Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_REPORT_H
#define LIFECYCLE_SERVICE_REPORT_H

#include "service/notify.h"

#include <lifecycle/service.h>

/* What the service is about. Later ones come later, but reloading and running take turns. */
enum lc__phase {
    LC__STARTING,
    LC__RUNNING,
    LC__RELOADING,
    LC__STOPPING,
    LC__HALTING /* stopping in order to halt, or halted: to the manager it goes on as it was */
};

struct lc__report {
    struct lc__notify notify;
    const lc_service_options *options; /* borrowed */
    bool is_heard;                     /* there is a manager to be told */
    bool title;                        /* the process title tells the status */
    enum lc__phase phase;
    enum lc__phase told; /* what the manager knows of it; never LC__HALTING */
    bool reload_untold;  /* a reload has begun, of which the manager has not been told yet */
    bool status_told;
    char status[LC__NOTIFICATION_MAX - 256]; /* so that there is room beside it */
    int64_t watchdog_every;                  /* 0: never */
    int64_t watchdog_due;
    int64_t extension_due;
    int64_t extension_ends; /* when the phase has taken as long as it may */
    int64_t retry_due;      /* until then a manager that was too busy is left alone */
};

/* In a simulation nothing of the process is touched: only options->notify is told. */
void lc__report_begin(struct lc__report *report, const lc_service_options *options,
                      const char *name);
void lc__report_end(struct lc__report *report);
/* What the service is about from now on; and in words, for the status. Tells it. */
void lc__report_set(struct lc__report *report, enum lc__phase phase, const char *format, ...)
    LC_PRINTF(3, 4);
/* Tells what is due. @return the deadline of the next call; LC_FOREVER. */
int64_t lc__report_beat(struct lc__report *report);

#endif
