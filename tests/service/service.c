/*
 * service.c: the main program: what it tells its manager, what signals do, the halt, how it ends.
 * Simulated too; the manager is a function of the test's. What only the kernel can show is in
 * process.c.
 */
#include "service/scripted_service.h"
#include "support/check.h"
#include "support/mode.h"

#include <lifecycle.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* ---- starting and stopping ---- */

CHECK_CHILD(service_ready_and_stopped)
{
    static struct scripted_service service;
    service_init(&service, 2);
    check_log_capture();
    service_start(&service);
    STEP(1, worker_entered(&service.nodes[0].worker));
    STEP(2, worker_does(&service.nodes[0].worker, WORKER_READY));
    STEP(3, worker_entered(&service.nodes[1].worker));
    STEP(4, service_told(&service, "READY=1") == 0);
    STEP(5, worker_does(&service.nodes[1].worker, WORKER_READY));
    STEP(6, service_tells(&service, "READY=1", 1));
    service_all_obey(&service);
    check_signal(SIGTERM);
    STEP(7, service_ends(&service, LC_EXIT_CLEAN));
    STEP(8, strcmp(service.heard, "[STATUS=starting][READY=1\nSTATUS=ready]"
                                  "[STOPPING=1\nSTATUS=stopping: received SIGTERM]") == 0);
    STEP(9, check_log_has("service: stopping: received SIGTERM"));
    check_log_release();
    service_drop(&service);
    return 0;
}

static void tells_ready_and_stopping(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_ready_and_stopped), 0);
}

CHECK_CHILD(service_interrupted)
{
    static struct scripted_service service;
    service_init(&service, 1);
    service.options.tell_pid = true;
    check_log_capture();
    STEP(1, service_begins(&service));
    STEP(2, service_told(&service, "READY=1\nMAINPID=") == 1);
    service_all_obey(&service);
    check_signal(SIGINT);
    STEP(3, service_ends(&service, LC_EXIT_CLEAN));
    STEP(4, service_told(&service, "STOPPING=1\nSTATUS=stopping: received SIGINT") == 1);
    check_log_release();
    service_drop(&service);
    return 0;
}

static void sigint_stops_as_well(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_interrupted), 0);
}

CHECK_CHILD(service_stopped_before_ready)
{
    static struct scripted_service service;
    service_init(&service, 1);
    check_log_capture();
    service_start(&service);
    STEP(1, worker_entered(&service.nodes[0].worker));
    service_all_obey(&service);
    check_signal(SIGTERM);
    STEP(2, service_ends(&service, LC_EXIT_CLEAN));
    STEP(3, service_told(&service, "READY=1") == 0);
    STEP(4, service_told(&service, "STOPPING=1") == 1);
    check_log_release();
    service_drop(&service);
    return 0;
}

static void stopped_before_ready_is_never_ready(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_stopped_before_ready), 0);
}

/* Its manager would take an end without READY=1 for a failure. */
CHECK_CHILD(service_completed)
{
    static struct scripted_service service;
    service_init(&service, 1);
    check_log_capture();
    service_start(&service);
    STEP(1, worker_entered(&service.nodes[0].worker));
    worker_told(&service.nodes[0].worker, WORKER_RETURN);
    STEP(2, service_ends(&service, LC_EXIT_CLEAN));
    STEP(3, strcmp(service.heard, "[STATUS=starting][READY=1\nSTATUS=ready]"
                                  "[STOPPING=1\nSTATUS=stopping: nothing is left to run]") == 0);
    check_log_release();
    service_drop(&service);
    return 0;
}

static void completed_was_ready(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_completed), 0);
}

/* What has been given up before all were ready, and after. */
CHECK_CHILD(service_gave_up)
{
    static struct scripted_service service;
    service_init(&service, 3);
    service.nodes[2].behavior = service.nodes[1].behavior = LC_STOP;
    check_log_capture();
    service_start(&service);
    for (unsigned i = 0; i < 2; i++) {
        STEP(1, worker_entered(&service.nodes[i].worker));
        STEP(2, worker_does(&service.nodes[i].worker, WORKER_READY));
    }
    STEP(3, worker_entered(&service.nodes[2].worker));
    STEP(4, service_told(&service, "READY=1") == 0);
    worker_told(&service.nodes[2].worker, WORKER_FAIL);
    STEP(5, service_tells(&service, "READY=1\nSTATUS=ready, without: n2 (worker failed", 1));
    worker_told(&service.nodes[1].worker, WORKER_FAIL);
    STEP(6, service_tells(&service, "[STATUS=ready, without: n1 (worker failed", 1));
    service_obeys(&service.nodes[0]);
    check_signal(SIGTERM);
    STEP(7, service_ends(&service, LC_EXIT_CLEAN));
    check_log_release();
    service_drop(&service);
    return 0;
}

static void what_is_given_up_does_not_hold_back_ready(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_gave_up), 0);
}

CHECK_CHILD(service_failed)
{
    static struct scripted_service service;
    service_init(&service, 2);
    check_log_capture();
    STEP(1, service_begins(&service));
    service_obeys(&service.nodes[0]);
    worker_told(&service.nodes[1].worker, WORKER_FAIL);
    STEP(2, service_ends(&service, LC_EXIT_ERROR));
    STEP(3, service_told(&service, "STOPPING=1\nSTATUS=stopping: worker failed") == 1);
    STEP(4, service_told(&service, "STATUS=ended by an error: worker failed") == 1);
    STEP(5, check_log_count("service: ended by an error: worker failed") == 1);
    STEP(6, check_log_count("unhandled") == 0);
    check_log_release();
    service_drop(&service);
    return 0;
}

static void error_ends_with_1(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_failed), 0);
}

/* Stopped as it was told to, but not well. */
CHECK_CHILD(service_failed_while_stopping)
{
    static struct scripted_service service;
    service_init(&service, 1);
    check_log_capture();
    STEP(1, service_begins(&service));
    worker_told(&service.nodes[0].worker, WORKER_AWAIT);
    worker_told(&service.nodes[0].worker, WORKER_FAIL);
    check_signal(SIGTERM);
    STEP(2, service_ends(&service, LC_EXIT_ERROR));
    STEP(3, service_told(&service, "STATUS=ended by an error") == 1);
    check_log_release();
    service_drop(&service);
    return 0;
}

static void failure_while_stopping_ends_with_1(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_failed_while_stopping), 0);
}

CHECK_CHILD(service_told_twice)
{
    static struct scripted_service service;
    service_init(&service, 2);
    check_log_capture();
    STEP(1, service_begins(&service));
    worker_told(&service.nodes[1].worker, WORKER_AWAIT);
    check_signal(SIGTERM);
    STEP(2, service_tells(&service, "STOPPING=1", 1));
    STEP(3,
         lc_handle_wait(lc_context_done(service.nodes[1].worker.context), check_patience()) == 0);
    check_signal(SIGTERM);
    STEP(4, service_logs("received SIGTERM; still stopping: n1 (stopping for "));
    STEP(5, service_logs(", n0 (stopping for "));
    STEP(6, service_tells(&service, "STATUS=still stopping: n1 (stopping for ", 1));
    STEP(7, !lc_handle_is_closed(service.finished));
    check_signal(SIGHUP);
    STEP(8, service_logs("SIGHUP, which does nothing: the service is stopping"));
    STEP(9, service_told(&service, "STOPPING=1") == 1);
    service_obeys(&service.nodes[0]);
    worker_told(&service.nodes[1].worker, WORKER_RETURN);
    STEP(10, service_ends(&service, LC_EXIT_CLEAN));
    check_log_release();
    service_drop(&service);
    return 0;
}

static void second_signal_names_what_stops(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_told_twice), 0);
}

/* ---- the watchdog ---- */

static int64_t count_beats_until(struct scripted_service *service, unsigned wanted)
{
    int64_t begun = lc_now();
    while (service_told(service, "WATCHDOG=1") < wanted)
        lc_sleep(LC_MILLISECOND);
    return lc_now() - begun;
}

CHECK_CHILD(service_watched)
{
    static struct scripted_service service;
    service_init(&service, 1);
    service.options.watchdog = 40 * LC_MILLISECOND;
    check_log_capture();
    STEP(1, service_begins(&service));
    int64_t took = count_beats_until(&service, 10);
    STEP(2, !lc_is_simulated() || took < 240 * LC_MILLISECOND);
    STEP(3, took > 160 * LC_MILLISECOND); /* ten in a fifth of a second, and not more */
    STEP(4, service_in_order(&service, "READY=1", "[WATCHDOG=1]"));
    check_signal(SIGTERM);
    STEP(5, service_tells(&service, "STOPPING=1", 1));
    unsigned before = service_told(&service, "WATCHDOG=1");
    count_beats_until(&service, before + 2); /* a stop that lasts is no reason to kill it */
    service_all_obey(&service);
    STEP(6, service_ends(&service, LC_EXIT_CLEAN));
    check_log_release();
    service_drop(&service);
    return 0;
}

static void watchdog_is_fed_twice_in_its_time(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_watched), 0);
}

/* ---- reloads ---- */

struct reloads {
    lc_handle *begun;
    lc_handle *go_on; /* NULL: it need not wait */
    unsigned count;
    int code;       /* of the error it returns; 0: none */
    bool tells_end; /* once told to stop it returns an error of its own, with the code of that */
    bool throws;
    bool cancelled;
};

static lc_error *reload(lc_context *context, void *arg)
{
    struct reloads *reloads = arg;
    reloads->count++;
    lc_handle_close(reloads->begun);
    if (reloads->go_on)
        reloads->cancelled = lc_context_wait(context, reloads->go_on, LC_FOREVER) != 0;
    if (reloads->throws)
        lc_throw(context, lc_error_new(-EPROTO, "thrown by the reload"));
    if (reloads->cancelled && reloads->tells_end)
        return lc_error_new(lc_error_code(lc_context_error(context)), "cut short");
    return reloads->code ? lc_error_new(reloads->code, "no such file") : NULL;
}

static struct reloads reloads_for(struct scripted_service *service, struct reloads *reloads)
{
    service_reload_by(service, reload, reloads);
    return (struct reloads){.begun = lc_handle_new()};
}

static void reloads_drop(struct reloads *reloads)
{
    lc_handle_unref(reloads->begun);
    lc_handle_unref(reloads->go_on);
}

CHECK_CHILD(service_reloaded)
{
    static struct scripted_service service;
    static struct reloads reloads;
    service_init(&service, 1);
    reloads = reloads_for(&service, &reloads);
    reloads.go_on = lc_handle_new();
    service.options.watchdog = 20 * LC_MILLISECOND;
    check_log_capture();
    STEP(1, service_begins(&service));
    check_signal(SIGHUP);
    STEP(2, service_tells(&service, "RELOADING=1\nMONOTONIC_USEC=", 1));
    STEP(3, lc_handle_wait(reloads.begun, check_patience()) == 0);
    STEP(4, service_told(&service, "READY=1") == 1);
    /* It takes its time, and the watchdog is fed. */
    count_beats_until(&service, service_told(&service, "WATCHDOG=1") + 3);
    lc_handle_close(reloads.go_on);
    STEP(5, service_tells(&service, "READY=1", 2));
    STEP(6, check_log_has("reloaded") && reloads.count == 1);
    STEP(7, service_in_order(&service, "RELOADING=1", "READY=1"));
    service_all_obey(&service);
    check_signal(SIGTERM);
    STEP(8, service_ends(&service, LC_EXIT_CLEAN));
    STEP(9, service_told(&service, "READY=1") == 2);
    check_log_release();
    reloads_drop(&reloads);
    service_drop(&service);
    return 0;
}

static void sighup_reloads(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_reloaded), 0);
}

static int fail_to_reload(bool throws, const char *message)
{
    static struct scripted_service service;
    static struct reloads reloads;
    char status[128];
    service_init(&service, 1);
    reloads = reloads_for(&service, &reloads);
    reloads.code = -ENOENT;
    reloads.throws = throws;
    check_log_capture();
    STEP(1, service_begins(&service));
    check_signal(SIGHUP);
    snprintf(status, sizeof status, "READY=1\nSTATUS=ready; the last reload has failed: %s",
             message);
    STEP(2, service_tells(&service, status, 1));
    STEP(3, check_log_count(message) == 1);
    service_all_obey(&service);
    check_signal(SIGTERM);
    STEP(4, service_ends(&service, LC_EXIT_CLEAN));
    check_log_release();
    reloads_drop(&reloads);
    service_drop(&service);
    return 0;
}

CHECK_CHILD(service_reload_fails)
{
    return fail_to_reload(false, "no such file");
}

CHECK_CHILD(service_reload_throws)
{
    return fail_to_reload(true, "thrown by the reload");
}

static void failed_reload_is_logged(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_reload_fails), 0);
}

static void thrown_reload_is_logged(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_reload_throws), 0);
}

CHECK_CHILD(service_without_reload)
{
    static struct scripted_service service;
    service_init(&service, 1);
    check_log_capture();
    STEP(1, service_begins(&service));
    check_signal(SIGHUP);
    STEP(2, service_logs("received SIGHUP, which does nothing: there is no configure function"));
    STEP(3, service_tells(&service, "READY=1", 2));
    STEP(4, service_told(&service, "[RELOADING=1\nMONOTONIC_USEC=") == 1);
    STEP(5, service_in_order(&service, "RELOADING=1", "READY=1\nSTATUS=ready"));
    check_signal(SIGHUP); /* and each further one */
    STEP(6, service_tells(&service, "READY=1", 3));
    STEP(7, service_told(&service, "[RELOADING=1\nMONOTONIC_USEC=") == 2);
    service_all_obey(&service);
    check_signal(SIGTERM);
    STEP(8, service_ends(&service, LC_EXIT_CLEAN));
    check_log_release();
    service_drop(&service);
    return 0;
}

static void sighup_without_hook_is_answered(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_without_reload), 0);
}

/* RELOADING=1 and READY=1 before it is ready would tell the manager that it is. */
CHECK_CHILD(service_reloaded_before_ready)
{
    static struct scripted_service service;
    static struct reloads reloads;
    service_init(&service, 1);
    reloads = reloads_for(&service, &reloads);
    service.options.watchdog = 20 * LC_MILLISECOND;
    check_log_capture();
    service_start(&service);
    STEP(1, worker_entered(&service.nodes[0].worker));
    check_signal(SIGHUP);
    count_beats_until(&service, 3); /* it has been looked at */
    STEP(2, reloads.count == 0);
    STEP(3, service_told(&service, "READY=1") + service_told(&service, "RELOADING=1") == 0);
    STEP(4, worker_does(&service.nodes[0].worker, WORKER_READY));
    STEP(5, lc_handle_wait(reloads.begun, check_patience()) == 0);
    STEP(6, service_tells(&service, "READY=1", 2));
    STEP(7, service_in_order(&service, "READY=1", "RELOADING=1"));
    service_all_obey(&service);
    check_signal(SIGTERM);
    STEP(8, service_ends(&service, LC_EXIT_CLEAN));
    check_log_release();
    reloads_drop(&reloads);
    service_drop(&service);
    return 0;
}

static void sighup_before_ready_waits(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_reloaded_before_ready), 0);
}

static int stop_while_reloading(bool tells_end, int code)
{
    static struct scripted_service service;
    static struct reloads reloads;
    service_init(&service, 1);
    reloads = reloads_for(&service, &reloads);
    reloads.go_on = lc_handle_new();
    reloads.tells_end = tells_end;
    reloads.code = code;
    check_log_capture();
    STEP(1, service_begins(&service));
    check_signal(SIGHUP);
    STEP(2, lc_handle_wait(reloads.begun, check_patience()) == 0);
    service_all_obey(&service);
    check_signal(SIGTERM);
    STEP(3, service_ends(&service, LC_EXIT_CLEAN));
    STEP(4, reloads.cancelled);
    STEP(5, service_in_order(&service, "RELOADING=1", "STOPPING=1"));
    STEP(6, service_told(&service, "READY=1") == 1);
    STEP(7, check_log_count("the reload has failed: no such file") == (code != 0));
    STEP(8, check_log_count("failed") == (code != 0));
    STEP(9, check_log_count("the reload has ended") == (code == 0));
    check_log_release();
    reloads_drop(&reloads);
    service_drop(&service);
    return 0;
}

CHECK_CHILD(service_stopped_while_reloading)
{
    return stop_while_reloading(false, 0);
}

CHECK_CHILD(service_cuts_a_reload_short)
{
    return stop_while_reloading(true, 0);
}

CHECK_CHILD(service_stopped_while_reload_fails)
{
    return stop_while_reloading(false, -ENOENT);
}

/* Its context is not ended by a signal then. */
CHECK_CHILD(service_fails_while_reloading)
{
    static struct scripted_service service;
    static struct reloads reloads;
    service_init(&service, 1);
    reloads = reloads_for(&service, &reloads);
    reloads.go_on = lc_handle_new();
    check_log_capture();
    STEP(1, service_begins(&service));
    check_signal(SIGHUP);
    STEP(2, lc_handle_wait(reloads.begun, check_patience()) == 0);
    worker_told(&service.nodes[0].worker, WORKER_FAIL);
    STEP(3, service_ends(&service, LC_EXIT_ERROR));
    STEP(4, reloads.cancelled);
    STEP(5, service_in_order(&service, "RELOADING=1", "STOPPING=1"));
    check_log_release();
    reloads_drop(&reloads);
    service_drop(&service);
    return 0;
}

static void failure_ends_a_reload(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_fails_while_reloading), 0);
}

static void stop_ends_a_reload(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_stopped_while_reloading), 0);
}

static void reload_cut_short_has_not_failed(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_cuts_a_reload_short), 0);
    CU_ASSERT_EQUAL(CHECK_APART(service_stopped_while_reload_fails), 0);
}

/* ---- the halt ---- */

static void note_halt(const lc_error *error, void *arg)
{
    (void)error;
    lc_handle_close(arg);
}

/* A service of two, of which the second fails and wants a halt. The first still stops. */
static lc_handle *halt_begin(struct scripted_service *service)
{
    lc_handle *halted = lc_handle_new();
    service_init(service, 2);
    service->nodes[1].behavior = LC_SPIN_HALT;
    service->options.on_halt = note_halt;
    service->options.on_halt_arg = halted;
    service->options.watchdog = 40 * LC_MILLISECOND;
    service->options.halt_reminder = 100 * LC_MILLISECOND;
    return halted;
}

/* SIGINT and SIGHUP while everything stops in order to halt, and in the halt; then SIGTERM. */
static int halt_and_end(struct scripted_service *service, lc_handle *halted)
{
    worker_told(&service->nodes[0].worker, WORKER_AWAIT);
    worker_told(&service->nodes[1].worker, WORKER_FAIL);
    STEP(101, service_tells(service, "STATUS=stopping in order to halt: worker failed", 1));
    check_signal(SIGINT);
    STEP(102, service_logs("service: SIGINT does not end this process: it is about to halt"));
    check_signal(SIGHUP);
    STEP(103, service_logs("service: SIGHUP does not end this process: it is about to halt"));
    STEP(104, !lc_handle_is_closed(halted));
    worker_told(&service->nodes[0].worker, WORKER_RETURN);
    STEP(105, lc_handle_wait(halted, check_patience()) == 0);
    STEP(106, service_told(service, "STATUS=halted until SIGTERM: worker failed") == 1);
    check_signal(SIGINT);
    STEP(107, service_logs("SIGINT does not end this process: it has halted"));
    check_signal(SIGHUP);
    STEP(108, service_logs("SIGHUP does not end this process: it has halted"));
    count_beats_until(service, service_told(service, "WATCHDOG=1") + 3);
    STEP(109, service_logs("still halted, since a restart would do harm: worker failed with -5; "
                           "SIGTERM ends it: kill -TERM"));
    STEP(110, !lc_handle_is_closed(service->finished));
    check_signal(SIGTERM);
    STEP(111, service_ends(service, LC_EXIT_HALTED));
    STEP(112, service_told(service, "STOPPING=1") == 0);
    STEP(113, service_told(service, "RELOADING=1") == 0);
    return 0;
}

CHECK_CHILD(service_halts_when_ready)
{
    static struct scripted_service service;
    lc_handle *halted = halt_begin(&service);
    check_log_capture();
    STEP(1, service_begins(&service));
    int step = halt_and_end(&service, halted);
    STEP(2, service_told(&service, "READY=1") == 1);
    STEP(3, service_told(&service, "EXTEND_TIMEOUT_USEC") == 0); /* there is no time limit */
    check_log_release();
    lc_handle_unref(halted);
    service_drop(&service);
    return step;
}

CHECK_CHILD(service_halts_before_ready)
{
    static struct scripted_service service;
    lc_handle *halted = halt_begin(&service);
    check_log_capture();
    service_start(&service);
    STEP(1, worker_entered(&service.nodes[0].worker));
    STEP(2, worker_does(&service.nodes[0].worker, WORKER_READY));
    STEP(3, worker_entered(&service.nodes[1].worker));
    int step = halt_and_end(&service, halted);
    STEP(4, service_told(&service, "READY=1") == 0);
    STEP(5, service_told(&service, "EXTEND_TIMEOUT_USEC=60000000") >= 1);
    check_log_release();
    lc_handle_unref(halted);
    service_drop(&service);
    return step;
}

static void halt_when_ready(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_halts_when_ready), 0);
}

static void halt_before_ready(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_halts_before_ready), 0);
}

CHECK_CHILD(service_halt_after_sigterm)
{
    static struct scripted_service service;
    lc_handle *halted = halt_begin(&service);
    check_log_capture();
    STEP(1, service_begins(&service));
    worker_told(&service.nodes[0].worker, WORKER_AWAIT);
    worker_told(&service.nodes[1].worker, WORKER_FAIL);
    STEP(2, service_tells(&service, "STATUS=stopping in order to halt", 1));
    check_signal(SIGTERM);
    STEP(3, service_logs("received SIGTERM: the process will end without a halt"));
    worker_told(&service.nodes[0].worker, WORKER_RETURN);
    STEP(4, service_ends(&service, LC_EXIT_HALTED));
    STEP(5, !lc_handle_is_closed(halted));
    STEP(6, service_told(&service, "STOPPING=1") == 0);
    check_log_release();
    lc_handle_unref(halted);
    service_drop(&service);
    return 0;
}

static void sigterm_before_the_halt_counts(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_halt_after_sigterm), 0);
}

/* ---- the final deadline ---- */

CHECK_CHILD(service_halts_though_not_all_has_stopped)
{
    static struct scripted_service service;
    lc_handle *halted = halt_begin(&service);
    service.options.stop_timeout = 50 * LC_MILLISECOND;
    check_log_capture();
    STEP(1, service_begins(&service));
    worker_told(&service.nodes[0].worker, WORKER_AWAIT);
    worker_told(&service.nodes[1].worker, WORKER_FAIL);
    STEP(2, lc_handle_wait(halted, check_patience()) == 0);
    STEP(3, check_log_has("is not waited for any longer: n0 (stopping for "));
    STEP(4, service_told(&service, "STATUS=halted until SIGTERM, though not all has stopped") == 1);
    STEP(5, !lc_handle_is_closed(service.finished));
    check_signal(SIGTERM);
    STEP(6, service_ends(&service, LC_EXIT_HALTED)); /* unless simulated, this ends the process */
    worker_told(&service.nodes[0].worker, WORKER_RETURN);
    lc_handle_wait(lc_supervisor_done(service.supervisor), LC_FOREVER);
    check_log_release();
    lc_handle_unref(halted);
    service_drop(&service);
    return LC_EXIT_HALTED;
}

static void halts_at_the_final_deadline(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_halts_though_not_all_has_stopped), LC_EXIT_HALTED);
}

CHECK_CHILD(service_overdue)
{
    static struct scripted_service service;
    service_init(&service, 2);
    service.options.stop_timeout = 50 * LC_MILLISECOND;
    check_log_capture();
    STEP(10, service_begins(&service));
    worker_told(&service.nodes[1].worker, WORKER_AWAIT);
    int64_t begun = lc_now();
    check_signal(SIGTERM);
    STEP(11, service_ends(&service, LC_EXIT_ERROR)); /* unless simulated, this ends the process */
    STEP(12, lc_now() - begun >= 50 * LC_MILLISECOND && lc_now() - begun < LC_SECOND);
    STEP(13, check_log_has("has not stopped in 0.1 s, and is not waited for any longer: n1 ("));
    STEP(14, check_log_has("), n0 (stopping for 0."));
    STEP(15, service_told(&service, "STATUS=not stopped in time: n1 (stopping for ") == 1);
    worker_told(&service.nodes[1].worker, WORKER_RETURN);
    service_obeys(&service.nodes[0]);
    lc_handle_wait(lc_supervisor_done(service.supervisor), LC_FOREVER);
    check_log_release();
    service_drop(&service);
    return LC_EXIT_ERROR;
}

static void names_the_overdue(void)
{
    CU_ASSERT_EQUAL(CHECK_APART(service_overdue), LC_EXIT_ERROR);
}

CHECK_SUITE_IN_MODES(
    service_main, "service: the main program",
    {"READY=1 when all is ready, STOPPING=1 for SIGTERM, and 0 is returned",
     tells_ready_and_stopping},
    {"SIGINT stops as well; MAINPID= is told if asked for", sigint_stops_as_well},
    {"what is stopped before it is ready never says READY=1", stopped_before_ready_is_never_ready},
    {"what completes says READY=1 before it ends, and 0 is returned", completed_was_ready},
    {"a node that is given up does not hold back READY=1, and the status names it",
     what_is_given_up_does_not_hold_back_ready},
    {"an error ends it with 1, and is told", error_ends_with_1},
    {"a failure while it stops ends it with 1", failure_while_stopping_ends_with_1},
    {"a second SIGTERM names what is still stopping", second_signal_names_what_stops},
    {"the watchdog is fed twice in its time, also while it stops",
     watchdog_is_fed_twice_in_its_time, CHECK_EXACT},
    {"SIGHUP reloads between RELOADING=1 and READY=1, and the watchdog is fed", sighup_reloads},
    {"a reload that fails is logged, and the service goes on", failed_reload_is_logged},
    {"a reload that throws is logged, and the service goes on", thrown_reload_is_logged},
    {"SIGHUP without a hook is logged, and answered by a reload that is over at once",
     sighup_without_hook_is_answered},
    {"SIGHUP before it is ready is dealt with when it is", sighup_before_ready_waits},
    {"a reload that a stop cuts short has not failed", reload_cut_short_has_not_failed},
    {"a stop ends a reload", stop_ends_a_reload},
    {"a failure ends a reload", failure_ends_a_reload},
    {"a halt of what was ready does not tell STOPPING=1, and only SIGTERM ends it",
     halt_when_ready},
    {"a halt before it is ready tells neither READY=1 nor STOPPING=1", halt_before_ready},
    {"a SIGTERM before the halt counts", sigterm_before_the_halt_counts},
    {"at the final deadline it halts, if it is to", halts_at_the_final_deadline},
    {"at the final deadline it ends with 1, whatever still runs", names_the_overdue});
