/*
 * port.h (internal): ports of either kind. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_PORT_H
#define LIFECYCLE_ISOLATE_PORT_H

#include <lifecycle/port.h>

/* Whether what the caller sends could go there: 0, or -ENOTSUP, it is a port of another world. */
int lc__port_check_world(lc_send_port port);
/* The error of a call that only the port's owner may make: -EPERM is -EBADF if the port is closed. */
int lc__port_refusal(lc_send_port port, int error);

#endif
