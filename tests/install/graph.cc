// graph.cc: a graph in C++20, with each macro of the headers, simulated.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <lifecycle.h>

namespace
{

struct counts {
    int made = 0, brief = 0, worked = 0, logged = 0, tasks = 0;
    lc_channel *orders = nullptr;
};
counts all;

lc_error *serve(lc_context *context, lc_ready *ready, void *)
{
    all.worked++;
    lc_ready_signal(ready);
    (void)lc_context_sleep(context, LC_FOREVER);
    return nullptr;
}

lc_error *make(void **data, void *)
{
    all.made++;
    *data = std::malloc(1);
    return *data ? nullptr : lc_error_new(-ENOMEM, "no memory");
}

lc_behavior judge(const lc_failure *failure, void *)
{
    return failure->proposed;
}

lc_error *run_child(lc_context *context, void *)
{
    lc_runnable_signal_healthy(context);
    (void)lc_context_sleep(context, LC_FOREVER);
    return nullptr;
}

lc_error *run_root(lc_context *context, void *)
{
    lc_error *error = lc_runnable_start_group(
        context,
        LC_CHILD_GROUP(.children =
                           LC_CHILDREN(LC_CHILD(.name = "cache", .run = run_child, .kind = LC_FIBER,
                                                .restart = LC_TRANSIENT, .significant = true,
                                                .backoff = {.first = LC_SECOND}),
                                       LC_CHILD(.name = "index", .run = run_child)),
                       .strategy = LC_ONE_FOR_ONE, .automatic_shutdown = LC_AUTOMATIC_SHUTDOWN_ANY,
                       .intensity = {.restarts = 3, .period = LC_MINUTE}));
    return error ? error : run_child(context, nullptr);
}

lc_error *count_task(lc_context *, void *arg)
{
    ++*static_cast<int *>(arg);
    return nullptr;
}

lc_error *tasks_run(lc_context *context)
{
    lc_task_group *group = lc_task_group_new(
        LC_TASK_GROUP(.name = "tasks", .context = context, .limit = 4, .kind = LC_FIBER));
    for (int i = 0; i < 3; i++)
        if (lc_task_group_start(group, count_task, &all.tasks) != 0)
            break;
    int result = lc_task_group_wait(group, LC_FOREVER);
    lc_task_group_unref(group);
    return result == 0 && all.tasks == 3 ? nullptr : lc_error_new(-EPROTO, "%d tasks", all.tasks);
}

/* A channel's item goes through a wait for several things. */
lc_error *channels_carry()
{
    void *item = nullptr;
    lc_error *error = lc_channel_new(LC_CHANNEL(.capacity = 2, .discard = std::free), &all.orders);
    if (error)
        return error;
    lc_fiber_start(LC_FIBER_OPTIONS(
            .name = "sender", .run = [](void *) {
                (void)lc_sleep(LC_SECOND);
                (void)lc_channel_send(all.orders, &all, LC_FOREVER);
            }));
    lc_handle *never = lc_handle_new();
    lc_waitable waitables[] = {lc_on_handle(never), lc_on_receive(all.orders)};
    int first = lc_wait_any(waitables, 2, lc_deadline_after(LC_MINUTE));
    (void)lc_channel_receive(all.orders, &item, LC_NOW);
    lc_handle_unref(never);
    lc_channel_unref(all.orders);
    return first == 1 && item == &all ? nullptr : lc_error_new(-EPROTO, "woken by %d", first);
}

/* The fields are given over as they are. */
lc_error *log_carries()
{
    lc_log_set_sink(LC_LOG_SINK(
            .write =
                [](const lc_log_record *record, void *arg) {
                    if (record->field_count == 3 && record->fields[1].number.integer == 42)
                        ++*static_cast<int *>(arg);
                },
            .arg = &all.logged));
    const lc_log_field fields[] = {lc_field_text("path", "/srv"), lc_field_int("lines", 42),
                                   lc_field_duration("took", LC_SECOND)};
    lc_log_fields(LC_LOG_ERROR, "graph", fields, 3, "opened %s", "it");
    lc_log_set_sink(nullptr);
    return all.logged == 1 ? nullptr : lc_error_new(-EPROTO, "logged %d", all.logged);
}

lc_error *ports_carry()
{
    lc_receive_port port = {};
    lc_message *message = nullptr;
    lc_error *error = lc_port_open(LC_PORT(.when_full = LC_FULL_DROP_OLDEST, .limit = 2), &port);
    if (error)
        return error;
    int sent = lc_send(port.send, "hello", sizeof "hello");
    int result = lc_port_receive(port, &message, lc_deadline_after(LC_SECOND));
    bool same = result == 0 &&
                std::strcmp(static_cast<const char *>(lc_message_data(message)), "hello") == 0;
    lc_message_free(message);
    lc_port_close(port);
    return sent == 0 && same ? nullptr : lc_error_new(-EPROTO, "a port gave %d", result);
}

lc_error *is_well(lc_supervisor *supervisor, void *arg)
{
    if (lc_handle_wait(lc_supervisor_ready(supervisor), lc_deadline_after(LC_SECOND)) != 0)
        return lc_error_new(-ETIMEDOUT, "the graph is not ready");
    lc_error *error = arg == &all ? nullptr : lc_error_new(-EPROTO, "the arg is another");
    if (!error)
        error = channels_carry();
    if (!error)
        error = log_carries();
    if (!error)
        error = ports_carry();
    if (!error)
        error = tasks_run(nullptr);
    if (!error && (all.worked != 5 || all.made != 1))
        error = lc_error_new(-EPROTO, "%d worked, %d made", all.worked, all.made);
    return error;
}

/* What runs by hand: a component of a manager, an executor, a group of isolates. */
lc_error *make_component(lc_component **component, void *)
{
    lc_manager *manager = nullptr;
    std::unique_ptr<lc_manager_builder, decltype(&lc_manager_builder_free)> builder(
        lc_manager_builder_new("by hand"), lc_manager_builder_free);
    lc_manager_builder_add(builder.get(), LC_WORKER(
                                                  .name = "brief",
                                                  .run =
                                                      [](lc_context *, lc_ready *ready, void *arg) {
                                                          lc_ready_signal(ready);
                                                          ++*static_cast<int *>(arg);
                                                          return static_cast<lc_error *>(nullptr);
                                                      },
                                                  .arg = &all.brief));
    lc_error *error = lc_manager_builder_build(builder.get(), &manager);
    *component = error ? nullptr : lc_manager_component(manager);
    return error;
}

lc_error *runs_by_hand()
{
    lc_executor *executor = nullptr;
    lc_isolate_group *group = nullptr;
    lc_error *error = lc_executor_new(LC_EXECUTOR(.name = "own", .threads = 1), &executor);
    lc_executor_free(executor);
    if (!error)
        error = lc_isolate_group_new(LC_ISOLATE_GROUP(.name = "own", .threads = 1), &group);
    lc_isolate_group_unref(group);
    if (lc_send_port_is_set(LC_NO_PORT) || !lc_capability_equal(LC_NO_CAPABILITY, LC_NO_CAPABILITY))
        return lc_error_new(-EPROTO, "no port is one, or no capability another");
    return error ? error
                 : lc_component_run(LC_RUN(.name = "run", .factory = make_component), nullptr,
                                    nullptr);
}

} // namespace

LC_ISOLATE_PROGRAM(program,
                   [](int, char **, lc_message *) { return static_cast<lc_error *>(nullptr); });

int main()
{
    lc_error *error = runs_by_hand();
    if (error || all.brief != 1 || lc_library_shutdown() != 0)
        return 2;
    return lc_simulate_main(LC_SIMULATION(
            .seed = 3, .delay_one_in = 5, .seeds = 2,
            .nodes = LC_NODES(
                LC_NODE(.name = "journal", .run = serve, .make = make, .free = std::free),
                LC_NODE(.name = "store",
                        .workers = LC_WORKERS({.name = "commit", .run = serve},
                                              {.name = "compact", .run = serve, .kind = LC_FIBER}),
                        .on_error = LC_STOP, .judge = judge, .needs = {"journal"},
                        .intensity = {.restarts = 5, .period = LC_MINUTE, .exceeded = LC_SHUTDOWN},
                        .backoff = {.first = LC_NONE, .jitter = LC_NONE}),
                LC_NODE(.name = "tree",
                        .tree = LC_TREE(.name = "tree", .root = LC_CHILD(.run = run_root)),
                        .dependencies = LC_DEPENDENCIES(
                            LC_DEPENDENCY(.name = "journal", .condition = LC_WHEN_STARTED),
                            LC_DEPENDENCY(.name = "store", .restart_along = true))),
                LC_NODE(.name = "isolate",
                        .isolate = LC_ISOLATE(
                                .name = "one",
                                .entry = [](void *) { return static_cast<lc_error *>(nullptr); })),
                LC_NODE(.name = "inner",
                        .nodes = LC_NODES(
                            LC_NODE(.name = "a", .run = serve),
                            LC_NODE(.name = "deeper",
                                    .nodes = LC_NODES(LC_NODE(.name = "b", .run = serve)))))),
            .supervisor = LC_SUPERVISOR(.name = "graph", .keep_running = true), .test = is_well,
            .arg = &all, .begin = [](void *) { all = counts(); }));
}
