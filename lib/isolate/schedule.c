/*
 * schedule.c: see schedule.h.
 */
#include "isolate/schedule.h"

#include "isolate/group.h"

bool lc__isolate_is_held_at_start(const struct lc__isolate *isolate)
{
    return isolate->bars & LC__HELD_AT_START && !(isolate->bars & LC__CUT_SHORT) &&
           !lc__isolate_group_is_down(isolate->group);
}

/* Whether all is done that will be, but for control. */
static bool is_over(const struct lc__isolate *isolate)
{
    if (isolate->bars & LC__CUT_SHORT)
        return true;
    bool waits = isolate->bars & (LC__NOT_ENTERED | LC__PAUSED);
    return !waits && !isolate->taken && !isolate->mailbox.first && isolate->keeping == 0;
}

static bool holds_at_exit(const struct lc__isolate *isolate)
{
    return isolate->hold_at_exit && !lc__isolate_group_is_down(isolate->group);
}

static bool has_last_message(const struct lc__isolate *isolate)
{
    return isolate->extras && isolate->extras->last;
}

bool lc__isolate_is_held_at_exit(const struct lc__isolate *isolate)
{
    return !isolate->running && is_over(isolate) && holds_at_exit(isolate) &&
           !has_last_message(isolate);
}

enum lc__event lc__isolate_next(const struct lc__isolate *isolate)
{
    unsigned bars = isolate->bars;
    if (bars == 0 && (isolate->taken || isolate->mailbox.first))
        return LC__EVENT_MESSAGE;
    if (bars & LC__CONTROL_WAITS)
        return LC__EVENT_CONTROL;
    if (is_over(isolate) && !holds_at_exit(isolate))
        return LC__EVENT_END;
    if (is_over(isolate))
        return has_last_message(isolate) ? LC__EVENT_LAST : LC__EVENT_NONE;
    if (bars & LC__PAUSED || lc__isolate_is_held_at_start(isolate))
        return LC__EVENT_NONE;
    return bars & LC__NOT_ENTERED ? LC__EVENT_ENTRY : LC__EVENT_NONE;
}

void lc__isolate_unlock_changed(struct lc__isolate *isolate)
{
    /* Seen by who runs it at its next look, or at the look under the lock before it stops. */
    atomic_store_explicit(&isolate->attention, true, memory_order_relaxed);
    bool idle = !isolate->posted && lc__isolate_next(isolate) != LC__EVENT_NONE;
    /*
     * What is left of a simulation that was broken off is cleared away from outside, and runs
     * nothing.
     */
    idle = idle && lc__executor_is_of_this_world(isolate->job.executor);
    isolate->posted |= idle;
    lc__isolate_unlock(isolate);
    if (idle)
        lc__job_post(&isolate->job);
}
