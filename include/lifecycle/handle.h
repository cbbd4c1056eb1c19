/*
 * handle.h: a one-shot event. A handle is open, then closed for ever. Closing twice is harmless,
 * any number may wait, and what was written before the close is seen by each that saw it closed. It
 * is what Go programmers know as a channel that is only ever closed.
 *
 * Ownership: lc_handle_new gives a reference. Handles lent by an object (the ready handle of a
 * manager, the done handle of a context) live as long as that object; lc_handle_ref on one
 * keeps the object alive.
 *
 * All calls are thread-safe. Waiting is not a pthread cancellation point.
 */
#ifndef LIFECYCLE_HANDLE_H
#define LIFECYCLE_HANDLE_H

#include <lifecycle/api.h>
#include <lifecycle/time.h>

LC_BEGIN_DECLARATIONS

typedef struct lc_handle lc_handle;

/** A callback waiting for a handle to close. */
typedef struct lc_handle_callback lc_handle_callback;

/** An open handle, or NULL if memory has run out. */
LC_API LC_MUST_CHECK lc_handle *lc_handle_new(void);
/** A handle that is closed already. Needs no lc_handle_unref, and allows it. Never NULL. */
LC_API lc_handle *lc_handle_new_closed(void);
/** One more reference. NULL gives NULL. */
LC_API lc_handle *lc_handle_ref(lc_handle *handle);
/**
 * Gives a reference back. The last one frees the handle; callbacks that still wait on an open
 * handle will then never run. NULL is allowed.
 */
LC_API void lc_handle_unref(lc_handle *handle);

/**
 * Closes the handle: wakes every waiter and runs every callback, oldest first, on the caller's
 * stack with no lock held. From the moment others can see it closed, the call does not touch the
 * handle, so a waiter may free it at once. Without waiters it makes no system call. NULL is
 * allowed.
 */
LC_API void lc_handle_close(lc_handle *handle);

/** Whether it is closed; NULL counts as never closing. */
LC_API bool lc_handle_is_closed(const lc_handle *handle);

/**
 * Waits until the handle is closed.
 * @return 0; -ETIMEDOUT if it was still open at the deadline; -EINVAL for NULL, with a
 * line in the log; -ENOTSUP in a forked child.
 */
LC_API int lc_handle_wait(lc_handle *handle, int64_t deadline);

/**
 * Calls `function(arg)` once when the handle closes: on the closer's stack, or right here if it is
 * closed already. The function must not throw and should be short: the closer waits for it.
 * @param callback  NULL, or receives what lc_handle_callback_cancel takes (it must then be given
 * there, also after the function has run).
 * @return 0; -ENOMEM or -EINVAL, and the function will not be called.
 */
LC_API int lc_handle_on_close(lc_handle *handle, void (*function)(void *arg), void *arg,
                              lc_handle_callback **callback);

/**
 * Takes a callback back and frees it. The handle must still be there. A closing that has not come
 * to the callback yet passes it over. If the function is running in another thread, the call waits
 * until it has returned: on return the function is not running and never will be.
 *
 * The exception is a call from within a callback of the library (of a handle, a timer, a context's
 * end): it never waits for another callback, since two that cancel each other would wait for ever.
 * There the call is lc_handle_callback_abandon, and what the function uses must outlive its run.
 * NULL is allowed.
 * @return whether it was prevented; false if it ran, or the handle went without closing; within a
 * callback also if it is still running.
 */
LC_API bool lc_handle_callback_cancel(lc_handle_callback *callback);
/**
 * As lc_handle_callback_cancel, but never waits: if the function is running in another thread, it
 * runs on, and the callback is freed behind it. NULL is allowed.
 * @return whether it was prevented; false if it ran or still runs, or the handle went without
 * closing.
 */
LC_API bool lc_handle_callback_abandon(lc_handle_callback *callback);

/**
 * A file descriptor that becomes readable when the handle closes, for event loops of others (poll,
 * epoll). It belongs to the handle: do not read from it or close it.
 * @return the descriptor, the same at each call; or -EMFILE, -ENFILE, -ENOMEM, -EINVAL.
 */
LC_API int lc_handle_fd(lc_handle *handle);

LC_END_DECLARATIONS

#endif
