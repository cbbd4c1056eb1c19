/*
 * port.h (internal): ports of either kind. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_PORT_H
#define LIFECYCLE_ISOLATE_PORT_H

#include <lifecycle/port.h>

/* Whether the caller may send to the port. @return 0; -ENOTSUP: the port is of another world. */
int lc__port_check_world(lc_send_port port);
/*
 * The error of a call that only the port's owner may make, given the error of the layer below:
 * -EPERM becomes -EBADF if the port is closed. Others stay.
 */
int lc__port_refusal(lc_send_port port, int error);

#endif
