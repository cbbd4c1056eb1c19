/*
 * isolate_port.h (internal): the receive ports of an isolate, which have handlers. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_ISOLATE_PORT_H
#define LIFECYCLE_ISOLATE_ISOLATE_PORT_H

#include "isolate/record.h"

/* A port of an isolate; NULL: closed. By the isolate, or under its lock. */
struct lc__port *lc__isolate_port_find(struct lc__isolate *isolate, uint32_t number);
/* Opens one of the isolate that runs. @return 0, -EMFILE, -ENOMEM. */
int lc__isolate_port_open(struct lc__isolate *isolate, const lc_port_options *options,
                          lc_receive_port *opened);
/*
 * The same as the public calls of these names, by any caller. @return -EBADF: the calling isolate
 * has closed the port; -EPERM: it is not one of the calling isolate's.
 */
int lc__isolate_port_close(lc_receive_port port);
int lc__isolate_port_set_handler(lc_receive_port port, lc_message_handler handler, void *arg);
int lc__isolate_port_set_weak(lc_receive_port port, bool weak);

#endif
