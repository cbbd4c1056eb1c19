/*
 * log_text.h (internal): a record of the log as a line for people. Floor 0.
 */
#ifndef LIFECYCLE_BASE_LOG_TEXT_H
#define LIFECYCLE_BASE_LOG_TEXT_H

#include "base/log_line.h"

lc__log_format lc__log_format_text;

#endif
