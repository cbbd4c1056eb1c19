/*
 * run_pause.c: a run loop without a handler restarts what fails before it is ready more and more
 * slowly; on a clock that is moved by hand.
 */
#include "support/check.h"

#include "executor/manual_clock.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>

struct pausing {
    struct lc__manual_clock *clock;
    atomic_uint made;
    atomic_bool becomes_ready; /* the instances, before they fail */
    bool ready_late;           /* not before they are being stopped */
    unsigned expected;
};

static lc_error *fail(lc_context *context, lc_ready *ready, void *arg)
{
    struct pausing *pausing = arg;
    (void)context;
    if (atomic_load(&pausing->becomes_ready))
        lc_ready_signal(ready);
    return lc_error_new(-EIO, "failed on purpose");
}

static lc_error *become_ready_late(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_context_sleep(context, LC_FOREVER);
    lc_ready_signal(ready);
    return NULL;
}

static lc_error *make_failing(void *arg, lc_component **component)
{
    struct pausing *pausing = arg;
    lc_manager *manager;
    lc_manager_builder *builder = lc_manager_builder_new("failing");
    lc_manager_builder_add(builder, "fail", fail, arg);
    if (pausing->ready_late)
        lc_manager_builder_add(builder, "late", become_ready_late, arg);
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    atomic_fetch_add(&pausing->made, 1);
    return error;
}

static lc_error *run(lc_context *context, lc_ready *ready, void *arg)
{
    lc_run_options options = LC_RUN_INIT;
    options.name = "pausing";
    options.factory = make_failing;
    options.factory_arg = arg;
    lc_ready_signal(ready);
    lc_error_unref(lc_run_component(context, &options, NULL));
    return NULL;
}

/* The expected number was made, and the loop pauses. */
static bool pauses(void *arg)
{
    struct pausing *pausing = arg;
    return atomic_load(&pausing->made) == pausing->expected &&
           lc__manual_clock_waiting(pausing->clock) == 1;
}

/* The next instance comes after exactly this pause. */
static void next_comes_after(struct pausing *pausing, int64_t pause)
{
    lc__manual_clock_advance(pausing->clock, pause - 1);
    CU_ASSERT_TRUE(pauses(pausing));
    pausing->expected++;
    lc__manual_clock_advance(pausing->clock, 1);
    CU_ASSERT_TRUE(check_until(pauses, pausing));
}

static void what_fails_again_is_restarted_more_slowly(void)
{
    struct pausing pausing = {.clock = lc__manual_clock_new(LC_SECOND), .expected = 2};
    lc_manager *manager;
    lc_manager_builder *builder = lc_manager_builder_new("runner");
    lc_manager_builder_add(builder, "run", run, &pausing);
    CU_ASSERT_PTR_NULL(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    lc_signaler *signaler = lc_signaler_new();
    lc_context *context = lc_context_with_signaler(NULL, signaler);

    check_log_capture();
    lc__manual_clock_use(pausing.clock);
    CU_ASSERT_PTR_NULL(lc_manager_start(manager, context));
    lc__manual_clock_use(NULL);
    CU_ASSERT_TRUE(check_until(pauses, &pausing)); /* the first restart was at once */
    for (int64_t pause = 100 * LC_MILLISECOND; pause < 30 * LC_SECOND; pause *= 2)
        next_comes_after(&pausing, pause);
    next_comes_after(&pausing, 30 * LC_SECOND);
    next_comes_after(&pausing, 30 * LC_SECOND);
    CU_ASSERT_EQUAL(
        check_log_count("restarting, since no handler says otherwise: failed on purpose"),
        pausing.expected);
    lc_context_cancel(context, NULL); /* ends the pause at once */
    CU_ASSERT_EQUAL(lc_handle_wait(lc_manager_done(manager), check_patience()), 0);
    CU_ASSERT_EQUAL(atomic_load(&pausing.made), pausing.expected);
    check_log_release();

    lc_manager_unref(manager);
    lc_context_unref(context);
    lc_signaler_unref(signaler);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0); /* the last thread has let go of the clock */
    lc__manual_clock_free(pausing.clock);
}

static void is_restarted_at_once(bool ready_late)
{
    struct pausing pausing = {
        .clock = lc__manual_clock_new(LC_SECOND), .becomes_ready = true, .ready_late = ready_late};
    lc_run_options options = LC_RUN_INIT;
    options.factory = make_failing;
    options.factory_arg = &pausing;
    check_log_capture();
    lc_context *context = lc_context_with_deadline(NULL, lc_deadline_after(200 * LC_MILLISECOND));
    lc_error *ended = lc_run_component(context, &options, NULL);
    CU_ASSERT_TRUE(lc_error_is(ended, -ETIMEDOUT));
    /* With pauses of 0, 100 and 200 ms it would be three or four. */
    CU_ASSERT_TRUE(atomic_load(&pausing.made) > 5);
    check_log_release();
    lc_error_unref(ended);
    lc_context_unref(context);
    lc__manual_clock_free(pausing.clock);
}

static void what_had_been_ready_is_restarted_at_once(void)
{
    is_restarted_at_once(false);
}

static void what_becomes_ready_while_it_stops_is_restarted_at_once(void)
{
    is_restarted_at_once(true);
}

CHECK_SUITE(unit_run_pause, "unit: the run loop without a handler",
            {"what fails before it is ready is restarted ever more slowly",
             what_fails_again_is_restarted_more_slowly},
            {"what had been ready is restarted at once", what_had_been_ready_is_restarted_at_once},
            {"so is what becomes ready while it is being stopped",
             what_becomes_ready_while_it_stops_is_restarted_at_once});
