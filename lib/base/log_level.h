/*
 * log_level.h (internal): the levels of the log. Floor 0.
 */
#ifndef LIFECYCLE_BASE_LOG_LEVEL_H
#define LIFECYCLE_BASE_LOG_LEVEL_H

#include <lifecycle/log.h>

#include <stdbool.h>

/* Whether the level is one of LC_LOG_... */
static inline bool lc__log_level_exists(lc_log_level level)
{
    return level >= LC_LOG_CRITICAL && level <= LC_LOG_DEBUG;
}

#endif
