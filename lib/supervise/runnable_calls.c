/*
 * runnable_calls.c: what runnables call. See <lifecycle/tree.h>.
 */
#include "base/fork.h"
#include "base/memory.h"
#include "supervise/request.h"

#include <lifecycle/executor.h>

#include <errno.h>

static void request_run_children(struct lc__shell *shell, void *arg)
{
    struct lc__request *request = arg;
    if (!lc__request_caller_runs(request))
        return;
    if (request->run->signalled != LC__RUN_NEW)
        request->error = lc_error_new(
            -EPERM, "\"%s\" has signalled, and may start no more children", request->run->name);
    else
        lc__request_add_children(shell, request);
}

static void children_free(struct lc__runnable **children, size_t count)
{
    for (size_t i = 0; i < count; i++)
        lc__runnable_free(children[i]);
    lc__free(children);
}

/* @return how many were made; fewer than `count`: no memory. */
static size_t children_make(struct lc__run *run, const lc_child_group *options, size_t count,
                            struct lc__child_group *group, struct lc__runnable **children)
{
    size_t made = 0;
    while (made < count) {
        struct lc__child read;
        lc_error *error = lc__child_read(&read, options->children[made], NULL);
        struct lc__runnable *child =
            error ? NULL : lc__runnable_new(run->shell, run->name, &read, group);
        lc_error_unref(error);
        if (!child)
            break;
        if (!child->launch.executor && lc_is_fiber())
            child->launch.executor = lc_executor_current();
        children[made++] = child;
    }
    return made;
}

lc_error *lc_runnable_start_group(lc_context *context, const lc_child_group *given)
{
    struct lc__request request = {.run = lc__run_of(context)};
    lc_child_group options;
    size_t count;
    lc_error *error = lc__child_group_read(&options, given, &count);
    if (!error && lc__forked())
        error =
            lc_error_new(-ENOTSUP, "no children in a child process forked when there were workers");
    if (error || count == 0 || !request.run)
        return error ? error : lc__request_call(context, &request, request_run_children);
    struct lc__child_group *group = lc__child_group_new(&options);
    request.children = lc__allocate_array(count, sizeof *request.children);
    if (group && request.children)
        request.count = children_make(request.run, &options, count, group, request.children);
    lc__child_group_unref(group); /* each child holds it */
    if (request.count < count)
        request.error = lc__request_no_memory(request.run);
    else
        lc__request_ask(context, &request, request_run_children);
    /* Without an error the tree has them. */
    children_free(request.children, request.error ? request.count : 0);
    return lc__request_answer(context, &request);
}

lc_error *lc_runnable_start_child(lc_context *context, const lc_child *child)
{
    const lc_child *const children[] = {child, NULL};
    const lc_child_group group = {.size = sizeof group, .children = children};
    if (!child)
        return lc_error_new(-EINVAL, "lc_runnable_start_child needs a child");
    return lc_runnable_start_group(context, &group);
}

/* ---- signals ---- */

static void request_signal(struct lc__shell *shell, void *arg)
{
    struct lc__request *request = arg;
    if (!lc__request_caller_runs(request))
        return;
    struct lc__run *run = request->run;
    struct lc__runnable *runnable = run->of;
    bool healthy = request->signal == LC__RUN_HEALTHY;
    request->wrong = run->signalled != (healthy ? LC__RUN_NEW : LC__RUN_HEALTHY);
    if (request->wrong) {
        request->error =
            lc_error_new(-EPROTO, "\"%s\" signals %s out of order", run->name,
                         healthy ? "healthy, which it has before" : "done, when it is not healthy");
        return;
    }
    run->signalled = request->signal;
    if (!healthy) {
        lc__engine_said_done(&shell->engine, &runnable->engine, lc_now());
        return;
    }
    lc__engine_ready(&shell->engine, &runnable->engine, run->number, lc_now());
    if (!runnable->parent)
        lc_handle_close(&shell->ready);
}

void lc_runnable_signal_healthy(lc_context *context)
{
    struct lc__request request = {.signal = LC__RUN_HEALTHY};
    lc_error_unref(lc__request_call(context, &request, request_signal));
}

void lc_runnable_signal_done(lc_context *context)
{
    struct lc__request request = {.signal = LC__RUN_DONE};
    lc_error_unref(lc__request_call(context, &request, request_signal));
}

const char *lc_runnable_name(lc_context *context)
{
    const struct lc__run *run = lc__run_of(context);
    if (!run)
        lc__request_die_of_no_runnable(context);
    return run->name;
}

static void request_open_log(struct lc__shell *shell, void *arg)
{
    struct lc__request *request = arg;
    (void)shell;
    if (!lc__request_caller_runs(request))
        return;
    int result = lc__run_open_log(request->run, request->name, request->log);
    if (result == -EEXIST)
        lc__request_refuse(request, request->name);
    else if (result < 0)
        request->error = lc_error_new(result, "no memory for log \"%s\"", request->name);
}

lc_error *lc_runnable_sublog(lc_context *context, const char *name, const char **log)
{
    struct lc__request request = {.name = name, .log = log};
    lc_error *error = log ? lc__child_check_name(name)
                          : lc_error_new(-EINVAL, "lc_runnable_sublog has nowhere to put the log");
    return error ? error : lc__request_call(context, &request, request_open_log);
}
