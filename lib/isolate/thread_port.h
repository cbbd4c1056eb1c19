/*
 * thread_port.h (internal): the receive ports of fibers and threads, which are channels. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_THREAD_PORT_H
#define LIFECYCLE_ISOLATE_THREAD_PORT_H

#include "isolate/message.h"

#include <lifecycle/channel.h>

enum { LC__THREAD_PORT = 1u << 31 }; /* this bit of its place marks a port as a channel */

/* Whether the port is one of a fiber or a thread. */
static inline bool lc__port_is_of_thread(lc_send_port port)
{
    return port.place & LC__THREAD_PORT;
}

/* Opens a port on which the calling task receives, also in a handler. @return 0, -ENOMEM. */
int lc__thread_port_open(const lc_port_options *options, lc_receive_port *opened);
/* @return 0; -EBADF: the port is closed; -EPERM: it is not the calling task's. */
int lc__thread_port_close(lc_receive_port port);
bool lc__thread_port_is_open(lc_send_port port);
/* Whether the port is of another world than the caller. False for a closed port. */
bool lc__thread_port_is_foreign(lc_send_port port);
/*
 * The channel of a port of the calling task. @return a reference; or NULL and *error: -EBADF: the
 * port is closed; -EPERM: it is not the caller's; -ENOTSUP: the caller is a forked child.
 */
lc_channel *lc__thread_port_channel(lc_receive_port port, int *error);
/* Receives the oldest message that is no void tick. @return as lc__channel_transfer(). */
int lc__thread_port_take(lc_channel *channel, void **item, int64_t deadline);
/*
 * As lc__mailbox_put(); waits for room until the deadline. @return also -ETIMEDOUT; -EINTR: the
 * calling task must end; 1: it must end, and the message is sent.
 */
int lc__thread_port_put(lc_message *message, bool beyond_limit, int64_t deadline);
/* Frees the void ticks at the front of the port's channel. */
void lc__thread_port_purge(lc_send_port port);

#endif
