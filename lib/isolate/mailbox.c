/*
 * mailbox.c: sending, and where messages lie until an isolate takes them. See isolate.h and
 * <lifecycle/port.h>.
 *
 * A mailbox is a list under the isolate's lock, which is held for a few instructions. So that an
 * isolate is alive, that the port is open, that there is room, and that the message is in, is one
 * step; and messages of one sender, to whatever ports, lie in the order sent.
 */
#include "isolate/mailbox.h"

#include "isolate/isolate_port.h"
#include "isolate/lookup.h"
#include "isolate/schedule.h"

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
    if (isolate && !lc__isolate_port_find(isolate, message->port.number)) {
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
