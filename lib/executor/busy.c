/*
 * busy.c: see busy.h.
 */
#include "executor/busy.h"

#include "base/task.h"
#include "executor/loop.h"
#include "executor/proc.h"

#include <stdbool.h>
#include <string.h>

int lc__task_thread(const struct lc__task *task)
{
    const struct lc__fiber *fiber = task->fiber;
    if (task->simulation)
        return LC__ANY_THREAD;
    if (!fiber)
        return task->thread_id;
    if (atomic_load_explicit(&fiber->state, memory_order_relaxed) != LC__FIBER_RUNNING)
        return LC__NO_THREAD;
    return atomic_load_explicit(&fiber->loop->thread_id, memory_order_relaxed);
}

/*
 * proc(5): the state follows the name, which is in parentheses and may have some. R: not blocked.
 */
static bool stat_is_blocked(const char *stat)
{
    const char *end = strrchr(stat, ')');
    return end && strncmp(end, ") R", 3) != 0;
}

void lc__busy_look(struct lc__busy *busy, int thread, int64_t now)
{
    char stat[512] = "";
    int64_t passed = busy->looked != 0 ? now - busy->looked : 0;
    int64_t ran = 0, queued;
    bool known = thread > 0 && lc__proc_times(thread, &ran, &queued) &&
                 lc__proc_read(thread, "stat", stat, sizeof stat);
    if (!known)
        ran = 0;
    if (thread == LC__NO_THREAD)
        passed = 0;
    else if (known && !stat_is_blocked(stat) && ran - busy->ran < passed)
        passed = ran - busy->ran;
    busy->had += passed;
    busy->looked = now;
    busy->ran = ran;
}
