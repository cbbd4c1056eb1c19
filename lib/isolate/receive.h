/*
 * receive.h (internal): receives on ports of fibers and threads. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_RECEIVE_H
#define LIFECYCLE_ISOLATE_RECEIVE_H

#include <lifecycle/port.h>

/*
 * As lc_port_receive(), for a caller that must free something: it makes no lc__task_check(), and
 * returns -EINTR where the calling task must end.
 */
int lc__port_receive(lc_receive_port port, lc_message **message, int64_t deadline);

#endif
