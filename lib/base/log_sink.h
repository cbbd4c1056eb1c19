/*
 * log_sink.h (internal): the sink in force, which takes the records of the log. Floor 0.
 */
#ifndef LIFECYCLE_BASE_LOG_SINK_H
#define LIFECYCLE_BASE_LOG_SINK_H

#include <lifecycle/log.h>

/* Hands a record to the sink in force. */
void lc__log_sink_write(const lc_log_record *record);
/* Has the sink in force write out what it holds back. */
void lc__log_sink_flush(void);
/*
 * Puts a sink in force, and releases the one before once no thread is in it. NULL: the library's
 * own text sink. @return 0, -ENOMEM.
 */
int lc__log_sink_replace(const lc_log_sink *calls);

#endif
