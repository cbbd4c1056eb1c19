/*
 * run.c: the run loop: a supervisor of one component, on the stack of its caller. The engine says
 * what is to happen; what is here makes the component, runs it, asks the handler about its fatal
 * error, and waits for what happens next. See <lifecycle/run.h>.
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

struct run {
    const lc_run_options *options;
    lc_context *context;         /* the caller's, or one below it */
    lc_process_signals *signals; /* NULL: not handled */
    unsigned signals_taken;
    struct lc__engine engine;
    struct lc__engine_node node;
    struct lc__instance instance; /* while the node runs; zeroed else */
    lc_handle *start_ended;       /* NULL: it is started on the run loop's stack */
    lc_behavior behavior;         /* the handler's last answer */
    struct lc__log_repeated restart_lines, ready_lines; /* there may be many */
    lc_error *broken;                                   /* why the run itself cannot go on; NULL */
};

/* A signal that comes when the run has ended already: what still stops is named. */
static void answer_signal(struct run *run, int number)
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
 * SIGINT and SIGTERM cancel the run; the cause tells which. Later ones are answered. Does nothing
 * if none has come.
 */
static void cancel_by_signal(struct run *run)
{
    int number = run->signals ? lc_process_signals_next(run->signals, LC_NOW) : 0;
    if (number <= 0)
        return;
    if (++run->signals_taken > 1 || lc_context_error(run->context))
        answer_signal(run, number);
    else
        lc_context_cancel(run->context, lc_error_new(-EINTR, "received %s",
                                                     number == SIGINT ? "SIGINT" : "SIGTERM"));
}

/* Waits for a handle, and answers signals meanwhile, if they can be waited for. */
static void await_handle(struct run *run, lc_handle *handle)
{
    enum { CLOSED, SIGNALS };
    lc_waitable waitables[] = {
        [CLOSED] = lc_on_handle(handle), [SIGNALS] = lc_on_signals(run->signals)};
    while (run->signals && lc_wait_any(waitables, 2, LC_FOREVER) == SIGNALS)
        cancel_by_signal(run);
    lc_handle_wait(handle, LC_FOREVER);
}

/* Waits until nothing of the instance runs any more. A start that failed counts as done. */
static void await_end(struct run *run)
{
    if (run->start_ended)
        await_handle(run, run->start_ended);
    if (run->instance.runs)
        await_handle(run, lc_component_done(run->instance.component));
}

/* No descriptor to wait for signals with: better to end than to run on deaf. */
static void break_off(struct run *run, int code)
{
    run->broken = lc_error_new_errno(-code, "\"%s\" cannot wait for signals", run->options->name);
    lc_context_cancel(run->context, lc_error_ref(run->broken));
}

/* ---- the instance ---- */

/* A start that fails is a fatal error like any other: it goes to the instance's signaler. */
static lc_error *start_component(void *arg)
{
    struct run *run = arg;
    return lc__instance_start(&run->instance);
}

static void start_ended(void *arg)
{
    struct run *run = arg;
    lc__instance_started(&run->instance);
    lc_handle_close(run->start_ended);
}

static bool starts_inline(const struct run *run)
{
    return run->instance.component->ops->flags & LC_START_INLINE;
}

static void start_inline(struct run *run)
{
    lc_error *error = lc__instance_start(&run->instance);
    if (error)
        lc__signaler_signal(run->instance.signaler, error);
}

/*
 * Starts it on this stack if that is safe, else as a worker of its own, of the kind that the run
 * loop's own is, since a throw would end the run loop.
 */
static void start_instance(struct run *run)
{
    const char *name = run->options->name;
    const struct lc__launch launch = {.kind = lc_is_fiber() ? LC_FIBER : LC_THREAD, .name = name};
    if (starts_inline(run)) {
        start_inline(run);
        return;
    }
    int result =
        lc__instance_launch(&run->instance, &launch, NULL, start_component, start_ended, run);
    if (result == 0)
        return;
    lc__signaler_signal(run->instance.signaler,
                        lc_error_new_errno(-result, "no worker to start \"%s\" in", name));
    lc_handle_close(run->start_ended);
}

static void free_instance(struct run *run)
{
    lc_component_destroy(run->instance.component);
    lc__instance_close(&run->instance);
    lc_handle_unref(run->start_ended);
    run->start_ended = NULL;
    run->instance = (struct lc__instance){0};
}

/*
 * Tells the engine that everything stops, if the run's context has ended. @return whether it has.
 */
static bool stop_if_cancelled(struct run *run)
{
    const lc_error *ended = lc_context_error(run->context);
    if (ended)
        lc__engine_cancel(&run->engine, lc_error_ref(ended), lc_now());
    return ended != NULL;
}

/* @return NULL, or why there is none; either way it is to be freed. */
static lc_error *make_instance(struct run *run)
{
    const lc_run_options *options = run->options;
    run->instance.name = options->name;
    lc_error *error = options->factory(&run->instance.component, options->arg);
    if (!error)
        error = lc__instance_check(&run->instance, false);
    if (error)
        return error;
    if (!starts_inline(run))
        run->start_ended = lc_handle_new();
    if (lc__instance_open(&run->instance, options->name, run->context, NULL, NULL) &&
        (run->start_ended || starts_inline(run)))
        return NULL;
    return lc_error_new(-ENOMEM, "no memory to run \"%s\"", options->name);
}

/* ---- what the engine has done ---- */

/* Nothing is made any more once the run's context has ended. */
static void start(struct run *run)
{
    enum lc__engine_end_kind how = LC__ENDED_CANCELED;
    lc_error *error = NULL;
    cancel_by_signal(run);
    if (!stop_if_cancelled(run)) {
        error = make_instance(run);
        how = LC__ENDED_REFUSED;
        if (!error) {
            start_instance(run);
            return;
        }
        if (lc__context_is_clean_end(run->context, error)) {
            stop_if_cancelled(run);
            lc_error_unref(error);
            error = NULL;
            how = LC__ENDED_CANCELED;
        }
    }
    free_instance(run);
    lc__engine_ended(&run->engine, &run->node, run->node.instance, how, error, lc_now());
}

static void ask(struct run *run)
{
    const lc_run_options *options = run->options;
    lc_failure failure;
    lc__engine_failure(&run->node, &failure);
    lc_behavior behavior = options->judge(&failure, options->judge_arg);
    if (lc_behavior_name(behavior))
        run->behavior = behavior;
    lc__engine_verdict(&run->engine, &run->node, run->node.instance, behavior, lc_now());
}

static void tell_restart(struct run *run, const lc_error *error)
{
    char life[LC__LIFE_TEXT_SIZE], next[LC__RESTART_TEXT_SIZE];
    run->behavior = LC_RESTART;
    if (lc__log_repeated_is_left_out(&run->restart_lines, LC_LOG_ERROR, run->engine.now))
        return;
    lc__log_repeated(&run->restart_lines, LC_LOG_ERROR, run->options->name, NULL,
                     "failed after %s: %s; %s", lc__engine_life_text(&run->node, life),
                     lc_error_message(error), lc__engine_restart_text(&run->node, next));
}

static void tell_ready(struct run *run)
{
    if (lc__log_repeated_is_left_out(&run->ready_lines, LC_LOG_NOTICE, run->engine.now))
        return;
    lc__log_repeated(&run->ready_lines, LC_LOG_NOTICE, run->options->name, NULL,
                     "ready again after restart %" PRIu64, run->node.instance - 1);
}

/* Asking and starting may bring about the next event at once: they are the last of their step. */
static void carry_out(struct run *run, const struct lc__engine_action *action)
{
    switch (action->kind) {
    case LC__TELL_RESTART:
        tell_restart(run, action->error);
        break;
    case LC__TELL_READY:
        tell_ready(run);
        break;
    case LC__TELL_LATE:
        lc_log(LC_LOG_ERROR, run->options->name, "failed while it was being stopped: %s",
               lc_error_message(action->error));
        break;
    case LC__CANCEL:
        lc_context_cancel(run->instance.context, lc_error_ref(action->error));
        break;
    case LC__ASK:
        ask(run);
        break;
    case LC__START:
        start(run);
        break;
    default: /* what else there is to tell is in what the run returns */
        break;
    }
}

/* ---- what happens ---- */

/* Takes what the instance has thrown, unless it is the answer to the end of the run's context. */
static lc_error *take_failure(struct run *run)
{
    lc_error *error = lc_signaler_take(run->instance.signaler);
    if (!lc__context_is_clean_end(run->context, error))
        return error;
    lc_error_unref(error);
    return NULL;
}

/* What the instance's error asks for if there is no handler: of a supervisor, how it has ended. */
static lc_behavior asked(const struct run *run)
{
    return (lc_behavior)lc__signaler_asked(run->instance.signaler);
}

/*
 * Waits until nothing of the instance runs any more. If the run's context has ended, the
 * instance's, which lies below, has ended with it. The engine learns of that here, but after a
 * handler has judged an error of the instance, since the answer may be another result than the
 * context's.
 */
static void end_instance(struct run *run)
{
    await_end(run);
    cancel_by_signal(run); /* one that came meanwhile counts as well */
    uint64_t number = run->node.instance;
    lc_error *error = take_failure(run);
    bool failed = error || run->node.state == LC_NODE_FAILING;
    if (error)
        run->node.graph.asked = asked(run);
    free_instance(run);
    if (!failed || !run->options->judge)
        stop_if_cancelled(run);
    lc__engine_ended(&run->engine, &run->node, number, error ? LC__ENDED_FAILED : LC__ENDED_DONE,
                     error, lc_now());
}

/* Waits until the instance has failed, completed, or is to end because the run does. */
static void await_instance(struct run *run)
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
        waitables[count++] = lc_on_handle(ready); /* the last, so that it can be left out */
    int index;
    do {
        index = lc_context_wait_any(run->context, waitables, count, LC_FOREVER);
        if (index >= THIRD && index == signals) {
            cancel_by_signal(run);
        } else if (index >= THIRD) {
            lc__engine_ready(&run->engine, &run->node, run->node.instance, lc_now());
            count--;
        } else if (index < 0 && !lc_context_error(run->context)) {
            break_off(run, index);
        }
    } while (index != THROWN && index != DONE && !lc_context_error(run->context));
    lc_error *error = take_failure(run);
    if (error)
        lc__engine_failed(&run->engine, &run->node, run->node.instance, error, asked(run),
                          lc_now());
    else
        end_instance(run);
}

/* Waits until the next instance is due, or the run has ended. */
static void pause_restarts(struct run *run)
{
    int64_t deadline = lc__engine_deadline(&run->engine);
    lc_waitable signals = lc_on_signals(run->signals);
    size_t count = run->signals ? 1 : 0;
    while (lc_context_wait_any(run->context, &signals, count, deadline) == 0)
        cancel_by_signal(run);
    const lc_error *ended = lc_context_error(run->context);
    if (ended)
        lc__engine_cancel(&run->engine, lc_error_ref(ended), deadline);
    else
        lc__engine_advance(&run->engine, deadline);
}

static void await_event(struct run *run)
{
    if (run->node.state == LC_NODE_BACKOFF)
        pause_restarts(run);
    else if (run->node.state == LC_NODE_FAILING)
        end_instance(run);
    else
        await_instance(run);
}

static lc_error *run_loop(struct run *run)
{
    const lc_run_options *options = run->options;
    struct lc__engine_action action;
    lc__engine_start(&run->engine, run->engine.now);
    for (;;) {
        while (lc__engine_next(&run->engine, &action))
            carry_out(run, &action);
        if (run->engine.finished)
            break;
        await_event(run);
    }
    /* To the engine it has completed also if it did so because the run had ended. */
    const lc_error *result = run->engine.result;
    if (!result)
        result = lc_context_error(run->context);
    if (!options->judge && run->engine.behavior >= LC_SHUTDOWN)
        run->behavior = run->engine.behavior;
    if (run->engine.behavior == LC_SPIN_HALT && options->halt == LC_HALT_WAIT)
        lc_spin_halt(result, options->on_halt, options->on_halt_arg);
    return lc_error_ref(result);
}

static lc_error *supervise(struct run *run)
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
    lc__engine_init(&run->engine, 0); /* without jitter nothing is drawn */
    lc__engine_add(&run->engine, &run->node, NULL, lc_now());
    lc__task_shield(); /* what runs is not left alone */
    lc_error *result = run_loop(run);
    lc__task_unshield();
    lc__log_repeated_end(&run->restart_lines, LC_LOG_ERROR, run->options->name);
    lc__log_repeated_end(&run->ready_lines, LC_LOG_NOTICE, run->options->name);
    lc__engine_node_end(&run->node);
    lc__engine_end(&run->engine);
    return result;
}

/* ---- the call ---- */

LC__OPTIONS_END(lc_run_options, on_halt_arg);

static lc_error *read_options(lc_run_options *options, const lc_run_options *given)
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
    struct run run = {.options = &options, .behavior = LC_STOP};
    if (behavior)
        *behavior = LC_STOP;
    lc_error *result = read_options(&options, given);
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
        result = supervise(&run);
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
