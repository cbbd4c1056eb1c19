/*
 * told_to_stop.c: the one rule of <lifecycle/context.h>: of a function that was told to stop, by
 * the end of its context, NULL and an error with the code of the context's error mean the same, and
 * any other error is told. Wherever the program's functions return an error, with every answer.
 */
#include "support/check.h"
#include "support/helper.h"
#include "support/mode.h"
#include "support/scripted_worker.h"

#include "service/reload.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a function does that has been told to stop. */
enum answer {
    NOTHING,       /* returns NULL */
    OWN_ERROR,     /* returns the error of its context */
    OWN_CODE,      /* returns an error of its own with the code of that */
    OWN_CODE_DEEP, /* returns an error that wraps one with that code */
    ODD,           /* returns an error that has nothing to do with it */
    ANSWERS
};

/* The function that is told. */
struct probe {
    enum answer answer;
    bool throws;       /* the error, instead of returning it */
    lc_context *above; /* that is cancelled */
    lc_handle *begun;  /* it waits */
};

static lc_error *answer_of(const struct probe *probe, const lc_context *ended)
{
    switch (probe->answer) {
    case OWN_ERROR:
        return lc_error_ref(lc_context_error(ended));
    case OWN_CODE:
        return lc_error_new(-ECANCELED, "an own answer");
    case OWN_CODE_DEEP:
        return lc_error_wrap(lc_error_new(-ECANCELED, "an own"), -EIO, "an own answer");
    case ODD:
        return lc_error_new(-EIO, "an odd end");
    default:
        return NULL;
    }
}

/* Waits for the end of the context, and answers. */
static lc_error *probe_waits(struct probe *probe, lc_context *context)
{
    lc_handle_close(probe->begun);
    lc_handle_wait(lc_context_done(context), LC_FOREVER);
    lc_error *error = answer_of(probe, context);
    if (error && probe->throws)
        lc_throw(context, error);
    return error;
}

/* ---- functions that are told ---- */

static lc_error *probing_worker(lc_context *context, lc_ready *ready, void *arg)
{
    lc_ready_signal(ready);
    return probe_waits(arg, context);
}

/* Told to stop before it is ready. */
static lc_error *unready_worker(lc_context *context, lc_ready *ready, void *arg)
{
    (void)ready;
    return probe_waits(arg, context);
}

static lc_error *manager_component(lc_worker_function run, void *arg, lc_component **component)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = check_builder("probed");
    lc_manager_builder_add(builder, LC_WORKER(.name = "probe", .run = run, .arg = arg));
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    *component = lc_manager_component(manager);
    return error;
}

static lc_error *make_worker(lc_component **component, void *arg)
{
    return manager_component(probing_worker, arg, component);
}

static lc_error *make_unready(lc_component **component, void *arg)
{
    return manager_component(unready_worker, arg, component);
}

static lc_error *make_merged(lc_component **component, void *arg)
{
    lc_component *parts[2] = {NULL, NULL};
    lc_error *error = manager_component(lc_noop_worker, NULL, &parts[0]);
    if (!error)
        error = manager_component(probing_worker, arg, &parts[1]);
    if (!error && lc_components_merge(parts, 2, component) != 0)
        error = lc_error_new(-ENOMEM, "cannot merge");
    return error;
}

/* A factory that gives up. It has no context: it looks at one above. */
static lc_error *make_nothing(lc_component **component, void *arg)
{
    struct probe *probe = arg;
    lc_error *error = probe_waits(probe, probe->above);
    return error ? error : make_worker(component, arg);
}

/* A component with a start that waits. */
struct starting {
    lc_component component; /* first */
    struct probe *probe;
    lc_handle *ready, *done;
};

static lc_error *start_starting(lc_component *component, lc_context *context)
{
    struct starting *starting = (struct starting *)component;
    lc_error *error = probe_waits(starting->probe, context);
    if (!error)
        lc_handle_close(starting->done);
    return error;
}

static lc_handle *ready_of_starting(lc_component *component)
{
    return ((struct starting *)component)->ready;
}

static lc_handle *done_of_starting(lc_component *component)
{
    return ((struct starting *)component)->done;
}

static void destroy_starting(lc_component *component)
{
    struct starting *starting = (struct starting *)component;
    lc_handle_unref(starting->ready);
    lc_handle_unref(starting->done);
    free(starting);
}

static lc_error *make_starting(lc_component **component, void *arg)
{
    static const lc_component_ops ops = {.size = sizeof ops,
                                         .start = start_starting,
                                         .ready = ready_of_starting,
                                         .done = done_of_starting,
                                         .destroy = destroy_starting};
    struct starting *starting = calloc(1, sizeof *starting);
    if (!starting)
        abort();
    *starting = (struct starting){{&ops}, arg, lc_handle_new(), lc_handle_new()};
    *component = &starting->component;
    return NULL;
}

static lc_error *probing_runnable(lc_context *context, void *arg)
{
    lc_runnable_signal_healthy(context);
    return probe_waits(arg, context);
}

static lc_error *probing_entry(void *arg)
{
    return probe_waits(arg, lc_isolate_context());
}

static lc_error *probing_handler(lc_message *message, void *arg)
{
    (void)message;
    return probe_waits(arg, lc_isolate_context());
}

/* Of an isolate that has a message to handle. */
static lc_error *entry_before_handler(void *arg)
{
    lc_port_options options = {.size = sizeof options};
    lc_receive_port port;
    options.handler = probing_handler;
    options.arg = arg;
    lc_error *error = lc_port_open(&options, &port);
    if (error)
        return error;
    int result = lc_send(port.send, "", 1);
    return result < 0 ? lc_error_new_errno(-result, "cannot begin") : NULL;
}

static lc_error *isolate_component(lc_error *(*entry)(void *arg), void *arg,
                                   lc_component **component)
{
    lc_isolate_options options = {.size = sizeof options};
    options.name = "probed";
    options.entry = entry;
    options.arg = arg;
    return lc_isolate_component_new(&options, component);
}

static lc_error *make_entry(lc_component **component, void *arg)
{
    return isolate_component(probing_entry, arg, component);
}

static lc_error *make_handler(lc_component **component, void *arg)
{
    return isolate_component(entry_before_handler, arg, component);
}

/* ---- what runs them, is cancelled, and tells how it has ended ---- */

/* A component by itself, under a signaler. */
static lc_error *end_of_component(struct probe *probe, lc_component_factory make)
{
    struct scope scope = scope_new(NULL);
    lc_component *component = NULL;
    probe->above = scope.context;
    CHECK_SUCCESS(make(&component, probe));
    CHECK_SUCCESS(lc_component_start(component, scope.context));
    CHECK_CLOSES(probe->begun);
    scope_cancel(&scope);
    CHECK_CLOSES(lc_component_done(component));
    lc_component_destroy(component);
    lc_error *error = lc_signaler_take(scope.signaler);
    scope_drop(&scope);
    return error;
}

/* What a helper runs until the test cancels it. */
struct stoppable {
    struct helper helper;
    struct probe *probe;
    lc_component_factory make;
    lc_context *context;
    lc_error *result;
};

static lc_error *end_of_stoppable(struct stoppable *stoppable, void (*run)(void *arg))
{
    stoppable->context = stoppable->probe->above = lc_context_new(NULL);
    helper_start(&stoppable->helper, run, stoppable);
    CHECK_CLOSES(stoppable->probe->begun);
    lc_context_cancel(stoppable->context, NULL);
    helper_join(&stoppable->helper);
    lc_context_unref(stoppable->context);
    return stoppable->result;
}

static void run_as_node(void *arg)
{
    struct stoppable *stoppable = arg;
    lc_supervisor *supervisor = NULL;
    lc_node node = {.size = sizeof node};
    node.name = "probed";
    node.factory = stoppable->make;
    node.arg = stoppable->probe;
    node.kind = check_kind();
    CHECK_SUCCESS(lc_supervisor_new(NULL, &supervisor));
    CHECK_SUCCESS(lc_supervisor_add(supervisor, &node));
    stoppable->result = lc_supervisor_run(supervisor, stoppable->context, NULL);
    lc_supervisor_unref(supervisor);
}

static lc_error *end_of_node(struct probe *probe, lc_component_factory make)
{
    struct stoppable stoppable = {.probe = probe, .make = make};
    return end_of_stoppable(&stoppable, run_as_node);
}

static void run_in_loop(void *arg)
{
    struct stoppable *stoppable = arg;
    lc_run_options options = {.size = sizeof options};
    options.name = "probed";
    options.factory = stoppable->make;
    options.arg = stoppable->probe;
    stoppable->result = lc_component_run(&options, stoppable->context, NULL);
}

static lc_error *end_of_loop(struct probe *probe, lc_component_factory make)
{
    struct stoppable stoppable = {.probe = probe, .make = make};
    return end_of_stoppable(&stoppable, run_in_loop);
}

static lc_error *end_of_tree(struct probe *probe, lc_component_factory make)
{
    (void)make;
    lc_tree *tree = NULL;
    lc_tree_options options = {.size = sizeof options};
    lc_child first = {.size = sizeof first, .name = "root"};
    options.root = &first;
    first.name = "probed";
    first.run = probing_runnable;
    first.arg = probe;
    first.kind = check_kind();
    CHECK_SUCCESS(lc_tree_new(&options, &tree));
    CHECK_SUCCESS(lc_tree_start(tree, NULL));
    CHECK_CLOSES(probe->begun);
    lc_tree_cancel(tree);
    lc_error *error = lc_tree_wait(tree, check_patience());
    lc_tree_unref(tree);
    return error;
}

static lc_error *reload(lc_context *context, void *arg)
{
    return probe_waits(arg, context);
}

static lc_error *end_of_reload(struct probe *probe, lc_component_factory make)
{
    (void)make;
    struct lc__reload going = {0};
    lc_service_options options = {.size = sizeof options};
    options.configure = reload;
    options.arg = probe;
    CHECK_SUCCESS(lc__reload_start(&going, &options, NULL));
    CHECK_CLOSES(probe->begun);
    lc__reload_cancel(&going);
    CHECK_CLOSES(lc__reload_done(&going));
    return lc__reload_end(&going);
}

/* ---- every answer ---- */

/* Takes the error over. */
static bool error_tells(lc_error *error, const char *text)
{
    bool tells = strstr(lc_error_message(error), text) != NULL;
    lc_error_unref(error);
    return tells;
}

/*
 * What counts is told, by the error or by the log, and what is only an answer is in neither. Its
 * end may be told as the end of the context.
 */
static void check_answer(lc_error *(*end)(struct probe *probe, lc_component_factory make),
                         lc_component_factory make, enum answer answer, bool throws)
{
    struct probe probe = {.answer = answer, .throws = throws, .begun = lc_handle_new()};
    check_log_capture();
    lc_error *error = end(&probe, make);
    int code = lc_error_code(error);
    bool own = error_tells(lc_error_ref(error), "an own") || check_log_has("an own");
    bool odd = error_tells(error, "an odd end") || check_log_has("an odd end");
    CU_ASSERT_EQUAL(odd, answer == ODD);
    CU_ASSERT_FALSE(own);
    CU_ASSERT_TRUE(code == 0 || code == -ECANCELED || answer == ODD);
    CU_ASSERT_EQUAL(check_log_count("context cancelled"), 0);
    check_log_release();
    lc_handle_unref(probe.begun);
}

static void check_answers(lc_error *(*end)(struct probe *probe, lc_component_factory make),
                          lc_component_factory make, bool throws)
{
    for (int answer = NOTHING; answer < ANSWERS; answer++)
        check_answer(end, make, (enum answer)answer, throws);
}

static void of_a_manager(void)
{
    check_answers(end_of_component, make_worker, false);
    check_answers(end_of_component, make_worker, true);
    check_answers(end_of_component, make_unready, false);
}

static void of_a_merged_component(void)
{
    check_answers(end_of_component, make_merged, false);
    check_answers(end_of_component, make_merged, true);
}

static void of_a_node(void)
{
    check_answers(end_of_node, make_worker, false);
    check_answers(end_of_node, make_worker, true);
    check_answers(end_of_node, make_unready, false);
    check_answers(end_of_node, make_merged, false);
}

static void of_the_start_of_a_node(void)
{
    check_answers(end_of_node, make_starting, false);
    check_answers(end_of_node, make_starting, true);
}

static void of_the_factory_of_a_node(void)
{
    check_answers(end_of_node, make_nothing, false);
}

static void of_a_run(void)
{
    check_answers(end_of_loop, make_worker, false);
    check_answers(end_of_loop, make_worker, true);
}

static void of_the_start_of_a_run(void)
{
    check_answers(end_of_loop, make_starting, false);
    check_answers(end_of_loop, make_starting, true);
}

static void of_the_factory_of_a_run(void)
{
    check_answers(end_of_loop, make_nothing, false);
}

static void of_a_runnable(void)
{
    check_answers(end_of_tree, NULL, false);
    check_answers(end_of_tree, NULL, true);
}

static void of_an_isolate(void)
{
    check_answers(end_of_component, make_entry, false);
    check_answers(end_of_component, make_entry, true);
    check_answers(end_of_component, make_handler, false);
    check_answers(end_of_component, make_handler, true);
}

static void of_an_isolate_that_is_a_node(void)
{
    check_answers(end_of_node, make_entry, false);
    check_answers(end_of_node, make_handler, false);
}

static void of_a_reload(void)
{
    check_answers(end_of_reload, NULL, false);
    check_answers(end_of_reload, NULL, true);
}

CHECK_SUITE_IN_MODES(
    told_to_stop, "conformance: told to stop", {"a worker of a manager", of_a_manager},
    {"a worker in a merged component", of_a_merged_component}, {"a worker of a node", of_a_node},
    {"the start of a node's component", of_the_start_of_a_node},
    {"the factory of a node", of_the_factory_of_a_node}, {"a worker of a run", of_a_run},
    {"the start of a run's component", of_the_start_of_a_run},
    {"the factory of a run", of_the_factory_of_a_run}, {"a runnable of a tree", of_a_runnable},
    {"the entry and a handler of an isolate", of_an_isolate},
    {"the entry and a handler of an isolate that is a node", of_an_isolate_that_is_a_node},
    {"a reload", of_a_reload});
