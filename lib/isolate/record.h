/*
 * record.h (internal): the record of an isolate: what an isolate is made of. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_RECORD_H
#define LIFECYCLE_ISOLATE_RECORD_H

#include "base/pool.h"
#include "base/spin.h"
#include "base/task.h"
#include "executor/job.h"
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

/* The isolate whose event the caller handles, or NULL. */
static inline struct lc__isolate *lc__isolate_running(void)
{
    return lc__task_current()->isolate;
}

static inline void lc__isolate_unlock(struct lc__isolate *isolate)
{
    lc__spinlock_unlock(&isolate->lock);
}

/* The isolate as an address: port 0 of it. */
static inline lc_send_port lc__isolate_control_port(const struct lc__isolate *isolate)
{
    return (lc_send_port){isolate->serial, isolate->place, 0};
}

/* The name of an isolate, or "isolate". By the isolate, or under its lock. */
const char *lc__isolate_name(const struct lc__isolate *isolate);
/* Extras that are empty. NULL: no memory. */
struct lc__extras *lc__extras_new(void);
/* Registers the pool with the library, which frees it at its shutdown. */
void lc__isolates_register(void);

#endif
