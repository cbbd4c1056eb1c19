/*
 * lookup.h (internal): from an address to the isolate, locked. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_LOOKUP_H
#define LIFECYCLE_ISOLATE_LOOKUP_H

#include "isolate/record.h"

/* The isolate that a port is one of, locked; NULL: it has ended, or it is no isolate's. */
struct lc__isolate *lc__isolate_lock(lc_send_port port);
/* The same, with extras, made if need be. NULL and -ESRCH or -ENOMEM in *error. */
struct lc__isolate *lc__isolate_lock_extras(lc_send_port port, int *error);
/* The same, of one that is ending, too: of its extras only `done` may be looked at then. */
struct lc__isolate *lc__isolate_lock_to_the_end(lc_send_port port, int *error);
/* The extras of the isolate that runs, made if need be. NULL: no memory. */
struct lc__extras *lc__isolate_extras(struct lc__isolate *isolate);

/* Any isolate, locked. NULL: why not, in *error. In a forked child its lock may be held for ever. */
struct lc__isolate *lc__isolate_lock_any(lc_send_port control, int *error);
/* As lc__isolate_lock_any, of the caller's world. */
struct lc__isolate *lc__isolate_lock_of_this_world(lc_send_port control, int *error);
/* The same with extras, made if need be. NULL: why not, in *error. */
struct lc__isolate *lc__isolate_lock_extras_of_this_world(lc_send_port control, int *error);
/* Which of the two capabilities of an isolate a call needs. */
enum lc__right { LC__RIGHT_TO_PAUSE, LC__RIGHT_TO_END };
/* The isolate, locked, if the capability is its. NULL: why not, in *error. */
struct lc__isolate *lc__isolate_lock_for(lc_send_port control, lc_capability shown,
                                         enum lc__right right, int *error);

#endif
