/*
 * port.h: messages, and the ports they go to.
 *
 * A receive port is where messages arrive, and has one owner: an isolate (isolate.h), a fiber or a
 * thread. Its send port is its address: a plain value that may be copied, compared, stored, sent in
 * a message, and that stays harmless when the receiver is gone. So workers of all kinds talk to
 * each other:
 *
 *     lc_receive_port answers;
 *     lc_error *error = lc_port_open(NULL, &answers);
 *     struct request request = {.number = 7, .answer_to = answers.send};
 *     lc_send(service, &request, sizeof request);
 *     lc_message *answer;
 *     if (lc_port_receive(answers, &answer, lc_deadline_after(LC_SECOND)) == 0) { ... }
 *
 * An isolate's ports have handlers, which its messages are brought to; threads and fibers receive,
 * also in lc_wait_any.
 *
 * Order: what one sender sends to any ports of one isolate arrives in the order sent; so does what
 * it sends to one port of a thread or fiber, and lc_port_receive_any keeps the order over several.
 *
 * Payloads: the bytes of a message are copied, or its data is moved: then the receiver owns it, or
 * a function that frees it is called, exactly once, whatever becomes of the message. A message to a
 * closed port is dropped and counted.
 *
 * The semantics are those of ports in Dart's isolates. All calls are thread-safe; those that take a
 * receive port are its owner's. In a forked child all ports are closed (api.h), and calls that can
 * say so answer -ENOTSUP.
 */
#ifndef LIFECYCLE_PORT_H
#define LIFECYCLE_PORT_H

#include <lifecycle/api.h>
#include <lifecycle/error.h>
#include <lifecycle/time.h>
#include <lifecycle/wait.h>

LC_BEGIN_DECLARATIONS

typedef struct lc_message lc_message;

/* ---- addresses ---- */

/**
 * The address of a port, unique in the process for ever. All zero: no port, to which nothing can be
 * sent. Compare with lc_send_port_equal; the numbers mean nothing else, and are not among what a
 * simulation's seed repeats.
 */
typedef struct lc_send_port {
    uint64_t serial;
    uint32_t place;
    uint32_t number;
} lc_send_port;

/** No port. */
#define LC_NO_PORT                                                                                 \
    LC_LITERAL(lc_send_port)                                                                       \
    {                                                                                              \
        0, 0, 0                                                                                    \
    }

/** Whether both are the address of the same port. */
static inline bool lc_send_port_equal(lc_send_port a, lc_send_port b)
{
    return a.serial == b.serial && a.place == b.place && a.number == b.number;
}

/** Whether it is the address of a port, open or closed, and not LC_NO_PORT. */
static inline bool lc_send_port_is_set(lc_send_port port)
{
    return port.serial != 0;
}

/** A number for hash tables: equal ports have equal ones. */
LC_API uint64_t lc_send_port_hash(lc_send_port port);

/** The receiving end: the owner's right to receive, to set a handler, to close. */
typedef struct lc_receive_port {
    lc_send_port send; /**< its address */
} lc_receive_port;

/* ---- what is sent ---- */

/**
 * What a message carries. Without `destroy` the bytes are copied; with it the data goes over to the
 * message, and is destroyed by it exactly once, unless its receiver takes it. `destroy` is called
 * as a callback: it must not throw.
 */
typedef struct lc_payload {
    void *data;                  /**< may be NULL if `size` is 0, or if it is moved */
    size_t size;                 /**< bytes; of moved data whatever sender and receiver agree on */
    void (*destroy)(void *data); /**< NULL: copied; lc_payload_keep: moved, with nothing to free */
} lc_payload;

/** The most bytes that a message copies. */
#define LC_MESSAGE_BYTES_MAX ((size_t)1 << 30)

/** Does nothing: for data that is moved and needs no freeing. */
LC_API void lc_payload_keep(void *data);

/* ---- sending ---- */

/**
 * Sends a message. In an isolate that was killed at once it does not return, and moved data is
 * destroyed; so in all calls that take a payload. If the receiver's mailbox is full it does what
 * the receiver has chosen (lc_when_full); only where that is to park the sender, this waits.
 * @param payload   NULL for an empty message. Moved data is taken over if 0 is returned, and stays
 *                  the caller's if not.
 * @param deadline  for that wait; LC_NOW does not wait.
 * @return 0: handed over, or dropped, because the port is closed or drops what is too much;
 * -EINVAL: no port, too many bytes, bytes that are NULL; -ENOBUFS: its mailbox is full; -EDEADLK:
 * it is full, would park the sender, and is the sender's own; -ETIMEDOUT: it was full until the
 * deadline; -ENOMEM; -ENOTSUP: in a forked child, or between a simulation and the real world.
 */
LC_API int lc_send_payload(lc_send_port port, const lc_payload *payload, int64_t deadline);
/** Sends a copy of bytes: lc_send_payload with no deadline. */
LC_API int lc_send(lc_send_port port, const void *data, size_t size);
/** Moves data to the receiver: lc_send_payload with no deadline. */
LC_API int lc_send_moved(lc_send_port port, void *data, size_t size, void (*destroy)(void *data));

/**
 * How many messages have been dropped since the process began: sent to closed ports, or too many.
 */
LC_API uint64_t lc_messages_dropped(void);

/* ---- messages ---- */

/** What it carries, at least `size` bytes; NULL if it is empty. Lives as long as the message. */
LC_API void *lc_message_data(const lc_message *message);
/** The size that was sent. */
LC_API size_t lc_message_size(const lc_message *message);
/** The port it was sent to. */
LC_API lc_send_port lc_message_port(const lc_message *message);
/**
 * Takes moved data out of the message: it is the caller's now, and will not be destroyed.
 * @return the data; NULL if it was copied, or taken before.
 */
LC_API void *lc_message_take(lc_message *message);
/** Of a message to an error listener: the error; else NULL. Lives as long as the message. */
LC_API const lc_error *lc_message_error(const lc_message *message);
/**
 * Of a message to an error listener: where the error was thrown, a line for each function; NULL if
 * it was returned. Lives as long as the message.
 */
LC_API const char *lc_message_backtrace(const lc_message *message);
/**
 * Of a message that a timer sent: how many of the timer's periods it stands for, 1 or more; more if
 * the one before was not received in time. 0: no timer sent it.
 */
LC_API uint64_t lc_message_periods(const lc_message *message);
/** Frees a message that was received by lc_port_receive. NULL is allowed. */
LC_API void lc_message_free(lc_message *message);

/* ---- receive ports ---- */

/**
 * Handles a message of an isolate. Two handlers of one isolate never run at the same time. It may
 * wait, and then keeps its stack and its thread. To throw or to return an error is an error of the
 * isolate (isolate.h).
 * @param message  lives until the handler returns.
 */
typedef lc_error *(*lc_message_handler)(lc_message *message, void *arg);

/** What a mailbox does with a message when it is full. */
typedef enum lc_when_full {
    LC_FULL_REFUSE,      /**< the sender gets -ENOBUFS; the default */
    LC_FULL_DROP_OLDEST, /**< the oldest that is still queued gives way, and is counted */
    LC_FULL_PARK_SENDER  /**< the sender waits for room */
} lc_when_full;

/** The messages a mailbox holds unless another limit is asked for. */
#define LC_MAILBOX_DEFAULT ((size_t)1048576)
/** A mailbox without a limit. */
#define LC_MAILBOX_UNLIMITED SIZE_MAX
/** The most ports that an isolate can have open at a time. */
#define LC_PORTS_MAX 65536

/** Options of a port; see LC_PORT. Zero means the default in each field. */
typedef struct lc_port_options {
    size_t size; /**< sizeof(lc_port_options) */
    /**
     * An isolate's only: what its messages are brought to. NULL: they wait until
     * lc_port_set_handler gives it one.
     */
    lc_message_handler handler;
    void *arg; /**< for the handler */
    /** An isolate's only: it does not count for whether the isolate lives on. */
    bool weak;
    /** What happens when `limit` messages wait; 0: LC_FULL_REFUSE. */
    lc_when_full when_full;
    /**
     * Not an isolate's, whose ports share its mailbox: the most messages. 0: LC_MAILBOX_DEFAULT;
     * LC_MAILBOX_UNLIMITED: no limit.
     */
    size_t limit;
} lc_port_options;

/** Options of a port: LC_PORT(.handler = count, .arg = counter). */
#define LC_PORT(...) LC_OPTIONS(lc_port_options, __VA_ARGS__)

/**
 * Opens a port, owned by the calling isolate, fiber or thread. Those of an isolate are closed when
 * it ends; a fiber or thread closes its own: lc_library_shutdown refuses while one is open.
 * @param options  NULL for the defaults.
 * @param port     receives it; untouched on an error.
 * @return NULL; -EINVAL naming the option (a handler without an isolate is one); -EMFILE: the
 * isolate has LC_PORTS_MAX; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_port_open(const lc_port_options *options, lc_receive_port *port);
/**
 * Closes a port: what is queued there, and what is sent there from now on, is dropped.
 * @return 0; -EBADF: it is closed; -EPERM: it is not the caller's.
 */
LC_API int lc_port_close(lc_receive_port port);
/**
 * An isolate's port gets a handler, or another. What waited for one is brought to it first. NULL:
 * from now on messages wait.
 * @return 0; -EBADF; -EPERM.
 */
LC_API int lc_port_set_handler(lc_receive_port port, lc_message_handler handler, void *arg);
/**
 * Whether an isolate's port counts for whether the isolate lives on. @return as
 * lc_port_set_handler.
 */
LC_API int lc_port_set_weak(lc_receive_port port, bool weak);
/** Whether messages to the port are taken: it may be closed the next moment. */
LC_API bool lc_port_is_open(lc_send_port port);

/**
 * Receives the oldest message of a thread's or fiber's port; waits while there is none.
 * @param message  for lc_message_free.
 * @return 0; -ETIMEDOUT; -EBADF: it is closed; -EPERM: it is not the caller's, or an isolate's,
 * which has handlers; -EINVAL; -ENOTSUP in a forked child.
 */
LC_API int lc_port_receive(lc_receive_port port, lc_message **message, int64_t deadline);
/**
 * Receives the oldest message of several ports of the caller.
 * @param count  1 to LC_WAIT_MAX.
 * @return as lc_port_receive, and -ENOMEM.
 */
LC_API int lc_port_receive_any(const lc_receive_port *ports, size_t count, lc_message **message,
                               int64_t deadline);
/**
 * For lc_wait_any: ready when there is a message, or the port is closed. The port must be a
 * thread's or a fiber's, and stay open meanwhile. Another's, or a closed one, gives a waitable that
 * lc_wait_any refuses with -EINVAL.
 */
LC_API lc_waitable lc_on_port(lc_receive_port port);

/* ---- timers: messages that come later ---- */

/** An armed timer, a value that stays harmless when it is over. All zero: none. */
typedef struct lc_timer {
    uint64_t serial;
    uint32_t place;
} lc_timer;

/**
 * Sends a message after a while, once or again and again. A timer started by an isolate is its own:
 * the isolate lives while it is armed, and it ends with the isolate. A timer started elsewhere has
 * no owner, and ends when it is cancelled, or finds its port closed.
 * @param payload  NULL for empty messages. Data is moved as by lc_send_payload, and only by a timer
 *                 that fires once.
 * @param after    nanoseconds on the caller's clock, 0 or more.
 * @param period   nanoseconds from one message to the next; 0: there is only one. Until a message
 *                 is received no other is sent: lc_message_periods tells how many periods it stands
 *                 for. What a timer sends counts against no limit of a mailbox, and no message
 *                 gives way to it. A timer that finds its port closed ends.
 * @param timer    receives it, for lc_timer_cancel; may be NULL.
 * @return 0; -EINVAL; -ENOMEM; -EAGAIN (no thread to fire it); -ENOTSUP in a forked child, or to a
 * port of another world.
 */
LC_API int lc_timer_start(lc_send_port port, const lc_payload *payload, int64_t after,
                          int64_t period, lc_timer *timer);
/**
 * Cancels a timer: nothing that it sends, or has sent, is received from then on, unless the
 * receiver has it already. From anywhere; one that fires once may have fired already.
 * @return whether that prevented anything: the timer was armed, or a message of it was not
 * received.
 */
LC_API bool lc_timer_cancel(lc_timer timer);

LC_END_DECLARATIONS

#endif
