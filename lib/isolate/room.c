/*
 * room.c: see room.h.
 */
#include "isolate/room.h"

#include "isolate/lookup.h"
#include "wait/handle.h"

#include <lifecycle/handle.h>

#include <errno.h>

lc_handle *lc__room_take(struct lc__isolate *isolate)
{
    LC__ASSERT(lc__spinlock_is_held(&isolate->lock));
    lc_handle *room = isolate->extras ? isolate->extras->room : NULL;
    if (room)
        isolate->extras->room = NULL;
    return room;
}

void lc__room_wake(lc_handle *room)
{
    if (!room)
        return;
    lc_handle_close(room);
    lc_handle_unref(room);
}

/*
 * @return a reference to the handle that closes when the mailbox has room; or NULL and *error: 0,
 * the mailbox has room by now, or the isolate has ended and the next put drops the message.
 */
static lc_handle *room_of(lc_send_port port, int *error)
{
    lc_handle *spare = lc_handle_new();
    struct lc__isolate *isolate = spare ? lc__isolate_lock_extras(port, error) : NULL;
    lc_handle *room = NULL;
    if (!spare)
        *error = -ENOMEM;
    if (isolate) {
        *error = 0;
        bool full = isolate->queued + isolate->waiting >= isolate->limit;
        if (full && !isolate->extras->room) {
            isolate->extras->room = spare;
            spare = NULL;
        }
        room = full ? lc_handle_ref(isolate->extras->room) : NULL;
        lc__isolate_unlock(isolate);
    } else if (*error == -ESRCH) {
        *error = 0;
    }
    lc_handle_unref(spare);
    return room;
}

int lc__room_await(lc_send_port port, int64_t deadline)
{
    int result = 0;
    if (deadline == LC_NOW)
        return -ETIMEDOUT;
    lc_handle *room = room_of(port, &result);
    if (room)
        result = lc__handle_wait(room, deadline);
    lc_handle_unref(room);
    return result;
}
