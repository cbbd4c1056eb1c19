/*
 * message.h (internal): messages, queues of messages, and what a timer's message asks of its timer.
 * Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_MESSAGE_H
#define LIFECYCLE_ISOLATE_MESSAGE_H

#include "base/assert.h"

#include <lifecycle/port.h>

#include <bsd/sys/queue.h>
#include <stdalign.h>

/* Has one owner at a time: its sender, a mailbox, its receiver. Its bytes lie behind it. */
struct lc_message {
    STAILQ_ENTRY(lc_message) link; /* in a queue */
    lc_send_port port;             /* where it goes */
    void *data;
    size_t size;
    void (*destroy)(void *data); /* NULL: the data was copied, or the receiver has taken it */
    uint64_t stamp;              /* ports of threads: its place among all messages */
    bool is_block;               /* its memory is a block of cache.h */
    bool is_tick;                /* a timer sends it: `bytes` begin with a struct lc__tick */
    alignas(16) unsigned char bytes[];
};

/* Checks a payload; NULL is good. @return 0, or -EINVAL. */
int lc__payload_check(const lc_payload *payload);
/* Destroys the data of a payload that is moved. NULL is allowed. */
void lc__payload_destroy(const lc_payload *payload);

/* The payload is good, or NULL. @return NULL: no memory; data that is moved stays the caller's. */
lc_message *lc__message_new(lc_send_port port, const lc_payload *payload);
/* The same for a tick; the caller sets its origin. */
lc_message *lc__message_new_tick(lc_send_port port, const lc_payload *payload);
/* A message about an error. It gets a reference to the error and a copy of the backtrace. */
lc_message *lc__message_of_error(lc_send_port port, const lc_error *error, const char *backtrace);
/* Frees the message, but not its data, which stays the sender's. NULL is allowed. */
void lc__message_disown(lc_message *message);
/* Counts a message that no receiver gets, and frees it. NULL is allowed. */
void lc__message_drop(lc_message *message);

/* ---- ticks ---- */

struct lc__tick_origin;

/*
 * What a tick, a message that a timer sends, asks of its timer. timer.c is a layer above, so the
 * calls go through this table.
 */
struct lc__tick_operations {
    /* See lc__tick_deliver(). */
    bool (*deliver)(struct lc__tick_origin *origin, lc_message *tick);
    /* See lc__tick_is_void(). */
    bool (*is_void)(const struct lc__tick_origin *origin);
    /* The caller frees the tick next, without having delivered it. */
    void (*gone)(struct lc__tick_origin *origin);
};

/* A member of a timer. */
struct lc__tick_origin {
    const struct lc__tick_operations *operations;
};

/* What a tick has in front of its data. */
struct lc__tick {
    struct lc__tick_origin *origin; /* NULL once the tick is delivered */
    uint64_t periods;               /* once it is delivered: how many periods it stands for */
};

_Static_assert(sizeof(struct lc__tick) == 16, "the data behind it keeps its alignment");

static inline struct lc__tick *lc__tick_of(struct lc_message *message)
{
    LC__ASSERT(message->is_tick);
    return (struct lc__tick *)(void *)message->bytes;
}

/*
 * Tells the timer of a tick that the receiver gets it now: the timer sends another message as its
 * next tick. Does nothing for other messages. @return false: the timer was cancelled, and the
 * caller frees the message instead of handing it over.
 */
static inline bool lc__tick_deliver(lc_message *message)
{
    struct lc__tick_origin *origin = message->is_tick ? lc__tick_of(message)->origin : NULL;
    return !origin || origin->operations->deliver(origin, message);
}

/* Whether the message is a tick of a cancelled timer. */
static inline bool lc__tick_is_void(const lc_message *message)
{
    const struct lc__tick_origin *origin =
        message->is_tick ? lc__tick_of((lc_message *)(uintptr_t)message)->origin : NULL;
    return origin && origin->operations->is_void(origin);
}

/* ---- queues ---- */

/* A chain is a message and all that its `link` leads to; NULL is an empty one. */
STAILQ_HEAD(lc__messages, lc_message);

/* Drops all messages of a chain. */
void lc__messages_drop(lc_message *chain);
/* How many messages of a chain a limit counts: all but ticks. */
uint32_t lc__messages_count(const lc_message *chain);
/* Removes the first message that a limit counts. NULL: there is none. */
lc_message *lc__messages_shift_counted(struct lc__messages *queue);
/*
 * Moves the messages of one port to the end of another queue. Reads `from` from its first message
 * only, so a chain can be wrapped into a queue for this call.
 */
void lc__messages_move(struct lc__messages *from, uint32_t number, struct lc__messages *to);

#endif
