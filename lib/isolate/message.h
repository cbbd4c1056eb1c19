/*
 * message.h (internal): messages: what they carry, and that it is destroyed once. Floor 6.
 */
#ifndef LIFECYCLE_ISOLATE_MESSAGE_H
#define LIFECYCLE_ISOLATE_MESSAGE_H

#include <lifecycle/port.h>

#include <stdalign.h>

/* A message belongs to whoever has it: its sender, a mailbox, its receiver. Bytes lie behind it. */
struct lc_message {
    struct lc_message *next; /* in a mailbox */
    lc_send_port port;       /* where it goes */
    void *data;
    size_t size;
    void (*destroy)(void *data); /* NULL: copied, or taken */
    uint64_t stamp;              /* channel ports: its place among all messages */
    bool is_block;               /* its memory is one of cache.h */
    bool is_tick;                /* a timer's: `bytes` begin with a struct lc__tick */
    alignas(16) unsigned char bytes[];
};

struct lc__tick_origin;

/*
 * What a message that a timer sends, a tick, asks of its timer. The timers are a layer above, so
 * the calls go through this table. Each function is called with a tick that has its origin.
 */
struct lc__tick_operations {
    /* See lc__tick_deliver(). */
    bool (*deliver)(struct lc__tick_origin *origin, lc_message *tick);
    /* See lc__tick_is_void(). */
    bool (*is_void)(const struct lc__tick_origin *origin);
    /* The tick was not delivered, and is freed next. */
    void (*gone)(struct lc__tick_origin *origin);
};

/* Embedded in a timer. */
struct lc__tick_origin {
    const struct lc__tick_operations *operations;
};

/* What a tick has before its bytes. */
struct lc__tick {
    struct lc__tick_origin *origin; /* NULL once the tick is delivered */
    uint64_t periods;               /* once the tick is delivered: how many it stands for */
};

_Static_assert(sizeof(struct lc__tick) == 16, "what is behind it keeps its alignment");

static inline struct lc__tick *lc__tick_of(struct lc_message *message)
{
    return (struct lc__tick *)(void *)message->bytes;
}

/*
 * A message is given to its receiver next. From then on its timer sends another message as its next
 * tick. @return false: the timer of the tick was cancelled, so the caller frees the message instead.
 */
static inline bool lc__tick_deliver(lc_message *message)
{
    struct lc__tick_origin *origin = message->is_tick ? lc__tick_of(message)->origin : NULL;
    return !origin || origin->operations->deliver(origin, message);
}

/* Whether the message is a tick whose timer was cancelled. */
static inline bool lc__tick_is_void(const lc_message *message)
{
    const struct lc__tick_origin *origin =
        message->is_tick ? lc__tick_of((lc_message *)(uintptr_t)message)->origin : NULL;
    return origin && origin->operations->is_void(origin);
}

/* What is wrong with a payload: 0, or -EINVAL. */
int lc__payload_check(const lc_payload *payload);
/* Destroys what was moved and has no owner any more. NULL is allowed. */
void lc__payload_destroy(const lc_payload *payload);
/*
 * A message to a port; of a payload that is good, or NULL. NULL: no memory; the data is not moved.
 */
lc_message *lc__message_new(lc_send_port port, const lc_payload *payload);
/* The same, of a timer that has yet to be set. */
lc_message *lc__message_new_tick(lc_send_port port, const lc_payload *payload);
/* One that tells of an error, which gets a reference more; the backtrace is copied. */
lc_message *lc__message_of_error(lc_send_port port, const lc_error *error, const char *backtrace);
/* Frees it without destroying what it carries: that is the sender's still. */
void lc__message_disown(lc_message *message);
/* A message that nobody will receive: counted, and freed. NULL is allowed. */
void lc__message_drop(lc_message *message);
/* A list of them. */
void lc__messages_drop(lc_message *first);

/* ---- queues of messages ---- */

struct lc__messages {
    struct lc_message *first;
    struct lc_message *last;
};

/* At the end. */
static inline void lc__messages_append(struct lc__messages *list, lc_message *message)
{
    message->next = NULL;
    if (list->first)
        list->last->next = message;
    else
        list->first = message;
    list->last = message;
}

/* Takes the first message. NULL: there is none. */
static inline lc_message *lc__messages_shift(struct lc__messages *list)
{
    lc_message *message = list->first;
    if (message)
        list->first = message->next;
    return message;
}

/* Takes the first that counts against a limit: ticks, of which each timer has one, do not. */
lc_message *lc__messages_shift_counted(struct lc__messages *list);
/* Takes the messages of one port out of a list. @return those. */
lc_message *lc__messages_of(struct lc__messages *from, uint32_t number);
/* How many of a list count against a limit. */
uint32_t lc__messages_count(const lc_message *first);

#endif
