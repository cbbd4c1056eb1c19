/*
 * schedule.h (internal): which event an isolate handles next, and putting the isolate into a run
 * queue. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_SCHEDULE_H
#define LIFECYCLE_ISOLATE_SCHEDULE_H

#include "isolate/record.h"

/* An event's kind. */
enum lc__event {
    LC__EVENT_NONE,
    LC__EVENT_CONTROL,
    LC__EVENT_ENTRY,
    LC__EVENT_MESSAGE,
    LC__EVENT_LAST, /* the isolate sends its last message; a hold at the exit follows */
    LC__EVENT_END
};

/* The event that comes next. Under the lock. */
enum lc__event lc__isolate_next_event(const struct lc__isolate *isolate);
/* Whether the isolate is held. Under the lock. */
bool lc__isolate_is_held_at_start(const struct lc__isolate *isolate);
bool lc__isolate_is_held_at_exit(const struct lc__isolate *isolate);
/*
 * Unlocks an isolate after a change of what comes next. If it has an event to handle and is not
 * scheduled, it is scheduled.
 */
void lc__isolate_unlock_changed(struct lc__isolate *isolate);

#endif
