/*
 * lifecycle_throw.c: contract A4, A5: what a throw does to the thread that throws, and to a process
 * without a signaler.
 */
#include "support/check.h"
#include "support/later.h"
#include "support/mode.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_THROWN 70

/* What happened in a thread, in order: a letter each. */
struct trace {
    struct scope scope;
    char text[16];
    size_t used;
};

static void note(struct trace *trace, char letter)
{
    trace->text[trace->used++] = letter;
}

static void note_a(void *arg)
{
    note(arg, 'a');
}

static void note_b(void *arg)
{
    note(arg, 'b');
}

static void note_c(void *arg)
{
    note(arg, 'c');
}

static struct trace trace_new(void)
{
    return (struct trace){.scope = scope_new(NULL)};
}

static void run_worker(lc_worker_function run, struct trace *trace)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("traced");
    lc_manager_builder_add(builder, LC_WORKER(.name = "worker", .run = run, .arg = trace));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(manager, trace->scope.context));
    CHECK_CLOSES(lc_manager_done(manager));
    lc_manager_unref(manager);
}

/* ---- A4 ---- */

static void throw_deep(struct trace *trace)
{
    lc_throw(trace->scope.context, lc_error_new(-EIO, "deep"));
    note(trace, '!');
}

static void foreign_throw(void *arg)
{
    struct trace *trace = arg;
    lc_defer(note_a, trace);
    lc_defer(note_b, trace);
    lc_defer(note_c, trace);
    note(trace, '1');
    throw_deep(trace);
    note(trace, '!');
}

static void throw_in_foreign_thread(void)
{
    struct trace trace = trace_new();
    helper_do(foreign_throw, &trace);
    CU_ASSERT_STRING_EQUAL(trace.text, "1cba");
    CHECK_ERROR(lc_signaler_take(trace.scope.signaler), -EIO);
    scope_drop(&trace.scope);
}

static lc_error *worker_throw(lc_context *context, lc_ready *ready, void *arg)
{
    struct trace *trace = arg;
    (void)ready;
    lc_defer(note_a, trace);
    lc_defer(note_b, trace);
    note(trace, '1');
    lc_throw(context, lc_error_new(-EIO, "worker"));
    note(trace, '!');
    return NULL;
}

static void throw_in_worker(void)
{
    struct trace trace = trace_new();
    run_worker(worker_throw, &trace);
    CU_ASSERT_STRING_EQUAL(trace.text, "1ba");
    CHECK_ERROR(lc_signaler_take(trace.scope.signaler), -EIO);
    scope_drop(&trace.scope);
}

static lc_error *worker_returns(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    lc_defer(note_a, arg);
    lc_defer(note_b, arg);
    note(arg, '1');
    return NULL;
}

static void deferred_calls_run_at_return(void)
{
    struct trace trace = trace_new();
    run_worker(worker_returns, &trace);
    CU_ASSERT_STRING_EQUAL(trace.text, "1ba");
    CHECK_OPEN(lc_signaler_thrown(trace.scope.signaler));
    scope_drop(&trace.scope);
}

/* What had happened at the very moment a worker's component was done. */
struct at_done {
    struct trace *trace;
    lc_handle *taken;
    char text[16];
};

static void look_at_done(void *arg)
{
    struct at_done *at_done = arg;
    memcpy(at_done->text, at_done->trace->text, sizeof at_done->text);
    lc_handle_close(at_done->taken);
}

static void deferred_calls_come_before_done(lc_worker_function run, const char *expected)
{
    struct trace trace = trace_new();
    struct at_done at_done = {&trace, lc_handle_new(), ""};
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("traced");
    lc_manager_builder_add(builder, LC_WORKER(.name = "worker", .run = run, .arg = &trace));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    lc_handle_on_close(lc_manager_done(manager), look_at_done, &at_done, NULL);
    CHECK_SUCCESS(lc_manager_start(manager, trace.scope.context));
    CHECK_CLOSES(at_done.taken);
    CU_ASSERT_STRING_EQUAL(at_done.text, expected);
    lc_error_unref(lc_signaler_take(trace.scope.signaler));
    lc_handle_unref(at_done.taken);
    lc_manager_unref(manager);
    scope_drop(&trace.scope);
}

static void done_comes_after_deferred_calls(void)
{
    deferred_calls_come_before_done(worker_returns, "1ba");
    deferred_calls_come_before_done(worker_throw, "1ba");
}

static void foreign_returns(void *arg)
{
    lc_defer(note_a, arg);
    lc_defer(note_b, arg);
    note(arg, '1');
}

static void foreign_exits(void *arg)
{
    foreign_returns(arg);
    pthread_exit(NULL);
}

static void foreign_cancelled(void *arg)
{
    foreign_returns(arg);
    pthread_cancel(pthread_self());
    for (;;)
        pthread_testcancel(); /* sanitizers wrap other calls, and miss that those do not return */
}

static void deferred_calls_run_at_the_end_of(void (*body)(void *arg))
{
    struct trace trace = trace_new();
    helper_do(body, &trace);
    CU_ASSERT_STRING_EQUAL(trace.text, "1ba");
    scope_drop(&trace.scope);
}

static void deferred_calls_run_at_foreign_return(void)
{
    deferred_calls_run_at_the_end_of(foreign_returns);
}

static void deferred_calls_run_at_foreign_end(void)
{
    deferred_calls_run_at_the_end_of(foreign_exits);
    deferred_calls_run_at_the_end_of(foreign_cancelled);
}

static void throw_under_cleanup(void *arg)
{
    struct trace *trace = arg;
    lc_defer(note_a, trace);
    pthread_cleanup_push(note_c, trace);
    pthread_cleanup_push(note_b, trace);
    lc_throw(trace->scope.context, lc_error_new(-EIO, "cleaned"));
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
}

static lc_error *worker_throws_under_cleanup(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    throw_under_cleanup(arg);
    return NULL;
}

static void cleanup_handlers_run(void)
{
    struct trace trace = trace_new();
    helper_do(throw_under_cleanup, &trace);
    CU_ASSERT_STRING_EQUAL(trace.text, "abc");
    CHECK_ERROR(lc_signaler_take(trace.scope.signaler), -EIO);
    scope_drop(&trace.scope);
    struct trace again = trace_new();
    run_worker(worker_throws_under_cleanup, &again);
    CU_ASSERT_STRING_EQUAL(again.text, "abc");
    CHECK_ERROR(lc_signaler_take(again.scope.signaler), -EIO);
    scope_drop(&again.scope);
}

static void throw_deferred(void *arg)
{
    struct trace *trace = arg;
    note(trace, 't');
    lc_throw(trace->scope.context, lc_error_new(-EPIPE, "thrown while deferred"));
}

static void defer_a_throw(void *arg)
{
    struct trace *trace = arg;
    lc_defer(note_a, trace);
    lc_defer(throw_deferred, trace);
    lc_defer(note_b, trace);
    lc_defer(throw_deferred, trace);
    lc_throw(trace->scope.context, lc_error_new(-EIO, "the first"));
}

static lc_error *defer_a_throw_and_return(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    lc_defer(note_a, arg);
    lc_defer(throw_deferred, arg);
    lc_defer(note_b, arg);
    return NULL;
}

static void later_throws_in_deferred_are_logged(void)
{
    struct trace trace = trace_new();
    check_log_capture();
    helper_do(defer_a_throw, &trace);
    CU_ASSERT_STRING_EQUAL(trace.text, "tbta");
    CU_ASSERT_EQUAL(check_log_count("unhandled error: thrown while deferred"), 2);
    CU_ASSERT_EQUAL(check_log_count("lifecycle_throw.c:"), 2); /* where they came from */
    CHECK_ERROR(lc_signaler_take(trace.scope.signaler), -EIO);
    scope_drop(&trace.scope);
    check_log_release();
}

static void throw_in_deferred_after_return_is_thrown(void)
{
    struct trace trace = trace_new();
    check_log_capture();
    run_worker(defer_a_throw_and_return, &trace);
    CU_ASSERT_STRING_EQUAL(trace.text, "bta");
    CU_ASSERT_FALSE(check_log_has("thrown while deferred"));
    CHECK_ERROR(lc_signaler_take(trace.scope.signaler), -EPIPE);
    scope_drop(&trace.scope);
    check_log_release();
}

static void foreign_defers_a_throw(void *arg)
{
    defer_a_throw_and_return(NULL, NULL, arg);
}

static void throw_in_deferred_of_a_foreign_thread_is_thrown(void)
{
    struct trace trace = trace_new();
    helper_do(foreign_defers_a_throw, &trace);
    CU_ASSERT_STRING_EQUAL(trace.text, "bta");
    CHECK_ERROR(lc_signaler_take(trace.scope.signaler), -EPIPE);
    scope_drop(&trace.scope);
}

static lc_error *defer_two_throws_and_return(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    lc_defer(throw_deferred, arg);
    lc_defer(note_b, arg);
    lc_defer(throw_deferred, arg);
    return NULL;
}

static void of_two_throws_in_deferred_the_first_counts(void)
{
    struct trace trace = trace_new();
    check_log_capture();
    run_worker(defer_two_throws_and_return, &trace);
    CU_ASSERT_STRING_EQUAL(trace.text, "tbt");
    CU_ASSERT_EQUAL(check_log_count("unhandled error: thrown while deferred"), 1);
    CHECK_ERROR(lc_signaler_take(trace.scope.signaler), -EPIPE);
    scope_drop(&trace.scope);
    check_log_release();
}

static void throw_sync_failed(void *arg)
{
    lc_throw(arg, lc_error_new(-EIO, "fsync failed"));
}

static lc_error *sync_at_the_end(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_ready_signal(ready);
    lc_defer(throw_sync_failed, context);
    return NULL;
}

static lc_error *make_syncing(lc_component **component, void *arg)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("syncing");
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = "worker", .run = sync_at_the_end, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

static lc_behavior count_and_stop(const lc_failure *failure, void *arg)
{
    *(unsigned *)arg += lc_error_is(failure->error, -EIO);
    return LC_STOP;
}

static void run_loop_hears_of_a_throw_in_deferred(void)
{
    unsigned asked = 0;
    lc_run_options options = {.size = sizeof options};
    options.name = "syncing";
    options.factory = make_syncing;
    options.judge = count_and_stop;
    options.judge_arg = &asked;
    CHECK_ERROR(lc_component_run(&options, NULL, NULL), -EIO);
    CU_ASSERT_EQUAL(asked, 1);
}

static void defer_more(void *arg)
{
    note(arg, 'm');
    lc_defer(note_c, arg);
}

static void defer_in_deferred(void *arg)
{
    lc_defer(note_a, arg);
    lc_defer(defer_more, arg);
}

static void deferred_calls_may_defer(void)
{
    struct trace trace = trace_new();
    helper_do(defer_in_deferred, &trace);
    CU_ASSERT_STRING_EQUAL(trace.text, "mca");
    scope_drop(&trace.scope);
}

static void defer_refuses_null(void)
{
    CU_ASSERT_EQUAL(lc_defer(NULL, NULL), -EINVAL);
}

/* An ended worker counts as returned, whichever way it took; an error it did not report is none. */
static void ends_count_as_return(enum worker_order order)
{
    struct scope scope = scope_new(NULL);
    struct scripted_worker workers[2];
    worker_init(&workers[0], -EIO);
    worker_init(&workers[1], -EIO);
    lc_manager *manager = worker_manager(workers, 2);
    CU_ASSERT_TRUE(worker_start(manager, &scope, workers, 2));
    CU_ASSERT_TRUE(worker_told(&workers[0], order));
    CU_ASSERT_TRUE(worker_does(&workers[1], WORKER_LOOK));
    CHECK_OPEN(lc_manager_shutdown(manager));
    CHECK_OPEN(lc_manager_done(manager));
    CU_ASSERT_TRUE(worker_told(&workers[1], order));
    CHECK_CLOSES(lc_manager_done(manager));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_manager_shutdown(manager)));
    CHECK_OPEN(lc_manager_ready(manager));
    CHECK_OPEN(lc_signaler_thrown(scope.signaler));
    lc_manager_unref(manager);
    worker_drop(&workers[0]);
    worker_drop(&workers[1]);
    scope_drop(&scope);
}

static void exited_worker_counts_as_returned(void)
{
    ends_count_as_return(WORKER_EXIT);
}

static void cancelled_worker_counts_as_returned(void)
{
    ends_count_as_return(WORKER_CANCEL);
}

static lc_error *defer_and_exit(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    foreign_exits(arg);
    return NULL;
}

static lc_error *defer_and_be_cancelled(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    foreign_cancelled(arg);
    return NULL;
}

static void deferred_calls_run_however_a_worker_ends(void)
{
    lc_worker_function bodies[] = {defer_and_exit, defer_and_be_cancelled};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct trace trace = trace_new();
        run_worker(bodies[i], &trace);
        CU_ASSERT_STRING_EQUAL(trace.text, "1ba");
        scope_drop(&trace.scope);
    }
}

/* main() is a thread the library did not make: a throw ends it alone, and the process goes on. */
static void *outlive_main(void *arg)
{
    (void)arg;
    _exit(later_ended(getpid()) ? 23 : 24);
}

CHECK_CHILD(throw_in_main)
{
    pthread_t other;
    struct scope scope = scope_new(NULL);
    pthread_create(&other, NULL, outlive_main, NULL);
    lc_throw(scope.context, lc_error_new(-EIO, "main"));
    return 1;
}

static void throw_in_main_ends_main_alone(void)
{
    struct check_exit ended = check_child("throw_in_main");
    CU_ASSERT_EQUAL(ended.status, 23);
}

/* ---- A5 ---- */

CHECK_CHILD(throw_without_signaler)
{
    lc_context *context = lc_context_new(NULL);
    lc_context *child = lc_context_new(context);
    lc_throw(child, lc_error_new(-EIO, "none listens"));
    return 0;
}

CHECK_CHILD(throw_without_context)
{
    lc_throw(NULL, lc_error_new(-EIO, "none at all"));
    return 0;
}

CHECK_CHILD(signal_without_signaler)
{
    lc_context *context = lc_context_new(NULL);
    lc_signal_error(context, lc_error_new(-EIO, "none hears"));
    return 0;
}

static void unref_context(void *context)
{
    lc_context_unref(context);
}

/* A context with no signaler above, of one that has nothing to do with the worker. */
static lc_error *throw_elsewhere(lc_context *context, lc_ready *ready, void *arg)
{
    lc_context *elsewhere = lc_context_new(NULL);
    (void)context;
    (void)ready;
    lc_defer(unref_context, elsewhere);
    note(arg, '1');
    lc_throw(elsewhere, lc_error_new(-EIO, "thrown elsewhere"));
}

static lc_error *throw_nowhere(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    note(arg, '1');
    lc_throw(NULL, lc_error_new(-EIO, "thrown nowhere"));
}

static lc_error *signal_nowhere(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    lc_signal_error(NULL, lc_error_new(-EIO, "signalled nowhere"));
    note(arg, '1');
    return NULL;
}

static void own_signaler_stands_in(void)
{
    static const lc_worker_function bodies[] = {throw_elsewhere, throw_nowhere, signal_nowhere};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct trace trace = trace_new();
        run_worker(bodies[i], &trace);
        CU_ASSERT_STRING_EQUAL(trace.text, "1");
        CHECK_ERROR(lc_signaler_take(trace.scope.signaler), -EIO);
        scope_drop(&trace.scope);
    }
}

/* The worker has a context of its own, but no signaler above what its manager was started with. */
CHECK_CHILD(fail_without_signaler_above)
{
    struct trace trace = {.scope = {NULL, lc_context_new(NULL)}};
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("unheard");
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = "worker", .run = throw_nowhere, .arg = &trace));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    if (!error)
        error = lc_manager_start(manager, trace.scope.context);
    if (!error)
        lc_handle_wait(lc_manager_done(manager), check_patience());
    return error != NULL;
}

static void throw_without_signaler_here(void *arg)
{
    lc_throw(arg, lc_error_new(-EIO, "from another thread"));
}

CHECK_CHILD(throw_without_signaler_in_thread)
{
    lc_context *context = lc_context_new(NULL);
    helper_do(throw_without_signaler_here, context);
    return 0;
}

static void throw_in_callback(void *arg)
{
    lc_throw(arg, lc_error_new(-EIO, "thrown in a callback"));
}

CHECK_CHILD(throw_in_close_callback)
{
    struct scope scope = scope_new(NULL);
    lc_handle *handle = lc_handle_new();
    lc_handle_on_close(handle, throw_in_callback, scope.context, NULL);
    lc_handle_close(handle);
    return 0;
}

CHECK_CHILD(throw_in_callback_of_closed)
{
    struct scope scope = scope_new(NULL);
    lc_handle_on_close(lc_handle_new_closed(), throw_in_callback, scope.context, NULL);
    return 0;
}

CHECK_CHILD(throw_in_timer_callback)
{
    struct scope scope = scope_new(NULL);
    lc_context *timed = lc_context_with_deadline(scope.context, lc_deadline_after(LC_MILLISECOND));
    lc_handle_on_close(lc_context_done(timed), throw_in_callback, scope.context, NULL);
    lc_handle_wait(lc_signaler_thrown(scope.signaler), check_patience());
    lc_sleep(LC_SECOND); /* the process is to end before that; if not, the status tells */
    return 0;
}

static void write_nothing(const lc_log_record *record, void *arg)
{
    (void)arg;
    (void)record;
}

static void write_flushed(void *arg)
{
    (void)arg;
    static const char text[] = "flushed the sink\n";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(1);
}

CHECK_CHILD(throw_flushes_the_log)
{
    lc_context *context = lc_context_new(NULL);
    lc_log_set_sink(LC_LOG_SINK(.write = write_nothing, .flush = write_flushed));
    lc_throw(context, lc_error_new(-EIO, "flush"));
    return 0;
}

static void ends_with_70(const char *child, const char *said)
{
    struct check_exit ended = check_child(child);
    CU_ASSERT_EQUAL(ended.status, EXIT_THROWN);
    CU_ASSERT_PTR_NOT_NULL(strstr(ended.errors, said));
}

static void no_signaler_ends_the_process(void)
{
    ends_with_70("throw_without_signaler", "none listens");
    ends_with_70("throw_without_signaler", "lifecycle_throw.c:");
    ends_with_70("throw_without_signaler_in_thread", "from another thread");
    ends_with_70("throw_without_context", "none at all");
    ends_with_70("fail_without_signaler_above", "thrown nowhere");
}

static void signal_without_signaler_ends_the_process(void)
{
    ends_with_70("signal_without_signaler", "none hears");
}

static void throw_in_callbacks_ends_the_process(void)
{
    ends_with_70("throw_in_close_callback", "thrown in a callback");
    ends_with_70("throw_in_callback_of_closed", "thrown in a callback");
    ends_with_70("throw_in_timer_callback", "thrown in a callback");
}

static void log_is_flushed_first(void)
{
    ends_with_70("throw_flushes_the_log", "flushed the sink");
}

CHECK_SUITE_IN_MODES(
    lifecycle_throw, "conformance: lifecycle: throw",
    {"A4 a throw in a foreign thread does not return; deferred calls run last first",
     throw_in_foreign_thread},
    {"A4 a throw in a worker does not return; deferred calls run last first", throw_in_worker},
    {"A4 deferred calls run when a worker returns", deferred_calls_run_at_return},
    {"A4 deferred calls have run when done closes, after a return and after a throw",
     done_comes_after_deferred_calls},
    {"A4 deferred calls run when a foreign thread returns", deferred_calls_run_at_foreign_return},
    {"A4 deferred calls run when a foreign thread ends by pthread_exit or is cancelled",
     deferred_calls_run_at_foreign_end, CHECK_PTHREADS},
    {"A4 pthread_cleanup_push handlers run, after the deferred calls", cleanup_handlers_run,
     CHECK_PTHREADS},
    {"A2 a throw in a deferred call after a throw is logged as unhandled, and the rest still run",
     later_throws_in_deferred_are_logged},
    {"A2 a throw in a deferred call of a worker that returned reaches the signaler",
     throw_in_deferred_after_return_is_thrown},
    {"A2 a throw in a deferred call of a foreign thread that returned reaches the signaler",
     throw_in_deferred_of_a_foreign_thread_is_thrown},
    {"A2 of two throws in deferred calls the first reaches the signaler, the other is logged",
     of_two_throws_in_deferred_the_first_counts},
    {"A2 the run loop puts a throw in a deferred call to the handler",
     run_loop_hears_of_a_throw_in_deferred},
    {"A4 a deferred call may defer more", deferred_calls_may_defer},
    {"A4 deferring nothing is refused", defer_refuses_null},
    {"A4 a worker that ends by pthread_exit counts as returned", exited_worker_counts_as_returned,
     CHECK_PTHREADS},
    {"A4 a worker that is cancelled by pthread_cancel counts as returned",
     cancelled_worker_counts_as_returned, CHECK_PTHREADS},
    {"A4 deferred calls run when a worker ends by pthread_exit or is cancelled",
     deferred_calls_run_however_a_worker_ends, CHECK_PTHREADS},
    {"A4 a throw in main ends that thread alone", throw_in_main_ends_main_alone, CHECK_PTHREADS},
    {"A5 without a signaler above, a worker's throw goes to the worker's own",
     own_signaler_stands_in},
    {"A5 a throw without a signaler above is logged and ends the process with 70",
     no_signaler_ends_the_process, CHECK_KERNEL},
    {"A5 a signalled error without a signaler above ends the process with 70",
     signal_without_signaler_ends_the_process, CHECK_KERNEL},
    {"A5 a throw in a library callback is logged and ends the process with 70",
     throw_in_callbacks_ends_the_process, CHECK_KERNEL},
    {"A5 the log is flushed before the process ends", log_is_flushed_first, CHECK_KERNEL});
