/*
 * trio_anyio.c: scenarios from public bug reports of trio (python-trio/trio) and anyio
 * (agronholm/anyio), rebuilt in our own terms. tests/reports.md lists them with their verdicts.
 */
#include "reports/beside.h"
#include "support/check.h"
#include "support/clock.h"
#include "support/mode.h"
#include "support/scripted_graph.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>

/* ---- channels ---- */

/* The first of two parked receivers gives up while an item comes: the item is lost to neither. */
static void item_goes_to_the_next_receiver(void)
{
    lc_channel *channel = channel_of(4);
    lc_context *context = lc_context_new(NULL);
    struct traffic gives_up = {channel, context, NULL}, stays = {channel, NULL, NULL};
    struct beside first, second, canceller;
    beside_sleeps(&first, traffic_receive, &gives_up);
    beside_sleeps(&second, traffic_receive, &stays);
    beside_start(&canceller, traffic_cancel, &gives_up);
    CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(7), LC_NOW), 0);
    beside_ends(&canceller);
    int result = beside_ends(&first);
    CU_ASSERT_TRUE(result == 0 || result == -ECANCELED);
    if (result == 0) {
        CU_ASSERT_PTR_EQUAL(gives_up.item, item_of(7));
        CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(8), LC_NOW), 0);
    }
    CU_ASSERT_EQUAL(beside_ends(&second), 0);
    CU_ASSERT_PTR_EQUAL(stays.item, item_of(result == 0 ? 8 : 7));
    CU_ASSERT_EQUAL(lc_channel_length(channel), 0);
    lc_context_unref(context);
    lc_channel_unref(channel);
}

/*
 * Neither a deadline that has passed nor a context that has ended keeps an item out of free room.
 */
static void room_wins_over_a_past_deadline(void)
{
    lc_channel *channel = channel_of(3);
    lc_context *ended = lc_context_with_deadline(NULL, LC_NOW);
    lc_handle *closed = lc_handle_new_closed();
    void *item = NULL;
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(ended)), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(1), LC_NOW), 0);
    CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(2), -LC_SECOND), 0);
    CU_ASSERT_EQUAL(lc_context_send(ended, channel, item_of(3), LC_FOREVER), 0);
    CU_ASSERT_EQUAL(lc_context_send(ended, channel, item_of(4), LC_FOREVER), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_channel_send(channel, item_of(4), -LC_SECOND), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_context_receive(ended, channel, &item, LC_FOREVER), 0);
    CU_ASSERT_PTR_EQUAL(item, item_of(1));
    CU_ASSERT_EQUAL(lc_context_wait(ended, closed, LC_FOREVER), 0);
    lc_context_unref(ended);
    lc_channel_unref(channel);
}

/* ---- cancel scopes ---- */

struct scoped {
    lc_context *context;
    lc_handle *never;
};

static int scoped_wait(void *arg)
{
    struct scoped *scoped = arg;
    return lc_context_wait(scoped->context, scoped->never, LC_FOREVER);
}

/* A deadline that passes while nothing waits under the context is in effect from then on. */
static void unattended_deadline_counts(void)
{
    struct check_clock *clock = check_clock_new();
    struct scoped scoped = {.never = lc_handle_new()};
    struct beside waiter;
    check_clock_use(clock);
    scoped.context = lc_context_with_deadline(NULL, lc_deadline_after(LC_SECOND));
    lc_context *child = lc_context_with_deadline(scoped.context, lc_deadline_after(LC_HOUR));
    check_clock_use(NULL);
    check_clock_advance(clock, 2 * LC_SECOND);
    beside_start(&waiter, scoped_wait, &scoped);
    CU_ASSERT_EQUAL(beside_ends(&waiter), -ETIMEDOUT);
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(child)), -ETIMEDOUT);
    CU_ASSERT_TRUE(lc_context_deadline(child) <= lc_context_deadline(scoped.context));
    lc_context_unref(child);
    lc_context_unref(scoped.context);
    lc_handle_unref(scoped.never);
    check_clock_free(clock);
}

/* A context made below one that has ended: each wait answers at once, whatever its own deadline. */
static void born_ended(void)
{
    lc_context *parent = lc_context_new(NULL);
    lc_context_cancel(parent, lc_error_new(-EIO, "the first cause"));
    lc_context *child = lc_context_with_deadline(parent, LC_NOW);
    struct scoped scoped = {child, lc_handle_new()};
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(child)), -ECANCELED);
    CU_ASSERT_TRUE(lc_error_is(lc_context_error(child), -EIO));
    CU_ASSERT_EQUAL(scoped_wait(&scoped), -ECANCELED);
    CU_ASSERT_EQUAL(lc_context_sleep(child, LC_FOREVER), -ECANCELED);
    lc_context_unref(child);
    lc_context_unref(parent);
    lc_handle_unref(scoped.never);
}

/* An inner and an outer context end in either order: each keeps its own first cause. */
static void both_scopes_are_cancelled(void)
{
    for (int outer_first = 0; outer_first < 2; outer_first++) {
        lc_context *outer = lc_context_new(NULL), *inner = lc_context_new(outer);
        lc_context_cancel(outer_first ? outer : inner, lc_error_new(-EIO, "first"));
        lc_context_cancel(outer_first ? inner : outer, lc_error_new(-EPIPE, "second"));
        CU_ASSERT_TRUE(lc_error_is(lc_context_error(inner), -EIO));
        CU_ASSERT_FALSE(lc_error_is(lc_context_error(inner), -EPIPE));
        CU_ASSERT_TRUE(lc_error_is(lc_context_error(outer), outer_first ? -EIO : -EPIPE));
        lc_context_unref(inner);
        lc_context_unref(outer);
    }
}

/* ---- task groups ---- */

static lc_error *fails_at_once(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)ready;
    (void)arg;
    return lc_error_new(-EIO, "failed before it waited");
}

static lc_error *works_until_the_end(lc_context *context, lc_ready *ready, void *arg)
{
    atomic_uint *entered = arg;
    atomic_fetch_add(entered, 1);
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    return lc_error_ref(lc_context_error(context));
}

/*
 * The worker that fails before it ever waits is the first, the second or the third one added. The
 * others return their context's error, which is a clean end and worth no log line.
 */
static void failing_at_once_ends_the_group(void)
{
    check_log_capture();
    for (int place = 0; place < 3; place++) {
        static const char *const names[] = {"a", "b", "c"};
        atomic_uint entered = 0;
        lc_manager *manager = NULL;
        lc_error *error = NULL;
        struct scope scope = scope_new(NULL);
        lc_manager_builder *builder = check_builder("group");
        for (int i = 0; i < 3; i++)
            lc_manager_builder_add(
                builder,
                LC_WORKER(.name = names[i], .run = i == place ? fails_at_once : works_until_the_end,
                          .arg = &entered));
        CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
        lc_manager_builder_free(builder);
        CHECK_SUCCESS(lc_manager_start(manager, scope.context));
        CHECK_CLOSES(lc_manager_done(manager));
        CU_ASSERT_EQUAL(atomic_load(&entered), 2);
        CU_ASSERT_EQUAL(
            lc_signaler_wait(scope.signaler, lc_manager_done(manager), &error, check_patience()),
            0);
        CHECK_ERROR(error, -EIO);
        lc_manager_unref(manager);
        scope_drop(&scope);
    }
    CU_ASSERT_EQUAL(check_log_count("unhandled"), 0);
    check_log_release();
}

/* A node that is removed before it is ready takes nothing along that is not below it. */
static void cancelled_start_cancels_nothing_else(void)
{
    struct scripted_graph *graph = graph_new();
    struct scripted_node *base = graph_node(graph, "base", "");
    struct scripted_node *starting = graph_node(graph, "starting", "base");
    struct scripted_node *sibling = graph_node(graph, "sibling", "base");
    starting->slow = true;
    graph_begin(graph);
    RUNS(starting, 1);
    RUNS(sibling, 1);
    CHECK_OPEN(lc_supervisor_ready(graph->supervisor));
    CHECK_SUCCESS(lc_supervisor_remove(graph->supervisor, "starting", check_patience()));
    CU_ASSERT_TRUE(lc_handle_is_closed(INSTANCE(starting, 1).left));
    CHECK_CLOSES(lc_supervisor_ready(graph->supervisor));
    NOT_TOLD(base, 1);
    NOT_TOLD(sibling, 1);
    MADE(starting, 1);
    ASKED(starting, 0);
    graph_cancel(graph);
    CU_ASSERT_EQUAL(lc_error_code(graph->result), -ECANCELED);
    graph_drop(graph);
}

/* Says that it is ready after it has been told to stop. */
static lc_error *ready_too_late(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    lc_ready_signal(ready);
    return NULL;
}

static void ready_after_the_cancel_is_no_error(void)
{
    lc_manager *manager = NULL;
    struct scope scope = scope_new(NULL);
    lc_manager_builder *builder = check_builder("group");
    lc_manager_builder_add(builder, LC_WORKER(.name = "late", .run = ready_too_late));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(manager, scope.context));
    scope_cancel(&scope);
    CHECK_CLOSES(lc_manager_done(manager));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_manager_ready(manager)));
    CU_ASSERT_FALSE(lc_handle_is_closed(lc_signaler_thrown(scope.signaler)));
    lc_manager_unref(manager);
    scope_drop(&scope);
}

/* ---- waiting on, although one's context has ended ---- */

struct shielded {
    lc_context *context;
    lc_handle *open;
};

/* Its context has ended, and it goes on waiting for something else: that must not spin. */
static int wait_shielded(void *arg)
{
    struct shielded *shielded = arg;
    int result = lc_context_wait(shielded->context, shielded->open, LC_FOREVER);
    return lc_handle_wait(shielded->open, LC_FOREVER) == 0 ? result : 0;
}

static void wait_under_an_ended_context_parks(void)
{
    struct shielded shielded = {lc_context_new(NULL), lc_handle_new()};
    struct beside waiter;
    lc_context_cancel(shielded.context, NULL);
    beside_sleeps(&waiter, wait_shielded, &shielded);
    lc_handle_close(shielded.open);
    CU_ASSERT_EQUAL(beside_ends(&waiter), -ECANCELED);
    lc_context_unref(shielded.context);
    lc_handle_unref(shielded.open);
}

CHECK_SUITE_IN_MODES(
    report_trio_anyio, "report: trio and anyio",
    {"anyio#146 an item that comes as a receiver gives up goes to the next receiver",
     item_goes_to_the_next_receiver},
    {"trio#1626 a past deadline keeps no item out of a channel that has room",
     room_wins_over_a_past_deadline},
    {"trio#835 a deadline that passes while nothing waits is in effect from then on",
     unattended_deadline_counts},
    {"anyio#166 a context below one that has ended is ended, and every wait says so", born_ended},
    {"trio#3291 of an inner and an outer context that both end each keeps its first cause",
     both_scopes_are_cancelled},
    {"anyio#155 a worker that fails before it waits ends the others, whatever its place",
     failing_at_once_ends_the_group},
    {"anyio#710 a start that is cancelled takes nothing else along",
     cancelled_start_cancels_nothing_else},
    {"anyio#1197 readiness after the cancel is heard, and is no error",
     ready_after_the_cancel_is_no_error},
    {"anyio#695 a wait under an ended context parks", wait_under_an_ended_context_parks});
