/*
 * scripted_graph.c: see scripted_graph.h.
 */
#include "support/scripted_graph.h"
#include "support/check.h"

#include "support/mode.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the history ---- */

void graph_note(struct scripted_graph *graph, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&graph->lock);
    if (graph->history_count == GRAPH_HISTORY)
        abort();
    char *entry = graph->history[graph->history_count++];
    vsnprintf(entry, sizeof graph->history[0], format, arguments);
    pthread_mutex_unlock(&graph->lock);
    va_end(arguments);
}

static void note(const struct scripted_instance *instance, char what)
{
    graph_note(instance->node->graph, "%s%c%u", instance->node->name, what, instance->number);
}

/* Its place from 0; GRAPH_HISTORY: it is not there. */
static unsigned place_of(struct scripted_graph *graph, const char *entry)
{
    unsigned place = 0;
    pthread_mutex_lock(&graph->lock);
    while (place < graph->history_count && strcmp(graph->history[place], entry) != 0)
        place++;
    if (place == graph->history_count)
        place = GRAPH_HISTORY;
    pthread_mutex_unlock(&graph->lock);
    return place;
}

bool graph_has(struct scripted_graph *graph, const char *entry)
{
    return place_of(graph, entry) < GRAPH_HISTORY;
}

bool graph_before(struct scripted_graph *graph, const char *first, const char *second)
{
    unsigned place = place_of(graph, first);
    return place < GRAPH_HISTORY && graph_has(graph, second) && place < place_of(graph, second);
}

/* ---- an instance ---- */

/* Runs in the thread that ends the context, so that the history has it at the right place. */
static void note_told(void *arg)
{
    struct scripted_instance *instance = arg;
    if (atomic_exchange(&instance->noted_told, true))
        return;
    note(instance, '~');
    lc_handle_close(instance->told);
}

static lc_error *answer_to_end(struct scripted_instance *instance)
{
    switch (instance->node->end) {
    case NODE_RETURNS_NULL:
        return NULL;
    case NODE_WRAPS:
        return lc_error_wrap(lc_error_ref(lc_context_error(instance->context)), -EPIPE, "cut off");
    case NODE_FAILS:
        return lc_error_ref(instance->error);
    case NODE_RETURNS_CONTEXT:
    case NODE_STAYS:
        break;
    }
    return lc_error_ref(lc_context_error(instance->context));
}

static void say_ready(struct scripted_instance *instance, lc_ready *ready)
{
    note(instance, '!');
    lc_ready_signal(ready);
}

/* Until it ends. @return what it ends with. */
static lc_error *follow_orders(struct scripted_instance *instance, lc_ready *ready)
{
    struct scripted_node *node = instance->node;
    lc_context *until = node->end == NODE_STAYS ? NULL : instance->context;
    void *order = NULL;
    while (lc_context_receive(until, instance->orders, &order, LC_FOREVER) == 0) {
        switch ((enum node_order)(intptr_t)order) {
        case NODE_READY:
            say_ready(instance, ready);
            break;
        case NODE_RETURN:
            return NULL;
        case NODE_THROW:
            instance->throws = true;
            return lc_error_ref(instance->error);
        case NODE_FAIL:
            return lc_error_ref(instance->error);
        case NODE_SIGNAL:
            lc_signal_error(instance->context, lc_error_ref(instance->error));
            break;
        }
    }
    return answer_to_end(instance);
}

static lc_error *work(lc_context *context, lc_ready *ready, void *arg)
{
    struct scripted_instance *instance = arg;
    lc_handle_callback *callback = NULL;
    instance->context = lc_context_ref(context);
    instance->entered_at = lc_now();
    note(instance, '+');
    if (lc_handle_on_close(lc_context_done(context), note_told, instance, &callback) != 0)
        abort();
    lc_handle_close(instance->entered);
    if (!instance->node->slow)
        say_ready(instance, ready);
    lc_error *error = follow_orders(instance, ready);
    lc_handle_callback_cancel(callback);
    if (lc_context_error(context))
        note_told(instance); /* the closing may have passed the callback over */
    note(instance, '-');
    lc_handle_close(instance->left);
    if (instance->throws)
        lc_throw(context, error);
    return error;
}

/* ---- what the supervisor is given ---- */

static lc_manager *manager_for(struct scripted_instance *instance)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder(instance->node->name);
    lc_manager_builder_add(builder, LC_WORKER(.name = "work", .run = work, .arg = instance));
    if (lc_manager_builder_build(builder, &manager))
        abort();
    lc_manager_builder_free(builder);
    return manager;
}

static lc_error *make_instance(lc_component **component, void *arg)
{
    struct scripted_node *node = arg;
    if (node->factory_waits)
        lc_handle_wait(node->factory_waits, LC_FOREVER);
    unsigned number = atomic_load(&node->made) + 1;
    if (number > NODE_INSTANCES)
        abort(); /* a supervisor that never stops restarting */
    struct scripted_instance *instance = &node->instances[number - 1];
    note(instance, '*');
    if (number == node->factory_fails_at && !node->factory_failed) {
        node->factory_failed = true;
        return lc_error_ref(node->factory_error);
    }
    instance->manager = manager_for(instance);
    *component = lc_manager_component(lc_manager_ref(instance->manager));
    atomic_store(&node->made, number);
    lc_handle_close(instance->made);
    return NULL;
}

static lc_behavior judge(const lc_failure *failure, void *arg)
{
    struct scripted_node *node = arg;
    if (failure->error == node->factory_error) {
        atomic_fetch_add(&node->factory_asked, 1);
        return node->factory_answer;
    }
    unsigned number = atomic_load(&node->made);
    struct scripted_instance *instance = &node->instances[number - 1];
    if (instance->judged)
        abort(); /* once an instance */
    instance->judged = lc_error_ref(failure->error);
    instance->done_when_asked = lc_handle_is_closed(lc_manager_done(instance->manager));
    note(instance, '?');
    atomic_fetch_add(&node->asked, 1);
    lc_handle_close(instance->asked);
    if (node->handler_waits)
        lc_handle_wait(node->handler_waits, LC_FOREVER);
    return node->answers[number - 1];
}

/* ---- a node ---- */

static void instance_init(struct scripted_instance *instance, struct scripted_node *node,
                          unsigned number)
{
    int code = -(int)(100 + (node->graph->count * NODE_INSTANCES) + number - 1);
    instance->node = node;
    instance->number = number;
    instance->made = lc_handle_new();
    instance->entered = lc_handle_new();
    instance->told = lc_handle_new();
    instance->left = lc_handle_new();
    instance->asked = lc_handle_new();
    instance->error = lc_error_new(code, "%s failed the %u. time", node->name, number);
    if (check_code(lc_channel_new(LC_CHANNEL(.capacity = NODE_INSTANCES), &instance->orders)) != 0)
        abort();
}

static void instance_drop(struct scripted_instance *instance)
{
    if (instance->manager)
        CU_ASSERT_TRUE(lc_handle_is_closed(lc_manager_done(instance->manager)) ||
                       !instance->context);
    lc_manager_unref(instance->manager);
    lc_context_unref(instance->context);
    lc_channel_unref(instance->orders);
    lc_handle_unref(instance->made);
    lc_handle_unref(instance->entered);
    lc_handle_unref(instance->told);
    lc_handle_unref(instance->left);
    lc_handle_unref(instance->asked);
    lc_error_unref(instance->error);
    lc_error_unref(instance->judged);
}

/* "name", "name:condition", either with a plus sign. */
static void depend_on(struct scripted_node *node, char *text)
{
    size_t index = node->dependency_count++;
    lc_dependency *dependency = &node->dependencies[index];
    dependency->size = sizeof *dependency;
    node->dependency_list[index] = dependency;
    size_t length = strlen(text);
    dependency->restart_along = text[length - 1] == '+';
    text[length - dependency->restart_along] = '\0';
    char *condition = strchr(text, ':');
    if (condition) {
        *condition++ = '\0';
        dependency->condition =
            strcmp(condition, "started") == 0 ? LC_WHEN_STARTED : LC_WHEN_COMPLETED;
    }
    snprintf(node->dependency_names[index], sizeof node->dependency_names[index], "%s", text);
    dependency->name = node->dependency_names[index];
}

struct scripted_node *graph_node(struct scripted_graph *graph, const char *name,
                                 const char *dependencies)
{
    if (graph->count == GRAPH_NODES)
        abort();
    struct scripted_node *node = &graph->nodes[graph->count];
    char *left = NULL, text[GRAPH_NODES * LC_NAME_MAX];
    node->graph = graph;
    snprintf(node->name, sizeof node->name, "%s", name);
    node->options = (lc_node){.size = sizeof(lc_node)};
    node->options.name = node->name;
    node->options.factory = make_instance;
    node->options.arg = node;
    node->options.judge = judge;
    node->options.judge_arg = node;
    node->options.kind = check_kind();
    node->options.backoff.first = LC_NONE;
    node->options.dependencies = node->dependency_list;
    snprintf(text, sizeof text, "%s", dependencies);
    for (char *one = strtok_r(text, " ", &left); one; one = strtok_r(NULL, " ", &left))
        depend_on(node, one);
    node->factory_error = lc_error_new(-ENODEV, "there is no %s", name);
    for (unsigned number = 1; number <= NODE_INSTANCES; number++)
        instance_init(&node->instances[number - 1], node, number);
    graph->count++;
    return node;
}

static void node_drop(struct scripted_node *node)
{
    for (unsigned i = 0; i < NODE_INSTANCES; i++)
        instance_drop(&node->instances[i]);
    lc_error_unref(node->factory_error);
    lc_handle_unref(node->factory_waits);
    lc_handle_unref(node->handler_waits);
}

/* ---- the graph ---- */

struct scripted_graph *graph_new(void)
{
    struct scripted_graph *graph = calloc(1, sizeof *graph);
    if (!graph || pthread_mutex_init(&graph->lock, NULL) != 0)
        abort();
    graph->options = (lc_supervisor_options){.size = sizeof(lc_supervisor_options)};
    graph->options.name = "graph";
    graph->options.halt = LC_HALT_RETURN;
    graph->context = lc_context_new(NULL);
    graph->finished = lc_handle_new();
    return graph;
}

lc_supervisor *graph_supervisor(struct scripted_graph *graph)
{
    enum { EVENTS = 10000 };
    if (graph->supervisor)
        return graph->supervisor;
    CHECK_SUCCESS(lc_supervisor_new(&graph->options, &graph->supervisor));
    graph->observer = lc_supervisor_observe(graph->supervisor, EVENTS);
    if (!graph->observer)
        abort();
    return graph->supervisor;
}

lc_error *node_join(struct scripted_node *node)
{
    lc_supervisor *supervisor = graph_supervisor(node->graph);
    node->joined = true;
    check_clock_use(node->graph->clock);
    lc_error *error = lc_supervisor_add(supervisor, &node->options);
    check_clock_use(NULL);
    return error;
}

static void run(void *arg)
{
    struct scripted_graph *graph = arg;
    check_clock_use(graph->clock);
    graph->runner = strand_self();
    graph->behavior = (lc_behavior)99;
    graph->result = lc_supervisor_run(graph->supervisor, graph->context, &graph->behavior);
    check_clock_use(NULL);
    graph_note(graph, "returned");
    lc_handle_close(graph->finished);
}

void graph_begin(struct scripted_graph *graph)
{
    graph_supervisor(graph);
    for (unsigned i = 0; i < graph->count; i++)
        if (!graph->nodes[i].joined)
            CHECK_SUCCESS(node_join(&graph->nodes[i]));
    helper_start(&graph->helper, run, graph);
}

void graph_end(struct scripted_graph *graph)
{
    CU_ASSERT_TRUE(graph_comes(graph, graph->finished));
    helper_join(&graph->helper);
}

void graph_cancel(struct scripted_graph *graph)
{
    lc_context_cancel(graph->context, NULL);
    graph_end(graph);
}

void graph_drop(struct scripted_graph *graph)
{
    lc_observer_free(graph->observer);
    lc_supervisor_unref(graph->supervisor);
    for (unsigned i = 0; i < graph->count; i++)
        node_drop(&graph->nodes[i]);
    lc_error_unref(graph->result);
    lc_handle_unref(graph->finished);
    lc_context_unref(graph->context);
    if (graph->clock)
        check_clock_free(graph->clock);
    pthread_mutex_destroy(&graph->lock);
    free(graph);
}

/* ---- telling nodes, and waiting ---- */

void node_order(struct scripted_node *node, unsigned number, enum node_order order)
{
    struct scripted_instance *instance = &node->instances[number - 1];
    CU_ASSERT_TRUE(graph_comes(node->graph, instance->entered));
    CU_ASSERT_EQUAL(lc_channel_send(instance->orders, (void *)(intptr_t)order, LC_NOW), 0);
}

struct coming {
    struct scripted_graph *graph;
    lc_waitable what;
};

static bool has_come(void *arg)
{
    struct coming *coming = arg;
    check_clock_advance(coming->graph->clock, 0);
    return lc_wait_any(&coming->what, 1, LC_NOW) == 0;
}

static bool comes(struct scripted_graph *graph, lc_waitable what)
{
    struct coming coming = {graph, what};
    if (graph->clock && !lc_is_simulated())
        return check_until(has_come, &coming);
    return lc_wait_any(&what, 1, check_patience()) == 0;
}

bool graph_comes(struct scripted_graph *graph, lc_handle *handle)
{
    return comes(graph, lc_on_handle(handle));
}

/*
 * Passes events over until one is about this: of a node and its state, or, without a node, of a
 * kind.
 */
static int64_t await_event(struct scripted_graph *graph, const char *name, lc_node_state state,
                           lc_event_kind kind)
{
    lc_event *event = NULL;
    int64_t time = 0;
    bool found = false;
    while (!found) {
        bool there = comes(graph, lc_on_observer(graph->observer)) &&
                     lc_observer_next(graph->observer, &event, LC_NOW) == 0;
        CU_ASSERT_TRUE(there);
        if (!there)
            return 0;
        found = event->kind == kind && strcmp(event->name, name) == 0 &&
                (kind != LC_EVENT_STATE || event->state == state);
        time = event->time;
        lc_event_free(event);
    }
    return time;
}

int64_t node_enters(struct scripted_node *node, lc_node_state state)
{
    return await_event(node->graph, node->name, state, LC_EVENT_STATE);
}

void graph_sees_kind(struct scripted_graph *graph, lc_event_kind kind)
{
    await_event(graph, "", LC_NODE_WAITING, kind);
}

void graph_is_quiet(struct scripted_graph *graph)
{
    lc_event *event = NULL;
    int result = lc_observer_next(graph->observer, &event, LC_NOW);
    CU_ASSERT_EQUAL(result, -ETIMEDOUT);
    if (result == 0)
        lc_event_free(event);
}
