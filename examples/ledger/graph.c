/*
 * graph.c: the graph of components, which the library runs as the service.
 *
 *     journal <---- store
 *        ^            ^
 *        |            |                 reporter
 *        '--------- listener
 *
 * Each starts when the components that it needs are ready, and stops when those that need it have
 * stopped.
 */
#define _GNU_SOURCE
#include "ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** The code of an error that a client asked for; the behavior it wants is added to it. */
#define FAULT 1000

/* ---- faults ---- */

static const char *const names[LEDGER_NODES] = {"journal", "store", "listener", "reporter"};
enum { JOURNAL, STORE, LISTENER, REPORTER };

/** A worker that fails when a client asks for it, and does nothing else. */
static lc_error *fail_when_asked(lc_context *context, lc_ready *ready, void *faults)
{
    lc_ready_signal(ready);
    void *fault = NULL;
    lc_context_receive(context, faults, &fault, LC_FOREVER);
    return fault;
}

static void fault_discard(void *fault)
{
    lc_error_unref(fault);
}

lc_channel *graph_faults(struct ledger *ledger, const char *name)
{
    for (size_t i = 0; i < LEDGER_NODES; i++)
        if (strcmp(names[i], name) == 0)
            return ledger->faults[i];
    return NULL;
}

int graph_fail(lc_channel *faults, const char *name, lc_behavior behavior)
{
    lc_error *fault = lc_error_new(FAULT + (int)behavior, "a client asked %s to fail: %s", name,
                                   lc_behavior_name(behavior));
    int sent = lc_channel_send(faults, fault, LC_NOW);
    if (sent != 0)
        lc_error_unref(fault);
    return sent;
}

/** What a client asked for, or what the graph says. */
static lc_behavior judge(const lc_failure *failure, void *arg)
{
    (void)arg;
    for (lc_behavior asked = LC_RESTART; asked <= LC_SPIN_HALT; asked++)
        if (lc_error_is(failure->error, FAULT + (int)asked))
            return asked;
    return failure->proposed;
}

/* ---- the graph ---- */

/** What a component does, and beside it a worker by which a client may have it fail. */
#define WORKERS(node, title, function, type)                                                       \
    LC_WORKERS({.name = (title), .run = (function), .arg = ledger, .kind = (type)},                \
               {.name = "fault", .run = fail_when_asked, .arg = ledger->faults[node]})

/*
 * journal   A file that cannot be opened, or is damaged, will be so the next time too.
 *
 * store     It restarts along with the journal. A restarted journal was read from disk again, and
 *           may end elsewhere than the store has seen last. A store that finds the journal closed
 *           waits until it is told to stop: `restart_along` tells it. The journal does not restart
 *           with the store: it works with any store.
 *
 *           The store fails when the disk does. A restart would use the same disk; and after a
 *           failed sync a journal that is read again may show, from the cache, what the disk does
 *           not have. So the process ends, and says why.
 *
 * listener  Its sessions send to the store and read from the journal. It goes on while they
 *           restart: clients stay connected, and what they append waits in the channel. An address
 *           that is in use or forbidden stays so: another attempt at once is of no use.
 *
 * reporter  It has no state that could be wrong, and no component depends on it: it restarts.
 */
static int run(struct ledger *ledger)
{
    return lc_service_main(
        LC_SERVICE(.name = "ledger",
                   .nodes = LC_NODES(
                       LC_NODE(.name = "journal", .kind = LC_FIBER,
                               .workers = WORKERS(JOURNAL, "keep", keep_journal, LC_FIBER),
                               .judge = judge, .on_error = LC_SHUTDOWN),
                       LC_NODE(.name = "store", .kind = LC_FIBER,
                               .workers = WORKERS(STORE, "commit", commit_requests, LC_THREAD),
                               .dependencies = LC_DEPENDENCIES(
                                   LC_DEPENDENCY(.name = "journal", .restart_along = true)),
                               .judge = judge, .on_error = LC_SHUTDOWN),
                       LC_NODE(.name = "listener", .kind = LC_FIBER,
                               .workers = WORKERS(LISTENER, "accept", accept_clients, LC_FIBER),
                               .needs = {"store", "journal"}, .judge = judge,
                               .on_error = LC_SHUTDOWN),
                       LC_NODE(.name = "reporter", .kind = LC_FIBER,
                               .workers = WORKERS(REPORTER, "report", report, LC_FIBER),
                               .judge = judge))));
}

int graph_run(struct ledger *ledger)
{
    lc_error *error = NULL;
    for (size_t i = 0; i < LEDGER_NODES && !error; i++)
        error =
            lc_channel_new(LC_CHANNEL(.capacity = 1, .discard = fault_discard), &ledger->faults[i]);
    int status = EXIT_FAILURE;
    if (!error)
        status = run(ledger);
    else
        lc_log(LC_LOG_CRITICAL, "ledger", "cannot start: %s", lc_error_message(error));
    lc_error_unref(error);
    for (size_t i = 0; i < LEDGER_NODES; i++)
        lc_channel_unref(ledger->faults[i]);
    return status;
}
