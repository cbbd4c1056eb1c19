/*
 * mime.h: an isolate that does what a test tells it, one order after the other, and a port on which
 * the test hears what it says and what becomes of it.
 *
 * What is heard is compared as text: a message's bytes, or "error: " and the message of an error.
 */
#ifndef LIFECYCLE_TESTS_MIME_H
#define LIFECYCLE_TESTS_MIME_H

#include "support/later.h"

#include <lifecycle.h>

#include <stdatomic.h>

struct mime;

/** Anything that can be done in an isolate. An error it returns is the isolate's. */
typedef lc_error *(*mime_act)(struct mime *mime, void *arg);

struct mime_order {
    mime_act act;
    const void *arg; /**< so that it may be a literal */
    lc_handle *did;  /**< closed once it is done; NULL: nobody waits for that */
};

struct mime {
    lc_isolate_options options; /**< the test changes what it likes before mime_spawn */
    mime_act first;             /**< done in the entry; NULL: nothing */
    const void *first_arg;
    lc_isolate isolate;
    lc_receive_port orders; /**< the isolate's; known once it is ready */
    lc_receive_port notes;  /**< the test's, told of errors and of the exit ("exit") */
    lc_handle *gate;        /**< what it waits for, if told to */
    struct doer self;       /**< who it is while it waits */
    lc_context *context;    /**< once mime_shows_context was done: a reference */
    lc_handle *done;        /**< NULL: it was never spawned */
    atomic_uint entered;    /**< how often its entry has begun */
    atomic_uint released;   /**< how often its argument was released */
    atomic_uint deferred;   /**< how often mime_count_deferred was called */
};

/** Made to be spawned with `orders`, and with both listeners at `notes`. */
void mime_init(struct mime *mime);
/** Spawns it. @return whether that went well, and it is ready; that is not awaited of one that is
 * paused or held. */
bool mime_spawn(struct mime *mime);
/** Both. */
void mime_begin(struct mime *mime);
/** Waits until its entry has returned. */
bool mime_is_ready(struct mime *mime);
/** Waits until it has ended. */
bool mime_has_ended(struct mime *mime);
/** Waits until it is in this state. */
bool mime_comes_to(struct mime *mime, lc_isolate_state state);
/** Ends it if it is alive, and frees all. */
void mime_drop(struct mime *mime);

/** Sends an order. */
bool mime_told(struct mime *mime, mime_act act, const void *arg);
/** Sends an order and waits until it has been carried out; not for those that end the isolate. */
bool mime_does(struct mime *mime, mime_act act, const void *arg);

/** Waits until it waits, and has said so. */
bool mime_sleeps(struct mime *mime);
/** Opens the gate. */
void mime_let_go(struct mime *mime);

/** By the isolate: sends a text to `notes`. */
void mime_say(struct mime *mime, const char *text);
/** By the isolate: says "waits", and waits until `gate` is closed. */
void mime_wait(struct mime *mime);

/* ---- what it can be told ---- */

/** Says `arg`, a text. */
lc_error *mime_says(struct mime *mime, void *arg);
/** Waits, as mime_wait, and then says "goes on". */
lc_error *mime_waits(struct mime *mime, void *arg);
/** Returns an error of code -100 whose message is `arg`. */
lc_error *mime_fails(struct mime *mime, void *arg);
/** Throws it on its context; says "thrown?" if it comes back. */
lc_error *mime_throws(struct mime *mime, void *arg);
/** Exits, with `arg` as last message to `notes`; NULL: with none. */
lc_error *mime_exits(struct mime *mime, void *arg);
/** Closes its port for orders, and so ends by itself. */
lc_error *mime_closes(struct mime *mime, void *arg);
/** Has `context` filled in. */
lc_error *mime_shows_context(struct mime *mime, void *arg);
/** For lc_defer, with the mime. */
void mime_count_deferred(void *mime);

/* ---- what is heard ---- */

/** A port of the caller's. */
lc_receive_port open_port(void);
/** Whether the next message is this text; waits for it. */
bool hears(lc_receive_port port, const char *text);
/** Whether there is no message at this moment. */
bool hears_nothing(lc_receive_port port);
/** A text as it is sent. NULL: an empty payload. */
lc_payload text_payload(const char *text);

/** Something that is moved, and counts how often it is destroyed. */
struct load {
    struct mime_order order; /**< so that it can be sent as one */
    atomic_uint destroyed;
};
lc_payload load_payload(struct load *load);
/** Sends it, as an order. */
bool mime_sent(struct mime *mime, struct load *load);

#endif
