/*
 * mailbox.h (internal): the messages of an isolate that were sent and not handled. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_MAILBOX_H
#define LIFECYCLE_ISOLATE_MAILBOX_H

#include "isolate/record.h"

/*
 * Puts a message into the mailbox, or drops it; `urgent`: the library's own, which no limit stops.
 * @return 0; -ENOBUFS, -EDEADLK, -EAGAIN (full, and the sender is to be parked), -ENOTSUP: it is the
 * caller's still.
 */
int lc__mailbox_put(lc_message *message, bool urgent);
/* Takes what is to be handled next; by the isolate, under the lock. @return whether it made room. */
bool lc__mailbox_take(struct lc__isolate *isolate);
/* The message waits until its port has a handler; by the isolate. */
void lc__mailbox_let_wait(struct lc__isolate *isolate, struct lc_message *message);

#endif
