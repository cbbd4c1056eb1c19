/*
 * children.c: children of one description. See <lifecycle/tree.h>.
 */
#include "base/fork.h"
#include "base/memory.h"
#include "base/name.h"
#include "supervise/request.h"

#include <lifecycle/executor.h>

#include <errno.h>
#include <stdio.h>

struct lc_children {
    atomic_uint refs;
    struct lc__run *run; /* that has described them; held */
    struct lc__child_group *group;
    lc_executor *executor;  /* of the fiber that has described them; NULL: a thread has */
    struct lc__child child; /* its name is `name` */
    char name[LC_TREE_NAME_MAX + 1];
    atomic_uint_fast64_t started; /* numbers the children without a name of their own */
};

lc_children *lc_children_ref(lc_children *children)
{
    if (children)
        atomic_fetch_add_explicit(&children->refs, 1, memory_order_relaxed);
    return children;
}

void lc_children_unref(lc_children *children)
{
    if (!children || !lc__refs_drop(&children->refs))
        return;
    lc__run_unref(children->run);
    lc__child_group_unref(children->group);
    lc__free(children);
}

static void request_describe(struct lc__shell *shell, void *arg)
{
    struct lc__request *request = arg;
    (void)shell;
    if (lc__request_caller_runs(request) && request->run->signalled != LC__RUN_NEW)
        request->error = lc_error_new(
            -EPERM, "\"%s\" has signalled, and may describe no more children", request->run->name);
}

static lc_children *description_new(struct lc__run *run, const lc_child_group *description,
                                    const struct lc__child *child)
{
    lc_children *children = lc__allocate(sizeof *children);
    struct lc__child_group *group = children ? lc__child_group_new(description) : NULL;
    if (!group) {
        lc__free(children);
        return NULL;
    }
    atomic_init(&children->refs, 1);
    atomic_init(&children->started, 0);
    children->run = lc__run_ref(run);
    children->group = group;
    children->executor = lc_is_fiber() ? lc_executor_current() : NULL;
    children->child = *child;
    lc__name_copy(children->name, child->options.name);
    children->child.options.name = children->name;
    return children;
}

static lc_error *description_read(lc_child_group *description, const lc_child_group *given,
                                  struct lc__child *child)
{
    size_t count;
    lc_error *error = lc__child_group_read(description, given, &count);
    if (error)
        return error;
    if (count != 1)
        return lc_error_new(-EINVAL, "the description has %zu children, and must have 1", count);
    if (description->strategy != LC_ONE_FOR_ONE)
        return lc_error_new(-EINVAL,
                            "strategy of the description is %d, and must be LC_ONE_FOR_ONE",
                            (int)description->strategy);
    return lc__child_read(child, description->children[0], NULL);
}

lc_error *lc_children_new(lc_context *context, const lc_child_group *given, lc_children **result)
{
    struct lc__request request = {.run = NULL};
    lc_child_group description;
    struct lc__child child = {.options = {.name = ""}};
    if (!result)
        return lc_error_new(-EINVAL, "lc_children_new has nowhere to put the children");
    *result = NULL;
    lc_error *error = description_read(&description, given, &child);
    if (error)
        return error;
    error = lc__request_call(context, &request, request_describe);
    if (error)
        return error;
    *result = description_new(request.run, &description, &child);
    return *result ? NULL : lc__request_no_memory(request.run);
}

/* Starts one child, below a run that has not ended and was not told to stop. */
static void request_start_one(struct lc__shell *shell, void *arg)
{
    struct lc__request *request = arg;
    struct lc__run *run = request->run;
    if (!run->of || run->of->engine.tree.cancelled)
        request->error = lc_error_new(-ESHUTDOWN, "\"%s\" %s, and starts no children", run->name,
                                      run->of ? "was told to stop" : "has ended");
    else
        lc__request_add_children(shell, request);
}

/* The given name, or the next one of the description. */
static const char *children_name(lc_children *children, const char *name, char *next, size_t size)
{
    if (name)
        return name;
    uint64_t number = atomic_fetch_add_explicit(&children->started, 1, memory_order_relaxed) + 1;
    snprintf(next, size, "%s-%llu", children->name, (unsigned long long)number);
    return next;
}

lc_error *lc_children_start(lc_children *children, const char *name, void *arg)
{
    char next[LC_TREE_NAME_MAX + 24];
    if (!children)
        return lc_error_new(-EINVAL, "lc_children_start needs children");
    if (lc__forked())
        return lc_error_new(-ENOTSUP,
                            "no children in a child process forked when there were workers");
    struct lc__child child = children->child;
    child.options.name = children_name(children, name, next, sizeof next);
    child.options.arg = arg ? arg : child.options.arg;
    lc_error *error = lc__child_check_name(child.options.name);
    if (error)
        return error;
    struct lc__runnable *made =
        lc__runnable_new(children->run->shell, children->run->name, &child, children->group);
    if (!made)
        return lc__request_no_memory(children->run);
    if (!made->launch.executor)
        made->launch.executor = children->executor;
    struct lc__request request = {.run = children->run, .children = &made, .count = 1};
    lc__shell_call(children->run->shell, request_start_one, &request);
    if (request.error)
        lc__runnable_free(made);
    return request.error;
}
