/*
 * state.h (internal): the state of a service while it runs, and the beginning of its stop. Floor 8;
 * called by the thread of lc_service_main only, as are the files that include it.
 */
#ifndef LIFECYCLE_SERVICE_STATE_H
#define LIFECYCLE_SERVICE_STATE_H

#include "service/pidfile.h"
#include "service/reload.h"
#include "service/report.h"

/* Fits into a status. */
#define LC__REMAINING_MAX (LC__NOTIFICATION_MAX - 320)

struct lc__service {
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
    bool is_started;        /* the supervisor was; false during the first call of `configure` */
    lc_error *refusal;      /* why the supervisor will not be started; NULL: no reason */
    lc_error *reload_error; /* of the last reload; NULL: it has not failed, or there was none */
    /* From the supervisor's events and result: */
    bool is_stopping;
    bool is_halting;
    bool gave_up;   /* a node has stopped for good; the status does not say so yet */
    bool is_done;   /* the supervisor's done is closed */
    bool is_silent; /* there are no more events */
    lc_error *why;  /* the reason of the stop or halt */
    /* The end: */
    int64_t stop_deadline; /* LC_FOREVER: it has not begun to stop, or has no time limit */
    bool overdue;          /* the stop has not ended by the deadline */
    bool cannot_wait;      /* a wait has failed, which is logged once */
};

void lc__service_stop_by_signal(struct lc__service *service, int number);
void lc__service_stop_by_itself(struct lc__service *service);
void lc__service_stop_to_halt(struct lc__service *service);
/* Writes what the stop waits for: `configure`, or the nodes that run and the reload. */
void lc__service_describe_remaining(struct lc__service *service, char *text, size_t size);
/* Answers a further signal during a stop: logs what it waits for, and shows it as the status. */
void lc__service_tell_remaining(struct lc__service *service, int number);

#endif
