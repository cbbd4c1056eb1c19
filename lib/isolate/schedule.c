/*
 * schedule.c: see schedule.h. The design note of mailbox.c says why no wake-up is lost.
 */
#include "isolate/schedule.h"

#include "isolate/group.h"

bool lc__isolate_is_held_at_start(const struct lc__isolate *isolate)
{
    LC__ASSERT(lc__spinlock_is_held(&isolate->lock));
    return isolate->flags & LC__HELD_AT_START && !(isolate->flags & LC__CUT_SHORT) &&
           !lc__isolate_group_is_down(isolate->group);
}

/* Whether the isolate has handled all events that it will, but for control. */
static bool isolate_is_over(const struct lc__isolate *isolate)
{
    if (isolate->flags & LC__CUT_SHORT)
        return true;
    bool waits = isolate->flags & (LC__NOT_ENTERED | LC__PAUSED);
    return !waits && !isolate->taken && STAILQ_EMPTY(&isolate->mailbox) && isolate->keep_alive == 0;
}

static bool isolate_holds_at_exit(const struct lc__isolate *isolate)
{
    return isolate->hold_at_exit && !lc__isolate_group_is_down(isolate->group);
}

static bool isolate_has_last_message(const struct lc__isolate *isolate)
{
    return isolate->extras && isolate->extras->last;
}

bool lc__isolate_is_held_at_exit(const struct lc__isolate *isolate)
{
    LC__ASSERT(lc__spinlock_is_held(&isolate->lock));
    return !isolate->running && isolate_is_over(isolate) && isolate_holds_at_exit(isolate) &&
           !isolate_has_last_message(isolate);
}

enum lc__event lc__isolate_next_event(const struct lc__isolate *isolate)
{
    LC__ASSERT(lc__spinlock_is_held(&isolate->lock));
    LC__ASSERT(isolate->alive);
    unsigned flags = isolate->flags;
    if (flags == 0 && (isolate->taken || !STAILQ_EMPTY(&isolate->mailbox)))
        return LC__EVENT_MESSAGE;
    if (flags & LC__CONTROL_WAITS)
        return LC__EVENT_CONTROL;
    if (isolate_is_over(isolate) && !isolate_holds_at_exit(isolate))
        return LC__EVENT_END;
    if (isolate_is_over(isolate))
        return isolate_has_last_message(isolate) ? LC__EVENT_LAST : LC__EVENT_NONE;
    if (flags & LC__PAUSED || lc__isolate_is_held_at_start(isolate))
        return LC__EVENT_NONE;
    return flags & LC__NOT_ENTERED ? LC__EVENT_ENTRY : LC__EVENT_NONE;
}

void lc__isolate_unlock_changed(struct lc__isolate *isolate)
{
    LC__ASSERT(lc__spinlock_is_held(&isolate->lock));
    /* Relaxed: the run sees it at its next look, or at its last look, which is under the lock. */
    atomic_store_explicit(&isolate->attention, true, memory_order_relaxed);
    bool idle = !isolate->scheduled && lc__isolate_next_event(isolate) != LC__EVENT_NONE;
    /* A simulation that was broken off runs nothing more: the real world frees what is left. */
    idle = idle && lc__executor_is_of_this_world(isolate->job.executor);
    isolate->scheduled |= idle;
    lc__isolate_unlock(isolate);
    if (idle)
        lc__job_post(&isolate->job);
}
