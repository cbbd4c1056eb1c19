/*
 * supervisor.c: the graph front: nodes by name, the run, the supervisor as a component. See
 * <lifecycle/supervisor.h>.
 */
#include "base/fork.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/task.h"
#include "component/awaited.h"
#include "context/context.h"
#include "context/owner.h"
#include "context/worker.h"
#include "supervise/again.h"
#include "supervise/given_up.h"
#include "supervise/late.h"
#include "supervise/node_instance.h"
#include "supervise/node_judge.h"
#include "supervise/observe.h"
#include "supervise/policy.h"
#include "supervise/snapshot.h"

#include <lifecycle/log.h>

#include <bsd/string.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

RB_HEAD(names, lc__node);

struct lc_supervisor {
    lc_component component; /* first */
    struct lc__shell shell;
    bool handle_signals;
    lc_halt_mode halt;
    void (*on_halt)(const lc_error *error, void *arg);
    void *on_halt_arg;
    /* In the service. */
    struct names names;
    size_t needed_count;
    bool is_component; /* its error goes to the signaler above */
};

static int compare_names(const struct lc__node *one, const struct lc__node *other)
{
    return strcmp(one->name, other->name);
}

RB_GENERATE_INTERNAL(names, lc__node, by_name, compare_names, static __attribute__((unused)))

static lc_supervisor *of_shell(struct lc__shell *shell)
{
    return (lc_supervisor *)(void *)((char *)shell - offsetof(lc_supervisor, shell));
}

static struct lc__node *of_engine(struct lc__engine_node *node)
{
    return (struct lc__node *)node;
}

static struct lc__node *find(lc_supervisor *supervisor, const char *name)
{
    struct lc__node key;
    strlcpy(key.name, name, sizeof key.name);
    return RB_FIND(names, &supervisor->names, &key);
}

/* ---- is it a graph that can be run? ---- */

static lc_error *look_up(lc_supervisor *supervisor, struct lc__node *node)
{
    for (size_t i = 0; i < node->needed_count; i++) {
        struct lc__needed *needed = &node->needed[i];
        needed->node = find(supervisor, needed->name);
        if (!needed->node || needed->node->engine.graph.leaving)
            return lc_error_new(-ENOENT,
                                "node \"%s\" depends on \"%s\", which is not a node of \"%s\"",
                                node->name, needed->name, supervisor->shell.name);
        if (needed->edge.condition == LC_WHEN_COMPLETED &&
            needed->node->engine.policy.restart == LC_PERMANENT)
            return lc_error_new(
                -EINVAL,
                "node \"%s\" waits for \"%s\" to complete, which never does, "
                "since it is permanent: LC_TRANSIENT or LC_TEMPORARY would be right",
                node->name, needed->name);
    }
    return NULL;
}

/* `from` needs `to`, from which the search came to it: by `via`, backwards. */
static lc_error *cycle(const struct lc__node *from, const struct lc__node *to)
{
    char path[LC_ERROR_MESSAGE_MAX / 2];
    char piece[LC_NAME_MAX + 5];
    size_t end = sizeof path - 1;
    path[end] = '\0';
    snprintf(piece, sizeof piece, " -> %s", to->name);
    for (const struct lc__node *node = from;; node = node->via) {
        size_t length = strlen(piece);
        if (length + 8 > end) { /* a long one: its beginning will do */
            memcpy(path + (end -= 4), "... ", 4);
            break;
        }
        memcpy(path + (end -= length), piece, length);
        if (node == to)
            break;
        snprintf(piece, sizeof piece, " -> %s", node->name);
    }
    return lc_error_new(-ELOOP, "the dependencies go round in a circle: %s%s", to->name,
                        path + end);
}

enum { UNSEEN, BEGUN, SEEN };

/* A dependency of the node that has not been looked at yet; NULL: there is none left. */
static struct lc__node *next_needed(struct lc__node *node)
{
    while (node->at < node->needed_count) {
        struct lc__node *next = node->needed[node->at++].node;
        if (next->colour != SEEN)
            return next;
    }
    return NULL;
}

/* Depth first from one node, without recursion: `via` leads back, `at` tells how far each is. */
static lc_error *search_cycle(struct lc__node *start)
{
    start->via = NULL;
    start->colour = BEGUN;
    for (struct lc__node *node = start; node;) {
        struct lc__node *next = next_needed(node);
        if (!next) {
            node->colour = SEEN;
            node = node->via;
        } else if (next->colour == BEGUN) {
            return cycle(node, next);
        } else {
            next->via = node;
            next->colour = BEGUN;
            node = next;
        }
    }
    return NULL;
}

static lc_error *check_graph(lc_supervisor *supervisor)
{
    struct lc__node *node;
    lc_error *error = NULL;
    RB_FOREACH (node, names, &supervisor->names) {
        node->colour = UNSEEN;
        node->at = 0;
        error = error ? error : look_up(supervisor, node);
    }
    RB_FOREACH (node, names, &supervisor->names)
        if (!error && node->colour == UNSEEN)
            error = search_cycle(node);
    return error;
}

static void link_node(struct lc__node *node)
{
    for (size_t i = 0; i < node->needed_count; i++)
        lc__engine_link(&node->needed[i].edge, &node->engine, &node->needed[i].node->engine);
}

/* What the program may not do in a child that was forked when there were workers. */
static lc_error *check_forked(const lc_supervisor *supervisor)
{
    if (!lc__forked())
        return NULL;
    return lc_error_new(-ENOTSUP,
                        "\"%s\" can be neither run nor changed in a child forked when there were "
                        "workers",
                        supervisor->shell.name);
}

struct answer {
    lc_error *error;
};

static void check_in_service(struct lc__shell *shell, void *arg)
{
    struct answer *answer = arg;
    if (!shell->started)
        answer->error = check_graph(of_shell(shell));
}

lc_error *lc_supervisor_check(lc_supervisor *supervisor)
{
    struct answer answer = {NULL};
    if (!supervisor)
        return lc_error_new(-EINVAL, "lc_supervisor_check needs a supervisor");
    answer.error = check_forked(supervisor);
    if (!answer.error)
        lc__shell_call(&supervisor->shell, check_in_service, &answer);
    return answer.error;
}

/* ---- what the engine asks for ---- */

static void tell_unable(const struct lc__node *node, const char *path)
{
    const struct lc__engine_node *because = node->engine.graph.because;
    bool done = because->state == LC_NODE_DONE;
    lc_log(LC_LOG_ERROR, path, "will not start, since \"%s\", on which it depends, %s%s%s",
           because->name, done ? "has ended without having been ready" : "has stopped for good",
           because->error && !done ? ": " : "",
           because->error && !done ? lc_error_message(because->error) : "");
}

static void tell_restart(struct lc__node *node, const char *path)
{
    char life[LC__LIFE_TEXT_SIZE], next[LC__RESTART_TEXT_SIZE];
    lc__log_repeated(&node->restart_lines, LC_LOG_ERROR, path, NULL, "failed after %s: %s; %s",
                     lc__engine_life_text(&node->engine, life),
                     lc_error_message(node->engine.error),
                     lc__engine_restart_text(&node->engine, next));
}

static void tell_ended(struct lc__node *node, const char *path)
{
    char next[LC__RESTART_TEXT_SIZE];
    if (lc__engine_is_settled(&node->engine))
        lc_log(LC_LOG_INFO, path, "has ended without an error");
    else
        lc__log_repeated(&node->restart_lines, LC_LOG_INFO, path, NULL,
                         "has ended without an error; %s, since it is permanent",
                         lc__engine_restart_text(&node->engine, next));
}

static void tell_ready(struct lc__node *node, const char *path)
{
    lc__log_repeated(&node->ready_lines, LC_LOG_NOTICE, path, NULL,
                     "ready again after restart %" PRIu64, node->engine.instance - 1);
}

static void tell_stopped(const struct lc__node *node, const char *path)
{
    char life[LC__LIFE_TEXT_SIZE];
    lc_log(LC_LOG_ERROR, path, "failed after %s: %s; %s", lc__engine_life_text(&node->engine, life),
           lc_error_message(node->engine.error), lc_behavior_name(node->engine.graph.decided));
}

static void tell_overdue(const struct lc__node *node, const char *path)
{
    const char *awaited = node->awaited;
    lc_log(LC_LOG_ERROR, path, "has not stopped in time, and is not waited for any longer%s%s",
           awaited ? "; what still runs: " : "", awaited ? awaited : "");
}

/* No more lines of a kind will come of the node: says how many were left out. */
static void end_lines(struct lc__node *node)
{
    char buffer[LC__PATH_SIZE];
    const char *path = lc__shell_path(node->shell, node->name, buffer);
    lc__log_repeated_end(&node->restart_lines, LC_LOG_ERROR, path);
    lc__log_repeated_end(&node->ready_lines, LC_LOG_NOTICE, path);
    lc__log_repeated_end(&node->late_lines, LC_LOG_ERROR, path);
}

static void forget(struct lc__node *node)
{
    lc_supervisor *supervisor = of_shell(node->shell);
    lc_handle *gone = node->gone;
    node->gone = NULL;
    supervisor->needed_count -= node->needed_count;
    RB_REMOVE(names, &supervisor->names, node);
    if (!node->engine.graph.leaving && lc__engine_is_settled(&node->engine))
        lc__ended_keep(&supervisor->shell.ended, node->name, &node->engine);
    end_lines(node);
    lc__node_free(node);
    lc_handle_close(gone);
    lc_handle_unref(gone);
}

/* Whether the line is one of a storm, and left out: then nothing is put together for it. */
static bool is_left_out(struct lc__node *node, enum lc__engine_action_kind kind)
{
    int64_t now = node->shell->engine.now;
    if (kind == LC__TELL_LATE)
        return lc__log_repeated_is_left_out(&node->late_lines, LC_LOG_ERROR, now);
    if (kind == LC__TELL_RESTART)
        return lc__log_repeated_is_left_out(&node->restart_lines, LC_LOG_ERROR, now);
    if (kind == LC__TELL_READY)
        return lc__log_repeated_is_left_out(&node->ready_lines, LC_LOG_NOTICE, now);
    if (kind == LC__TELL_ENDED && !lc__engine_is_settled(&node->engine))
        return lc__log_repeated_is_left_out(&node->restart_lines, LC_LOG_INFO, now);
    return false;
}

static void tell(struct lc__node *node, const struct lc__engine_action *action)
{
    if (is_left_out(node, action->kind))
        return;
    char buffer[LC__PATH_SIZE], limit[LC__INTENSITY_TEXT_SIZE];
    const char *path = lc__shell_path(node->shell, node->name, buffer);
    const char *message = lc_error_message(action->error);
    switch (action->kind) {
    case LC__TELL_LATE:
        lc__log_repeated(&node->late_lines, LC_LOG_ERROR, path, NULL,
                         "failed while it was being stopped: %s", message);
        break;
    case LC__TELL_REFUSED:
        lc_log(LC_LOG_ERROR, path, "could not be made: %s; %s", message,
               lc_behavior_name(node->engine.graph.decided));
        break;
    case LC__TELL_OVERDUE:
        tell_overdue(node, path);
        break;
    case LC__TELL_UNABLE:
        tell_unable(node, path);
        break;
    case LC__TELL_EXCEEDED:
        lc_log(LC_LOG_ERROR, path, "too many restarts (%s): %s%s%s",
               lc__intensity_text(&node->intensity.limit, limit),
               lc_behavior_name(node->intensity.limit.exceeded), action->error ? ": " : "",
               action->error ? message : "");
        break;
    case LC__TELL_RESTART:
        tell_restart(node, path);
        break;
    case LC__TELL_STOPPED:
        tell_stopped(node, path);
        break;
    case LC__TELL_READY:
        tell_ready(node, path);
        break;
    case LC__TELL_STATE:
        lc_log(LC_LOG_INFO, path, "%s", lc_node_state_name(node->engine.state));
        break;
    case LC__TELL_ENDED:
        tell_ended(node, path);
        break;
    default: /* LC__TELL_DIED: of trees */
        break;
    }
}

static void act(struct lc__shell *shell, const struct lc__engine_action *action)
{
    struct lc__node *node = of_engine(action->node);
    (void)shell;
    switch (action->kind) {
    case LC__START:
        lc__node_start(node);
        break;
    case LC__CANCEL:
        lc__node_cancel(node);
        break;
    case LC__ASK:
        lc__node_ask(node);
        break;
    case LC__FORGET:
        forget(node);
        break;
    case LC__TELL_OVER:
        lc_handle_close(node->over);
        break;
    default:
        tell(node, action);
        break;
    }
}

static const char *name_of(struct lc__engine_node *node)
{
    return node->name;
}

static bool shows(lc_node_state state)
{
    (void)state;
    return true;
}

static void finished(struct lc__shell *shell)
{
    lc_supervisor *supervisor = of_shell(shell);
    struct lc__node *node;
    RB_FOREACH (node, names, &supervisor->names) {
        end_lines(node);
        lc_handle_close(node->over);
    }
    if (supervisor->is_component)
        lc__shell_report(shell);
    lc_handle_close(&shell->done);
}

static void destroy_shell(struct lc__shell *shell)
{
    lc_supervisor *supervisor = of_shell(shell);
    struct lc__node *node, *next;
    RB_FOREACH_SAFE (node, names, &supervisor->names, next) {
        RB_REMOVE(names, &supervisor->names, node);
        lc__node_free(node);
    }
    lc__shell_end(shell);
    lc__free(supervisor);
}

static const struct lc__shell_front front = {
    .act = act,
    .ready_when_good = true,
    .name_of = name_of,
    .shows = shows,
    .look_ahead = lc__late_look,
    .finished = finished,
    .destroy = destroy_shell,
};

/* ---- starting ---- */

/* Its value is the supervisor whose nodes run below the context. */
static const char supervisor_key;

static lc_context *make_context(lc_supervisor *supervisor, lc_context *above)
{
    lc_context *apart = lc__context_apart(above);
    lc_context *context =
        apart ? lc_context_with_value(apart, &supervisor_key, supervisor, NULL) : NULL;
    lc_context_unref(apart);
    return context;
}

struct start {
    lc_context *above;
    bool is_component;
    lc_error *error;
};

static void start_in_service(struct lc__shell *shell, void *arg)
{
    struct start *start = arg;
    lc_supervisor *supervisor = of_shell(shell);
    if (shell->started) {
        start->error = lc_error_new(-EALREADY, "\"%s\" has been run before", shell->name);
        return;
    }
    start->error = check_graph(supervisor);
    if (start->error)
        return;
    lc_context *context = make_context(supervisor, start->above);
    start->error = context ? lc__shell_prepare(shell)
                           : lc_error_new(-ENOMEM, "no memory to run \"%s\"", shell->name);
    if (start->error) {
        lc_context_unref(context);
        return;
    }
    struct lc__node *node;
    RB_FOREACH (node, names, &supervisor->names)
        link_node(node);
    supervisor->is_component = start->is_component;
    lc__shell_start(shell, start->above, context, start->is_component);
    lc__engine_start(&shell->engine, lc_now());
}

static lc_error *start_under(lc_supervisor *supervisor, lc_context *above, bool is_component)
{
    struct start start = {above, is_component, check_forked(supervisor)};
    if (!start.error)
        lc__shell_call(&supervisor->shell, start_in_service, &start);
    return start.error;
}

/* ---- running ---- */

static void see_whether_halting(struct lc__shell *shell, void *arg)
{
    *(bool *)arg = shell->engine.halting;
}

/* The first signal cancels the run; the cause tells which. Later ones are answered. */
static void take_signal(lc_supervisor *supervisor, lc_context *context, int number,
                        unsigned *signals)
{
    if (++*signals == 1 && !lc_context_error(context)) {
        lc_context_cancel(context, lc_error_new(-EINTR, "received SIG%s", sigabbrev_np(number)));
        return;
    }
    char remaining[LC__REMAINING_SIZE];
    bool halting = false;
    lc__shell_call(&supervisor->shell, see_whether_halting, &halting);
    lc__awaited_of(&supervisor->component, LC__AWAITED_DONE, remaining, sizeof remaining);
    lc__signalled_again(lc__shell_own_path(&supervisor->shell), number, halting ? 0 : *signals,
                        remaining);
}

/* SIGINT and SIGTERM cancel the run. */
static void await_done(lc_supervisor *supervisor, lc_context *context, lc_process_signals *signals)
{
    unsigned taken = 0;
    enum { DONE, SIGNALS };
    lc_waitable waitables[] = {
        [DONE] = lc_on_handle(&supervisor->shell.done), [SIGNALS] = lc_on_signals(signals)};
    int index;
    while ((index = lc_wait_any(waitables, signals ? 2 : 1, LC_FOREVER)) != DONE) {
        int number = index == SIGNALS ? lc_process_signals_next(signals, LC_NOW) : 0;
        if (number > 0)
            take_signal(supervisor, context, number, &taken);
        else if (index < 0) /* better to end than to run on deaf */
            lc_context_cancel(context, lc_error_new_errno(-index, "\"%s\" cannot wait for signals",
                                                          supervisor->shell.name));
        if (index < 0)
            signals = NULL;
    }
}

static lc_error *run_under(lc_supervisor *supervisor, lc_context *context,
                           lc_process_signals *signals, lc_behavior *behavior)
{
    lc_error *error = start_under(supervisor, context, false);
    if (error)
        return error;
    await_done(supervisor, context, signals);
    error = lc_supervisor_result(supervisor, behavior);
    if (*behavior == LC_SPIN_HALT && supervisor->halt == LC_HALT_WAIT)
        lc_spin_halt(error, supervisor->on_halt, supervisor->on_halt_arg);
    return error;
}

lc_error *lc_supervisor_run(lc_supervisor *supervisor, lc_context *context, lc_behavior *behavior)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    lc_behavior answer = LC_STOP;
    lc_process_signals *signals = NULL;
    lc_context *own = NULL;
    lc_error *error = NULL;
    if (behavior)
        *behavior = LC_STOP;
    if (!supervisor)
        return lc_error_new(-EINVAL, "lc_supervisor_run needs a supervisor");
    if (supervisor->handle_signals) {
        error = lc_process_signals_new(numbers, 2, &signals);
        own = lc_context_new(context);
        if (error)
            error = lc_error_wrap(error, lc_error_code(error), "\"%s\" cannot handle signals",
                                  supervisor->shell.name);
        else if (!own)
            error = lc_error_new(-ENOMEM, "no memory to run \"%s\"", supervisor->shell.name);
    }
    lc__task_shield(); /* what runs is not left alone */
    if (!error)
        error = run_under(supervisor, own ? own : context, signals, &answer);
    lc__task_unshield();
    lc_context_unref(own);
    lc_process_signals_free(signals);
    if (behavior)
        *behavior = answer;
    return error;
}

lc_error *lc_supervisor_result(lc_supervisor *supervisor, lc_behavior *behavior)
{
    if (behavior)
        *behavior = LC_STOP;
    if (!supervisor || !lc_handle_is_closed(&supervisor->shell.done))
        return NULL;
    const struct lc__engine *engine = &supervisor->shell.engine;
    if (behavior)
        *behavior = engine->behavior;
    return lc_error_ref(engine->result);
}

/* ---- as a component ---- */

static lc_error *start(lc_component *component, lc_context *context)
{
    return start_under((lc_supervisor *)component, context, true);
}

static lc_handle *ready(lc_component *component)
{
    return lc_supervisor_ready((lc_supervisor *)component);
}

static lc_handle *done(lc_component *component)
{
    return lc_supervisor_done((lc_supervisor *)component);
}

static void destroy(lc_component *component)
{
    lc_supervisor_unref((lc_supervisor *)component);
}

static const char *own_name(lc_component *component)
{
    return ((lc_supervisor *)component)->shell.name;
}

static void parts(lc_component *component, lc_part_visitor visit, void *arg);

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

lc_component *lc_supervisor_component(lc_supervisor *supervisor)
{
    return supervisor ? &supervisor->component : NULL;
}

lc_handle *lc_supervisor_ready(lc_supervisor *supervisor)
{
    return supervisor ? &supervisor->shell.ready : NULL;
}

lc_handle *lc_supervisor_done(lc_supervisor *supervisor)
{
    return supervisor ? &supervisor->shell.done : NULL;
}

/* ---- adding and removing ---- */

struct addition {
    struct lc__node *node;
    lc_error *error;
};

static lc_error *may_add(lc_supervisor *supervisor, struct lc__node *node)
{
    const struct lc__engine *engine = &supervisor->shell.engine;
    if (find(supervisor, node->name))
        return lc_error_new(-EEXIST, "\"%s\" has a node called \"%s\" already",
                            supervisor->shell.name, node->name);
    if (engine->ending || engine->finished)
        return lc_error_new(-ESHUTDOWN, "\"%s\" is being stopped, or has: node \"%s\" is refused",
                            supervisor->shell.name, node->name);
    if (engine->count >= LC_SUPERVISOR_NODES_MAX ||
        supervisor->needed_count + node->needed_count > LC_SUPERVISOR_NODES_MAX)
        return lc_error_new(-ENOSPC, "\"%s\" has %d nodes or dependencies already",
                            supervisor->shell.name, LC_SUPERVISOR_NODES_MAX);
    return supervisor->shell.started ? look_up(supervisor, node) : NULL;
}

static void add_in_service(struct lc__shell *shell, void *arg)
{
    struct addition *addition = arg;
    lc_supervisor *supervisor = of_shell(shell);
    struct lc__node *node = addition->node;
    addition->error = may_add(supervisor, node);
    if (addition->error)
        return;
    supervisor->needed_count += node->needed_count;
    RB_INSERT(names, &supervisor->names, node);
    lc__ended_drop(shell->ended, node->name);
    lc__engine_add(&shell->engine, &node->engine, NULL, lc_now());
    if (!shell->started)
        return;
    link_node(node);
    lc__engine_begin(&shell->engine, &node->engine, lc_now());
}

/* Checked here: it would be at its start, but a mistake is to be found when the node is given. */
static lc_error *supervisor_nest(lc_component **component, const char *name,
                                 const lc_node *const *nodes)
{
    lc_supervisor *supervisor = NULL;
    lc_error *error = lc_supervisor_new(LC_SUPERVISOR(.name = name, .nodes = nodes), &supervisor);
    if (!error)
        error = lc_supervisor_check(supervisor);
    if (error) {
        lc_supervisor_unref(supervisor);
        return error;
    }
    *component = lc_supervisor_component(supervisor);
    return NULL;
}

lc_error *lc_supervisor_add(lc_supervisor *supervisor, const lc_node *options)
{
    struct addition addition = {NULL, NULL};
    lc_error *error = supervisor ? check_forked(supervisor)
                                 : lc_error_new(-EINVAL, "lc_supervisor_add needs a supervisor");
    if (!error)
        error = lc__node_new(&supervisor->shell, options, supervisor_nest, &addition.node);
    if (error)
        return error;
    lc__shell_call(&supervisor->shell, add_in_service, &addition);
    if (addition.error)
        lc__node_free(addition.node);
    return addition.error;
}

static bool is_node_name(const char *name)
{
    return name && *name != '\0' && strnlen(name, LC_NAME_MAX + 1) <= LC_NAME_MAX;
}

struct removal {
    const char *name;
    const lc_context *context; /* that the caller works under; NULL: none */
    lc_handle *gone;           /* given to the caller */
    struct lc__owner *owner;   /* the node's, held; NULL: it has not run */
    lc_error *error;
};

static lc_error *may_remove(lc_supervisor *supervisor, const struct lc__node *node,
                            const char *name)
{
    if (!node)
        return lc_error_new(-ENOENT, "\"%s\" has no node called \"%s\"", supervisor->shell.name,
                            name);
    const struct lc__engine_edge *edge = LIST_FIRST(&node->engine.graph.dependants);
    if (edge)
        return lc_error_new(-EBUSY, "node \"%s\" cannot be removed, since \"%s\" depends on it",
                            name, edge->dependant->name);
    return NULL;
}

static void remove_in_service(struct lc__shell *shell, void *arg)
{
    struct removal *removal = arg;
    lc_supervisor *supervisor = of_shell(shell);
    struct lc__node *node = find(supervisor, removal->name);
    removal->error = may_remove(supervisor, node, removal->name);
    if (removal->error)
        return;
    removal->owner = lc__owner_ref(node->owner);
    if (!shell->started) {
        lc__engine_drop(&shell->engine, &node->engine);
        forget(node);
        return;
    }
    if (!node->gone)
        node->gone = lc_handle_new();
    removal->gone = lc_handle_ref(node->gone);
    if (!removal->gone)
        removal->error = lc_error_new(-ENOMEM, "no memory to remove \"%s\"", removal->name);
    else if (!node->engine.graph.leaving)
        lc__engine_remove(&shell->engine, &node->engine, lc_now());
}

/*
 * Within the service, or that of a part of the node, in a callback, say, and as a part of the node,
 * the caller would wait for what only goes on after it.
 */
static int await_gone(lc_supervisor *supervisor, const struct removal *removal, int64_t deadline)
{
    if (lc_handle_is_closed(removal->gone))
        return 0;
    if (lc__shell_serves(&supervisor->shell) || lc__shell_serves_part_of(removal->owner) ||
        lc__owner_owns(removal->owner, removal->context))
        return -EDEADLK;
    return lc_handle_wait(removal->gone, deadline);
}

static lc_error *still_stops(const struct removal *removal, int result)
{
    if (result == -EDEADLK)
        return lc_error_new(
            result,
            "node \"%s\" is being removed, but the caller cannot wait for that: the "
            "node's end waits for the caller",
            removal->name);
    return lc_error_new_errno(-result, "node \"%s\" is still stopping", removal->name);
}

lc_error *lc_supervisor_remove(lc_supervisor *supervisor, const char *name, int64_t deadline)
{
    if (!supervisor || !is_node_name(name))
        return lc_error_new(-EINVAL,
                            "lc_supervisor_remove needs a supervisor, and a name of 1 to %d bytes",
                            LC_NAME_MAX);
    struct removal removal = {
        .name = name, .context = lc__worker_context(), .error = check_forked(supervisor)};
    if (!removal.error)
        lc__shell_call(&supervisor->shell, remove_in_service, &removal);
    if (removal.gone) {
        lc__task_shield();
        int result = await_gone(supervisor, &removal, deadline);
        lc__task_unshield();
        if (result < 0)
            removal.error = still_stops(&removal, result);
    }
    lc_handle_unref(removal.gone);
    lc__owner_unref(removal.owner);
    return removal.error;
}

/* ---- looking ---- */

/* The unmet dependencies of a node that waits for them. */
static const char *unmet(struct lc__snapshot *snapshot, const struct lc__node *node)
{
    static const char *const conditions[] = {"ready", "started", "completed"};
    char text[256] = "";
    for (size_t i = 0; i < node->needed_count; i++) {
        const struct lc__engine_edge *edge = &node->needed[i].edge;
        char piece[LC_NAME_MAX + 16];
        if (edge->level == LC__EDGE_MET)
            continue;
        snprintf(piece, sizeof piece, "%s (%s)", node->needed[i].name, conditions[edge->condition]);
        lc__engine_list_name(text, sizeof text, piece);
    }
    return lc__snapshot_text(snapshot, "%s", text);
}

static const char *waits_for(struct lc__snapshot *snapshot, const struct lc__node *node)
{
    const struct lc__engine_node *engine = &node->engine;
    if (engine->state == LC_NODE_WAITING && engine->graph.unmet > 0)
        return unmet(snapshot, node);
    if (engine->graph.blockers > 0 &&
        (engine->state == LC_NODE_WAITING ||
         (engine->life == LC__LIFE_RUNNING && engine->graph.order != LC__ORDER_NONE)))
        return lc__snapshot_text(snapshot, "%zu dependant%s to stop", engine->graph.blockers,
                                 engine->graph.blockers == 1 ? "" : "s");
    if (engine->state == LC_NODE_BACKOFF)
        return lc__snapshot_text(snapshot, "a pause of %.1f s to end",
                                 (double)engine->pause / (double)LC_SECOND);
    return engine->state == LC_NODE_JUDGED ? "its judge" : "";
}

static void add_row(lc_supervisor *supervisor, struct lc__snapshot *snapshot,
                    const struct lc__node *node)
{
    const struct lc__engine_node *engine = &node->engine;
    lc_node_status *row = lc__snapshot_add(snapshot, node->name);
    row->state = engine->state;
    row->since = engine->since;
    row->instance = engine->instance;
    row->restarts = engine->instance > 0 ? engine->instance - 1 : 0;
    row->error = lc_error_ref(engine->error);
    row->overdue = engine->overdue;
    row->waits_for = waits_for(snapshot, node);
    for (size_t i = 0; i < node->needed_count; i++) {
        const struct lc__needed *needed = &node->needed[i];
        const struct lc__node *dependency = find(supervisor, needed->name);
        if (dependency)
            lc__snapshot_link(snapshot, dependency->index, (lc_condition)needed->edge.condition,
                              needed->edge.along, needed->edge.level == LC__EDGE_MET);
    }
}

/* A snapshot in the making, and the component of each row, held: NULL for none. */
struct survey {
    struct lc__snapshot *snapshot;   /* NULL: no memory */
    struct lc__node_instance **held; /* NULL: no memory */
};

static void take_survey(struct lc__shell *shell, void *arg)
{
    lc_supervisor *supervisor = of_shell(shell);
    struct survey *survey = arg;
    struct lc__engine_node *node;
    size_t index = 0;
    size_t rows = shell->engine.count + lc__ended_count(shell->ended);
    survey->held = lc__allocate_array(rows + 1, sizeof *survey->held);
    survey->snapshot = lc__snapshot_new(shell->name, lc_now(), rows, supervisor->needed_count);
    if (!survey->snapshot)
        return;
    TAILQ_FOREACH (node, &shell->engine.root.children, among_children) {
        if (survey->held)
            survey->held[index] = lc__node_hold(of_engine(node));
        of_engine(node)->index = index++;
    }
    TAILQ_FOREACH (node, &shell->engine.root.children, among_children)
        add_row(supervisor, survey->snapshot, of_engine(node));
    lc__ended_show(shell->ended, survey->snapshot, SIZE_MAX);
}

lc_snapshot *lc_supervisor_snapshot(lc_supervisor *supervisor)
{
    struct survey survey = {NULL, NULL};
    if (!supervisor)
        return NULL;
    lc__shell_call(&supervisor->shell, take_survey, &survey);
    size_t count = survey.snapshot ? lc__snapshot_shown(survey.snapshot)->count : 0;
    for (size_t i = 0; survey.held && i < count; i++) {
        if (survey.held[i])
            lc__snapshot_nest(survey.snapshot, i, lc__node_instance_component(survey.held[i]));
        lc__node_instance_release(survey.held[i]);
    }
    lc__free(survey.held);
    return survey.snapshot ? lc__snapshot_finish(survey.snapshot) : NULL;
}

struct inquiry {
    const char *name;
    lc_node_status *status; /* NULL: the handle is asked for */
    lc_handle *over;        /* given to the caller */
    int result;
};

static void look_at_node(struct lc__shell *shell, void *arg)
{
    struct inquiry *inquiry = arg;
    const struct lc__node *node = find(of_shell(shell), inquiry->name);
    if (!node)
        return;
    const struct lc__engine_node *engine = &node->engine;
    inquiry->result = 0;
    *inquiry->status = (lc_node_status){
        .name = inquiry->name,
        .state = engine->state,
        .since = engine->since,
        .instance = engine->instance,
        .restarts = engine->instance > 0 ? engine->instance - 1 : 0,
        .waits_for = "",
        .overdue = engine->overdue,
    };
}

int lc_supervisor_node(lc_supervisor *supervisor, const char *name, lc_node_status *status)
{
    struct inquiry inquiry = {.name = name, .status = status, .result = -ENOENT};
    if (!supervisor || !name || !status)
        return -EINVAL;
    if (is_node_name(name))
        lc__shell_call(&supervisor->shell, look_at_node, &inquiry);
    return inquiry.result;
}

/* From here on the engine says when the node will not run again. */
static void watch_for_end(struct lc__shell *shell, void *arg)
{
    struct inquiry *inquiry = arg;
    struct lc__node *node = find(of_shell(shell), inquiry->name);
    bool is_over = !node || lc__engine_is_settled(&node->engine) || shell->engine.finished;
    if (is_over) {
        inquiry->over = lc_handle_new_closed();
        return;
    }
    if (!node->over)
        node->over = lc_handle_new();
    node->engine.graph.tells_end = node->over != NULL;
    inquiry->over = lc_handle_ref(node->over);
}

lc_handle *lc_supervisor_node_over(lc_supervisor *supervisor, const char *name)
{
    struct inquiry inquiry = {.name = name};
    if (!supervisor || !is_node_name(name))
        return lc_handle_new_closed();
    lc__shell_call(&supervisor->shell, watch_for_end, &inquiry);
    return inquiry.over;
}

lc_supervisor *lc_context_supervisor(const lc_context *context)
{
    return context ? lc_context_value(context, &supervisor_key) : NULL;
}

/* Each node, with what is below it. The supervisor may lie in another: see lc__shell_ask. */
static void parts(lc_component *component, lc_part_visitor visit, void *arg)
{
    lc_supervisor *supervisor = (lc_supervisor *)component;
    struct survey survey = {NULL, NULL};
    if (!lc__shell_ask(&supervisor->shell, take_survey, &survey))
        return;
    size_t count = survey.snapshot ? lc__snapshot_shown(survey.snapshot)->count : 0;
    lc_snapshot *snapshot = survey.snapshot ? lc__snapshot_finish(survey.snapshot) : NULL;
    for (size_t i = 0; i < count; i++) {
        struct lc__node_instance *held = survey.held ? survey.held[i] : NULL;
        lc_component *below = held ? lc__node_instance_component(held) : NULL;
        if (snapshot) {
            const lc_part part = lc__snapshot_part(snapshot, i, below);
            visit(&part, arg);
        }
        lc__node_instance_release(held);
    }
    if (!snapshot)
        visit(&lc__part_unknown, arg);
    lc_snapshot_free(snapshot);
    lc__free(survey.held);
}

struct list {
    char *text;
    size_t size;
};

static void list_given_up(struct lc__shell *shell, void *arg)
{
    struct list *list = arg;
    lc__engine_list_given_up(&shell->engine, list->text, list->size);
}

void lc__supervisor_given_up(lc_supervisor *supervisor, char *text, size_t size)
{
    struct list list = {text, size};
    lc__shell_call(&supervisor->shell, list_given_up, &list);
}

lc_observer *lc_supervisor_observe(lc_supervisor *supervisor, size_t capacity)
{
    return supervisor ? lc__shell_observe(&supervisor->shell, capacity) : NULL;
}

/* ---- making ---- */

LC__OPTIONS_END(lc_supervisor_options, on_halt_arg);

static lc_error *read_options(lc_supervisor_options *options, const lc_supervisor_options *given)
{
    lc_error *error = lc__options_read(options, sizeof *options, given, "lc_supervisor_options");
    if (!error)
        error = lc__policy_name(&options->name, "supervisor", "lc_supervisor_options.name");
    if (!error)
        error = lc__policy_timeout(&options->stop_timeout, "stop_timeout", options->name);
    if (!error && options->halt != LC_HALT_WAIT && options->halt != LC_HALT_RETURN)
        error = lc_error_new(-EINVAL, "halt of \"%s\" is %d, not one of LC_HALT_...", options->name,
                             (int)options->halt);
    return error;
}

static void set_options(lc_supervisor *supervisor, const lc_supervisor_options *options)
{
    supervisor->handle_signals = options->handle_signals;
    supervisor->halt = options->halt;
    supervisor->on_halt = options->on_halt;
    supervisor->on_halt_arg = options->on_halt_arg;
    supervisor->shell.engine.tells_states = options->log_states;
    supervisor->shell.engine.keep_running = options->keep_running;
    supervisor->shell.engine.stop_timeout = options->stop_timeout;
}

lc_error *lc_supervisor_new(const lc_supervisor_options *given, lc_supervisor **result)
{
    lc_supervisor_options options;
    if (!result)
        return lc_error_new(-EINVAL, "lc_supervisor_new has nowhere to put the supervisor");
    *result = NULL;
    lc_error *error = read_options(&options, given);
    if (error)
        return error;
    lc_supervisor *supervisor = lc__allocate(sizeof *supervisor);
    if (!supervisor)
        return lc_error_new(-ENOMEM, "no memory for supervisor \"%s\"", options.name);
    supervisor->component.ops = &component_ops;
    RB_INIT(&supervisor->names);
    lc__shell_init(&supervisor->shell, &front, options.name);
    supervisor->shell.engine.awaited = lc__late_awaited;
    set_options(supervisor, &options);
    for (size_t i = 0; options.nodes && options.nodes[i] && !error; i++)
        error = lc_supervisor_add(supervisor, options.nodes[i]);
    if (!error)
        *result = supervisor;
    else
        lc_supervisor_unref(supervisor);
    return error;
}

lc_supervisor *lc_supervisor_ref(lc_supervisor *supervisor)
{
    if (supervisor)
        lc__shell_ref(&supervisor->shell);
    return supervisor;
}

void lc_supervisor_unref(lc_supervisor *supervisor)
{
    if (supervisor)
        lc__shell_unref(&supervisor->shell);
}
