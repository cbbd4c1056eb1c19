/*
 * log_standard.h (internal): the sinks that write to stderr. Floor 0.
 */
#ifndef LIFECYCLE_BASE_LOG_STANDARD_H
#define LIFECYCLE_BASE_LOG_STANDARD_H

#include <lifecycle/log.h>

/* Their `arg` is the format, and must not be written to. */
extern const lc_log_sink lc__log_text_sink;
extern const lc_log_sink lc__log_json_sink;
/* For a forked child: the parent reports the lines that it has lost. */
void lc__log_forget_lost(void);

#endif
