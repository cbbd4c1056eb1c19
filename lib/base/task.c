/*
 * task.c: see task.h.
 */
#include "base/task.h"

#include <unistd.h>

_Thread_local struct lc__task *lc__task_running;
static _Thread_local struct lc__task own;

struct lc__task *lc__task_of_thread(void)
{
    if (own.thread_id == 0)
        own.thread_id = gettid();
    return lc__task_running = &own;
}
