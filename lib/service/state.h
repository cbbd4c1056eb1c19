/*
 * state.h (internal): what a service consists of while it runs, and the beginning of its stop.
 * Floor 8.
 */
#ifndef LIFECYCLE_SERVICE_STATE_H
#define LIFECYCLE_SERVICE_STATE_H

#include "service/pidfile.h"
#include "service/reload.h"
#include "service/report.h"

/* As much as a status can tell. */
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

void lc__service_stop_by_signal(struct lc__service *service, int number);
void lc__service_stop_by_itself(struct lc__service *service);
void lc__service_stop_to_halt(struct lc__service *service);
/* What holds up the stop: `configure` before anything was started; else nodes, and the reload. */
void lc__service_describe_remaining(struct lc__service *service, char *text, size_t size);
/* Says so, in answer to a signal. */
void lc__service_tell_remaining(struct lc__service *service, int number);

#endif
