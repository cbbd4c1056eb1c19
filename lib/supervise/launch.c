/*
 * launch.c: see launch.h.
 */
#include "supervise/launch.h"

#include "base/clock.h"
#include "executor/spawn.h"
#include "executor/thread.h"

#include <errno.h>

int lc__launch(const struct lc__launch *how, lc_executor *otherwise, void (*run)(void *arg),
               void *arg)
{
    if (how->kind == LC_FIBER) {
        const struct lc__fiber_options fiber = {.name = how->name,
                                                .stack_size = how->stack_size,
                                                .executor =
                                                    how->executor ? how->executor : otherwise,
                                                .run = run,
                                                .arg = arg};
        return lc__fiber_start(&fiber);
    }
    const struct lc__thread_options thread = {
        .name = how->name, .stack_size = how->stack_size, .run = run, .arg = arg};
    return lc__thread_start(&thread);
}

static void launched_run(void *arg)
{
    lc__worker_run(arg);
}

int lc__launch_call(const struct lc__launch *how, lc_executor *otherwise,
                    struct lc__worker_call *call)
{
    return lc__launch(how, otherwise, launched_run, call);
}

lc_error *lc__launch_error(const char *name, int code, unsigned times)
{
    const char *what = code == -ENOMEM ? "memory" : "thread";
    return lc_error_new_errno(-code, "no %s to start \"%s\", %u time%s in a row", what, name, times,
                              times == 1 ? "" : "s");
}

#define RETRY_PAUSE (100 * LC_MILLISECOND)

/* Under the timers' lock. The caller of lc__launch_later keeps what the timer is part of. */
static bool retry_is_due(struct lc__timer *timer)
{
    (void)timer;
    return true;
}

bool lc__launch_later(struct lc__timer *timer, void (*fire)(struct lc__timer *timer))
{
    if (lc__clock_current()->timers)
        return false;
    timer->due = retry_is_due;
    timer->fire = fire;
    return lc__timer_arm_apart(timer, lc_deadline_after(RETRY_PAUSE)) == 0;
}
