/*
 * processors.h: how many threads can run at a time. Floor 1.
 */
#ifndef LIFECYCLE_EXECUTOR_PROCESSORS_H
#define LIFECYCLE_EXECUTOR_PROCESSORS_H

/*
 * How many processors this process may use, by its affinity and by the quota of its control groups,
 * rounded up: 1 to LC_EXECUTOR_THREADS_MAX.
 */
unsigned lc__processors(void);

/*
 * The quota of this process's control groups, in processors, rounded up. `groups` is a file like
 * /proc/self/cgroup; the hierarchy is mounted at `root`. 0: there is no limit, or no hierarchy.
 */
unsigned lc__processors_quota(const char *groups, const char *root);

#endif
