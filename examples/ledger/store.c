/*
 * store.c: the store, the only component that writes the journal. Group commit: while one batch is
 * being synced, requests gather in the channel; together they are the next batch. So the slower the
 * disk, the more of them share one sync, and nobody waits for more than two.
 */
#define _GNU_SOURCE
#include "ledger.h"

#include <errno.h>

_Static_assert(LEDGER_CLIENTS_MAX <= JOURNAL_BATCH_MAX, "one batch takes all that can be queued");
_Static_assert(LEDGER_LINE_MAX <= JOURNAL_TEXT_MAX, "what the protocol takes, the journal keeps");

/** Hands a request back to its session, which may free it at once. */
static void give_back(struct request *request)
{
    lc_channel_send(request->reply, request, LC_NOW);
}

/** Commits `first` and whatever else is queued, and answers them all. */
static lc_error *commit(struct ledger *ledger, struct request *first)
{
    struct request *batch[JOURNAL_BATCH_MAX];
    struct iovec texts[JOURNAL_BATCH_MAX] = {{NULL, 0}};
    size_t count = 0;
    for (void *next = first; next;) {
        batch[count] = next;
        texts[count] = (struct iovec){batch[count]->text, batch[count]->length};
        count++;
        next = NULL;
        if (count < JOURNAL_BATCH_MAX)
            lc_channel_receive(ledger->requests, &next, LC_NOW);
    }

    uint64_t number = 0;
    lc_error *error = journal_append(&ledger->journal, texts, count, &number);
    for (size_t i = 0; i < count; i++) {
        if (error)
            batch[i]->refused =
                lc_error_wrap(lc_error_ref(error), lc_error_code(error), "not stored");
        else
            batch[i]->number = number + i;
        give_back(batch[i]);
    }
    if (!error) {
        atomic_fetch_add(&ledger->appends, count);
        atomic_fetch_add(&ledger->syncs, 1);
    }
    return error;
}

static lc_error *commit_worker(lc_context *context, lc_ready *ready, void *arg)
{
    struct ledger *ledger = arg;
    /*
     * Opening it anew for each instance is what makes a restart worth something: all is read from
     * disk again.
     */
    lc_error *error = journal_open(&ledger->journal, ledger->config.data);
    if (error)
        return error;
    uint64_t count = 0;
    journal_count(&ledger->journal, &count);
    lc_log(LC_LOG_INFO, "store", "opened the journal in %s with %ju entries", ledger->config.data,
           (uintmax_t)count);
    lc_ready_signal(ready);

    bool stopping = false;
    while (!error && !stopping) {
        void *request = NULL;
        int code = lc_context_receive(context, ledger->requests, &request);
        /*
         * What is queued wins over the end of the context, so the last round still commits all of
         * it.
         */
        stopping = lc_context_error(context) != NULL;
        if (code == 0)
            error = commit(ledger, request);
        else if (!stopping)
            error = lc_error_new(code, "cannot wait for requests: error %d", code);
    }
    journal_close(&ledger->journal);
    return error;
}

static void add_workers(lc_manager_builder *builder, struct ledger *ledger)
{
    /*
     * A thread of its own, since nearly all it does is to wait for the disk. As a fiber that hands
     * each sync to lc_blocking it would have to come to its turn among a thousand sessions before
     * and after each: then a thousand clients get half as many appends done, and one client waits
     * twice as long for each.
     */
    lc_worker commit = LC_WORKER_INIT;
    commit.name = "commit";
    commit.run = commit_worker;
    commit.arg = ledger;
    commit.kind = LC_WORKER_THREAD;
    lc_manager_builder_add_worker(builder, &commit);
}

/** The store will not run again: takes no more requests, and answers those it still had. */
static void refuse_requests(struct ledger *ledger)
{
    lc_channel_close(ledger->requests);
    void *request = NULL;
    while (lc_channel_receive(ledger->requests, &request, LC_NOW) == 0) {
        ((struct request *)request)->refused =
            lc_error_new(-EPIPE, "not stored: the store has stopped");
        give_back(request);
    }
}

const struct kind store_kind = {
    .name = "store",
    .add_workers = add_workers,
    /*
     * The store fails when the disk does, or refuses what it finds on it. A restart would meet the
     * same disk; after a failed sync it would even read back from the cache what the disk may not
     * have, and go on as if nothing had happened. So the process ends, and says why.
     */
    .on_failure = LC_SHUTDOWN,
    .ended = refuse_requests,
};
