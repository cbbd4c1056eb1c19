/*
 * isolate_port.h (internal): the receive ports of an isolate, which have handlers. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_ISOLATE_PORT_H
#define LIFECYCLE_ISOLATE_ISOLATE_PORT_H

#include "isolate/record.h"

/* Finds a port that is not the first. NULL: it is closed. */
struct lc__port *lc__isolate_port_search(struct lc__isolate *isolate, uint32_t number);

/* Finds a port. NULL: it is closed. For the isolate itself, or under its lock. */
static inline struct lc__port *lc__isolate_port_find(struct lc__isolate *isolate, uint32_t number)
{
    LC__ASSERT(lc__isolate_is_callers(isolate));
    if (number == isolate->port.number)
        return number > 0 ? &isolate->port : NULL;
    return lc__isolate_port_search(isolate, number);
}

/* Opens a port of the isolate, which is the caller. @return 0, -EMFILE, -ENOMEM. */
int lc__isolate_port_open(struct lc__isolate *isolate, const lc_port_options *options,
                          lc_receive_port *opened);
/*
 * Do what the public functions of these names do. Any task may call them. @return -EBADF: the
 * calling isolate has closed the port; -EPERM: the port is not the calling isolate's.
 */
int lc__isolate_port_close(lc_receive_port port);
int lc__isolate_port_set_handler(lc_receive_port port, lc_message_handler handler, void *arg);
int lc__isolate_port_set_weak(lc_receive_port port, bool weak);

#endif
