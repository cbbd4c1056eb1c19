/*
 * callback.h: whether the calling task is inside a callback of the library (a timer, the close of a
 * handle). Throwing is forbidden there: the task is not the one that the callback works for. Floor
 * 1.
 */
#ifndef LIFECYCLE_EXECUTOR_CALLBACK_H
#define LIFECYCLE_EXECUTOR_CALLBACK_H

#include <stdbool.h>

/* Callbacks nest. */
void lc__callback_enter(void);
void lc__callback_leave(void);
bool lc__in_callback(void);

#endif
