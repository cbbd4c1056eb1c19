/*
 * signaler.h (internal): signalers that relay their errors at once, on the stack of the throw,
 * instead of keeping them until they are taken. Floor 3.
 */
#ifndef LIFECYCLE_CONTEXT_SIGNALER_H
#define LIFECYCLE_CONTEXT_SIGNALER_H

#include <lifecycle/context.h>
#include <lifecycle/log.h>

/* What a relaying signaler does with an error. */
struct lc__relay {
    /* Takes the error over. Called once, or for each error if it `repeats`. */
    void (*error)(void *arg, lc_error *error);
    /* Called when the relay is not needed any more: `error` does not run and is not called. */
    void (*release)(void *arg);
    void *arg;
    bool repeats; /* it is called for each error */
};

/*
 * A signaler that hands its first error to the relay, which is copied; NULL: it keeps the error.
 * @return NULL: no memory; `release` is not called.
 */
lc_signaler *lc__signaler_relaying(const struct lc__relay *relay);
/*
 * From here on no error is relayed; errors are logged as unhandled. An error that is being relayed
 * is not affected.
 */
void lc__signaler_seal(lc_signaler *signaler);
/* Takes the error over. The first error is kept or relayed; any other is logged. */
void lc__signaler_signal(lc_signaler *signaler, lc_error *error);
/*
 * The same, but @return false if it is not the first: then it stays the caller's and is not logged.
 */
bool lc__signaler_offer(lc_signaler *signaler, lc_error *error);
/* Logs "what: message" for the component, which may be NULL, with the origin of the error. */
void lc__signaler_log(lc_log_level level, const char *component, const char *what,
                      const lc_error *error);

/*
 * A number that says what the next error asks for; the relay knows its meaning. It is kept here and
 * not with the relay, which may be gone. It is ordered as the error is; 0 until it is set.
 */
void lc__signaler_ask(lc_signaler *signaler, unsigned char asked);
unsigned char lc__signaler_asked(lc_signaler *signaler);
/* Whether the signaler has had an error, or was sealed. */
bool lc__signaler_is_claimed(lc_signaler *signaler);

#endif
