/*
 * callback.c: see callback.h.
 */
#include "executor/callback.h"

#include "base/assert.h"
#include "base/task.h"

void lc__callback_enter(void)
{
    lc__task_current()->callback_depth++;
}

void lc__callback_leave(void)
{
    LC__ASSERT(lc__in_callback());
    lc__task_current()->callback_depth--;
}

bool lc__in_callback(void)
{
    return lc__task_current()->callback_depth > 0;
}
