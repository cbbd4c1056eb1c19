/*
 * group.h (internal): a group of isolates, as its isolates use it. Floor 6. See group.c.
 */
#ifndef LIFECYCLE_ISOLATE_GROUP_H
#define LIFECYCLE_ISOLATE_GROUP_H

#include <lifecycle/isolate.h>

/* Counts an isolate in; it has a reference. @return 0, -ESHUTDOWN. */
int lc__isolate_group_enter(lc_isolate_group *group);
void lc__isolate_group_leave(lc_isolate_group *group);
lc_executor *lc__isolate_group_executor(const lc_isolate_group *group);
struct lc_thread_group *lc__isolate_group_threads(const lc_isolate_group *group);
/* Whether it is being shut down: holds do not hold any more. */
bool lc__isolate_group_is_down(const lc_isolate_group *group);
/*
 * Begins the shutdown: no isolate enters the group any more. `*empty`: a reference to the handle
 * that closes when the last isolate has left. @return 1: isolates are left; 0: none is, and the
 * handle is closed; -ENOMEM; -ENOTSUP: the isolates are of another world than the caller.
 */
int lc__isolate_group_close(lc_isolate_group *group, lc_handle **empty);

#endif
