/*
 * check.c: the test program: collects the suites, runs them all or those named on the command line,
 * and lets CUnit print its summary. See check.h.
 */
#include "support/check.h"
#include "support/mode.h"

#include "base/memory.h"
#include "support/manual_clock.h"

#include <CUnit/Basic.h>
#include <lifecycle.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct check_suite *suites;
static struct check_child_entry *children;
static uint64_t seed;

void check_register(struct check_suite *suite)
{
    struct check_suite **at = &suites;
    while (*at && strcmp((*at)->title, suite->title) < 0)
        at = &(*at)->next;
    suite->next = *at;
    *at = suite;
}

void check_register_child(struct check_child_entry *entry)
{
    entry->next = children;
    children = entry;
}

unsigned check_count(unsigned usual, unsigned thorough)
{
    enum { QUICKER = 100 }; /* under an emulator, which takes as many times longer */
    if (getenv("LC_CHECK_QUICK"))
        return usual > QUICKER ? usual / QUICKER : 1;
    return getenv("LC_CHECK_LONG") ? thorough : usual;
}

uint64_t check_seed(void)
{
    return seed;
}

uint64_t check_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* gcc says so by macros, clang by features. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOWED 1
#endif
#endif
#ifndef SLOWED
#define SLOWED 0
#endif

bool check_in_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded && strstr(preloaded, "vgpreload");
}

unsigned check_fewer(unsigned count)
{
    return SLOWED && count > 20 ? count / 20 : count;
}

#define PATIENCE ((SLOWED ? 120 : 30) * LC_SECOND)

/*
 * A wait that misses its wake-up still succeeds: when its patience ends it looks once more. So
 * check_patience notes the time of its last call: if the next comes a whole patience later, a wait
 * has lasted until its deadline.
 */
static _Atomic int64_t patience_asked; /* 0: not in this test */
static atomic_bool waited_out;

/* Not lc_now: the calling thread may be on a clock moved by hand. */
static int64_t present_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * LC_SECOND + now.tv_nsec;
}

static void note_time(void)
{
    int64_t present = present_time();
    int64_t before = atomic_exchange(&patience_asked, present);
    if (before > 0 && present - before >= PATIENCE)
        atomic_store(&waited_out, true);
}

int64_t check_patience(void)
{
    if (lc_is_simulated())
        return LC_FOREVER;
    note_time();
    return lc_deadline_after(PATIENCE);
}

/*
 * What is awaited may need time to pass, which in a simulation it does only while nothing can run;
 * or it may need only a turn, which should come at many moments.
 */
static void let_others_run(void)
{
    if (lc_is_simulated() && lc_random() & 1)
        lc_sleep(100 * LC_MICROSECOND);
    else
        lc_yield();
}

bool check_until(bool (*condition)(void *arg), void *arg)
{
    int64_t deadline = lc_deadline_after(PATIENCE);
    while (!condition(arg)) {
        if (lc_now() > deadline)
            return false;
        let_others_run();
    }
    return true;
}

static bool one_waits(void *clock)
{
    return manual_clock_waiting(clock) == 1;
}

void check_waits_for(struct manual_clock *clock, int64_t nanoseconds)
{
    CU_ASSERT_TRUE(check_until(one_waits, clock));
    manual_clock_advance(clock, nanoseconds - 1);
    CU_ASSERT_EQUAL(manual_clock_waiting(clock), 1);
    manual_clock_advance(clock, 1);
}

void check_success(struct lc_error *error, const char *file, unsigned line)
{
    CU_assertImplementation(error == NULL, line, lc_error_message(error), file, "", CU_FALSE);
    lc_error_unref(error);
}

void check_says(struct lc_error *error, int code, const char *text, const char *file, unsigned line)
{
    const char *message = lc_error_message(error);
    bool says = lc_error_code(error) == code && strstr(message, text);
    CU_assertImplementation(says, line, says ? text : message, file, "", CU_FALSE);
    lc_error_unref(error);
}

int check_code(struct lc_error *error)
{
    int code = lc_error_code(error);
    lc_error_unref(error);
    return code;
}

void check_use_cpus(unsigned cpus)
{
    static cpu_set_t all;
    static bool known;
    if (!known)
        known = sched_getaffinity(0, sizeof all, &all) == 0;
    cpu_set_t some;
    CPU_ZERO(&some);
    unsigned taken = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE && (cpus == 0 || taken < cpus); cpu++) {
        if (CPU_ISSET(cpu, &all)) {
            CPU_SET(cpu, &some);
            taken++;
        }
    }
    sched_setaffinity(0, sizeof some, &some);
}

/* ---- captured log ---- */

static pthread_mutex_t capture_lock = PTHREAD_MUTEX_INITIALIZER;
static char **captured;
static size_t captured_count;
static const lc_log_sink *resting;

static void capture_write(const lc_log_record *record, void *arg)
{
    (void)arg;
    char *line = NULL;
    size_t size = 0;
    FILE *text = open_memstream(&line, &size);
    if (!text)
        abort();
    fprintf(text, "%s: %s", record->component, record->message);
    for (size_t i = 0; i < record->field_count; i++) {
        char value[512];
        lc_log_field_copy_text(&record->fields[i], value, sizeof value);
        fprintf(text, " %s=%s", record->fields[i].key, value);
    }
    fclose(text);
    pthread_mutex_lock(&capture_lock);
    captured = realloc(captured, (captured_count + 1) * sizeof *captured);
    if (!captured)
        abort();
    captured[captured_count++] = line;
    pthread_mutex_unlock(&capture_lock);
}

void check_log_capture(void)
{
    if (lc_log_set_sink(LC_LOG_SINK(.write = capture_write)) != 0)
        abort();
}

unsigned check_log_count(const char *text)
{
    unsigned count = 0;
    pthread_mutex_lock(&capture_lock);
    for (size_t i = 0; i < captured_count; i++)
        count += strstr(captured[i], text) != NULL;
    pthread_mutex_unlock(&capture_lock);
    return count;
}

bool check_log_has(const char *text)
{
    return check_log_count(text) > 0;
}

void check_log_rest(const lc_log_sink *sink)
{
    resting = sink;
    check_log_release();
}

void check_log_release(void)
{
    if (lc_log_set_sink(resting) != 0)
        abort();
    pthread_mutex_lock(&capture_lock);
    for (size_t i = 0; i < captured_count; i++)
        free(captured[i]);
    free(captured);
    captured = NULL;
    captured_count = 0;
    pthread_mutex_unlock(&capture_lock);
}

/* ---- children ---- */

static int run_child(const char *name, const char *mode)
{
    for (struct check_child_entry *entry = children; entry; entry = entry->next)
        if (strcmp(entry->name, name) == 0)
            return check_run_child(entry->run, mode);
    fprintf(stderr, "check: no child is called %s\n", name);
    return 127;
}

struct child_run {
    const char *name;
    struct check_exit result;
};

static void run_and_await_child(void *arg)
{
    struct child_run *run = arg;
    int pipes[2];
    if (pipe(pipes) != 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        alarm(SLOWED ? 240 : 60);
        /* As from a terminal: a shell has its background jobs ignore SIGINT, nohup SIGHUP. */
        signal(SIGINT, SIG_DFL);
        signal(SIGHUP, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        /* Not /proc/self/exe, which is Valgrind when that runs us. */
        execl(CHECK_BUILD_DIR "/tests/check", "check", "--child", run->name, check_mode_name(),
              (char *)NULL);
        _exit(126);
    }
    close(pipes[1]);
    size_t used = 0;
    char spill[512];
    for (;;) {
        bool full = used + 1 >= sizeof run->result.errors;
        ssize_t got = read(pipes[0], full ? spill : run->result.errors + used,
                           full ? sizeof spill : sizeof run->result.errors - 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += full ? 0 : (size_t)got;
    }
    run->result.errors[used] = '\0';
    close(pipes[0]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFSIGNALED(status))
        run->result.status = WTERMSIG(status) == SIGALRM ? -1000 : -WTERMSIG(status);
    else
        run->result.status = WEXITSTATUS(status);
}

struct check_exit check_child(const char *name)
{
    struct child_run run = {name, {.status = -1}};
    lc_call_blocking(run_and_await_child, &run);
    return run.result;
}

/*
 * Threads that have ended are joined, or a sanitizer takes them for leaked; a child with running
 * workers may be.
 */
static int end_child(int status)
{
    lc_log_set_level((lc_log_level)0);
    lc_library_shutdown();
    return status;
}

/* ---- the program ---- */

static bool wanted(const char *title, int count, char **names)
{
    bool any = count == 0;
    for (int i = 0; i < count; i++)
        any |= strstr(title, names[i]) != NULL;
    return any;
}

/** Ends the run loudly if the library still holds something: a leak that no test would see. */
static void leaves_nothing(void)
{
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    CU_ASSERT_EQUAL(lc__memory_in_use(), 0);
}

static CU_TestInfo last_tests[] = {
    {"after all suites the library leaves no thread and no allocation", leaves_nothing},
    CU_TEST_INFO_NULL,
};

/*
 * A test that hangs although its waits have deadlines would hold up everything behind it for ever:
 * name it and end the run. Only calls that are safe in a signal handler.
 */
static const char *volatile running = "?"; /* the name of the test */

static const char *volatile on_crash; /* NULL: nothing */

void check_say_on_crash(const char *text)
{
    on_crash = text;
}

static void say(const char *text)
{
    if (text && write(STDERR_FILENO, text, strlen(text)) < 0)
        _exit(3);
}

static void give_up(int signal)
{
    say(signal == SIGALRM ? "\ncheck: this test hangs: " : "\ncheck: this test has crashed: ");
    say(running);
    say("\n");
    say(on_crash);
    if (signal == SIGALRM)
        _exit(2);
    raise(signal); /* which now ends the process */
}

static void watch_for_crashes(void)
{
    const struct sigaction ours = {.sa_handler = give_up, .sa_flags = SA_RESETHAND | SA_ONSTACK};
    sigaction(SIGALRM, &ours, NULL);
    sigaction(SIGABRT, &ours, NULL);
    if (!SLOWED) /* else the sanitizer has its own, which tells more */
        sigaction(SIGSEGV, &ours, NULL);
}

void check_goes_on(void)
{
    alarm(SLOWED ? 900 : 300);
}

/* ---- how long tests take: printed with LC_CHECK_TIMES in the environment ---- */

static int64_t begun, cpu_before;

static int64_t nanoseconds(struct timeval time)
{
    return time.tv_sec * LC_SECOND + time.tv_usec * LC_MICROSECOND;
}

/* Of this process and of its children that have ended. */
static int64_t cpu_time(void)
{
    struct rusage own, ended;
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &ended);
    return nanoseconds(own.ru_utime) + nanoseconds(own.ru_stime) + nanoseconds(ended.ru_utime) +
           nanoseconds(ended.ru_stime);
}

static void print_times(void)
{
    if (getenv("LC_CHECK_TIMES"))
        printf("[%.3f s, processors %.3f s] ", (double)(present_time() - begun) / 1e9,
               (double)(cpu_time() - cpu_before) / 1e9);
}

static void before_each(void)
{
    begun = present_time();
    cpu_before = cpu_time();
    running = CU_get_current_test() ? CU_get_current_test()->pName : "?";
    on_crash = NULL;
    atomic_store(&patience_asked, 0);
    atomic_store(&waited_out, false);
    check_goes_on();
}

static void after_each(void)
{
    alarm(0);
    print_times();
    if (atomic_load(&patience_asked) > 0)
        note_time();
    if (atomic_load(&waited_out))
        CU_FAIL("a wait has lasted until its patience ended: was a wake-up lost?");
}

/* LC_CHECK_TEST gives a part of the names of the tests that are wanted. */
static bool test_wanted(const CU_TestInfo *test)
{
    const char *part = getenv("LC_CHECK_TEST");
    return !part || strstr(test->pName, part) != NULL;
}

static void add_suite(struct check_suite *suite)
{
    CU_pSuite made = NULL;
    for (CU_TestInfo *test = suite->tests; test->pName; test++) {
        if (!test_wanted(test))
            continue;
        if (!made)
            made = CU_add_suite_with_setup_and_teardown(suite->title, NULL, NULL, before_each,
                                                        after_each);
        CU_add_test(made, test->pName, test->pTestFunc);
    }
}

/* @return false if what was given is no number. */
static bool choose_seed(const char *given)
{
    char *end = NULL;
    if (!given) {
        seed = (uint64_t)time(NULL) * UINT64_C(2654435761) ^ (uint64_t)getpid();
        return true;
    }
    seed = strtoull(given, &end, 0);
    if (*given && !*end)
        return true;
    fprintf(stderr, "check: LC_CHECK_SEED is \"%s\", but must be a number\n", given);
    return false;
}

/*
 * A shell that starts the program in the background may ignore these, and a child would inherit
 * that.
 */
static void begin_with_default_signals(void)
{
    signal(SIGHUP, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
}

int main(int count, char **arguments)
{
    begin_with_default_signals();
    lc__memory_track();
    if (count == 4 && strcmp(arguments[1], "--child") == 0)
        return end_child(run_child(arguments[2], arguments[3]));

    if (count > 1 && arguments[1][0] == '-') {
        fprintf(stderr,
                "usage: check [WORD ...]: runs the suites with one of the words in their title\n");
        return 2;
    }
    if (!choose_seed(getenv("LC_CHECK_SEED")))
        return 2;
    printf("seed %llu (again: LC_CHECK_SEED=%llu)\n", (unsigned long long)seed,
           (unsigned long long)seed);
    fflush(stdout);

    if (CU_initialize_registry() != CUE_SUCCESS)
        return 2;
    unsigned added = 0;
    for (struct check_suite *suite = suites; suite; suite = suite->next) {
        if (!wanted(suite->title, count - 1, arguments + 1))
            continue;
        add_suite(suite);
        added++;
    }
    if (added == 0) {
        fprintf(stderr, "check: no suite has one of these words in its title\n");
        return 2;
    }
    add_suite(&(struct check_suite){"the end", last_tests, NULL});
    watch_for_crashes();
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    unsigned run = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    return failed != 0 || run == 0;
}

int check_service(const lc_service_options *options, lc_supervisor *supervisor)
{
    lc_service_options own = {.size = sizeof own};
    if (options)
        own = *options;
    own.supervisor = supervisor;
    own.keep_library = true;
    return lc_service_main(&own);
}
