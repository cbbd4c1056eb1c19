/*
 * lifecycle_manager.c: contract A8-A16, A18: the component manager.
 */
#include "support/check.h"
#include "support/clock.h"
#include "support/mode.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define MOST 4

/* A started manager of workers under a scope of its own; worker i fails with -100 - i. */
struct fixture {
    struct scope scope;
    struct scripted_worker workers[MOST];
    size_t count;
    lc_manager *manager;
};

static struct fixture fixture_init(size_t count)
{
    struct fixture fixture = {.scope = scope_new(NULL), .count = count};
    for (size_t i = 0; i < count; i++)
        worker_init(&fixture.workers[i], -100 - (int)i);
    return fixture;
}

/*
 * The workers' address is given to the workers, so the fixture must stay where it is from here on.
 */
static void fixture_start(struct fixture *fixture)
{
    fixture->manager = worker_manager(fixture->workers, fixture->count);
    CU_ASSERT_TRUE(
        worker_start(fixture->manager, &fixture->scope, fixture->workers, fixture->count));
}

static void fixture_drop(struct fixture *fixture)
{
    scope_cancel(&fixture->scope); /* what is not ready need not say why it returns */
    for (size_t i = 0; i < fixture->count; i++)
        lc_channel_close(fixture->workers[i].orders); /* what still runs returns */
    CHECK_CLOSES(lc_manager_done(fixture->manager));
    lc_manager_unref(fixture->manager);
    for (size_t i = 0; i < fixture->count; i++)
        worker_drop(&fixture->workers[i]);
    scope_drop(&fixture->scope);
}

static bool does(struct fixture *fixture, size_t worker, enum worker_order order)
{
    return worker_does(&fixture->workers[worker], order);
}

static bool told(struct fixture *fixture, size_t worker, enum worker_order order)
{
    return worker_told(&fixture->workers[worker], order);
}

static lc_worker_status status_of(struct fixture *fixture, size_t worker)
{
    lc_worker_status status[MOST];
    CU_ASSERT_EQUAL(lc_manager_copy_workers(fixture->manager, status, MOST), fixture->count);
    return status[worker];
}

struct state_wanted {
    struct fixture *fixture;
    size_t worker;
    lc_worker_state state;
};

static bool has_state(void *arg)
{
    struct state_wanted *wanted = arg;
    lc_worker_status status[MOST];
    lc_manager_copy_workers(wanted->fixture->manager, status, MOST);
    return status[wanted->worker].state == wanted->state;
}

static bool returns(struct fixture *fixture, size_t worker)
{
    struct state_wanted wanted = {fixture, worker, LC_WORKER_RETURNED};
    return check_until(has_state, &wanted);
}

/* ---- A8 ---- */

static void ready_when_all_are(void)
{
    struct fixture fixture = fixture_init(3);
    fixture_start(&fixture);
    CU_ASSERT_TRUE(does(&fixture, 0, WORKER_READY));
    CU_ASSERT_TRUE(does(&fixture, 2, WORKER_READY));
    CHECK_OPEN(lc_manager_ready(fixture.manager));
    CU_ASSERT_TRUE(does(&fixture, 1, WORKER_READY));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_manager_ready(fixture.manager)));
    CHECK_OPEN(lc_manager_done(fixture.manager));
    CHECK_OPEN(lc_manager_shutdown(fixture.manager));
    fixture_drop(&fixture);
}

static void signalling_twice_counts_once(void)
{
    struct fixture fixture = fixture_init(2);
    fixture_start(&fixture);
    CU_ASSERT_TRUE(does(&fixture, 0, WORKER_READY));
    CU_ASSERT_TRUE(does(&fixture, 0, WORKER_READY));
    CHECK_OPEN(lc_manager_ready(fixture.manager));
    CU_ASSERT_TRUE(does(&fixture, 1, WORKER_READY));
    CHECK_CLOSES(lc_manager_ready(fixture.manager));
    CU_ASSERT_TRUE(does(&fixture, 1, WORKER_READY));
    fixture_drop(&fixture);
}

static void any_thread_may_signal(void)
{
    struct fixture fixture = fixture_init(1);
    fixture_start(&fixture);
    lc_ready_signal(fixture.workers[0].ready); /* from this thread */
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_manager_ready(fixture.manager)));
    fixture_drop(&fixture);
}

static void ready_after_shutdown_began(void)
{
    struct fixture fixture = fixture_init(2);
    fixture_start(&fixture);
    scope_cancel(&fixture.scope);
    CHECK_CLOSES(lc_manager_shutdown(fixture.manager));
    CU_ASSERT_TRUE(does(&fixture, 0, WORKER_READY));
    CHECK_OPEN(lc_manager_ready(fixture.manager));
    CU_ASSERT_TRUE(does(&fixture, 1, WORKER_READY));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_manager_ready(fixture.manager)));
    fixture_drop(&fixture);
}

static void signal_after_return_is_ignored(void)
{
    struct fixture fixture = fixture_init(2);
    fixture_start(&fixture);
    CU_ASSERT_TRUE(does(&fixture, 1, WORKER_READY));
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_RETURN));
    CU_ASSERT_TRUE(returns(&fixture, 0));
    lc_ready_signal(fixture.workers[0].ready);
    CHECK_OPEN(lc_manager_ready(fixture.manager));
    CU_ASSERT_FALSE(status_of(&fixture, 0).was_ready);
    CU_ASSERT_TRUE(told(&fixture, 1, WORKER_RETURN));
    CHECK_CLOSES(lc_manager_done(fixture.manager));
    lc_ready_signal(fixture.workers[0].ready);
    CHECK_OPEN(lc_manager_ready(fixture.manager));
    fixture_drop(&fixture);
}

static void token_outlives_its_manager(void)
{
    struct fixture fixture = fixture_init(1);
    fixture_start(&fixture);
    lc_ready *ready = lc_ready_ref(fixture.workers[0].ready);
    fixture_drop(&fixture);
    lc_ready_signal(ready);
    CU_ASSERT_PTR_EQUAL(lc_ready_ref(ready), ready);
    lc_ready_unref(ready);
    lc_ready_unref(ready);
    lc_ready_unref(NULL);
    CU_ASSERT_PTR_NULL(lc_ready_ref(NULL));
}

static void return_before_ready_leaves_ready_open(void)
{
    struct fixture fixture = fixture_init(2);
    fixture_start(&fixture);
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_RETURN));
    CU_ASSERT_TRUE(does(&fixture, 1, WORKER_READY));
    CU_ASSERT_TRUE(told(&fixture, 1, WORKER_RETURN));
    CHECK_CLOSES(lc_manager_done(fixture.manager));
    CHECK_OPEN(lc_manager_ready(fixture.manager));
    fixture_drop(&fixture);
}

/* ---- A8: what is not ready is named ---- */

static bool early_return_logged(void *arg)
{
    (void)arg;
    return check_log_count("worker \"w0\" returned before it was ready: ") == 1;
}

static void early_return_is_named(void)
{
    struct fixture fixture = fixture_init(2);
    check_log_capture();
    fixture_start(&fixture);
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_RETURN));
    CU_ASSERT_TRUE(check_until(early_return_logged, NULL));
    CU_ASSERT_TRUE(check_log_has("\"workers\" will never be ready"));
    CU_ASSERT_TRUE(does(&fixture, 1, WORKER_READY));
    CU_ASSERT_TRUE(told(&fixture, 1, WORKER_RETURN));
    CHECK_CLOSES(lc_manager_done(fixture.manager));
    CU_ASSERT_EQUAL(check_log_count("before it was ready"), 1);
    check_log_release();
    fixture_drop(&fixture);
}

/* Its error says enough, and so does the stop. */
static void failure_and_stop_before_ready_are_not_named(void)
{
    struct fixture fixture = fixture_init(3);
    check_log_capture();
    fixture_start(&fixture);
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_FAIL));
    CHECK_CLOSES(lc_manager_shutdown(fixture.manager));
    CU_ASSERT_TRUE(told(&fixture, 1, WORKER_RETURN));
    CU_ASSERT_TRUE(told(&fixture, 2, WORKER_YIELD));
    CHECK_CLOSES(lc_manager_done(fixture.manager));
    CU_ASSERT_FALSE(check_log_has("before it was ready"));
    check_log_release();
    fixture_drop(&fixture);
}

/* A manager of so many workers, that warns after so long. */
static lc_manager *slow_manager(struct scripted_worker *workers, size_t count, int64_t timeout)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("slow");
    lc_manager_builder_set_ready_warning(builder, timeout);
    for (size_t i = 0; i < count; i++) {
        char name[8];
        snprintf(name, sizeof name, "w%zu", i);
        lc_manager_builder_add(builder,
                               LC_WORKER(.name = name, .run = worker_run, .arg = &workers[i]));
    }
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    return manager;
}

enum { SLOW = 6 };

/* Workers on a clock that the test moves, started, and none of them ready. */
struct slow {
    struct check_clock *clock;
    struct scope scope;
    struct scripted_worker workers[SLOW];
    size_t count;
    lc_manager *manager;
};

static void slow_start(struct slow *slow, size_t count, int64_t timeout)
{
    *slow = (struct slow){.clock = check_clock_new(), .scope = scope_new(NULL), .count = count};
    for (size_t i = 0; i < count; i++)
        worker_init(&slow->workers[i], -EIO);
    slow->manager = slow_manager(slow->workers, count, timeout);
    check_log_capture();
    check_clock_use(slow->clock);
    CHECK_SUCCESS(lc_manager_start(slow->manager, slow->scope.context));
    check_clock_use(NULL);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_TRUE(worker_entered(&slow->workers[i]));
}

static void slow_end(struct slow *slow)
{
    scope_cancel(&slow->scope);
    for (size_t i = 0; i < slow->count; i++)
        lc_channel_close(slow->workers[i].orders);
    CHECK_CLOSES(lc_manager_done(slow->manager));
    CU_ASSERT_EQUAL(check_clock_waiting(slow->clock), 0);
    check_log_release();
    lc_manager_unref(slow->manager);
    for (size_t i = 0; i < slow->count; i++)
        worker_drop(&slow->workers[i]);
    scope_drop(&slow->scope);
    check_clock_free(slow->clock);
}

static void slow_workers_are_named(void)
{
    struct slow slow;
    slow_start(&slow, 3, 0);
    CU_ASSERT_TRUE(worker_does(&slow.workers[1], WORKER_READY));
    check_clock_advance(slow.clock, 10 * LC_SECOND - 1);
    CU_ASSERT_FALSE(check_log_has("is not ready"));
    check_clock_advance(slow.clock, 1);
    CU_ASSERT_EQUAL(check_log_count("is not ready after 10.0 s: it waits for workers "
                                    "\"w0\", \"w2\""),
                    1);
    check_clock_advance(slow.clock, LC_MINUTE);
    CU_ASSERT_EQUAL(check_log_count("is not ready"), 1); /* once */
    CU_ASSERT_TRUE(worker_does(&slow.workers[0], WORKER_READY));
    CU_ASSERT_TRUE(worker_does(&slow.workers[2], WORKER_READY));
    CHECK_CLOSES(lc_manager_ready(slow.manager));
    slow_end(&slow);
}

static void many_slow_workers_are_counted(void)
{
    struct slow slow;
    slow_start(&slow, SLOW, 50 * LC_MILLISECOND);
    check_clock_advance(slow.clock, 50 * LC_MILLISECOND);
    CU_ASSERT_EQUAL(check_log_count("after 0.1 s: it waits for workers \"w0\", \"w1\", \"w2\", "
                                    "\"w3\" and 2 more"),
                    1);
    slow_end(&slow);
}

static void no_warning_when_ready_in_time(void)
{
    struct slow slow;
    slow_start(&slow, 2, 0);
    CU_ASSERT_EQUAL(check_clock_waiting(slow.clock), 1);
    CU_ASSERT_TRUE(worker_does(&slow.workers[0], WORKER_READY));
    CU_ASSERT_EQUAL(check_clock_waiting(slow.clock), 1);
    CU_ASSERT_TRUE(worker_does(&slow.workers[1], WORKER_READY));
    CU_ASSERT_EQUAL(check_clock_waiting(slow.clock), 0);
    check_clock_advance(slow.clock, LC_MINUTE);
    CU_ASSERT_FALSE(check_log_has("is not ready"));
    slow_end(&slow);
}

static void no_warning_when_stopped_or_unwanted(void)
{
    struct slow slow;
    slow_start(&slow, 1, 0);
    scope_cancel(&slow.scope);
    check_clock_advance(slow.clock, LC_MINUTE);
    CU_ASSERT_FALSE(check_log_has("is not ready"));
    slow_end(&slow);
    slow_start(&slow, 1, LC_FOREVER);
    CU_ASSERT_EQUAL(check_clock_waiting(slow.clock), 0);
    check_clock_advance(slow.clock, LC_MINUTE);
    CU_ASSERT_FALSE(check_log_has("is not ready"));
    slow_end(&slow);
}

/* One that has returned is named when it does so, and not again. */
static void returned_worker_is_not_waited_for(void)
{
    struct slow slow;
    slow_start(&slow, 2, 0);
    CU_ASSERT_TRUE(worker_told(&slow.workers[0], WORKER_RETURN));
    CU_ASSERT_TRUE(check_until(early_return_logged, NULL));
    check_clock_advance(slow.clock, LC_MINUTE);
    CU_ASSERT_EQUAL(check_log_count("is not ready after 10.0 s: it waits for worker "
                                    "\"w1\""),
                    1);
    slow_end(&slow);
}

static void ready_warning_is_checked(void)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("hasty");
    lc_manager_builder_set_ready_warning(builder, -1);
    lc_error *error = lc_manager_builder_build(builder, &manager);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), "\"hasty\" comes after -1 ns"));
    CHECK_ERROR(error, -EINVAL);
    lc_manager_builder_free(builder);
    lc_manager_builder_set_ready_warning(NULL, 1);
}

/* ---- A9, A10: what a callback sees at the very moment a handle closes ---- */

struct snapshot {
    struct fixture *fixture;
    lc_handle *taken; /* closes when the rest is filled in */
    bool shutdown_closed;
    bool done_closed;
    bool thrown;
    bool ended; /* the workers' context */
    bool parent_ended;
};

static void take_snapshot(void *arg)
{
    struct snapshot *snapshot = arg;
    struct fixture *fixture = snapshot->fixture;
    snapshot->shutdown_closed = lc_handle_is_closed(lc_manager_shutdown(fixture->manager));
    snapshot->done_closed = lc_handle_is_closed(lc_manager_done(fixture->manager));
    snapshot->thrown = lc_handle_is_closed(lc_signaler_thrown(fixture->scope.signaler));
    snapshot->ended = lc_context_error(fixture->workers[0].context) != NULL &&
                      lc_handle_is_closed(lc_context_done(fixture->workers[0].context));
    snapshot->parent_ended = lc_context_error(fixture->scope.context) != NULL;
    lc_handle_close(snapshot->taken);
}

static void snap(lc_handle *handle, struct snapshot *snapshot, struct fixture *fixture)
{
    *snapshot = (struct snapshot){.fixture = fixture, .taken = lc_handle_new()};
    CU_ASSERT_EQUAL(lc_handle_on_close(handle, take_snapshot, snapshot, NULL), 0);
}

/*
 * A thread that sees the handle closed may be faster than the callbacks: so the test waits for the
 * snapshot.
 */
static bool snapped(struct snapshot *snapshot)
{
    bool taken = lc_handle_wait(snapshot->taken, check_patience()) == 0;
    lc_handle_unref(snapshot->taken);
    return taken;
}

static void done_when_all_returned(void)
{
    struct fixture fixture = fixture_init(3);
    fixture_start(&fixture);
    struct snapshot at_done;
    snap(lc_manager_done(fixture.manager), &at_done, &fixture);
    for (size_t i = 0; i < 3; i++) {
        CHECK_OPEN(lc_manager_done(fixture.manager));
        CHECK_OPEN(lc_manager_shutdown(fixture.manager));
        CU_ASSERT_TRUE(told(&fixture, i, WORKER_RETURN));
        CU_ASSERT_TRUE(returns(&fixture, i));
    }
    CHECK_CLOSES(lc_manager_done(fixture.manager));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_manager_shutdown(fixture.manager)));
    CU_ASSERT_TRUE(snapped(&at_done));
    CU_ASSERT_TRUE(at_done.shutdown_closed);
    CU_ASSERT_TRUE(at_done.ended);
    fixture_drop(&fixture);
}

static void shutdown_closes_with_the_parent(void)
{
    struct fixture fixture = fixture_init(2);
    fixture_start(&fixture);
    struct snapshot at_shutdown;
    snap(lc_manager_shutdown(fixture.manager), &at_shutdown, &fixture);
    CHECK_OPEN(lc_manager_shutdown(fixture.manager));
    scope_cancel(&fixture.scope);
    CHECK_CLOSES(lc_manager_shutdown(fixture.manager));
    CU_ASSERT_TRUE(snapped(&at_shutdown) && at_shutdown.ended && at_shutdown.parent_ended);
    CU_ASSERT_FALSE(at_shutdown.done_closed);
    CHECK_OPEN(lc_manager_done(fixture.manager));
    CU_ASSERT_TRUE(does(&fixture, 0, WORKER_LOOK)); /* they still run */
    CU_ASSERT_TRUE(does(&fixture, 1, WORKER_LOOK));
    CHECK_OPEN(lc_signaler_thrown(fixture.scope.signaler));
    fixture_drop(&fixture);
}

static void shutdown_closes_with_a_grandparent(void)
{
    lc_context *root = lc_context_new(NULL);
    struct fixture fixture = fixture_init(1);
    scope_drop(&fixture.scope);
    fixture.scope = scope_new(root);
    fixture_start(&fixture);
    lc_context_cancel(root, lc_error_new(-EIO, "why"));
    CHECK_CLOSES(lc_manager_shutdown(fixture.manager));
    CU_ASSERT_TRUE(lc_error_is(lc_context_error(fixture.workers[0].context), -EIO));
    fixture_drop(&fixture);
    lc_context_unref(root);
}

static void shutdown_closes_with_a_failure(enum worker_order failure)
{
    struct fixture fixture = fixture_init(2);
    fixture_start(&fixture);
    struct snapshot at_shutdown;
    snap(lc_manager_shutdown(fixture.manager), &at_shutdown, &fixture);
    CU_ASSERT_TRUE(told(&fixture, 1, failure));
    CHECK_CLOSES(lc_manager_shutdown(fixture.manager));
    CU_ASSERT_TRUE(snapped(&at_shutdown) && at_shutdown.ended);
    CU_ASSERT_FALSE(at_shutdown.done_closed);
    CU_ASSERT_FALSE(at_shutdown.parent_ended);
    CU_ASSERT_TRUE(at_shutdown.thrown);
    CU_ASSERT_TRUE(does(&fixture, 0, WORKER_LOOK));
    CU_ASSERT_PTR_NULL(lc_context_error(fixture.scope.context));
    CHECK_ERROR(lc_signaler_take(fixture.scope.signaler), -101);
    fixture_drop(&fixture);
}

static void shutdown_closes_with_an_error(void)
{
    shutdown_closes_with_a_failure(WORKER_FAIL);
}

static void shutdown_closes_with_a_throw(void)
{
    shutdown_closes_with_a_failure(WORKER_THROW);
}

static void shutdown_closes_with_the_last_return(void)
{
    struct fixture fixture = fixture_init(2);
    fixture_start(&fixture);
    struct snapshot at_shutdown;
    snap(lc_manager_shutdown(fixture.manager), &at_shutdown, &fixture);
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_RETURN));
    CU_ASSERT_TRUE(returns(&fixture, 0));
    CHECK_OPEN(lc_manager_shutdown(fixture.manager));
    CU_ASSERT_TRUE(told(&fixture, 1, WORKER_RETURN));
    CHECK_CLOSES(lc_manager_shutdown(fixture.manager));
    CU_ASSERT_TRUE(snapped(&at_shutdown) && at_shutdown.ended);
    CU_ASSERT_FALSE(at_shutdown.parent_ended);
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(fixture.workers[0].context)), -ECANCELED);
    fixture_drop(&fixture);
}

/* ---- A11, A12 ---- */

static void error_comes_at_once(enum worker_order failure)
{
    struct fixture fixture = fixture_init(3);
    fixture_start(&fixture);
    struct snapshot at_done;
    snap(lc_manager_done(fixture.manager), &at_done, &fixture);
    CU_ASSERT_TRUE(told(&fixture, 1, failure));
    lc_error *error = NULL;
    CU_ASSERT_EQUAL(lc_signaler_wait(fixture.scope.signaler, lc_manager_done(fixture.manager),
                                     &error, check_patience()),
                    0);
    CU_ASSERT_PTR_EQUAL(error, fixture.workers[1].error);
    lc_error_unref(error);
    CHECK_OPEN(lc_manager_done(fixture.manager));
    CU_ASSERT_TRUE(does(&fixture, 0, WORKER_LOOK)); /* it did not wait for the others */
    CU_ASSERT_TRUE(does(&fixture, 2, WORKER_LOOK));
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_RETURN));
    CU_ASSERT_TRUE(told(&fixture, 2, WORKER_RETURN));
    CHECK_CLOSES(lc_manager_done(fixture.manager));
    CU_ASSERT_TRUE(snapped(&at_done) && at_done.thrown && at_done.shutdown_closed);
    fixture_drop(&fixture);
}

static void returned_error_comes_at_once(void)
{
    error_comes_at_once(WORKER_FAIL);
}

static void thrown_error_comes_at_once(void)
{
    error_comes_at_once(WORKER_THROW);
}

static void only_worker_fails_before_done(void)
{
    struct fixture fixture = fixture_init(1);
    fixture_start(&fixture);
    struct snapshot at_done;
    snap(lc_manager_done(fixture.manager), &at_done, &fixture);
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_FAIL));
    CHECK_CLOSES(lc_manager_done(fixture.manager));
    CU_ASSERT_TRUE(snapped(&at_done) && at_done.thrown);
    CHECK_ERROR(lc_signaler_take(fixture.scope.signaler), -100);
    fixture_drop(&fixture);
}

static void error_cancels_the_others(void)
{
    struct fixture fixture = fixture_init(3);
    fixture_start(&fixture);
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_AWAIT));
    CU_ASSERT_TRUE(told(&fixture, 2, WORKER_AWAIT));
    CU_ASSERT_TRUE(told(&fixture, 1, WORKER_FAIL));
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_LOOK));
    void *answer;
    for (size_t i = 0; i < 3; i += 2)
        CU_ASSERT_EQUAL(lc_channel_receive(fixture.workers[i].answers, &answer, check_patience()),
                        0);
    CHECK_OPEN(lc_manager_done(fixture.manager));
    lc_context *context = fixture.workers[0].context;
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(context)), -ECANCELED);
    CU_ASSERT_TRUE(lc_error_contains(lc_context_error(context), fixture.workers[1].error));
    CU_ASSERT_PTR_NULL(lc_context_error(fixture.scope.context)); /* the parent is left alone */
    CHECK_ERROR(lc_signaler_take(fixture.scope.signaler), -101);
    fixture_drop(&fixture);
}

static void later_errors_are_logged(void)
{
    struct fixture fixture = fixture_init(3);
    fixture_start(&fixture);
    check_log_capture();
    CU_ASSERT_TRUE(told(&fixture, 1, WORKER_FAIL));
    CHECK_CLOSES(lc_signaler_thrown(fixture.scope.signaler));
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_FAIL));
    CU_ASSERT_TRUE(told(&fixture, 2, WORKER_THROW));
    CHECK_CLOSES(lc_manager_done(fixture.manager));
    CU_ASSERT_EQUAL(check_log_count("worker failed with -100"), 1);
    CU_ASSERT_EQUAL(check_log_count("worker failed with -102"), 1);
    CU_ASSERT_EQUAL(check_log_count("worker failed with -101"), 0);
    CHECK_ERROR(lc_signaler_take(fixture.scope.signaler), -101);
    check_log_release();
    fixture_drop(&fixture);
}

static void return_cancels_no_other(void)
{
    struct fixture fixture = fixture_init(2);
    fixture_start(&fixture);
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_RETURN));
    CU_ASSERT_TRUE(returns(&fixture, 0));
    CU_ASSERT_PTR_NULL(lc_context_error(fixture.workers[1].context));
    CHECK_OPEN(lc_context_done(fixture.workers[1].context));
    CHECK_OPEN(lc_manager_shutdown(fixture.manager));
    CHECK_OPEN(lc_signaler_thrown(fixture.scope.signaler));
    CU_ASSERT_TRUE(does(&fixture, 1, WORKER_READY));
    CHECK_OPEN(lc_manager_done(fixture.manager));
    fixture_drop(&fixture);
}

/* ---- A13 ---- */

static void second_start_changes_nothing(void)
{
    struct fixture fixture = fixture_init(2);
    struct scope other = scope_new(NULL);
    fixture_start(&fixture);
    CHECK_ERROR(lc_manager_start(fixture.manager, other.context), -EALREADY);
    CHECK_ERROR(lc_manager_start(fixture.manager, fixture.scope.context), -EALREADY);
    scope_cancel(&other);
    CHECK_OPEN(lc_manager_shutdown(fixture.manager));
    CU_ASSERT_EQUAL(lc_channel_length(fixture.workers[0].answers), 0); /* none entered again */
    CU_ASSERT_TRUE(does(&fixture, 0, WORKER_READY));
    CU_ASSERT_TRUE(does(&fixture, 1, WORKER_READY));
    CHECK_CLOSES(lc_manager_ready(fixture.manager));
    CHECK_OPEN(lc_signaler_thrown(fixture.scope.signaler));
    CHECK_OPEN(lc_signaler_thrown(other.signaler));
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_RETURN));
    CU_ASSERT_TRUE(told(&fixture, 1, WORKER_RETURN));
    CHECK_CLOSES(lc_manager_done(fixture.manager));
    CHECK_ERROR(lc_manager_start(fixture.manager, fixture.scope.context), -EALREADY);
    CU_ASSERT_EQUAL(lc_channel_length(fixture.workers[0].answers), 0);
    fixture_drop(&fixture);
    scope_drop(&other);
}

static void no_workers_close_at_the_start(void)
{
    struct fixture fixture = fixture_init(0);
    fixture.manager = worker_manager(fixture.workers, 0);
    CHECK_OPEN(lc_manager_ready(fixture.manager));
    CHECK_OPEN(lc_manager_done(fixture.manager));
    CHECK_SUCCESS(lc_manager_start(fixture.manager, fixture.scope.context));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_manager_ready(fixture.manager)));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_manager_done(fixture.manager)));
    CU_ASSERT_TRUE(lc_handle_is_closed(lc_manager_shutdown(fixture.manager)));
    CHECK_OPEN(lc_signaler_thrown(fixture.scope.signaler));
    CU_ASSERT_EQUAL(lc_manager_copy_workers(fixture.manager, NULL, 0), 0);
    CHECK_ERROR(lc_manager_start(fixture.manager, fixture.scope.context), -EALREADY);
    fixture_drop(&fixture);
}

static void workers_run_under_a_cancelled_context(void)
{
    struct fixture fixture = fixture_init(2);
    scope_cancel(&fixture.scope);
    fixture_start(&fixture); /* sees each worker run */
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(fixture.workers[0].context)), -ECANCELED);
    CHECK_CLOSES(lc_manager_shutdown(fixture.manager));
    CHECK_OPEN(lc_manager_done(fixture.manager));
    CU_ASSERT_TRUE(does(&fixture, 0, WORKER_READY));
    CU_ASSERT_TRUE(does(&fixture, 1, WORKER_READY));
    CHECK_CLOSES(lc_manager_ready(fixture.manager));
    fixture_drop(&fixture);
}

static void start_needs_its_arguments(void)
{
    struct fixture fixture = fixture_init(1);
    fixture.manager = worker_manager(fixture.workers, 1);
    CHECK_ERROR(lc_manager_start(fixture.manager, NULL), -EINVAL);
    CHECK_ERROR(lc_manager_start(NULL, fixture.scope.context), -EINVAL);
    lc_manager_unref(fixture.manager);
    fixture_start(&fixture);
    fixture_drop(&fixture);
}

/* ---- A22, A32: what a worker says after it was told to stop ---- */

/* How a worker answers the end of its context. */
struct answer {
    lc_error *(*make)(lc_context *context);
    bool thrown;
    bool in_deferred; /* by a deferred call, after a return without an error */
    lc_context *context;
    lc_handle *go; /* what it waits for besides the end */
};

static lc_error *same_object(lc_context *context)
{
    return lc_error_ref(lc_context_error(context));
}

static lc_error *same_code(lc_context *context)
{
    int code = lc_error_code(lc_context_error(context));
    return lc_error_new(code, "a wait has ended with %d", code);
}

static lc_error *wrapped(lc_context *context)
{
    return lc_error_wrap(same_code(context), -EPIPE, "the pump stopped");
}

static lc_error *full_disk(lc_context *context)
{
    (void)context;
    return lc_error_new(-ENOSPC, "disk full");
}

static lc_error *hidden(lc_context *context)
{
    return lc_error_wrap_opaque(same_code(context));
}

static lc_error *own_cancel(lc_context *context)
{
    (void)context;
    return lc_error_new(-ECANCELED, "the user has cancelled");
}

static void throw_answer(void *arg)
{
    struct answer *answer = arg;
    lc_throw(answer->context, answer->make(answer->context));
}

static lc_error *answer_run(lc_context *context, lc_ready *ready, void *arg)
{
    struct answer *answer = arg;
    answer->context = context;
    lc_ready_signal(ready);
    lc_context_wait(context, answer->go, LC_FOREVER);
    if (answer->in_deferred) {
        lc_defer(throw_answer, answer);
        return NULL;
    }
    if (answer->thrown)
        throw_answer(answer);
    return answer->make(context);
}

/* Two workers of a manager: both answer the stop, or "first" fails by itself. */
struct answers {
    struct scope scope;
    struct answer answers[2];
    lc_manager *manager;
};

static void answers_start(struct answers *answers, const struct answer *answer)
{
    static const char *const names[] = {"first", "second"};
    lc_manager_builder *builder = check_builder("answers");
    for (size_t i = 0; i < 2; i++) {
        answers->answers[i] = *answer;
        answers->answers[i].go = lc_handle_new();
        lc_manager_builder_add(
            builder, LC_WORKER(.name = names[i], .run = answer_run, .arg = &answers->answers[i]));
    }
    CHECK_SUCCESS(lc_manager_builder_build(builder, &answers->manager));
    lc_manager_builder_free(builder);
    check_log_capture();
}

static void answers_drop(struct answers *answers)
{
    check_log_release();
    for (size_t i = 0; i < 2; i++)
        lc_handle_unref(answers->answers[i].go);
    lc_manager_unref(answers->manager);
    scope_drop(&answers->scope);
}

/* Runs them until they are ready, cancels, and waits until they are done. */
static void answers_run(struct answers *answers, const struct answer *answer)
{
    answers->scope = scope_new(NULL);
    answers_start(answers, answer);
    CHECK_SUCCESS(lc_manager_start(answers->manager, answers->scope.context));
    CHECK_CLOSES(lc_manager_ready(answers->manager));
    scope_cancel(&answers->scope);
    CHECK_CLOSES(lc_manager_done(answers->manager));
}

static const struct answer clean_answers[] = {
    {.make = same_object},
    {.make = same_code},
    {.make = wrapped},
    {.make = same_object, .thrown = true},
    {.make = same_code, .thrown = true},
    {.make = same_code, .in_deferred = true},
};
enum { CLEAN_ANSWERS = sizeof clean_answers / sizeof *clean_answers };

static void clean_answers_are_dropped(void)
{
    for (size_t i = 0; i < CLEAN_ANSWERS; i++) {
        struct answers answers;
        answers_run(&answers, &clean_answers[i]);
        CHECK_OPEN(lc_signaler_thrown(answers.scope.signaler));
        CU_ASSERT_FALSE(check_log_has("answers"));
        CU_ASSERT_FALSE(check_log_has("unhandled"));
        answers_drop(&answers);
    }
}

static void clean_answers_at_a_deadline_are_dropped(void)
{
    for (size_t i = 0; i < CLEAN_ANSWERS; i++) {
        struct answers answers = {.scope = scope_new(NULL)};
        answers_start(&answers, &clean_answers[i]);
        lc_context *timed =
            lc_context_with_deadline(answers.scope.context, lc_deadline_after(LC_MILLISECOND));
        CHECK_SUCCESS(lc_manager_start(answers.manager, timed));
        CHECK_CLOSES(lc_manager_done(answers.manager));
        CU_ASSERT_EQUAL(lc_error_code(lc_context_error(timed)), -ETIMEDOUT);
        CHECK_OPEN(lc_signaler_thrown(answers.scope.signaler));
        CU_ASSERT_FALSE(check_log_has("unhandled"));
        lc_context_unref(timed);
        answers_drop(&answers);
    }
}

/* The first one's own error stops the second, which answers as it should. */
static void clean_answers_to_a_failure_are_dropped(void)
{
    for (size_t i = 0; i < CLEAN_ANSWERS; i++) {
        struct answers answers = {.scope = scope_new(NULL)};
        answers_start(&answers, &clean_answers[i]);
        answers.answers[0] = (struct answer){.make = full_disk, .go = answers.answers[0].go};
        CHECK_SUCCESS(lc_manager_start(answers.manager, answers.scope.context));
        CHECK_CLOSES(lc_manager_ready(answers.manager));
        lc_handle_close(answers.answers[0].go);
        CHECK_CLOSES(lc_manager_done(answers.manager));
        CHECK_ERROR(lc_signaler_take(answers.scope.signaler), -ENOSPC);
        CU_ASSERT_FALSE(check_log_has("unhandled"));
        CU_ASSERT_FALSE(check_log_has("while being stopped"));
        answers_drop(&answers);
    }
}

static void late_errors_are_named_and_told(void)
{
    const struct answer late[] = {
        {.make = full_disk},
        {.make = full_disk, .thrown = true},
        {.make = full_disk, .in_deferred = true},
    };
    for (size_t i = 0; i < sizeof late / sizeof *late; i++) {
        struct answers answers;
        answers_run(&answers, &late[i]);
        CHECK_ERROR(lc_signaler_take(answers.scope.signaler), -ENOSPC);
        /* One of them was the first, and is the signaler's; the other one's end is the log. */
        CU_ASSERT_EQUAL(check_log_count("unhandled error: worker"), 1);
        CU_ASSERT_EQUAL(check_log_count("failed while being stopped: disk full"), 1);
        CU_ASSERT_EQUAL(check_log_count("lifecycle_manager.c:"), 1);
        answers_drop(&answers);
    }
}

static void opaque_answers_are_late_errors(void)
{
    struct answers answers;
    answers_run(&answers, &(struct answer){.make = hidden});
    CHECK_ERROR(lc_signaler_take(answers.scope.signaler), -EFAULT);
    CU_ASSERT_EQUAL(check_log_count("failed while being stopped: [exception!]"), 1);
    answers_drop(&answers);
}

static void late_errors_after_a_failure_are_named(void)
{
    struct answers answers = {.scope = scope_new(NULL)};
    answers_start(&answers, &(struct answer){.make = full_disk});
    answers.answers[0].make = own_cancel;
    CHECK_SUCCESS(lc_manager_start(answers.manager, answers.scope.context));
    CHECK_CLOSES(lc_manager_ready(answers.manager));
    lc_handle_close(answers.answers[0].go);
    CHECK_CLOSES(lc_manager_done(answers.manager));
    CHECK_ERROR(lc_signaler_take(answers.scope.signaler), -ECANCELED);
    CU_ASSERT_EQUAL(
        check_log_count("unhandled error: worker \"second\" failed while being stopped: disk full"),
        1);
    CU_ASSERT_EQUAL(check_log_count("answers"), 1);
    answers_drop(&answers);
}

/* While the context is live, an error is one, whatever its code. */
static void live_cancellations_are_errors(void)
{
    for (int thrown = 0; thrown < 2; thrown++) {
        struct answers answers = {.scope = scope_new(NULL)};
        answers_start(&answers, &(struct answer){.make = own_cancel, .thrown = thrown});
        answers.answers[1].make = same_object;
        CHECK_SUCCESS(lc_manager_start(answers.manager, answers.scope.context));
        lc_handle_close(answers.answers[0].go);
        CHECK_CLOSES(lc_manager_done(answers.manager));
        lc_error *error = lc_signaler_take(answers.scope.signaler);
        CU_ASSERT_STRING_EQUAL(lc_error_message(error), "the user has cancelled");
        CHECK_ERROR(error, -ECANCELED);
        CU_ASSERT_FALSE(check_log_has("answers"));
        answers_drop(&answers);
    }
}

static lc_error *fail_twice(lc_context *context, lc_ready *ready, void *arg)
{
    struct answer *answer = arg;
    (void)ready;
    answer->context = context;
    lc_defer(throw_answer, answer);
    return lc_error_new(-EIO, "the first of two");
}

/* The context has ended by the first error of the worker itself: nothing told it to stop. */
static void second_error_of_a_worker_is_not_late(void)
{
    struct scope scope = scope_new(NULL);
    struct answer answer = {.make = full_disk};
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("twice");
    lc_manager_builder_add(builder, LC_WORKER(.name = "only", .run = fail_twice, .arg = &answer));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    check_log_capture();
    CHECK_SUCCESS(lc_manager_start(manager, scope.context));
    CHECK_CLOSES(lc_manager_done(manager));
    CHECK_ERROR(lc_signaler_take(scope.signaler), -EIO);
    CU_ASSERT_EQUAL(check_log_count("unhandled error: disk full"), 1);
    CU_ASSERT_FALSE(check_log_has("while being stopped"));
    check_log_release();
    lc_manager_unref(manager);
    scope_drop(&scope);
}

static void signal_cancellation(void *arg)
{
    lc_context *context = arg;
    lc_signal_error(context, lc_error_ref(lc_context_error(context)));
}

static lc_error *watch_own_end(lc_context *context, lc_ready *ready, void *arg)
{
    (void)arg;
    lc_handle_on_close(lc_context_done(context), signal_cancellation, context, NULL);
    return lc_noop_worker(context, ready, NULL);
}

/* A callback on the canceller's stack answers for the worker. */
static void clean_signal_by_a_callback_is_dropped(void)
{
    struct scope scope = scope_new(NULL);
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("watching");
    lc_manager_builder_add(builder, LC_WORKER(.name = "only", .run = watch_own_end));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(manager, scope.context));
    CHECK_CLOSES(lc_manager_ready(manager));
    scope_cancel(&scope);
    CHECK_CLOSES(lc_manager_done(manager));
    CHECK_OPEN(lc_signaler_thrown(scope.signaler));
    lc_manager_unref(manager);
    scope_drop(&scope);
}

/* ---- A14, A15 ---- */

static void builder_builds_several(void)
{
    struct scripted_worker worker;
    struct scope scope = scope_new(NULL);
    lc_manager *managers[3];
    worker_init(&worker, -EIO);
    lc_manager_builder *builder = check_builder("thrice");
    lc_manager_builder_add(builder, LC_WORKER(.name = "only", .run = worker_run, .arg = &worker));
    for (size_t i = 0; i < 3; i++)
        CHECK_SUCCESS(lc_manager_builder_build(builder, &managers[i]));
    lc_manager_builder_free(builder);
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(worker_start(managers[i], &scope, &worker, 1));
        CHECK_OPEN(lc_manager_ready(managers[i]));
        CU_ASSERT_TRUE(worker_does(&worker, WORKER_READY));
        CHECK_CLOSES(lc_manager_ready(managers[i]));
        CU_ASSERT_TRUE(worker_told(&worker, WORKER_RETURN));
        CHECK_CLOSES(lc_manager_done(managers[i]));
        worker_renew(&worker);
    }
    for (size_t i = 0; i < 3; i++)
        lc_manager_unref(managers[i]);
    worker_drop(&worker);
    scope_drop(&scope);
}

static void built_managers_share_nothing(void)
{
    struct scripted_worker workers[2];
    struct scope scopes[2] = {scope_new(NULL), scope_new(NULL)};
    lc_manager *managers[2];
    for (size_t i = 0; i < 2; i++) {
        worker_init(&workers[i], -EIO);
        managers[i] = worker_manager(&workers[i], 1);
        CU_ASSERT_TRUE(worker_start(managers[i], &scopes[i], &workers[i], 1));
    }
    CU_ASSERT_TRUE(worker_told(&workers[0], WORKER_FAIL));
    CHECK_CLOSES(lc_manager_done(managers[0]));
    CHECK_OPEN(lc_manager_shutdown(managers[1]));
    CHECK_OPEN(lc_signaler_thrown(scopes[1].signaler));
    CHECK_ERROR(lc_signaler_take(scopes[0].signaler), -EIO);
    CU_ASSERT_TRUE(worker_told(&workers[1], WORKER_RETURN));
    CHECK_CLOSES(lc_manager_done(managers[1]));
    for (size_t i = 0; i < 2; i++) {
        lc_manager_unref(managers[i]);
        worker_drop(&workers[i]);
        scope_drop(&scopes[i]);
    }
}

static void handles_are_the_same_at_any_time(void)
{
    struct fixture fixture = fixture_init(1);
    fixture.manager = worker_manager(fixture.workers, 1);
    lc_handle *ready = lc_manager_ready(fixture.manager);
    lc_handle *done = lc_manager_done(fixture.manager);
    lc_handle *shutdown = lc_manager_shutdown(fixture.manager);
    CU_ASSERT_TRUE(ready && done && shutdown);
    CU_ASSERT_TRUE(ready != done && done != shutdown && ready != shutdown);
    CU_ASSERT_TRUE(worker_start(fixture.manager, &fixture.scope, fixture.workers, 1));
    CU_ASSERT_PTR_EQUAL(lc_manager_ready(fixture.manager), ready);
    CU_ASSERT_PTR_EQUAL(lc_manager_done(fixture.manager), done);
    CU_ASSERT_PTR_EQUAL(lc_manager_shutdown(fixture.manager), shutdown);
    lc_component *component = lc_manager_component(fixture.manager);
    CU_ASSERT_PTR_EQUAL(lc_component_ready(component), ready);
    CU_ASSERT_PTR_EQUAL(lc_component_done(component), done);
    CU_ASSERT_TRUE(does(&fixture, 0, WORKER_READY));
    CHECK_CLOSES(ready);
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_RETURN));
    CHECK_CLOSES(done);
    CHECK_CLOSES(shutdown);
    CU_ASSERT_PTR_EQUAL(lc_manager_done(fixture.manager), done);
    fixture_drop(&fixture);
}

static void unstarted_manager_is_dropped(void)
{
    struct fixture fixture = fixture_init(1);
    fixture.manager = worker_manager(fixture.workers, 1);
    lc_handle *done = lc_handle_ref(lc_manager_done(fixture.manager));
    lc_manager_unref(fixture.manager);
    CHECK_OPEN(done);
    lc_handle_unref(done);
    fixture.manager = worker_manager(fixture.workers, 1);
    lc_component_destroy(lc_manager_component(fixture.manager));
    worker_drop(&fixture.workers[0]);
    scope_drop(&fixture.scope);
}

static void running_workers_keep_their_manager(void)
{
    struct fixture fixture = fixture_init(1);
    fixture_start(&fixture);
    lc_handle *done = lc_handle_ref(lc_manager_done(fixture.manager));
    lc_manager_unref(fixture.manager);
    CU_ASSERT_TRUE(does(&fixture, 0, WORKER_READY));
    CHECK_OPEN(done);
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_RETURN));
    CHECK_CLOSES(done);
    lc_handle_unref(done);
    worker_drop(&fixture.workers[0]);
    scope_drop(&fixture.scope);
}

/* ---- A16 ---- */

static void noop_worker_waits_for_the_end(void)
{
    struct scope scope = scope_new(NULL);
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("noop");
    lc_manager_builder_add(builder, LC_WORKER(.name = "first", .run = lc_noop_worker));
    lc_manager_builder_add(builder, LC_WORKER(.name = "second", .run = lc_noop_worker));
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    CHECK_SUCCESS(lc_manager_start(manager, scope.context));
    CHECK_CLOSES(lc_manager_ready(manager));
    CHECK_OPEN(lc_manager_done(manager));
    scope_cancel(&scope);
    CHECK_CLOSES(lc_manager_done(manager));
    CHECK_OPEN(lc_signaler_thrown(scope.signaler));
    lc_manager_unref(manager);
    scope_drop(&scope);
}

/* ---- A18 ---- */

static void status_tells_who_is_not_ready_since_when(void)
{
    struct check_clock *clock = check_clock_new();
    struct fixture fixture = fixture_init(3);
    int64_t start = check_clock_now(clock);
    check_clock_use(clock);
    fixture.manager = worker_manager(fixture.workers, 3);
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(status_of(&fixture, i).state, LC_WORKER_PENDING);
        CU_ASSERT_EQUAL(status_of(&fixture, i).since, 0);
    }
    check_clock_advance(clock, 500);
    CHECK_SUCCESS(lc_manager_start(fixture.manager, fixture.scope.context));
    check_clock_use(NULL); /* the waits below must be able to end */
    for (size_t i = 0; i < 3; i++)
        CU_ASSERT_TRUE(worker_entered(&fixture.workers[i]));
    check_clock_advance(clock, 500);
    CU_ASSERT_TRUE(does(&fixture, 1, WORKER_READY));
    check_clock_advance(clock, 500);
    CU_ASSERT_TRUE(does(&fixture, 1, WORKER_READY)); /* changes nothing */
    CU_ASSERT_TRUE(told(&fixture, 2, WORKER_RETURN));
    CU_ASSERT_TRUE(returns(&fixture, 2));

    lc_worker_status status[4] = {{.name = "untouched"}, {0}, {0}, {.name = "untouched"}};
    CU_ASSERT_EQUAL(lc_manager_copy_workers(fixture.manager, status, 4), 3);
    CU_ASSERT_STRING_EQUAL(status[0].name, "w0");
    CU_ASSERT_EQUAL(status[0].state, LC_WORKER_STARTING);
    CU_ASSERT_EQUAL(status[0].since, start + 500);
    CU_ASSERT_FALSE(status[0].was_ready);
    CU_ASSERT_STRING_EQUAL(status[1].name, "w1");
    CU_ASSERT_EQUAL(status[1].state, LC_WORKER_READY);
    CU_ASSERT_EQUAL(status[1].since, start + 1000);
    CU_ASSERT_TRUE(status[1].was_ready);
    CU_ASSERT_STRING_EQUAL(status[2].name, "w2");
    CU_ASSERT_EQUAL(status[2].state, LC_WORKER_RETURNED);
    CU_ASSERT_EQUAL(status[2].since, start + 1500);
    CU_ASSERT_FALSE(status[2].was_ready);
    CU_ASSERT_STRING_EQUAL(status[3].name, "untouched");
    fixture_drop(&fixture);
    check_clock_free(clock);
}

static void status_remembers_readiness(void)
{
    struct fixture fixture = fixture_init(1);
    fixture_start(&fixture);
    CU_ASSERT_TRUE(does(&fixture, 0, WORKER_READY));
    CU_ASSERT_TRUE(told(&fixture, 0, WORKER_FAIL));
    CHECK_CLOSES(lc_manager_done(fixture.manager));
    CU_ASSERT_EQUAL(status_of(&fixture, 0).state, LC_WORKER_RETURNED);
    CU_ASSERT_TRUE(status_of(&fixture, 0).was_ready);
    CHECK_ERROR(lc_signaler_take(fixture.scope.signaler), -100);
    fixture_drop(&fixture);
}

static void status_fits_the_room_given(void)
{
    struct fixture fixture = fixture_init(3);
    fixture_start(&fixture);
    lc_worker_status status[3] = {{0}, {0}, {.name = "untouched"}};
    CU_ASSERT_EQUAL(lc_manager_copy_workers(fixture.manager, status, 2), 3);
    CU_ASSERT_STRING_EQUAL(status[1].name, "w1");
    CU_ASSERT_STRING_EQUAL(status[2].name, "untouched");
    CU_ASSERT_EQUAL(lc_manager_copy_workers(fixture.manager, NULL, 0), 3);
    fixture_drop(&fixture);
}

struct names {
    char worker[LC_NAME_MAX + 1];
    char thread[16];
};

static lc_error *note_names(lc_context *context, lc_ready *ready, void *arg)
{
    struct names *names = arg;
    (void)context;
    (void)ready;
    snprintf(names->worker, sizeof names->worker, "%s", lc_worker_name());
    pthread_getname_np(pthread_self(), names->thread, sizeof names->thread);
    return NULL;
}

static void workers_have_names(void)
{
    struct scope scope = scope_new(NULL);
    struct names names = {{0}, {0}};
    lc_manager *manager = NULL;
    char name[] = "a-worker-with-a-long-name";
    lc_manager_builder *builder = check_builder("named");
    lc_manager_builder_add(builder, LC_WORKER(.name = name, .run = note_names, .arg = &names));
    name[0] = '!'; /* it was copied */
    CHECK_SUCCESS(lc_manager_builder_build(builder, &manager));
    lc_manager_builder_free(builder);
    CU_ASSERT_STRING_EQUAL(lc_manager_name(manager), "named");
    CHECK_SUCCESS(lc_manager_start(manager, scope.context));
    CHECK_CLOSES(lc_manager_done(manager));
    CU_ASSERT_STRING_EQUAL(names.worker, "a-worker-with-a-long-name");
    if (check_mode() == CHECK_THREADS)
        CU_ASSERT_STRING_EQUAL(names.thread, "a-worker-with-a");
    CU_ASSERT_STRING_EQUAL(lc_worker_name(), lc_is_fiber() ? "main" : "");
    lc_manager_unref(manager);
    scope_drop(&scope);
}

CHECK_SUITE_IN_MODES(
    lifecycle_manager, "conformance: lifecycle: component manager",
    {"A8 ready closes when every worker has signalled", ready_when_all_are},
    {"A8 signalling ready twice counts once", signalling_twice_counts_once},
    {"A8 ready may be signalled from any thread", any_thread_may_signal},
    {"A8 ready may be signalled after shutdown began", ready_after_shutdown_began},
    {"A8 ready signalled after the worker returned is ignored", signal_after_return_is_ignored},
    {"A8 a ready token that was kept outlives its manager", token_outlives_its_manager},
    {"A8 a worker that returns before signalling leaves ready open for ever",
     return_before_ready_leaves_ready_open},
    {"A8 a worker that returns before signalling is named in the log", early_return_is_named},
    {"A8 a worker that fails or is stopped before signalling is not named so",
     failure_and_stop_before_ready_are_not_named},
    {"A8 workers that have not signalled within 10 s are named, once", slow_workers_are_named,
     CHECK_EXACT},
    {"A8 of many that have not signalled the first are named", many_slow_workers_are_counted,
     CHECK_EXACT},
    {"A8 when all have signalled in time nothing is said, and no timer left",
     no_warning_when_ready_in_time, CHECK_EXACT},
    {"A8 nothing is said of a manager that is stopped, or that is to say nothing",
     no_warning_when_stopped_or_unwanted, CHECK_EXACT},
    {"A8 a worker that has returned is not waited for", returned_worker_is_not_waited_for,
     CHECK_EXACT},
    {"A8 the time of the warning is checked", ready_warning_is_checked},
    {"A9 done closes when every worker has returned, and shutdown is closed by then",
     done_when_all_returned},
    {"A10 shutdown closes when the parent is cancelled, after the workers' context",
     shutdown_closes_with_the_parent},
    {"A10 shutdown closes when a context above the parent is cancelled",
     shutdown_closes_with_a_grandparent},
    {"A10 shutdown closes when a worker returns an error, after the workers' context",
     shutdown_closes_with_an_error},
    {"A10 shutdown closes when a worker throws, after the workers' context",
     shutdown_closes_with_a_throw},
    {"A10 shutdown closes when the last worker has returned, after the workers' context",
     shutdown_closes_with_the_last_return},
    {"A11 a returned error reaches the parent's signaler without waiting for the others",
     returned_error_comes_at_once},
    {"A11 a thrown error reaches the parent's signaler without waiting for the others",
     thrown_error_comes_at_once},
    {"A11 the error of the only worker comes before done", only_worker_fails_before_done},
    {"A12 a worker's error cancels the context of all the others", error_cancels_the_others},
    {"A12 errors of further workers are logged", later_errors_are_logged},
    {"A22 a clean answer to a cancel is no error", clean_answers_are_dropped},
    {"A22 a clean answer to a deadline is no error", clean_answers_at_a_deadline_are_dropped},
    {"A22 a clean answer to another worker's failure is no error",
     clean_answers_to_a_failure_are_dropped},
    {"A22 a clean answer given by a callback is no error", clean_signal_by_a_callback_is_dropped},
    {"A22 an error of any code is one while the context is live", live_cancellations_are_errors},
    {"A32 the first error after the stop reaches the signaler, and a further one the log, by name",
     late_errors_are_named_and_told},
    {"A32 an opaque error is not looked into", opaque_answers_are_late_errors},
    {"A32 an error that comes after another worker's failure is named in the log",
     late_errors_after_a_failure_are_named},
    {"A2 a worker's second error is logged as unhandled", second_error_of_a_worker_is_not_late},
    {"A12 a worker that simply returns cancels no other", return_cancels_no_other},
    {"A13 starting twice answers EALREADY and changes nothing", second_start_changes_nothing},
    {"A13 without workers ready and done close at the start", no_workers_close_at_the_start},
    {"A13 under a cancelled context the workers still run", workers_run_under_a_cancelled_context},
    {"A13 a start without its arguments is refused", start_needs_its_arguments},
    {"A14 a builder builds several managers, each runs the workers again", builder_builds_several},
    {"A14 managers have nothing to do with each other", built_managers_share_nothing},
    {"A15 the handles are the same before and after the start", handles_are_the_same_at_any_time},
    {"A15 a manager that was never started is simply dropped", unstarted_manager_is_dropped},
    {"A15 running workers keep their manager", running_workers_keep_their_manager},
    {"A16 a no-op worker is ready at once and returns on cancel", noop_worker_waits_for_the_end},
    {"A18 a manager tells which workers are not ready, and since when",
     status_tells_who_is_not_ready_since_when, CHECK_EXACT},
    {"A18 a manager remembers that a returned worker was ready", status_remembers_readiness},
    {"A18 a manager's list of workers fits the room given", status_fits_the_room_given},
    {"A18 workers have names, and so have their threads", workers_have_names});
