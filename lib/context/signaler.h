/*
 * signaler.h (internal): signalers whose errors go on at once, on the thrower's stack, instead of
 * lying there to be taken. Floor 3.
 */
#ifndef LIFECYCLE_CONTEXT_SIGNALER_H
#define LIFECYCLE_CONTEXT_SIGNALER_H

#include <lifecycle/context.h>
#include <lifecycle/log.h>

/* What a relaying signaler does with an error. */
struct lc__relay {
    /* Takes the error over. Called once, or, if it `repeats`, for each error. */
    void (*error)(void *arg, lc_error *error);
    /* The relay is not needed any more: `error` is not running and will not run. */
    void (*release)(void *arg);
    void *arg;
    bool repeats; /* it is called for each error */
};

/*
 * A signaler that hands its first error to the relay (copied). NULL: no memory, and release is not
 * called.
 */
lc_signaler *lc__signaler_relaying(const struct lc__relay *relay);
/*
 * No error is relayed any more; later ones are logged as unhandled. One that is being relayed goes
 * on.
 */
void lc__signaler_seal(lc_signaler *signaler);
/* Gives the signaler an error, taken over: the first is kept or relayed, any other logged. */
void lc__signaler_signal(lc_signaler *signaler, lc_error *error);
/* As above. @return false if it is not the first: then it is the caller's, and is not logged. */
bool lc__signaler_offer(lc_signaler *signaler, lc_error *error);
/* Logs "what: message" of the component (may be NULL), and where the error was made. */
void lc__signaler_log(lc_log_level level, const char *component, const char *what,
                      const lc_error *error);

/*
 * What the error that comes next asks for: a number that means something to who relays. It lies
 * here and not with the relay, which may be gone. Its order is that of the error; 0 until it is set.
 */
void lc__signaler_ask(lc_signaler *signaler, unsigned char asked);
unsigned char lc__signaler_asked(lc_signaler *signaler);
/* Whether it has had an error, or was sealed. */
bool lc__signaler_is_claimed(lc_signaler *signaler);

#endif
