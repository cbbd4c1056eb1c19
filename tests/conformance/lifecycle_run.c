/*
 * lifecycle_run.c: contract A19, A20, A22-A25: the run loop. The spin-halt is in lifecycle_halt.c.
 */
#include "support/check.h"
#include "support/clock.h"
#include "support/fake.h"
#include "support/later.h"
#include "support/mode.h"
#include "support/scripted_worker.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define INSTANCES 4
#define WORKERS 3

/*
 * A run loop in a helper of its own. Its instances are managers of workers, or fakes; its handler
 * answers what `answers` says, in turn. What the loop writes is read after `finished`, or after a
 * word on `news`.
 */
struct run {
    struct scripted_worker workers[INSTANCES][WORKERS];
    struct fake fakes[INSTANCES];
    lc_manager *managers[INSTANCES];
    bool faked;
    size_t worker_count;
    lc_run_options options;
    lc_context *context; /* of the run */
    lc_channel *news;    /* an item for each instance made and each time the handler is asked */
    lc_handle *finished;
    struct helper helper;
    struct strand loop; /* the thread or fiber that runs it */

    unsigned made;
    unsigned factory_fails_at; /* the instance that cannot be made once, from 1; 0: none */
    bool factory_failed;
    lc_error *factory_error;
    lc_behavior answers[INSTANCES];
    unsigned asked;
    lc_error *judged[INSTANCES];
    bool done_when_asked[INSTANCES];

    lc_error *result;
    lc_behavior behavior;
};

static lc_error *make_instance(lc_component **component, void *arg)
{
    struct run *run = arg;
    unsigned instance = run->made;
    if (run->factory_fails_at == instance + 1 && !run->factory_failed) {
        run->factory_failed = true;
        return lc_error_ref(run->factory_error);
    }
    if (instance == INSTANCES)
        abort(); /* a loop that never stops restarting */
    if (run->faked) {
        *component = &run->fakes[instance].component;
    } else {
        run->managers[instance] = worker_manager(run->workers[instance], run->worker_count);
        *component = lc_manager_component(lc_manager_ref(run->managers[instance]));
    }
    run->made++;
    lc_channel_send(run->news, NULL, LC_FOREVER);
    return NULL;
}

static lc_behavior judge(const lc_failure *failure, void *arg)
{
    struct run *run = arg;
    unsigned instance = run->made - 1;
    if (run->asked == INSTANCES)
        abort();
    lc_handle *done =
        run->faked ? run->fakes[instance].done : lc_manager_done(run->managers[instance]);
    run->done_when_asked[run->asked] = lc_handle_is_closed(done);
    run->judged[run->asked] = lc_error_ref(failure->error);
    lc_behavior answer = run->answers[run->asked++];
    lc_channel_send(run->news, NULL, LC_FOREVER);
    return answer;
}

static struct run *run_new(size_t worker_count)
{
    struct run *run = calloc(1, sizeof *run);
    run->worker_count = worker_count;
    run->context = lc_context_new(NULL);
    run->finished = lc_handle_new();
    run->options = (lc_run_options){.size = sizeof(lc_run_options)};
    run->options.name = "under-test";
    run->options.factory = make_instance;
    run->options.arg = run;
    run->options.judge = judge;
    run->options.judge_arg = run;
    run->options.halt = LC_HALT_RETURN;
    run->factory_error = lc_error_new(-ENODEV, "no such component");
    if (check_code(lc_channel_new(LC_CHANNEL(.capacity = LC_CHANNEL_UNBOUNDED), &run->news)) != 0)
        abort();
    for (unsigned i = 0; i < INSTANCES; i++) {
        for (unsigned k = 0; k < WORKERS; k++)
            worker_init(&run->workers[i][k], -(int)(100 + 10 * i + k));
        fake_init(&run->fakes[i], 0);
    }
    return run;
}

static struct run *run_faked(unsigned flags)
{
    struct run *run = run_new(0);
    run->faked = true;
    for (unsigned i = 0; i < INSTANCES; i++) {
        fake_drop(&run->fakes[i]);
        fake_init(&run->fakes[i], flags);
        run->fakes[i].arg = run;
    }
    return run;
}

static void run_loop(void *arg)
{
    struct run *run = arg;
    run->loop = strand_self();
    run->behavior = (lc_behavior)99;
    run->result = lc_component_run(&run->options, run->context, &run->behavior);
    lc_handle_close(run->finished);
}

static void run_begin(struct run *run)
{
    helper_start(&run->helper, run_loop, run);
}

/* Waits for the next instance, or for the handler to be asked. */
static bool run_news(struct run *run)
{
    void *item;
    return lc_channel_receive(run->news, &item, check_patience()) == 0;
}

/* Waits for the next instance and for its workers to run. */
static bool run_instance(struct run *run)
{
    bool well = run_news(run);
    for (size_t i = 0; well && i < run->worker_count; i++)
        well = worker_entered(&run->workers[run->made - 1][i]);
    return well;
}

static void run_end(struct run *run)
{
    CHECK_CLOSES(run->finished);
    helper_join(&run->helper);
}

static void run_drop(struct run *run)
{
    for (unsigned i = 0; i < INSTANCES; i++) {
        if (run->managers[i])
            CU_ASSERT_TRUE(lc_handle_is_closed(lc_manager_done(run->managers[i])));
        lc_manager_unref(run->managers[i]);
        for (unsigned k = 0; k < WORKERS; k++)
            worker_drop(&run->workers[i][k]);
        if (run->faked)
            CU_ASSERT_EQUAL(run->fakes[i].destroys, i < run->made);
        fake_drop(&run->fakes[i]);
        lc_error_unref(run->judged[i]);
    }
    lc_error_unref(run->factory_error);
    lc_error_unref(run->result);
    lc_channel_unref(run->news);
    lc_handle_unref(run->finished);
    lc_context_unref(run->context);
    free(run);
}

/* ---- A19 ---- */

static lc_error *throwing_start(struct fake *fake, lc_context *context)
{
    struct run *run = fake->arg;
    lc_throw(context, lc_error_ref(run->workers[0][0].error));
}

static lc_error *failing_start(struct fake *fake, lc_context *context)
{
    struct run *run = fake->arg;
    (void)context;
    return lc_error_ref(run->workers[0][0].error);
}

static lc_error *completing_start(struct fake *fake, lc_context *context)
{
    (void)context;
    lc_handle_close(fake->ready);
    lc_handle_close(fake->done);
    return NULL;
}

/* The fake's done handle never closes: a start that failed counts as done. */
static void failed_start_is_fatal(struct run *run, lc_error *(*start)(struct fake *, lc_context *))
{
    run->fakes[0].start = start;
    run->fakes[1].start = start;
    run->answers[0] = LC_RESTART;
    run->answers[1] = LC_SHUTDOWN;
    run_begin(run);
    run_end(run);
    CU_ASSERT_PTR_EQUAL(run->result, run->workers[0][0].error);
    CU_ASSERT_EQUAL(run->behavior, LC_SHUTDOWN);
    CU_ASSERT_EQUAL(run->made, 2);
    CU_ASSERT_EQUAL(run->asked, 2);
    CU_ASSERT_EQUAL(run->fakes[0].starts, 1);
    CU_ASSERT_NOT_EQUAL(lc_error_code(lc_context_error(run->fakes[0].context)), 0);
    run_drop(run);
}

static void throw_in_start_is_fatal(void)
{
    failed_start_is_fatal(run_faked(0), throwing_start);
}

static void error_of_start_is_fatal(void)
{
    failed_start_is_fatal(run_faked(0), failing_start);
}

static void error_of_inline_start_is_fatal(void)
{
    failed_start_is_fatal(run_faked(LC_START_INLINE), failing_start);
}

static void restart_after_failed_start(void)
{
    struct run *run = run_faked(0);
    run->fakes[0].start = throwing_start;
    run->fakes[1].start = completing_start;
    run->answers[0] = LC_RESTART;
    run_begin(run);
    run_end(run);
    CU_ASSERT_PTR_NULL(run->result);
    CU_ASSERT_EQUAL(run->made, 2);
    run_drop(run);
}

static struct strand starter;

static lc_error *start_noting_caller(struct fake *fake, lc_context *context)
{
    starter = strand_self();
    return completing_start(fake, context);
}

static void start_is_a_worker_of_its_own(void)
{
    struct run *run = run_faked(0);
    run->fakes[0].start = start_noting_caller;
    run_begin(run);
    run_end(run);
    CU_ASSERT_FALSE(strand_is(starter, run->loop));
    CU_ASSERT_PTR_NULL(run->result);
    run_drop(run);
}

/* A start that waits: the loop must still see the cancel, and end the instance. */
static lc_error *start_until_cancelled(struct fake *fake, lc_context *context)
{
    lc_handle_wait(lc_context_done(context), check_patience());
    return completing_start(fake, context);
}

static void cancel_reaches_a_waiting_start(void)
{
    struct run *run = run_faked(0);
    run->fakes[0].start = start_until_cancelled;
    run_begin(run);
    CU_ASSERT_TRUE(run_news(run));
    lc_context_cancel(run->context, NULL);
    run_end(run);
    CU_ASSERT_EQUAL(lc_error_code(run->result), -ECANCELED);
    run_drop(run);
}

/*
 * The component is done only when its start has returned, too: else it would be destroyed under it.
 */
static lc_error *start_done_before_return(struct fake *fake, lc_context *context)
{
    struct run *run = fake->arg;
    completing_start(fake, context);
    lc_channel_send(run->workers[0][0].answers, NULL, LC_FOREVER);
    void *item;
    lc_channel_receive(run->workers[0][0].orders, &item, check_patience());
    return NULL;
}

static void instance_lives_until_its_start_returns(void)
{
    struct run *run = run_faked(0);
    run->fakes[0].start = start_done_before_return;
    run_begin(run);
    CU_ASSERT_TRUE(worker_entered(&run->workers[0][0]));
    CU_ASSERT_EQUAL(run->fakes[0].destroys, 0);
    CHECK_OPEN(run->finished);
    CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_LOOK));
    run_end(run);
    CU_ASSERT_PTR_NULL(run->result);
    run_drop(run);
}

/* ---- A20 ---- */

static void handler_is_asked_once_after_done(void)
{
    struct run *run = run_new(3);
    run->answers[0] = LC_STOP;
    run_begin(run);
    CU_ASSERT_TRUE(run_instance(run));
    struct scripted_worker *workers = run->workers[0];
    check_log_capture();
    CU_ASSERT_TRUE(worker_told(&workers[0], WORKER_FAIL));
    CU_ASSERT_TRUE(worker_does(&workers[1], WORKER_AWAIT)); /* the instance is cancelled */
    CU_ASSERT_TRUE(worker_told(&workers[1], WORKER_THROW));
    CU_ASSERT_TRUE(worker_does(&workers[2], WORKER_LOOK));
    CU_ASSERT_EQUAL(lc_channel_length(run->news), 0); /* not asked: one still runs */
    CHECK_OPEN(run->finished);
    CU_ASSERT_TRUE(worker_told(&workers[2], WORKER_FAIL));
    run_end(run);
    CU_ASSERT_EQUAL(run->asked, 1);
    CU_ASSERT_TRUE(run->done_when_asked[0]);
    CU_ASSERT_PTR_EQUAL(run->judged[0], workers[0].error);
    CU_ASSERT_PTR_EQUAL(run->result, workers[0].error);
    CU_ASSERT_EQUAL(check_log_count("worker failed with -101"), 1);
    CU_ASSERT_EQUAL(check_log_count("worker failed with -102"), 1);
    check_log_release();
    run_drop(run);
}

static void restart_makes_all_anew(void)
{
    struct run *run = run_new(1);
    run->answers[0] = LC_RESTART;
    run->answers[1] = LC_STOP;
    run_begin(run);
    CU_ASSERT_TRUE(run_instance(run));
    CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_FAIL));
    CU_ASSERT_TRUE(run_news(run)); /* asked */
    CU_ASSERT_TRUE(run_instance(run));
    lc_context *old = run->workers[0][0].context, *fresh = run->workers[1][0].context;
    CU_ASSERT_PTR_NOT_EQUAL(run->managers[0], run->managers[1]);
    CU_ASSERT_PTR_NOT_EQUAL(old, fresh);
    CU_ASSERT_EQUAL(lc_error_code(lc_context_error(old)), -ECANCELED);
    CU_ASSERT_PTR_NULL(lc_context_error(fresh));
    check_log_capture(); /* a late error of the old instance is nothing to the new one */
    lc_signal_error(old, lc_error_new(-EPIPE, "from the grave"));
    CU_ASSERT_EQUAL(check_log_count("from the grave"), 1);
    check_log_release();
    CU_ASSERT_TRUE(worker_does(&run->workers[1][0], WORKER_READY));
    CU_ASSERT_PTR_NULL(lc_context_error(fresh));
    CU_ASSERT_TRUE(worker_told(&run->workers[1][0], WORKER_THROW));
    run_end(run);
    CU_ASSERT_EQUAL(run->asked, 2);
    CU_ASSERT_PTR_EQUAL(run->judged[1], run->workers[1][0].error);
    CU_ASSERT_PTR_EQUAL(run->result, run->workers[1][0].error);
    CU_ASSERT_PTR_NULL(lc_context_error(run->context));
    run_drop(run);
}

static void verdict_ends_with_the_error(lc_behavior verdict)
{
    struct run *run = run_new(2);
    run->answers[0] = verdict;
    run_begin(run);
    CU_ASSERT_TRUE(run_instance(run));
    CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_FAIL));
    CU_ASSERT_TRUE(worker_does(&run->workers[0][1], WORKER_AWAIT));
    CU_ASSERT_TRUE(worker_told(&run->workers[0][1], WORKER_RETURN));
    run_end(run);
    CU_ASSERT_PTR_EQUAL(run->result, run->workers[0][0].error); /* unwrapped */
    CU_ASSERT_EQUAL(run->behavior, verdict);
    CU_ASSERT_EQUAL(run->made, 1);
    CU_ASSERT_EQUAL(run->asked, 1);
    run_drop(run);
}

static void stopping_verdicts_return_the_error(void)
{
    verdict_ends_with_the_error(LC_STOP);
    verdict_ends_with_the_error(LC_STOP_PARENTS);
    verdict_ends_with_the_error(LC_SHUTDOWN);
}

static void halt_without_waiting_returns_the_error(void)
{
    verdict_ends_with_the_error(LC_SPIN_HALT);
}

static void no_handler_restarts(void)
{
    struct run *run = run_new(1);
    run->options.judge = NULL;
    run_begin(run);
    for (unsigned i = 0; i + 1 < INSTANCES; i++) {
        CU_ASSERT_TRUE(run_instance(run));
        CU_ASSERT_TRUE(worker_told(&run->workers[i][0], WORKER_FAIL));
    }
    CU_ASSERT_TRUE(run_instance(run));
    CU_ASSERT_TRUE(worker_told(&run->workers[INSTANCES - 1][0], WORKER_RETURN));
    run_end(run);
    CU_ASSERT_PTR_NULL(run->result);
    CU_ASSERT_EQUAL(run->made, INSTANCES);
    run_drop(run);
}

static lc_error *fail_at_once(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)arg;
    lc_ready_signal(ready);
    return lc_error_new(-EIO, "a restart would do harm");
}

static lc_error *make_failing(lc_component **component, void *arg)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("failing");
    lc_manager_builder_add(builder, LC_WORKER(.name = "work", .run = fail_at_once, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    if (!error)
        *component = lc_manager_component(manager);
    return error;
}

static lc_behavior answer_given(const lc_failure *failure, void *arg)
{
    (void)failure;
    return *(const lc_behavior *)arg;
}

static lc_error *make_supervisor(lc_component **component, void *arg)
{
    lc_supervisor *supervisor = NULL;
    lc_node node = {.size = sizeof node};
    node.name = "failing";
    node.kind = check_kind();
    node.factory = make_failing;
    node.judge = answer_given;
    node.judge_arg = arg;
    CHECK_SUCCESS(lc_supervisor_new(NULL, &supervisor));
    CHECK_SUCCESS(lc_supervisor_add(supervisor, &node));
    *component = lc_supervisor_component(supervisor);
    return NULL;
}

static void supervisor_ends_the_run(lc_behavior answer)
{
    lc_behavior behavior = LC_STOP;
    lc_run_options options = {.size = sizeof options};
    options.factory = make_supervisor;
    options.arg = &answer;
    options.halt = LC_HALT_RETURN;
    lc_context *context = lc_context_with_deadline(NULL, lc_deadline_after(5 * LC_SECOND));
    CHECK_ERROR(lc_component_run(&options, context, &behavior), -EIO);
    CU_ASSERT_EQUAL(behavior, answer);
    lc_context_unref(context);
}

/* A halt that a nested handler asks for must not become a restart. */
static void no_handler_ends_as_the_supervisor_did(void)
{
    supervisor_ends_the_run(LC_SHUTDOWN);
    supervisor_ends_the_run(LC_SPIN_HALT);
}

static lc_error *signal_and_stay(struct fake *fake, lc_context *context)
{
    struct run *run = fake->arg;
    lc_signal_error(context, lc_error_ref(run->workers[0][0].error));
    return NULL;
}

/* The loop waits for done, whatever was thrown, and for nothing else. */
static void loop_waits_for_done(void)
{
    struct run *run = run_faked(LC_START_INLINE);
    run->fakes[0].start = signal_and_stay;
    run->answers[0] = LC_STOP;
    run_begin(run);
    CU_ASSERT_TRUE(run_news(run));
    CU_ASSERT_EQUAL(lc_channel_length(run->news), 0);
    CHECK_OPEN(run->finished);
    lc_handle_close(run->fakes[0].done);
    run_end(run);
    CU_ASSERT_TRUE(run->done_when_asked[0]);
    CU_ASSERT_PTR_EQUAL(run->result, run->workers[0][0].error);
    run_drop(run);
}

/* ---- A22 ---- */

static void cancel_waits_for_done(void)
{
    struct run *run = run_new(2);
    run_begin(run);
    CU_ASSERT_TRUE(run_instance(run));
    lc_error *cause = lc_error_new(-EINTR, "had enough");
    lc_context_cancel(run->context, lc_error_ref(cause));
    CU_ASSERT_TRUE(worker_does(&run->workers[0][0], WORKER_AWAIT));
    CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_RETURN));
    CU_ASSERT_TRUE(worker_does(&run->workers[0][1], WORKER_LOOK));
    CHECK_OPEN(run->finished);
    CU_ASSERT_TRUE(worker_told(&run->workers[0][1], WORKER_RETURN));
    run_end(run);
    CU_ASSERT_EQUAL(lc_error_code(run->result), -ECANCELED);
    CU_ASSERT_TRUE(lc_error_contains(run->result, cause));
    CU_ASSERT_EQUAL(run->asked, 0);
    CU_ASSERT_EQUAL(run->made, 1);
    CU_ASSERT_EQUAL(run->behavior, LC_STOP);
    lc_error_unref(cause);
    run_drop(run);
}

static void deadline_ends_with_timeout(void)
{
    struct run *run = run_new(1);
    struct check_clock *clock = check_clock_new();
    lc_context_unref(run->context);
    check_clock_use(clock);
    run->context = lc_context_with_deadline(NULL, check_clock_now(clock) + LC_HOUR);
    check_clock_use(NULL);
    run_begin(run);
    CU_ASSERT_TRUE(run_instance(run));
    check_clock_advance(clock, LC_HOUR);
    CU_ASSERT_TRUE(worker_does(&run->workers[0][0], WORKER_AWAIT));
    CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_RETURN));
    run_end(run);
    CU_ASSERT_EQUAL(lc_error_code(run->result), -ETIMEDOUT);
    run_drop(run);
    check_clock_free(clock);
}

/* Cancelled, and a worker fails before or after; the error goes to the handler in either order. */
static void cancelled_with_error(lc_behavior verdict, bool error_first, bool restarts)
{
    struct run *run = run_new(2);
    run->answers[0] = verdict;
    run_begin(run);
    CU_ASSERT_TRUE(run_instance(run));
    if (error_first) {
        CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_FAIL));
        CU_ASSERT_TRUE(worker_does(&run->workers[0][1], WORKER_AWAIT));
        lc_context_cancel(run->context, NULL);
    } else {
        lc_context_cancel(run->context, NULL);
        CU_ASSERT_TRUE(worker_does(&run->workers[0][0], WORKER_AWAIT));
        CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_THROW));
    }
    CU_ASSERT_TRUE(worker_told(&run->workers[0][1], WORKER_RETURN));
    run_end(run);
    CU_ASSERT_EQUAL(run->asked, 1);
    CU_ASSERT_EQUAL(run->made, 1);
    CU_ASSERT_PTR_EQUAL(run->judged[0], run->workers[0][0].error);
    CU_ASSERT_EQUAL(run->behavior, verdict);
    if (restarts) {
        CU_ASSERT_EQUAL(lc_error_code(run->result), -ECANCELED);
    } else {
        CU_ASSERT_PTR_EQUAL(run->result, run->workers[0][0].error);
    }
    run_drop(run);
}

static void error_meanwhile_goes_to_the_handler(void)
{
    static const lc_behavior stopping[] = {LC_STOP, LC_STOP_PARENTS, LC_SHUTDOWN, LC_SPIN_HALT};
    for (size_t i = 0; i < sizeof stopping / sizeof *stopping; i++) {
        cancelled_with_error(stopping[i], false, false);
        cancelled_with_error(stopping[i], true, false);
    }
}

static void restart_of_the_cancelled_makes_nothing(void)
{
    cancelled_with_error(LC_RESTART, false, true);
    cancelled_with_error(LC_RESTART, true, true);
}

/* The worker makes an error of its own from the number that its wait has returned. */
static void ends_with_an_error_of_its_own(int code, bool judged)
{
    struct run *run = run_new(1);
    worker_drop(&run->workers[0][0]);
    worker_init(&run->workers[0][0], code);
    if (!judged)
        run->options.judge = NULL;
    run->answers[0] = LC_SPIN_HALT;
    run_begin(run);
    CU_ASSERT_TRUE(run_instance(run));
    lc_context_cancel(run->context, NULL);
    CU_ASSERT_TRUE(worker_does(&run->workers[0][0], WORKER_AWAIT));
    CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_FAIL));
    run_end(run);
    CU_ASSERT_EQUAL(run->made, 1);
    if (code == -ECANCELED) {
        CU_ASSERT_PTR_EQUAL(run->result, lc_context_error(run->context));
        CU_ASSERT_EQUAL(run->asked, 0);
    } else if (judged) {
        CU_ASSERT_EQUAL(run->asked, 1);
        CU_ASSERT_EQUAL(run->behavior, LC_SPIN_HALT);
    } else {
        CU_ASSERT_TRUE(lc_error_is(run->result, -ECANCELED));
        CU_ASSERT_PTR_NOT_NULL(
            strstr(lc_error_message(run->result), "failed while being stopped: under-test"));
    }
    run_drop(run);
}

static void answer_to_the_cancel_is_clean(void)
{
    ends_with_an_error_of_its_own(-ECANCELED, true);
    ends_with_an_error_of_its_own(-ECANCELED, false);
}

static void another_error_meanwhile_is_told(void)
{
    ends_with_an_error_of_its_own(-ENOSPC, true);
    ends_with_an_error_of_its_own(-ENOSPC, false);
}

/* While the context is live its code says nothing: it is an error like any other. */
static void code_of_a_cancel_is_an_error_without_one(void)
{
    struct run *run = run_new(1);
    worker_drop(&run->workers[0][0]);
    worker_init(&run->workers[0][0], -ECANCELED);
    run->answers[0] = LC_STOP;
    run_begin(run);
    CU_ASSERT_TRUE(run_instance(run));
    CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_FAIL));
    run_end(run);
    CU_ASSERT_EQUAL(run->asked, 1);
    CU_ASSERT_PTR_EQUAL(run->result, run->workers[0][0].error);
    run_drop(run);
}

static lc_error *cancel_and_complete(struct fake *fake, lc_context *context)
{
    struct run *run = fake->arg;
    lc_context_cancel(run->context, NULL);
    return completing_start(fake, context);
}

static lc_error *complete_and_cancel(struct fake *fake, lc_context *context)
{
    struct run *run = fake->arg;
    completing_start(fake, context);
    lc_context_cancel(run->context, NULL);
    return NULL;
}

static lc_error *signal_complete_and_cancel(struct fake *fake, lc_context *context)
{
    struct run *run = fake->arg;
    lc_signal_error(context, lc_error_ref(run->workers[0][0].error));
    return complete_and_cancel(fake, context);
}

static void completed_and_cancelled_is_cancelled(void)
{
    for (unsigned i = 0; i < 4; i++) {
        struct run *run = run_faked(i < 2 ? LC_START_INLINE : 0);
        run->fakes[0].start = i % 2 ? complete_and_cancel : cancel_and_complete;
        run_begin(run);
        run_end(run);
        CU_ASSERT_EQUAL(lc_error_code(run->result), -ECANCELED);
        CU_ASSERT_EQUAL(run->asked, 0);
        run_drop(run);
    }
}

static void error_of_the_completed_is_judged(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct run *run = run_faked(i ? 0 : LC_START_INLINE);
        run->fakes[0].start = signal_complete_and_cancel;
        run->answers[0] = LC_SHUTDOWN;
        run_begin(run);
        run_end(run);
        CU_ASSERT_PTR_EQUAL(run->result, run->workers[0][0].error);
        CU_ASSERT_EQUAL(run->asked, 1);
        CU_ASSERT_EQUAL(run->behavior, LC_SHUTDOWN);
        run_drop(run);
    }
}

/* The handler itself cancels the run and asks for a restart. */
static lc_behavior cancel_and_restart(const lc_failure *failure, void *arg)
{
    struct run *run = arg;
    lc_context_cancel(run->context, NULL);
    return judge(failure, arg);
}

static void cancel_while_asking_makes_nothing(void)
{
    struct run *run = run_new(1);
    run->options.judge = cancel_and_restart;
    run_begin(run);
    CU_ASSERT_TRUE(run_instance(run));
    CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_FAIL));
    run_end(run);
    CU_ASSERT_EQUAL(lc_error_code(run->result), -ECANCELED);
    CU_ASSERT_EQUAL(run->made, 1);
    CU_ASSERT_EQUAL(run->asked, 1);
    run_drop(run);
}

/* ---- A23 ---- */

static void factory_fails_at_first(void)
{
    struct run *run = run_new(1);
    run->factory_fails_at = 1;
    run_begin(run);
    run_end(run);
    CU_ASSERT_PTR_EQUAL(run->result, run->factory_error);
    CU_ASSERT_EQUAL(run->asked, 0);
    CU_ASSERT_EQUAL(run->made, 0);
    CU_ASSERT_EQUAL(run->behavior, LC_STOP);
    run_drop(run);
}

/* The error is put to the handler as any other, which answers that. */
static struct run *factory_fails_on_a_restart(lc_behavior answer)
{
    struct run *run = run_new(1);
    run->factory_fails_at = 2;
    run->answers[0] = LC_RESTART;
    run->answers[1] = answer;
    run_begin(run);
    CU_ASSERT_TRUE(run_instance(run));
    CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_FAIL));
    CU_ASSERT_TRUE(run_news(run));
    CU_ASSERT_TRUE(run_news(run));
    return run;
}

static void later_factory_failure_is_judged(void)
{
    struct run *run = factory_fails_on_a_restart(LC_STOP);
    run_end(run);
    CU_ASSERT_PTR_EQUAL(run->result, run->factory_error);
    CU_ASSERT_PTR_EQUAL(run->judged[1], run->factory_error);
    CU_ASSERT_EQUAL(run->asked, 2);
    CU_ASSERT_EQUAL(run->made, 1);
    CU_ASSERT_EQUAL(run->behavior, LC_STOP);
    run_drop(run);
}

static void later_factory_failure_heals(void)
{
    struct run *run = factory_fails_on_a_restart(LC_RESTART);
    CU_ASSERT_TRUE(run_instance(run));
    CU_ASSERT_TRUE(worker_told(&run->workers[1][0], WORKER_RETURN));
    run_end(run);
    CU_ASSERT_PTR_NULL(run->result);
    CU_ASSERT_EQUAL(run->asked, 2);
    CU_ASSERT_EQUAL(run->made, 2);
    run_drop(run);
}

/* The end of the run's context is told in the factory's place, and is never retried. */
static void cancel_before_a_restart_is_not_retried(void)
{
    struct run *run = run_new(1);
    run->options.judge = NULL;
    run_begin(run);
    CU_ASSERT_TRUE(run_instance(run));
    CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_FAIL));
    lc_context_cancel(run->context, NULL);
    run_end(run);
    CU_ASSERT_TRUE(lc_error_is(run->result, -ECANCELED));
    CU_ASSERT_EQUAL(run->made, 1);
    run_drop(run);
}

/* ---- A24 ---- */

static void completion_returns_null(void)
{
    struct run *run = run_new(2);
    run_begin(run);
    CU_ASSERT_TRUE(run_instance(run));
    CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_RETURN));
    CU_ASSERT_TRUE(worker_does(&run->workers[0][1], WORKER_LOOK));
    CHECK_OPEN(run->finished);
    CU_ASSERT_TRUE(worker_told(&run->workers[0][1], WORKER_RETURN));
    run_end(run);
    CU_ASSERT_PTR_NULL(run->result);
    CU_ASSERT_EQUAL(run->asked, 0);
    CU_ASSERT_EQUAL(run->behavior, LC_STOP);
    run_drop(run);
}

static void no_context_runs_as_well(void)
{
    struct run *run = run_new(1);
    lc_context_unref(run->context);
    run->context = NULL;
    run_begin(run);
    CU_ASSERT_TRUE(run_instance(run));
    CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_RETURN));
    run_end(run);
    CU_ASSERT_PTR_NULL(run->result);
    run_drop(run);
}

static void cancelled_before_makes_nothing(void)
{
    struct run *run = run_new(1);
    lc_context_cancel(run->context, NULL);
    run_begin(run);
    run_end(run);
    CU_ASSERT_EQUAL(lc_error_code(run->result), -ECANCELED);
    CU_ASSERT_EQUAL(run->made, 0);
    CU_ASSERT_EQUAL(run->asked, 0);
    run_drop(run);
}

/* ---- A25 ---- */

static void answer_outside_the_five(lc_behavior answer, const char *named)
{
    struct run *run = run_new(1);
    run->answers[0] = answer;
    run_begin(run);
    CU_ASSERT_TRUE(run_instance(run));
    CU_ASSERT_TRUE(worker_told(&run->workers[0][0], WORKER_FAIL));
    run_end(run);
    CU_ASSERT_EQUAL(lc_error_code(run->result), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(run->result), named));
    CU_ASSERT_TRUE(lc_error_contains(run->result, run->workers[0][0].error));
    CU_ASSERT_TRUE(run->done_when_asked[0]);
    CU_ASSERT_EQUAL(run->made, 1);
    run_drop(run); /* which checks that the component is done */
}

static void unknown_answers_are_einval(void)
{
    answer_outside_the_five((lc_behavior)17, "17");
    answer_outside_the_five((lc_behavior)5, "5");
    answer_outside_the_five((lc_behavior)-1, "-1");
}

/* ---- options ---- */

static void refused(lc_run_options *options, const char *field)
{
    lc_error *error = lc_component_run(options, NULL, NULL);
    CU_ASSERT_EQUAL(lc_error_code(error), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), field));
    lc_error_unref(error);
}

static void bad_options_name_the_field(void)
{
    char long_name[LC_NAME_MAX + 2];
    memset(long_name, 'n', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    struct run *run = run_new(0);
    lc_run_options options = run->options;
    options.factory = NULL;
    refused(&options, "factory");
    options = run->options;
    options.name = long_name;
    refused(&options, "name");
    options.name = "";
    refused(&options, "name");
    options = run->options;
    options.size = 1;
    refused(&options, "lc_run_options");
    options = run->options;
    options.halt = (lc_halt_mode)7;
    refused(&options, "halt");
    refused(NULL, "factory");
    CU_ASSERT_EQUAL(run->made, 0);
    run_drop(run);
}

static void behaviors_have_names(void)
{
    static const char *const names[] = {"restart", "stop", "stop-parents", "shutdown", "spin-halt"};
    for (int i = 0; i < 5; i++) {
        lc_behavior parsed = (lc_behavior)99;
        CU_ASSERT_STRING_EQUAL(lc_behavior_name((lc_behavior)i), names[i]);
        CU_ASSERT_EQUAL(lc_behavior_parse(names[i], &parsed), 0);
        CU_ASSERT_EQUAL(parsed, (lc_behavior)i);
    }
    lc_behavior untouched = LC_SHUTDOWN;
    CU_ASSERT_EQUAL(lc_behavior_parse("Restart", &untouched), -EINVAL);
    CU_ASSERT_EQUAL(lc_behavior_parse("", &untouched), -EINVAL);
    CU_ASSERT_EQUAL(lc_behavior_parse(NULL, &untouched), -EINVAL);
    CU_ASSERT_EQUAL(untouched, LC_SHUTDOWN);
    CU_ASSERT_PTR_NULL(lc_behavior_name((lc_behavior)5));
    CU_ASSERT_PTR_NULL(lc_behavior_name((lc_behavior)-1));
}

CHECK_SUITE_IN_MODES(
    lifecycle_run, "conformance: lifecycle: run loop",
    {"A19 a throw inside start does not kill the loop and is fatal", throw_in_start_is_fatal},
    {"A19 an error returned by start is fatal and counts as done", error_of_start_is_fatal},
    {"A19 an error returned by an inline start is fatal and counts as done",
     error_of_inline_start_is_fatal},
    {"A19 a component that failed to start is restarted", restart_after_failed_start},
    {"A19 start runs as a worker of its own", start_is_a_worker_of_its_own},
    {"A19 a cancel reaches a start that waits", cancel_reaches_a_waiting_start},
    {"A19 an instance lives until its start has returned", instance_lives_until_its_start_returns},
    {"A20 a fatal error cancels the instance; the handler is asked once, after it is done",
     handler_is_asked_once_after_done},
    {"A20 a restart makes a fresh instance, context and signaler", restart_makes_all_anew},
    {"A20 stop, stop-parents and shutdown return the error unwrapped, and the behavior",
     stopping_verdicts_return_the_error},
    {"A20 without a handler every error restarts", no_handler_restarts},
    {"A31 without a handler the run ends as the supervisor that it runs",
     no_handler_ends_as_the_supervisor_did},
    {"A20 the loop waits for done before it asks", loop_waits_for_done},
    {"A21 spin-halt with LC_HALT_RETURN returns the error at once",
     halt_without_waiting_returns_the_error},
    {"A22 a cancel waits for the instance to be done and returns the context's error",
     cancel_waits_for_done},
    {"A22 the deadline of the context ends the run with ETIMEDOUT", deadline_ends_with_timeout},
    {"A22 an error thrown during the stop is still put to the handler",
     error_meanwhile_goes_to_the_handler},
    {"A22 an error with the code of the context's error is the clean answer to a cancel",
     answer_to_the_cancel_is_clean},
    {"A22 any other error after a cancel is judged, or named in the result",
     another_error_meanwhile_is_told},
    {"A22 without a cancel an error of that code is an error",
     code_of_a_cancel_is_an_error_without_one},
    {"A22 a restart verdict after a cancel ends with the context's error, and nothing is made",
     restart_of_the_cancelled_makes_nothing},
    {"A22 completed and cancelled together: the context's error",
     completed_and_cancelled_is_cancelled},
    {"A22 failed, completed and cancelled together: the error is judged",
     error_of_the_completed_is_judged},
    {"A22 cancelled while the handler is asked: nothing is made",
     cancel_while_asking_makes_nothing},
    {"A23 the factory's first failure is returned, the handler is not asked",
     factory_fails_at_first},
    {"A23 the factory's failure on a restart is put to the handler",
     later_factory_failure_is_judged},
    {"A23 a factory's later failure is like any other, so a restart may heal it",
     later_factory_failure_heals},
    {"A23 a cancel that comes before a restart is no failure of the factory",
     cancel_before_a_restart_is_not_retried},
    {"A24 a component that completes gives NULL", completion_returns_null},
    {"A24 a run without a context completes", no_context_runs_as_well},
    {"A24 a context cancelled before the start: nothing is made", cancelled_before_makes_nothing},
    {"A25 an answer outside the five is EINVAL that names it, and the component is stopped",
     unknown_answers_are_einval},
    {"run: bad options are refused by the name of the field", bad_options_name_the_field},
    {"run: behaviors have names that can be parsed", behaviors_have_names});
