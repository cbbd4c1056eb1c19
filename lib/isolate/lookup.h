/*
 * lookup.h (internal): from an address to its isolate, locked. Floor 6.
 *
 * Each function returns the isolate with its lock held, or NULL. Those with `error` then set it
 * to one of: -ESRCH, the isolate has ended, or the port is no isolate's; -ENOMEM; -EPERM, the
 * capability is another; -ENOTSUP, the isolate is of another world than the caller, or the caller
 * is a forked child, where a lock may be held for ever.
 */
#ifndef LIFECYCLE_ISOLATE_LOOKUP_H
#define LIFECYCLE_ISOLATE_LOOKUP_H

#include "isolate/record.h"

struct lc__isolate *lc__isolate_lock(lc_send_port port);
/* Makes the extras if there are none. */
struct lc__isolate *lc__isolate_lock_extras(lc_send_port port, int *error);
/* The same also for an isolate that is ending; of its extras the caller uses only `done` then. */
struct lc__isolate *lc__isolate_lock_to_the_end(lc_send_port port, int *error);
/* The extras of the running isolate, which is the caller. NULL: no memory. */
struct lc__extras *lc__isolate_extras(struct lc__isolate *isolate);

/* ---- for calls of the program, which end here if the calling isolate was killed ---- */

struct lc__isolate *lc__isolate_lock_any(lc_send_port control, int *error);
struct lc__isolate *lc__isolate_lock_of_this_world(lc_send_port control, int *error);
/* Without the check for a kill. Makes the extras if there are none. */
struct lc__isolate *lc__isolate_lock_extras_of_this_world(lc_send_port control, int *error);

/* Which of the two capabilities of an isolate a call needs. */
enum lc__right { LC__RIGHT_TO_PAUSE, LC__RIGHT_TO_END };
struct lc__isolate *lc__isolate_lock_for(lc_send_port control, lc_capability shown,
                                         enum lc__right right, int *error);

#endif
