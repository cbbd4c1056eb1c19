/*
 * reporter.c: logs every ten seconds what the ledger has done, and how its components are.
 */
#define _GNU_SOURCE
#include "ledger.h"

#define REPORT_SECONDS 10

/** Logs one report; `last` is how many appends there were at the one before. */
static void tell_figures(struct ledger *ledger, lc_supervisor *supervisor, uint64_t appends,
                         uint64_t last)
{
    lc_log_field fields[4 + LEDGER_NODES] = {
        lc_field_uint("appends", appends),
        lc_field_double("appends_per_second", (double)(appends - last) / REPORT_SECONDS),
        lc_field_uint("syncs", atomic_load(&ledger->syncs)),
        lc_field_uint("clients", atomic_load(&ledger->clients))};
    size_t count = 4;
    lc_snapshot *snapshot = lc_supervisor_snapshot(supervisor);
    for (size_t i = 0; snapshot && i < snapshot->count && i < LEDGER_NODES; i++)
        fields[count++] =
            lc_field_text(snapshot->nodes[i].name, lc_node_state_name(snapshot->nodes[i].state));
    lc_log_fields(LC_LOG_INFO, "reporter", fields, count, "report");
    lc_snapshot_free(snapshot);
}

lc_error *report(lc_context *context, lc_ready *ready, void *arg)
{
    struct ledger *ledger = arg;
    uint64_t last = atomic_load(&ledger->appends);
    lc_ready_signal(ready);
    while (lc_context_sleep(context, REPORT_SECONDS * LC_SECOND) == 0) {
        uint64_t appends = atomic_load(&ledger->appends);
        tell_figures(ledger, lc_context_supervisor(context), appends, last);
        last = appends;
    }
    lc_log(LC_LOG_INFO, "reporter", "stopped");
    return NULL;
}
