/*
 * run.c: the run loop: supervises one component on the stack of its caller. See <lifecycle/run.h>.
 *
 * The engine has one node. The loop carries out the engine's actions until there are none, then
 * waits for one of: thrown, ready and done of the instance, the end of the run's context, a process
 * signal, the end of a pause; and gives it to the engine as the next event. All but the start of
 * the component runs on the caller's stack, so that nothing here is locked or atomic.
 */
#include "base/fork.h"
#include "base/log_repeated.h"
#include "base/options.h"
#include "base/task.h"
#include "component/awaited.h"
#include "context/context.h"
#include "context/signaler.h"
#include "supervise/again.h"
#include "supervise/engine.h"
#include "supervise/instance.h"
#include "supervise/policy.h"

#include <lifecycle/log.h>
#include <lifecycle/manager.h>
#include <lifecycle/run.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct run_loop {
    const lc_run_options *options;
    lc_context *context;         /* the caller's, or one below it */
    lc_process_signals *signals; /* NULL: signals are not handled */
    unsigned signals_taken;
    struct lc__engine engine;
    struct lc__engine_node node;  /* the one node of the engine */
    struct lc__instance instance; /* while the node runs; zeroed otherwise */
    lc_handle *start_ended;       /* NULL: the start runs on the caller's stack */
    lc_behavior behavior;         /* the judge's last answer */
    struct lc__log_repeated restart_lines, ready_lines;
    lc_error *broken; /* why the run itself cannot go on; NULL: it can */
};

/* Answers a signal that comes when the run is being stopped: names what still runs. */
static void runloop_answer_signal(struct run_loop *run, int number)
{
    char remaining[LC__REMAINING_SIZE] = "";
    const lc_part part = {.name = run->options->name,
                          .state = LC_NODE_STOPPING,
                          .component = run->instance.component};
    if (run->instance.component)
        lc__awaited_of_part(&part, LC__AWAITED_DONE, remaining, sizeof remaining);
    lc__signalled_again(run->options->name, number, run->signals_taken, remaining);
}

/*
 * The first SIGINT or SIGTERM cancels the run, and is its cause. Later ones are answered by a log
 * line. Does nothing if no signal has come.
 */
static void runloop_take_signal(struct run_loop *run)
{
    int number = run->signals ? lc_process_signals_next(run->signals, LC_NOW) : 0;
    if (number <= 0)
        return;
    if (++run->signals_taken > 1 || lc_context_error(run->context))
        runloop_answer_signal(run, number);
    else
        lc_context_cancel(run->context, lc_error_new(-EINTR, "received %s",
                                                     number == SIGINT ? "SIGINT" : "SIGTERM"));
}

/* Waits for a handle, and answers signals until then, if it is possible to wait for them. */
static void runloop_await_handle(struct run_loop *run, lc_handle *handle)
{
    enum { CLOSED, SIGNALS };
    lc_waitable waitables[] = {
        [CLOSED] = lc_on_handle(handle), [SIGNALS] = lc_on_signals(run->signals)};
    while (run->signals && lc_wait_any(waitables, 2, LC_FOREVER) == SIGNALS)
        runloop_take_signal(run);
    lc_handle_wait(handle, LC_FOREVER);
}

/* Waits until the instance has ended. A start that failed counts as done. */
static void runloop_await_end(struct run_loop *run)
{
    if (run->start_ended)
        runloop_await_handle(run, run->start_ended);
    if (run->instance.runs)
        runloop_await_handle(run, lc_component_done(run->instance.component));
}

/* There is no descriptor to wait for signals with, and no signal would arrive any more. */
static void runloop_break_off(struct run_loop *run, int code)
{
    run->broken = lc_error_new_errno(-code, "\"%s\" cannot wait for signals", run->options->name);
    lc_context_cancel(run->context, lc_error_ref(run->broken));
}

/* ---- the instance ---- */

static lc_error *runloop_work(void *arg)
{
    struct run_loop *run = arg;
    return lc__instance_start(&run->instance);
}

static void runloop_work_ended(void *arg)
{
    struct run_loop *run = arg;
    lc__instance_start_ended(&run->instance);
    lc_handle_close(run->start_ended);
}

static bool runloop_starts_inline(const struct run_loop *run)
{
    return run->instance.component->ops->flags & LC_START_INLINE;
}

static void runloop_start_inline(struct run_loop *run)
{
    lc_error *error = lc__instance_start(&run->instance);
    if (error)
        lc__signaler_signal(run->instance.signaler, error);
}

/*
 * A start that may throw runs in a worker of its own, of the kind of the caller, since a throw ends
 * the worker. The error of a start goes to the instance's signaler, like any other.
 */
static void runloop_start_instance(struct run_loop *run)
{
    const char *name = run->options->name;
    const struct lc__launch launch = {.kind = lc_is_fiber() ? LC_FIBER : LC_THREAD, .name = name};
    if (runloop_starts_inline(run)) {
        runloop_start_inline(run);
        return;
    }
    int result =
        lc__instance_launch(&run->instance, &launch, NULL, runloop_work, runloop_work_ended, run);
    if (result == 0)
        return;
    lc__signaler_signal(run->instance.signaler,
                        lc_error_new_errno(-result, "no worker to start \"%s\" in", name));
    lc_handle_close(run->start_ended);
}

static void runloop_free_instance(struct run_loop *run)
{
    lc_component_destroy(run->instance.component);
    lc__instance_close(&run->instance);
    lc_handle_unref(run->start_ended);
    run->start_ended = NULL;
    run->instance = (struct lc__instance){0};
}

/* If the run's context has ended, tells the engine that everything stops. @return whether. */
static bool runloop_look_above(struct run_loop *run)
{
    const lc_error *ended = lc_context_error(run->context);
    if (ended)
        lc__engine_cancel(&run->engine, lc_error_ref(ended), lc_now());
    return ended != NULL;
}

/* @return NULL, or why there is none. Either way runloop_free_instance() follows. */
static lc_error *runloop_make_instance(struct run_loop *run)
{
    const lc_run_options *options = run->options;
    run->instance.name = options->name;
    lc_error *error = options->factory(&run->instance.component, options->arg);
    if (!error)
        error = lc__instance_check(&run->instance, false);
    if (error)
        return error;
    if (!runloop_starts_inline(run))
        run->start_ended = lc_handle_new();
    if (lc__instance_open(&run->instance, options->name, run->context, NULL, NULL) &&
        (run->start_ended || runloop_starts_inline(run)))
        return NULL;
    return lc_error_new(-ENOMEM, "no memory to run \"%s\"", options->name);
}

/* ---- actions of the engine ---- */

/* Once the run's context has ended, no component is made. */
static void runloop_start(struct run_loop *run)
{
    enum lc__engine_end_kind how = LC__ENDED_CANCELED;
    lc_error *error = NULL;
    runloop_take_signal(run);
    if (!runloop_look_above(run)) {
        error = runloop_make_instance(run);
        how = LC__ENDED_REFUSED;
        if (!error) {
            runloop_start_instance(run);
            return;
        }
        if (lc__context_is_clean_end(run->context, error)) {
            runloop_look_above(run);
            lc_error_unref(error);
            error = NULL;
            how = LC__ENDED_CANCELED;
        }
    }
    runloop_free_instance(run);
    lc__engine_ended(&run->engine, &run->node, run->node.instance, how, error, lc_now());
}

static void runloop_ask(struct run_loop *run)
{
    const lc_run_options *options = run->options;
    lc_failure failure;
    lc__engine_failure(&run->node, &failure);
    lc_behavior behavior = options->judge(&failure, options->judge_arg);
    if (lc_behavior_name(behavior))
        run->behavior = behavior;
    lc__engine_verdict(&run->engine, &run->node, run->node.instance, behavior, lc_now());
}

static void runloop_tell_restart(struct run_loop *run, const lc_error *error)
{
    char life[LC__LIFE_TEXT_SIZE], next[LC__RESTART_TEXT_SIZE];
    run->behavior = LC_RESTART;
    if (lc__log_repeated_is_left_out(&run->restart_lines, LC_LOG_ERROR, run->engine.now))
        return;
    lc__log_repeated(&run->restart_lines, LC_LOG_ERROR, run->options->name, NULL,
                     "failed after %s: %s; %s", lc__engine_life_text(&run->node, life),
                     lc_error_message(error), lc__engine_restart_text(&run->node, next));
}

static void runloop_tell_ready(struct run_loop *run)
{
    if (lc__log_repeated_is_left_out(&run->ready_lines, LC_LOG_NOTICE, run->engine.now))
        return;
    lc__log_repeated(&run->ready_lines, LC_LOG_NOTICE, run->options->name, NULL,
                     "ready again after restart %" PRIu64, run->node.instance - 1);
}

/* LC__ASK and LC__START give the engine its next event at once. They are the last of a step. */
static void runloop_carry_out(struct run_loop *run, const struct lc__engine_action *action)
{
    switch (action->kind) {
    case LC__TELL_RESTART:
        runloop_tell_restart(run, action->error);
        break;
    case LC__TELL_READY:
        runloop_tell_ready(run);
        break;
    case LC__TELL_LATE:
        lc_log(LC_LOG_ERROR, run->options->name, "failed while it was being stopped: %s",
               lc_error_message(action->error));
        break;
    case LC__CANCEL:
        lc_context_cancel(run->instance.context, lc_error_ref(action->error));
        break;
    case LC__ASK:
        runloop_ask(run);
        break;
    case LC__START:
        runloop_start(run);
        break;
    default: /* the result of the run tells the rest */
        break;
    }
}

/* ---- events ---- */

/* What the instance has thrown, unless it answers the end of the run's context. Taken over. */
static lc_error *runloop_take_failure(struct run_loop *run)
{
    lc_error *error = lc_signaler_take(run->instance.signaler);
    if (!lc__context_is_clean_end(run->context, error))
        return error;
    lc_error_unref(error);
    return NULL;
}

/* What the error asks for if there is no judge: of a supervisor, the behavior it ended by. */
static lc_behavior runloop_asked(const struct run_loop *run)
{
    return (lc_behavior)lc__signaler_asked(run->instance.signaler);
}

/*
 * Waits until the instance has ended. If the run's context has ended too, the engine learns that
 * here, before the end of the instance; but not if a judge is still to be asked about an error of
 * the instance, since the answer may give the run another result than the context's error.
 */
static void runloop_end_instance(struct run_loop *run)
{
    runloop_await_end(run);
    runloop_take_signal(run); /* a signal that came during the wait counts as well */
    uint64_t number = run->node.instance;
    lc_error *error = runloop_take_failure(run);
    bool failed = error || run->node.state == LC_NODE_FAILING;
    if (error)
        run->node.graph.asked = runloop_asked(run);
    runloop_free_instance(run);
    if (!failed || !run->options->judge)
        runloop_look_above(run);
    lc__engine_ended(&run->engine, &run->node, number, error ? LC__ENDED_FAILED : LC__ENDED_DONE,
                     error, lc_now());
}

/* Waits until the instance has failed or is done, or the run's context has ended. */
static void runloop_await_instance(struct run_loop *run)
{
    enum { THROWN, DONE, THIRD, MOST = THIRD + 2 };
    lc_waitable waitables[MOST] = {
        [THROWN] = lc_on_handle(lc_signaler_thrown(run->instance.signaler)),
        [DONE] = lc_on_handle(lc_component_done(run->instance.component)),
    };
    size_t count = THIRD;
    int signals = -1;
    lc_handle *ready = lc_component_ready(run->instance.component);
    if (run->signals) {
        signals = (int)count;
        waitables[count++] = lc_on_signals(run->signals);
    }
    if (ready)
        waitables[count++] = lc_on_handle(ready); /* the last, so that it can be left out later */
    int index;
    do {
        index = lc_context_wait_any(run->context, waitables, count, LC_FOREVER);
        if (index >= THIRD && index == signals) {
            runloop_take_signal(run);
        } else if (index >= THIRD) {
            lc__engine_ready(&run->engine, &run->node, run->node.instance, lc_now());
            count--;
        } else if (index < 0 && !lc_context_error(run->context)) {
            runloop_break_off(run, index);
        }
    } while (index != THROWN && index != DONE && !lc_context_error(run->context));
    lc_error *error = runloop_take_failure(run);
    if (error)
        lc__engine_failed(&run->engine, &run->node, run->node.instance, error, runloop_asked(run),
                          lc_now());
    else
        runloop_end_instance(run);
}

/* Waits until the pause is over, or the run's context has ended. */
static void runloop_pause(struct run_loop *run)
{
    int64_t deadline = lc__engine_deadline(&run->engine);
    lc_waitable signals = lc_on_signals(run->signals);
    size_t count = run->signals ? 1 : 0;
    while (lc_context_wait_any(run->context, &signals, count, deadline) == 0)
        runloop_take_signal(run);
    const lc_error *ended = lc_context_error(run->context);
    if (ended)
        lc__engine_cancel(&run->engine, lc_error_ref(ended), deadline);
    else
        lc__engine_advance(&run->engine, deadline);
}

static void runloop_await_event(struct run_loop *run)
{
    if (run->node.state == LC_NODE_BACKOFF)
        runloop_pause(run);
    else if (run->node.state == LC_NODE_FAILING)
        runloop_end_instance(run);
    else
        runloop_await_instance(run);
}

static lc_error *runloop_serve(struct run_loop *run)
{
    const lc_run_options *options = run->options;
    struct lc__engine_action action;
    lc__engine_start(&run->engine, run->engine.now);
    for (;;) {
        while (lc__engine_next(&run->engine, &action))
            runloop_carry_out(run, &action);
        if (run->engine.finished)
            break;
        runloop_await_event(run);
    }
    /* The engine has no result also for an instance that ended because the run was cancelled. */
    const lc_error *result = run->engine.result;
    if (!result)
        result = lc_context_error(run->context);
    if (!options->judge && run->engine.behavior >= LC_SHUTDOWN)
        run->behavior = run->engine.behavior;
    if (run->engine.behavior == LC_SPIN_HALT && options->halt == LC_HALT_WAIT)
        lc_spin_halt(result, options->on_halt, options->on_halt_arg);
    return lc_error_ref(result);
}

static lc_error *runloop_run(struct run_loop *run)
{
    static const struct lc__backoff backoff = {
        .first_at_once = true,
        .first = 100 * LC_MILLISECOND,
        .most = 30 * LC_SECOND,
        .factor = 2.0,
        .steady = 10 * LC_SECOND,
    };
    bool judged = run->options->judge != NULL;
    run->node.name = run->options->name;
    run->node.policy = (struct lc__engine_policy){.restart = LC_TRANSIENT,
                                                  .judged = judged,
                                                  .start_timeout = LC_FOREVER,
                                                  .stop_timeout = LC_FOREVER};
    if (!judged)
        run->node.policy.backoff = backoff;
    lc__engine_init(&run->engine, 0); /* without jitter the seed is not used */
    lc__engine_add(&run->engine, &run->node, NULL, lc_now());
    lc__task_shield(); /* a caller that is killed would leave the instance running */
    lc_error *result = runloop_serve(run);
    lc__task_unshield();
    lc__log_repeated_end(&run->restart_lines, LC_LOG_ERROR, run->options->name);
    lc__log_repeated_end(&run->ready_lines, LC_LOG_NOTICE, run->options->name);
    lc__engine_node_end(&run->node);
    lc__engine_end(&run->engine);
    return result;
}

/* ---- the call ---- */

LC__OPTIONS_END(lc_run_options, on_halt_arg);

static lc_error *run_read_options(lc_run_options *options, const lc_run_options *given)
{
    lc_error *error = lc__options_read(options, sizeof *options, given, "lc_run_options");
    if (!error)
        error = lc__policy_name(&options->name, "component", "lc_run_options.name");
    if (error)
        return error;
    if (!options->judge_arg)
        options->judge_arg = options->arg;
    if (!options->on_halt_arg)
        options->on_halt_arg = options->arg;
    if (!options->factory)
        return lc_error_new(-EINVAL, "lc_component_run: factory of \"%s\" is missing",
                            options->name);
    if (options->halt != LC_HALT_WAIT && options->halt != LC_HALT_RETURN)
        return lc_error_new(-EINVAL,
                            "lc_component_run: halt of \"%s\" is %d, not one of LC_HALT_...",
                            options->name, (int)options->halt);
    return NULL;
}

lc_error *lc_component_run(const lc_run_options *given, lc_context *context, lc_behavior *behavior)
{
    static const int signals[] = {SIGINT, SIGTERM};
    lc_run_options options;
    struct run_loop run = {.options = &options, .behavior = LC_STOP};
    if (behavior)
        *behavior = LC_STOP;
    lc_error *result = run_read_options(&options, given);
    if (result)
        return result;
    if (lc__forked())
        return lc_error_new(-ENOTSUP, "\"%s\" cannot run in a child forked when there were workers",
                            options.name);
    if (options.handle_signals)
        result = lc_process_signals_new(signals, 2, &run.signals);
    run.context = lc_context_new(context);
    if (result)
        result = lc_error_wrap(result, lc_error_code(result), "\"%s\" cannot handle signals",
                               options.name);
    else if (!run.context)
        result = lc_error_new(-ENOMEM, "no memory to run \"%s\"", options.name);
    else
        result = runloop_run(&run);
    lc_context_unref(run.context);
    lc_process_signals_free(run.signals);
    if (run.broken) {
        lc_error_unref(result);
        result = run.broken;
    }
    if (behavior)
        *behavior = run.behavior;
    return result;
}
