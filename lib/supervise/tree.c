/*
 * tree.c: the tree front: what runnables call, and who has the tree. See <lifecycle/tree.h>.
 */
#include "base/clock.h"
#include "base/fork.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/task.h"
#include "context/context.h"
#include "supervise/observe.h"
#include "supervise/policy.h"
#include "supervise/runnable.h"
#include "supervise/snapshot.h"

#include <lifecycle/executor.h>
#include <lifecycle/log.h>

#include <bsd/string.h>
#include <ctype.h>
#include <errno.h>
#include <execinfo.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct lc_tree {
    lc_component component; /* first */
    struct lc__shell shell;
    int64_t settle_grace;
    struct lc__runnable *root; /* NULL: forgotten. In the service */
    bool cancelled_before;     /* it was started. In the service */
};

static lc_tree *of_shell(struct lc__shell *shell)
{
    return (lc_tree *)(void *)((char *)shell - offsetof(lc_tree, shell));
}

static struct lc__runnable *of_engine(struct lc__engine_node *node)
{
    return (struct lc__runnable *)node;
}

/* ---- for runnables ---- */

/* A call of a runnable, on its way into the service. */
struct request {
    struct lc__run *run;
    lc_error *error; /* what is answered */
    bool wrong;      /* a programming error: the caller is to die of it */
    bool foreign;    /* the same, with the context of one that has ended */
    enum lc__run_signal signal;
    struct lc__runnable **children;
    size_t count;
    const char *name;
    const char **log;
};

/*
 * The context belongs to no runnable that runs. The mistake is the caller's, so the error goes to
 * the caller, and not to the runnable whose context was passed.
 */
static LC_NORETURN void die_of_foreign(lc_context *context, lc_error *error)
{
    lc_context *own = lc__worker_context();
    lc_throw(own ? own : context, error);
}

static LC_NORETURN void die_of_no_runnable(lc_context *context)
{
    die_of_foreign(context, lc_error_new(-EINVAL, "a call of the tree with a context that belongs "
                                                  "to no runnable"));
}

/* In the service, first: @return whether the caller runs. */
static bool caller_runs(struct request *request)
{
    if (request->run->of)
        return true;
    request->foreign = true;
    request->error =
        lc_error_new(-EINVAL, "a call of the tree by \"%s\", which has ended", request->run->name);
    return false;
}

/* Carries a request to the service of the tree that the context is of. */
static void ask_tree(lc_context *context, struct request *request,
                     void (*function)(struct lc__shell *shell, void *arg))
{
    request->run = lc__run_of(context);
    if (!request->run)
        die_of_no_runnable(context);
    lc__shell_call(request->run->shell, function, request);
}

/* @return what is answered; or, of a mistake, does not return: the caller then holds nothing. */
static lc_error *answer_of(lc_context *context, const struct request *request)
{
    if (request->foreign)
        die_of_foreign(context, request->error);
    if (request->wrong)
        lc_throw(context, request->error);
    return request->error;
}

static lc_error *call_tree(lc_context *context, struct request *request,
                           void (*function)(struct lc__shell *shell, void *arg))
{
    ask_tree(context, request, function);
    return answer_of(context, request);
}

static void refuse(struct request *request, const char *name)
{
    request->error = lc_error_new(-EEXIST, "\"%s\" has a child or a log called \"%s\" already",
                                  request->run->name, name);
}

/* All of them or, if one is refused, none. */
static void take_in(struct request *request)
{
    size_t taken = 0;
    while (taken < request->count &&
           lc__runnable_take_in(request->run->of, request->children[taken]) == 0)
        taken++;
    if (taken == request->count)
        return;
    refuse(request, request->children[taken]->taken.name);
    while (taken-- > 0)
        lc__runnable_put_out(request->children[taken]);
}

/* In the service, of a caller that may. */
static void add_children(struct lc__shell *shell, struct request *request)
{
    struct lc__run *run = request->run;
    if (shell->engine.ending)
        request->error =
            lc_error_new(-ESHUTDOWN, "the tree is cancelled: \"%s\" starts no children", run->name);
    else if (request->count > LC_TREE_NODES_MAX - shell->engine.count)
        request->error =
            lc_error_new(-ENOSPC, "a tree has at most %d runnables", LC_TREE_NODES_MAX);
    else
        take_in(request);
    if (request->error)
        return;
    for (size_t i = 0; i < request->count; i++)
        lc__engine_add(&shell->engine, &request->children[i]->engine, &run->of->engine, lc_now());
}

static void run_children(struct lc__shell *shell, void *arg)
{
    struct request *request = arg;
    if (!caller_runs(request))
        return;
    if (request->run->signalled != LC__RUN_NEW)
        request->error = lc_error_new(
            -EPERM, "\"%s\" has signalled, and may start no more children", request->run->name);
    else
        add_children(shell, request);
}

static void free_children(struct lc__runnable **children, size_t count)
{
    for (size_t i = 0; i < count; i++)
        lc__runnable_free(children[i]);
    lc__free(children);
}

/* @return how many could be made. */
static size_t make_children(struct lc__run *run, const lc_child_group *options, size_t count,
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

static lc_error *no_memory(const struct lc__run *run)
{
    return lc_error_new(-ENOMEM, "no memory for children of \"%s\"", run->name);
}

lc_error *lc_runnable_start_group(lc_context *context, const lc_child_group *given)
{
    struct request request = {.run = lc__run_of(context)};
    lc_child_group options;
    size_t count;
    lc_error *error = lc__child_group_read(&options, given, &count);
    if (!error && lc__forked())
        error =
            lc_error_new(-ENOTSUP, "no children in a child process forked when there were workers");
    if (error || count == 0 || !request.run)
        return error ? error : call_tree(context, &request, run_children);
    struct lc__child_group *group = lc__child_group_new(&options);
    request.children = lc__allocate_array(count, sizeof *request.children);
    if (group && request.children)
        request.count = make_children(request.run, &options, count, group, request.children);
    lc__child_group_unref(group); /* the children have theirs */
    if (request.count < count)
        request.error = no_memory(request.run);
    else
        ask_tree(context, &request, run_children);
    /* Without an error they are the tree's now. */
    free_children(request.children, request.error ? request.count : 0);
    return answer_of(context, &request);
}

lc_error *lc_runnable_start_child(lc_context *context, const lc_child *child)
{
    const lc_child *const children[] = {child, NULL};
    const lc_child_group group = {.size = sizeof group, .children = children};
    if (!child)
        return lc_error_new(-EINVAL, "lc_runnable_start_child needs a child");
    return lc_runnable_start_group(context, &group);
}

/* ---- children of one description ---- */

struct lc_children {
    atomic_uint refs;
    struct lc__run *run; /* the instance that has described them; held */
    struct lc__child_group *group;
    lc_executor *executor;  /* of the fiber that has; NULL: none */
    struct lc__child child; /* its name is `name` */
    char name[LC_TREE_NAME_MAX + 1];
    atomic_uint_fast64_t started; /* to number those without a name of their own */
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

/* In the service: whether the caller may describe children. */
static void may_describe(struct lc__shell *shell, void *arg)
{
    struct request *request = arg;
    (void)shell;
    if (caller_runs(request) && request->run->signalled != LC__RUN_NEW)
        request->error = lc_error_new(
            -EPERM, "\"%s\" has signalled, and may describe no more children", request->run->name);
}

static lc_children *new_children(struct lc__run *run, const lc_child_group *description,
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
    strlcpy(children->name, child->options.name, sizeof children->name);
    children->child.options.name = children->name;
    return children;
}

static lc_error *read_description(lc_child_group *description, const lc_child_group *given,
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
    struct request request = {.run = NULL};
    lc_child_group description;
    struct lc__child child = {.options = {.name = ""}};
    if (!result)
        return lc_error_new(-EINVAL, "lc_children_new has nowhere to put the children");
    *result = NULL;
    lc_error *error = read_description(&description, given, &child);
    if (error)
        return error;
    error = call_tree(context, &request, may_describe);
    if (error)
        return error;
    *result = new_children(request.run, &description, &child);
    return *result ? NULL : no_memory(request.run);
}

/* In the service: starts one, below an instance that runs and was not told to stop. */
static void start_one(struct lc__shell *shell, void *arg)
{
    struct request *request = arg;
    struct lc__run *run = request->run;
    if (!run->of || run->of->engine.tree.cancelled)
        request->error = lc_error_new(-ESHUTDOWN, "\"%s\" %s, and starts no children", run->name,
                                      run->of ? "was told to stop" : "has ended");
    else
        add_children(shell, request);
}

/* Its name: the given one, or the next that the description gives. */
static const char *name_child(lc_children *children, const char *name, char *next, size_t size)
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
    child.options.name = name_child(children, name, next, sizeof next);
    child.options.arg = arg ? arg : child.options.arg;
    lc_error *error = lc__child_check_name(child.options.name);
    if (error)
        return error;
    struct lc__runnable *made =
        lc__runnable_new(children->run->shell, children->run->name, &child, children->group);
    if (!made)
        return no_memory(children->run);
    if (!made->launch.executor)
        made->launch.executor = children->executor;
    struct request request = {.run = children->run, .children = &made, .count = 1};
    lc__shell_call(children->run->shell, start_one, &request);
    if (request.error)
        lc__runnable_free(made);
    return request.error;
}

/* ---- signals ---- */

static void take_signal(struct lc__shell *shell, void *arg)
{
    struct request *request = arg;
    if (!caller_runs(request))
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
    struct request request = {.signal = LC__RUN_HEALTHY};
    lc_error_unref(call_tree(context, &request, take_signal));
}

void lc_runnable_signal_done(lc_context *context)
{
    struct request request = {.signal = LC__RUN_DONE};
    lc_error_unref(call_tree(context, &request, take_signal));
}

const char *lc_runnable_name(lc_context *context)
{
    const struct lc__run *run = lc__run_of(context);
    if (!run)
        die_of_no_runnable(context);
    return run->name;
}

static void open_log(struct lc__shell *shell, void *arg)
{
    struct request *request = arg;
    (void)shell;
    if (!caller_runs(request))
        return;
    int result = lc__run_open_log(request->run, request->name, request->log);
    if (result == -EEXIST)
        refuse(request, request->name);
    else if (result < 0)
        request->error = lc_error_new(result, "no memory for log \"%s\"", request->name);
}

lc_error *lc_runnable_sublog(lc_context *context, const char *name, const char **log)
{
    struct request request = {.name = name, .log = log};
    lc_error *error = log ? lc__child_check_name(name)
                          : lc_error_new(-EINVAL, "lc_runnable_sublog has nowhere to put the log");
    return error ? error : call_tree(context, &request, open_log);
}

/* ---- what the engine asks for ---- */

/* No more lines of a kind will come of the runnable: says how many were left out. */
static void end_lines(struct lc__runnable *runnable)
{
    char buffer[LC__PATH_SIZE];
    const char *path = lc__shell_path(runnable->shell, runnable->engine.name, buffer);
    lc__log_repeated_end(&runnable->death_lines, LC_LOG_ERROR, path);
    lc__log_repeated_end(&runnable->pause_lines, LC_LOG_NOTICE, path);
    lc__log_repeated_end(&runnable->ready_lines, LC_LOG_NOTICE, path);
    lc__log_repeated_end(&runnable->late_lines, LC_LOG_ERROR, path);
}

static void forget(struct lc__shell *shell, struct lc__runnable *runnable)
{
    lc_tree *tree = of_shell(shell);
    end_lines(runnable);
    if (runnable == tree->root)
        tree->root = NULL;
    if (runnable->engine.tree.over) /* else it goes since its parent is restarted */
        lc__ended_keep(&runnable->parent->ended, runnable->engine.name, &runnable->engine);
    lc__runnable_free(runnable);
}

static void tell_pause(struct lc__runnable *runnable, const char *path)
{
    char next[LC__RESTART_TEXT_SIZE];
    lc__log_repeated(&runnable->pause_lines, LC_LOG_NOTICE, path, NULL, "%s",
                     lc__engine_restart_text(&runnable->engine, next));
}

/* Whether the line is one of a storm, and left out: then nothing is put together for it. */
static bool is_left_out(struct lc__runnable *runnable, enum lc__engine_action_kind kind)
{
    int64_t now = runnable->shell->engine.now;
    if (kind == LC__TELL_DIED)
        return lc__log_repeated_is_left_out(&runnable->death_lines, LC_LOG_ERROR, now);
    if (kind == LC__TELL_LATE)
        return lc__log_repeated_is_left_out(&runnable->late_lines, LC_LOG_ERROR, now);
    if (kind == LC__TELL_READY)
        return lc__log_repeated_is_left_out(&runnable->ready_lines, LC_LOG_NOTICE, now);
    if (kind == LC__TELL_RESTART)
        return lc__log_repeated_is_left_out(&runnable->pause_lines, LC_LOG_NOTICE, now);
    return false;
}

static void tell(struct lc__runnable *runnable, const struct lc__engine_action *action)
{
    if (is_left_out(runnable, action->kind))
        return;
    char buffer[LC__PATH_SIZE], limit[LC__INTENSITY_TEXT_SIZE];
    const char *path = lc__shell_path(runnable->shell, runnable->engine.name, buffer);
    switch (action->kind) {
    case LC__TELL_DIED:
        lc__runnable_tell(runnable, &runnable->death_lines, path, "died", action->error);
        break;
    case LC__TELL_LATE:
        lc__runnable_tell(runnable, &runnable->late_lines, path,
                          "failed while it was being stopped", action->error);
        break;
    case LC__TELL_RESTART:
        tell_pause(runnable, path);
        break;
    case LC__TELL_READY:
        lc__log_repeated(&runnable->ready_lines, LC_LOG_NOTICE, path, NULL,
                         "healthy again after restart %" PRIu64, runnable->engine.instance - 1);
        break;
    case LC__TELL_OVERDUE:
        lc_log(LC_LOG_ERROR, path, "has not ended in time, and blocks its restart");
        break;
    case LC__TELL_EXCEEDED:
        lc_log(LC_LOG_ERROR, path, "too many restarts (%s): %s",
               lc__intensity_text(&runnable->engine.intensity->limit, limit),
               lc_error_message(action->error));
        break;
    default: /* of graphs */
        break;
    }
}

static void act(struct lc__shell *shell, const struct lc__engine_action *action)
{
    struct lc__runnable *runnable = of_engine(action->node);
    switch (action->kind) {
    case LC__START:
        lc__runnable_start(runnable);
        break;
    case LC__CANCEL:
        lc__runnable_cancel(runnable);
        break;
    case LC__FORGET:
        forget(shell, runnable);
        break;
    default:
        tell(runnable, action);
        break;
    }
}

static const char *name_of(struct lc__engine_node *node)
{
    return node->name;
}

/* A pause before a restart is no state of its own, nor is a wait after it: it is dead meanwhile. */
static bool shows(lc_node_state state)
{
    return state != LC_NODE_BACKOFF && state != LC_NODE_WAITING;
}

static void finished(struct lc__shell *shell)
{
    lc_tree *tree = of_shell(shell);
    struct lc__engine_node *top = tree->root ? &tree->root->engine : NULL;
    for (struct lc__engine_node *node = top; node; node = lc__engine_after(top, node)) {
        lc__runnable_let_go(of_engine(node));
        end_lines(of_engine(node));
    }
    if (!shell->engine.ending && !lc_handle_is_closed(&shell->ready))
        lc_log(LC_LOG_WARNING, shell->name, "its root has ended before it was healthy");
    lc__shell_report(shell);
    lc_handle_close(&shell->done);
}

/* Children before their parents, to which they lead. */
static void destroy_shell(struct lc__shell *shell)
{
    lc_tree *tree = of_shell(shell);
    struct lc__engine_node *node = tree->root ? &tree->root->engine : NULL;
    while (node) {
        struct lc__engine_node *child = TAILQ_FIRST(&node->children);
        if (child) {
            node = child;
            continue;
        }
        struct lc__engine_node *parent = node == &tree->root->engine ? NULL : node->parent;
        if (parent)
            TAILQ_REMOVE(&parent->children, node, among_children);
        lc__runnable_free(of_engine(node));
        node = parent;
    }
    lc__shell_end(shell);
    lc__free(tree);
}

static const struct lc__shell_front front = {
    .act = act,
    .name_of = name_of,
    .shows = shows,
    .finished = finished,
    .destroy = destroy_shell,
};

/* ---- starting and ending ---- */

struct start {
    lc_context *above;
    bool is_component;
    lc_error *error;
};

static void start_in_service(struct lc__shell *shell, void *arg)
{
    struct start *start = arg;
    lc_tree *tree = of_shell(shell);
    if (shell->started) {
        start->error = lc_error_new(-EALREADY, "\"%s\" has been run before", shell->name);
        return;
    }
    lc_context *context = lc_context_new(start->above);
    start->error = context ? lc__shell_prepare(shell)
                           : lc_error_new(-ENOMEM, "no memory to run \"%s\"", shell->name);
    if (start->error) {
        lc_context_unref(context);
        return;
    }
    lc__shell_start(shell, start->above, context, start->is_component);
    if (tree->cancelled_before)
        lc__engine_cancel(&shell->engine, NULL, lc_now());
    if (!shell->engine.ending)
        lc__engine_add(&shell->engine, &tree->root->engine, NULL, lc_now());
}

static lc_error *start_under(lc_tree *tree, lc_context *context, bool is_component)
{
    struct start start = {context, is_component, NULL};
    void *frame;
    if (lc__forked())
        return lc_error_new(-ENOTSUP, "\"%s\" cannot run in a child forked when there were workers",
                            tree->shell.name);
    /* The first one loads a library, for which a fiber's stack may be too small. */
    backtrace(&frame, 1);
    lc__shell_call(&tree->shell, start_in_service, &start);
    return start.error;
}

lc_error *lc_tree_start(lc_tree *tree, lc_context *context)
{
    return tree ? start_under(tree, context, false)
                : lc_error_new(-EINVAL, "lc_tree_start needs a tree");
}

static void cancel_in_service(struct lc__shell *shell, void *arg)
{
    (void)arg;
    if (shell->started)
        lc__engine_cancel(&shell->engine, NULL, lc_now());
    else
        of_shell(shell)->cancelled_before = true;
}

void lc_tree_cancel(lc_tree *tree)
{
    if (tree)
        lc__shell_call(&tree->shell, cancel_in_service, NULL);
}

static void list_living(struct lc__shell *shell, void *arg)
{
    lc_tree *tree = of_shell(shell);
    char *names = arg;
    struct lc__engine_node *top = tree->root ? &tree->root->engine : NULL;
    for (struct lc__engine_node *node = top; node; node = lc__engine_after(top, node))
        if (lc__engine_runs(node))
            lc__engine_list_name(names, LC_ERROR_MESSAGE_MAX / 2, node->name);
}

/* What it has ended by; if that is the answer to a stop, what went wrong meanwhile. */
static void take_result(struct lc__shell *shell, void *arg)
{
    lc_error **result = arg;
    const struct lc__engine *engine = &shell->engine;
    bool clean = lc__context_is_clean_end(shell->above, engine->result);
    *result = lc_error_ref(clean ? engine->trouble : engine->result);
}

/* A task that is part of the tree, or now carries out what is to happen in it: a callback's. */
static bool is_caller_awaited(lc_tree *tree)
{
    return lc__shell_serves(&tree->shell) || lc__shell_serves_inside(&tree->shell) ||
           lc__owner_is_in(&tree->shell, lc__worker_context());
}

lc_error *lc_tree_wait(lc_tree *tree, int64_t deadline)
{
    if (!tree)
        return lc_error_new(-EINVAL, "lc_tree_wait needs a tree");
    if (!lc_handle_is_closed(&tree->shell.done) && is_caller_awaited(tree))
        return lc_error_new(-EDEADLK,
                            "\"%s\" is waited for by a task that is part of it, or in a callback "
                            "that it calls, \"%s\"",
                            lc__shell_own_path(&tree->shell), lc_worker_name());
    int result = lc_handle_wait(&tree->shell.done, deadline);
    if (result == 0) {
        lc_error *error = NULL;
        lc__shell_call(&tree->shell, take_result, &error);
        return error;
    }
    char names[LC_ERROR_MESSAGE_MAX / 2] = "";
    lc__shell_call(&tree->shell, list_living, names);
    return lc_error_new(result, "\"%s\" has not ended; what still runs: %s", tree->shell.name,
                        names[0] != '\0' ? names : "nothing");
}

/* ---- settled ---- */

struct look {
    bool settled;
    bool own; /* who asks is one of the runnables */
    const struct lc__task *task;
};

static void look_whether_settled(struct lc__shell *shell, void *arg)
{
    struct look *look = arg;
    lc_tree *tree = of_shell(shell);
    int64_t now = lc_now();
    look->settled = !lc__shell_has_mail(shell);
    struct lc__engine_node *top = tree->root ? &tree->root->engine : NULL;
    for (struct lc__engine_node *node = top; node; node = lc__engine_after(top, node)) {
        struct lc__run *run = of_engine(node)->last;
        if (lc__engine_runs(node) && run &&
            !lc__run_is_settled(run, now, tree->settle_grace, look->task, &look->own))
            look->settled = false;
    }
}

/* How often to look: for what happens in other threads there is no handle. */
#define SETTLE_INTERVAL LC_MILLISECOND

int lc_tree_settle(lc_tree *tree, int64_t deadline)
{
    if (!tree)
        return -EINVAL;
    if (lc__forked())
        return -ENOTSUP;
    for (;;) {
        if (is_caller_awaited(tree))
            return -EDEADLK;
        struct look look = {.task = lc__task_current()};
        lc__shell_call(&tree->shell, look_whether_settled, &look);
        if (look.own)
            return -EDEADLK;
        if (look.settled)
            return 0;
        if (lc_now() >= deadline)
            return -ETIMEDOUT;
        int result = lc_sleep(SETTLE_INTERVAL);
        if (result < 0)
            return result;
    }
}

/* ---- looking ---- */

/* The one before it in an ordered group. */
static const struct lc__engine_node *node_before(const struct lc__engine_node *node)
{
    return node->tree.group->ordered ? TAILQ_PREV(node, lc__engine_members, tree.in_group) : NULL;
}

static const char *waits_for(struct lc__snapshot *snapshot, const struct lc__engine_node *node)
{
    const struct lc__engine_node *before = node_before(node);
    if (node->state == LC_NODE_BACKOFF)
        return lc__snapshot_text(snapshot, "a pause of %.1f s to end",
                                 (double)node->pause / (double)LC_SECOND);
    if (node->tree.cancelled && !lc__engine_runs(node) && node->tree.children_up > 0)
        return lc__snapshot_text(snapshot, "%zu children to end", node->tree.children_up);
    if (node->tree.part != LC__UNIT_NONE && node->life == LC__LIFE_DOWN && node->tree.group->failed)
        return lc__snapshot_text(snapshot, "%zu of its group to end", node->tree.group->awaited);
    if (node->life == LC__LIFE_DOWN && before &&
        (node->tree.part != LC__UNIT_NONE || node->state == LC_NODE_WAITING))
        return lc__snapshot_text(snapshot, "%s to be healthy", before->name);
    if (node->tree.part != LC__UNIT_NONE && node->life == LC__LIFE_DOWN)
        return "the pause of its group to end";
    return lc__engine_runs(node) && node->tree.cancelled ? "its end" : "";
}

/* Of a runnable that is not shown, and has none above it that is. */
#define NOWHERE SIZE_MAX

struct picture {
    bool live_only;
    lc_snapshot *result;
};

static void add_row(struct lc__snapshot *snapshot, struct lc__engine_node *node)
{
    lc_node_status *row = lc__snapshot_add(snapshot, node->name);
    const struct lc__runnable *parent = of_engine(node)->parent;
    row->state = node->state;
    row->since = node->since;
    row->instance = node->instance;
    row->restarts = node->instance > 0 ? node->instance - 1 : 0;
    row->error = lc_error_ref(node->error);
    row->overdue = node->overdue;
    row->waits_for = waits_for(snapshot, node);
    if (parent && parent->index != NOWHERE)
        row->parent = parent->index;
}

static size_t count_rows(struct picture *picture, struct lc__engine_node *top)
{
    size_t count = 0, ended = 0;
    for (struct lc__engine_node *node = top; node; node = lc__engine_after(top, node)) {
        struct lc__runnable *runnable = of_engine(node);
        if (lc__engine_runs(node) || !picture->live_only)
            runnable->index = count++;
        else /* its children are shown where it would be */
            runnable->index = runnable->parent ? runnable->parent->index : NOWHERE;
        ended += picture->live_only ? 0 : lc__ended_count(runnable->ended);
    }
    return count + ended;
}

static void take_snapshot(struct lc__shell *shell, void *arg)
{
    struct picture *picture = arg;
    lc_tree *tree = of_shell(shell);
    struct lc__engine_node *top = tree->root && shell->started ? &tree->root->engine : NULL;
    struct lc__snapshot *snapshot =
        lc__snapshot_new(shell->name, lc_now(), count_rows(picture, top), 0);
    if (!snapshot)
        return;
    for (struct lc__engine_node *node = top; node; node = lc__engine_after(top, node))
        if (lc__engine_runs(node) || !picture->live_only)
            add_row(snapshot, node);
    for (struct lc__engine_node *node = top; node && !picture->live_only;
         node = lc__engine_after(top, node))
        lc__ended_show(of_engine(node)->ended, snapshot, of_engine(node)->index);
    picture->result = lc__snapshot_finish(snapshot);
}

lc_snapshot *lc_tree_snapshot(lc_tree *tree)
{
    struct picture picture = {false, NULL};
    if (tree)
        lc__shell_call(&tree->shell, take_snapshot, &picture);
    return picture.result;
}

lc_snapshot *lc_tree_snapshot_live(lc_tree *tree)
{
    struct picture picture = {true, NULL};
    if (tree)
        lc__shell_call(&tree->shell, take_snapshot, &picture);
    return picture.result;
}

lc_observer *lc_tree_observe(lc_tree *tree, size_t capacity)
{
    return tree ? lc__shell_observe(&tree->shell, capacity) : NULL;
}

/* A snapshot of all, and when those that still run were told to end. */
struct survey {
    struct picture picture;
    int64_t *told; /* of each node: when; 0: it was not told, or the time is not known */
};

static void take_survey(struct lc__shell *shell, void *arg)
{
    struct survey *survey = arg;
    take_snapshot(shell, &survey->picture);
    const lc_snapshot *snapshot = survey->picture.result;
    survey->told = lc__allocate_array(snapshot ? snapshot->count + 1 : 1, sizeof *survey->told);
    const lc_tree *tree = of_shell(shell);
    struct lc__engine_node *top = tree->root ? &tree->root->engine : NULL;
    if (!snapshot || snapshot->count == 0 || !survey->told)
        return;
    for (struct lc__engine_node *node = top; node; node = lc__engine_after(top, node))
        if (lc__engine_runs(node) && node->tree.cancelled)
            survey->told[of_engine(node)->index] = lc__runnable_told_at(of_engine(node));
}

/* Each runnable, by its distinguished name. The tree may lie in a supervisor: see lc__shell_ask. */
static void parts(lc_component *component, lc_part_visitor visit, void *arg)
{
    lc_tree *tree = (lc_tree *)component;
    struct survey survey = {{false, NULL}, NULL};
    if (!lc__shell_ask(&tree->shell, take_survey, &survey))
        return;
    lc_snapshot *snapshot = survey.picture.result;
    for (size_t i = 0; snapshot && i < snapshot->count; i++) {
        lc_part part = lc__snapshot_part(snapshot, i, NULL);
        if (survey.told && survey.told[i] != 0) {
            part.state = LC_NODE_STOPPING;
            part.since = survey.told[i];
            part.waits_for = NULL;
        }
        visit(&part, arg);
    }
    if (!snapshot)
        visit(&lc__part_unknown, arg);
    lc_snapshot_free(snapshot);
    lc__free(survey.told);
}

/* ---- as a component ---- */

static lc_error *start(lc_component *component, lc_context *context)
{
    return start_under((lc_tree *)component, context, true);
}

static lc_handle *ready(lc_component *component)
{
    return lc_tree_ready((lc_tree *)component);
}

static lc_handle *done(lc_component *component)
{
    return lc_tree_done((lc_tree *)component);
}

static void destroy(lc_component *component)
{
    lc_tree_unref((lc_tree *)component);
}

static const char *own_name(lc_component *component)
{
    return ((lc_tree *)component)->shell.name;
}

static const lc_component_ops component_ops = {
    .size = sizeof(lc_component_ops),
    .start = start,
    .ready = ready,
    .done = done,
    .destroy = destroy,
    .flags = LC_START_INLINE,
    .parts = parts,
    .name = own_name,
};

lc_component *lc_tree_component(lc_tree *tree)
{
    return tree ? &tree->component : NULL;
}

lc_handle *lc_tree_ready(lc_tree *tree)
{
    return tree ? &tree->shell.ready : NULL;
}

lc_handle *lc_tree_done(lc_tree *tree)
{
    return tree ? &tree->shell.done : NULL;
}

/* ---- making ---- */

LC__OPTIONS_END(lc_tree_options, intensity);

static lc_error *read_options(lc_tree_options *options, const lc_tree_options *given,
                              struct lc__child *root)
{
    lc_error *error = lc__options_read(options, sizeof *options, given, "lc_tree_options");
    if (!error)
        error = lc__policy_name(&options->name, "tree", "lc_tree_options.name");
    if (error)
        return error;
    if (options->settle_grace == 0)
        options->settle_grace = 50 * LC_MILLISECOND;
    if (options->settle_grace == LC_NONE)
        options->settle_grace = 0;
    if (options->settle_grace < 0)
        return lc_error_new(-EINVAL,
                            "settle_grace of \"%s\" is %lld ns, and must be above 0 or LC_NONE",
                            options->name, (long long)options->settle_grace);
    if (!options->root)
        return lc_error_new(-EINVAL, "root of \"%s\" is missing", options->name);
    error = lc__child_read(root, options->root, "root");
    if (!error && root->options.significant)
        error = lc_error_new(-EINVAL, "significant of \"%s\" is true, and the root has no parent",
                             root->options.name);
    return error ? error : lc__policy_intensity(&options->intensity, root->options.name);
}

static struct lc__runnable *new_root(lc_tree *tree, const lc_tree_options *options,
                                     const struct lc__child *child)
{
    const lc_child_group alone = {.size = sizeof alone, .intensity = options->intensity};
    struct lc__child_group *group = lc__child_group_new(&alone);
    struct lc__runnable *root = group ? lc__runnable_new(&tree->shell, NULL, child, group) : NULL;
    lc__child_group_unref(group); /* the root has its own */
    return root;
}

lc_error *lc_tree_new(const lc_tree_options *given, lc_tree **result)
{
    lc_tree_options options;
    struct lc__child root;
    if (!result)
        return lc_error_new(-EINVAL, "lc_tree_new has nowhere to put the tree");
    *result = NULL;
    lc_error *error = read_options(&options, given, &root);
    if (error)
        return error;
    lc_tree *tree = lc__allocate(sizeof *tree);
    if (tree)
        tree->root = new_root(tree, &options, &root);
    if (!tree || !tree->root) {
        lc__free(tree);
        return lc_error_new(-ENOMEM, "no memory for tree \"%s\"", options.name);
    }
    tree->component.ops = &component_ops;
    tree->settle_grace = options.settle_grace;
    lc__shell_init(&tree->shell, &front, options.name);
    /* Until it is added it has no children, and lists to show that. */
    TAILQ_INIT(&tree->root->engine.children);
    *result = tree;
    return NULL;
}

lc_tree *lc_tree_ref(lc_tree *tree)
{
    if (tree)
        lc__shell_ref(&tree->shell);
    return tree;
}

void lc_tree_unref(lc_tree *tree)
{
    if (tree)
        lc__shell_unref(&tree->shell);
}
