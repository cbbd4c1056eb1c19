/*
 * supervise.c: starts the nodes when what they need is ready, and carries their ends to each other:
 * who has to stop because of whom, in which order, and with which exit status the process ends.
 *
 * This is written by hand for a graph in which a node needs at most one other. The rules are those
 * of the behaviors:
 *
 *     stop          the node is over; what depends on it stops first and with it
 *     stop-parents  so is what it depends on, and therefore all that depends on that
 *     shutdown      everything stops; exit status 1
 *     spin-halt     everything stops, and the process waits for an operator; exit status 75
 */
#define _GNU_SOURCE
#include "ledger.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/** What the nodes that have ended leave behind. */
struct outcome {
    lc_behavior worst; /**< LC_RESTART while none has failed */
    lc_error *error;   /**< the first of those that asked for `worst` */
};

/** Notes an error and what it asks for. Takes it over. */
static void note(struct outcome *outcome, lc_error *error, lc_behavior verdict)
{
    /* For the process as a whole, all behaviors that leave others running are alike. */
    lc_behavior asked = verdict < LC_SHUTDOWN ? LC_STOP : verdict;
    if (asked <= outcome->worst) {
        lc_error_unref(error);
        return;
    }
    lc_error_unref(outcome->error);
    outcome->error = error;
    outcome->worst = asked;
}

/** Takes note of a node that is done. */
static void conclude(struct node *node, struct outcome *outcome)
{
    node->ended = true;
    if (!node->error) {
        lc_log(LC_LOG_INFO, node->kind->name, "stopped");
        return;
    }
    lc_log(LC_LOG_ERROR, node->kind->name, "stopped by an error: %s",
           lc_error_message(node->error));
    note(outcome, lc_error_ref(node->error), node->verdict);
}

/** Stops a node and all that need it, those first: it is told only when they are done. */
static void stop(struct ledger *ledger, struct node *node, struct outcome *outcome)
{
    for (size_t i = 0; i < LEDGER_NODES; i++)
        if (ledger->nodes[i].needs == node)
            stop(ledger, &ledger->nodes[i], outcome);
    if (node->ended)
        return;
    lc_context_cancel(node->context, NULL);
    lc_handle_wait(node->done, LC_FOREVER);
    conclude(node, outcome);
}

static bool all_ended(const struct ledger *ledger)
{
    bool ended = true;
    for (size_t i = 0; i < LEDGER_NODES; i++)
        ended = ended && ledger->nodes[i].ended;
    return ended;
}

/**
 * Carries the end of a node to others, until all have ended or must.
 * @return the signal that asked for the end; 0 if none did.
 */
static int watch_nodes(struct ledger *ledger, lc_process_signals *signals, struct outcome *outcome)
{
    while (outcome->worst < LC_SHUTDOWN && !all_ended(ledger)) {
        lc_waitable events[LEDGER_NODES + 1] = {{.kind = LC_WAITABLE_NONE}};
        for (size_t i = 0; i < LEDGER_NODES; i++)
            if (!ledger->nodes[i].ended)
                events[i] = lc_on_handle(ledger->nodes[i].done);
        /* The signals come last, so that an error that came before them is seen before them. */
        events[LEDGER_NODES] = lc_on_signals(signals);
        int event = lc_wait_any(events, LEDGER_NODES + 1, LC_FOREVER);
        if (event == LEDGER_NODES)
            return lc_process_signals_next(signals, LC_NOW);
        if (event < 0) {
            note(outcome,
                 lc_error_new(event, "cannot wait for the components: %s", strerror(-event)),
                 LC_SHUTDOWN);
            break;
        }
        struct node *failed = &ledger->nodes[event];
        struct node *root = failed;
        while (failed->verdict == LC_STOP_PARENTS && root->needs)
            root = root->needs;
        conclude(failed, outcome);
        stop(ledger, root, outcome);
    }
    return 0;
}

static void log_halt(void *arg, const lc_error *error)
{
    (void)arg;
    (void)error;
    lc_log(LC_LOG_CRITICAL, "ledger", "halted: everything is stopped; SIGTERM ends the process");
}

static lc_error *make_nodes(struct ledger *ledger, lc_context *context)
{
    struct node *nodes = ledger->nodes;
    lc_error *error = node_init(&nodes[LEDGER_STORE], &store_kind, NULL, ledger, context);
    if (!error)
        error = node_init(&nodes[LEDGER_LISTENER], &listener_kind, &nodes[LEDGER_STORE], ledger,
                          context);
    if (!error)
        error = node_init(&nodes[LEDGER_REPORTER], &reporter_kind, NULL, ledger, context);
    if (error)
        return error;

    lc_manager_builder *builder = lc_manager_builder_new("ledger");
    if (!builder)
        return lc_error_new(-ENOMEM, "no memory to run the components");
    lc_manager_builder_set_kind(builder, LC_WORKER_FIBER); /* a run loop does little but wait */
    for (size_t i = 0; i < LEDGER_NODES; i++)
        lc_manager_builder_add(builder, nodes[i].kind->name, node_run, &nodes[i]);
    error = lc_manager_builder_build(builder, &ledger->runner);
    lc_manager_builder_free(builder);
    return error;
}

/** Starts all nodes or, if that fails, none. */
static lc_error *start_nodes(struct ledger *ledger, lc_context *context, lc_signaler *signaler)
{
    lc_error *error = make_nodes(ledger, context);
    if (!error)
        error = lc_manager_start(ledger->runner, context);
    if (error)
        return error;
    error = lc_signaler_take(signaler);
    if (error) { /* a thread could not be made, so one of the nodes cannot run */
        lc_context_cancel(context, lc_error_ref(error));
        lc_handle_wait(lc_manager_done(ledger->runner), LC_FOREVER);
    }
    return error;
}

/** Runs the nodes from start to end. @return the signal that asked for the end; 0 if none did. */
static int run_nodes(struct ledger *ledger, lc_process_signals *signals, struct outcome *outcome)
{
    lc_signaler *signaler = lc_signaler_new();
    lc_context *context = signaler ? lc_context_with_signaler(NULL, signaler) : NULL;
    lc_error *error = context ? start_nodes(ledger, context, signaler)
                              : lc_error_new(-ENOMEM, "no memory to start");
    int signal = 0;
    if (error) {
        note(outcome, error, LC_SHUTDOWN);
    } else {
        signal = watch_nodes(ledger, signals, outcome);
        if (signal > 0)
            lc_log(LC_LOG_NOTICE, "ledger", "%s: stopping", strsignal(signal));
        for (size_t i = 0; i < LEDGER_NODES; i++)
            stop(ledger, &ledger->nodes[i], outcome);
        lc_handle_wait(lc_manager_done(ledger->runner), LC_FOREVER);
    }
    for (size_t i = 0; i < LEDGER_NODES; i++)
        node_free(&ledger->nodes[i]);
    lc_manager_unref(ledger->runner);
    lc_context_unref(context);
    lc_signaler_unref(signaler);
    return signal;
}

int supervise(struct ledger *ledger)
{
    lc_process_signals *signals = NULL;
    int code = lc_process_signals_watch((const int[]){SIGINT, SIGTERM}, 2, &signals);
    if (code != 0) {
        lc_log(LC_LOG_CRITICAL, "ledger", "cannot watch for signals: %s", strerror(-code));
        return 1;
    }
    struct outcome outcome = {LC_RESTART, NULL};
    int signal = run_nodes(ledger, signals, &outcome);
    int status = 0;
    if (outcome.worst == LC_SPIN_HALT) {
        lc_spin_halt(outcome.error, log_halt, NULL);
        status = LEDGER_EXIT_HALTED;
    } else if (outcome.worst == LC_SHUTDOWN || signal <= 0) {
        /* Also when everything has stopped by itself: a service that serves nobody has failed. */
        status = 1;
    }
    if (status != 0)
        lc_log(LC_LOG_CRITICAL, "ledger", "ended by an error: %s", lc_error_message(outcome.error));
    else
        lc_log(LC_LOG_NOTICE, "ledger", "ended");
    lc_error_unref(outcome.error);
    lc_process_signals_unwatch(signals);
    return status;
}
