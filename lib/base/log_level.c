/*
 * log_level.c: see log_level.h and <lifecycle/log.h>.
 */
#include "base/log_level.h"

#include <errno.h>
#include <string.h>

/* By level. The numbers below the first level have no name. */
static const char *const level_names[] = {
    [LC_LOG_CRITICAL] = "critical", [LC_LOG_ERROR] = "error", [LC_LOG_WARNING] = "warning",
    [LC_LOG_NOTICE] = "notice",     [LC_LOG_INFO] = "info",   [LC_LOG_DEBUG] = "debug",
};

const char *lc_log_level_name(lc_log_level level)
{
    return lc__log_level_exists(level) ? level_names[level] : NULL;
}

int lc_log_level_parse(const char *name, lc_log_level *level)
{
    for (int i = LC_LOG_CRITICAL; name && level && i <= LC_LOG_DEBUG; i++) {
        if (strcmp(name, level_names[i]) != 0)
            continue;
        *level = (lc_log_level)i;
        return 0;
    }
    return -EINVAL;
}
