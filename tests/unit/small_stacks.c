/*
 * small_stacks.c: the smallest stack is enough for every call of the library that formats a
 * message, with some room left for its caller.
 */
#include "support/check.h"
#include "support/fibers.h"

#include "base/sanitizer.h"
#include "executor/fiber.h"
#include "executor/stack.h"

#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>

/* What takes most: a number of five thousand digits. */
#define LARGEST "%.6000Lf", LDBL_MAX

/* ---- what is called on the smallest stack ---- */

static void make_an_error(void)
{
    lc_error_unref(lc_error_new(-EIO, "%f", 1e300));
    lc_error_unref(lc_error_new(-EIO, LARGEST));
}

static void wrap_an_error(void)
{
    lc_error *error = lc_error_new(-EIO, LARGEST);
    error = lc_error_wrap(error, -EPIPE, LARGEST);
    lc_error_unref(lc_error_wrap_opaque(error));
}

static void log_a_line(void)
{
    lc_log(LC_LOG_ERROR, NULL, "%f", 1e300);
    lc_log(LC_LOG_ERROR, "small", LARGEST);
}

static void log_fields(void)
{
    const lc_log_field fields[] = {lc_field_text("key", "value"),
                                   lc_field_text("other", "a \"quoted\" value\n")};
    lc_log_fields(LC_LOG_ERROR, NULL, fields, sizeof fields / sizeof *fields, LARGEST);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static void be_refused_a_fiber(void)
{
    lc_fiber_options options = {.size = sizeof options};
    options.stack_size = LC_FIBER_STACK_MAX + 1;
    options.name = "refused";
    options.run = do_nothing;
    (void)lc_fiber_start(&options);
}

static void be_refused_an_executor(void)
{
    lc_executor_options options = {.size = sizeof options};
    lc_executor *executor;
    options.threads = LC_EXECUTOR_THREADS_MAX + 1;
    lc_error_unref(lc_executor_new(&options, &executor));
}

static lc_error *throw_it(lc_context *context, lc_ready *ready, void *arg)
{
    (void)ready, (void)arg;
    lc_throw(context, lc_error_new(-EIO, LARGEST));
}

static lc_error *make_thrower(lc_component **component, void *arg)
{
    lc_worker worker = {.size = sizeof worker};
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("thrower");
    worker.name = "throws";
    worker.run = throw_it;
    worker.arg = arg;
    worker.kind = LC_FIBER;
    worker.stack_size = LC_FIBER_STACK_MIN;
    lc_manager_builder_add(builder, &worker);
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

/* Nothing handles what the worker throws: it is logged, and the component is started again. */
static void run_a_component_that_throws(void)
{
    lc_run_options options = {.size = sizeof options};
    options.factory = make_thrower;
    lc_context *context = lc_context_with_deadline(NULL, lc_deadline_after(LC_MILLISECOND));
    lc_error_unref(lc_component_run(&options, context, NULL));
    lc_context_unref(context);
}

static void supervise_a_node_that_fails(void)
{
    lc_supervisor *supervisor = NULL;
    lc_node node = {.size = sizeof node};
    node.name = "fails";
    node.factory = make_thrower;
    node.kind = LC_FIBER;
    lc_error_unref(lc_supervisor_new(NULL, &supervisor));
    lc_error_unref(lc_supervisor_add(supervisor, &node));
    lc_context *context = lc_context_with_deadline(NULL, lc_deadline_after(LC_MILLISECOND));
    lc_error_unref(lc_supervisor_run(supervisor, context, NULL));
    lc_snapshot *snapshot = lc_supervisor_snapshot(supervisor);
    (void)lc_snapshot_print(snapshot, LC_SNAPSHOT_TEXT);
    lc_snapshot_free(snapshot);
    lc_supervisor_unref(supervisor);
    lc_context_unref(context);
}

/* ---- how deep it goes ---- */

static const struct {
    const char *name;
    void (*call)(void);
} calls[] = {
    {"lc_error_new", make_an_error},
    {"lc_error_wrap", wrap_an_error},
    {"lc_log", log_a_line},
    {"lc_log_fields", log_fields},
    {"lc_fiber_start", be_refused_a_fiber},
    {"lc_executor_new", be_refused_an_executor},
    {"lc_component_run", run_a_component_that_throws},
    {"lc_supervisor_run", supervise_a_node_that_fails},
};

enum { CALLS = sizeof calls / sizeof calls[0], PAINT = 0x5a, NEAR = 512 };

struct measure {
    void (*call)(void);
    size_t left; /* bytes of the stack that nothing has touched */
    bool returned;
};

/* Sanitizers, which need larger stacks, and Valgrind take what lies below the frame for unused. */
static bool is_painted(void)
{
    return !LC__SANITIZED && !check_in_valgrind();
}

/* Between the end of the stack and the frame. */
static void paint(volatile char *low, const volatile char *frame)
{
    while (is_painted() && low < frame - NEAR)
        *low++ = PAINT;
}

static void measure_call(void *arg)
{
    struct measure *measure = arg;
    volatile char *low = lc__stack_low(lc__fiber_current());
    paint(low, __builtin_frame_address(0));
    measure->call();
    while (is_painted() && low[measure->left] == PAINT)
        measure->left++;
    measure->returned = true;
}

static struct measure measure_on_smallest_stack(void (*call)(void))
{
    struct measure measure = {.call = call};
    lc_fiber_options options = {.size = sizeof options};
    lc_executor *executor = fibers_executor(1);
    options.name = "small";
    options.executor = executor;
    options.stack_size = LC_FIBER_STACK_MIN;
    options.run = measure_call;
    options.arg = &measure;
    if (lc_fiber_start(&options) < 0)
        abort();
    fibers_end(executor);
    return measure;
}

static void smallest_stack_is_enough_for_the_library(void)
{
    enum { FOR_THE_CALLER = 8 * 1024 };
    check_log_capture();
    for (unsigned i = 0; i < CALLS; i++) {
        struct measure measure = measure_on_smallest_stack(calls[i].call);
        bool room = !is_painted() || measure.left >= FOR_THE_CALLER;
        CU_ASSERT_TRUE(measure.returned);
        CU_ASSERT_TRUE(room);
        if (!room)
            printf("\n    %s leaves but %zu bytes\n", calls[i].name, measure.left);
    }
    check_log_release();
}

/* To the descriptor: a sink of the program has its own needs. */
CHECK_CHILD(log_on_smallest_stack)
{
    return measure_on_smallest_stack(log_fields).returned ? 0 : 1;
}

static void smallest_stack_is_enough_for_the_log(void)
{
    CU_ASSERT_EQUAL(check_child("log_on_smallest_stack").status, 0);
}

CHECK_SUITE(unit_small_stacks, "unit: the smallest stack",
            {"the smallest stack is enough for each call that formats, and leaves room",
             smallest_stack_is_enough_for_the_library},
            {"the smallest stack is enough for a line of the log",
             smallest_stack_is_enough_for_the_log});
