/*
 * wait.h: waits for the first of several things, for all of them, for some time, for a process
 * signal. io.h has the wait for a single descriptor, context.h the waits that the end of a context
 * ends too.
 *
 * Waits take a deadline (time.h). None is a pthread cancellation point. A wait works in any fiber
 * and any thread, also in a thread that the library did not make.
 */
#ifndef LIFECYCLE_WAIT_H
#define LIFECYCLE_WAIT_H

#include <lifecycle/api.h>
#include <lifecycle/channel.h>
#include <lifecycle/error.h>
#include <lifecycle/handle.h>
#include <lifecycle/time.h>

LC_BEGIN_DECLARATIONS

typedef struct lc_process_signals lc_process_signals;

/** What a waitable waits for. */
typedef enum lc_waitable_kind {
    LC_WAITABLE_NONE = 0, /**< nothing: an empty place */
    LC_WAITABLE_HANDLE,   /**< the handle closes */
    LC_WAITABLE_RECEIVE,  /**< the channel has an item, or is closed */
    LC_WAITABLE_SEND,     /**< the channel has room, or is closed */
    LC_WAITABLE_FD,       /**< poll(2) reports one of the events, an error or a hang-up */
    LC_WAITABLE_SIGNALS   /**< a watched process signal has come */
} lc_waitable_kind;

/**
 * One thing to wait for: a small value, made by the functions below. It has no reference.
 */
typedef struct lc_waitable {
    lc_waitable_kind kind;
    int fd;        /**< LC_WAITABLE_FD only */
    short events;  /**< LC_WAITABLE_FD: POLLIN, POLLOUT, ... asked for */
    short revents; /**< LC_WAITABLE_FD: what poll(2) reported, set by the wait */
    void *object;  /**< the handle, channel or signal watch */
} lc_waitable;

static inline lc_waitable lc_waitable_make(lc_waitable_kind kind, void *object, int fd,
                                           short events)
{
    lc_waitable waitable;
    waitable.kind = kind;
    waitable.fd = fd;
    waitable.events = events;
    waitable.revents = 0;
    waitable.object = object;
    return waitable;
}
/** Ready when the handle is closed. */
static inline lc_waitable lc_on_handle(lc_handle *handle)
{
    return lc_waitable_make(LC_WAITABLE_HANDLE, handle, -1, 0);
}
/**
 * Ready when a receive would not wait. Another receiver may be faster: receive with LC_NOW.
 */
static inline lc_waitable lc_on_receive(lc_channel *channel)
{
    return lc_waitable_make(LC_WAITABLE_RECEIVE, channel, -1, 0);
}
/**
 * Ready when a send would succeed at once, or the channel is closed: there is room, or the channel
 * drops its oldest item for it. With several senders the room may be gone: use LC_NOW.
 */
static inline lc_waitable lc_on_send(lc_channel *channel)
{
    return lc_waitable_make(LC_WAITABLE_SEND, channel, -1, 0);
}
/** Ready when poll(2) reports an event; `events` as there (POLLIN, POLLOUT). */
static inline lc_waitable lc_on_fd(int fd, short events)
{
    return lc_waitable_make(LC_WAITABLE_FD, (void *)0, fd, events);
}
/** Ready when lc_process_signals_next would not wait. */
static inline lc_waitable lc_on_signals(lc_process_signals *signals)
{
    return lc_waitable_make(LC_WAITABLE_SIGNALS, signals, -1, 0);
}

/** How many waitables one wait takes. */
#define LC_WAIT_MAX 65536

/**
 * Waits until one of the waitables is ready. On entry and after each wake-up it looks at them from
 * the last to the first, and returns the lowest index that is ready. So if two events happen in the
 * order of their indices, it returns the first: list an error before done, and no error is missed.
 * @return the index; -ETIMEDOUT; -EINVAL (a waitable without its object, a signal watch twice, too
 *         many of them: the log says which); -EBADF (a descriptor that is not open, or was
 *         forgotten by lc_fd_forget);
 *         -ENOMEM (more than a few); -EMFILE, -ENFILE (waiting for descriptors needs one
 *         more, and an executor thread, for all its fibers, two); -ENOTSUP in a forked child. With
 *         no waitables it waits for the deadline.
 */
LC_API int lc_wait_any(lc_waitable *waitables, size_t count, int64_t deadline);

/**
 * Waits until each of the waitables has been ready once, not necessarily at the same time.
 * @return 0, at once if there are none; otherwise as lc_wait_any.
 */
LC_API int lc_wait_all(lc_waitable *waitables, size_t count, int64_t deadline);

/**
 * Waits for `timeout` nanoseconds on the caller's clock. @return 0, or -ENOTSUP in a forked child.
 */
LC_API int lc_sleep(int64_t timeout);

/** How many watches of process signals there can be at a time. */
#define LC_PROCESS_SIGNALS_MAX 64

/**
 * Starts to watch process signals. While a signal is watched, the library's handler is installed
 * for it; the end of the last watch restores the disposition before that, unless the program has
 * changed it. Each watch gets each of its signals. It keeps them from this call on, so none is lost
 * between two waits; several of one number may count as one. Only one worker may wait for a watch
 * at a time. In a simulation a watch gets the signals of lc_simulation_signal, and no handler is
 * installed.
 * @param signals  the numbers (SIGTERM, ...), `count` of them.
 * @param watch    receives the watch, for lc_process_signals_free; or NULL.
 * @return NULL; -EINVAL naming the number that cannot be caught, or is one of a fault, such as
 * SIGSEGV; -ENOSPC (LC_PROCESS_SIGNALS_MAX watches); -ENOTSUP in a forked child.
 */
LC_API LC_MUST_CHECK lc_error *lc_process_signals_new(const int *signals, size_t count,
                                                      lc_process_signals **watch);
/**
 * Ends the watch, and drops the signals that it has kept. Nothing may wait for it. NULL is allowed.
 */
LC_API void lc_process_signals_free(lc_process_signals *watch);
/**
 * Waits for a watched signal. During the wait the calling thread has the watched signals unblocked;
 * an executor's thread keeps them unblocked once one of its fibers has waited.
 * @return the signal's number, lowest first when several came; -ETIMEDOUT; -EINVAL; -ENOTSUP in a
 *         forked child.
 */
LC_API int lc_process_signals_next(lc_process_signals *watch, int64_t deadline);

LC_END_DECLARATIONS

#endif
