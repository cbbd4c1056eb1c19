/*
 * runnable.c: see runnable.h.
 */
#include "supervise/runnable.h"

#include "base/backtrace.h"
#include "base/memory.h"
#include "base/task.h"
#include "context/context.h"
#include "context/signaler.h"
#include "executor/park.h"
#include "executor/thread.h"
#include "supervise/instance.h"
#include "supervise/policy.h"

#include <lifecycle/log.h>

#include <bsd/string.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The name of a log that a run has opened. */
struct lc__sublog {
    struct lc__sublog *next;
    struct lc__taken taken;
    char full[]; /* root.a.name; the last part is taken */
};

static int taken_compare(const struct lc__taken *one, const struct lc__taken *other)
{
    return strcmp(one->name, other->name);
}

RB_GENERATE_INTERNAL(lc__taken_names, lc__taken, link, taken_compare,
                     static __attribute__((unused)))

/* ---- names ---- */

static char *name_join(const char *parent, const char *name)
{
    size_t size = strlen(parent) + 1 + strlen(name) + 1;
    char *joined = lc__allocate(size);
    if (joined)
        snprintf(joined, size, "%s.%s", parent, name);
    return joined;
}

static int runnable_take_name(struct lc__runnable *runnable, struct lc__taken *taken)
{
    return RB_INSERT(lc__taken_names, &runnable->names, taken) ? -EEXIST : 0;
}

int lc__runnable_take_in(struct lc__runnable *parent, struct lc__runnable *child)
{
    LC__ASSERT(lc__shell_serves(parent->shell) && !child->parent);
    int taken = runnable_take_name(parent, &child->taken);
    if (taken < 0)
        return taken;
    child->parent = parent;
    lc__ended_drop(parent->ended, child->engine.name);
    return 0;
}

void lc__runnable_put_out(struct lc__runnable *child)
{
    RB_REMOVE(lc__taken_names, &child->parent->names, &child->taken);
    child->parent = NULL;
}

static void run_free_logs(struct lc__run *run)
{
    for (struct lc__sublog *log; (log = run->logs);) {
        run->logs = log->next;
        lc__free(log);
    }
}

/* Others may take the names from here on. The logs stay as long as the run. */
static void runnable_give_up_logs(struct lc__runnable *runnable)
{
    for (struct lc__sublog *log = runnable->last->logs; log; log = log->next)
        RB_REMOVE(lc__taken_names, &runnable->names, &log->taken);
}

int lc__run_open_log(struct lc__run *run, const char *name, const char **result)
{
    size_t parent = strlen(run->name);
    LC__ASSERT(lc__shell_serves(run->shell) && run->of);
    size_t size = parent + 1 + strlen(name) + 1;
    struct lc__sublog *log = lc__allocate(sizeof *log + size);
    if (!log)
        return -ENOMEM;
    snprintf(log->full, size, "%s.%s", run->name, name);
    log->taken.name = log->full + parent + 1;
    int taken = runnable_take_name(run->of, &log->taken);
    if (taken < 0) {
        lc__free(log);
        return taken;
    }
    log->next = run->logs;
    run->logs = log;
    *result = log->full;
    return 0;
}

/* ---- references ---- */

/* Takes the error over, for which the log is the only end. */
static void run_log_unhandled(const struct lc__run *run, lc_error *error)
{
    lc_log(LC_LOG_ERROR, run->owner.path, "unhandled error: %s", lc_error_message(error));
    lc_error_unref(error);
}

void lc__run_unref(struct lc__run *run)
{
    if (!run || !lc__refs_drop(&run->refs))
        return;
    struct lc__shell *shell = run->shell;
    lc_error *late = atomic_load_explicit(&run->thrown, memory_order_acquire);
    if (late) /* another task threw it while the end of the run was applied */
        run_log_unhandled(run, late);
    run_free_logs(run);
    free(run->backtrace);
    lc_error_unref(run->returned);
    lc__free(run);
    lc__shell_unref(shell);
}

static void run_released(void *arg)
{
    lc__run_unref(arg);
}

struct lc__run *lc__run_ref(struct lc__run *run)
{
    atomic_fetch_add_explicit(&run->refs, 1, memory_order_relaxed);
    return run;
}

struct lc__run *lc__run_of(const lc_context *context)
{
    struct lc__owner *owner;
    do
        owner = lc__owner_next(&context);
    while (owner && !owner->is_runnable); /* the owner is a node, which a runnable may supervise */
    return (struct lc__run *)owner;
}

/* ---- throws ---- */

/* Called once, on the stack of the task that throws. The run dies of the error when it ends. */
static void run_relay_error(void *arg, lc_error *error)
{
    struct lc__run *run = arg;
    LC__ASSERT(!run->backtrace);
    run->backtrace = lc__backtrace(" < ");
    run->threw_clean = lc__context_is_clean_end(run->context, error);
    /* Release, with run_how_ended(): a task that finds the error finds the backtrace. */
    atomic_store_explicit(&run->thrown, error, memory_order_release);
    lc_context_cancel(run->context, lc_error_ref(error));
}

/* ---- from the start to the end ---- */

static void run_set_task(struct lc__run *run, struct lc__task *task)
{
    lc__spinlock_lock(&run->lock);
    run->task = task;
    lc__spinlock_unlock(&run->lock);
}

static lc_error *run_work(void *arg)
{
    struct lc__run *run = arg;
    run_set_task(run, lc__task_current());
    run->returned = run->of->run(run->context, run->of->arg);
    return NULL;
}

static void run_work_ended(void *arg)
{
    struct lc__run *run = arg;
    run_set_task(run, NULL);
    lc__worker_finishing();
    lc__shell_post(run->shell, &run->ended);
}

static const char *run_state_name(const struct lc__run *run)
{
    static const char *const names[] = {"NEW", "HEALTHY", "DONE"};
    return names[run->signalled];
}

/* How the run has ended. @return the error that it has ended by, taken over by the caller. */
static lc_error *run_how_ended(struct lc__run *run, enum lc__engine_end_kind *how)
{
    lc_error *returned = run->returned;
    run->returned = NULL;
    lc_error *thrown = atomic_exchange_explicit(&run->thrown, NULL, memory_order_acq_rel);
    bool clean = lc__context_is_clean_end(run->context, returned);
    *how = LC__ENDED_FAILED;
    if (thrown) {
        run->died_of_throw = true;
        *how = run->threw_clean ? LC__ENDED_CANCELED : LC__ENDED_FAILED;
        /* What the run returned after the throw is the answer to it, or another error. */
        if (returned && !clean)
            run_log_unhandled(run, returned);
        else
            lc_error_unref(returned);
        return thrown;
    }
    bool said_done = !returned && run->signalled == LC__RUN_DONE;
    if (clean && !said_done)
        *how = LC__ENDED_CANCELED;
    else if (said_done || (!returned && run->may_return))
        *how = LC__ENDED_DONE;
    else if (!returned)
        return lc_error_new(-ECHILD, "returned when %s", run_state_name(run));
    return returned;
}

/*
 * The program may have cancelled the context of a run above this one. The engine then learns which
 * runnable is the topmost that was cancelled, so that it starts nothing below it.
 */
static void runnable_look_above(struct lc__runnable *runnable)
{
    struct lc__runnable *top = NULL;
    for (struct lc__runnable *above = runnable->parent;
         above && !above->engine.tree.cancelled && lc_context_error(above->last->context);
         above = above->parent)
        top = above;
    if (top)
        lc__engine_cancelled(&runnable->shell->engine, &top->engine, lc_now());
}

static void event_run_ended_apply(struct lc__shell *shell, struct lc__shell_event *event)
{
    struct lc__run *run = LC__CONTAINER_OF(event, struct lc__run, ended);
    struct lc__runnable *runnable = run->of;
    enum lc__engine_end_kind how;
    LC__ASSERT(runnable->last == run && !run->task);
    /* What is thrown from now on is only logged. */
    lc__signaler_seal(lc__context_signaler(run->context));
    lc_error *error = run_how_ended(run, &how);
    run->of = NULL;
    runnable_look_above(runnable);
    lc__engine_ended(&shell->engine, &runnable->engine, run->number, how, error, lc_now());
    lc__run_unref(run);
}

/* The context by which the run is told to end, on which it throws, and by which it is found. */
static lc_context *run_new_context(struct lc__run *run, lc_context *above)
{
    const struct lc__relay relay = {run_relay_error, run_released, lc__run_ref(run), false};
    return lc__instance_context(above, &relay, lc__run_ref(run), run_released);
}

static struct lc__run *run_new(struct lc__runnable *runnable, lc_context *above)
{
    const char *name = runnable->engine.name;
    const char *above_all = lc__shell_own_path(runnable->shell);
    size_t name_at = strlen(above_all) + 1;
    size_t size = name_at + strlen(name) + 1;
    struct lc__run *run = lc__allocate(sizeof *run + size);
    if (!run)
        return NULL;
    run->owner =
        (struct lc__owner){.whole = runnable->shell, .is_runnable = true, .path = run->path};
    atomic_init(&run->refs, 1);
    run->shell = lc__shell_ref(runnable->shell);
    run->of = runnable;
    run->number = runnable->engine.instance;
    run->may_return = runnable->engine.policy.restart != LC_PERMANENT;
    run->ended.apply = event_run_ended_apply;
    /* Not snprintf(), which would be a large part of the cost of a start. */
    memcpy(run->path, above_all, name_at - 1);
    run->path[name_at - 1] = '/';
    run->name = memcpy(run->path + name_at, name, size - name_at);
    run->context = run_new_context(run, above);
    if (run->context)
        return run;
    lc__run_unref(run);
    return NULL;
}

/* The context holds the run, so it goes first. */
static void run_let_go(struct lc__run *run)
{
    lc_context_unref(run->context);
    lc__run_unref(run);
}

void lc__runnable_let_go(struct lc__runnable *runnable)
{
    if (!runnable->last)
        return;
    LC__ASSERT(!runnable->last->of);
    lc_context_cancel(runnable->last->context, NULL);
    runnable_give_up_logs(runnable);
    run_let_go(runnable->last);
    runnable->last = NULL;
}

static void runnable_start_failed(struct lc__runnable *runnable, int code)
{
    lc_error *error =
        lc__launch_error(runnable->engine.name, code, ++runnable->starts_without_task);
    runnable->engine.lacked_task = true;
    lc__engine_ended(&runnable->shell->engine, &runnable->engine, runnable->engine.instance,
                     LC__ENDED_FAILED, error, lc_now());
}

void lc__runnable_start(struct lc__runnable *runnable)
{
    LC__ASSERT(lc__shell_serves(runnable->shell));
    LC__ASSERT(!runnable->last || !runnable->last->of); /* one run at a time */
    lc_context *above =
        runnable->parent ? runnable->parent->last->context : runnable->shell->context;
    struct lc__run *run = run_new(runnable, above);
    if (!run) {
        runnable_start_failed(runnable, -ENOMEM);
        return;
    }
    lc__runnable_let_go(runnable);
    lc__ended_free(runnable->ended);
    runnable->ended = NULL;
    runnable->last = run;
    run->call = (struct lc__worker_call){.context = run->context,
                                         .work = run_work,
                                         .ended = run_work_ended,
                                         .arg = lc__run_ref(run)};
    int result = lc__launch_call(&runnable->launch, runnable->shell->executor, &run->call);
    if (result == 0) {
        runnable->starts_without_task = 0;
        return;
    }
    run->of = NULL;
    lc__run_unref(run);
    runnable_start_failed(runnable, result);
}

void lc__runnable_cancel(struct lc__runnable *runnable)
{
    const struct lc__engine_node *node = &runnable->engine;
    LC__ASSERT(lc__shell_serves(runnable->shell));
    const lc_error *cause = node->tree.dies_of            ? node->tree.dies_of
                            : node->state == LC_NODE_DEAD ? node->error
                                                          : runnable->shell->engine.why;
    if (!runnable->last)
        return;
    if (runnable->last->told_at == 0)
        runnable->last->told_at = lc_now();
    lc_context_cancel(runnable->last->context, lc_error_ref(cause));
}

int64_t lc__runnable_told_at(const struct lc__runnable *runnable)
{
    while (runnable && (!runnable->last || runnable->last->told_at == 0))
        runnable = runnable->parent;
    return runnable ? runnable->last->told_at : 0;
}

void lc__runnable_tell(const struct lc__runnable *runnable, struct lc__log_repeated *lines,
                       const char *path, const char *what, const lc_error *error)
{
    const struct lc__run *last = runnable->last;
    const char *backtrace = last && last->died_of_throw ? last->backtrace : NULL;
    const lc_log_field field = lc_field_text("backtrace", backtrace);
    lc__log_repeated(lines, LC_LOG_ERROR, path, backtrace ? &field : NULL, "%s: %s", what,
                     lc_error_message(error));
}

/* ---- settled ---- */

bool lc__run_is_settled(struct lc__run *run, int64_t now, int64_t grace,
                        const struct lc__task *task, bool *own)
{
    LC__ASSERT(lc__shell_serves(run->shell));
    lc__spinlock_lock(&run->lock);
    bool works = run->task != NULL;
    *own = *own || run->task == task;
    unsigned long parks = 0;
    bool waits = works && lc__task_waits(run->task, &parks);
    int thread = works ? lc__task_thread(run->task) : LC__NO_THREAD;
    lc__spinlock_unlock(&run->lock);
    if (!works) /* it has not begun, or its end has not been applied */
        return false;
    bool same = run->parks == parks; /* the run has not begun to wait since the last look */
    bool waited = waits && run->busy.looked == 0 && same;
    run->parks = parks;
    if (waits || !same)
        run->busy = (struct lc__busy){0};
    if (!waits)
        lc__busy_look(&run->busy, thread, now);
    return waited || (!waits && run->busy.had >= grace);
}

/* ---- making ---- */

struct lc__child_group *lc__child_group_new(const lc_child_group *options)
{
    struct lc__child_group *group = lc__allocate(sizeof *group);
    if (!group)
        return NULL;
    atomic_init(&group->refs, 1);
    lc__engine_group_init(&group->engine);
    group->engine.ordered = options->strategy == LC_REST_FOR_ONE;
    group->one_for_one = options->strategy == LC_ONE_FOR_ONE;
    group->significance.when = options->automatic_shutdown;
    if (lc__intensity_init(&group->intensity, &options->intensity))
        return group;
    lc__free(group);
    return NULL;
}

void lc__child_group_unref(struct lc__child_group *group)
{
    if (!group || !lc__refs_drop(&group->refs))
        return;
    lc__free(group->intensity.times);
    lc__free(group);
}

static void runnable_join_group(struct lc__runnable *runnable, struct lc__child_group *group)
{
    atomic_fetch_add_explicit(&group->refs, 1, memory_order_relaxed);
    lc__engine_group_init(&runnable->alone);
    runnable->group = group;
    runnable->engine.tree.group = group->one_for_one ? &runnable->alone : &group->engine;
    runnable->engine.intensity = &group->intensity;
    runnable->engine.tree.significance = &group->significance;
}

struct lc__runnable *lc__runnable_new(struct lc__shell *shell, const char *parent,
                                      const struct lc__child *child, struct lc__child_group *group)
{
    const lc_child *options = &child->options;
    struct lc__runnable *runnable = lc__allocate(sizeof *runnable);
    if (!runnable)
        return NULL;
    char *name = parent ? name_join(parent, options->name) : lc__duplicate(options->name);
    if (!name) {
        lc__free(runnable);
        return NULL;
    }
    runnable->engine.name = name;
    runnable->engine.policy = (struct lc__engine_policy){.restart = options->restart,
                                                         .backoff = child->backoff,
                                                         .start_timeout = LC_FOREVER,
                                                         .stop_timeout = options->stop_timeout,
                                                         .runnable = true,
                                                         .significant = options->significant};
    runnable_join_group(runnable, group);
    runnable->taken.name = name + strlen(name) - strlen(options->name);
    runnable->shell = shell;
    runnable->run = options->run;
    runnable->arg = options->arg;
    runnable->launch = (struct lc__launch){.kind = options->kind,
                                           .executor = options->executor,
                                           .stack_size = options->stack_size,
                                           .name = runnable->taken.name};
    RB_INIT(&runnable->names);
    return runnable;
}

/*
 * The engine forgets children before their parent. But the front may carry out LC__FORGET of the
 * parent first, if that was in the queue for something else. The children then have no parent.
 */
static void runnable_leave_children(struct lc__runnable *runnable)
{
    LC__ASSERT(!runnable->last); /* its logs have given their names up */
    for (struct lc__taken *taken; (taken = RB_MIN(lc__taken_names, &runnable->names));) {
        RB_REMOVE(lc__taken_names, &runnable->names, taken);
        LC__CONTAINER_OF(taken, struct lc__runnable, taken)->parent = NULL;
    }
}

void lc__runnable_free(struct lc__runnable *runnable)
{
    if (runnable->parent &&
        RB_FIND(lc__taken_names, &runnable->parent->names, &runnable->taken) == &runnable->taken)
        RB_REMOVE(lc__taken_names, &runnable->parent->names, &runnable->taken);
    lc__runnable_let_go(runnable);
    runnable_leave_children(runnable);
    lc__ended_free(runnable->ended);
    lc__child_group_unref(runnable->group);
    lc__engine_node_end(&runnable->engine);
    lc__free((char *)(uintptr_t)runnable->engine.name);
    lc__free(runnable);
}
