/*
 * scripted_isolate.h: an isolate that carries out a test's orders, one after the other, and a port
 * on which the test receives what the isolate says, its errors and its exit.
 *
 * What is heard is compared as text: a message's bytes, or "error: " and the message of an error.
 */
#ifndef LIFECYCLE_TESTS_SCRIPTED_ISOLATE_H
#define LIFECYCLE_TESTS_SCRIPTED_ISOLATE_H

#include "support/later.h"

#include <lifecycle.h>

#include <stdatomic.h>

struct scripted_isolate;

/** A function that the isolate calls. The isolate fails with the error that it returns. */
typedef lc_error *(*isolate_action)(struct scripted_isolate *isolate, void *arg);

struct isolate_order {
    isolate_action act;
    const void *arg; /**< so that it may be a literal */
    lc_handle *did;  /**< closed once it has returned; NULL: the test does not wait */
};

struct scripted_isolate {
    lc_isolate_options options; /**< the test changes what it likes before isolate_spawn */
    isolate_action first;       /**< done in the entry; NULL: nothing */
    const void *first_arg;
    lc_isolate real;        /**< the library's */
    lc_receive_port orders; /**< the isolate's; known once it is ready */
    lc_receive_port notes;  /**< the test's, told of errors and of the exit ("exit") */
    lc_handle *gate;        /**< what it waits for, if told to */
    struct strand self;     /**< the thread or fiber that waits */
    lc_context *context;    /**< once isolate_shows_context was done: a reference */
    lc_handle *done;        /**< NULL: it was never spawned */
    atomic_uint entered;    /**< how often its entry has begun */
    atomic_uint released;   /**< how often its argument was released */
    atomic_uint deferred;   /**< how often isolate_count_deferred was called */
};

/** Sets the defaults: it opens `orders`, and both listeners are at `notes`. */
void isolate_init(struct scripted_isolate *isolate);
/**
 * Spawns it. @return whether it could be spawned and is ready; it does not wait for the readiness
 * of one that is paused or held.
 */
bool isolate_spawn(struct scripted_isolate *isolate);
/** Both. */
void isolate_begin(struct scripted_isolate *isolate);
/** Waits until its entry has returned. */
bool isolate_is_ready(struct scripted_isolate *isolate);
/** Waits until it has ended. */
bool isolate_has_ended(struct scripted_isolate *isolate);
/** Waits until it is in this state. */
bool isolate_comes_to(struct scripted_isolate *isolate, lc_isolate_state state);
/** Ends it if it is alive, and frees all. */
void isolate_drop(struct scripted_isolate *isolate);

/** Sends an order. */
bool isolate_told(struct scripted_isolate *isolate, isolate_action act, const void *arg);
/** Sends an order and waits until it has been carried out; not for those that end the isolate. */
bool isolate_does(struct scripted_isolate *isolate, isolate_action act, const void *arg);

/** Waits until it has said that it waits, and sleeps. */
bool isolate_sleeps(struct scripted_isolate *isolate);
/** Opens the gate. */
void isolate_let_go(struct scripted_isolate *isolate);

/** By the isolate: sends a text to `notes`. */
void isolate_say(struct scripted_isolate *isolate, const char *text);
/** By the isolate: says "waits", and waits until `gate` is closed. */
void isolate_wait(struct scripted_isolate *isolate);

/* ---- orders ---- */

/** Says `arg`, a text. */
lc_error *isolate_says(struct scripted_isolate *isolate, void *arg);
/** Waits, as isolate_wait, and then says "goes on". */
lc_error *isolate_waits(struct scripted_isolate *isolate, void *arg);
/** Returns an error of code -100 with the message `arg`. */
lc_error *isolate_fails(struct scripted_isolate *isolate, void *arg);
/** Throws it on its context; says "thrown?" if it comes back. */
lc_error *isolate_throws(struct scripted_isolate *isolate, void *arg);
/** Exits, with `arg` as last message to `notes`; NULL: with none. */
lc_error *isolate_exits(struct scripted_isolate *isolate, void *arg);
/** Closes its port for orders, and so ends by itself. */
lc_error *isolate_closes(struct scripted_isolate *isolate, void *arg);
/** Has `context` filled in. */
lc_error *isolate_shows_context(struct scripted_isolate *isolate, void *arg);
/** For lc_defer, with the isolate. */
void isolate_count_deferred(void *isolate);

/* ---- what the test receives ---- */

/** A port of the caller's. */
lc_receive_port open_port(void);
/** Whether the next message is this text; waits for it. */
bool hears(lc_receive_port port, const char *text);
/** Whether there is no message at this moment. */
bool hears_nothing(lc_receive_port port);
/** A text as it is sent. NULL: an empty payload. */
lc_payload text_payload(const char *text);

/** Data that is moved, and counts how often it is destroyed. */
struct load {
    struct isolate_order order; /**< so that it can be sent as one */
    atomic_uint destroyed;
};
lc_payload load_payload(struct load *load);
/** Sends it, as an order. */
bool isolate_sent(struct scripted_isolate *isolate, struct load *load);

#endif
