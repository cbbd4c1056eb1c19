/*
 * mailbox.c: see mailbox.h.
 *
 * What calls in. Any thread puts a message: a sender, a timer, a listener's isolate. The
 * isolate's run (run.c) takes messages. The isolate's handlers close ports and set handlers
 * (isolate_port.c). All of it happens under the isolate's lock, a spinlock that is held for a few
 * instructions. One step under the lock finds that the isolate lives, that the port is open and
 * that there is room, and appends the message. So the messages of one sender stay in the order
 * sent, whatever their ports.
 *
 * A message goes this way. The limit counts it where the name of a count stands:
 *
 *               put              take                  run
 *     sender --------> mailbox ------------> taken ------------> handler, then freed
 *                      `queued`              ^   |
 *                      lc_port_set_handler() |   | the port has no handler
 *                                            |   v
 *                                       extras->waiting
 *                                          `waiting`
 *
 * The run takes the whole mailbox at once and does not touch the messages, which are not in its
 * cache. It gives their room to senders in steps of BATCH: `uncounted` of the next messages are
 * no longer in `queued`. An isolate with a small limit, or that drops its oldest message, takes
 * one message at a time, so that the limit is exact and the oldest message is there to drop.
 *
 * An isolate is in one of three states:
 *
 *            an event comes next                executor
 *     idle ----------------------> scheduled -------------> running
 *      ^                               ^                     |  |
 *      |                               +---------------------+  |
 *      |                                  the turn is over      |
 *      +--------------------------------------------------------+
 *                         no event comes next
 *
 *     idle: `scheduled` is false. scheduled: it is true, and the job is in a run queue.
 *     running: it is true, and the job runs; `running` is set from the run's first look on.
 *
 * The invariant: whenever the lock is free, `scheduled` is false only if lc__isolate_next_event()
 * is LC__EVENT_NONE. There are two exceptions. The remains of a simulation that was broken off
 * never run. The shutdown of a group ends all holds of its isolates at once, and then visits each
 * isolate (control.c).
 *
 * Why no wake-up is lost. What changes the next event, a put or lc__isolate_unlock_changed(),
 * looks at `scheduled` in the same step under the lock. A run sets `scheduled` to false in the
 * step under the lock in which it finds no event. If the put comes first, the run finds the
 * message. If the run comes first, the put finds `scheduled` false, sets it, and posts the job.
 * Only the thread that sets `scheduled` posts, so the job is in one run queue at a time.
 * `attention` only makes a run look early: a run that misses it still makes its last look under
 * the lock.
 *
 * No sender that waits for room is forgotten: see room.h. Room is freed by lc__mailbox_take(), by
 * lc_port_close() and lc_port_set_handler(), and by the isolate's end. Each of them takes the
 * senders' handle under the lock and then closes it.
 */
#include "isolate/mailbox.h"

#include "isolate/isolate_port.h"
#include "isolate/lookup.h"
#include "isolate/schedule.h"

#include <errno.h>

/* How many messages stop counting at a time. */
enum { BATCH = 64 };

/* Removes the oldest message to make room for a new one, which takes its place in the counts. */
static lc_message *mailbox_shift_oldest(struct lc__isolate *isolate)
{
    LC__ASSERT(isolate->one_by_one); /* else the oldest message may be taken */
    LC__ASSERT(isolate->queued + isolate->waiting > 0);
    if (isolate->waiting == 0)
        return lc__messages_shift_counted(&isolate->mailbox);
    isolate->waiting--;
    isolate->queued++;
    return lc__messages_shift_counted(&isolate->extras->waiting);
}

/* Does what `when_full` says, and unlocks. @return as lc__mailbox_put(). */
static int mailbox_put_full(struct lc__isolate *isolate, lc_message *message)
{
    LC__ASSERT(lc__spinlock_is_held(&isolate->lock));
    lc_message *oldest = NULL;
    int result = -ENOBUFS;
    if (isolate->when_full == LC_FULL_DROP_OLDEST) {
        oldest = mailbox_shift_oldest(isolate);
        STAILQ_INSERT_TAIL(&isolate->mailbox, message, link);
        result = 0;
    } else if (isolate->when_full == LC_FULL_PARK_SENDER) {
        result = isolate == lc__isolate_running() ? -EDEADLK : -EAGAIN;
    }
    lc__isolate_unlock(isolate);
    lc__message_drop(oldest);
    return result;
}

int lc__mailbox_put(lc_message *message, bool beyond_limit)
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
    if (full && isolate->limit != UINT32_MAX && !beyond_limit)
        return mailbox_put_full(isolate, message);
    STAILQ_INSERT_TAIL(&isolate->mailbox, message, link);
    isolate->queued += !message->is_tick;
    bool idle = !isolate->scheduled && lc__isolate_next_event(isolate) != LC__EVENT_NONE;
    isolate->scheduled |= idle;
    lc__isolate_unlock(isolate);
    if (idle)
        lc__job_post(&isolate->job);
    return 0;
}

static lc_message *mailbox_take_chain(struct lc__isolate *isolate)
{
    lc_message *first = STAILQ_FIRST(&isolate->mailbox);
    LC__ASSERT(first);
    if (!isolate->one_by_one) {
        STAILQ_INIT(&isolate->mailbox);
        return first;
    }
    STAILQ_REMOVE_HEAD(&isolate->mailbox, link);
    STAILQ_NEXT(first, link) = NULL;
    return first;
}

bool lc__mailbox_take(struct lc__isolate *isolate)
{
    LC__ASSERT(lc__spinlock_is_held(&isolate->lock) && isolate->running == lc__task_current());
    uint32_t most = isolate->one_by_one ? 1 : BATCH;
    if (!isolate->taken)
        isolate->taken = mailbox_take_chain(isolate);
    if (isolate->uncounted > 0 || (isolate->one_by_one && isolate->taken->is_tick))
        return false;
    isolate->uncounted = isolate->queued < most ? isolate->queued : most;
    isolate->queued -= isolate->uncounted;
    return isolate->uncounted > 0;
}

void lc__mailbox_set_aside(struct lc__isolate *isolate, lc_message *message)
{
    LC__ASSERT(lc__isolate_running() == isolate && isolate->extras);
    lc__spinlock_lock(&isolate->lock);
    STAILQ_INSERT_TAIL(&isolate->extras->waiting, message, link);
    isolate->waiting += !message->is_tick;
    lc__isolate_unlock(isolate);
}
