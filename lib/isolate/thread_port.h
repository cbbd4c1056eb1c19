/*
 * thread_port.h (internal): the receive ports of fibers and threads, which are channels. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_THREAD_PORT_H
#define LIFECYCLE_ISOLATE_THREAD_PORT_H

#include "isolate/message.h"

#include <lifecycle/channel.h>

enum { LC__THREAD_PORT = 1u << 31 }; /* marks the place of a port that is a channel */

/* Whether the port is one of a fiber or a thread. */
static inline bool lc__port_is_of_thread(lc_send_port port)
{
    return port.place & LC__THREAD_PORT;
}

/* Opens one that the calling task receives on, also in a handler. @return 0, -ENOMEM. */
int lc__thread_port_open(const lc_port_options *options, lc_receive_port *opened);
/* @return 0; -EBADF: it is closed; -EPERM: it is not the calling task's. */
int lc__thread_port_close(lc_receive_port port);
bool lc__thread_port_is_open(lc_send_port port);
/* Whether it is of another world than the caller. A port that is closed is not. */
bool lc__thread_port_is_foreign(lc_send_port port);
/*
 * The channel of a port of the calling task. @return a reference; NULL and -EBADF: it is closed;
 * -EPERM: it is not the caller's; -ENOTSUP: in a forked child.
 */
lc_channel *lc__thread_port_channel(lc_receive_port port, int *error);
/* Takes the oldest message that is still to be delivered. @return as lc_channel_receive, -EINTR. */
int lc__thread_port_take(lc_channel *channel, void **item, int64_t deadline);
/*
 * As lc__mailbox_put, for a port of a fiber or a thread. `deadline`: as lc_send_payload. -EINTR:
 * the calling task must end.
 */
int lc__thread_port_put(lc_message *message, bool urgent, int64_t deadline);
/* Takes ticks of cancelled timers away from the front of such a port's queue. */
void lc__thread_port_purge(lc_send_port port);

#endif
