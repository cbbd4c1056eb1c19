/*
 * ledger.h: what the files of the ledger share.
 *
 * The ledger is a TCP service that keeps lines on disk, and an example of a service made of
 * components:
 *
 *     main.c      options, limits, and the order in which things are made and freed
 *     graph.c     the components and what each needs, run by the library's supervisor
 *     keeper.c    component "journal": has the file open
 *     store.c     component: commits append requests to the journal, many with one sync
 *     listener.c  component: accepts clients; session.c speaks with one of them
 *     reporter.c  component: logs throughput and states
 *     journal.c   the file: records, recovery, damage
 *
 * Nearly all workers are fibers: they wait through the library, hold no mutex over a wait, and what
 * may keep them at the disk goes elsewhere (keeper.c, store.c and journal.c tell where).
 */
#ifndef LEDGER_H
#define LEDGER_H

#include "journal.h"

#include <lifecycle.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/** The most clients at one time. Each may have one request under way, so it bounds those too. */
#define LEDGER_CLIENTS_MAX 1000
/** The longest line of the protocol, in bytes, its end not counted. */
#define LEDGER_LINE_MAX 4096

struct ledger;

/* ---- options ---- */

struct config {
    struct sockaddr_storage address; /**< once the listener has bound it, with the real port */
    socklen_t address_length;
    const char *data; /**< the directory of the journal */
    int64_t idle;     /**< how long a client may send no line */
    bool allow_fail;  /**< whether clients may FAIL components */
};

/* ---- append requests ---- */

/**
 * A line to be kept. It lives in its session, which sends it on `ledger.requests` and then waits
 * for it to come back on `reply`. Whatever that channel has accepted comes back exactly once: from
 * the store's commit worker, or, when nothing more will be stored, from whoever closes the channel
 * (store_refuse). So a session may wait without a deadline, and a restart of the store or of the
 * journal loses nothing that is queued.
 */
struct request {
    char *text;
    size_t length;
    lc_channel *reply; /**< the session's own; room for one, which is all it ever holds */
    uint64_t number;   /**< the answer: the entry's number, or 0 */
    lc_error *refused; /**< the answer if `number` is 0; a reference for the session */
};

/** Nothing will be stored any more: closes the channel, and answers the requests in it. */
void store_refuse(struct ledger *ledger);

/* ---- the graph ---- */

/** What is known of a kind of component before it runs. */
struct kind {
    const char *name;
    const lc_dependency *const *needs; /**< what must be ready before it starts */
    /** Adds the component's workers; each instance runs them anew. */
    void (*add_workers)(lc_manager_builder *builder, struct ledger *ledger);
    /** What the error handler answers to a real failure (FAIL brings its own answer along). */
    lc_behavior on_failure;
};
extern const struct kind journal_kind;
extern const struct kind store_kind;
extern const struct kind listener_kind;
extern const struct kind reporter_kind;
#define LEDGER_NODES 4

/** What the graph's questions about a component are answered with. */
struct node {
    const struct kind *kind;
    lc_manager_builder *builder; /**< builds each instance */
    lc_channel *faults;          /**< errors for an instance to fail with */
};

/** Runs the graph until a signal or the components' behaviors end it. @return the exit status. */
int graph_run(struct ledger *ledger);
/** The component of that name, or NULL. */
struct node *graph_find(struct ledger *ledger, const char *name);
/** Whether a component will not run again. */
bool graph_is_over(struct ledger *ledger, const char *name);
/**
 * Makes a component fail, and its handler answer `behavior`.
 * @return 0; -ETIMEDOUT if the last fault asked for has not happened yet; -ENOMEM.
 */
int graph_fail(struct node *node, lc_behavior behavior);

/* ---- the ledger ---- */

/** What lives as long as the process, however often the components are restarted. */
struct ledger {
    struct config config;
    struct journal journal;
    lc_channel *requests; /**< of struct request */
    struct node nodes[LEDGER_NODES];
    lc_supervisor *supervisor; /**< of the graph; there for as long as a component runs */
    _Atomic uint64_t appends;  /**< since the start of the process */
    _Atomic uint64_t syncs;
    _Atomic unsigned clients; /**< connected now */
};

struct session;
/**
 * Starts a session with a client.
 * @param context   has the session end: it answers what it has received, and closes.
 * @param socket    taken over, unless the call fails.
 * @param finished  where the session sends itself at its end; it must then be given to
 *                  session_reap.
 */
lc_error *session_start(struct ledger *ledger, lc_context *context, int socket,
                        lc_channel *finished);
void session_reap(struct session *session);

#endif
