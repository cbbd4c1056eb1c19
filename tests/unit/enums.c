/*
 * enums.c: every public call that takes a value of an enum refuses a value that is none of it, with
 * an error that names the value.
 */
#include "support/check.h"
#include "support/isolates.h"

#include <lifecycle.h>
#include <lifecycle/isolate.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Makes the call with a value. @return what it answers. */
typedef lc_error *(*refusal)(int value);

/* An answer that can carry no message: it is enough that it is the right code. */
static lc_error *code(int result, int value)
{
    return result < 0 ? lc_error_new(result, "%d", value) : NULL;
}

/* ---- isolates ---- */

static lc_error *return_at_once(void *arg)
{
    (void)arg;
    return NULL;
}

static lc_error *kill_isolate(int value)
{
    struct agent agent;
    agent_start(&agent);
    lc_error *error = code(lc_isolate_kill(agent.isolate, (lc_priority)value), value);
    agent_stop(&agent);
    return error;
}

/* What the call would have moved stays the caller's. */
static lc_error *ping_isolate(int value)
{
    struct agent agent;
    struct parcel parcel = {.number = 1};
    const lc_payload payload = {&parcel, sizeof parcel, parcel_destroy};
    agent_start(&agent);
    lc_receive_port probe = probe_open();
    lc_error *error =
        code(lc_isolate_ping(agent.isolate, probe.send, &payload, (lc_priority)value), value);
    agent_stop(&agent);
    CU_ASSERT_TRUE(probe_is_empty(probe));
    CU_ASSERT_EQUAL(atomic_load(&parcel.destroyed), 0);
    probe_close(probe);
    return error;
}

static lc_error *spawn_isolate(int value)
{
    lc_isolate_options options = {.size = sizeof options};
    options.entry = return_at_once;
    options.when_full = (lc_when_full)value;
    return lc_isolate_spawn(&options, NULL);
}

static lc_error *spawn_from_object(int value)
{
    lc_isolate_options options = {.size = sizeof options};
    options.when_full = (lc_when_full)value;
    return lc_isolate_spawn_uri("file:///none.so", 0, NULL, NULL, &options, NULL);
}

static lc_error *make_isolate_component(int value)
{
    lc_component *component;
    lc_isolate_options options = {.size = sizeof options};
    options.entry = return_at_once;
    options.when_full = (lc_when_full)value;
    return lc_isolate_component_new(&options, &component);
}

static lc_error *open_port_with(int value)
{
    lc_receive_port port;
    lc_port_options options = {.size = sizeof options};
    options.when_full = (lc_when_full)value;
    return lc_port_open(&options, &port);
}

static lc_error *make_channel(int value)
{
    lc_channel *channel;
    lc_channel_options options = {.size = sizeof options};
    options.when_full = (lc_channel_when_full)value;
    return lc_channel_new(&options, &channel);
}

/* ---- waiting ---- */

static lc_error *wait_for_any(int value)
{
    lc_waitable waitable = {.kind = (lc_waitable_kind)value};
    return code(lc_wait_any(&waitable, 1, LC_NOW), value);
}

static lc_error *wait_for_all(int value)
{
    lc_waitable waitable = {.kind = (lc_waitable_kind)value};
    return code(lc_wait_all(&waitable, 1, LC_NOW), value);
}

static lc_error *wait_in_context(int value)
{
    lc_waitable waitable = {.kind = (lc_waitable_kind)value};
    lc_context *context = lc_context_new(NULL);
    lc_error *error = code(lc_context_wait_any(context, &waitable, 1, LC_NOW), value);
    lc_context_unref(context);
    return error;
}

/* ---- managers ---- */

static lc_error *build(lc_manager_builder *builder)
{
    lc_manager *manager = NULL;
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_unref(manager);
    lc_manager_builder_free(builder);
    return error;
}

static lc_error *set_kind_of_workers(int value)
{
    lc_manager_builder *builder = lc_manager_builder_new("enums");
    lc_manager_builder_set_kind(builder, (lc_worker_kind)value);
    lc_manager_builder_add(builder, LC_WORKER(.name = "worker", .run = lc_noop_worker));
    return build(builder);
}

static lc_error *add_worker(int value)
{
    lc_worker worker = {.size = sizeof worker};
    lc_manager_builder *builder = lc_manager_builder_new("enums");
    worker.name = "worker";
    worker.run = lc_noop_worker;
    worker.kind = (lc_worker_kind)value;
    lc_manager_builder_add(builder, &worker);
    return build(builder);
}

/* ---- the run loop, graphs ---- */

static lc_error *make_nothing(lc_component **component, void *arg)
{
    (void)arg;
    *component = NULL;
    return lc_error_new(-ENOENT, "nothing to make");
}

static lc_error *run_component(int value)
{
    lc_run_options options = {.size = sizeof options};
    options.name = "enums";
    options.factory = make_nothing;
    options.halt = (lc_halt_mode)value;
    return lc_component_run(&options, NULL, NULL);
}

static lc_error *make_supervisor(int value)
{
    lc_supervisor *supervisor = NULL;
    lc_supervisor_options options = {.size = sizeof options};
    options.halt = (lc_halt_mode)value;
    lc_error *error = lc_supervisor_new(&options, &supervisor);
    lc_supervisor_unref(supervisor);
    return error;
}

static lc_error *add_node(const lc_node *changed)
{
    lc_supervisor *supervisor;
    lc_node node = *changed;
    node.name = "node";
    node.factory = make_nothing;
    CHECK_SUCCESS(lc_supervisor_new(NULL, &supervisor));
    lc_error *error = lc_supervisor_add(supervisor, &node);
    lc_supervisor_unref(supervisor);
    return error;
}

static lc_error *kind_of_a_node(int value)
{
    lc_node node = {.size = sizeof node};
    node.kind = (lc_worker_kind)value;
    return add_node(&node);
}

static lc_error *restart_of_a_node(int value)
{
    lc_node node = {.size = sizeof node};
    node.restart = (lc_restart_type)value;
    return add_node(&node);
}

static lc_error *condition_of_a_dependency(int value)
{
    lc_node node = {.size = sizeof node};
    const lc_dependency dependency = {
        .size = sizeof dependency, .name = "other", .condition = (lc_condition)value};
    const lc_dependency *const list[] = {&dependency, NULL};
    node.dependencies = list;
    return add_node(&node);
}

static lc_error *exceeded_of_a_node(int value)
{
    lc_node node = {.size = sizeof node};
    node.intensity = (lc_intensity){3, LC_SECOND, (lc_behavior)value};
    return add_node(&node);
}

/* Also where no number of restarts is too many. */
static lc_error *exceeded_without_a_limit(int value)
{
    lc_node node = {.size = sizeof node};
    node.intensity.exceeded = (lc_behavior)value;
    return add_node(&node);
}

/* ---- trees ---- */

static lc_error *ask(lc_context *context, void *answer)
{
    (void)context;
    (void)answer;
    return NULL;
}

static lc_error *make_tree(const lc_child *changed)
{
    lc_tree *tree = NULL;
    lc_tree_options options = {.size = sizeof options};
    lc_child first = *changed;
    options.root = &first;
    first.name = "root";
    first.run = ask;
    lc_error *error = lc_tree_new(&options, &tree);
    lc_tree_unref(tree);
    return error;
}

static lc_error *kind_of_a_root(int value)
{
    lc_child child = {.size = sizeof child};
    child.kind = (lc_worker_kind)value;
    return make_tree(&child);
}

static lc_error *restart_of_a_root(int value)
{
    lc_child child = {.size = sizeof child};
    child.restart = (lc_restart_type)value;
    return make_tree(&child);
}

/* What a runnable is to ask for, and what it is answered. */
struct question {
    lc_child child;
    lc_child_group group;
    lc_error *answer;
};

static lc_error *start_group(lc_context *context, void *arg)
{
    struct question *question = arg;
    question->answer = lc_runnable_start_group(context, &question->group);
    lc_runnable_signal_healthy(context);
    lc_runnable_signal_done(context);
    return NULL;
}

static lc_error *ask_in_a_tree(struct question *question)
{
    lc_tree *tree;
    lc_tree_options options = {.size = sizeof options};
    lc_child first = {.size = sizeof first, .name = "root"};
    options.root = &first;
    question->child.name = "child";
    question->child.run = ask;
    const lc_child *const members[] = {&question->child, NULL};
    question->group.children = members;
    first.run = start_group;
    first.arg = question;
    first.restart = LC_TEMPORARY;
    CHECK_SUCCESS(lc_tree_new(&options, &tree));
    CHECK_SUCCESS(lc_tree_start(tree, NULL));
    CU_ASSERT_EQUAL(lc_tree_settle(tree, check_patience()), 0);
    lc_tree_cancel(tree);
    CHECK_SUCCESS(lc_tree_wait(tree, check_patience()));
    lc_tree_unref(tree);
    return question->answer;
}

static lc_error *kind_of_a_child(int value)
{
    struct question question = {{.size = sizeof(lc_child)}, {.size = sizeof(lc_child_group)}, NULL};
    question.child.kind = (lc_worker_kind)value;
    return ask_in_a_tree(&question);
}

static lc_error *restart_of_a_child(int value)
{
    struct question question = {{.size = sizeof(lc_child)}, {.size = sizeof(lc_child_group)}, NULL};
    question.child.restart = (lc_restart_type)value;
    return ask_in_a_tree(&question);
}

static lc_error *strategy_of_a_group(int value)
{
    struct question question = {{.size = sizeof(lc_child)}, {.size = sizeof(lc_child_group)}, NULL};
    question.group.strategy = (lc_strategy)value;
    return ask_in_a_tree(&question);
}

static lc_error *exceeded_of_a_group(int value)
{
    struct question question = {{.size = sizeof(lc_child)}, {.size = sizeof(lc_child_group)}, NULL};
    question.group.intensity = (lc_intensity){3, LC_SECOND, (lc_behavior)value};
    return ask_in_a_tree(&question);
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    refusal call;
    int last; /* the highest value that is one */
} calls[] = {
    {"lc_isolate_kill", kill_isolate, LC_PRIORITY_NEXT_EVENT},
    {"lc_isolate_ping", ping_isolate, LC_PRIORITY_NEXT_EVENT},
    {"lc_isolate_spawn", spawn_isolate, LC_FULL_PARK_SENDER},
    {"lc_isolate_spawn_uri", spawn_from_object, LC_FULL_PARK_SENDER},
    {"lc_isolate_component_new", make_isolate_component, LC_FULL_PARK_SENDER},
    {"lc_port_open", open_port_with, LC_FULL_PARK_SENDER},
    {"lc_channel_new", make_channel, LC_CHANNEL_DROP_OLDEST},
    {"lc_wait_any", wait_for_any, LC_WAITABLE_SIGNALS},
    {"lc_wait_all", wait_for_all, LC_WAITABLE_SIGNALS},
    {"lc_context_wait_any", wait_in_context, LC_WAITABLE_SIGNALS},
    {"lc_manager_builder_set_kind", set_kind_of_workers, LC_FIBER},
    {"lc_manager_builder_add", add_worker, LC_FIBER},
    {"lc_component_run", run_component, LC_HALT_RETURN},
    {"lc_supervisor_new", make_supervisor, LC_HALT_RETURN},
    {"lc_supervisor_add: kind", kind_of_a_node, LC_FIBER},
    {"lc_supervisor_add: restart", restart_of_a_node, LC_TEMPORARY},
    {"lc_supervisor_add: condition", condition_of_a_dependency, LC_WHEN_COMPLETED},
    {"lc_supervisor_add: intensity", exceeded_of_a_node, LC_SPIN_HALT},
    {"lc_supervisor_add: no intensity", exceeded_without_a_limit, LC_SPIN_HALT},
    {"lc_tree_new: kind", kind_of_a_root, LC_FIBER},
    {"lc_tree_new: restart", restart_of_a_root, LC_TEMPORARY},
    {"lc_runnable_start_group: kind", kind_of_a_child, LC_FIBER},
    {"lc_runnable_start_group: restart", restart_of_a_child, LC_TEMPORARY},
    {"lc_runnable_start_group: strategy", strategy_of_a_group, LC_REST_FOR_ONE},
    {"lc_runnable_start_group: intensity", exceeded_of_a_group, LC_SPIN_HALT},
};
enum { CALLS = sizeof calls / sizeof *calls };

static void refuses(size_t which, int value)
{
    char text[32];
    lc_error *error = calls[which].call(value);
    snprintf(text, sizeof text, "%d", value);
    bool well = lc_error_code(error) == -EINVAL && strstr(lc_error_message(error), text);
    CU_ASSERT_TRUE(well);
    if (!well)
        fprintf(stderr, "\n%s of %d: %s\n", calls[which].name, value,
                error ? lc_error_message(error) : "not refused");
    lc_error_unref(error);
}

static void values_outside_an_enum_are_refused(void)
{
    const int wrong[] = {INT_MIN, -1, 99, INT_MAX};
    for (size_t i = 0; i < CALLS; i++) {
        refuses(i, calls[i].last + 1);
        for (size_t j = 0; j < sizeof wrong / sizeof *wrong; j++)
            refuses(i, wrong[j]);
    }
}

/* These cannot refuse: they say what is wrong, and do what is least harm. */
static void levels_outside_their_enum(void)
{
    const int wrong[] = {INT_MIN, -1, LC_LOG_DEBUG + 1, 99, INT_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[32];
        snprintf(text, sizeof text, "%d", wrong[i]);
        check_log_capture();
        lc_log_set_level((lc_log_level)wrong[i]);
        CU_ASSERT_TRUE(check_log_has(text));
        lc_log(LC_LOG_INFO, NULL, "as before");
        lc_log(LC_LOG_DEBUG, NULL, "not as before");
        lc_log((lc_log_level)wrong[i], NULL, "is told");
        lc_log_fields((lc_log_level)wrong[i], NULL, NULL, 0, "is told");
        CU_ASSERT_TRUE(check_log_has("as before"));
        CU_ASSERT_FALSE(check_log_has("not as before"));
        CU_ASSERT_EQUAL(check_log_count("is told"), 2);
        check_log_release();
    }
}

static void names_of_what_is_none(void)
{
    const int wrong[] = {INT_MIN, -1, 99, INT_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CU_ASSERT_PTR_NULL(lc_behavior_name((lc_behavior)wrong[i]));
        CU_ASSERT_PTR_NULL(lc_node_state_name((lc_node_state)wrong[i]));
        CU_ASSERT_PTR_NULL(lc_snapshot_print(NULL, (lc_snapshot_format)wrong[i]));
    }
}

CHECK_SUITE(enums, "unit: values of enums",
            {"a value outside an enum is refused, and named", values_outside_an_enum_are_refused},
            {"a level outside its enum is told, and loses no record", levels_outside_their_enum},
            {"what is none has no name", names_of_what_is_none});
