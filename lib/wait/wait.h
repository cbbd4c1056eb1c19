/*
 * wait.h (internal): the wait for the first of several, with one more handle to be ended by.
 * Floor 2.
 */
#ifndef LIFECYCLE_WAIT_WAIT_H
#define LIFECYCLE_WAIT_WAIT_H

#include <lifecycle/wait.h>

/*
 * As lc_wait_any; `end`, if not NULL, is a further waitable behind the others, so that any of them
 * wins over it.
 * @return an index below `count`; `count` if `end` closed; or an error of lc_wait_any.
 */
int lc__wait_any(lc_waitable *waitables, size_t count, lc_handle *end, int64_t deadline);
/*
 * The same, but where that would end the calling task it returns -EINTR: the caller gives back what
 * it holds, and calls lc__task_check.
 */
int lc__wait_any_holding(lc_waitable *waitables, size_t count, lc_handle *end, int64_t deadline);
/*
 * Logs why a wait for these answers -EINVAL. @param caller  the function of the program's that was
 * called. @return -EINVAL.
 */
int lc__wait_refuse(const char *caller, const lc_waitable *waitables, size_t count);

#endif
