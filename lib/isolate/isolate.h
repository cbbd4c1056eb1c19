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
#include "isolate/lookup.h"
#include "isolate/mailbox.h"
#include "isolate/message.h"
#include "isolate/record.h"
#include "isolate/room.h"
#include "isolate/schedule.h"
#include "isolate/send.h"

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

/* ---- port.c ---- */

/* A port of an isolate; NULL: closed. By the isolate, or under its lock. */
struct lc__port *lc__port_find(struct lc__isolate *isolate, uint32_t number);
/* Opens one that the calling task receives on, also in a handler. @return 0, -ENOMEM. */
int lc__channel_port_open(const lc_port_options *options, lc_receive_port *opened);
/*
 * As lc_port_receive, for a caller that holds something: begins with no lc__task_check, and where
 * the calling task must end it returns -EINTR.
 */
int lc__port_receive(lc_receive_port port, lc_message **message, int64_t deadline);
/*
 * As lc__mailbox_put, for a port of a fiber or a thread. `deadline`: as lc_send_payload. -EINTR:
 * the calling task must end.
 */
int lc__channel_port_put(lc_message *message, bool urgent, int64_t deadline);
/* Whether what the caller sends could go there: 0, or -ENOTSUP, it is a port of another world. */
int lc__port_check_world(lc_send_port port);
/* Takes ticks of cancelled timers away from the front of such a port's queue. */
void lc__channel_port_purge(lc_send_port port);
/* Whether the port is one of a fiber or a thread. */
static inline bool lc__port_is_channel(lc_send_port port)
{
    return port.place >> 31;
}

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
