// zeroed.cc: C++17 has no designators. Structs are zeroed there, and filled in step by step.
#include <cerrno>

#include <lifecycle.h>

static lc_error *serve(lc_context *context, lc_ready *ready, void *arg)
{
    ++*static_cast<int *>(arg);
    lc_ready_signal(ready);
    (void)lc_context_sleep(context, LC_FOREVER);
    return nullptr;
}

static lc_error *is_served(lc_supervisor *supervisor, void *arg)
{
    if (lc_handle_wait(lc_supervisor_ready(supervisor), lc_deadline_after(LC_SECOND)) != 0)
        return lc_error_new(-ETIMEDOUT, "not ready");
    int served = *static_cast<int *>(arg);
    return served == 3 ? nullptr : lc_error_new(-EPROTO, "%d workers, not 3", served);
}

int main()
{
    int served = 0;

    lc_node first{};
    first.size = sizeof first;
    first.name = "first";
    first.run = serve;
    first.arg = &served;
    first.backoff.first = LC_NONE;

    lc_worker workers[4]{};
    workers[0].size = sizeof workers[0];
    workers[1].name = "one";
    workers[1].run = serve;
    workers[2].name = "another";
    workers[2].run = serve;
    workers[3].size = LC_LIST_END;
    lc_dependency needed{};
    needed.size = sizeof needed;
    needed.name = "first";
    needed.restart_along = true;
    const lc_dependency *const dependencies[] = {&needed, nullptr};
    lc_node second{};
    second.size = sizeof second;
    second.name = "second";
    second.workers = workers;
    second.arg = &served;
    second.dependencies = dependencies;

    const lc_node *const nodes[] = {&first, &second, nullptr};
    lc_simulation_options options{};
    options.size = sizeof options;
    options.seed = 7;
    options.nodes = nodes;
    options.test = is_served;
    options.arg = &served;
    return lc_simulate_main(&options);
}
