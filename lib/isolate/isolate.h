/*
 * isolate.h (internal): what an isolate is made of. Floor 6, and of it only the files of this
 * folder.
 *
 *     who                    file        does
 *     isolate                isolate.c   spawns, handles one event after the other
 *     its mailbox            mailbox.c   who sends, and what lies there
 *     its ports              port.c      open, close, handlers; ports of fibers and threads
 *     control                control.c   pause, ping, kill, listeners, from anywhere
 *     its end                end.c       what happens then, once, in order
 *     its timers             timer.c     messages that come later
 *     its group              group.c     shared threads and data, shutdown
 *     fronts                 compute.c, program.c, component.c: one computation, code from a shared
 *                            object, an isolate that is supervised
 */
#ifndef LIFECYCLE_ISOLATE_ISOLATE_H
#define LIFECYCLE_ISOLATE_ISOLATE_H

#include "isolate/group.h"
#include "isolate/isolate_port.h"
#include "isolate/lookup.h"
#include "isolate/mailbox.h"
#include "isolate/message.h"
#include "isolate/port.h"
#include "isolate/receive.h"
#include "isolate/record.h"
#include "isolate/room.h"
#include "isolate/schedule.h"
#include "isolate/send.h"
#include "isolate/thread_port.h"

/* ---- isolate.c ---- */

/*
 * The running isolate has failed: tells the listeners; the error is taken over. @return false: it
 * has not, the error only answers the end of the isolate's context.
 */
bool lc__isolate_failed(struct lc__isolate *isolate, lc_error *error, bool thrown);
/* Spawns with a companion. `options` are good. */
lc_error *lc__isolate_spawn(const lc_isolate_options *options,
                            const struct lc__companion *companion, lc_isolate *isolate);
/* Reads what a caller gave, with the defaults. NULL: the options are good. */
lc_error *lc__isolate_options_read(lc_isolate_options *options, const lc_isolate_options *given);
/*
 * The message that is being handled by a run that will not go on, whose stack is lost: its caller's.
 * NULL: there is none. Under the lock.
 */
lc_message *lc__isolate_in_hand(const struct lc__isolate *isolate);

/* ---- control.c ---- */

/* Gives a reference back. NULL is allowed. */
void lc__listeners_unref(struct lc__listeners *listeners);

/* Kills it before its next event, and ends its holds; as lc_isolate_kill. */
int lc__isolate_stop(lc_isolate isolate);

/* ---- end.c ---- */

/* Ends the isolate, which runs: after that it is another's. */
void lc__isolate_end(struct lc__isolate *isolate);
/* Drops all isolates of an executor that will not run again: nobody is told. */
void lc__isolates_drop(const lc_executor *executor);
/* As lc__isolate_die, of a call that was given a payload: moved data goes with it. */
void lc__isolate_die_with(const lc_payload *payload);
/* As lc__task_check, of a call that takes a payload, which may be NULL. */
static inline void lc__isolate_check_with(const lc_payload *payload)
{
    if (atomic_load_explicit(&lc__task_current()->doom, memory_order_relaxed))
        lc__isolate_die_with(payload);
}
/* What a doomed task is called by: ends the event, unless in a deferred call or a callback. */
void lc__isolate_die(void);

/* ---- timer.c ---- */

/* Cancels the timers of an isolate that has ended. */
void lc__message_timers_end(struct lc__message_timers *list);
/* Cancels those that were started in a simulation that was broken off. */
void lc__message_timers_drop(const lc_executor *executor);

#endif
