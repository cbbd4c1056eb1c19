/*
 * run_pause.c: a run loop without a handler restarts what fails again and again more and more
 * slowly; on a clock that is moved by hand.
 */
#include "support/check.h"

#include "support/manual_clock.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>

struct pausing {
    struct manual_clock *clock;
    atomic_uint made;
    atomic_bool becomes_ready; /* the instances, before they fail */
    bool ready_late;           /* not before they are being stopped */
    unsigned factory_fails;    /* from the second instance on, this many times */
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

static lc_error *make_failing(lc_component **component, void *arg)
{
    struct pausing *pausing = arg;
    lc_manager *manager;
    if (atomic_fetch_add(&pausing->made, 1) > 0 && pausing->factory_fails > 0) {
        pausing->factory_fails--;
        return lc_error_new(-EADDRINUSE, "failed on purpose");
    }
    lc_manager_builder *builder = lc_manager_builder_new("failing");
    lc_manager_builder_set_ready_warning(builder, LC_FOREVER); /* no timer but that of pauses */
    lc_manager_builder_add(builder, LC_WORKER(.name = "fail", .run = fail, .arg = arg));
    if (pausing->ready_late)
        lc_manager_builder_add(builder,
                               LC_WORKER(.name = "late", .run = become_ready_late, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

static lc_error *run(lc_context *context, lc_ready *ready, void *arg)
{
    lc_run_options options = {.size = sizeof options};
    options.name = "pausing";
    options.factory = make_failing;
    options.arg = arg;
    lc_ready_signal(ready);
    lc_error_unref(lc_component_run(&options, context, NULL));
    return NULL;
}

/* The expected number was made, and the loop pauses. */
static bool pauses(void *arg)
{
    struct pausing *pausing = arg;
    return atomic_load(&pausing->made) == pausing->expected &&
           manual_clock_waiting(pausing->clock) == 1;
}

/* The next instance comes after exactly this pause. */
static void next_comes_after(struct pausing *pausing, int64_t pause)
{
    manual_clock_advance(pausing->clock, pause - 1);
    CU_ASSERT_TRUE(pauses(pausing));
    pausing->expected++;
    manual_clock_advance(pausing->clock, 1);
    CU_ASSERT_TRUE(check_until(pauses, pausing));
}

/* It never lives for ten seconds, so each pause is longer than the one before. */
static void is_restarted_more_slowly(struct pausing pausing)
{
    pausing.clock = manual_clock_new(LC_SECOND);
    pausing.expected = 1;
    lc_manager *manager;
    lc_manager_builder *builder = lc_manager_builder_new("runner");
    lc_manager_builder_set_ready_warning(builder, LC_FOREVER);
    lc_manager_builder_add(builder, LC_WORKER(.name = "run", .run = run, .arg = &pausing));
    CU_ASSERT_PTR_NULL(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    lc_signaler *signaler = lc_signaler_new();
    lc_context *context = lc_context_with_signaler(NULL, signaler);

    check_log_capture();
    manual_clock_use(pausing.clock);
    CU_ASSERT_PTR_NULL(lc_manager_start(manager, context));
    manual_clock_use(NULL);
    CU_ASSERT_TRUE(check_until(pauses, &pausing));
    for (int64_t pause = 100 * LC_MILLISECOND; pause < 30 * LC_SECOND; pause *= 2)
        next_comes_after(&pausing, pause);
    next_comes_after(&pausing, 30 * LC_SECOND);
    next_comes_after(&pausing, 30 * LC_SECOND);
    CU_ASSERT_EQUAL(check_log_count("failed on purpose; restart "), pausing.expected);
    lc_context_cancel(context, NULL); /* ends the pause at once */
    CU_ASSERT_EQUAL(lc_handle_wait(lc_manager_done(manager), check_patience()), 0);
    CU_ASSERT_EQUAL(atomic_load(&pausing.made), pausing.expected);
    check_log_release();

    lc_manager_unref(manager);
    lc_context_unref(context);
    lc_signaler_unref(signaler);
    CU_ASSERT_EQUAL(lc_library_shutdown(), 0); /* the last thread has let go of the clock */
    manual_clock_free(pausing.clock);
}

static void what_fails_unready_is_restarted_more_slowly(void)
{
    is_restarted_more_slowly((struct pausing){.becomes_ready = false});
}

static void what_was_ready_for_an_instant_is_restarted_more_slowly(void)
{
    is_restarted_more_slowly((struct pausing){.becomes_ready = true});
}

static void what_becomes_ready_while_it_stops_is_restarted_more_slowly(void)
{
    is_restarted_more_slowly((struct pausing){.ready_late = true});
}

static void a_failing_factory_is_called_more_slowly(void)
{
    is_restarted_more_slowly((struct pausing){.factory_fails = 1000});
}

CHECK_SUITE(unit_run_pause, "unit: the run loop without a handler",
            {"what fails before it is ready is restarted ever more slowly",
             what_fails_unready_is_restarted_more_slowly},
            {"what was ready for an instant is restarted ever more slowly",
             what_was_ready_for_an_instant_is_restarted_more_slowly},
            {"what becomes ready while it is being stopped is restarted ever more slowly",
             what_becomes_ready_while_it_stops_is_restarted_more_slowly},
            {"a factory that fails from the second instance on is called ever more slowly",
             a_failing_factory_is_called_more_slowly});
