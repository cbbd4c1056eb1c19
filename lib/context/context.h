/*
 * context.h (internal): what throwing asks of a context. Floor 3.
 */
#ifndef LIFECYCLE_CONTEXT_CONTEXT_H
#define LIFECYCLE_CONTEXT_CONTEXT_H

#include <lifecycle/context.h>

/* The nearest signaler upward, or NULL. Borrowed: lives as long as the context. */
lc_signaler *lc__context_signaler(const lc_context *context);

/* As lc_context_with_signaler, and the caller's reference to the signaler is the context's. */
lc_context *lc__context_with_own_signaler(lc_context *parent, lc_signaler *signaler);
/* The same, and as lc_context_with_value, in one context. */
lc_context *lc__context_with_own_signaler_and_value(lc_context *parent, lc_signaler *signaler,
                                                    const void *key, void *value,
                                                    void (*release)(void *value));

/*
 * As lc_context_value, and goes on: *context becomes what is above the context that has the value;
 * NULL at the end. So all values under a key are found, the nearest first.
 */
void *lc__context_next_value(const lc_context **context, const void *key);

/* The error that lc_context_cancel makes of a cause, taken over; for NULL the one that has none. */
lc_error *lc__context_cancellation(lc_error *cause);
/* As lc_context_cancel, with an error made by that, taken over: many contexts can share one. */
void lc__context_cancel_by(lc_context *context, lc_error *cancellation);

/*
 * Whether `error` is a clean answer to the end of the context: the context has ended, and `error`
 * is NULL or has the code of the context's error in its chain. The code counts and not the object,
 * so that a worker may make an error of its own from the number that a wait has returned. This is
 * the one rule that judges the end of what was told to stop. False while the context is live.
 */
bool lc__context_is_clean_end(const lc_context *context, const lc_error *error);

/*
 * From here on, a clean end of the context is no error: what is thrown or signalled on it, or below
 * it, is dropped then. To be called before others have the context.
 */
void lc__context_drop_clean_ends(lc_context *context);
/*
 * Whether an error that is thrown on this context is dropped by it, or by one above it that has the
 * same signaler.
 */
bool lc__context_drops(const lc_context *context, const lc_error *error);

/*
 * As lc_context_new, but what ends the parent does not end it: it only inherits values and
 * signaler. For who stops what is below in an order.
 */
lc_context *lc__context_apart(lc_context *parent);

#endif
