/*
 * growth.c: each struct of options may be of an older header, with a field fewer, and of a newer
 * one, with a field more; and zero is the default in each field.
 */
#include "support/check.h"
#include "support/fibers.h"

#include <lifecycle.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SIZE_MOST = 512 };

/* A struct that grows, and the call that reads it. */
struct grown {
    const char *type;
    size_t size;
    size_t last;        /* where its last field begins */
    const void *sample; /* of all that is needed; the last field is zero */
    lc_error *(*use)(const void *options);
};

#define GROWN(of, field, use, ...)                                                                 \
    {                                                                                              \
#of, sizeof(of), offsetof(of, field), &(const of){.size = sizeof(of), __VA_ARGS__ }, use   \
    }

/* What the calls of this file take: a copy with room for a field behind it. */
union room {
    size_t size;
    unsigned char bytes[SIZE_MOST];
};

static lc_error *use(const struct grown *grown, union room *room, size_t size)
{
    room->size = size;
    return grown->use(room);
}

/* The error is -EINVAL and names type and sizes. It is consumed. */
static void check_names_sizes(lc_error *error, const struct grown *grown, size_t given)
{
    char sizes[2][32];
    snprintf(sizes[0], sizeof sizes[0], " %zu", given);
    snprintf(sizes[1], sizeof sizes[1], " %zu", grown->size);
    CU_ASSERT_EQUAL(lc_error_code(error), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), grown->type));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), sizes[0]));
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), sizes[1]));
    lc_error_unref(error);
}

/* What lies where a later field would be is not read. */
static void check_older(const struct grown *grown)
{
    union room room;
    memset(room.bytes, 0x77, sizeof room.bytes);
    memcpy(room.bytes, grown->sample, grown->last);
    CHECK_SUCCESS(use(grown, &room, grown->last));
}

static void check_newer(const struct grown *grown)
{
    const size_t newer = grown->size + sizeof(int64_t);
    union room room = {.bytes = {0}};
    memcpy(room.bytes, grown->sample, grown->size);
    CHECK_SUCCESS(use(grown, &room, newer));
    room.bytes[newer - 1] = 1;
    check_names_sizes(use(grown, &room, newer), grown, newer);
}

static void check_no_size(const struct grown *grown)
{
    char said[64];
    union room room = {.bytes = {0}};
    memcpy(room.bytes, grown->sample, grown->size);
    lc_error *error = use(grown, &room, 0);
    snprintf(said, sizeof said, "size of %s is 0", grown->type);
    CU_ASSERT_EQUAL(lc_error_code(error), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(lc_error_message(error), said));
    lc_error_unref(error);
}

/* ---- the calls ---- */

static lc_error *use_executor(const void *options)
{
    lc_executor *executor = NULL;
    lc_error *error = lc_executor_new(options, &executor);
    CU_ASSERT_EQUAL(executor == NULL, error != NULL);
    CU_ASSERT_EQUAL(lc_executor_free(executor), 0);
    return error;
}

static lc_handle *has_run;

static void note_run(void *arg)
{
    (void)arg;
    lc_handle_close(has_run);
}

/*
 * What a call has logged of its options, captured since it began: an error of code `result`, or
 * NULL if that is 0.
 */
static lc_error *take_logged(const char *type, size_t known, const void *options, int result)
{
    char texts[2][96];
    lc_error *error = NULL;
    size_t given = *(const size_t *)options;
    snprintf(texts[0], sizeof texts[0], "size of %s is %zu", type, given);
    snprintf(texts[1], sizeof texts[1], "%s has %zu bytes, and a field beyond the %zu", type, given,
             known);
    for (size_t i = 0; i < 2 && !error; i++)
        if (check_log_has(texts[i]))
            error = lc_error_new(result, "%s", texts[i]);
    check_log_release();
    CU_ASSERT_EQUAL(error == NULL, result == 0);
    return error || result == 0 ? error : lc_error_new(-EPROTO, "not refused for its size");
}

static lc_error *use_fiber(const void *options)
{
    has_run = lc_handle_new();
    check_log_capture();
    int result = lc_fiber_start(options);
    lc_error *error = take_logged("lc_fiber_options", sizeof(lc_fiber_options), options, result);
    if (result == 0)
        CHECK_CLOSES(has_run);
    lc_handle_unref(has_run);
    return error;
}

static lc_error *use_task_group(const void *options)
{
    check_log_capture();
    lc_task_group *group = lc_task_group_new(options);
    lc_error *error = take_logged("lc_task_group_options", sizeof(lc_task_group_options), options,
                                  group ? 0 : -EINVAL);
    lc_task_group_unref(group);
    return error;
}

static void write_nothing(const lc_log_record *record, void *arg)
{
    (void)record;
    (void)arg;
}

/* A sink that is taken takes the place of the capture, which then has nothing to tell. */
static lc_error *use_sink(const void *sink)
{
    check_log_capture();
    return take_logged("lc_log_sink", sizeof(lc_log_sink), sink, lc_log_set_sink(sink));
}

static lc_error *use_worker(const void *worker)
{
    lc_manager *manager = NULL;
    lc_manager_builder *builder = lc_manager_builder_new("grown");
    lc_manager_builder_add(builder, worker);
    lc_error *error = lc_manager_builder_build(builder, &manager);
    lc_manager_builder_free(builder);
    lc_manager_unref(manager);
    return error;
}

static lc_error *use_port(const void *options)
{
    lc_receive_port port;
    lc_error *error = lc_port_open(options, &port);
    if (!error)
        CU_ASSERT_EQUAL(lc_port_close(port), 0);
    return error;
}

static lc_error *use_group(const void *options)
{
    lc_isolate_group *group = NULL;
    lc_error *error = lc_isolate_group_new(options, &group);
    CU_ASSERT_EQUAL(group == NULL, error != NULL);
    lc_isolate_group_unref(group);
    return error;
}

static lc_error *begin_nothing(void *arg)
{
    (void)arg;
    return NULL;
}

static lc_error *use_isolate(const void *options)
{
    lc_isolate isolate;
    lc_error *error = lc_isolate_spawn(options, &isolate);
    if (error)
        return error;
    lc_handle *done = lc_isolate_done(isolate);
    CHECK_CLOSES(done);
    lc_handle_unref(done);
    return NULL;
}

static lc_error *use_isolate_component(const void *options)
{
    lc_component *component = NULL;
    lc_error *error = lc_isolate_component_new(options, &component);
    CU_ASSERT_EQUAL(component == NULL, error != NULL);
    lc_component_destroy(component);
    return error;
}

static lc_error *use_channel(const void *options)
{
    lc_channel *channel = NULL;
    lc_error *error = lc_channel_new(options, &channel);
    CU_ASSERT_EQUAL(channel == NULL, error != NULL);
    lc_channel_unref(channel);
    return error;
}

/* ---- of supervisors ---- */

static lc_error *do_work(lc_context *context, lc_ready *ready, void *arg)
{
    (void)context;
    (void)arg;
    lc_ready_signal(ready);
    return NULL;
}

static lc_error *use_supervisor(const void *options)
{
    lc_supervisor *supervisor = NULL;
    lc_error *error = lc_supervisor_new(options, &supervisor);
    CU_ASSERT_EQUAL(supervisor == NULL, error != NULL);
    lc_supervisor_unref(supervisor);
    return error;
}

static lc_error *use_node(const void *node)
{
    const lc_node *const nodes[] = {node, NULL};
    return use_supervisor(LC_SUPERVISOR(.nodes = nodes));
}

static lc_error *use_dependency(const void *dependency)
{
    const lc_dependency *const needs[] = {dependency, NULL};
    return use_node(LC_NODE(.name = "own", .run = do_work, .dependencies = needs));
}

static lc_error *make_nothing(lc_component **component, void *arg)
{
    (void)component;
    (void)arg;
    return lc_error_new(-ENODEV, "nothing is made");
}

/* What is asked for is made, which fails; what is refused is not. */
static lc_error *use_run(const void *options)
{
    lc_error *error = lc_component_run(options, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL(error);
    if (lc_error_code(error) != -ENODEV)
        return error;
    lc_error_unref(error);
    return NULL;
}

struct service_run {
    const void *options;
    int status;
};

static lc_error *run_service(void *arg)
{
    struct service_run *run = arg;
    run->status = lc_service_main(run->options);
    return NULL;
}

/* In a simulation, where a service leaves the process and its signals alone. */
static lc_error *use_service(const void *options)
{
    lc_executor *executor = NULL;
    struct service_run run = {options, -1};
    CHECK_SUCCESS(lc_executor_new_simulated(NULL, &executor));
    check_log_capture();
    CHECK_SUCCESS(lc_executor_run(executor, run_service, &run));
    CU_ASSERT_EQUAL(lc_executor_free(executor), 0);
    return take_logged("lc_service_options", sizeof(lc_service_options), options,
                       run.status == 0 ? 0 : -EINVAL);
}

static lc_error *use_simulation(const void *options)
{
    lc_executor *executor = NULL;
    lc_error *error = lc_executor_new_simulated(options, &executor);
    CU_ASSERT_EQUAL(executor == NULL, error != NULL);
    CU_ASSERT_EQUAL(lc_executor_free(executor), 0);
    return error;
}

/* ---- of trees ---- */

static lc_error *run_nothing(lc_context *context, void *arg)
{
    (void)arg;
    lc_runnable_signal_healthy(context);
    lc_runnable_signal_done(context);
    return NULL;
}

static lc_error *use_tree(const void *options)
{
    lc_tree *tree = NULL;
    lc_error *error = lc_tree_new(options, &tree);
    CU_ASSERT_EQUAL(tree == NULL, error != NULL);
    lc_tree_unref(tree);
    return error;
}

static lc_error *use_child(const void *child)
{
    return use_tree(LC_TREE(.root = child));
}

struct grouping {
    const lc_child_group *group;
    lc_error *error;
};

static lc_error *start_group(lc_context *context, void *arg)
{
    struct grouping *grouping = arg;
    grouping->error = lc_runnable_start_group(context, grouping->group);
    return run_nothing(context, NULL);
}

/* It takes a runnable to start a group. */
static lc_error *use_child_group(const void *group)
{
    lc_tree *tree = NULL;
    struct grouping grouping = {.group = group};
    CHECK_SUCCESS(
        lc_tree_new(LC_TREE(.root = LC_CHILD(.run = start_group, .arg = &grouping)), &tree));
    CHECK_SUCCESS(lc_tree_start(tree, NULL));
    CHECK_SUCCESS(lc_tree_wait(tree, check_patience()));
    lc_tree_unref(tree);
    return grouping.error;
}

static const lc_node brief = {.size = sizeof brief, .name = "brief", .run = do_work};
static const lc_node *const brief_nodes[] = {&brief, NULL};
static const lc_child child = {.size = sizeof child, .name = "child", .run = run_nothing};
static const lc_child *const only_child[] = {&child, NULL};

static const struct grown all_grown[] = {
    GROWN(lc_executor_options, stall_limit, use_executor, .threads = 2),
    GROWN(lc_worker, group, use_worker, .name = "one", .run = lc_noop_worker),
    GROWN(lc_port_options, limit, use_port, .when_full = LC_FULL_DROP_OLDEST),
    GROWN(lc_isolate_group_options, release, use_group, .threads = 1),
    GROWN(lc_isolate_options, mailbox_limit, use_isolate, .entry = begin_nothing),
    GROWN(lc_isolate_options, mailbox_limit, use_isolate_component, .entry = begin_nothing),
    GROWN(lc_channel_options, discard, use_channel, .capacity = 1),
    GROWN(lc_fiber_options, group, use_fiber, .run = note_run),
    GROWN(lc_log_sink, arg, use_sink, .write = write_nothing),
    GROWN(lc_task_group_options, executor, use_task_group, .limit = 3),
    GROWN(lc_node, stop_timeout, use_node, .name = "own", .run = do_work),
    GROWN(lc_dependency, condition, use_dependency, .name = "other", .restart_along = true),
    GROWN(lc_supervisor_options, on_halt_arg, use_supervisor, .nodes = brief_nodes),
    GROWN(lc_run_options, on_halt_arg, use_run, .factory = make_nothing),
    GROWN(lc_service_options, reload_timeout, use_service, .nodes = brief_nodes),
    GROWN(lc_simulation_options, begin, use_simulation, .seed = 7),
    GROWN(lc_child, stop_timeout, use_child, .name = "own", .run = run_nothing),
    GROWN(lc_child_group, intensity, use_child_group, .children = only_child),
    GROWN(lc_tree_options, intensity, use_tree, .root = &child),
};

static void check_each(void (*check)(const struct grown *grown))
{
    for (size_t i = 0; i < sizeof all_grown / sizeof all_grown[0]; i++) {
        CU_ASSERT_TRUE_FATAL(all_grown[i].size + sizeof(int64_t) <= SIZE_MOST);
        check(&all_grown[i]);
    }
}

static void older_structs(void)
{
    check_each(check_older);
}

static void newer_structs(void)
{
    check_each(check_newer);
}

static void structs_without_size(void)
{
    check_each(check_no_size);
}

CHECK_SUITE(growth, "unit: growth of options",
            {"structs of an older header, with a field fewer", older_structs},
            {"structs of a newer header, with a field more", newer_structs},
            {"structs without a size are refused", structs_without_size});
