/*
 * handle.h: a one-shot event. A handle is open, then closed for ever. A second close is harmless.
 * Any number of threads and fibers may wait. Those that see it closed see all that was written
 * before the close. In Go it would be a channel that is only ever closed.
 *
 * Ownership: lc_handle_new gives a reference. A handle that an object lends (the ready handle of a
 * manager, the done handle of a context) lives as long as that object; a reference to the handle
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

/** A callback that waits for a handle to close. */
typedef struct lc_handle_callback lc_handle_callback;

/** An open handle, or NULL if memory has run out. */
LC_API LC_MUST_CHECK lc_handle *lc_handle_new(void);
/** A closed handle. It needs no lc_handle_unref, and allows it. Never NULL. */
LC_API lc_handle *lc_handle_new_closed(void);
/** One more reference. NULL gives NULL. */
LC_API lc_handle *lc_handle_ref(lc_handle *handle);
/**
 * Gives a reference back. The last one frees the handle; if it is open, its callbacks never run.
 * NULL is allowed.
 */
LC_API void lc_handle_unref(lc_handle *handle);

/**
 * Closes the handle: wakes every waiter and calls every callback, oldest first, on the caller's
 * stack, without a lock. Once another thread can see the handle closed, this call does not touch
 * it, so a waiter may free it at once. Without waiters it makes no system call. NULL is allowed.
 */
LC_API void lc_handle_close(lc_handle *handle);

/** Whether it is closed; false for NULL. */
LC_API bool lc_handle_is_closed(const lc_handle *handle);

/**
 * Waits until the handle is closed.
 * @return 0; -ETIMEDOUT: it was open until the deadline; -EINVAL for NULL, with a line in the log;
 * -ENOTSUP in a forked child.
 */
LC_API int lc_handle_wait(lc_handle *handle, int64_t deadline);

/**
 * Calls `function(arg)` once when the handle closes, on the stack of lc_handle_close; in this call
 * if it is closed already. The function must not throw and should be short: the closer waits for
 * it.
 * @param callback  NULL, or receives the callback, which must be given to lc_handle_callback_cancel
 * or lc_handle_callback_abandon, also after the function has run.
 * @return 0; -ENOMEM or -EINVAL: the function will not be called.
 */
LC_API int lc_handle_on_close(lc_handle *handle, void (*function)(void *arg), void *arg,
                              lc_handle_callback **callback);

/**
 * Cancels a callback and frees it. The handle must still exist. If the function is running in
 * another thread, the call waits until it has returned. After this call the function does not run.
 *
 * In a callback of the library (of a handle, a timer, a context's end) the call does not wait,
 * since two callbacks that cancel each other would wait for ever: there it is
 * lc_handle_callback_abandon, and what the function uses must outlive its run. NULL is allowed.
 * @return true: the function has not run, and will not; false: it has run, or the handle was freed
 * without having closed; in a callback also: it is still running.
 */
LC_API bool lc_handle_callback_cancel(lc_handle_callback *callback);
/**
 * As lc_handle_callback_cancel, but never waits: a function that is running in another thread goes
 * on, and the callback is freed after it. NULL is allowed.
 * @return true: the function has not run, and will not; false: it has run or is running, or the
 * handle was freed without having closed.
 */
LC_API bool lc_handle_callback_abandon(lc_handle_callback *callback);

/**
 * A file descriptor that becomes readable when the handle closes, for an event loop of the program
 * (poll, epoll). It belongs to the handle: do not read from it or close it.
 * @return the descriptor, the same at each call; or -EMFILE, -ENFILE, -ENOMEM, -EINVAL.
 */
LC_API int lc_handle_fd(lc_handle *handle);

LC_END_DECLARATIONS

#endif
