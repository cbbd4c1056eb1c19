/*
 * port.h: messages, and the ports that receive them.
 *
 * A receive port is where messages arrive, and has one owner: an isolate (isolate.h), a fiber or a
 * thread. Its send port is its address: a plain value that may be copied, compared, stored and sent
 * in a message. It stays harmless when the receiver is gone. So workers of all kinds can send
 * messages to each other:
 *
 *     lc_receive_port answers;
 *     lc_error *error = lc_port_open(NULL, &answers);
 *     struct request request = {.number = 7, .answer_to = answers.send};
 *     lc_send(service, &request, sizeof request);
 *     lc_message *answer;
 *     if (lc_port_receive(answers, &answer, lc_deadline_after(LC_SECOND)) == 0) { ... }
 *
 * An isolate's port has a handler, which the isolate calls for each message. Threads and fibers
 * call lc_port_receive, and wait for ports in lc_wait_any too.
 *
 * Order: the messages of one sender to the ports of one isolate arrive in the order in which they
 * were sent. So do those to one port of a thread or fiber; lc_port_receive_any keeps the order over
 * several ports.
 *
 * Payloads: the bytes of a message are copied, or its data is moved. Moved data belongs to the
 * receiver if it takes it; otherwise the message's `destroy` frees it, exactly once, also if the
 * message is never received. A message to a closed port is dropped and counted.
 *
 * The semantics are those of ports in Dart's isolates. All calls are thread-safe; only the owner
 * may make those that take a receive port. In a forked child all ports are closed (api.h), and
 * calls that return an error return -ENOTSUP.
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
 * The address of a port; no other port of the process ever has the same. All zero: no port. Compare
 * by lc_send_port_equal; the numbers have no other meaning, and differ between two simulations of
 * one seed.
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

/** A number for hash tables, equal for equal ports. */
LC_API uint64_t lc_send_port_hash(lc_send_port port);

/** The receiving end: with it the owner receives, sets a handler, and closes the port. */
typedef struct lc_receive_port {
    lc_send_port send; /**< its address */
} lc_receive_port;

/* ---- what is sent ---- */

/**
 * What a message carries. Without `destroy` the bytes are copied. With it the data is moved: it
 * belongs to the message, which calls `destroy` exactly once, unless the receiver takes the data.
 * `destroy` must not throw.
 */
typedef struct lc_payload {
    void *data;                  /**< may be NULL if `size` is 0, or if it is moved */
    size_t size;                 /**< bytes; of moved data any number */
    void (*destroy)(void *data); /**< NULL: copied; lc_payload_keep: moved, not freed */
} lc_payload;

/** How many bytes a message can copy. */
#define LC_MESSAGE_BYTES_MAX ((size_t)1 << 30)

/** Does nothing: for data that is moved and needs no freeing. */
LC_API void lc_payload_keep(void *data);

/* ---- sending ---- */

/**
 * Sends a message. If the receiver's mailbox is full, the receiver's lc_when_full decides: this
 * call waits only for LC_FULL_PARK_SENDER. In an isolate that was killed at once, a call that takes
 * a payload does not return, and moved data is destroyed.
 * @param payload NULL for an empty message. Moved data is taken over if 0 is returned; otherwise it
 *                  stays the caller's.
 * @param deadline  of that wait; LC_NOW does not wait.
 * @return 0: queued, or dropped by a closed port or a full mailbox; -EINVAL: no port, too many
 * bytes, bytes that are NULL; -ENOBUFS: the mailbox is full; -EDEADLK: it is full, is the sender's
 * own, and would park the sender; -ETIMEDOUT: it was full until the deadline; -ENOMEM; -ENOTSUP: in
 * a forked child, or between a simulation and the real world.
 */
LC_API int lc_send_payload(lc_send_port port, const lc_payload *payload, int64_t deadline);
/** Sends a copy of bytes: lc_send_payload with no deadline. */
LC_API int lc_send(lc_send_port port, const void *data, size_t size);
/** Moves data to the receiver: lc_send_payload with no deadline. */
LC_API int lc_send_moved(lc_send_port port, void *data, size_t size, void (*destroy)(void *data));

/**
 * How many messages the process has dropped: sent to closed ports, or to full mailboxes.
 */
LC_API uint64_t lc_messages_dropped(void);

/* ---- messages ---- */

/** The data of a message; NULL if it is empty. Lives as long as the message. */
LC_API void *lc_message_data(const lc_message *message);
/** The size that was sent. */
LC_API size_t lc_message_size(const lc_message *message);
/** The port it was sent to. */
LC_API lc_send_port lc_message_port(const lc_message *message);
/**
 * Takes moved data out of the message: it now belongs to the caller, and is not destroyed.
 * @return the data; NULL if it was copied or taken before.
 */
LC_API void *lc_message_take(lc_message *message);
/** The error, in a message to an error listener; else NULL. Lives as long as the message. */
LC_API const lc_error *lc_message_error(const lc_message *message);
/**
 * In a message to an error listener: the functions that were active when the error was thrown, one
 * a line; NULL if it was returned. Lives as long as the message.
 */
LC_API const char *lc_message_backtrace(const lc_message *message);
/**
 * How many of its periods a timer's message stands for: 1, or more if the message before it was not
 * received in time. 0: the message was not sent by a timer.
 */
LC_API uint64_t lc_message_periods(const lc_message *message);
/** Frees a message that was received by lc_port_receive. NULL is allowed. */
LC_API void lc_message_free(lc_message *message);

/* ---- receive ports ---- */

/**
 * Handles a message of an isolate. Two handlers of one isolate never run at the same time. A
 * handler may wait; until it returns, it keeps its stack and stays on its thread. An error that it
 * throws or returns is an error of the isolate (isolate.h).
 * @param message  lives until the handler returns.
 */
typedef lc_error *(*lc_message_handler)(lc_message *message, void *arg);

/** What happens to a message to a full mailbox. */
typedef enum lc_when_full {
    LC_FULL_REFUSE,      /**< the sender gets -ENOBUFS; the default */
    LC_FULL_DROP_OLDEST, /**< the oldest queued message is dropped and counted */
    LC_FULL_PARK_SENDER  /**< the sender waits for room */
} lc_when_full;

/** The default limit of a mailbox, in messages. */
#define LC_MAILBOX_DEFAULT ((size_t)1048576)
/** A mailbox without a limit. */
#define LC_MAILBOX_UNLIMITED SIZE_MAX
/** How many ports an isolate can have open at a time. */
#define LC_PORTS_MAX 65536

/** Options of a port; see LC_PORT. Zero means the default in each field. */
typedef struct lc_port_options {
    size_t size; /**< sizeof(lc_port_options) */
    /**
     * Only for an isolate's port: called for each message. NULL: messages wait until
     * lc_port_set_handler sets a handler.
     */
    lc_message_handler handler;
    void *arg; /**< for the handler */
    /** Only for an isolate's port: it does not keep the isolate alive. */
    bool weak;
    /** What happens to a message when `limit` messages wait; 0: LC_FULL_REFUSE. */
    lc_when_full when_full;
    /**
     * How many messages can wait. 0: LC_MAILBOX_DEFAULT; LC_MAILBOX_UNLIMITED: no limit. Not for an
     * isolate's port: all ports of an isolate share its mailbox_limit.
     */
    size_t limit;
} lc_port_options;

/** Options of a port: LC_PORT(.handler = count, .arg = counter). */
#define LC_PORT(...) LC_OPTIONS(lc_port_options, __VA_ARGS__)

/**
 * Opens a port, which belongs to the calling isolate, fiber or thread. The end of an isolate closes
 * its ports. A fiber or thread closes its ports itself: lc_library_shutdown refuses while one is
 * open.
 * @param options  NULL for the defaults.
 * @param port     receives it; unchanged after an error.
 * @return NULL; -EINVAL naming the option (a handler without an isolate is one); -EMFILE: the
 * isolate has LC_PORTS_MAX; -ENOMEM; -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_port_open(const lc_port_options *options, lc_receive_port *port);
/**
 * Closes a port: its queued messages are dropped, and so are messages that are sent later.
 * @return 0; -EBADF: it is closed already; -EPERM: it is not the caller's.
 */
LC_API int lc_port_close(lc_receive_port port);
/**
 * Sets the handler of an isolate's port. It gets the messages that waited for a handler first.
 * NULL: from now on messages wait.
 * @return 0; -EBADF; -EPERM.
 */
LC_API int lc_port_set_handler(lc_receive_port port, lc_message_handler handler, void *arg);
/**
 * Sets whether an isolate's port is weak, that is, does not keep the isolate alive. @return as
 * lc_port_set_handler.
 */
LC_API int lc_port_set_weak(lc_receive_port port, bool weak);
/** Whether the port is open. It may be closed the next moment. */
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
 * For lc_wait_any: ready when the port has a message or is closed. The port must belong to a thread
 * or a fiber, and must stay open during the wait. For a closed port, or an isolate's, lc_wait_any
 * returns -EINVAL.
 */
LC_API lc_waitable lc_on_port(lc_receive_port port);

/* ---- timers ---- */

/** A timer, a value that stays harmless when the timer has ended. All zero: no timer. */
typedef struct lc_timer {
    uint64_t serial;
    uint32_t place;
} lc_timer;

/**
 * Starts a timer, which sends a message after some time, once or periodically. An isolate's timer
 * keeps the isolate alive while it is armed, and ends with the isolate. Another timer has no owner.
 * A timer ends when it is cancelled, has sent its only message, or finds its port closed.
 * @param payload NULL for empty messages. Moved data is taken over as by lc_send_payload; a
 * periodic
 *                 timer does not take moved data.
 * @param after    nanoseconds on the caller's clock, 0 or more.
 * @param period   nanoseconds from one message to the next; 0: one message only. No message is sent
 *                 while the one before waits: lc_message_periods says how many periods it stands
 *                 for. A timer's messages do not count against the limit of a mailbox, and no other
 *                 message is dropped for them.
 * @param timer    receives it, for lc_timer_cancel; may be NULL.
 * @return 0; -EINVAL; -ENOMEM; -EAGAIN (no thread to fire it); -ENOTSUP in a forked child, or to a
 * port of another world.
 */
LC_API int lc_timer_start(lc_send_port port, const lc_payload *payload, int64_t after,
                          int64_t period, lc_timer *timer);
/**
 * Cancels a timer. From then on none of its messages is received, unless the receiver has it
 * already. Any thread may call it.
 * @return whether the timer was armed, or a message of it had not been received.
 */
LC_API bool lc_timer_cancel(lc_timer timer);

LC_END_DECLARATIONS

#endif
