/*
 * no_threads.c: what the calls of the library do while no thread can be made: they answer an error,
 * or make do with the threads that are there. None waits for ever, none spins.
 */
#include "support/check.h"
#include "support/fibers.h"
#include "support/isolates.h"
#include "support/scripted_worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { OWN_USER = 54321, NOT_FORBIDDEN = 99 };

static void *end_at_once(void *arg)
{
    return arg;
}

/*
 * From here on this process, which is a child for that, makes no thread. The superuser is not
 * bound.
 */
static void forbid_threads(void)
{
    const struct rlimit one = {1, 1};
    pthread_t thread;
    if ((geteuid() == 0 && setuid(OWN_USER) != 0) || setrlimit(RLIMIT_NPROC, &one) != 0 ||
        pthread_create(&thread, NULL, end_at_once, NULL) != EAGAIN)
        _exit(NOT_FORBIDDEN);
}

static lc_executor *unwatched_executor(unsigned threads)
{
    lc_executor_options options = {.size = sizeof options};
    lc_executor *executor = NULL;
    options.name = "unwatched";
    options.threads = threads;
    options.stall_limit = LC_FOREVER;
    if (lc_executor_new(&options, &executor))
        abort();
    return executor;
}

/* ---- calls that need a thread ---- */

static void do_nothing(void *arg)
{
    (void)arg;
}

static int start_fiber(lc_executor *executor, bool spread)
{
    lc_fiber_options options = {.size = sizeof options};
    options.executor = executor;
    options.run = do_nothing;
    options.spread = spread;
    return lc_fiber_start(&options);
}

static lc_error *do_no_work(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context, (void)ready, (void)arg;
    return NULL;
}

static int start_manager(lc_worker_kind kind)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("manager");
    lc_manager_builder_set_kind(builder, kind);
    lc_manager_builder_add(builder, LC_WORKER(.name = "one", .run = do_no_work));
    lc_manager_builder_add(builder, LC_WORKER(.name = "two", .run = do_no_work));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    if (error)
        return 0;
    struct scope scope = scope_new(NULL);
    error = lc_manager_start(manager, scope.context);
    int code = lc_error_code(error);
    lc_error_unref(error);
    lc_handle_wait(lc_manager_done(manager), LC_FOREVER);
    lc_manager_unref(manager);
    scope_drop(&scope);
    return code;
}

static lc_error *enter(void *arg)
{
    (void)arg;
    return NULL;
}

static int spawn_isolate(void)
{
    lc_isolate_options options = {.size = sizeof options};
    lc_isolate isolate;
    options.name = "isolate";
    options.entry = enter;
    return lc_error_code(lc_isolate_spawn(&options, &isolate));
}

CHECK_CHILD(calls_without_threads)
{
    forbid_threads();
    lc_executor *executor = unwatched_executor(4);
    bool well = start_fiber(NULL, false) == -EAGAIN && start_fiber(executor, true) == -EAGAIN &&
                lc_executor_free(executor) == 0;
    well = well && start_manager(LC_THREAD) == -EAGAIN && start_manager(LC_FIBER) == -EAGAIN &&
           spawn_isolate() == -EAGAIN &&
           !lc_context_with_deadline(NULL, lc_deadline_after(LC_SECOND));
    _exit(well && lc_library_shutdown() == 0 ? 0 : 1);
}

static void calls_answer_an_error(void)
{
    CU_ASSERT_EQUAL(check_child("calls_without_threads").status, 0);
}

/* ---- main as a fiber ---- */

static lc_error *live_alone(void *well)
{
    unsigned started = 0;
    for (int i = 0; i < 8; i++)
        started += start_fiber(NULL, true) == 0; /* on the threads that are not there: not */
    *(bool *)well = started > 0 && started < 8 && lc_call_blocking(do_nothing, NULL) == -EAGAIN &&
                    lc_sleep(LC_MILLISECOND) == 0;
    return NULL;
}

CHECK_CHILD(main_as_a_fiber_without_threads)
{
    bool well = false;
    forbid_threads();
    lc_executor *executor = unwatched_executor(4);
    lc_error *error = lc_executor_run(executor, live_alone, &well);
    _exit(!error && well && lc_executor_free(executor) == 0 ? 0 : 1);
}

static void main_as_a_fiber_needs_none(void)
{
    CU_ASSERT_EQUAL(check_child("main_as_a_fiber_without_threads").status, 0);
}

/* ---- deadlines that outlive the thread they were made in ---- */

struct deadlines {
    lc_context *far, *near;
};

static lc_error *make_deadlines(void *arg)
{
    struct deadlines *made = arg;
    made->far = lc_context_with_deadline(NULL, lc_deadline_after(LC_HOUR));
    made->near = lc_context_with_deadline(NULL, lc_deadline_after(20 * LC_MILLISECOND));
    return NULL;
}

/* The near one comes, the far one is given back, and nothing is left. */
static int deadlines_come(struct deadlines *made)
{
    if (lc_handle_wait(lc_context_done(made->near), check_patience()) != 0 ||
        lc_context_error(made->far))
        return 2;
    lc_context_unref(made->near);
    lc_context_unref(made->far);
    return lc_library_shutdown() == 0 ? 0 : 3;
}

CHECK_CHILD(run_leaves_deadlines)
{
    struct deadlines made;
    forbid_threads();
    lc_executor *executor = unwatched_executor(1);
    if (lc_executor_run(executor, make_deadlines, &made) || lc_executor_free(executor) != 0)
        _exit(1);
    _exit(deadlines_come(&made));
}

static void deadlines_of_a_run_come(void)
{
    CU_ASSERT_EQUAL(check_child("run_leaves_deadlines").status, 0);
}

struct meeting {
    lc_handle *there, *go;
    struct deadlines made;
};

static void meet_and_make_deadlines(void *arg)
{
    struct meeting *meeting = arg;
    lc_handle_close(meeting->there);
    lc_handle_wait(meeting->go, LC_FOREVER);
    make_deadlines(&meeting->made);
}

CHECK_CHILD(executor_leaves_deadlines)
{
    struct meeting meeting = {.there = lc_handle_new(), .go = lc_handle_new()};
    lc_executor *executor = unwatched_executor(1);
    fibers_start(executor, "makes deadlines", meet_and_make_deadlines, &meeting);
    lc_handle_wait(meeting.there, LC_FOREVER);
    forbid_threads();
    lc_handle_close(meeting.go);
    if (lc_executor_free(executor) != 0)
        _exit(1);
    _exit(deadlines_come(&meeting.made));
}

static void deadlines_of_an_executor_come(void)
{
    CU_ASSERT_EQUAL(check_child("executor_leaves_deadlines").status, 0);
}

/* ---- a thread that may not leave ---- */

static int64_t used_by_thread(void)
{
    struct rusage used;
    getrusage(RUSAGE_THREAD, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * LC_SECOND +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * LC_MICROSECOND;
}

static void note_time(void *used)
{
    *(int64_t *)used = used_by_thread();
}

/* The thread stays for its isolate, and would leave at once without it. */
static void a_thread_that_must_stay_sleeps(void)
{
    int64_t before = 0, after = LC_HOUR;
    struct agent agent;
    lc_executor_options options = {.size = sizeof options};
    lc_executor *executor = NULL;
    options.threads = 1;
    options.idle_timeout = LC_NONE;
    CHECK_SUCCESS(lc_executor_new(&options, &executor));
    agent_init(&agent);
    agent.options.executor = executor;
    agent_begin(&agent);
    fibers_start(executor, "before", note_time, &before);
    lc_sleep(200 * LC_MILLISECOND);
    fibers_start(executor, "after", note_time, &after);
    agent_stop(&agent);
    fibers_end(executor);
    CU_ASSERT_TRUE(after - before < 10 * LC_MILLISECOND);
}

CHECK_SUITE(unit_no_threads, "unit: no threads can be made",
            {"calls that need a thread answer an error", calls_answer_an_error},
            {"main as a fiber makes do without", main_as_a_fiber_needs_none},
            {"deadlines that a run leaves behind come", deadlines_of_a_run_come},
            {"deadlines that an executor leaves behind come", deadlines_of_an_executor_come},
            {"a thread that may not leave does not spin", a_thread_that_must_stay_sleeps});
