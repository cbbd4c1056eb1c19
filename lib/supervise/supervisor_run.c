/*
 * supervisor_run.c: runs a supervisor on the stack of its caller. See <lifecycle/supervisor.h>.
 */
#include "base/task.h"
#include "component/awaited.h"
#include "supervise/again.h"
#include "supervise/supervisor_start.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static void supervisor_see_halting(struct lc__shell *shell, void *arg)
{
    *(bool *)arg = shell->engine.behavior == LC_SPIN_HALT;
}

/* The first signal cancels the run, and is its cause. Later ones are answered by a log line. */
static void supervisor_take_signal(lc_supervisor *supervisor, lc_context *context, int number,
                                   unsigned *signals)
{
    if (++*signals == 1 && !lc_context_error(context)) {
        lc_context_cancel(context, lc_error_new(-EINTR, "received SIG%s", sigabbrev_np(number)));
        return;
    }
    char remaining[LC__REMAINING_SIZE];
    bool halting = false;
    lc__shell_call(&supervisor->shell, supervisor_see_halting, &halting);
    lc__awaited_of(&supervisor->shell.component, LC__AWAITED_DONE, remaining, sizeof remaining);
    lc__signalled_again(lc__shell_own_path(&supervisor->shell), number, halting ? 0 : *signals,
                        remaining);
}

static void supervisor_await_done(lc_supervisor *supervisor, lc_context *context,
                                  lc_process_signals *signals)
{
    unsigned taken = 0;
    enum { DONE, SIGNALS };
    lc_waitable waitables[] = {
        [DONE] = lc_on_handle(&supervisor->shell.done), [SIGNALS] = lc_on_signals(signals)};
    int index;
    while ((index = lc_wait_any(waitables, signals ? 2 : 1, LC_FOREVER)) != DONE) {
        int number = index == SIGNALS ? lc_process_signals_next(signals, LC_NOW) : 0;
        if (number > 0)
            supervisor_take_signal(supervisor, context, number, &taken);
        else if (index < 0) /* no signal would arrive any more */
            lc_context_cancel(context, lc_error_new_errno(-index, "\"%s\" cannot wait for signals",
                                                          supervisor->shell.name));
        if (index < 0)
            signals = NULL;
    }
}

static lc_error *supervisor_run(lc_supervisor *supervisor, lc_context *context,
                                lc_process_signals *signals, lc_behavior *behavior)
{
    lc_error *error = lc__supervisor_start(supervisor, context, false);
    if (error)
        return error;
    supervisor_await_done(supervisor, context, signals);
    error = lc_supervisor_result(supervisor, behavior);
    if (*behavior == LC_SPIN_HALT && supervisor->halt == LC_HALT_WAIT)
        lc_spin_halt(error, supervisor->on_halt, supervisor->on_halt_arg);
    return error;
}

lc_error *lc_supervisor_run(lc_supervisor *supervisor, lc_context *context, lc_behavior *behavior)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    lc_behavior answer = LC_STOP;
    lc_process_signals *signals = NULL;
    lc_context *own = NULL;
    lc_error *error = NULL;
    if (behavior)
        *behavior = LC_STOP;
    if (!supervisor)
        return lc_error_new(-EINVAL, "lc_supervisor_run needs a supervisor");
    if (supervisor->handle_signals) {
        error = lc_process_signals_new(numbers, 2, &signals);
        own = lc_context_new(context);
        if (error)
            error = lc_error_wrap(error, lc_error_code(error), "\"%s\" cannot handle signals",
                                  supervisor->shell.name);
        else if (!own)
            error = lc_error_new(-ENOMEM, "no memory to run \"%s\"", supervisor->shell.name);
    }
    lc__task_shield(); /* a caller that is killed would leave the nodes running */
    if (!error)
        error = supervisor_run(supervisor, own ? own : context, signals, &answer);
    lc__task_unshield();
    lc_context_unref(own);
    lc_process_signals_free(signals);
    if (behavior)
        *behavior = answer;
    return error;
}

lc_error *lc_supervisor_result(lc_supervisor *supervisor, lc_behavior *behavior)
{
    if (behavior)
        *behavior = LC_STOP;
    if (!supervisor || !lc_handle_is_closed(&supervisor->shell.done))
        return NULL;
    const struct lc__engine *engine = &supervisor->shell.engine;
    if (behavior)
        *behavior = engine->behavior;
    return lc_error_ref(engine->result);
}
