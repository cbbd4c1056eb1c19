/*
 * request.c: see request.h.
 */
#include "supervise/request.h"

#include "context/worker.h"

#include <errno.h>

/* The caller made the mistake and dies of it, and not the run that the context belongs to. */
static LC_NORETURN void request_throw_foreign(lc_context *context, lc_error *error)
{
    lc_context *own = lc__worker_context();
    lc_throw(own ? own : context, error);
}

LC_NORETURN void lc__request_die_of_no_runnable(lc_context *context)
{
    request_throw_foreign(context,
                          lc_error_new(-EINVAL, "a call of the tree with a context that belongs "
                                                "to no runnable"));
}

bool lc__request_caller_runs(struct lc__request *request)
{
    LC__ASSERT(lc__shell_serves(request->run->shell));
    if (request->run->of)
        return true;
    request->foreign = true;
    request->error =
        lc_error_new(-EINVAL, "a call of the tree by \"%s\", which has ended", request->run->name);
    return false;
}

void lc__request_ask(lc_context *context, struct lc__request *request,
                     void (*function)(struct lc__shell *shell, void *arg))
{
    request->run = lc__run_of(context);
    if (!request->run)
        lc__request_die_of_no_runnable(context);
    lc__shell_call(request->run->shell, function, request);
}

lc_error *lc__request_answer(lc_context *context, const struct lc__request *request)
{
    if (request->foreign)
        request_throw_foreign(context, request->error);
    if (request->wrong)
        lc_throw(context, request->error);
    return request->error;
}

lc_error *lc__request_call(lc_context *context, struct lc__request *request,
                           void (*function)(struct lc__shell *shell, void *arg))
{
    lc__request_ask(context, request, function);
    return lc__request_answer(context, request);
}

void lc__request_refuse(struct lc__request *request, const char *name)
{
    request->error = lc_error_new(-EEXIST, "\"%s\" has a child or a log called \"%s\" already",
                                  request->run->name, name);
}

static void request_take_in(struct lc__request *request)
{
    size_t taken = 0;
    while (taken < request->count &&
           lc__runnable_take_in(request->run->of, request->children[taken]) == 0)
        taken++;
    if (taken == request->count)
        return;
    lc__request_refuse(request, request->children[taken]->taken.name);
    while (taken-- > 0)
        lc__runnable_put_out(request->children[taken]);
}

void lc__request_add_children(struct lc__shell *shell, struct lc__request *request)
{
    struct lc__run *run = request->run;
    LC__ASSERT(lc__shell_serves(shell) && run->of);
    if (shell->engine.ending)
        request->error =
            lc_error_new(-ESHUTDOWN, "the tree is cancelled: \"%s\" starts no children", run->name);
    else if (request->count > LC_TREE_NODES_MAX - shell->engine.count)
        request->error =
            lc_error_new(-ENOSPC, "a tree has at most %d runnables", LC_TREE_NODES_MAX);
    else
        request_take_in(request);
    if (request->error)
        return;
    for (size_t i = 0; i < request->count; i++)
        lc__engine_add(&shell->engine, &request->children[i]->engine, &run->of->engine, lc_now());
}

lc_error *lc__request_no_memory(const struct lc__run *run)
{
    return lc_error_new(-ENOMEM, "no memory for children of \"%s\"", run->name);
}
