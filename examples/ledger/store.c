/*
 * store.c: the store, the only component that writes the journal. Group commit: while one batch is
 * being synced, requests gather in the channel; together they are the next batch. So the slower the
 * disk, the more of them share one sync, and a request waits for two at most.
 */
#define _GNU_SOURCE
#include "ledger.h"

#include <errno.h>
#include <string.h>

_Static_assert(LEDGER_CLIENTS_MAX <= JOURNAL_BATCH_MAX, "one batch takes all that can be queued");
_Static_assert(LEDGER_LINE_MAX <= JOURNAL_TEXT_MAX, "what the protocol takes, the journal keeps");

/** Hands a request back to its session, which may free it at once. */
static void give_back(struct request *request)
{
    lc_channel_send(request->reply, request, LC_NOW);
}

static void refuse(struct request *request)
{
    request->refused = lc_error_new(-EPIPE, "not stored: the store has stopped");
    give_back(request);
}

/**
 * Queues the requests again: the next store may commit what the journal cannot take now. There is
 * room, since a client has one request at a time. If the channel is closed they are refused.
 */
static void put_back(struct ledger *ledger, struct request **batch, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lc_channel_send(ledger->requests, batch[i], LC_NOW) != 0)
            refuse(batch[i]);
}

/**
 * Answers the requests: they have the numbers from `first` on, or are refused with `error`. Its
 * message is for the log: a client need not know where the journal is.
 */
static void answer(struct request **batch, size_t count, uint64_t first, const lc_error *error)
{
    int code = error ? lc_error_code(error) : 0;
    for (size_t i = 0; i < count; i++) {
        if (error)
            batch[i]->refused = lc_error_new_errno(-code, "not stored");
        else
            batch[i]->number = first + i;
        give_back(batch[i]);
    }
}

/** Commits `first` and whatever else is queued. @return -EAGAIN if the journal is not open. */
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
    if (error && lc_error_code(error) == -EAGAIN) {
        put_back(ledger, batch, count);
        return error;
    }
    answer(batch, count, number, error);
    if (!error) {
        atomic_fetch_add(&ledger->appends, count);
        atomic_fetch_add(&ledger->syncs, 1);
    }
    return error;
}

/**
 * A full disk does not end the store: entries can still be read, and can be appended once there is
 * room. It is logged once each time.
 * @return any other error.
 */
static lc_error *bear_full_disk(lc_error *error, bool *full)
{
    bool was_full = *full;
    *full = journal_is_full(error);
    if (*full && !was_full)
        lc_log(LC_LOG_ERROR, "store", "nothing can be stored until there is room: %s",
               lc_error_message(error));
    if (!error && was_full)
        lc_log(LC_LOG_NOTICE, "store", "there is room again");
    if (!*full)
        return error;
    lc_error_unref(error);
    return NULL;
}

/** Why nothing comes from the channel. -EAGAIN: it is closed, since nothing will be stored. */
static lc_error *cannot_receive(int code)
{
    return lc_error_new(code == -EPIPE ? -EAGAIN : code, "cannot wait for requests: %s",
                        strerror(-code));
}

/**
 * A thread of its own, since it waits for the disk nearly all the time. A fiber that makes each
 * sync through lc_call_blocking would wait for its turn among a thousand sessions before and after
 * each: a thousand clients then get half as many appends done, and a single client waits twice as
 * long for each.
 */
lc_error *commit_requests(lc_context *context, lc_ready *ready, void *arg)
{
    struct ledger *ledger = arg;
    lc_ready_signal(ready);
    lc_error *error = NULL;
    bool stopping = false, full = false;
    while (!error && !stopping) {
        void *request = NULL;
        int code = lc_context_receive(context, ledger->requests, &request, LC_FOREVER);
        /*
         * A receive returns queued requests also after the end of the context, so the last round
         * commits all of them.
         */
        stopping = lc_context_error(context) != NULL;
        if (code == 0)
            error = bear_full_disk(commit(ledger, request), &full);
        else if (!stopping)
            error = cannot_receive(code);
    }
    if (error && lc_error_code(error) == -EAGAIN) {
        /* The journal has failed, not the store: the journal's policy decides. */
        lc_error_unref(error);
        error = NULL;
        lc_handle_wait(lc_context_done(context), LC_FOREVER);
    }
    lc_log(LC_LOG_INFO, "store", "stopped");
    return error;
}

void store_refuse(struct ledger *ledger)
{
    lc_channel_close(ledger->requests);
    void *request = NULL;
    while (lc_channel_receive(ledger->requests, &request, LC_NOW) == 0)
        refuse(request);
}
