/*
 * library.c: taking the library down: refusals, and that it is usable again afterwards.
 */
#include "support/check.h"
#include "support/helper.h"
#include "support/scripted_worker.h"

#include "base/memory.h"
#include "executor/executor.h"

#include <lifecycle.h>
#include <lifecycle/isolate.h>

#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How many entries a directory of /proc has: one for each thread, or descriptor. */
static unsigned entries_in(const char *path)
{
    glob_t found = {0};
    char pattern[64];
    snprintf(pattern, sizeof pattern, "%s/*", path);
    unsigned count = glob(pattern, GLOB_NOSORT, NULL, &found) == 0 ? (unsigned)found.gl_pathc : 0;
    globfree(&found);
    return count;
}

/*
 * No more than these: one that was joined is gone from /proc a moment later, also before we count.
 */
static bool threads_are(void *count)
{
    return entries_in("/proc/self/task") <= *(unsigned *)count;
}

static void version_is_that_of_the_headers(void)
{
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", LC_VERSION_MAJOR, LC_VERSION_MINOR,
             LC_VERSION_PATCH);
    CU_ASSERT_STRING_EQUAL(lc_version(), version);
}

/* Uses what makes process-wide state: threads, the timer thread, descriptors, signals. */
static void use_the_library(void)
{
    static const int signals[] = {SIGUSR1};
    struct scope scope = scope_new(NULL);
    struct scripted_worker worker;
    lc_process_signals *watch = NULL;
    lc_handle *handle = lc_handle_new();
    worker_init(&worker, -EIO);
    lc_manager *manager = worker_manager(&worker, 1);
    CU_ASSERT_TRUE(worker_start(manager, &scope, &worker, 1));
    lc_context *timed = lc_context_with_deadline(scope.context, lc_deadline_after(LC_MILLISECOND));
    CHECK_CLOSES(lc_context_done(timed));
    CU_ASSERT_TRUE(lc_handle_fd(handle) >= 0);
    CU_ASSERT_TRUE(lc_handle_fd(lc_handle_new_closed()) >= 0);
    CHECK_SUCCESS(lc_process_signals_new(signals, 1, &watch));
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, LC_NOW), -ETIMEDOUT);
    lc_process_signals_free(watch);
    CU_ASSERT_TRUE(worker_told(&worker, WORKER_RETURN));
    CHECK_CLOSES(lc_manager_done(manager));
    lc_handle_unref(handle);
    lc_context_unref(timed);
    lc_manager_unref(manager);
    worker_drop(&worker);
    scope_drop(&scope);
}

static void shutdown_leaves_nothing(void)
{
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    size_t memory = lc__memory_in_use();
    unsigned threads = entries_in("/proc/self/task");
    unsigned descriptors = entries_in("/proc/self/fd");
    for (int i = 0; i < 3; i++) {
        use_the_library(); /* again after each shutdown */
        CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
        CU_ASSERT_EQUAL(lc__memory_in_use(), memory);
        CU_ASSERT_TRUE(check_until(threads_are, &threads));
        CU_ASSERT_EQUAL(entries_in("/proc/self/fd"), descriptors);
    }
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0); /* of what is down already */
    CU_ASSERT_EQUAL(memory, 0);
}

struct long_wait {
    int ends[2];
    lc_handle *begun;
};

static void wait_long(void *arg)
{
    struct long_wait *wait = arg;
    lc_waitable waitables[] = {lc_on_fd(wait->ends[0], POLLIN), lc_on_handle(wait->begun)};
    /* Once for the descriptor that wakes it, which the second wait has again. */
    lc_wait_any(waitables, 1, lc_deadline_after(LC_MILLISECOND));
    lc_handle_close(wait->begun);
    lc_wait_any(waitables, 1, LC_FOREVER);
}

/* What the wait gives back after the shutdown is given up by the next one. */
static void a_wait_outlives_a_shutdown(void)
{
    struct long_wait wait = {.begun = lc_handle_new()};
    struct helper helper;
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    unsigned descriptors = entries_in("/proc/self/fd");
    CU_ASSERT_EQUAL_FATAL(pipe(wait.ends), 0);
    helper_start(&helper, wait_long, &wait);
    CHECK_CLOSES(wait.begun);
    lc_library_shutdown();
    CU_ASSERT_EQUAL(write(wait.ends[1], "x", 1), 1);
    helper_join(&helper);
    lc_handle_unref(wait.begun);
    close(wait.ends[0]);
    close(wait.ends[1]);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    CU_ASSERT_EQUAL(entries_in("/proc/self/fd"), descriptors);
}

static void running_worker_keeps_it_up(void)
{
    struct scope scope = scope_new(NULL);
    struct scripted_worker worker;
    worker_init(&worker, -EIO);
    lc_manager *manager = worker_manager(&worker, 1);
    CU_ASSERT_TRUE(worker_start(manager, &scope, &worker, 1));
    check_log_capture();
    CU_ASSERT_EQUAL(lc_library_shutdown(), -EBUSY);
    CU_ASSERT_TRUE(check_log_has("w0"));                /* named */
    CU_ASSERT_TRUE(worker_does(&worker, WORKER_READY)); /* nothing was taken down */
    lc_context *timed = lc_context_with_deadline(scope.context, lc_deadline_after(LC_MILLISECOND));
    CHECK_CLOSES(lc_context_done(timed));
    check_log_release();
    CU_ASSERT_TRUE(worker_told(&worker, WORKER_RETURN));
    CHECK_CLOSES(lc_manager_done(manager));
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0); /* done is enough: no need to wait for the thread */
    lc_context_unref(timed);
    lc_manager_unref(manager);
    worker_drop(&worker);
    scope_drop(&scope);
}

static void signal_watch_keeps_it_up(void)
{
    static const int signals[] = {SIGUSR1};
    lc_process_signals *watch = NULL;
    CHECK_SUCCESS(lc_process_signals_new(signals, 1, &watch));
    check_log_capture();
    CU_ASSERT_EQUAL(lc_library_shutdown(), -EBUSY);
    CU_ASSERT_TRUE(check_log_has("signal"));
    check_log_release();
    raise(SIGUSR1);
    CU_ASSERT_EQUAL(lc_process_signals_next(watch, check_patience()), SIGUSR1);
    lc_process_signals_free(watch);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
}

/*
 * It has no worker and no deadline, but may be given a node, for which it needs the timers' thread.
 */
static void idle_supervisor_keeps_it_up(void)
{
    struct scope scope = scope_new(NULL);
    lc_supervisor_options options = {.size = sizeof options};
    lc_supervisor *supervisor = NULL;
    options.keep_running = true;
    CHECK_SUCCESS(lc_supervisor_new(&options, &supervisor));
    CHECK_SUCCESS(lc_component_start(lc_supervisor_component(supervisor), scope.context));
    check_log_capture();
    CU_ASSERT_EQUAL(lc_library_shutdown(), -EBUSY);
    CU_ASSERT_TRUE(check_log_has("supervisors and trees that still run, and "
                                 "contexts with a grace that have not ended: 1"));
    check_log_release();
    lc_context_cancel(scope.context, NULL);
    CHECK_CLOSES(lc_supervisor_done(supervisor));
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    lc_supervisor_unref(supervisor);
    scope_drop(&scope);
}

static lc_error *shut_down(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    *(int *)arg = lc_library_shutdown();
    return NULL;
}

static void worker_may_not_take_it_down(void)
{
    int result = 0;
    struct scope scope = scope_new(NULL);
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("suicidal");
    lc_manager_builder_add(builder, LC_WORKER(.name = "worker", .run = shut_down, .arg = &result));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    check_log_capture();
    CHECK_SUCCESS(lc_manager_start(manager, scope.context));
    CHECK_CLOSES(lc_manager_done(manager));
    CU_ASSERT_EQUAL(result, -EDEADLK);
    check_log_release();
    lc_manager_unref(manager);
    scope_drop(&scope);
}

static unsigned released;

static void count_release(void *arg)
{
    (void)arg;
    released++;
}

static void write_nothing(const lc_log_record *record, void *arg)
{
    (void)arg;
    (void)record;
}

static void shutdown_releases_the_sink(void)
{
    released = 0;
    CU_ASSERT_EQUAL(lc_log_set_sink(LC_LOG_SINK(.write = write_nothing, .release = count_release)),
                    0);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    CU_ASSERT_EQUAL(released, 1);
}

/* ---- an isolate that has ended keeps nothing up ---- */

struct ending {
    bool is_ended;  /* by the state that others see while its argument is being released */
    size_t keeping; /* how many jobs keep the library up then */
    lc_isolate isolate;
};

static lc_error *end_at_once(void *arg)
{
    struct ending *ending = arg;
    lc_isolate_current(&ending->isolate);
    return NULL;
}

static void look_while_it_ends(void *arg)
{
    struct ending *ending = arg;
    ending->is_ended = lc_isolate_read_state(ending->isolate) == LC_ISOLATE_ENDED;
    ending->keeping = atomic_load(&lc_executor_current()->jobs);
}

static void ended_isolate_does_not_keep_it_up(void)
{
    struct ending ending = {.keeping = 1};
    lc_isolate_options options = {.size = sizeof options};
    options.entry = end_at_once;
    options.arg = &ending;
    options.release = look_while_it_ends;
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    lc_isolate spawned;
    CHECK_SUCCESS(lc_isolate_spawn(&options, &spawned));
    lc_handle *done = lc_isolate_done(spawned);
    CHECK_CLOSES(done);
    CU_ASSERT_TRUE(ending.is_ended);
    CU_ASSERT_EQUAL(ending.keeping, 0);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0);
    lc_handle_unref(done);
}

CHECK_SUITE(unit_library, "unit: library",
            {"an isolate in state \"ended\" does not keep the library up",
             ended_isolate_does_not_keep_it_up},
            {"the version is that of the headers", version_is_that_of_the_headers},
            {"a shutdown leaves no memory, thread or descriptor, and the library is usable again",
             shutdown_leaves_nothing},
            {"a wait that outlives a shutdown leaves no descriptor", a_wait_outlives_a_shutdown},
            {"a running worker keeps the library up, and is named", running_worker_keeps_it_up},
            {"a watch of signals keeps the library up", signal_watch_keeps_it_up},
            {"a supervisor that runs keeps the library up", idle_supervisor_keeps_it_up},
            {"a worker may not take the library down", worker_may_not_take_it_down},
            {"a shutdown releases the log sink", shutdown_releases_the_sink});
