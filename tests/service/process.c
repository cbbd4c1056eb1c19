/*
 * process.c: a service as a process: real sockets, signals, exit statuses, pid files, titles, and
 * the processor time of a halt. Each in a child process.
 */
#include "service/manager.h"
#include "service/scripted_service.h"
#include "support/check.h"
#include "support/mode.h"
#include "support/parts.h"

#include <bsd/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/common_interface_defs.h>
#endif

/* ---- services to be run ---- */

static lc_error *make_noop(lc_component **component, void *arg)
{
    *component = component_of("worker", lc_noop_worker, arg);
    return NULL;
}

static lc_error *fail(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    (void)arg;
    return lc_error_new(-EIO, "must not go on");
}

static lc_error *make_failing(lc_component **component, void *arg)
{
    *component = component_of("worker", fail, arg);
    return NULL;
}

/* In a fiber that is no worker, so there is no context of its own to fall back on. */
static void throw_alone(void *arg)
{
    (void)arg;
    lc_throw(NULL, lc_error_new(-EIO, "no signaler takes this"));
}

static lc_error *throw_without_signaler(lc_context *context, lc_ready *ready, void *arg)
{
    lc_fiber_options fiber = {.size = sizeof fiber};
    (void)arg;
    fiber.run = throw_alone;
    lc_ready_signal(ready);
    if (lc_fiber_start(&fiber) == 0)
        lc_context_sleep(context, LC_FOREVER);
    return NULL;
}

static lc_error *make_throwing(lc_component **component, void *arg)
{
    *component = component_of("worker", throw_without_signaler, arg);
    return NULL;
}

static lc_error *hang(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)arg;
    lc_ready_signal(ready);
    lc_sleep(LC_HOUR);
    return NULL;
}

static lc_error *make_hanging(lc_component **component, void *arg)
{
    *component = component_of("worker", hang, arg);
    return NULL;
}

static lc_supervisor *supervisor_of(lc_component_factory factory, lc_judge handler)
{
    lc_supervisor *supervisor;
    lc_supervisor_options options = {.size = sizeof options};
    options.name = "process";
    lc_error *error = lc_supervisor_new(&options, &supervisor);
    lc_node node = {.size = sizeof node};
    node.name = "node";
    node.factory = factory;
    node.judge = handler;
    error = error ? error : lc_supervisor_add(supervisor, &node);
    if (error)
        abort();
    return supervisor;
}

/* ---- the service manager beside it ---- */

struct conduct {
    struct manager manager;
    const char *until; /* what it waits to hear before it sends SIGTERM */
    bool done;
};

static void conduct(void *arg)
{
    struct conduct *conduct = arg;
    conduct->done = manager_hears(&conduct->manager, conduct->until) &&
                    manager_hears(&conduct->manager, "WATCHDOG=1") &&
                    manager_hears(&conduct->manager, "WATCHDOG=1");
    kill(getpid(), SIGTERM);
}

/* Runs it under a manager that ends it. @return its status; -1: the manager has not heard. */
static int serve_conducted(lc_supervisor *supervisor, struct conduct *conducted, bool abstract)
{
    struct helper helper;
    manager_open(&conducted->manager, abstract);
    setenv("WATCHDOG_USEC", "40000", 1);
    helper_start(&helper, conduct, conducted);
    int status = check_service(NULL, supervisor);
    helper_join(&helper);
    return conducted->done ? status : -1;
}

static bool is_ignored(int signal)
{
    struct sigaction found;
    return sigaction(signal, NULL, &found) == 0 && found.sa_handler == SIG_IGN;
}

static int run_and_stop(bool abstract)
{
    static struct conduct conducted;
    conducted.until = "READY=1\nSTATUS=ready";
    STEP(10,
         serve_conducted(supervisor_of(make_noop, NULL), &conducted, abstract) == LC_EXIT_CLEAN);
    STEP(11, strcmp(conducted.manager.heard, "STATUS=starting\n\n") == 0); /* the first of all */
    STEP(12,
         manager_has_heard(&conducted.manager, "STOPPING=1\nSTATUS=stopping: received SIGTERM"));
    STEP(13, !getenv("NOTIFY_SOCKET") && !getenv("WATCHDOG_USEC"));
    /* The process is about to end with its status, which no signal is to replace. */
    STEP(14, is_ignored(SIGTERM) && is_ignored(SIGINT) && is_ignored(SIGHUP));
    manager_close(&conducted.manager);
    return LC_EXIT_CLEAN;
}

CHECK_CHILD(process_stopped)
{
    return run_and_stop(false);
}

CHECK_CHILD(process_stopped_by_abstract_manager)
{
    return run_and_stop(true);
}

/* ---- signals until the very end ---- */

static void terminate(const char *message, void *arg)
{
    (void)arg;
    if (strstr(message, "READY=1"))
        kill(getpid(), SIGTERM);
}

static void signal_for_ever(void *arg)
{
    while (!lc_handle_is_closed(arg))
        kill(getpid(), SIGTERM);
}

static struct helper signaller;

static void begin_signals(const char *message, void *arg)
{
    if (strstr(message, "READY=1"))
        helper_start(&signaller, signal_for_ever, arg);
}

CHECK_CHILD(process_signalled_until_the_end)
{
    lc_service_options options = {.size = sizeof options};
    lc_handle *over = lc_handle_new();
    options.notify = begin_signals;
    options.notify_arg = over;
    check_log_capture();
    int status = check_service(&options, supervisor_of(make_noop, NULL));
    for (int i = 0; i < 1000; i++)
        sched_yield(); /* what a main does after it */
    lc_handle_close(over);
    helper_join(&signaller);
    check_log_release();
    lc_handle_unref(over);
    return status;
}

static void own_handler(int number)
{
    (void)number;
}

/* What the program has set itself is put back; and all of it if nothing was run. */
CHECK_CHILD(process_puts_back)
{
    struct sigaction found;
    lc_service_options options = {.size = sizeof options};
    options.notify = terminate;
    signal(SIGHUP, own_handler);
    STEP(10, check_service(&options, supervisor_of(make_noop, NULL)) == LC_EXIT_CLEAN);
    STEP(11, sigaction(SIGHUP, NULL, &found) == 0 && found.sa_handler == own_handler);
    signal(SIGTERM, SIG_DFL);
    options.pid_file = "/nowhere/at/all.pid";
    STEP(12, check_service(&options, supervisor_of(make_noop, NULL)) == LC_EXIT_ERROR);
    STEP(13, sigaction(SIGTERM, NULL, &found) == 0 && found.sa_handler == SIG_DFL);
    return 0;
}

static void no_signal_replaces_the_status(void)
{
    CU_ASSERT_EQUAL(check_child("process_signalled_until_the_end").status, LC_EXIT_CLEAN);
    CU_ASSERT_EQUAL(check_child("process_puts_back").status, 0);
}

static void manager_hears_a_life(void)
{
    CU_ASSERT_EQUAL(check_child("process_stopped").status, 0);
    CU_ASSERT_EQUAL(check_child("process_stopped_by_abstract_manager").status, 0);
}

CHECK_CHILD(process_fails)
{
    return check_service(NULL, supervisor_of(make_failing, answer_shutdown));
}

static void error_exits_with_1(void)
{
    struct check_exit child = check_child("process_fails");
    CU_ASSERT_EQUAL(child.status, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(child.errors, "process: ended by an error: must not go on"));
}

CHECK_CHILD(process_throws)
{
    return check_service(NULL, supervisor_of(make_throwing, NULL));
}

static void throw_without_signaler_exits_with_70(void)
{
    struct check_exit child = check_child("process_throws");
    CU_ASSERT_EQUAL(child.status, 70);
    CU_ASSERT_PTR_NOT_NULL(strstr(child.errors, "no signaler takes this"));
}

CHECK_CHILD(process_halts)
{
    static struct conduct conducted;
    conducted.until = "STATUS=halted until SIGTERM: must not go on";
    int status = serve_conducted(supervisor_of(make_failing, answer_halt), &conducted, false);
    STEP(10, !manager_has_heard(&conducted.manager, "STOPPING=1"));
    STEP(11, !manager_has_heard(&conducted.manager, "READY=1"));
    STEP(12, manager_has_heard(&conducted.manager, "EXTEND_TIMEOUT_USEC=60000000"));
    manager_close(&conducted.manager);
    return status;
}

static void halt_exits_with_75(void)
{
    CU_ASSERT_EQUAL(check_child("process_halts").status, 75);
}

/* ---- a halt uses no processor ---- */

/* Three seconds; less under a sanitizer, which has work of its own in every second. */
#define HALT_LASTS (check_fewer(3000) * LC_MILLISECOND)
#define HALT_MAY_USE (10 * LC_MILLISECOND)

static int64_t cpu_time(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * LC_SECOND +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * LC_MICROSECOND;
}

struct measure {
    struct manager manager;
    int64_t used;
};

/* The pause is what is measured, nothing is awaited by it. */
static void measure(void *arg)
{
    struct measure *measure = arg;
    if (manager_hears(&measure->manager, "STATUS=halted")) {
        int64_t before = cpu_time();
        lc_sleep(HALT_LASTS);
        measure->used = cpu_time() - before;
    }
    kill(getpid(), SIGTERM);
}

/* With a watchdog of a second, which is more than most units ask for. */
CHECK_CHILD(process_halted_for_long)
{
    static struct measure measured = {.used = -1};
    struct helper helper;
    char watchdog[32];
    manager_open(&measured.manager, false);
    snprintf(watchdog, sizeof watchdog, "%lld", (long long)(HALT_LASTS / 3 / LC_MICROSECOND));
    setenv("WATCHDOG_USEC", watchdog, 1);
    helper_start(&helper, measure, &measured);
    int status = check_service(NULL, supervisor_of(make_failing, answer_halt));
    helper_join(&helper);
    fprintf(stderr, "used %lld ns\n", (long long)measured.used);
    STEP(10, measured.used >= 0 && measured.used < HALT_MAY_USE);
    STEP(11, manager_has_heard(&measured.manager, "WATCHDOG=1"));
    manager_close(&measured.manager);
    return status;
}

static void halt_uses_no_cpu(void)
{
    struct check_exit child = check_child("process_halted_for_long");
    CU_ASSERT_EQUAL(child.status, LC_EXIT_HALTED);
    if (child.status != LC_EXIT_HALTED)
        printf("%s", child.errors);
}

/* ---- pid files ---- */

/* Tells the child where, by the environment. */
static const char *pid_file_path(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/lifecycle-check-%d.pid", (int)getpid());
    setenv("LC_CHECK_PID_FILE", path, 1);
    return path;
}

static int pid_in(const char *path)
{
    int pid = -1;
    FILE *file = fopen(path, "r");
    if (!file)
        return -1;
    if (fscanf(file, "%d", &pid) != 1)
        pid = -1;
    fclose(file);
    return pid;
}

CHECK_CHILD(process_has_pid_file)
{
    static struct scripted_service service;
    char refused[64];
    const char *path = getenv("LC_CHECK_PID_FILE");
    lc_service_options second = {.size = sizeof second};
    service_init(&service, 1);
    STEP(9, path != NULL);
    service.options.pid_file = path;
    second.pid_file = path;
    check_log_capture();
    STEP(10, service_begins(&service));
    STEP(11, pid_in(path) == getpid());
    STEP(12, check_service(&second, supervisor_of(make_noop, NULL)) == LC_EXIT_ERROR);
    snprintf(refused, sizeof refused, "running already, as process %d", (int)getpid());
    STEP(13, check_log_has(refused));
    STEP(14, pid_in(path) == getpid());
    service_all_obey(&service);
    kill(getpid(), SIGTERM);
    STEP(15, service_ends(&service, LC_EXIT_CLEAN));
    STEP(16, access(path, F_OK) != 0);
    service_drop(&service);
    second.pid_file = "/nowhere/at/all.pid";
    STEP(17, check_service(&second, supervisor_of(make_noop, NULL)) == LC_EXIT_ERROR);
    STEP(18, check_log_has("the pid file /nowhere/at/all.pid cannot be opened: No such file"));
    check_log_release();
    return 0;
}

static void second_instance_is_refused(void)
{
    pid_file_path();
    CU_ASSERT_EQUAL(check_child("process_has_pid_file").status, 0);
    unsetenv("LC_CHECK_PID_FILE");
}

/* ---- pid files on a shared machine ---- */

static bool is_refused_for(const char *path, const char *why)
{
    lc_service_options options = {.size = sizeof options};
    options.pid_file = path;
    options.notify = terminate;
    check_log_capture();
    int status = check_service(&options, supervisor_of(make_noop, NULL));
    bool refused = status == LC_EXIT_ERROR && check_log_has(why);
    check_log_release();
    return refused;
}

static bool holds(const char *path, const char *text)
{
    char found[64] = "";
    FILE *file = fopen(path, "r");
    if (file && !fgets(found, sizeof found, file))
        found[0] = '\0';
    if (file)
        fclose(file);
    return strcmp(found, text) == 0;
}

static void put_text(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fchmod(fileno(file), mode) != 0)
        abort();
    fclose(file);
}

static mode_t mode_seen;

static void look_at_pid_file(const char *message, void *arg)
{
    struct stat status;
    if (strstr(message, "READY=1")) {
        mode_seen = stat(arg, &status) == 0 ? status.st_mode & 07777 : 0;
        kill(getpid(), SIGTERM);
    }
}

static int runs_with_mode_0600(const char *path)
{
    lc_service_options options = {.size = sizeof options};
    options.pid_file = path;
    options.notify = look_at_pid_file;
    options.notify_arg = (void *)(uintptr_t)path;
    STEP(20, check_service(&options, supervisor_of(make_noop, NULL)) == LC_EXIT_CLEAN);
    STEP(21, mode_seen == 0600);
    STEP(22, access(path, F_OK) != 0);
    return 0;
}

CHECK_CHILD(process_has_safe_pid_file)
{
    const char *path = getenv("LC_CHECK_PID_FILE");
    char other[128];
    STEP(9, path != NULL);
    snprintf(other, sizeof other, "%s.other", path);
    umask(0);
    put_text(other, "precious", 0644);
    STEP(10, symlink(other, path) == 0);
    STEP(11, is_refused_for(path, "is a symbolic link") && holds(other, "precious"));
    STEP(12, unlink(path) == 0 && link(other, path) == 0);
    STEP(13, is_refused_for(path, "has 2 names") && holds(other, "precious"));
    STEP(14, unlink(path) == 0 && unlink(other) == 0);
    STEP(15, mkfifo(path, 0600) == 0);
    STEP(16, is_refused_for(path, "no regular file"));
    STEP(17, unlink(path) == 0 && runs_with_mode_0600(path) == 0);
    put_text(path, "12345", 0666); /* left behind, by an older version */
    return runs_with_mode_0600(path);
}

/* Only root can give a file away; for others it is tried with a file of root's, in /proc. */
CHECK_CHILD(process_has_foreign_pid_file)
{
    const char *path = getenv("LC_CHECK_PID_FILE");
    STEP(9, path != NULL);
    if (geteuid() != 0)
        return is_refused_for("/proc/version", "/proc/version cannot be opened") ? 0 : 10;
    put_text(path, "precious", 0666);
    STEP(11, chown(path, 65534, 65534) == 0);
    STEP(12, is_refused_for(path, "belongs to user 65534, and not to user 0"));
    STEP(13, holds(path, "precious"));
    return unlink(path);
}

static void pid_file_is_safe(void)
{
    pid_file_path();
    CU_ASSERT_EQUAL(check_child("process_has_safe_pid_file").status, 0);
    CU_ASSERT_EQUAL(check_child("process_has_foreign_pid_file").status, 0);
    unsetenv("LC_CHECK_PID_FILE");
}

/* ---- the final deadline ---- */

CHECK_CHILD(process_is_overdue)
{
    lc_service_options options = {.size = sizeof options};
    options.pid_file = getenv("LC_CHECK_PID_FILE");
    options.stop_timeout = 100 * LC_MILLISECOND;
    options.notify = terminate;
    check_service(&options, supervisor_of(make_hanging, NULL));
    return 10; /* it does not come back */
}

static void overdue_exits_with_1(void)
{
    const char *path = pid_file_path();
    struct check_exit child = check_child("process_is_overdue");
    CU_ASSERT_EQUAL(child.status, LC_EXIT_ERROR);
    CU_ASSERT_PTR_NOT_NULL(strstr(child.errors,
                                  "process: has not stopped in 0.1 s, and is not "
                                  "waited for any longer: node (stopping for 0.1 s)"));
    CU_ASSERT_TRUE(access(path, F_OK) != 0);
    unsetenv("LC_CHECK_PID_FILE");
}

/* ---- a log that is not read ---- */

/* Fills standard error, and never comes back. */
static lc_error *log_for_ever(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    lc_ready_signal(ready);
    for (;;) {
        lc_log(LC_LOG_INFO, arg, "on and on");
        lc_yield();
    }
    return NULL;
}

static lc_error *log_until_told(lc_context *context, lc_ready *ready, void *arg)
{
    lc_ready_signal(ready);
    while (!lc_context_error(context)) {
        lc_log(LC_LOG_INFO, arg, "on and on");
        lc_yield();
    }
    return NULL;
}

static lc_error *make_logging_fibers(lc_worker_function run, lc_component **component)
{
    static char names[2][8] = {"one", "other"};
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("logging");
    lc_manager_builder_set_kind(builder, LC_FIBER);
    for (int i = 0; i < 2; i++)
        lc_manager_builder_add(builder, LC_WORKER(.name = names[i], .run = run, .arg = names[i]));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

static lc_error *make_logging_for_ever(lc_component **component, void *arg)
{
    (void)arg;
    return make_logging_fibers(log_for_ever, component);
}

static lc_error *make_logging(lc_component **component, void *arg)
{
    (void)arg;
    return make_logging_fibers(log_until_told, component);
}

/*
 * ThreadSanitizer reports the workers that are alive at the final deadline, in their own way: it
 * would wait for the reader that this test does not have.
 */
static void keep_sanitizer_away(void)
{
#if defined(__SANITIZE_THREAD__)
    __sanitizer_set_report_fd((void *)(intptr_t)open("/dev/null", O_WRONLY | O_CLOEXEC));
#endif
}

/* Runs it with a standard error that was full before, and is never read. */
static int serve_unread(lc_component_factory factory)
{
    lc_service_options options = {.size = sizeof options};
    int ends[2];
    keep_sanitizer_away();
    STEP(10, pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    for (int i = 0; i < 2000; i++)
        lc_log(LC_LOG_INFO, "test", "a line that takes its place, and stays there");
    options.stop_timeout = LC_SECOND;
    options.notify = terminate;
    return check_service(&options, supervisor_of(factory, NULL));
}

CHECK_CHILD(process_logs_for_ever)
{
    return serve_unread(make_logging_for_ever);
}

CHECK_CHILD(process_logs_unread)
{
    return serve_unread(make_logging);
}

static void log_that_is_not_read_delays_nothing(void)
{
    CU_ASSERT_EQUAL(check_child("process_logs_unread").status, LC_EXIT_CLEAN);
    CU_ASSERT_EQUAL(check_child("process_logs_for_ever").status, LC_EXIT_ERROR);
}

/* ---- the title ---- */

/* The arguments lie one behind the other, and this test was given three. */
static void allow_titles(void)
{
    static char
        *arguments[5]; /* libbsd puts copies there, which are to be found by a leak checker */
    arguments[0] = program_invocation_name;
    for (int i = 1; i < 4; i++)
        arguments[i] = arguments[i - 1] + strlen(arguments[i - 1]) + 1;
    setproctitle_init(4, arguments, environ);
}

static bool shows_title(const char *wanted)
{
    char title[256] = "";
    FILE *file = fopen("/proc/self/cmdline", "r");
    if (!file || !fgets(title, sizeof title, file))
        title[0] = '\0';
    if (file)
        fclose(file);
    return strcmp(title, wanted) == 0;
}

static bool shown[2];

static void look_at_title(const char *message, void *arg)
{
    (void)arg;
    if (strstr(message, "READY=1")) {
        shown[0] = shows_title("check: ready");
        kill(getpid(), SIGTERM);
    }
    if (strstr(message, "STOPPING=1"))
        shown[1] = shows_title("check: stopping: received SIGTERM");
}

CHECK_CHILD(process_has_title)
{
    lc_service_options options = {.size = sizeof options};
    allow_titles();
    options.process_title = true;
    options.notify = look_at_title;
    STEP(10, check_service(&options, supervisor_of(make_noop, NULL)) == LC_EXIT_CLEAN);
    STEP(11, shown[0]);
    STEP(12, shown[1]);
    STEP(13, !shows_title("check: stopping: received SIGTERM"));
    return 0;
}

static void title_tells_the_state(void)
{
    CU_ASSERT_EQUAL(check_child("process_has_title").status, 0);
}

/* ---- started without standard descriptors ---- */

static bool all_open;

static void look_at_descriptors(const char *message, void *arg)
{
    (void)arg;
    if (strstr(message, "READY=1")) {
        all_open = true;
        for (int number = 0; number < 3; number++)
            all_open = all_open && fcntl(number, F_GETFD) == 0;
        kill(getpid(), SIGTERM);
    }
}

CHECK_CHILD(process_runs_without_standard)
{
    lc_service_options options = {.size = sizeof options};
    options.notify = look_at_descriptors;
    STEP(10, fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0);
    /* What makes the supervisor may open files of its own: so the main of a program goes first. */
    STEP(11, check_service(&options, supervisor_of(make_noop, NULL)) == LC_EXIT_CLEAN);
    STEP(12, all_open);
    return 0;
}

CHECK_CHILD(process_without_standard)
{
    for (int number = 0; number < 3; number++)
        close(number);
    execl(CHECK_BUILD_DIR "/tests/check", "check", "--child", "process_runs_without_standard",
          check_mode_name(), (char *)NULL);
    return 10;
}

static void standard_descriptors_are_opened(void)
{
    CU_ASSERT_EQUAL(check_child("process_without_standard").status, 0);
}

/* ---- what cannot be run ---- */

static bool is_refused(const lc_service_options *options, lc_supervisor *supervisor,
                       const char *why)
{
    check_log_capture();
    int status = check_service(options, supervisor);
    bool refused = status == LC_EXIT_ERROR && check_log_count(why) == 1;
    check_log_release();
    return refused;
}

#define REFUSED_WITH(field, value, why)                                                            \
    do {                                                                                           \
        lc_service_options options_ = {.size = sizeof options_};                                   \
        options_.field = (value);                                                                  \
        CU_ASSERT_TRUE(is_refused(&options_, supervisor_of(make_noop, NULL), (why)));              \
    } while (0)

static void bad_options_are_refused(void)
{
    static const char longer[] =
        "0123456789012345678901234567890123456789012345678901234567890123x";
    const lc_service_options sizeless = {.size = 1};
    CU_ASSERT_TRUE(is_refused(&sizeless, NULL, "lc_service_options"));
    REFUSED_WITH(name, "", "lc_service_options.name");
    REFUSED_WITH(name, longer, "lc_service_options.name");
    REFUSED_WITH(pid_file, "here.pid", "pid_file is \"here.pid\"");
    REFUSED_WITH(stop_timeout, -1, "stop_timeout is -1");
    REFUSED_WITH(halt_reminder, -1, "halt_reminder is -1");
    REFUSED_WITH(watchdog, -1, "watchdog is -1");
    CU_ASSERT_TRUE(is_refused(NULL, NULL, "either nodes or a supervisor"));
}

static void bad_graph_is_refused(void)
{
    lc_supervisor *supervisor = supervisor_of(make_noop, NULL);
    const lc_dependency missing = {.size = sizeof missing, .name = "missing"};
    lc_node node = {.size = sizeof node};
    node.name = "lonely";
    node.factory = make_noop;
    const lc_dependency *const list[] = {&missing, NULL};
    node.dependencies = list;
    CHECK_SUCCESS(lc_supervisor_add(supervisor, &node));
    CU_ASSERT_TRUE(is_refused(NULL, lc_supervisor_ref(supervisor),
                              "process: cannot start: node \"lonely\" depends on \"missing\""));
    lc_supervisor_unref(supervisor);
}

CHECK_SUITE(service_process, "service: the process",
            {"its manager hears of its life over a socket; all is put back", manager_hears_a_life},
            {"no signal replaces the exit status, up to the end", no_signal_replaces_the_status},
            {"an error exits with 1", error_exits_with_1},
            {"a throw with no signaler above exits with 70", throw_without_signaler_exits_with_70},
            {"a halt exits with 75", halt_exits_with_75},
            {"a halt uses no processor time, watchdog and all", halt_uses_no_cpu},
            {"a second instance is refused, and told which is the first",
             second_instance_is_refused},
            {"a pid file is no link, no other user's, and for our user only", pid_file_is_safe},
            {"what is overdue is named, and the process exits with 1", overdue_exits_with_1},
            {"a log that is not read delays neither the stop nor the final deadline",
             log_that_is_not_read_delays_nothing},
            {"the process title tells the state", title_tells_the_state},
            {"standard descriptors that are closed are opened", standard_descriptors_are_opened},
            {"bad options are refused", bad_options_are_refused},
            {"a graph that cannot be run is refused", bad_graph_is_refused});
