/*
 * beside.h: one call made by a helper beside the test, which can wait until that call sleeps.
 */
#ifndef LIFECYCLE_TESTS_REPORTS_BESIDE_H
#define LIFECYCLE_TESTS_REPORTS_BESIDE_H

#include "support/later.h"

#include <lifecycle.h>

struct beside {
    struct helper helper;
    struct strand self; /**< known once `begun` is closed */
    int (*act)(void *arg);
    void *arg;
    int result; /**< of `act`; known once it has ended */
    lc_handle *begun;
};

/** Has `act(arg)` called by a helper, and returns when the helper is about to call it. */
void beside_start(struct beside *beside, int (*act)(void *arg), void *arg);
/** As beside_start, and waits until the helper sleeps in the call. */
void beside_sleeps(struct beside *beside, int (*act)(void *arg), void *arg);
/** Waits until the call has returned. @return what it returned. */
int beside_ends(struct beside *beside);

/** A channel and an item, for the calls below. */
struct traffic {
    lc_channel *channel;
    lc_context *context; /**< its end cuts the call short; NULL: none */
    void *item;          /**< what is sent, or what was received */
};
/** A channel of this capacity, without a discard function. */
lc_channel *channel_of(size_t capacity);
/** An item that is told apart by its number. */
void *item_of(size_t number);
/** For beside_start, with a traffic: lc_context_send. */
int traffic_send(void *traffic);
/** For beside_start, with a traffic: lc_context_receive. */
int traffic_receive(void *traffic);
/** For beside_start, with a traffic: cancels its context. */
int traffic_cancel(void *traffic);

#endif
