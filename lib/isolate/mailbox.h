/*
 * mailbox.h (internal): the messages that an isolate has got and not handled. Floor 6. The design
 * note is in mailbox.c.
 */
#ifndef LIFECYCLE_ISOLATE_MAILBOX_H
#define LIFECYCLE_ISOLATE_MAILBOX_H

#include "isolate/record.h"

/*
 * Puts a message into the mailbox of its port's isolate, or drops the message if the port is
 * closed. `beyond_limit`: the library sends it, and no limit refuses it. Any thread.
 * @return 0; or, and the message stays the caller's: -ENOBUFS: full; -EDEADLK: full, and the
 * calling isolate would wait for itself; -EAGAIN: full, and the caller waits for room; -ENOTSUP:
 * the isolate is of another world.
 */
int lc__mailbox_put(lc_message *message, bool beyond_limit);
/*
 * Takes the messages that the isolate handles next, if it has none taken, and stops counting some
 * of them. Called by its run, under the lock, when a message comes next. @return whether senders
 * have got room.
 */
bool lc__mailbox_take(struct lc__isolate *isolate);
/* Sets a message aside until its port has a handler. Called by the isolate's run. */
void lc__mailbox_set_aside(struct lc__isolate *isolate, struct lc_message *message);

#endif
