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

/** The most clients at one time. Each may have one request under way, so it limits those too. */
#define LEDGER_CLIENTS_MAX 1000
/** The longest line of the protocol, in bytes, its end not counted. */
#define LEDGER_LINE_MAX 4096

struct ledger;

/* ---- options ---- */

struct config {
    const char *host;
    char port[8];     /**< once the listener listens, the real one */
    const char *data; /**< the directory of the journal */
    int64_t idle;     /**< how long a client may send no line */
    bool allow_fail;  /**< whether clients may FAIL components */
};

/* ---- append requests ---- */

/**
 * A line to be stored. It lives in its session, which sends it on `ledger.requests` and then waits
 * until it comes back on `reply`. A request that the channel has accepted comes back exactly once:
 * from the store's commit worker, or, when nothing more will be stored, from store_refuse. So a
 * session may wait without a deadline, and a restart of the store or of the journal loses nothing
 * that is queued.
 */
struct request {
    char *text;
    size_t length;
    lc_channel *reply; /**< the session's; has room for one */
    uint64_t number;   /**< the answer: the entry's number, or 0 */
    lc_error *refused; /**< the answer if `number` is 0; a reference for the session */
};

/** Nothing will be stored any more: closes the channel, and answers the requests in it. */
void store_refuse(struct ledger *ledger);

/* ---- the components; the argument of each is the ledger ---- */

lc_error *keep_journal(lc_context *context, lc_ready *ready, void *arg);
lc_error *commit_requests(lc_context *context, lc_ready *ready, void *arg);
lc_error *accept_clients(lc_context *context, lc_ready *ready, void *arg);
lc_error *report(lc_context *context, lc_ready *ready, void *arg);
#define LEDGER_NODES 4

/** Runs the graph until a signal or the components' behaviors end it. @return the exit status. */
int graph_run(struct ledger *ledger);
/** The channel of the faults of a component; NULL: there is no component of that name. */
lc_channel *graph_faults(struct ledger *ledger, const char *name);
/**
 * Makes a component fail with an error that asks for `behavior`.
 * @return 0; -ETIMEDOUT if the last fault asked for has not happened yet; -ENOMEM.
 */
int graph_fail(lc_channel *faults, const char *name, lc_behavior behavior);

/* ---- the ledger ---- */

/** The data that outlives all restarts of the components. */
struct ledger {
    struct config config;
    struct journal journal;
    lc_channel *requests;             /**< of struct request */
    lc_channel *faults[LEDGER_NODES]; /**< of errors, for a component to fail with */
    _Atomic uint64_t appends;         /**< since the start of the process */
    _Atomic uint64_t syncs;
    _Atomic unsigned clients; /**< connected now */
};

/**
 * Starts a session with a client, a task of `sessions`.
 * @param stop    its end has the session answer what it has received, and close; the group's own
 * context ends when that takes too long.
 * @param socket  taken over, unless the call fails.
 * @return 0; -ENOSPC: there are too many; or as lc_task_group_start.
 */
int session_start(struct ledger *ledger, lc_context *stop, lc_task_group *sessions, int socket);

/** How long sessions may go on once the listener stops; the process must end within 5 s. */
#define SESSION_GRACE (2 * LC_SECOND)

#endif
