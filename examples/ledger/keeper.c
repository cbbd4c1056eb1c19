/*
 * keeper.c: the component "journal": has the file open and locked for as long as it runs. It opens
 * and recovers the file, is ready, and closes the file when it is told to stop. So its dependants
 * start when the journal is open, and a restart reads everything from disk again.
 */
#define _GNU_SOURCE
#include "ledger.h"

#include <errno.h>
#include <string.h>

struct opening {
    struct ledger *ledger;
    lc_error *error;
};

static void open_journal(void *arg)
{
    struct opening *opening = arg;
    opening->error = journal_open(&opening->ledger->journal, opening->ledger->config.data);
}

static void close_journal(void *arg)
{
    journal_close(arg);
}

static void tell_opened(struct ledger *ledger)
{
    uint64_t count = 0;
    journal_count(&ledger->journal, &count);
    lc_log(LC_LOG_INFO, "journal", "opened %s/journal with %ju entries", ledger->config.data,
           (uintmax_t)count);
}

/* A fiber, as it waits most of the time. Calls that wait for the disk run on another thread. */
lc_error *keep_journal(lc_context *context, lc_ready *ready, void *arg)
{
    struct ledger *ledger = arg;
    struct opening opening = {ledger, NULL};
    int code = lc_call_blocking(open_journal, &opening);
    if (code < 0)
        return lc_error_new_errno(-code, "no thread to open the journal in");
    if (opening.error)
        return opening.error;
    tell_opened(ledger);
    lc_ready_signal(ready);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    if (lc_call_blocking(close_journal, &ledger->journal) < 0)
        journal_close(&ledger->journal); /* it keeps other fibers waiting, but it must be closed */
    lc_log(LC_LOG_INFO, "journal", "stopped");
    return NULL;
}
