/*
 * task.c: see task.h.
 */
#include "base/task.h"

static _Thread_local struct lc__task own;

struct lc__task *lc__task_current(void)
{
    return &own;
}
