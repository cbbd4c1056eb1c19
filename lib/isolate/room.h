/*
 * room.h (internal): senders that wait until a mailbox has room. Floor 6.
 *
 * The waiting senders of an isolate share one handle, extras->room. A sender that finds the
 * mailbox full, under the lock, makes the handle or takes a reference, and waits for its close.
 * The thread that makes room takes the handle out, under the lock, and closes it. Each sender
 * then tries again.
 */
#ifndef LIFECYCLE_ISOLATE_ROOM_H
#define LIFECYCLE_ISOLATE_ROOM_H

#include "isolate/record.h"

/*
 * Takes out what the waiting senders wait for, when the mailbox has got room. Under the lock.
 * @return the handle for lc__room_wake(), without the lock; NULL: no sender waits.
 */
lc_handle *lc__room_take(struct lc__isolate *isolate);
/* Wakes the senders, and frees the handle. NULL is allowed. */
void lc__room_wake(lc_handle *room);
/*
 * Waits until the mailbox of the port's isolate may have room.
 * @return 0: try again; -ETIMEDOUT; -ENOMEM; -EINTR: the calling task must end.
 */
int lc__room_await(lc_send_port port, int64_t deadline);

#endif
