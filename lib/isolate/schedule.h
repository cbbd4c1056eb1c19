/*
 * schedule.h (internal): which event an isolate handles next, and having it run. Floor 6.
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
    LC__EVENT_LAST, /* the last message is sent, and then the end is held */
    LC__EVENT_END
};

/* What comes next; under the lock. */
enum lc__event lc__isolate_next(const struct lc__isolate *isolate);
/* Whether it is held; under the lock. */
bool lc__isolate_is_held_at_start(const struct lc__isolate *isolate);
bool lc__isolate_is_held_at_exit(const struct lc__isolate *isolate);
/* Gives the lock back, and has the isolate run if it has something to do. */
void lc__isolate_unlock_changed(struct lc__isolate *isolate);

#endif
