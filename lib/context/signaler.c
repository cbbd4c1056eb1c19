/*
 * signaler.c: where fatal errors go. See <lifecycle/context.h> and signaler.h.
 */
#include "context/signaler.h"

#include "base/assert.h"
#include "base/memory.h"
#include "base/refs.h"
#include "wait/handle.h"
#include "wait/wait.h"

#include <errno.h>
#include <stdio.h>

struct lc_signaler {
    atomic_uint refs;
    /*
     * Set once, by the first error or by the seal. The thread that sets it alone keeps the error or
     * calls the relay, and calls the release.
     */
    atomic_bool claimed;
    atomic_uchar asked;        /* see lc__signaler_ask */
    _Atomic(lc_error *) error; /* was thrown and not taken yet */
    lc_handle thrown;          /* closes after `error` is set */
    struct lc__relay relay;    /* relay.error is NULL if it has none */
};

/* ---- the embedded handle ---- */

LC__HANDLE_OWNER(thrown_owner, lc_signaler, thrown, lc_signaler_ref, lc_signaler_unref);

/* ---- making ---- */

lc_signaler *lc__signaler_relaying(const struct lc__relay *relay)
{
    lc_signaler *signaler = lc__allocate(sizeof *signaler);
    if (!signaler)
        return NULL;
    atomic_init(&signaler->refs, 1);
    atomic_init(&signaler->claimed, false);
    atomic_init(&signaler->asked, 0);
    atomic_init(&signaler->error, NULL);
    lc__handle_init(&signaler->thrown, &thrown_owner);
    if (relay)
        signaler->relay = *relay;
    return signaler;
}

lc_signaler *lc_signaler_new(void)
{
    return lc__signaler_relaying(NULL);
}

lc_signaler *lc_signaler_ref(lc_signaler *signaler)
{
    if (signaler)
        atomic_fetch_add_explicit(&signaler->refs, 1, memory_order_relaxed);
    return signaler;
}

/* Called once: by the thread that has claimed the signaler, or when it is freed. */
static void signaler_release_relay(lc_signaler *signaler)
{
    if (signaler->relay.release)
        signaler->relay.release(signaler->relay.arg);
}

void lc__signaler_log(lc_log_level level, const char *component, const char *what,
                      const lc_error *error)
{
    char origin[256];
    snprintf(origin, sizeof origin, "%s:%d", lc_error_file(error), lc_error_line(error));
    const lc_log_field field = lc_field_text("origin", origin);
    lc_log_fields(level, component, &field, 1, "%s: %s", what, lc_error_message(error));
}

/* Logs an error that no handler gets. Takes it over. */
static void signaler_log_unhandled(lc_error *error)
{
    lc__signaler_log(LC_LOG_ERROR, NULL, "unhandled error", error);
    lc_error_unref(error);
}

void lc_signaler_unref(lc_signaler *signaler)
{
    if (!signaler || !lc__refs_drop(&signaler->refs))
        return;
    /* No other thread has the signaler: nothing in it changes any more. */
    if (!lc__signaler_is_claimed(signaler))
        signaler_release_relay(signaler);
    lc_error *left = atomic_load_explicit(&signaler->error, memory_order_acquire);
    if (left)
        signaler_log_unhandled(left);
    lc__handle_destroy(&signaler->thrown);
    lc__free(signaler);
}

/* ---- signalling and taking ---- */

/* @return whether this call is the first. A later caller reads nothing that the first writes. */
static bool signaler_claim(lc_signaler *signaler)
{
    return !atomic_exchange_explicit(&signaler->claimed, true, memory_order_acq_rel);
}

void lc__signaler_ask(lc_signaler *signaler, unsigned char asked)
{
    atomic_store_explicit(&signaler->asked, asked, memory_order_relaxed);
}

unsigned char lc__signaler_asked(lc_signaler *signaler)
{
    return atomic_load_explicit(&signaler->asked, memory_order_relaxed);
}

bool lc__signaler_is_claimed(lc_signaler *signaler)
{
    return atomic_load_explicit(&signaler->claimed, memory_order_acquire);
}

void lc__signaler_seal(lc_signaler *signaler)
{
    if (signaler_claim(signaler))
        signaler_release_relay(signaler);
}

/* Takes the error over. The caller has claimed the signaler. */
static void signaler_keep_or_relay(lc_signaler *signaler, lc_error *error)
{
    LC__ASSERT(lc__signaler_is_claimed(signaler) && error);
    if (signaler->relay.error) {
        signaler->relay.error(signaler->relay.arg, error);
        signaler_release_relay(signaler);
        return;
    }
    /*
     * Release: a thread that takes the pointer sees the error. The close comes after it: a thread
     * that sees `thrown` closed finds the error.
     */
    atomic_store_explicit(&signaler->error, error, memory_order_release);
    lc_handle_close(&signaler->thrown);
}

bool lc__signaler_offer(lc_signaler *signaler, lc_error *error)
{
    LC__ASSERT(error);
    if (signaler->relay.repeats) {
        signaler->relay.error(signaler->relay.arg, error);
        return true;
    }
    if (!signaler_claim(signaler))
        return false;
    signaler_keep_or_relay(signaler, error);
    return true;
}

void lc__signaler_signal(lc_signaler *signaler, lc_error *error)
{
    if (!lc__signaler_offer(signaler, error))
        signaler_log_unhandled(error);
}

lc_handle *lc_signaler_thrown(lc_signaler *signaler)
{
    return signaler ? &signaler->thrown : NULL;
}

lc_error *lc_signaler_take(lc_signaler *signaler)
{
    return signaler ? atomic_exchange_explicit(&signaler->error, NULL, memory_order_acq_rel) : NULL;
}

int lc_signaler_wait(lc_signaler *signaler, lc_handle *done, lc_error **error, int64_t deadline)
{
    if (!error)
        return -EINVAL;
    *error = NULL;
    if (!signaler || !done)
        return -EINVAL;
    lc_waitable thrown = lc_on_handle(&signaler->thrown);
    int result = lc__wait_any(&thrown, 1, done, deadline);
    if (result < 0)
        return result;
    *error = lc_signaler_take(signaler);
    return 0;
}
