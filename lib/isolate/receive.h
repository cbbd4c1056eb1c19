/*
 * receive.h (internal): receiving on ports of fibers and threads. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_RECEIVE_H
#define LIFECYCLE_ISOLATE_RECEIVE_H

#include <lifecycle/port.h>

/*
 * As lc_port_receive, for a caller that holds something: begins with no lc__task_check, and where
 * the calling task must end it returns -EINTR.
 */
int lc__port_receive(lc_receive_port port, lc_message **message, int64_t deadline);

#endif
