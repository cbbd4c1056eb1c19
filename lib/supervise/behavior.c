/*
 * behavior.c: the names of the behaviors. See <lifecycle/behavior.h>.
 */
#include <lifecycle/behavior.h>

#include <errno.h>
#include <string.h>

static const char *const behavior_names[] = {
    [LC_RESTART] = "restart",   [LC_STOP] = "stop",           [LC_STOP_PARENTS] = "stop-parents",
    [LC_SHUTDOWN] = "shutdown", [LC_SPIN_HALT] = "spin-halt",
};

enum { BEHAVIOR_COUNT = sizeof behavior_names / sizeof behavior_names[0] };

const char *lc_behavior_name(lc_behavior behavior)
{
    return (unsigned)behavior < BEHAVIOR_COUNT ? behavior_names[behavior] : NULL;
}

int lc_behavior_parse(const char *name, lc_behavior *behavior)
{
    for (unsigned i = 0; name && behavior && i < BEHAVIOR_COUNT; i++) {
        if (strcmp(name, behavior_names[i]) != 0)
            continue;
        *behavior = (lc_behavior)i;
        return 0;
    }
    return -EINVAL;
}
