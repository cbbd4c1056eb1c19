/*
 * reporter.c: logs every ten seconds what the ledger has done, and how its components are.
 */
#define _GNU_SOURCE
#include "ledger.h"

#include <stdio.h>

#define REPORT_SECONDS 10

/** Logs one report; `last` is how many appends there were at the one before. */
static void report(struct ledger *ledger, uint64_t appends, uint64_t last)
{
    char total[32], rate[32], syncs[32], clients[32];
    snprintf(total, sizeof total, "%ju", (uintmax_t)appends);
    snprintf(rate, sizeof rate, "%.1f", (double)(appends - last) / REPORT_SECONDS);
    snprintf(syncs, sizeof syncs, "%ju", (uintmax_t)atomic_load(&ledger->syncs));
    snprintf(clients, sizeof clients, "%u", atomic_load(&ledger->clients));
    lc_log_field fields[4 + LEDGER_NODES] = {
        {"appends", total}, {"appends_per_second", rate}, {"syncs", syncs}, {"clients", clients}};
    size_t count = 4;
    lc_snapshot *snapshot = lc_supervisor_snapshot(ledger->supervisor);
    for (size_t i = 0; snapshot && i < snapshot->count && i < LEDGER_NODES; i++)
        fields[count++] =
            (lc_log_field){snapshot->nodes[i].name, lc_node_state_name(snapshot->nodes[i].state)};
    lc_log_fields(LC_LOG_INFO, "reporter", fields, count, "report");
    lc_snapshot_free(snapshot);
}

static lc_error *report_worker(lc_context *context, lc_ready *ready, void *arg)
{
    struct ledger *ledger = arg;
    uint64_t last = atomic_load(&ledger->appends);
    lc_ready_signal(ready);
    while (lc_context_sleep(context, REPORT_SECONDS * LC_SECOND) == 0) {
        uint64_t appends = atomic_load(&ledger->appends);
        report(ledger, appends, last);
        last = appends;
    }
    lc_log(LC_LOG_INFO, "reporter", "stopped");
    return NULL;
}

static void add_workers(lc_manager_builder *builder, struct ledger *ledger)
{
    lc_manager_builder_add(builder, "report", report_worker, ledger);
}

const struct kind reporter_kind = {
    .name = "reporter",
    .add_workers = add_workers,
    .on_failure =
        LC_RESTART, /* it holds nothing that could have gone bad, and nobody depends on it */
};
