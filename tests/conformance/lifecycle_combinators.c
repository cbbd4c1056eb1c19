/*
 * lifecycle_combinators.c: contract A17: what is made of several handles, components, channels.
 * (Waiting for an error or done is also in lifecycle_signaler.c.)
 */
#include "support/check.h"
#include "support/fake.h"
#include "support/helper.h"
#include "support/later.h"
#include "support/mode.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdint.h>

#define PARTS 3

/* ---- handles ---- */

static void all_closed_waits_for_each(void)
{
    lc_handle *handles[PARTS];
    for (size_t i = 0; i < PARTS; i++)
        handles[i] = lc_handle_new();
    lc_handle *all = lc_handles_all_closed(handles, PARTS);
    lc_handle_close(handles[2]);
    lc_handle_close(handles[0]);
    CHECK_OPEN(all);
    lc_handle_close(handles[0]); /* twice counts once */
    CHECK_OPEN(all);
    lc_handle_close(handles[1]);
    CU_ASSERT_TRUE(lc_handle_is_closed(all));
    lc_handle_unref(all);
    for (size_t i = 0; i < PARTS; i++)
        lc_handle_unref(handles[i]);
}

static void all_closed_of_none_is_closed(void)
{
    lc_handle *all = lc_handles_all_closed(NULL, 0);
    CU_ASSERT_TRUE(lc_handle_is_closed(all));
    lc_handle_unref(all);
}

static void all_closed_of_closed_is_closed(void)
{
    lc_handle *handle = lc_handle_new();
    lc_handle_close(handle);
    lc_handle *handles[] = {handle, lc_handle_new_closed(), handle};
    lc_handle *all = lc_handles_all_closed(handles, 3);
    CU_ASSERT_TRUE(lc_handle_is_closed(all));
    lc_handle_unref(all);
    lc_handle_unref(handle);
}

static void all_closed_takes_one_twice(void)
{
    lc_handle *handle = lc_handle_new();
    lc_handle *handles[] = {handle, handle};
    lc_handle *all = lc_handles_all_closed(handles, 2);
    CHECK_OPEN(all);
    lc_handle_close(handle);
    CU_ASSERT_TRUE(lc_handle_is_closed(all));
    lc_handle_unref(all);
    lc_handle_unref(handle);
}

static void all_closed_may_be_dropped_early(void)
{
    lc_handle *handles[] = {lc_handle_new(), lc_handle_new()};
    lc_handle *all = lc_handles_all_closed(handles, 2);
    CU_ASSERT_PTR_NOT_NULL(all);
    lc_handle_close(handles[0]);
    lc_handle_unref(all);
    lc_handle_close(handles[1]);
    CU_ASSERT_TRUE(lc_handle_is_closed(handles[1]));
    lc_handle_unref(handles[0]);
    lc_handle_unref(handles[1]);
}

static void all_closed_outlives_what_it_waits_for(void)
{
    lc_handle *handles[] = {lc_handle_new(), lc_handle_new()};
    lc_handle *all = lc_handles_all_closed(handles, 2);
    lc_handle_close(handles[0]);
    lc_handle_unref(handles[0]);
    lc_handle_close(handles[1]);
    lc_handle_unref(handles[1]);
    CU_ASSERT_TRUE(lc_handle_is_closed(all));
    lc_handle_unref(all);
}

static void all_closed_refuses_null(void)
{
    lc_handle *handles[] = {lc_handle_new_closed(), NULL};
    CU_ASSERT_PTR_NULL(lc_handles_all_closed(handles, 2));
}

static void poll_a_handle(void)
{
    lc_handle *handle = lc_handle_new();
    CU_ASSERT_FALSE(lc_handle_is_closed(handle));
    CU_ASSERT_EQUAL(lc_handle_wait(handle, LC_NOW), -ETIMEDOUT);
    lc_handle_close(handle);
    CU_ASSERT_TRUE(lc_handle_is_closed(handle));
    CU_ASSERT_EQUAL(lc_handle_wait(handle, LC_NOW), 0);
    CU_ASSERT_FALSE(lc_handle_is_closed(NULL));
    lc_handle_unref(handle);
}

/* ---- components ---- */

struct parts {
    struct fake fakes[PARTS];
    lc_component *components[PARTS];
};

static void parts_init(struct parts *parts)
{
    for (size_t i = 0; i < PARTS; i++) {
        fake_init(&parts->fakes[i], LC_START_INLINE);
        parts->components[i] = &parts->fakes[i].component;
    }
}

static void parts_drop(struct parts *parts)
{
    for (size_t i = 0; i < PARTS; i++)
        fake_drop(&parts->fakes[i]);
}

static void all_ready_never_asks_for_done(void)
{
    struct parts parts;
    parts_init(&parts);
    lc_handle *all = lc_components_all_ready(parts.components, PARTS);
    for (size_t i = 0; i < PARTS; i++) {
        CHECK_OPEN(all);
        lc_handle_close(parts.fakes[i].ready);
    }
    CU_ASSERT_TRUE(lc_handle_is_closed(all));
    for (size_t i = 0; i < PARTS; i++)
        CU_ASSERT_EQUAL(parts.fakes[i].asked_done, 0);
    lc_handle_unref(all);
    parts_drop(&parts);
}

static void all_done_never_asks_for_ready(void)
{
    struct parts parts;
    parts_init(&parts);
    lc_handle *all = lc_components_all_done(parts.components, PARTS);
    for (size_t i = 0; i < PARTS; i++) {
        CHECK_OPEN(all);
        lc_handle_close(parts.fakes[i].done);
    }
    CU_ASSERT_TRUE(lc_handle_is_closed(all));
    for (size_t i = 0; i < PARTS; i++)
        CU_ASSERT_EQUAL(parts.fakes[i].asked_ready, 0);
    lc_handle_unref(all);
    parts_drop(&parts);
}

static void all_of_no_components_is_closed(void)
{
    lc_handle *ready = lc_components_all_ready(NULL, 0);
    lc_handle *done = lc_components_all_done(NULL, 0);
    CU_ASSERT_TRUE(lc_handle_is_closed(ready));
    CU_ASSERT_TRUE(lc_handle_is_closed(done));
    lc_handle_unref(ready);
    lc_handle_unref(done);
}

/* ---- components merged ---- */

static void merged_is_ready_and_done_with_all(void)
{
    struct parts parts;
    struct scope scope = scope_new(NULL);
    lc_component *merged = NULL;
    parts_init(&parts);
    CHECK_SUCCESS(lc_components_merge(parts.components, PARTS, &merged));
    lc_handle *ready = lc_component_ready(merged), *done = lc_component_done(merged);
    CHECK_OPEN(ready);
    CHECK_OPEN(done);
    CHECK_SUCCESS(lc_component_start(merged, scope.context));
    for (size_t i = 0; i < PARTS; i++) {
        CHECK_OPEN(ready);
        CU_ASSERT_EQUAL(parts.fakes[i].starts, 1);
        lc_handle_close(parts.fakes[i].ready);
    }
    CHECK_CLOSES(ready);
    for (size_t i = 0; i < PARTS; i++) {
        CHECK_OPEN(done);
        lc_handle_close(parts.fakes[i].done);
    }
    CHECK_CLOSES(done);
    CU_ASSERT_PTR_EQUAL(lc_component_ready(merged), ready);
    CU_ASSERT_PTR_EQUAL(lc_component_done(merged), done);
    CU_ASSERT_EQUAL(parts.fakes[0].destroys, 0);
    lc_component_destroy(merged);
    for (size_t i = 0; i < PARTS; i++)
        CU_ASSERT_EQUAL(parts.fakes[i].destroys, 1);
    parts_drop(&parts);
    scope_drop(&scope);
}

static lc_error *start_after_the_one_before(struct fake *fake, lc_context *context)
{
    (void)context;
    struct fake *before = fake->arg;
    return before->starts == 1 ? NULL : lc_error_new(-EPROTO, "out of order");
}

static void merged_starts_in_order(void)
{
    struct parts parts;
    struct scope scope = scope_new(NULL);
    lc_component *merged = NULL;
    parts_init(&parts);
    for (size_t i = 1; i < PARTS; i++) {
        parts.fakes[i].start = start_after_the_one_before;
        parts.fakes[i].arg = &parts.fakes[i - 1];
    }
    CHECK_SUCCESS(lc_components_merge(parts.components, PARTS, &merged));
    CHECK_SUCCESS(lc_component_start(merged, scope.context));
    for (size_t i = 0; i < PARTS; i++)
        lc_handle_close(parts.fakes[i].done);
    CHECK_CLOSES(lc_component_done(merged));
    lc_component_destroy(merged);
    parts_drop(&parts);
    scope_drop(&scope);
}

static lc_error *start_with_error(struct fake *fake, lc_context *context)
{
    (void)context;
    return lc_error_ref(fake->arg);
}

static lc_manager *noop_manager(void)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("noop");
    lc_manager_builder_add(builder, LC_WORKER(.name = "noop", .run = lc_noop_worker));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    return manager;
}

static void first_start_error_is_returned(void)
{
    struct fake failing, last;
    struct scope scope = scope_new(NULL);
    lc_manager *first = lc_manager_ref(noop_manager());
    lc_component *merged = NULL;
    lc_error *error = lc_error_new(-EIO, "cannot start");
    fake_init(&failing, LC_START_INLINE);
    fake_init(&last, LC_START_INLINE);
    failing.start = start_with_error;
    failing.arg = error;
    lc_component *parts[] = {lc_manager_component(first), &failing.component, &last.component};
    CHECK_SUCCESS(lc_components_merge(parts, 3, &merged));
    lc_error *got = lc_component_start(merged, scope.context);
    CU_ASSERT_PTR_EQUAL(got, error);
    CU_ASSERT_EQUAL(last.starts, 0);
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_manager_done(first))); /* cancelled and waited for */
    CU_ASSERT_PTR_NULL(lc_context_error(scope.context));
    CHECK_OPEN(lc_signaler_thrown(scope.signaler)); /* it was returned, and told nowhere else */
    lc_error_unref(got);
    lc_error_unref(error);
    lc_component_destroy(merged);
    CU_ASSERT_EQUAL(failing.destroys + last.destroys, 2);
    lc_manager_unref(first);
    fake_drop(&failing);
    fake_drop(&last);
    scope_drop(&scope);
}

/* A component of the program's own, that says on its context that it was cancelled, and is done. */
static void answer_the_stop(void *arg)
{
    struct fake *fake = arg;
    int code = lc_error_code(lc_context_error(fake->context));
    lc_signal_error(fake->context, lc_error_new(code, "the part was cancelled"));
    lc_handle_close(fake->done);
}

static lc_error *start_answering(struct fake *fake, lc_context *context)
{
    int code = lc_handle_on_close(lc_context_done(context), answer_the_stop, fake, NULL);
    return code < 0 ? lc_error_new(code, "no memory") : NULL;
}

/* The merged component itself has told it to stop: what comes of that is not the first error. */
static void clean_answer_of_a_part_is_no_error(void)
{
    struct fake answering, failing;
    struct scope scope = scope_new(NULL);
    lc_component *merged = NULL;
    lc_error *error = lc_error_new(-EIO, "cannot start");
    fake_init(&answering, LC_START_INLINE);
    fake_init(&failing, LC_START_INLINE);
    answering.start = start_answering;
    failing.start = start_with_error;
    failing.arg = error;
    lc_component *parts[] = {&answering.component, &failing.component};
    check_log_capture();
    CHECK_SUCCESS(lc_components_merge(parts, 2, &merged));
    CHECK_ERROR(lc_component_start(merged, scope.context), -EIO);
    CU_ASSERT_TRUE(lc_handle_is_closed(answering.done));
    CHECK_OPEN(lc_signaler_thrown(scope.signaler));
    CU_ASSERT_FALSE(check_log_has("the part was cancelled"));
    check_log_release();
    lc_error_unref(error);
    lc_component_destroy(merged);
    fake_drop(&answering);
    fake_drop(&failing);
    scope_drop(&scope);
}

static lc_error *start_throwing(struct fake *fake, lc_context *context)
{
    lc_throw(context, lc_error_ref(fake->arg));
}

static lc_error *start_component(lc_context *context, lc_ready *ready, void *arg)
{
    (void)ready;
    return lc_component_start(arg, context);
}

static void throwing_start_leaves_nothing_running(void)
{
    struct fake throwing, last;
    struct scope scope = scope_new(NULL);
    lc_manager *first = lc_manager_ref(noop_manager()), *starter = NULL;
    lc_component *merged = NULL;
    lc_error *error = lc_error_new(-EIO, "thrown while starting");
    fake_init(&throwing, 0);
    fake_init(&last, 0);
    throwing.start = start_throwing;
    throwing.arg = error;
    lc_component *parts[] = {lc_manager_component(first), &throwing.component, &last.component};
    CHECK_SUCCESS(lc_components_merge(parts, 3, &merged));
    lc_manager_builder *builder = check_builder("starter");
    lc_manager_builder_add(builder,
                           LC_WORKER(.name = "start", .run = start_component, .arg = merged));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &starter));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(starter, scope.context));
    CHECK_CLOSES(lc_manager_done(starter));
    lc_error *got = lc_signaler_take(scope.signaler);
    CU_ASSERT_PTR_EQUAL(got, error);
    CU_ASSERT_EQUAL(last.starts, 0);
    CHECK_CLOSES(lc_manager_done(first));
    lc_error_unref(got);
    lc_error_unref(error);
    lc_component_destroy(merged);
    lc_manager_unref(first);
    lc_manager_unref(starter);
    fake_drop(&throwing);
    fake_drop(&last);
    scope_drop(&scope);
}

static void count_start(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
}

static lc_error *start_deferring(struct fake *fake, lc_context *context)
{
    (void)context;
    lc_handle_close(fake->done);
    int failed = lc_defer(count_start, fake->arg);
    return failed < 0 ? lc_error_new(failed, "no memory") : NULL;
}

struct starting {
    lc_component *component;
    lc_context *context;
};

static void start_it(void *arg)
{
    const struct starting *starting = arg;
    CHECK_SUCCESS(lc_component_start(starting->component, starting->context));
}

/* What a part's start has deferred runs when the worker that it ran in ends; nothing else does. */
static void start_may_defer(void)
{
    struct fake deferring[2];
    struct scope scope = scope_new(NULL);
    lc_manager *first = lc_manager_ref(noop_manager());
    lc_component *parts[] = {lc_manager_component(first), &deferring[0].component,
                             &deferring[1].component};
    struct starting starting = {.context = scope.context};
    atomic_uint calls = 0;
    for (int i = 0; i < 2; i++) {
        fake_init(&deferring[i], 0);
        deferring[i].start = start_deferring;
        deferring[i].arg = &calls;
    }
    CHECK_SUCCESS(lc_components_merge(parts, 3, &starting.component));
    helper_do(start_it, &starting);
    CU_ASSERT_EQUAL(atomic_load(&calls), 2);
    CHECK_OPEN(lc_manager_done(first));
    scope_cancel(&scope);
    CHECK_CLOSES(lc_component_done(starting.component));
    lc_component_destroy(starting.component);
    lc_manager_unref(first);
    for (int i = 0; i < 2; i++)
        fake_drop(&deferring[i]);
    scope_drop(&scope);
}

static void merged_passes_errors_and_cancels(void)
{
    struct scripted_worker workers[2];
    struct scope scope = scope_new(NULL);
    lc_component *parts[2], *merged = NULL;
    for (size_t i = 0; i < 2; i++) {
        worker_init(&workers[i], -EIO);
        parts[i] = lc_manager_component(worker_manager(&workers[i], 1));
    }
    CHECK_SUCCESS(lc_components_merge(parts, 2, &merged));
    CHECK_SUCCESS(lc_component_start(merged, scope.context));
    CU_ASSERT_TRUE(worker_entered(&workers[0]) && worker_entered(&workers[1]));
    CU_ASSERT_TRUE(worker_told(&workers[1], WORKER_FAIL));
    CHECK_CLOSES(lc_signaler_thrown(scope.signaler));
    CHECK_ERROR(lc_signaler_take(scope.signaler), -EIO);
    CHECK_OPEN(lc_component_done(merged));
    scope_cancel(&scope);
    CU_ASSERT_TRUE(worker_does(&workers[0], WORKER_AWAIT));
    CU_ASSERT_TRUE(worker_told(&workers[0], WORKER_RETURN));
    CHECK_CLOSES(lc_component_done(merged));
    lc_component_destroy(merged);
    worker_drop(&workers[0]);
    worker_drop(&workers[1]);
    scope_drop(&scope);
}

static void merged_starts_once(void)
{
    struct parts parts;
    struct scope scope = scope_new(NULL);
    lc_component *merged = NULL;
    parts_init(&parts);
    CHECK_SUCCESS(lc_components_merge(parts.components, PARTS, &merged));
    CHECK_SUCCESS(lc_component_start(merged, scope.context));
    CHECK_ERROR(lc_component_start(merged, scope.context), -EALREADY);
    for (size_t i = 0; i < PARTS; i++) {
        CU_ASSERT_EQUAL(parts.fakes[i].starts, 1);
        CU_ASSERT_PTR_NULL(lc_context_error(parts.fakes[i].context));
        lc_handle_close(parts.fakes[i].done);
    }
    CHECK_CLOSES(lc_component_done(merged));
    lc_component_destroy(merged);
    parts_drop(&parts);
    scope_drop(&scope);
}

static void merged_of_none_is_done_at_the_start(void)
{
    struct scope scope = scope_new(NULL);
    lc_component *merged = NULL;
    CHECK_SUCCESS(lc_components_merge(NULL, 0, &merged));
    CHECK_SUCCESS(lc_component_start(merged, scope.context));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_component_ready(merged)));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_component_done(merged)));
    lc_component_destroy(merged);
    scope_drop(&scope);
}

static void merge_refuses_null(void)
{
    struct parts parts;
    parts_init(&parts);
    lc_component *merged = NULL, *with_null[] = {parts.components[0], NULL};
    CHECK_SAYS(lc_components_merge(with_null, 2, &merged), -EINVAL, "component 1");
    CU_ASSERT_PTR_NULL(merged);
    lc_component *twice[] = {parts.components[0], parts.components[0]};
    CHECK_SAYS(lc_components_merge(twice, 2, &merged), -EINVAL, "component 1 of those to merge");
    CHECK_SAYS(lc_components_merge(NULL, 1, &merged), -EINVAL, "the components to merge");
    CU_ASSERT_EQUAL(parts.fakes[0].destroys, 0); /* not taken over */
    parts_drop(&parts);
}

/* ---- waiting for a handle or a context's end ---- */

static void closed_handle_wins_over_ended_context(void)
{
    lc_context *context = lc_context_new(NULL);
    lc_handle *open = lc_handle_new();
    lc_context_cancel(context, NULL);
    CU_ASSERT_EQUAL(lc_context_wait(context, lc_handle_new_closed(), LC_FOREVER), 0);
    CU_ASSERT_EQUAL(lc_context_wait(context, open, LC_FOREVER), -ECANCELED);
    lc_handle_unref(open);
    lc_context_unref(context);
}

static void cancel_later(void *arg)
{
    lc_context_cancel(arg, NULL);
}

static void close_later(void *arg)
{
    lc_handle_close(arg);
}

static void wait_is_ended_by_context_or_handle(void)
{
    struct later then;
    lc_context *context = lc_context_with_deadline(NULL, check_patience());
    lc_handle *handle = lc_handle_new(), *never = lc_handle_new();
    later(&then, close_later, handle);
    CU_ASSERT_EQUAL(lc_context_wait(context, handle, LC_FOREVER), 0);
    CU_ASSERT_TRUE(later_join(&then));
    later(&then, cancel_later, context);
    CU_ASSERT_EQUAL(lc_context_wait(context, never, LC_FOREVER), -ECANCELED);
    CU_ASSERT_TRUE(later_join(&then));
    lc_handle_unref(handle);
    lc_handle_unref(never);
    lc_context_unref(context);
}

static void done_without_error_gives_none(void)
{
    struct scope scope = scope_new(NULL);
    lc_error *error = (lc_error *)&scope; /* must be overwritten */
    CU_ASSERT_EQUAL(
        lc_signaler_wait(scope.signaler, lc_handle_new_closed(), &error, check_patience()), 0);
    CU_ASSERT_PTR_NULL(error);
    lc_handle *open = lc_handle_new();
    error = (lc_error *)&scope;
    CU_ASSERT_EQUAL(lc_signaler_wait(scope.signaler, open, &error, LC_NOW), -ETIMEDOUT);
    CU_ASSERT_PTR_NULL(error);
    struct later then;
    later(&then, close_later, open);
    CU_ASSERT_EQUAL(lc_signaler_wait(scope.signaler, open, &error, check_patience()), 0);
    CU_ASSERT_PTR_NULL(error);
    CU_ASSERT_TRUE(later_join(&then));
    lc_handle_unref(open);
    scope_drop(&scope);
}

/* ---- channels merged ---- */

static void *number(size_t n)
{
    return (void *)(uintptr_t)n;
}

static size_t receive_number(lc_channel *channel)
{
    void *item = NULL;
    CU_ASSERT_EQUAL(lc_channel_receive(channel, &item, check_patience()), 0);
    return (size_t)(uintptr_t)item;
}

static void merged_channel_keeps_each_order(void)
{
    lc_channel *sources[2], *merged = NULL;
    size_t next[2] = {1, 101}, both[2] = {0, 0};
    for (size_t i = 0; i < 2; i++) {
        CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = LC_CHANNEL_UNBOUNDED), &sources[i]));
        for (size_t n = 1; n <= 20; n++)
            lc_channel_send(sources[i], number(i * 100 + n), LC_NOW);
    }
    CHECK_SUCCESS(lc_channels_merge(sources, 2, &merged));
    for (size_t i = 0; i < 40; i++) {
        size_t got = receive_number(merged);
        size_t from = got > 100;
        CU_ASSERT_EQUAL(got, next[from]);
        next[from]++;
        both[from] += i < 10;
    }
    CU_ASSERT_TRUE(both[0] > 0 && both[1] > 0); /* they take turns */
    void *item;
    CU_ASSERT_EQUAL(lc_channel_receive(merged, &item, LC_NOW), -ETIMEDOUT);
    for (size_t i = 0; i < 2; i++)
        lc_channel_unref(sources[i]);
    lc_channel_unref(merged);
}

static void merged_channel_closes_after_the_last(void)
{
    lc_channel *sources[2], *merged = NULL;
    void *item = NULL;
    for (size_t i = 0; i < 2; i++)
        CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 4), &sources[i]));
    CHECK_SUCCESS(lc_channels_merge(sources, 2, &merged));
    lc_channel_send(sources[0], number(7), LC_NOW);
    lc_channel_close(sources[0]);
    lc_channel_close(sources[1]);
    CU_ASSERT_EQUAL(receive_number(merged), 7);
    CU_ASSERT_EQUAL(lc_channel_receive(merged, &item, LC_NOW), -EPIPE);
    lc_channel_unref(merged);
    for (size_t i = 0; i < 2; i++)
        lc_channel_unref(sources[i]);
}

static void merged_channel_stays_open_with_one(void)
{
    lc_channel *sources[2], *merged = NULL;
    void *item = NULL;
    for (size_t i = 0; i < 2; i++)
        CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 4), &sources[i]));
    CHECK_SUCCESS(lc_channels_merge(sources, 2, &merged));
    lc_channel_close(sources[0]);
    CU_ASSERT_EQUAL(lc_channel_receive(merged, &item, LC_NOW), -ETIMEDOUT);
    lc_channel_send(sources[1], number(8), LC_NOW);
    CU_ASSERT_EQUAL(receive_number(merged), 8);
    lc_channel_close(merged); /* leaves the sources as they are */
    CU_ASSERT_FALSE(lc_channel_is_closed(sources[1]));
    CU_ASSERT_EQUAL(lc_channel_receive(merged, &item, LC_NOW), -EPIPE);
    CU_ASSERT_EQUAL(lc_channel_send(sources[1], number(9), LC_NOW), 0);
    CU_ASSERT_EQUAL(receive_number(sources[1]), 9);
    lc_channel_unref(merged);
    for (size_t i = 0; i < 2; i++)
        lc_channel_unref(sources[i]);
}

static void merged_channel_of_none_is_closed(void)
{
    lc_channel *merged = NULL;
    void *item = NULL;
    CHECK_SUCCESS(lc_channels_merge(NULL, 0, &merged));
    CU_ASSERT_EQUAL(lc_channel_receive(merged, &item, check_patience()), -EPIPE);
    CU_ASSERT_TRUE(lc_channel_is_closed(merged));
    lc_channel_unref(merged);
}

static void send_later(void *arg)
{
    lc_channel_send(arg, number(5), LC_NOW);
}

static void close_channel_later(void *arg)
{
    lc_channel_close(arg);
}

static void merged_channel_wakes_its_receiver(void)
{
    struct later then;
    lc_channel *sources[2], *merged = NULL;
    void *item = NULL;
    for (size_t i = 0; i < 2; i++)
        CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 4), &sources[i]));
    CHECK_SUCCESS(lc_channels_merge(sources, 2, &merged));
    later(&then, send_later, sources[1]);
    CU_ASSERT_EQUAL(receive_number(merged), 5);
    CU_ASSERT_TRUE(later_join(&then));
    lc_channel_close(sources[0]);
    later(&then, close_channel_later, sources[1]);
    CU_ASSERT_EQUAL(lc_channel_receive(merged, &item, check_patience()), -EPIPE);
    CU_ASSERT_TRUE(later_join(&then));
    lc_channel_unref(merged);
    for (size_t i = 0; i < 2; i++)
        lc_channel_unref(sources[i]);
}

static void merged_channel_refuses(void)
{
    lc_channel *source = NULL, *merged = NULL, *again = NULL;
    CHECK_SUCCESS(lc_channel_new(LC_CHANNEL(.capacity = 1), &source));
    CHECK_SUCCESS(lc_channels_merge(&source, 1, &merged));
    CU_ASSERT_EQUAL(lc_channel_send(merged, NULL, LC_NOW), -EINVAL);
    CHECK_SAYS(lc_channels_merge(&merged, 1, &again), -EINVAL, "channel 0");
    CHECK_SAYS(lc_channels_merge(NULL, 1, &again), -EINVAL, "the channels to merge");
    lc_channel *none[] = {source, NULL};
    CHECK_SAYS(lc_channels_merge(none, 2, &again), -EINVAL, "channel 1");
    static lc_channel *too_many[1025];
    for (size_t i = 0; i < 1025; i++)
        too_many[i] = source;
    CHECK_SAYS(lc_channels_merge(too_many, 1025, &again), -EINVAL, "1024 at most");
    CU_ASSERT_PTR_NULL(again);
    lc_channel_unref(source); /* the merged one keeps it */
    void *item;
    CU_ASSERT_EQUAL(lc_channel_receive(merged, &item, LC_NOW), -ETIMEDOUT);
    lc_channel_unref(merged);
}

CHECK_SUITE_IN_MODES(
    lifecycle_combinators, "conformance: lifecycle: combinators",
    {"A17 all of a list of handles closes with the last", all_closed_waits_for_each},
    {"A17 all of no handles is closed at once", all_closed_of_none_is_closed},
    {"A17 all of closed handles is closed at once", all_closed_of_closed_is_closed},
    {"A17 all of a list takes the same handle twice", all_closed_takes_one_twice},
    {"A17 all of a list may be dropped before it closes", all_closed_may_be_dropped_early},
    {"A17 all of a list outlives the handles it waited for", all_closed_outlives_what_it_waits_for},
    {"A17 all of a list with NULL in it is refused", all_closed_refuses_null},
    {"A17 a handle can be polled", poll_a_handle},
    {"A17 all-ready never asks for done", all_ready_never_asks_for_done},
    {"A17 all-done never asks for ready", all_done_never_asks_for_ready},
    {"A17 all-ready and all-done of none are closed at once", all_of_no_components_is_closed},
    {"A17 merged components are ready when all are, done when all are",
     merged_is_ready_and_done_with_all},
    {"A17 merged components are started in order", merged_starts_in_order},
    {"A17 the first start error of merged components is returned, the rest are not started",
     first_start_error_is_returned},
    {"A17 a part's clean answer to the stop of a failed start is no error",
     clean_answer_of_a_part_is_no_error},
    {"A17 a throw in the start of merged components leaves nothing running",
     throwing_start_leaves_nothing_running},
    {"A17 what a part's start defers runs when its worker ends", start_may_defer},
    {"A17 merged components pass errors up and cancels down", merged_passes_errors_and_cancels},
    {"A17 merged components start once", merged_starts_once},
    {"A17 no components merged are ready and done at the start",
     merged_of_none_is_done_at_the_start},
    {"A17 merging NULL is refused", merge_refuses_null},
    {"A17 waiting for a handle or a context's end: a closed handle wins",
     closed_handle_wins_over_ended_context},
    {"A17 waiting for a handle or a context's end is woken by either",
     wait_is_ended_by_context_or_handle},
    {"A17 waiting for an error or done gives none when done comes without one",
     done_without_error_gives_none},
    {"A17 merged channels keep each source's order and take turns",
     merged_channel_keeps_each_order},
    {"A17 merged channels close after the last source is closed and empty",
     merged_channel_closes_after_the_last},
    {"A17 merged channels stay open while one source is", merged_channel_stays_open_with_one},
    {"A17 no channels merged are closed at once", merged_channel_of_none_is_closed},
    {"A17 merged channels wake their receiver", merged_channel_wakes_its_receiver},
    {"A17 merging merged channels, or sending to them, is refused", merged_channel_refuses});
