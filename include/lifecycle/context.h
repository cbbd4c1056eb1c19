/*
 * context.h: contexts, signaler contexts, throwing, deferring.
 *
 * A context tells workers when to stop. Contexts form a tree: cancelling one ends every context
 * below it and none above. A signaler context can also *throw*: report a fatal error upward to the
 * nearest signaler. The first error wins; later ones are logged.
 *
 * **A clean end.** The end of its context tells a function to stop. From then on NULL and an error
 * that has the code of the context's error (lc_context_error: -ECANCELED, or -ETIMEDOUT after a
 * deadline) in its chain mean the same: the function has stopped as it was told, a clean end. It
 * may return either, or throw the error. It may make the error from the number that a wait has
 * returned. Any other error is a failure, and so is each error before the context has ended.
 *
 * This rule is the same for workers, runnables, the starts of components, the entries and handlers
 * of isolates (their context is lc_isolate_context), and the functions of a service. For a factory,
 * which gets no context, it is the context that its component would be started under, or that of
 * the run. The function of lc_executor_run has no context: its error is returned as it is.
 *
 * All calls are thread-safe. The semantics are those of contexts and signaler contexts in the Go
 * component/lifecycle packages.
 */
#ifndef LIFECYCLE_CONTEXT_H
#define LIFECYCLE_CONTEXT_H

#include <lifecycle/api.h>
#include <lifecycle/channel.h>
#include <lifecycle/error.h>
#include <lifecycle/handle.h>
#include <lifecycle/time.h>
#include <lifecycle/wait.h>

LC_BEGIN_DECLARATIONS

typedef struct lc_context lc_context;
typedef struct lc_signaler lc_signaler;

/* ---- contexts ---- */

/**
 * Makes a context below `parent`, or a root for NULL. A child of an ended context has ended from
 * the start. A child has a reference to its parent; a parent has none to its children. Giving the
 * last reference to a child back does not cancel it.
 * @return a reference, or NULL if memory has run out.
 */
LC_API LC_MUST_CHECK lc_context *lc_context_new(lc_context *parent);

/**
 * As lc_context_new; the context ends with -ETIMEDOUT at `deadline` on the caller's clock,
 * or with its parent if that is sooner. Also NULL if the deadline needs the thread for timers, and
 * no thread can be made.
 */
LC_API LC_MUST_CHECK lc_context *lc_context_with_deadline(lc_context *parent, int64_t deadline);

/**
 * Makes a context that ends `timeout` after its parent has ended, with the parent's error: for work
 * that a service finishes after it takes on no more (docs/draining.md). It has the parent's
 * signaler and values. The end of the parent does not end it, or a context below it, before that
 * time; lc_context_cancel ends it at any time.
 *
 * The time begins when the parent ends, by a cancel or its deadline; if the parent has ended
 * already, with this call. lc_context_deadline returns the parent's deadline plus `timeout`, or
 * LC_FOREVER for a parent without a deadline.
 * @param timeout  nanoseconds. 0 or less: it ends with its parent, as a context of lc_context_new.
 *                 LC_FOREVER: the end of the parent does not end it.
 * @return as lc_context_with_deadline. With a parent of NULL it ends by lc_context_cancel only.
 */
LC_API LC_MUST_CHECK lc_context *lc_context_with_grace(lc_context *parent, int64_t timeout);

/**
 * As lc_context_new; the context and all contexts below it have the value.
 * @param key      compared by address: the address of a static variable of yours. For NULL the
 *                 result is NULL.
 * @param release  called with `value` when the context is freed; NULL if there is nothing to free.
 * If the call fails, it is not called.
 */
LC_API LC_MUST_CHECK lc_context *lc_context_with_value(lc_context *parent, const void *key,
                                                       void *value, void (*release)(void *value));

/**
 * As lc_context_new; what is thrown on it, or on a context below it, goes to `signaler`. It has a
 * reference to the signaler.
 */
LC_API LC_MUST_CHECK lc_context *lc_context_with_signaler(lc_context *parent,
                                                          lc_signaler *signaler);

/** One more reference. NULL gives NULL. */
LC_API lc_context *lc_context_ref(lc_context *context);
/** Gives a reference back. NULL is allowed. */
LC_API void lc_context_unref(lc_context *context);

/**
 * Ends the context and all contexts below it: first each gets its error, then their done handles
 * close, top down, on the caller's stack. So a thread or fiber that sees one closed finds every
 * context below it ended. A second call changes nothing, keeps the first cause, and does not wait
 * for the first call.
 * @param cause  the reason, taken over; NULL: none. The context's error wraps it.
 */
LC_API void lc_context_cancel(lc_context *context, lc_error *cause);

/**
 * The error of the context: NULL while it is live, then an error of code -ECANCELED, or -ETIMEDOUT
 * after its deadline. Borrowed: lives as long as the context.
 */
LC_API const lc_error *lc_context_error(const lc_context *context);
/** The handle that closes when the context ends. Lives as long as the context. */
LC_API lc_handle *lc_context_done(lc_context *context);
/**
 * When the context will end by itself: its own deadline or its parents', LC_FOREVER without any.
 */
LC_API int64_t lc_context_deadline(const lc_context *context);
/** The value nearest upward that was stored under `key`, or NULL. */
LC_API void *lc_context_value(const lc_context *context, const void *key);

/*
 * ---- waiting under a context ----
 *
 * A context of NULL never ends. If an item has come and the context has ended too, the call returns
 * the item, so that nothing is lost. A loop over something that may never pause, such as a busy
 * socket, must therefore look at lc_context_error itself:
 *
 *     while (!lc_context_error(context) &&
 *            lc_context_receive(context, channel, &item, LC_FOREVER) == 0)
 *         handle(item);
 *
 * Each returns the code of the context's error (-ECANCELED, -ETIMEDOUT) when the context ends
 * first, and -ETIMEDOUT at its own deadline. lc_context_error tells which of the two it was.
 */

/** As lc_wait_any, ended also by the end of the context. @return the index, or as above. */
LC_API int lc_context_wait_any(lc_context *context, lc_waitable *waitables, size_t count,
                               int64_t deadline);
/**
 * Waits for a handle. A handle that is NULL is refused, with a line in the log.
 * @return 0 if the handle closed; as above; -EINVAL; or as lc_handle_wait.
 */
LC_API int lc_context_wait(lc_context *context, lc_handle *handle, int64_t deadline);
/**
 * As lc_sleep, cut short by the end of the context. @return 0 after the whole time, else as above.
 */
LC_API int lc_context_sleep(lc_context *context, int64_t timeout);
/** As lc_channel_send, cut short by the end of the context. */
LC_API int lc_context_send(lc_context *context, lc_channel *channel, void *item, int64_t deadline);
/** As lc_channel_receive, cut short by the end of the context. */
LC_API int lc_context_receive(lc_context *context, lc_channel *channel, void **item,
                              int64_t deadline);

/* ---- signalers ---- */

/** Makes a signaler, or returns NULL if memory has run out. */
LC_API LC_MUST_CHECK lc_signaler *lc_signaler_new(void);
/** One more reference. NULL gives NULL. */
LC_API lc_signaler *lc_signaler_ref(lc_signaler *signaler);
/**
 * Gives a reference back. An error that was not taken is logged when the last one goes. NULL is
 * allowed.
 */
LC_API void lc_signaler_unref(lc_signaler *signaler);
/** The handle that closes at the first error. Lives as long as the signaler. */
LC_API lc_handle *lc_signaler_thrown(lc_signaler *signaler);
/** Takes the error over: the first call after it was thrown gets it, any other gets NULL. */
LC_API LC_MUST_CHECK lc_error *lc_signaler_take(lc_signaler *signaler);

/**
 * Waits for an error or for `done`, and prefers the error: it never misses an error that was thrown
 * before `done` closed.
 * @param error  receives the error, taken from the signaler; NULL if `done` came without one.
 * @return 0; or -ETIMEDOUT, -EINVAL, -ENOTSUP as lc_wait_any, with `*error` NULL.
 */
LC_API int lc_signaler_wait(lc_signaler *signaler, lc_handle *done, lc_error **error,
                            int64_t deadline);

/* ---- throwing and deferring ---- */

/**
 * Reports a fatal error to the nearest signaler of `context` or above, runs the calling worker's
 * deferred calls, last first, and ends the worker: code after it never runs. An error that is not
 * the signaler's first is logged as unhandled, with its origin, and ends the worker all the same.
 * With no signaler above `context` the error goes to the nearest signaler of the calling worker's
 * own context, so that a wrong context costs that worker. With none there either, the error is
 * logged and the process ends with status 70, since going on would hide a fatal error.
 *
 * Prefer to return the error from the worker, which does the same, above all in C++: destructors
 * between here and the worker's function may not run. A worker that is a thread, and a thread that
 * the library did not make, ends by pthread_exit. A fiber leaves its stack for good, with all that
 * its functions hold, and its thread goes on with other fibers. A C++ exception that leaves a
 * worker's function ends the process (std::terminate), as one that leaves a thread's function does:
 * catch it there and return an error. In a callback of the library (of a handle, a timer) a throw
 * is forbidden: it is logged and ends the process with status 70; call lc_signal_error there.
 * @param error  taken over; NULL is reported as an error of code -EINVAL.
 */
LC_API LC_NORETURN void lc_throw(lc_context *context, lc_error *error);

/**
 * Reports a fatal error as lc_throw does and returns. For callbacks, and for code that must go on.
 * @param error  taken over.
 */
LC_API void lc_signal_error(lc_context *context, lc_error *error);

/**
 * Defers `function(arg)` to the end of the calling worker, by a return, a throw, or (threads only)
 * pthread_exit. A fiber without a manager is a worker too. Deferred calls run last first, after the
 * worker's error was reported. A throw in one of them is reported if it is the worker's first, else
 * logged; the others still run. In a thread that the library did not make they run when it throws
 * or ends. A return from main ends the process, so they do not run then.
 * @return 0, -EINVAL, or -ENOMEM: then the function will not be called.
 */
LC_API int lc_defer(void (*function)(void *arg), void *arg);

LC_END_DECLARATIONS

#endif
