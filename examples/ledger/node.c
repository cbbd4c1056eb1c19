/*
 * node.c: see struct node in ledger.h.
 */
#define _GNU_SOURCE
#include "ledger.h"

#include <bsd/string.h>
#include <errno.h>

/** The code of an error that a client asked for; the behavior it wants is added to it. */
#define FAULT 1000

/** A worker that does nothing but fail, when a client wants its component to. */
static lc_error *fault_worker(lc_context *context, lc_ready *ready, void *arg)
{
    struct node *node = arg;
    lc_ready_signal(ready);
    void *fault = NULL;
    if (lc_context_receive(context, node->faults, &fault) != 0)
        return NULL;
    return fault;
}

static void discard_fault(void *fault)
{
    lc_error_unref(fault);
}

int node_fail(struct node *node, lc_behavior behavior)
{
    lc_error *fault = lc_error_new(FAULT + (int)behavior, "a client asked %s to fail: %s",
                                   node->kind->name, lc_behavior_name(behavior));
    int sent = lc_channel_send(node->faults, fault, LC_NOW);
    if (sent != 0)
        lc_error_unref(fault);
    return sent;
}

/* ---- the run loop's questions ---- */

static void instance_is_ready(void *arg)
{
    struct node *node = arg;
    lc_handle_close(node->ready); /* again at each restart, which is harmless */
}

static lc_error *make_instance(void *arg, lc_component **component)
{
    struct node *node = arg;
    lc_manager *instance = NULL;
    lc_error *error = lc_manager_builder_build(node->builder, &instance);
    if (error)
        return error;
    int code = lc_handle_on_close(lc_manager_ready(instance), instance_is_ready, node, NULL);
    if (code != 0) {
        lc_manager_unref(instance);
        return lc_error_new(code, "no memory to watch %s", node->kind->name);
    }

    pthread_mutex_lock(&node->lock);
    lc_manager *last = node->instance;
    node->instance = lc_manager_ref(instance);
    node->instances++;
    pthread_mutex_unlock(&node->lock);
    lc_manager_unref(last);
    *component = lc_manager_component(instance);
    return NULL;
}

static lc_behavior judge(void *arg, const lc_error *error)
{
    struct node *node = arg;
    lc_behavior answer = node->kind->on_failure;
    for (lc_behavior asked = LC_RESTART; asked <= LC_SPIN_HALT; asked++)
        if (lc_error_is(error, FAULT + (int)asked))
            answer = asked;
    lc_log(LC_LOG_ERROR, node->kind->name, "failed, answer %s: %s", lc_behavior_name(answer),
           lc_error_message(error));
    return answer;
}

lc_error *node_run(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context; /* the node's own takes its place */
    struct node *node = arg;
    lc_ready_signal(ready);
    if (node->needs)
        lc_context_wait(node->context, node->needs->ready);
    lc_run_options options = LC_RUN_INIT;
    options.name = node->kind->name;
    options.factory = make_instance;
    options.factory_arg = node;
    options.handler = judge;
    options.handler_arg = node;
    /* A halt waits only when all nodes have stopped, so supervise.c does the waiting. */
    options.halt = LC_HALT_RETURN;
    lc_error *error = lc_run_component(node->context, &options, &node->verdict);
    if (node->kind->ended)
        node->kind->ended(node->ledger);

    const lc_error *cancelled = lc_context_error(node->context);
    if (cancelled && lc_error_contains(error, cancelled))
        lc_error_unref(error); /* that it stopped when told to is no failure */
    else
        node->error = error;
    lc_handle_close(node->done);
    return NULL;
}

/* ---- making and freeing ---- */

lc_error *node_init(struct node *node, const struct kind *kind, struct node *needs,
                    struct ledger *ledger, lc_context *above)
{
    node->kind = kind;
    node->needs = needs;
    node->ledger = ledger;
    pthread_mutex_init(&node->lock, NULL);
    node->context = lc_context_new(above);
    node->ready = lc_handle_new();
    node->done = lc_handle_new();
    node->builder = lc_manager_builder_new(kind->name);
    if (!node->context || !node->ready || !node->done || !node->builder ||
        lc_channel_new(1, discard_fault, &node->faults) != 0)
        return lc_error_new(-ENOMEM, "no memory for %s", kind->name);
    lc_manager_builder_set_kind(node->builder, LC_WORKER_FIBER);
    kind->add_workers(node->builder, ledger);
    if (ledger->config.allow_fail)
        lc_manager_builder_add(node->builder, "fault", fault_worker, node);
    return NULL;
}

void node_free(struct node *node)
{
    lc_error_unref(node->error);
    lc_manager_unref(node->instance);
    lc_manager_builder_free(node->builder);
    lc_channel_unref(node->faults);
    lc_handle_unref(node->ready);
    lc_handle_unref(node->done);
    lc_context_unref(node->context);
    pthread_mutex_destroy(&node->lock);
}

/* ---- telling ---- */

/** The most workers a component of ours has, and no fewer than there are nodes. */
#define WORKERS_MAX 8

static const char *instance_state(lc_manager *instance)
{
    if (lc_handle_is_closed(lc_manager_shutdown(instance)))
        return "stopping";
    return lc_handle_is_closed(lc_manager_ready(instance)) ? "ready" : "starting";
}

/** Tells of a running instance. Its state began when the last of its workers entered theirs. */
static int64_t instance_status(lc_manager *instance, struct node_status *status)
{
    lc_worker_status workers[WORKERS_MAX];
    size_t count = lc_manager_workers(instance, workers, WORKERS_MAX);
    int64_t since = 0;
    status->state = instance_state(instance);
    for (size_t i = 0; i < count && i < WORKERS_MAX; i++) {
        since = workers[i].since > since ? workers[i].since : since;
        if (workers[i].state == LC_WORKER_READY)
            continue;
        if (status->waiting[0] != '\0')
            strlcat(status->waiting, ",", sizeof status->waiting);
        strlcat(status->waiting, workers[i].name, sizeof status->waiting);
    }
    return since;
}

void node_status(struct node *node, struct node_status *status)
{
    pthread_mutex_lock(&node->lock);
    lc_manager *instance = lc_manager_ref(node->instance);
    status->restarts = node->instances > 0 ? node->instances - 1 : 0;
    pthread_mutex_unlock(&node->lock);

    int64_t now = lc_now();
    int64_t since = 0;
    status->waiting[0] = '\0';
    if (instance && !lc_handle_is_closed(node->done)) {
        since = instance_status(instance, status);
    } else {
        lc_worker_status runs[LEDGER_NODES];
        lc_manager_workers(node->ledger->runner, runs, LEDGER_NODES);
        since = runs[node - node->ledger->nodes].since;
        status->state = instance ? "stopped" : "waiting";
    }
    status->age = now > since ? now - since : 0;
    if (status->waiting[0] == '\0')
        strlcpy(status->waiting, "-", sizeof status->waiting);
    lc_manager_unref(instance);
}
