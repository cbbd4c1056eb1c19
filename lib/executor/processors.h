/*
 * processors.h: how many threads can run at a time. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_PROCESSORS_H
#define LIFECYCLE_EXECUTOR_PROCESSORS_H

/*
 * The processors that this process may use, by its affinity and by the quota of its control groups,
 * rounded up; 1 to LC_EXECUTOR_THREADS_MAX.
 */
unsigned lc__processors(void);

/*
 * The quota that the control groups of a hierarchy set: `groups` is a file like /proc/self/cgroup,
 * `root` where the hierarchy is mounted. In processors, rounded up; 0: no limit, or none found.
 */
unsigned lc__processors_quota(const char *groups, const char *root);

#endif
