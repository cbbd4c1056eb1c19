/*
 * graph.c: the components as a graph, run by the library as the service that the process is.
 *
 *     journal <---- store
 *        ^            ^
 *        |            |                 reporter
 *        '--------- listener
 *
 * Each starts when what it needs is ready, and stops when what needs it has stopped. All that the
 * ledger says to it is here: what each needs, how an instance is made, what is done about an error.
 */
#define _GNU_SOURCE
#include "ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** The code of an error that a client asked for; the behavior it wants is added to it. */
#define FAULT 1000

/** Each after what it needs. */
static const struct kind *const kinds[LEDGER_NODES] = {&journal_kind, &store_kind, &listener_kind,
                                                       &reporter_kind};

/* ---- faults ---- */

/** A worker that does nothing but fail, when a client wants its component to. */
static lc_error *fault_worker(lc_context *context, lc_ready *ready, void *arg)
{
    struct node *node = arg;
    lc_ready_signal(ready);
    void *fault = NULL;
    if (lc_context_receive(context, node->faults, &fault, LC_FOREVER) != 0)
        return NULL;
    return fault;
}

static void discard_fault(void *fault)
{
    lc_error_unref(fault);
}

struct node *graph_find(struct ledger *ledger, const char *name)
{
    for (size_t i = 0; i < LEDGER_NODES; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return &ledger->nodes[i];
    return NULL;
}

int graph_fail(struct node *node, lc_behavior behavior)
{
    lc_error *fault = lc_error_new(FAULT + (int)behavior, "a client asked %s to fail: %s",
                                   node->kind->name, lc_behavior_name(behavior));
    int sent = lc_channel_send(node->faults, fault, LC_NOW);
    if (sent != 0)
        lc_error_unref(fault);
    return sent;
}

bool graph_is_over(struct ledger *ledger, const char *name)
{
    lc_snapshot *snapshot = lc_supervisor_snapshot(ledger->supervisor);
    bool over = false;
    for (size_t i = 0; snapshot && i < snapshot->count; i++) {
        const lc_node_status *node = &snapshot->nodes[i];
        if (strcmp(node->name, name) == 0)
            over = node->state == LC_NODE_STOPPED || node->state == LC_NODE_DONE;
    }
    lc_snapshot_free(snapshot);
    return over;
}

/* ---- what the supervisor asks ---- */

static lc_error *make_instance(lc_component **component, void *arg)
{
    const struct node *node = arg;
    lc_manager *instance = NULL;
    lc_error *error = lc_manager_builder_build(node->builder, &instance);
    *component = lc_manager_component(instance);
    return error;
}

static lc_behavior judge(const lc_failure *failure, void *arg)
{
    const struct node *node = arg;
    lc_behavior answer = node->kind->on_failure;
    for (lc_behavior asked = LC_RESTART; asked <= LC_SPIN_HALT; asked++)
        if (lc_error_is(failure->error, FAULT + (int)asked))
            answer = asked;
    lc_log(LC_LOG_ERROR, node->kind->name, "failed, answer %s: %s", lc_behavior_name(answer),
           lc_error_message(failure->error));
    return answer;
}

static void tell_halted(const lc_error *error, void *arg)
{
    (void)arg;
    (void)error;
    lc_log(LC_LOG_CRITICAL, "ledger", "halted: everything is stopped; SIGTERM ends the process");
}

/* ---- making and running ---- */

/** What each instance is made of. */
static lc_error *prepare(struct node *node, const struct kind *kind, struct ledger *ledger)
{
    node->kind = kind;
    node->builder = lc_manager_builder_new(kind->name);
    if (!node->builder)
        return lc_error_new(-ENOMEM, "no memory for %s", kind->name);
    lc_error *error =
        lc_channel_new(LC_CHANNEL(.capacity = 1, .discard = discard_fault), &node->faults);
    if (error)
        return error;
    lc_manager_builder_set_kind(node->builder, LC_FIBER);
    kind->add_workers(node->builder, ledger);
    if (ledger->config.allow_fail)
        lc_manager_builder_add(node->builder,
                               LC_WORKER(.name = "fault", .run = fault_worker, .arg = node));
    return NULL;
}

static lc_error *add(struct ledger *ledger, struct node *node, const struct kind *kind)
{
    lc_error *error = prepare(node, kind, ledger);
    if (error)
        return error;
    lc_node options = {.size = sizeof options};
    options.name = kind->name;
    options.factory = make_instance;
    options.arg = node;
    options.judge = judge;
    options.judge_arg = node;
    options.kind = LC_FIBER;
    options.dependencies = kind->needs;
    return lc_supervisor_add(ledger->supervisor, &options);
}

static lc_error *make_graph(struct ledger *ledger)
{
    lc_supervisor_options options = {.size = sizeof options};
    options.name = "ledger";
    lc_error *error = lc_supervisor_new(&options, &ledger->supervisor);
    for (size_t i = 0; i < LEDGER_NODES && !error; i++)
        error = add(ledger, &ledger->nodes[i], kinds[i]);
    return error;
}

int graph_run(struct ledger *ledger)
{
    int status = EXIT_FAILURE;
    lc_error *error = make_graph(ledger);
    if (!error) {
        lc_service_options options = {.size = sizeof options};
        options.on_halt = tell_halted;
        options.supervisor = ledger->supervisor;
        status = lc_service_main(&options); /* which takes it over */
    } else {
        lc_log(LC_LOG_CRITICAL, "ledger", "cannot start: %s", lc_error_message(error));
        lc_supervisor_unref(ledger->supervisor);
    }
    lc_error_unref(error);
    for (size_t i = 0; i < LEDGER_NODES; i++) {
        lc_manager_builder_free(ledger->nodes[i].builder);
        lc_channel_unref(ledger->nodes[i].faults);
    }
    return status;
}
