/* kv.h: what kv.c (the graph), server.c (the listener) and store.c (writer, reader) share. */
#ifndef KV_H
#define KV_H

#include <lifecycle.h>

enum { KEY_MAX = 255, VALUE_MAX = 65536, BATCH_MAX = 256 };

/** Goes from a connection to a store and back; the connection waits for it. */
struct request {
    char verb;                               /**< G: get, P: put, D: delete */
    char key[KEY_MAX];                       /**< any bytes */
    const char *value;                       /**< to be put */
    char *found;                             /**< got; there is room for VALUE_MAX bytes */
    size_t key_length, length, found_length; /**< of these three */
    bool has_length, has_host, asks_first;
    const char *status;  /**< the answer, such as "200 OK"; NULL before */
    lc_handle *answered; /**< closes when the store has answered */
};

struct store {
    const char *path; /**< of the database; stores may share it */
    lc_watch *queue;  /**< the channel of the running instance; that of an ended one is closed */
};
lc_error *store_run(lc_context *context, lc_ready *ready, void *arg); /**< arg: the store */
/** Waits for the answer, which comes: an instance answers all that it has accepted. */
void store_ask(struct store *store, lc_context *context, struct request *request);

struct kv {
    const char *host, *port;
    struct store writer, reader;
};
lc_error *server_run(lc_context *context, lc_ready *ready, void *arg); /**< arg: the kv */

#endif
