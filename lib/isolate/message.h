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

/* What a message that a timer sends has before its bytes. */
struct lc__tick {
    struct lc__message_timer *timer; /* NULL once it is delivered: then it has left its timer */
    uint64_t periods;                /* once it is delivered: how many it stands for */
};

_Static_assert(sizeof(struct lc__tick) == 16, "what is behind it keeps its alignment");

static inline struct lc__tick *lc__tick_of(struct lc_message *message)
{
    return (struct lc__tick *)(void *)message->bytes;
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
/* timer.c: a tick that was not delivered is freed. */
void lc__tick_gone(lc_message *message);
/* One that tells of an error, which gets a reference more; the backtrace is copied. */
lc_message *lc__message_of_error(lc_send_port port, const lc_error *error, const char *backtrace);
/* Frees it without destroying what it carries: that is the sender's still. */
void lc__message_disown(lc_message *message);
/* A message that nobody will receive: counted, and freed. NULL is allowed. */
void lc__message_drop(lc_message *message);
/* A list of them. */
void lc__messages_drop(lc_message *first);

#endif
