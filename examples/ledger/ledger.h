/*
 * ledger.h: what the files of the ledger share.
 *
 * The ledger is a TCP service that keeps lines on disk, and an example of a service made of
 * components:
 *
 *     main.c       options, limits, and the order in which things are made and freed
 *     supervise.c  starts and stops the three nodes in order, carries their behaviors to each other
 *     node.c       one node: a component kept running by lc_run_component, and its STATUS
 *     store.c      component: commits append requests to the journal, many with one sync
 *     listener.c   component: accepts clients; session.c speaks with one of them
 *     reporter.c   component: logs throughput and states
 *     journal.c    the file: records, recovery, damage
 *
 * Nearly all workers are fibers: they wait through the library, hold no mutex over a wait, and what
 * may keep them at the disk goes elsewhere (store.c and journal.c tell where).
 */
#ifndef LEDGER_H
#define LEDGER_H

#include "journal.h"

#include <lifecycle.h>

#include <pthread.h>
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
    bool allow_fail;  /**< whether clients may FAIL components */
};

/* ---- append requests ---- */

/**
 * A line to be kept. It lives in its session, which sends it on `ledger.requests` and then waits
 * for it to come back on `reply`. Whatever that channel has accepted comes back exactly once: from
 * the store's commit worker, or, when the store has stopped for good, from whoever closes the
 * channel. So a session may wait without a deadline, and a restart of the store loses nothing that
 * is queued.
 */
struct request {
    char *text;
    size_t length;
    lc_channel *reply; /**< the session's own; room for one, which is all it ever holds */
    uint64_t number;   /**< the answer: the entry's number, or 0 */
    lc_error *refused; /**< the answer if `number` is 0; a reference for the session */
};

/* ---- nodes ---- */

/** What is known of a kind of component before it runs. */
struct kind {
    const char *name;
    /** Adds the component's workers; each instance runs them anew. */
    void (*add_workers)(lc_manager_builder *builder, struct ledger *ledger);
    /** What the error handler answers to a real failure (FAIL brings its own answer along). */
    lc_behavior on_failure;
    /** Called when the component will never run again; may be NULL. */
    void (*ended)(struct ledger *ledger);
};
extern const struct kind store_kind;
extern const struct kind listener_kind;
extern const struct kind reporter_kind;

/**
 * A node: a component that is kept running. The run loop blocks, so it is the worker of a manager,
 * the runner, that all nodes share:
 *
 *     supervise.c -> runner (manager) -> run loop (its worker) -> instance (manager) -> workers
 *
 * All these workers are fibers, but for the store's, which waits for the disk.
 */
struct node {
    const struct kind *kind;
    struct node *needs; /**< must be ready before this starts; NULL for nothing */
    struct ledger *ledger;
    lc_context
        *context; /**< each node has its own, so that supervise.c can choose whom to stop when */
    lc_handle *ready;    /**< closes when an instance is ready for the first time */
    lc_handle *done;     /**< closes when the run is over; only then look at the next three */
    lc_error *error;     /**< what ended the run; NULL if it was cancelled */
    lc_behavior verdict; /**< what the handler answered to it */
    bool ended;          /**< supervise.c has seen it done */

    lc_manager_builder *builder; /**< builds each instance */
    lc_channel *faults;          /**< errors for an instance to fail with */
    pthread_mutex_t lock;        /**< guards the rest */
    lc_manager *instance;        /**< the latest one; NULL before the first */
    unsigned instances;          /**< how many there have been */
};

/** Room for the names of the workers of one component, with commas. */
#define NODE_WAITING_MAX 256

/** What STATUS and the reporter tell of a node. */
struct node_status {
    const char *state; /**< waiting, starting, ready, stopping, stopped */
    int64_t age;       /**< how long it has been so, in nanoseconds */
    unsigned restarts;
    char
        waiting[NODE_WAITING_MAX]; /**< the workers that are not ready, with commas; "-" for none */
};

/** Makes a node whose context is below `above`. Free it also when this fails. */
lc_error *node_init(struct node *node, const struct kind *kind, struct node *needs,
                    struct ledger *ledger, lc_context *above);
void node_free(struct node *node);
/** The worker that runs the node; `arg` is the node. */
lc_error *node_run(lc_context *context, lc_ready *ready, void *arg);
void node_status(struct node *node, struct node_status *status);
/**
 * Makes the node's component fail, and its handler answer `behavior`.
 * @return 0; -ETIMEDOUT if the last fault asked for has not happened yet; -ENOMEM.
 */
int node_fail(struct node *node, lc_behavior behavior);

/* ---- the ledger ---- */

/** The nodes in the order of their dependencies: each after what it needs. */
enum { LEDGER_STORE, LEDGER_LISTENER, LEDGER_REPORTER, LEDGER_NODES };

/** What lives as long as the process, however often the components are restarted. */
struct ledger {
    struct config config;
    struct journal journal;
    lc_channel *requests; /**< of struct request */
    struct node nodes[LEDGER_NODES];
    lc_manager *runner;       /**< runs them: a worker a node, in their order */
    _Atomic uint64_t appends; /**< since the start of the process */
    _Atomic uint64_t syncs;
    _Atomic unsigned clients; /**< connected now */
};

/** The exit status after a spin-halt: what sysexits.h calls a temporary failure. */
#define LEDGER_EXIT_HALTED 75

/** Runs the nodes until a signal or their own behaviors end them all. @return the exit status. */
int supervise(struct ledger *ledger);

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
