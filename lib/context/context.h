/*
 * context.h (internal): contexts for the library's own use. Floor 3.
 */
#ifndef LIFECYCLE_CONTEXT_CONTEXT_H
#define LIFECYCLE_CONTEXT_CONTEXT_H

#include <lifecycle/context.h>

/* The nearest signaler upward, or NULL. Borrowed: lives as long as the context. */
lc_signaler *lc__context_signaler(const lc_context *context);

/*
 * As lc_context_with_signaler, but the context takes over the caller's reference to the signaler.
 */
lc_context *lc__context_with_own_signaler(lc_context *parent, lc_signaler *signaler);
/* The same, with a value as of lc_context_with_value, in one context. */
lc_context *lc__context_with_own_signaler_and_value(lc_context *parent, lc_signaler *signaler,
                                                    const void *key, void *value,
                                                    void (*release)(void *value));

/*
 * As lc_context_value. *context becomes the parent of the context that has the value; NULL if there
 * is none. So repeated calls find all values under a key, the nearest first.
 */
void *lc__context_next_value(const lc_context **context, const void *key);

/* The error that lc_context_cancel makes of a cause, which is taken over and may be NULL. */
lc_error *lc__context_cancellation(lc_error *cause);
/* Cancels with an error of lc__context_cancellation, taken over: many contexts can share one. */
void lc__context_cancel_by(lc_context *context, lc_error *cancellation);

/*
 * Whether `error` is a clean answer to the end of the context: the context has ended, and `error`
 * is NULL or has the code of the context's error in its chain. The code counts and not the object,
 * so that a worker may make its own error from the number that a wait has returned. All of the
 * library applies this rule to what was told to stop. False while the context is live.
 */
bool lc__context_is_clean_end(const lc_context *context, const lc_error *error);

/*
 * From here on a clean end of the context is no error: a clean end that is thrown or signalled on
 * the context, or below it, is dropped. Called before another thread has the context; but a cancel
 * of the parent may already end it.
 */
void lc__context_drop_clean_ends(lc_context *context);
/* Whether this context, or one above it with the same signaler, drops an error thrown on it. */
bool lc__context_drops(const lc_context *context, const lc_error *error);

/*
 * As lc_context_new, but the end of the parent does not end it: it only inherits values and the
 * signaler. For a caller that stops what is below it in an order of its own.
 */
lc_context *lc__context_apart(lc_context *parent);

#endif
