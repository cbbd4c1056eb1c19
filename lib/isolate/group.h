/*
 * group.h (internal): a group of isolates, as its isolates use it. Floor 6. See group.c.
 */
#ifndef LIFECYCLE_ISOLATE_GROUP_H
#define LIFECYCLE_ISOLATE_GROUP_H

#include <lifecycle/isolate.h>

/* Counts an isolate in, and takes a reference. @return 0; -ESHUTDOWN. NULL is allowed. */
int lc__isolate_group_enter(lc_isolate_group *group);
/* Counts an isolate out, and gives its reference back. NULL is allowed. */
void lc__isolate_group_leave(lc_isolate_group *group);
lc_executor *lc__isolate_group_executor(const lc_isolate_group *group);
/* The threads that the isolates may use; NULL: all of the executor, or no group. */
struct lc_thread_group *lc__isolate_group_threads(const lc_isolate_group *group);
/* Whether the group is being shut down: then holds do not hold. False for NULL. */
bool lc__isolate_group_is_down(const lc_isolate_group *group);
/*
 * Begins the shutdown: no isolate enters the group from now on. `*empty`: a reference to the handle
 * that closes when the last isolate has left. @return 1: isolates are left; 0: none is, and the
 * handle is closed; -ENOMEM; -ENOTSUP: the isolates are of another world than the caller.
 */
int lc__isolate_group_close(lc_isolate_group *group, lc_handle **empty);

#endif
