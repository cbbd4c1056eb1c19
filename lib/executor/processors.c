/*
 * processors.c: see processors.h.
 */
#include "executor/processors.h"

#include <lifecycle/executor.h>

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned processors_by_affinity(void)
{
    cpu_set_t set;
    /* The call fails if there are more processors than the set has bits: then there are enough. */
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set)
                                                       : LC_EXECUTOR_THREADS_MAX;
}

static unsigned quota_round_up(long long quota, long long period)
{
    return quota > 0 && period > 0 ? (unsigned)((quota + period - 1) / period) : 0;
}

/* The file has "max 100000" or "150000 100000": the quota of a period, and the period. 0: none. */
static unsigned group_read_quota(const char *root, const char *group)
{
    char path[PATH_MAX], line[64] = "";
    if (snprintf(path, sizeof path, "%s%s/cpu.max", root, group) >= (int)sizeof path)
        return 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    char *got = fgets(line, sizeof line, file);
    fclose(file);
    char *rest = line;
    long long quota = got ? strtoll(line, &rest, 10) : 0;
    return quota_round_up(quota, strtoll(rest, NULL, 10));
}

/* Finds the path of the group in the hierarchy of version 2: the line is "0::PATH". */
static bool group_find_path(const char *groups, char *group, size_t size)
{
    bool found = false;
    char line[PATH_MAX];
    FILE *file = fopen(groups, "re");
    if (!file)
        return false;
    while (!found && fgets(line, sizeof line, file)) {
        found = strncmp(line, "0::/", 4) == 0;
        line[strcspn(line, "\n")] = '\0';
        if (found)
            snprintf(group, size, "%s", line + 3);
    }
    fclose(file);
    return found;
}

unsigned lc__processors_quota(const char *groups, const char *root)
{
    char group[PATH_MAX];
    unsigned least = 0;
    if (!group_find_path(groups, group, sizeof group))
        return 0;
    /* A group above may allow less. In a container the files of groups above are absent. */
    for (;;) {
        unsigned limit = group_read_quota(root, group);
        if (limit > 0 && (least == 0 || limit < least))
            least = limit;
        char *last = strrchr(group, '/');
        if (!last)
            return least;
        *last = '\0';
    }
}

unsigned lc__processors(void)
{
    unsigned count = processors_by_affinity();
    unsigned quota = lc__processors_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    if (quota > 0 && quota < count)
        count = quota;
    if (count < 1)
        return 1;
    return count < LC_EXECUTOR_THREADS_MAX ? count : LC_EXECUTOR_THREADS_MAX;
}
