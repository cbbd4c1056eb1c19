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

#include "base/pool.h"
#include "base/spin.h"
#include "base/task.h"
#include "executor/job.h"
#include "isolate/group.h"
#include "isolate/message.h"

#include <lifecycle/isolate.h>

#include <bsd/sys/queue.h>
#include <stdatomic.h>

/* A port of an isolate. */
struct lc__port {
    lc_message_handler handler; /* NULL: its messages wait */
    void *arg;
    uint32_t number; /* 0: closed; else higher than those of the ports opened before */
    bool weak;
};

struct lc__messages {
    struct lc_message *first;
    struct lc_message *last;
};

/* Control that is to be carried out in turn, between two events. */
struct lc__control {
    STAILQ_ENTRY(lc__control) link;
    lc_message *response; /* a ping's answer, with the port it goes to; else NULL */
    lc_error *error;      /* thrown on the isolate's context, but not by the isolate; else NULL */
};

/* Who is told of errors. Replaced as a whole, so that it is read without a lock. */
struct lc__listeners {
    atomic_uint refs;
    size_t count;
    lc_send_port ports[];
};

struct lc__exit_listener {
    STAILQ_ENTRY(lc__exit_listener) link;
    lc_message *response; /* with its port; made beforehand, since an end may not fail */
};

struct lc__pause {
    STAILQ_ENTRY(lc__pause) link;
    lc_capability resume;
};

/* Who goes along with an isolate: its component, say. All may be NULL; called without a lock. */
struct lc__companion {
    void (*ready)(void *arg);                         /* the entry has returned without error */
    void (*failed)(const lc_error *error, void *arg); /* of an error that ends it */
    void (*ended)(void *arg);                         /* the last call */
    void *arg;
    lc_context *parent; /* what the isolate's context is below; NULL: nothing. Borrowed */
};

struct lc__message_timer; /* timer.c */
LIST_HEAD(lc__message_timers, lc__message_timer);

/* What an isolate has only once it is asked for. Changed under the isolate's lock. */
struct lc__extras {
    char *name; /* NULL: "isolate" */
    void (*release)(void *arg);
    lc_capability pause; /* zero: not asked for yet, so nobody can have it */
    lc_capability terminate;
    STAILQ_HEAD(, lc__pause) pauses;
    unsigned pause_count;    /* at most LC_ISOLATE_PAUSES_MAX: they are searched under the lock */
    unsigned listener_count; /* in `at_exit`: the same, LC_ISOLATE_LISTENERS_MAX */
    STAILQ_HEAD(, lc__control) control;
    STAILQ_HEAD(, lc__exit_listener) at_exit;
    struct lc__listeners *on_error;
    lc_handle *ready;
    lc_handle *done;
    lc_handle *room; /* closes when the mailbox has room again; NULL: nobody waits for that */
    lc_context *context;
    struct lc__companion companion;
    lc_message *last; /* to be sent at the end; NULL: none */
    /* The isolate's alone. */
    struct lc__port *ports; /* beyond the first, by number */
    size_t port_count;
    size_t port_room;
    /* Under the lock. */
    struct lc__messages waiting; /* for ports without a handler */
    struct lc__message_timers timers;
};

/* What stands between an isolate and its next message, a bit each. */
enum lc__bar {
    LC__CONTROL_WAITS = 1,
    LC__NOT_ENTERED = 2,
    LC__PAUSED = 4,
    LC__HELD_AT_START = 8,
    LC__KILLED = 16,     /* to be ended before the next event */
    LC__KILLED_NOW = 32, /* and the running one is cut short */
    LC__FAILED = 64,     /* an error has ended it */
    LC__EXITING = 128,   /* it has ended itself */
    /* Nothing but control comes before its end. */
    LC__CUT_SHORT = LC__KILLED | LC__KILLED_NOW | LC__FAILED | LC__EXITING
};

/* An event's kind; what comes next is decided by lc__isolate_next. */
enum lc__event {
    LC__EVENT_NONE,
    LC__EVENT_CONTROL,
    LC__EVENT_ENTRY,
    LC__EVENT_MESSAGE,
    LC__EVENT_LAST, /* the last message is sent, and then the end is held */
    LC__EVENT_END
};

/*
 * The memory of an isolate is a record of a pool: it may be locked at any time, and then be another
 * isolate, which its serial tells. Free, its first word is the pool's; `job` comes first, and is not
 * touched by who has only an address.
 *
 *     whose            what
 *     under the lock   all, but
 *     the isolate's    `taken`, `port`, `entry`, `arg`, while it runs (`running` is not NULL): they
 *                      are changed under the lock too where others look at them
 */
struct lc__isolate {
    struct lc__job job; /* first */
    struct lc__spinlock lock;
    /* The lock's holder has changed what comes next; the isolate looks between two events. */
    atomic_bool attention;
    bool alive;
    bool ending;  /* alive no more, but not everybody has been told */
    bool posted;  /* its job is in a queue, or runs */
    uint8_t bars; /* enum lc__bar */
    bool ready;   /* its entry has returned without error */
    bool survives_errors : 1;
    bool hold_at_exit : 1;
    bool one_by_one : 1; /* its messages are taken so, not all at once */
    uint8_t when_full : 2;
    uint32_t counted_off; /* messages to be handled next, which do not count as queued any more */
    uint32_t place;
    uint32_t queued;      /* messages that have come, less those counted off; ticks do not count */
    uint32_t waiting;     /* and went to wait for a handler: they count against the limit too */
    uint32_t limit;       /* UINT32_MAX: none */
    uint32_t last_number; /* of its ports */
    uint32_t keeping;     /* open ports that are not weak, and armed timers */
    uint64_t serial;      /* of the isolate that it is, or of the next */
    struct lc__messages mailbox;
    struct lc_message *taken; /* out of the mailbox, to be handled next */
    struct lc__task *running; /* the task that runs it */
    struct lc__port port;     /* the first */
    lc_error *(*entry)(void *arg);
    void *arg;
    lc_isolate_group *group;
    struct lc__extras *extras; /* NULL: none yet */
};

_Static_assert(sizeof(struct lc__isolate) <= 256, "an idle isolate costs at most 256 bytes");

extern struct lc__pool lc__isolates;

/* ---- isolate.c ---- */

/* The isolate whose event the caller handles, or NULL. */
static inline struct lc__isolate *lc__isolate_running(void)
{
    return lc__task_current()->isolate;
}

/* The isolate that a port is one of, locked; NULL: it has ended, or it is no isolate's. */
struct lc__isolate *lc__isolate_lock(lc_send_port port);
/* The same, with extras, made if need be. NULL and -ESRCH or -ENOMEM in *error. */
struct lc__isolate *lc__isolate_lock_extras(lc_send_port port, int *error);
/* The same, of one that is ending, too: of its extras only `done` may be looked at then. */
struct lc__isolate *lc__isolate_lock_to_the_end(lc_send_port port, int *error);
static inline void lc__isolate_unlock(struct lc__isolate *isolate)
{
    lc__spinlock_unlock(&isolate->lock);
}
/* Gives the lock back, and has the isolate run if it has something to do. */
void lc__isolate_unlock_changed(struct lc__isolate *isolate);
/* Whether it is held; under the lock. */
bool lc__isolate_is_held_at_start(const struct lc__isolate *isolate);
bool lc__isolate_is_held_at_exit(const struct lc__isolate *isolate);
/* What comes next; under the lock. */
enum lc__event lc__isolate_next(const struct lc__isolate *isolate);
/* The extras of the isolate that runs, made if need be. NULL: no memory. */
struct lc__extras *lc__isolate_extras(struct lc__isolate *isolate);
lc_send_port lc__isolate_control_port(const struct lc__isolate *isolate);
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

/* ---- mailbox.c ---- */

/*
 * Puts a message into the mailbox, or drops it; `urgent`: the library's own, which no limit stops.
 * @return 0; -ENOBUFS, -EDEADLK, -EAGAIN (full, and the sender is to be parked), -ENOTSUP: it is the
 * caller's still.
 */
int lc__mailbox_put(lc_message *message, bool urgent);
/* Takes what is to be handled next; by the isolate, under the lock. @return whether it made room. */
bool lc__mailbox_take(struct lc__isolate *isolate);
/*
 * There is room again: takes what parked senders wait for, under the lock, and has them look again,
 * without it. NULL: nobody waits.
 */
lc_handle *lc__mailbox_take_room(struct lc__isolate *isolate);
void lc__mailbox_tell_room(lc_handle *room);
/* The message waits until its port has a handler; by the isolate. */
void lc__mailbox_let_wait(struct lc__isolate *isolate, struct lc_message *message);
/* Sends one of the library's own to whatever port it is for. Taken over. */
void lc__send_own(lc_message *message);
/* Takes the messages of one port out of a list. @return those. */
struct lc_message *lc__messages_of(struct lc__messages *from, uint32_t number);

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
