/*
 * callback.h: whether the calling thread is inside a callback of the library (a timer, the close of
 * a handle), where throwing is forbidden: the thread belongs to somebody else. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_CALLBACK_H
#define LIFECYCLE_EXECUTOR_CALLBACK_H

#include <stdbool.h>

/* They nest. */
void lc__callback_enter(void);
void lc__callback_leave(void);
bool lc__in_callback(void);

#endif
