/*
 * wait.h (internal): the wait for the first of several things, which a further handle may end.
 * Floor 2.
 */
#ifndef LIFECYCLE_WAIT_WAIT_H
#define LIFECYCLE_WAIT_WAIT_H

#include <lifecycle/wait.h>

/*
 * As lc_wait_any. The close of `end`, which may be NULL, ends the wait, unless a waitable is ready.
 * @return an index below `count`; `count`: `end` has closed; or an error of lc_wait_any.
 */
int lc__wait_any(lc_waitable *waitables, size_t count, lc_handle *end, int64_t deadline);
/*
 * The same for a caller that holds something: the call does not begin with lc__task_check(), and
 * returns -EINTR if the calling task must end. The caller then gives back what it holds and calls
 * lc__task_check().
 */
int lc__wait_any_holding(lc_waitable *waitables, size_t count, lc_handle *end, int64_t deadline);
/* Logs why a wait for these answers -EINVAL. `caller` is the public function. @return -EINVAL. */
int lc__wait_refuse(const char *caller, const lc_waitable *waitables, size_t count);

#endif
