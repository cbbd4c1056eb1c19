/*
 * mailbox.c: sending, and where messages lie until an isolate takes them. See isolate.h and
 * <lifecycle/port.h>.
 *
 * A mailbox is a list under the isolate's lock, which is held for a few instructions. So that an
 * isolate is alive, that the port is open, that there is room, and that the message is in, is one
 * step; and messages of one sender, to whatever ports, lie in the order sent.
 */
#include "base/fork.h"
#include "isolate/isolate.h"
#include "wait/handle.h"

#include <lifecycle/handle.h>

#include <errno.h>

/*
 * Messages that are counted off at a time: from then on there is room for as many more. The list
 * itself is taken as a whole, without a look at its messages, which are cold by now.
 */
enum { BATCH = 64 };

/* ---- putting ---- */

/* To give way to another, which is counted in its stead. NULL: all that is full is in hand. */
static lc_message *take_oldest(struct lc__isolate *isolate)
{
    lc_message *oldest =
        isolate->waiting > 0 ? lc__messages_shift_counted(&isolate->extras->waiting) : NULL;
    if (!oldest)
        return isolate->queued > 0 ? lc__messages_shift_counted(&isolate->mailbox) : NULL;
    isolate->waiting--;
    isolate->queued++;
    return oldest;
}

/* The mailbox is full. The lock is given back. */
static int meet_full(struct lc__isolate *isolate, lc_message *message)
{
    lc_message *oldest = NULL;
    int result = -ENOBUFS;
    if (isolate->when_full == LC_FULL_DROP_OLDEST) {
        oldest = take_oldest(isolate);
        lc__messages_append(&isolate->mailbox, message);
        result = 0;
    } else if (isolate->when_full == LC_FULL_PARK_SENDER) {
        result = isolate == lc__isolate_running() ? -EDEADLK : -EAGAIN;
    }
    lc__isolate_unlock(isolate);
    lc__message_drop(oldest);
    return result;
}

int lc__mailbox_put(lc_message *message, bool urgent)
{
    struct lc__isolate *isolate = lc__isolate_lock(message->port);
    if (isolate && !lc__port_find(isolate, message->port.number)) {
        lc__isolate_unlock(isolate);
        isolate = NULL;
    }
    if (!isolate) {
        lc__message_drop(message);
        return 0;
    }
    if (!lc__executor_is_of_this_world(isolate->job.executor)) {
        lc__isolate_unlock(isolate);
        return -ENOTSUP;
    }
    bool full = isolate->queued + isolate->waiting >= isolate->limit;
    if (full && isolate->limit != UINT32_MAX && !urgent)
        return meet_full(isolate, message);
    lc__messages_append(&isolate->mailbox, message);
    isolate->queued += !message->is_tick;
    /* Who runs it looks again, under the lock, before it stops running it. */
    bool idle = !isolate->posted && lc__isolate_next(isolate) != LC__EVENT_NONE;
    isolate->posted |= idle;
    lc__isolate_unlock(isolate);
    if (idle)
        lc__job_post(&isolate->job);
    return 0;
}

/* The rest of a mailbox of which messages are taken one by one stays where the oldest can be dropped. */
static void take_list(struct lc__isolate *isolate)
{
    struct lc__messages *mailbox = &isolate->mailbox;
    isolate->taken = mailbox->first;
    mailbox->first = NULL;
    if (isolate->one_by_one) {
        mailbox->first = isolate->taken->next;
        isolate->taken->next = NULL;
    }
}

bool lc__mailbox_take(struct lc__isolate *isolate)
{
    uint32_t most = isolate->one_by_one ? 1 : BATCH;
    if (!isolate->taken)
        take_list(isolate);
    if (isolate->counted_off > 0 || (isolate->one_by_one && isolate->taken->is_tick))
        return false;
    isolate->counted_off = isolate->queued < most ? isolate->queued : most;
    isolate->queued -= isolate->counted_off;
    return isolate->counted_off > 0;
}

void lc__mailbox_let_wait(struct lc__isolate *isolate, lc_message *message)
{
    lc__spinlock_lock(&isolate->lock);
    lc__messages_append(&isolate->extras->waiting, message);
    isolate->waiting += !message->is_tick;
    lc__isolate_unlock(isolate);
}

lc_handle *lc__mailbox_take_room(struct lc__isolate *isolate)
{
    lc_handle *room = isolate->extras ? isolate->extras->room : NULL;
    if (room)
        isolate->extras->room = NULL;
    return room;
}

void lc__mailbox_tell_room(lc_handle *room)
{
    if (!room)
        return;
    lc_handle_close(room);
    lc_handle_unref(room);
}

/* ---- sending ---- */

void lc__send_own(lc_message *message)
{
    int result = lc__port_is_channel(message->port) ? lc__channel_port_put(message, true, LC_NOW)
                                                    : lc__mailbox_put(message, true);
    if (result < 0)
        lc__message_drop(message);
}

/* The handle that closes when the port's mailbox has room; a reference. NULL, *error 0: look again. */
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
        *error = 0; /* it has ended: the message will be dropped */
    }
    lc_handle_unref(spare);
    return room;
}

/* @return 0: look again; -EINTR: the sender must end. */
static int await_room(lc_send_port port, int64_t deadline)
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

static int send_message(lc_message *message, int64_t deadline)
{
    if (lc__port_is_channel(message->port))
        return lc__channel_port_put(message, false, deadline);
    int result;
    while ((result = lc__mailbox_put(message, false)) == -EAGAIN)
        if ((result = await_room(message->port, deadline)) < 0)
            break;
    return result;
}

int lc_send_payload(lc_send_port port, const lc_payload *payload, int64_t deadline)
{
    lc__isolate_check_with(payload);
    if (!lc_send_port_is_set(port) || lc__payload_check(payload) < 0)
        return -EINVAL;
    if (lc__forked())
        return -ENOTSUP;
    lc_message *message = lc__message_new(port, payload);
    if (!message)
        return -ENOMEM;
    int result = send_message(message, deadline);
    if (result == -EINTR)
        lc_message_free(message); /* what was moved goes with it */
    else if (result < 0)
        lc__message_disown(message);
    /* A caller that was doomed while it waited for room ends, whether it has got some or not. */
    if (result == -EINTR || result > 0)
        lc__task_check(); /* does not return */
    return result;
}

int lc_send(lc_send_port port, const void *data, size_t size)
{
    const lc_payload payload = {(void *)(uintptr_t)data, size, NULL};
    return lc_send_payload(port, &payload, LC_FOREVER);
}

int lc_send_moved(lc_send_port port, void *data, size_t size, void (*destroy)(void *data))
{
    const lc_payload payload = {data, size, destroy ? destroy : lc_payload_keep};
    return lc_send_payload(port, &payload, LC_FOREVER);
}

uint64_t lc_send_port_hash(lc_send_port port)
{
    /* Multiplied by an odd number that spreads neighbours; the upper half is folded onto the lower. */
    uint64_t number = (port.serial ^ (uint64_t)port.place << 32 ^ port.number << 16);
    number *= UINT64_C(0x9e3779b97f4a7c15);
    return number ^ number >> 32;
}
