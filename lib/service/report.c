/*
 * report.c: see report.h.
 *
 * What is owed to the service manager is the difference between what it was told and the present
 * state. There is no queue: after a time in which its socket was full, the manager gets the present
 * state only.
 */
#include "service/report.h"

#include "base/assert.h"
#include "executor/callback.h"

#include <lifecycle/log.h>
#include <lifecycle/simulate.h>

#include <bsd/unistd.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/*
 * A request asks the manager for EXTENSION more time for the phase. Requests are sent three times
 * as often, so that a late one does no harm; the first after EXTENSION_AFTER, since most phases are
 * shorter than that.
 */
#define EXTENSION LC_MINUTE
#define EXTENSION_EVERY (20 * LC_SECOND)
#define EXTENSION_AFTER LC_SECOND
/* The default of start_timeout and reload_timeout. */
#define LIMIT_USUAL (10 * LC_MINUTE)

#define RETRY_AFTER LC_SECOND
/* A shorter interval would cost too much of the processor's time. */
#define WATCHDOG_EVERY_LEAST (10 * LC_MILLISECOND)
/* After a message that could not be sent, the watchdog is not fed sooner. */
#define WATCHDOG_RETRY_AFTER (100 * LC_MILLISECOND)

/* ---- what is owed ---- */

/*
 * A reload that has ended before it was announced is announced nevertheless: systemd waits for it.
 */
static enum lc__phase report_phase_to_tell(const struct lc__report *report)
{
    return report->reload_untold ? LC__RELOADING : report->phase;
}

/* A halt is not sent as a phase: each phase would have the manager end or forget the process. */
static bool report_phase_is_owed(const struct lc__report *report)
{
    enum lc__phase phase = report_phase_to_tell(report);
    return phase != report->told && phase != LC__HALTING;
}

/* The status belongs to the present phase, and is not sent with a phase that is announced late. */
static bool report_status_is_owed(const struct lc__report *report)
{
    return !report->status_told && report_phase_to_tell(report) == report->phase;
}

/*
 * Whether the manager limits the time of the present phase: starting, reloading, stopping. During a
 * halt it limits the time of the phase that it knows.
 */
static bool report_extension_is_owed(const struct lc__report *report)
{
    if (report->phase == LC__HALTING)
        return report->told != LC__RUNNING;
    return report->extension_due < report->extension_ends;
}

/* The time limit of the phase. */
static int64_t report_phase_limit(const struct lc__report *report)
{
    switch (report->phase) {
    case LC__STARTING:
        return report->options->start_timeout ? report->options->start_timeout : LIMIT_USUAL;
    case LC__RELOADING:
        return report->options->reload_timeout ? report->options->reload_timeout : LIMIT_USUAL;
    case LC__STOPPING:
        return report->options->stop_timeout;
    case LC__RUNNING:
    case LC__HALTING:
        break;
    }
    return 0;
}

static void report_begin_phase(struct lc__report *report, enum lc__phase phase)
{
    report->phase = phase;
    report->reload_untold =
        phase == LC__RELOADING || (report->reload_untold && phase == LC__RUNNING);
    report->extension_due = phase == LC__HALTING ? LC_NOW : lc_deadline_after(EXTENSION_AFTER);
    report->extension_ends =
        report->is_heard ? lc_deadline_after(report_phase_limit(report)) : LC_NOW;
}

static void report_add_phase(const struct lc__report *report, struct lc__notification *message,
                             int64_t now)
{
    switch (report_phase_to_tell(report)) {
    case LC__RUNNING:
        lc__notification_add(message, "READY=1");
        if (report->options->tell_pid && report->told == LC__STARTING)
            lc__notification_add(message, "MAINPID=%d", (int)getpid());
        break;
    case LC__RELOADING:
        lc__notification_add(message, "RELOADING=1");
        lc__notification_add(message, "MONOTONIC_USEC=%" PRId64, now / LC_MICROSECOND);
        break;
    case LC__STOPPING:
        lc__notification_add(message, "STOPPING=1");
        break;
    case LC__STARTING:
    case LC__HALTING:
        break;
    }
}

static void report_add_regular(struct lc__report *report, struct lc__notification *message,
                               int64_t now)
{
    if (report->watchdog_every > 0 && now >= report->watchdog_due) {
        lc__notification_add(message, "WATCHDOG=1");
        report->watchdog_due = now + report->watchdog_every;
    }
    if (report_extension_is_owed(report) && now >= report->extension_due) {
        lc__notification_add(message, "EXTEND_TIMEOUT_USEC=%" PRId64, EXTENSION / LC_MICROSECOND);
        report->extension_due = now + EXTENSION_EVERY;
    }
}

/* ---- telling ---- */

static int report_send(struct lc__report *report, const struct lc__notification *message)
{
    if (!report->options->notify)
        return lc__notify_send(&report->notify, message);
    lc__callback_enter();
    report->options->notify(message->text, report->options->notify_arg);
    lc__callback_leave();
    return 0;
}

static int64_t time_earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static int64_t report_next_beat(const struct lc__report *report)
{
    int64_t next = LC_FOREVER;
    if (report->watchdog_every > 0)
        next = report->watchdog_due;
    if (report_extension_is_owed(report))
        next = time_earlier(next, report->extension_due);
    if (report_phase_is_owed(report) || !report->status_told)
        next = time_earlier(next, report->retry_due);
    return next;
}

/* What was owed has been sent, or cannot be sent at all. */
static void report_note_told(struct lc__report *report)
{
    if (report_status_is_owed(report))
        report->status_told = true;
    if (!report_phase_is_owed(report))
        return;
    report->told = report_phase_to_tell(report);
    LC__ASSERT(report->told != LC__HALTING);
    report->reload_untold = false;
}

static void report_try_later(struct lc__report *report)
{
    int64_t watchdog = lc_deadline_after(WATCHDOG_RETRY_AFTER);
    report->retry_due = lc_deadline_after(RETRY_AFTER);
    report->extension_due = time_earlier(report->extension_due, report->retry_due);
    report->watchdog_due = watchdog > report->watchdog_due ? watchdog : report->watchdog_due;
}

/* Sends one message with what is due. @return whether another one is due at once. */
static bool report_tell_due(struct lc__report *report)
{
    struct lc__notification message = {0};
    int64_t now = lc_now();
    bool tells = now >= report->retry_due;
    if (tells && report_phase_is_owed(report))
        report_add_phase(report, &message, now);
    if (tells && report_status_is_owed(report))
        lc__notification_add(&message, "STATUS=%s", report->status);
    report_add_regular(report, &message, now);
    if (message.length == 0)
        return false;
    if (report_send(report, &message) == -EAGAIN) {
        report_try_later(report);
        return false;
    }
    if (tells)
        report_note_told(report);
    return tells && report_phase_is_owed(report);
}

int64_t lc__report_beat(struct lc__report *report)
{
    while (report_tell_due(report))
        continue;
    return report_next_beat(report);
}

void lc__report_set(struct lc__report *report, enum lc__phase phase, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->status, sizeof report->status, format, arguments);
    va_end(arguments);
    if (phase != report->phase)
        report_begin_phase(report, phase);
    report->status_told = false;
    report->retry_due = LC_NOW;
    if (report->title)
        setproctitle("%s", report->status);
    lc__report_beat(report);
}

/* ---- beginning and ending ---- */

static int64_t watchdog_interval(int64_t watchdog, const char *name)
{
    if (watchdog == 0 || watchdog / 2 >= WATCHDOG_EVERY_LEAST)
        return watchdog / 2;
    lc_log(LC_LOG_WARNING, name,
           "the watchdog is to be fed within %lld us, but is fed every %lld ms at most",
           (long long)(watchdog / LC_MICROSECOND),
           (long long)(WATCHDOG_EVERY_LEAST / LC_MILLISECOND));
    return WATCHDOG_EVERY_LEAST;
}

void lc__report_begin(struct lc__report *report, const lc_service_options *options,
                      const char *name)
{
    bool real = !lc_is_simulated();
    *report = (struct lc__report){.options = options, .status_told = true};
    if (real && !options->notify)
        lc__notify_open(&report->notify, name);
    else
        lc__notify_open_nowhere(&report->notify, name);
    report->title = real && options->process_title;
    report->is_heard = options->notify || report->notify.socket >= 0;
    report_begin_phase(report, LC__STARTING);
    report->watchdog_every = watchdog_interval(
        options->watchdog > 0 ? options->watchdog : report->notify.watchdog, name);
    report->watchdog_due = lc_deadline_after(report->watchdog_every);
}

void lc__report_end(struct lc__report *report)
{
    lc__notify_close(&report->notify);
    if (report->title)
        setproctitle(NULL);
}
