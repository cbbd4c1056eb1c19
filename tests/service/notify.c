/*
 * notify.c: what goes over NOTIFY_SOCKET, and what the environment says about it.
 */
#include "service/notify.h"

#include "service/manager.h"
#include "service/report.h"
#include "support/check.h"
#include "support/later.h"

#include <lifecycle.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int send_line(struct lc__notify *notify, const char *line)
{
    struct lc__notification notification = {0};
    lc__notification_add(&notification, "%s", line);
    return lc__notify_send(notify, &notification);
}

static void reaches(bool abstract)
{
    struct manager manager;
    struct lc__notify notify;
    manager_open(&manager, abstract);
    lc__notify_open(&notify, "test");
    CU_ASSERT_EQUAL(send_line(&notify, "READY=1"), 0);
    const char *message = manager_next(&manager);
    CU_ASSERT_PTR_NOT_NULL(message);
    CU_ASSERT_TRUE(message && strcmp(message, "READY=1\n\n") == 0);
    lc__notify_close(&notify);
    manager_close(&manager);
}

static void messages_reach_the_manager(void)
{
    reaches(false);
    reaches(true);
}

static void environment_is_taken(void)
{
    struct manager manager;
    struct lc__notify notify;
    manager_open(&manager, true);
    setenv("WATCHDOG_USEC", "3000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    lc__notify_open(&notify, "test");
    CU_ASSERT_PTR_NULL(getenv("NOTIFY_SOCKET"));
    CU_ASSERT_PTR_NULL(getenv("WATCHDOG_USEC"));
    CU_ASSERT_PTR_NULL(getenv("WATCHDOG_PID"));
    CU_ASSERT_TRUE(fcntl(notify.socket, F_GETFD) & FD_CLOEXEC);
    lc__notify_close(&notify);
    lc__notify_open(&notify, "test"); /* and so a second one has no address */
    CU_ASSERT_TRUE(notify.socket < 0);
    CU_ASSERT_EQUAL(send_line(&notify, "READY=1"), 0);
    CU_ASSERT_FALSE(manager_has_heard(&manager, "READY=1"));
    lc__notify_close(&notify);
    manager_close(&manager);
}

static bool is_refused(const char *address, const char *why)
{
    struct lc__notify notify;
    check_log_capture();
    setenv("NOTIFY_SOCKET", address, 1);
    lc__notify_open(&notify, "test");
    bool refused = notify.socket < 0 && check_log_count(why) == 1;
    CU_ASSERT_EQUAL(send_line(&notify, "READY=1"), 0);
    lc__notify_close(&notify);
    check_log_release();
    return refused;
}

static void bad_addresses_are_refused(void)
{
    char longer[200];
    memset(longer, 'x', sizeof longer);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    CU_ASSERT_TRUE(is_refused("vsock:2:1234", "vsock:2:1234"));
    CU_ASSERT_TRUE(is_refused("notify", "neither a path"));
    CU_ASSERT_TRUE(is_refused("", "neither a path"));
    CU_ASSERT_TRUE(is_refused("@", "neither a path"));
    CU_ASSERT_TRUE(is_refused(longer, "107 bytes"));
}

static void longest_address_is_taken(void)
{
    char name[109];
    struct lc__notify notify;
    memset(name, 'x', sizeof name);
    name[0] = '@';
    name[107] = '\0';
    setenv("NOTIFY_SOCKET", name, 1);
    lc__notify_open(&notify, "test");
    CU_ASSERT_TRUE(notify.socket >= 0);
    lc__notify_close(&notify);
}

/* ---- the text ---- */

static void lines_are_not_forged(void)
{
    struct lc__notification notification = {0};
    lc__notification_add(&notification, "READY=1");
    lc__notification_add(&notification, "STATUS=%s", "one\nSTOPPING=1\r\x7f\ttwo");
    lc__notification_add(&notification, "WATCHDOG=1");
    CU_ASSERT_STRING_EQUAL(notification.text, "READY=1\nSTATUS=one STOPPING=1   two\nWATCHDOG=1");
    CU_ASSERT_EQUAL(notification.length, strlen(notification.text));
}

/* As in the log. NOLINTBEGIN(misc-misleading-bidirectional) */
static void status_does_not_act(void)
{
    struct lc__notification notification = {0};
    lc__notification_add(&notification, "STATUS=%s",
                         "a\xc2\x9b\x62\xe2\x80\xa8\x63\xe2\x80\xae\x64\x9b\xff \xe2\x82\xac");
    CU_ASSERT_STRING_EQUAL(notification.text, "STATUS=a  b   c   d   \xe2\x82\xac");
}

/* NOLINTEND(misc-misleading-bidirectional) */

static bool ends_in(const char *text, const char *end)
{
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* Of characters of three bytes, with one to three before them: each of the cuts comes about. */
static void long_lines_are_cut_between_characters(void)
{
    for (int before = 1; before <= 3; before++) {
        char text[3 * LC__NOTIFICATION_MAX];
        struct lc__notification notification = {0};
        memset(text, 'a', sizeof text);
        size_t length = (size_t)before;
        for (; length + 4 < sizeof text; length += 3)
            memcpy(text + length, "\xe2\x82\xac", 3);
        text[length] = '\0';
        lc__notification_add(&notification, "%s", text);
        CU_ASSERT_EQUAL(notification.length, strlen(notification.text));
        CU_ASSERT_TRUE(notification.length > LC__NOTIFICATION_MAX - 5);
        CU_ASSERT_TRUE(ends_in(notification.text, "\xe2\x82\xac..."));
        lc__notification_add(&notification, "READY=1"); /* there is no room */
        CU_ASSERT_EQUAL(notification.length, strlen(notification.text));
        CU_ASSERT_TRUE(notification.length < LC__NOTIFICATION_MAX);
    }
}

/* ---- the watchdog ---- */

static int64_t watchdog_of(const char *microseconds, const char *process)
{
    struct manager manager;
    struct lc__notify notify;
    manager_open(&manager, true);
    setenv("WATCHDOG_USEC", microseconds, 1);
    if (process)
        setenv("WATCHDOG_PID", process, 1);
    lc__notify_open(&notify, "test");
    lc__notify_close(&notify);
    manager_close(&manager);
    return notify.watchdog;
}

static void watchdog_is_heeded(void)
{
    char self[32], other[32];
    snprintf(self, sizeof self, "%d", (int)getpid());
    snprintf(other, sizeof other, "%d", (int)getppid());
    check_log_capture();
    CU_ASSERT_EQUAL(watchdog_of("3000000", NULL), 3 * LC_SECOND);
    CU_ASSERT_EQUAL(watchdog_of("3000000", self), 3 * LC_SECOND);
    CU_ASSERT_EQUAL(watchdog_of("3000000", other), 0);
    CU_ASSERT_FALSE(check_log_has("watchdog"));
    CU_ASSERT_EQUAL(watchdog_of("0", NULL), 0);
    CU_ASSERT_EQUAL(watchdog_of("soon", NULL), 0);
    CU_ASSERT_EQUAL(watchdog_of("9223372036854775807", NULL), 0);
    CU_ASSERT_EQUAL(check_log_count("WATCHDOG_USEC"), 3);
    CU_ASSERT_EQUAL(watchdog_of("3000000", "me"), 0);
    CU_ASSERT_EQUAL(check_log_count("WATCHDOG_PID"), 1);
    check_log_release();
}

static void no_watchdog_without_a_socket(void)
{
    struct lc__notify notify;
    setenv("WATCHDOG_USEC", "3000000", 1);
    lc__notify_open(&notify, "test");
    CU_ASSERT_EQUAL(notify.watchdog, 0);
    lc__notify_close(&notify);
}

/* ---- a manager that does not listen ---- */

/* Another sends until the manager's queue is full. */
static void fill(const struct manager *manager)
{
    struct lc__notify other;
    setenv("NOTIFY_SOCKET", manager->address, 1);
    lc__notify_open(&other, "other");
    for (int sent = 0; sent < 100000 && send_line(&other, "WATCHDOG=1") == 0; sent++)
        continue;
    lc__notify_close(&other);
}

static void full_queue_is_given_up(void)
{
    struct manager manager;
    struct lc__notify notify;
    manager_open(&manager, false);
    lc__notify_open(&notify, "test");
    check_log_capture();
    fill(&manager);
    CU_ASSERT_EQUAL(send_line(&notify, "READY=1"), -EAGAIN);
    CU_ASSERT_EQUAL(send_line(&notify, "READY=1"), -EAGAIN);
    CU_ASSERT_EQUAL(check_log_count("test: the service manager cannot be told"), 1);
    CU_ASSERT_FALSE(manager_has_heard(&manager, "READY=1"));
    CU_ASSERT_EQUAL(send_line(&notify, "READY=1"), 0);
    CU_ASSERT_EQUAL(check_log_count("can be told again"), 1);
    CU_ASSERT_TRUE(manager_has_heard(&manager, "READY=1"));
    check_log_release();
    lc__notify_close(&notify);
    manager_close(&manager);
}

/* Whatever is to be told: the phase, the status, the watchdog. */
static void full_queue_is_tried_at_a_pace(void)
{
    struct manager manager;
    static struct lc__report report;
    lc_service_options options = {.size = sizeof options};
    manager_open(&manager, false);
    options.watchdog = 1;
    check_log_capture();
    lc__report_begin(&report, &options, "test");
    fill(&manager);
    lc__report_set(&report, LC__RUNNING, "ready");
    for (int i = 0; i < 3; i++) {
        report.watchdog_due = report.extension_due = LC_NOW;
        int64_t before = lc_now();
        CU_ASSERT_TRUE(lc__report_beat(&report) - before >= 100 * LC_MILLISECOND);
    }
    CU_ASSERT_EQUAL(report.told, LC__STARTING);
    check_log_release();
    lc__report_end(&report);
    manager_close(&manager);
}

/* The manager is too busy for RELOADING=1 until the reload is over: it is told both, in order. */
static void late_reload_is_told(void)
{
    struct manager manager;
    static struct lc__report report;
    lc_service_options options = {.size = sizeof options};
    manager_open(&manager, false);
    check_log_capture();
    lc__report_begin(&report, &options, "test");
    lc__report_set(&report, LC__RUNNING, "ready");
    fill(&manager);
    lc__report_set(&report, LC__RELOADING, "reloading");
    lc__report_set(&report, LC__RUNNING, "ready again");
    CU_ASSERT_FALSE(manager_has_heard(&manager, "RELOADING=1"));
    report.retry_due = LC_NOW;
    lc__report_beat(&report);
    CU_ASSERT_TRUE(manager_hears(&manager, "RELOADING=1\nMONOTONIC_USEC="));
    const char *message = manager_next(&manager);
    CU_ASSERT_TRUE(message && strcmp(message, "READY=1\nSTATUS=ready again\n\n") == 0);
    check_log_release();
    lc__report_end(&report);
    manager_close(&manager);
}

static void hear_all(void *manager)
{
    manager_has_heard(manager, "");
}

static void full_queue_is_given_a_moment(void)
{
    struct manager manager;
    struct lc__notify notify;
    struct later then;
    manager_open(&manager, false);
    lc__notify_open(&notify, "test");
    check_log_capture();
    int result;
    do { /* a machine that is busy may take longer than the moment */
        notify.failing = false;
        fill(&manager);
        later(&then, hear_all, &manager);
        result = send_line(&notify, "READY=1");
        CU_ASSERT_TRUE(later_join(&then));
    } while (result == -EAGAIN);
    CU_ASSERT_EQUAL(result, 0);
    CU_ASSERT_TRUE(manager_has_heard(&manager, "READY=1"));
    check_log_release();
    lc__notify_close(&notify);
    manager_close(&manager);
}

static void manager_that_is_gone_is_logged_once(void)
{
    struct manager manager;
    struct lc__notify notify;
    manager_open(&manager, true);
    lc__notify_open(&notify, "test");
    manager_close(&manager);
    check_log_capture();
    CU_ASSERT_EQUAL(send_line(&notify, "READY=1"), -ECONNREFUSED);
    CU_ASSERT_EQUAL(send_line(&notify, "READY=1"), -ECONNREFUSED);
    CU_ASSERT_EQUAL(check_log_count("cannot be told"), 1);
    /* One that comes to the same address is found. */
    manager_open(&manager, true);
    CU_ASSERT_EQUAL(send_line(&notify, "READY=1"), 0);
    CU_ASSERT_TRUE(manager_hears(&manager, "READY=1"));
    unsetenv("NOTIFY_SOCKET");
    check_log_release();
    lc__notify_close(&notify);
    manager_close(&manager);
}

CHECK_SUITE(service_notify, "service: notifications",
            {"a message reaches a socket at a path and at an abstract address",
             messages_reach_the_manager},
            {"the environment is read once, and children do not inherit it", environment_is_taken},
            {"vsock, and what is no address, is refused and logged", bad_addresses_are_refused},
            {"an address as long as can be is taken", longest_address_is_taken},
            {"a value does not forge a line", lines_are_not_forged},
            {"a value does not act on a terminal", status_does_not_act},
            {"what is too long is cut between characters", long_lines_are_cut_between_characters},
            {"WATCHDOG_USEC is heeded, if WATCHDOG_PID is ours", watchdog_is_heeded},
            {"without a socket there is no watchdog", no_watchdog_without_a_socket},
            {"a manager that does not read does not hold up the service", full_queue_is_given_up},
            {"a manager that does not read is told at a pace", full_queue_is_tried_at_a_pace},
            {"a reload that was over before it could be told is told", late_reload_is_told},
            {"a manager that reads a moment later gets the message", full_queue_is_given_a_moment},
            {"a manager that is gone is logged once, and found when it comes back",
             manager_that_is_gone_is_logged_once});
