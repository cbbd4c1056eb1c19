/*
 * process_supervisors.c: scenarios from public bug reports of supervisord (Supervisor/supervisor),
 * s6-overlay (just-containers/s6-overlay) and systemd's notify protocol (systemd/systemd, and
 * services that speak it), rebuilt in our own terms. tests/reports.md lists them with their
 * verdicts.
 */
#include "service/scripted_service.h"
#include "support/check.h"
#include "support/mode.h"
#include "support/scripted_graph.h"

#include <lifecycle.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- time that jumps ---- */

/* The clock jumps far past the end of a pause: one restart follows, not one for each pause. */
static void jump_past_a_pause_restarts_once(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *node = graph_node(graph, "program", "");
    node->slow = true;
    node->options.backoff = (lc_backoff){.first = LC_SECOND,
                                         .most = LC_SECOND,
                                         .factor = 1,
                                         .jitter = LC_NONE,
                                         .steady = LC_NONE,
                                         .pause_first = true};
    node->options.start_timeout = 10 * LC_SECOND;
    graph->clock = check_clock_new();
    graph_begin(graph);
    node_order(node, 1, NODE_FAIL);
    node_enters(node, LC_NODE_BACKOFF);
    check_clock_advance(graph->clock, LC_SECOND);
    RUNS(node, 2);
    node_order(node, 2, NODE_READY); /* so that its start deadline is over */
    node_enters(node, LC_NODE_READY);
    check_clock_advance(graph->clock, 1000 * LC_HOUR);
    MADE(node, 2);
    NOT_TOLD(node, 2);
    graph_cancel(graph);
    graph_drop(graph);
}

CHECK_SUITE_IN_MODES(report_process_supervisors, "report: process supervisors",
                     {"supervisord#1047 a jump of the clock restarts nothing twice",
                      jump_past_a_pause_restarts_once});

/* ---- services ---- */

struct reloading {
    atomic_bool configured; /* the call before the first start is over: each further is a reload */
    lc_handle *entered;     /* of the first reload */
    lc_handle *open;
    atomic_uint count;
    atomic_uint told_to_stop;
    int code; /* what a reload fails with; 0: nothing */
};

static struct reloading reloading;

static void reloading_begin(struct scripted_service *service,
                            lc_error *(*hook)(lc_context *, void *))
{
    reloading = (struct reloading){.entered = lc_handle_new(), .open = lc_handle_new()};
    service->options.configure = hook;
    service->options.arg = &reloading;
}

static void reloading_end(void)
{
    lc_handle_unref(reloading.entered);
    lc_handle_unref(reloading.open);
}

static lc_error *reload_slowly(lc_context *context, void *arg)
{
    struct reloading *now = arg;
    if (!atomic_exchange(&now->configured, true))
        return NULL;
    atomic_fetch_add(&now->count, 1);
    lc_handle_close(now->entered);
    if (lc_context_wait(context, now->open, LC_FOREVER) != 0)
        atomic_fetch_add(&now->told_to_stop, 1);
    return now->code ? lc_error_new(now->code, "bad certificates") : NULL;
}

/* A reload that fails is over for the manager as one that succeeds is. */
CHECK_CHILD(report_failing_reload)
{
    static struct scripted_service service;
    service_init(&service, 1);
    reloading_begin(&service, reload_slowly);
    reloading.code = -EBADMSG;
    check_log_capture();
    STEP(1, service_begins(&service));
    for (unsigned round = 1; round <= 2; round++) {
        check_signal(SIGHUP);
        lc_handle_close(reloading.open);
        STEP(2, service_tells(&service, "RELOADING=1\nMONOTONIC_USEC=", round));
        STEP(3, service_tells(&service, "READY=1", 1 + round));
    }
    STEP(4, atomic_load(&reloading.count) == 2);
    STEP(5, check_log_count("bad certificates") >= 2);
    service_all_obey(&service);
    check_signal(SIGTERM);
    STEP(6, service_ends(&service, LC_EXIT_CLEAN));
    check_log_release();
    reloading_end();
    service_drop(&service);
    return 0;
}

static void failing_reload_is_over(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(report_failing_reload), 0);
}

static bool reloaded_twice(void *arg)
{
    (void)arg;
    return atomic_load(&reloading.count) == 2;
}

/* Many SIGHUPs come while a reload goes on: one more reload follows, and each is told as one. */
CHECK_CHILD(report_many_reloads)
{
    static struct scripted_service service;
    service_init(&service, 1);
    reloading_begin(&service, reload_slowly);
    check_log_capture();
    STEP(1, service_begins(&service));
    check_signal(SIGHUP);
    STEP(2, lc_handle_wait(reloading.entered, check_patience()) == 0);
    for (int i = 0; i < 5; i++)
        check_signal(SIGHUP);
    lc_handle_close(reloading.open);
    STEP(3, check_until(reloaded_twice, NULL));
    STEP(4, service_tells(&service, "RELOADING=1", 2));
    STEP(5, service_tells(&service, "READY=1", 3));
    service_all_obey(&service);
    check_signal(SIGTERM);
    STEP(6, service_ends(&service, LC_EXIT_CLEAN));
    STEP(7, atomic_load(&reloading.count) == 2);
    STEP(8, service_told(&service, "RELOADING=1") == 2 && service_told(&service, "READY=1") == 3);
    check_log_release();
    reloading_end();
    service_drop(&service);
    return 0;
}

static void reloads_are_told_one_by_one(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(report_many_reloads), 0);
}

/* SIGHUP comes while the service stops: the stop goes on, and nothing is reloaded. */
CHECK_CHILD(report_reload_in_a_stop)
{
    static struct scripted_service service;
    service_init(&service, 2);
    reloading_begin(&service, reload_slowly);
    check_log_capture();
    STEP(1, service_begins(&service));
    check_signal(SIGTERM);
    STEP(2, service_tells(&service, "STOPPING=1", 1));
    for (int i = 0; i < 3; i++)
        check_signal(SIGHUP);
    service_all_obey(&service);
    STEP(3, service_ends(&service, LC_EXIT_CLEAN));
    STEP(4, service_told(&service, "RELOADING=1") == 0 && service_told(&service, "READY=1") == 1);
    STEP(5, atomic_load(&reloading.count) == 0);
    check_log_release();
    reloading_end();
    service_drop(&service);
    return 0;
}

static void reload_does_not_undo_a_stop(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(report_reload_in_a_stop), 0);
}

/* A node that fails asks for the end of the whole while others start. */
static lc_behavior ask_for_the_end(const lc_failure *failure, void *arg)
{
    (void)arg;
    (void)failure;
    check_signal(SIGTERM);
    return LC_RESTART;
}

static lc_error *fail_at_once(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    (void)arg;
    return lc_error_new(-EIO, "failed during the start");
}

static lc_error *make_failing_worker(lc_component **component, void *arg)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("failing");
    lc_manager_builder_add(builder, LC_WORKER(.name = "failing", .run = fail_at_once, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

CHECK_CHILD(report_stop_in_a_start)
{
    static struct scripted_service service;
    lc_node node = {.size = sizeof node};
    service_init(&service, 1); /* never ready */
    node.name = "failing";
    node.factory = make_failing_worker;
    node.judge = ask_for_the_end;
    node.kind = check_kind();
    check_log_capture();
    STEP(1, lc_supervisor_add(service.supervisor, &node) == NULL);
    service_obeys(&service.nodes[0]);
    service_start(&service);
    /* An instance that fails after it was told to stop makes the status 1. */
    STEP(2, service_ends(&service, LC_EXIT_CLEAN) || service.status == LC_EXIT_ERROR);
    STEP(3, service_told(&service, "READY=1") == 0);
    STEP(4, service_told(&service, "STOPPING=1") == 1);
    check_log_release();
    service_drop(&service);
    return 0;
}

static void stop_in_a_start_ends_it(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(report_stop_in_a_start), 0);
}

/* Within its own limit the service stops slowly: it asks its manager for time as it does. */
CHECK_CHILD(report_slow_stop)
{
    static struct scripted_service service;
    service_init(&service, 1);
    service.options.stop_timeout = 10 * LC_MINUTE;
    check_log_capture();
    STEP(1, service_begins(&service));
    check_signal(SIGTERM);
    STEP(2, service_tells(&service, "STOPPING=1", 1));
    if (lc_is_simulated())
        lc_sleep(5 * LC_MINUTE);
    STEP(3, service_tells(&service, "EXTEND_TIMEOUT_USEC=", lc_is_simulated() ? 4 : 1));
    STEP(4, !service_in_order(&service, "EXTEND_TIMEOUT_USEC=", "STOPPING=1"));
    service_all_obey(&service);
    STEP(5, service_ends(&service, LC_EXIT_CLEAN));
    check_log_release();
    service_drop(&service);
    return 0;
}

static void slow_stop_is_extended(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(report_slow_stop), 0);
}

CHECK_SUITE_IN_MODES(report_services, "report: services",
                     {"caddy#7597 a reload that fails is over for the manager, too",
                      failing_reload_is_over},
                     {"systemd#36530 many reloads that are asked for at once are told one by one",
                      reloads_are_told_one_by_one},
                     {"supervisord#1175 a reload during the stop does not undo the stop",
                      reload_does_not_undo_a_stop},
                     {"s6-overlay#566 a stop that is asked for during the start ends the start",
                      stop_in_a_start_ends_it},
                     {"systemd#39535 a slow stop asks its manager for time",
                      slow_stop_is_extended});

/* ---- pid files: real processes only ---- */

static lc_error *make_noop_component(lc_component **component, void *arg)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("noop");
    lc_manager_builder_add(builder, LC_WORKER(.name = "noop", .run = lc_noop_worker, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

static lc_supervisor *noop_supervisor(void)
{
    lc_supervisor *supervisor = NULL;
    lc_node node = {.size = sizeof node};
    node.name = "noop";
    node.factory = make_noop_component;
    lc_error *error = lc_supervisor_new(NULL, &supervisor);
    error = error ? error : lc_supervisor_add(supervisor, &node);
    if (error)
        abort();
    return supervisor;
}

static void report_pid_path(char *path, size_t size)
{
    snprintf(path, size, "/tmp/lifecycle-report-%d.pid", (int)getpid());
}

/* Each of several instances that are refused leaves the file of the first as it is. */
CHECK_CHILD(report_refused_instances)
{
    static struct scripted_service service;
    char path[64];
    struct stat before, after;
    report_pid_path(path, sizeof path);
    service_init(&service, 1);
    service.options.pid_file = path;
    check_log_capture();
    STEP(1, service_begins(&service));
    STEP(2, stat(path, &before) == 0);
    for (int i = 0; i < 3; i++) {
        lc_service_options second = {.size = sizeof second};
        second.pid_file = path;
        STEP(3, check_service(&second, noop_supervisor()) == LC_EXIT_ERROR);
        STEP(4, stat(path, &after) == 0 && after.st_ino == before.st_ino);
        STEP(5, after.st_size == before.st_size);
    }
    service_all_obey(&service);
    kill(getpid(), SIGTERM);
    STEP(6, service_ends(&service, LC_EXIT_CLEAN));
    STEP(7, access(path, F_OK) != 0);
    check_log_release();
    service_drop(&service);
    return 0;
}

static void refused_instances_leave_the_pid_file(void)
{
    CU_ASSERT_EQUAL(check_child("report_refused_instances").status, 0);
}

static void stop_when_ready(const char *message, void *arg)
{
    if (strstr(message, "READY=1")) {
        FILE *file = fopen(arg, "r");
        int pid = -1;
        if (file && fscanf(file, "%d", &pid) == 1 && pid == getpid())
            kill(getpid(), SIGTERM);
        if (file)
            fclose(file);
    }
}

/* The file of a process that is gone is taken over: with an old number, longer than ours, in it. */
CHECK_CHILD(report_stale_pid_file)
{
    char path[64];
    report_pid_path(path, sizeof path);
    FILE *file = fopen(path, "w");
    STEP(1, file && fprintf(file, "4194303999999999999\nand more\n") > 0 && fclose(file) == 0);
    lc_service_options options = {.size = sizeof options};
    options.pid_file = path;
    options.notify = stop_when_ready;
    options.notify_arg = path;
    STEP(2, check_service(&options, noop_supervisor()) == LC_EXIT_CLEAN);
    STEP(3, access(path, F_OK) != 0);
    return 0;
}

static void stale_pid_file_is_taken_over(void)
{
    CU_ASSERT_EQUAL(check_child("report_stale_pid_file").status, 0);
}

CHECK_SUITE(report_pid_files, "report: pid files",
            {"supervisord#613 an instance that is refused leaves the pid file of the first",
             refused_instances_leave_the_pid_file},
            {"sidekiq#1677 the pid file of a process that is gone is taken over",
             stale_pid_file_is_taken_over});
