/*
 * room.h (internal): senders that wait until a mailbox has room. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_ROOM_H
#define LIFECYCLE_ISOLATE_ROOM_H

#include "isolate/record.h"

/*
 * There is room again: takes what parked senders wait for, under the lock, and has them look again,
 * without it. NULL: nobody waits.
 */
lc_handle *lc__room_take(struct lc__isolate *isolate);
void lc__room_tell(lc_handle *room);
/*
 * Waits until the mailbox of the port's isolate may have room. @return 0: look again; -ETIMEDOUT;
 * -ENOMEM; -EINTR: the sender must end.
 */
int lc__room_await(lc_send_port port, int64_t deadline);

#endif
