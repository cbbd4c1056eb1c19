/*
 * record.h (internal): what an isolate is made of. Floor 6.
 *
 * The memory of an isolate is a record of a pool. A record is never freed before the library shuts
 * down, so any thread may take its lock at any time. An ended isolate's record becomes another
 * isolate, which has another serial: an address is a place in the pool and a serial.
 *
 *     record: job, lock, flags, counts, mailbox, first port     176 bytes, of each isolate
 *        |
 *        +--> extras: name, capabilities, pauses, listeners,    made on the first use of any
 *                     handles, context, other ports, timers
 *
 * Any thread reads and writes the fields under `lock`, with four exceptions:
 *   - `taken`, `uncounted`, `port` and extras->ports belong to the isolate while it runs (`running`
 *     is not NULL). The isolate reads them without the lock. It takes the lock to change those that
 *     senders read.
 *   - `serial`, `place`, `group`, `entry`, `arg` and extras->hooks do not change while the isolate
 *     lives. The isolate reads them without the lock.
 *   - `attention` is atomic.
 *   - `job` belongs to the executor, but for its first field, which the pool uses in a free record.
 */
#ifndef LIFECYCLE_ISOLATE_RECORD_H
#define LIFECYCLE_ISOLATE_RECORD_H

#include "base/container.h"
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
    uint32_t number; /* 0: closed; else higher than the numbers of the ports opened before */
    bool weak;
};

/* A request that the isolate carries out between two events. */
struct lc__control {
    STAILQ_ENTRY(lc__control) link;
    lc_message *response; /* the answer to a ping, with the port it goes to; else NULL */
    lc_error *error;      /* another worker threw it on the isolate's context; else NULL */
};

/*
 * The ports that get errors. A list never changes: a call replaces it. So its readers need
 * no lock.
 */
struct lc__error_listeners {
    atomic_uint refs;
    size_t count;
    lc_send_port ports[];
};

struct lc__exit_listener {
    STAILQ_ENTRY(lc__exit_listener) link;
    lc_message *response; /* with its port; made in advance, since an end must not fail */
};

struct lc__pause {
    STAILQ_ENTRY(lc__pause) link;
    lc_capability resume;
};

/*
 * What the component of an isolate is told. The isolate calls each function without a lock. Each
 * may be NULL.
 */
struct lc__isolate_hooks {
    void (*ready)(void *arg);                         /* the entry has returned no error */
    void (*failed)(const lc_error *error, void *arg); /* this error ends the isolate */
    void (*ended)(void *arg);                         /* the last call */
    void *arg;
    lc_context *parent; /* of the isolate's context; NULL: none. Borrowed */
};

struct lc__message_timer; /* timer.c */
LIST_HEAD(lc__message_timers, lc__message_timer);

/*
 * What an isolate gets on the first use of any of it. Under the isolate's lock, but `ports`,
 * `context` and `hooks`, which the isolate reads without it.
 */
struct lc__extras {
    char *name; /* NULL: "isolate" */
    void (*release)(void *arg);
    lc_capability pause; /* zero: no caller has asked for it, so no caller can show it */
    lc_capability terminate;
    STAILQ_HEAD(, lc__pause) pauses;
    unsigned pause_count;    /* at most LC_ISOLATE_PAUSES_MAX: callers search them under the lock */
    unsigned listener_count; /* in `at_exit`: at most LC_ISOLATE_LISTENERS_MAX, the same reason */
    STAILQ_HEAD(, lc__control) control;
    STAILQ_HEAD(, lc__exit_listener) at_exit;
    struct lc__error_listeners *on_error;
    lc_handle *ready;
    lc_handle *done;
    lc_handle *room; /* closes when the mailbox has room; NULL: no sender waits */
    lc_context *context;
    struct lc__isolate_hooks hooks;
    lc_message *last;       /* the isolate sends it when it ends; NULL: none */
    struct lc__port *ports; /* all but the first, by number */
    size_t port_count;
    size_t port_room;
    struct lc__messages waiting; /* for ports without a handler */
    struct lc__message_timers timers;
};

/* Reasons for which the next event is not simply the next message. One bit each. */
enum lc__isolate_flag {
    LC__CONTROL_WAITS = 1,
    LC__NOT_ENTERED = 2,
    LC__PAUSED = 4,
    LC__HELD_AT_START = 8,
    LC__KILLED = 16,     /* the isolate ends before its next event */
    LC__KILLED_NOW = 32, /* the isolate ends, and the event that runs is cut short */
    LC__FAILED = 64,     /* an error ends the isolate */
    LC__EXITING = 128,   /* the isolate ends itself */
    /* After one of these only control comes before the end. */
    LC__CUT_SHORT = LC__KILLED | LC__KILLED_NOW | LC__FAILED | LC__EXITING
};

struct lc__isolate {
    struct lc__job job; /* first */
    struct lc__spinlock lock;
    /* What comes next has changed: the run takes the lock and looks before its next event. */
    atomic_bool attention;
    bool alive;
    bool ending;    /* no longer alive, but not all listeners know */
    bool scheduled; /* its job is in a run queue, or runs */
    uint8_t flags;  /* enum lc__isolate_flag; 0: the next message comes next */
    bool ready;     /* its entry has returned no error */
    bool survives_errors : 1;
    bool hold_at_exit : 1;
    bool one_by_one : 1; /* the run takes one message at a time out of the mailbox */
    uint8_t when_full : 2;
    uint32_t uncounted; /* how many of the next messages no longer count as queued */
    uint32_t place;
    uint32_t queued;  /* messages in `taken` and `mailbox`, but for the uncounted and ticks */
    uint32_t waiting; /* messages in extras->waiting, but for ticks; the limit counts them too */
    uint32_t limit;   /* UINT32_MAX: none */
    uint32_t last_number; /* of its ports */
    uint32_t keep_alive;  /* open ports that are not weak, and armed timers */
    uint64_t serial;      /* of this isolate; of a free record: of the next one */
    struct lc__messages mailbox;
    struct lc_message *taken; /* a chain out of the mailbox; the run handles it next */
    struct lc__task *running; /* the task of the run; NULL: no run owns the isolate */
    struct lc__port port;     /* the first */
    lc_error *(*entry)(void *arg);
    void *arg;
    lc_isolate_group *group;
    struct lc__extras *extras; /* NULL: none yet */
};

_Static_assert(sizeof(struct lc__isolate) <= 256, "an idle isolate costs at most 256 bytes");

extern struct lc__pool lc__isolates;

static inline struct lc__isolate *lc__isolate_of_job(struct lc__job *job)
{
    return LC__CONTAINER_OF(job, struct lc__isolate, job);
}

/* The isolate of the event that the calling task handles; NULL: it handles none. */
static inline struct lc__isolate *lc__isolate_running(void)
{
    return lc__task_current()->isolate;
}

static inline void lc__isolate_unlock(struct lc__isolate *isolate)
{
    lc__spinlock_unlock(&isolate->lock);
}

/* For assertions: whether the caller may read what the isolate owns while it runs. */
static inline bool lc__isolate_is_callers(const struct lc__isolate *isolate)
{
    return lc__isolate_running() == isolate || lc__spinlock_is_held(&isolate->lock);
}

/* The address of an isolate: its port number 0. */
static inline lc_send_port lc__isolate_control_port(const struct lc__isolate *isolate)
{
    return (lc_send_port){isolate->serial, isolate->place, 0};
}

/* The name of an isolate, or "isolate". For the isolate itself, or under its lock. */
const char *lc__isolate_name(const struct lc__isolate *isolate);
/* @return empty extras; NULL: no memory. */
struct lc__extras *lc__extras_new(void);
/* Registers the pool with the library, which frees it when it shuts down. */
void lc__isolates_register(void);

#endif
