/*
 * callback.c: see callback.h.
 */
#include "executor/callback.h"

static _Thread_local unsigned depth;

void lc__callback_enter(void)
{
    depth++;
}

void lc__callback_leave(void)
{
    depth--;
}

bool lc__in_callback(void)
{
    return depth > 0;
}
