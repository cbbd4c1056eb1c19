/*
 * report.c: see report.h.
 *
 * What is owed to the manager follows from what it knows and what is so, not from a queue: a manager
 * that was too busy for a while hears what is true when it listens again.
 */
#include "service/report.h"

#include "executor/callback.h"

#include <lifecycle/simulate.h>

#include <bsd/unistd.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/*
 * A halt may last: each time the manager is asked for this much more. Told three times as often, so
 * that one that is told late does no harm.
 */
#define EXTENSION LC_MINUTE
#define EXTENSION_EVERY (20 * LC_SECOND)
#define RETRY_AFTER LC_SECOND

/* ---- what is owed ---- */

/* A halt is not told as a phase: there is none that would not have the manager end or forget us. */
static bool phase_is_owed(const struct lc__report *report)
{
    return report->phase != report->told && report->phase != LC__HALTING;
}

/*
 * Whether the manager counts the time of what we are about: it is starting, stopping or reloading
 * us, and goes on with that while we halt.
 */
static bool extension_is_owed(const struct lc__report *report)
{
    return report->phase == LC__HALTING && report->told != LC__RUNNING;
}

static void add_phase(const struct lc__report *report, struct lc__notification *message,
                      int64_t now)
{
    switch (report->phase) {
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

static void add_regular(struct lc__report *report, struct lc__notification *message, int64_t now)
{
    if (report->watchdog_every > 0 && now >= report->watchdog_due) {
        lc__notification_add(message, "WATCHDOG=1");
        report->watchdog_due = now + report->watchdog_every;
    }
    if (extension_is_owed(report) && now >= report->extension_due) {
        lc__notification_add(message, "EXTEND_TIMEOUT_USEC=%" PRId64, EXTENSION / LC_MICROSECOND);
        report->extension_due = now + EXTENSION_EVERY;
    }
}

/* ---- telling ---- */

static int send_message(struct lc__report *report, const struct lc__notification *message)
{
    if (!report->options->notify)
        return lc__notify_send(&report->notify, message);
    lc__callback_enter();
    report->options->notify(report->options->notify_arg, message->text);
    lc__callback_leave();
    return 0;
}

static int64_t earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static int64_t next_beat(const struct lc__report *report)
{
    int64_t next = LC_FOREVER;
    if (report->watchdog_every > 0)
        next = report->watchdog_due;
    if (extension_is_owed(report))
        next = earlier(next, report->extension_due);
    if (phase_is_owed(report) || !report->status_told)
        next = earlier(next, report->retry_due);
    return next;
}

int64_t lc__report_beat(struct lc__report *report)
{
    struct lc__notification message = {0};
    int64_t now = lc_now();
    bool tells = now >= report->retry_due;
    if (tells && phase_is_owed(report))
        add_phase(report, &message, now);
    if (tells && !report->status_told)
        lc__notification_add(&message, "STATUS=%s", report->status);
    add_regular(report, &message, now);
    if (message.length == 0)
        return next_beat(report);
    int result = send_message(report, &message);
    if (result == -EAGAIN) {
        report->retry_due = lc_deadline_after(RETRY_AFTER);
    } else if (tells) { /* other failures are for good */
        report->told = phase_is_owed(report) ? report->phase : report->told;
        report->status_told = true;
    }
    return next_beat(report);
}

void lc__report_set(struct lc__report *report, enum lc__phase phase, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->status, sizeof report->status, format, arguments);
    va_end(arguments);
    report->phase = phase;
    report->status_told = false;
    report->retry_due = LC_NOW;
    if (report->title)
        setproctitle("%s", report->status);
    lc__report_beat(report);
}

/* ---- beginning and ending ---- */

void lc__report_begin(struct lc__report *report, const lc_service_options *options,
                      const char *name)
{
    bool real = !lc_simulated();
    *report = (struct lc__report){.options = options, .status_told = true};
    if (real && !options->notify)
        lc__notify_open(&report->notify, name);
    else
        lc__notify_open_nowhere(&report->notify, name);
    int64_t watchdog = options->watchdog > 0 ? options->watchdog : report->notify.watchdog;
    report->title = real && options->process_title;
    report->watchdog_every = watchdog > 1 ? watchdog / 2 : watchdog;
    report->watchdog_due = lc_deadline_after(report->watchdog_every);
}

void lc__report_end(struct lc__report *report)
{
    lc__notify_close(&report->notify);
    if (report->title)
        setproctitle(NULL);
}
