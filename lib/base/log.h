/*
 * log.h (internal): who speaks, and taking the sink down. Floor 0.
 */
#ifndef LIFECYCLE_BASE_LOG_H
#define LIFECYCLE_BASE_LOG_H

#include <lifecycle/log.h>

/*
 * The name under which the calling thread logs when none is given, and lc_worker_name; borrowed.
 * NULL: "".
 */
void lc__log_set_speaker(const char *name);
/* Never NULL. */
const char *lc__log_speaker(void);

#endif
