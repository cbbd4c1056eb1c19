/*
 * log_json.h (internal): a record of the log as a JSON object. Floor 0.
 */
#ifndef LIFECYCLE_BASE_LOG_JSON_H
#define LIFECYCLE_BASE_LOG_JSON_H

#include "base/log_line.h"

lc__log_format lc__log_format_json;

#endif
