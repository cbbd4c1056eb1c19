/*
 * task_group.c: tasks that are started, counted and waited for. See <lifecycle/task_group.h>.
 *
 * One lock protects two counts, of references and of tasks that have not ended, and the list of
 * waiters. Each call is one step under the lock:
 *
 *     start    context live, count < limit    -> count + 1, then the task is launched
 *     end      count > 0                      -> count - 1; at 0 all waiters are taken out
 *     wait     count = 0: returns; else       -> the waiter is added
 *     unref    refs > 0                       -> refs - 1
 *     refs = 0 and count = 0: the group is over, and the call that made this step cleans up
 *
 * - Limit: one step compares and counts, so two starts never share the last place.
 * - Start and cancel: a start looks at the context under the lock. If its step comes after the step
 *   of a wait, it also comes after each cancel before that wait, and finds the context ended. If it
 *   comes before, the task is counted, and the wait waits for it.
 * - No lost wake-up: either the step of the last end finds the waiter in the list, or the step of
 *   the wait finds the count 0. A waiter that has reached its deadline looks under the lock whether
 *   it was taken out.
 * - After its step the last end does not touch the group, unless the group is over: a waiter may
 *   drop the last reference at once. An unpark touches only the parker, and the waiter does not
 *   leave before it has counted that unpark.
 *
 * The group's memory is freed with the signaler of its context: code that has kept the context may
 * throw on it later, and that error comes to the group.
 */
#include "component/task_group.h"

#include "base/fork.h"
#include "base/log_repeated.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/options.h"
#include "base/spin.h"
#include "base/task.h"
#include "context/context.h"
#include "context/owner.h"
#include "context/signaler.h"
#include "context/worker.h"
#include "executor/spawn.h"
#include "executor/thread.h"
#include "wait/handle.h"

#include <lifecycle/log.h>

#include <bsd/string.h>
#include <errno.h>
#include <stdio.h>

struct lc_task_group {
    struct lc__owner owner; /* first; of the tasks */
    lc_context *parent;     /* where LC_TASKS_THROW throws; `context` keeps it alive */
    lc_context *context;    /* the tasks'; a reference until the group is over */
    size_t limit;
    size_t stack_size;
    lc_executor *executor;
    lc_tasks_on_error on_error;
    bool threads;
    char name[LC_NAME_MAX + 1];
    char path[LC__PATH_SIZE];

    struct lc__spinlock lock; /* of all fields below */
    size_t refs;
    size_t count;
    struct lc__waiter *waiters;
    bool failed;     /* a task has failed */
    lc_error *first; /* with LC_TASKS_CANCEL: the first error, a reference */
    struct lc__log_repeated failures;
    struct lc__log_repeated refusals;
};

struct task {
    struct lc__worker_call call;
    lc_task_group *group;
    lc_task run;
    void *arg;
};

/* ---- errors ---- */

/* `left_out`: how many lines were left out before this one. */
static void task_group_log_failure(const lc_task_group *group, const lc_error *error,
                                   uint64_t left_out)
{
    char origin[256];
    snprintf(origin, sizeof origin, "%s:%d", lc_error_file(error), lc_error_line(error));
    const lc_log_field fields[] = {lc_field_text("origin", origin),
                                   lc_field_uint("left_out", left_out)};
    lc_log_fields(LC_LOG_ERROR, group->path, fields, left_out > 0 ? 2 : 1, "a task failed: %s",
                  lc_error_message(error));
}

/*
 * Takes over an error that is no clean end, on the stack of the thrower. The thrower is a task that
 * has not ended, or other code that has kept the context; then the group may be over.
 */
static void group_failure_relay(void *arg, lc_error *error)
{
    lc_task_group *group = arg;
    uint64_t left_out = 0;
    int64_t now = lc_now();
    lc__spinlock_lock(&group->lock);
    bool first = !group->failed && group->on_error != LC_TASKS_LOG;
    group->failed = true;
    if (first && group->on_error == LC_TASKS_CANCEL)
        group->first = lc_error_ref(error);
    bool logged = !first && lc__log_repeated_admits(&group->failures, now, &left_out);
    lc__spinlock_unlock(&group->lock);
    if (first && group->on_error == LC_TASKS_THROW) {
        lc__signal_above(group->parent, error);
        return;
    }
    if (first)
        lc_context_cancel(group->context, lc_error_ref(error));
    if (logged)
        task_group_log_failure(group, error, left_out);
    lc_error_unref(error);
}

lc_error *lc_task_group_result(lc_task_group *group)
{
    if (!group)
        return NULL;
    lc__spinlock_lock(&group->lock);
    lc_error *first = lc_error_ref(group->first);
    lc__spinlock_unlock(&group->lock);
    return first;
}

/* ---- making and freeing ---- */

/* Called when the signaler of its context is freed. */
static void task_group_free(void *arg)
{
    lc_task_group *group = arg;
    lc_error_unref(group->first);
    lc_context_unref(group->owner.inside);
    lc__free(group);
}

/*
 * No reference and no task is left, so no other call changes the group. Logs how many lines were
 * left out since the last one.
 */
static void task_group_over(lc_task_group *group)
{
    LC__ASSERT(group->refs == 0);
    lc__log_repeated_end(&group->failures, LC_LOG_ERROR, group->path);
    lc__log_repeated_end(&group->refusals, LC_LOG_WARNING, group->path);
    lc_context_unref(group->context);
}

static lc_error *task_group_check_options(const lc_task_group_options *options)
{
    const char *name = options->name ? options->name : "tasks";
    bool is_thread = options->kind == LC_THREAD;
    size_t least = is_thread ? LC_STACK_SIZE_MIN : LC_FIBER_STACK_MIN;
    size_t most = is_thread ? SIZE_MAX : LC_FIBER_STACK_MAX;
    size_t stack = options->stack_size;
    lc_error *mistake = lc__name_check("a task group", name);
    if (mistake)
        return mistake;
    if (options->kind != LC_KIND_DEFAULT && options->kind != LC_THREAD && options->kind != LC_FIBER)
        return lc_error_new(-EINVAL,
                            "task group \"%s\" is of kind %d: LC_FIBER or LC_THREAD, or 0 for the "
                            "default",
                            name, (int)options->kind);
    if ((unsigned)options->on_error > LC_TASKS_CANCEL)
        return lc_error_new(-EINVAL,
                            "task group \"%s\" has on_error %d: LC_TASKS_LOG, LC_TASKS_THROW or "
                            "LC_TASKS_CANCEL",
                            name, (int)options->on_error);
    if (stack != 0 && (stack < least || stack > most))
        return lc_error_new(-EINVAL,
                            "task group \"%s\" asks for stacks of %zu bytes: %zu to %zu, or 0 for "
                            "the default",
                            name, stack, least, most);
    if (is_thread && options->executor)
        return lc_error_new(-EINVAL,
                            "task group \"%s\" has threads, and so no executor: make it of kind "
                            "LC_FIBER",
                            name);
    return NULL;
}

static lc_error *task_group_check_throw(const lc_task_group_options *options,
                                        const lc_context *parent)
{
    if (options->on_error != LC_TASKS_THROW || lc__context_signaler(parent))
        return NULL;
    return lc_error_new(-EINVAL,
                        "task group \"%s\" is to throw (LC_TASKS_THROW), and there is no signaler "
                        "above its context",
                        options->name ? options->name : "tasks");
}

/* A group without a context. NULL: no memory. */
static lc_task_group *task_group_allocate(const lc_task_group_options *options, lc_context *parent)
{
    lc_context *maker = lc__worker_context();
    lc_task_group *group = lc__allocate(sizeof *group);
    if (!group)
        return NULL;
    group->refs = 1;
    group->parent = parent;
    group->limit = options->limit > 0 ? options->limit : LC_TASKS_LIMIT_DEFAULT;
    group->stack_size = options->stack_size;
    group->executor = options->executor;
    group->on_error = options->on_error;
    group->threads = options->kind == LC_THREAD;
    lc__name_copy(group->name, options->name ? options->name : "tasks");
    lc__owner_path_of(maker ? maker : parent, group->name, group->path);
    group->owner =
        (struct lc__owner){.whole = group, .path = group->path, .inside = lc_context_ref(maker)};
    return group;
}

/* NULL: no memory. */
static lc_task_group *task_group_make(const lc_task_group_options *options, lc_context *parent)
{
    lc_task_group *group = task_group_allocate(options, parent);
    if (!group)
        return NULL;
    const struct lc__relay relay = {group_failure_relay, task_group_free, group, true};
    lc_signaler *signaler = lc__signaler_relaying(&relay);
    if (!signaler) {
        task_group_free(group);
        return NULL;
    }
    group->context = lc__context_with_own_signaler_and_value(parent, signaler, &lc__owner_key,
                                                             &group->owner, NULL);
    if (!group->context) {
        lc_signaler_unref(signaler); /* frees the group */
        return NULL;
    }
    lc__context_drop_clean_ends(group->context);
    return group;
}

LC__OPTIONS_END(lc_task_group_options, executor);

lc_task_group *lc_task_group_new(const lc_task_group_options *given)
{
    lc_task_group_options options;
    if (lc__forked())
        return NULL;
    lc_error *error = lc__options_read(&options, sizeof options, given, "lc_task_group_options");
    if (!error)
        error = task_group_check_options(&options);
    lc_context *parent = NULL;
    if (!error)
        parent = options.context ? lc_context_ref(options.context)
                                 : lc__context_apart(lc__worker_context());
    if (parent)
        error = task_group_check_throw(&options, parent);
    lc_task_group *group = parent && !error ? task_group_make(&options, parent) : NULL;
    if (error)
        lc_log(LC_LOG_ERROR, NULL, "%s", lc_error_message(error));
    lc_error_unref(error);
    lc_context_unref(parent); /* the group's context has a reference of its own */
    return group;
}

lc_task_group *lc_task_group_ref(lc_task_group *group)
{
    if (!group)
        return NULL;
    lc__spinlock_lock(&group->lock);
    group->refs++;
    lc__spinlock_unlock(&group->lock);
    return group;
}

void lc_task_group_unref(lc_task_group *group)
{
    if (!group)
        return;
    lc__spinlock_lock(&group->lock);
    bool over = --group->refs == 0 && group->count == 0;
    lc__spinlock_unlock(&group->lock);
    if (over)
        task_group_over(group);
}

/* ---- the end of a task ---- */

/*
 * Unparks the waiters that task_group_take_waiters() has taken. An unparked waiter may be gone at
 * once, so its successor is read first.
 */
static void task_waiters_wake(struct lc__waiter *first)
{
    while (first) {
        struct lc__waiter *next = first->previous;
        lc__unpark(first->parker);
        first = next;
    }
}

/*
 * Under the lock: takes all waiters out. Links them by `previous`: a `next` of NULL says that a
 * waiter is in no list.
 */
static struct lc__waiter *task_group_take_waiters(lc_task_group *group)
{
    LC__ASSERT(lc__spinlock_is_held(&group->lock));
    struct lc__waiter *taken = NULL;
    for (struct lc__waiter *waiter; (waiter = group->waiters);) {
        lc__waiters_remove(&group->waiters, waiter);
        waiter->taken = true;
        waiter->previous = taken;
        taken = waiter;
    }
    return taken;
}

/* Counts a task as ended. After it the group may be gone. */
static void task_group_leave(lc_task_group *group)
{
    lc__spinlock_lock(&group->lock);
    LC__ASSERT(group->count > 0);
    struct lc__waiter *taken = --group->count == 0 ? task_group_take_waiters(group) : NULL;
    bool over = group->count == 0 && group->refs == 0;
    lc__spinlock_unlock(&group->lock);
    task_waiters_wake(taken);
    if (over)
        task_group_over(group);
}

/* Whether the calling task is the last and no reference is left: no other call uses the group. */
static bool task_group_is_ours(lc_task_group *group)
{
    lc__spinlock_lock(&group->lock);
    bool ours = group->refs == 0 && group->count == 1;
    lc__spinlock_unlock(&group->lock);
    return ours;
}

/*
 * Code that knows that the task has ended may shut the library down. So the worker says that it is
 * finishing before the task counts as ended, and frees the group before that if it can.
 */
static void task_ended(void *arg)
{
    struct task *task = arg;
    lc_task_group *group = task->group;
    lc__free(task);
    bool ours = task_group_is_ours(group);
    if (ours)
        task_group_over(group);
    lc__worker_finishing();
    if (!ours)
        task_group_leave(group);
}

/* ---- the start of a task ---- */

static lc_error *task_work(void *arg)
{
    const struct task *task = arg;
    return task->run(task->group->context, task->arg);
}

static void task_main(void *arg)
{
    lc__worker_run(&((struct task *)arg)->call);
}

static int task_launch(struct task *task)
{
    const lc_task_group *group = task->group;
    const struct lc__thread_options thread = {
        .name = group->name, .stack_size = group->stack_size, .run = task_main, .arg = task};
    const struct lc__fiber_options fiber = {.name = group->name,
                                            .stack_size = group->stack_size,
                                            .executor = group->executor,
                                            .run = task_main,
                                            .arg = task};
    task->call = (struct lc__worker_call){
        .context = group->context, .work = task_work, .ended = task_ended, .arg = task};
    return group->threads ? lc__thread_start(&thread) : lc__fiber_start(&fiber);
}

static void task_group_log_refusal(const lc_task_group *group, uint64_t left_out)
{
    const lc_log_field field = lc_field_uint("left_out", left_out);
    lc_log_fields(LC_LOG_WARNING, group->path, &field, left_out > 0 ? 1 : 0,
                  "a task was refused: %zu run, which is the group's limit", group->limit);
}

/* Counts a task that is about to be launched. @return 0, -ECANCELED, -ENOSPC. */
static int task_group_enter(lc_task_group *group)
{
    uint64_t left_out;
    bool logged = false;
    int result = 0;
    lc__spinlock_lock(&group->lock);
    if (lc_context_error(group->context))
        result = -ECANCELED;
    else if (group->count >= group->limit)
        result = -ENOSPC;
    else
        group->count++;
    lc__spinlock_unlock(&group->lock);
    if (result != -ENOSPC)
        return result;
    int64_t now = lc_now();
    lc__spinlock_lock(&group->lock);
    logged = lc__log_repeated_admits(&group->refusals, now, &left_out);
    lc__spinlock_unlock(&group->lock);
    if (logged)
        task_group_log_refusal(group, left_out);
    return result;
}

int lc_task_group_start(lc_task_group *group, lc_task run, void *arg)
{
    if (!group || !run)
        return -EINVAL;
    if (lc__forked())
        return -ENOTSUP;
    int result = task_group_enter(group);
    if (result < 0)
        return result;
    struct task *task = lc__allocate_raw(sizeof *task);
    if (task)
        *task = (struct task){.group = group, .run = run, .arg = arg};
    result = task ? task_launch(task) : -ENOMEM;
    if (result < 0) {
        lc__free(task);
        task_group_leave(group);
    }
    return result;
}

size_t lc_task_group_count(lc_task_group *group)
{
    if (!group)
        return 0;
    lc__spinlock_lock(&group->lock);
    size_t count = group->count;
    lc__spinlock_unlock(&group->lock);
    return count;
}

void lc_task_group_cancel(lc_task_group *group, lc_error *cause)
{
    if (group)
        lc_context_cancel(group->context, cause);
    else
        lc_error_unref(cause);
}

/* ---- waiting ---- */

/*
 * The waiter's deadline has passed, or its task must end. @return whether the waiter was still in
 * the list, and is not any more; false: it was taken out and will be unparked.
 */
static bool task_waiter_leaves(lc_task_group *group, struct lc__waiter *waiter)
{
    lc__spinlock_lock(&group->lock);
    bool leaves = !waiter->taken;
    if (leaves)
        lc__waiters_remove(&group->waiters, waiter);
    lc__spinlock_unlock(&group->lock);
    return leaves;
}

/* The waiter is in the list. @return 0, or as lc__park. */
static int task_waiter_park(lc_task_group *group, struct lc__waiter *waiter, int64_t deadline)
{
    char what[LC_NAME_MAX + 32];
    struct lc__park_reason reason = {what, group};
    int result = 0;
    snprintf(what, sizeof what, "tasks of group \"%s\"", group->name);
    while (result == 0 && lc__parker_count(waiter->parker) == 0)
        result = lc__park(waiter->parker, 0, deadline, &reason);
    if (result == 0 || task_waiter_leaves(group, waiter))
        return result;
    lc__park_until(waiter->parker, 1); /* the unpark is under way: it uses the parker */
    return result == -EINTR ? result : 0;
}

/* Stores which group the worker waits for; NULL: none. */
static void worker_wait_show(struct lc__worker_wait *wait, lc_task_group *group)
{
    if (!wait)
        return;
    lc__spinlock_lock(&wait->lock);
    wait->group = group;
    lc__spinlock_unlock(&wait->lock);
}

bool lc__task_group_describe_wait(struct lc__worker_wait *wait, char text[LC__TASKS_TEXT_SIZE])
{
    char name[LC_NAME_MAX + 1];
    size_t count = 0;
    lc__spinlock_lock(&wait->lock);
    lc_task_group *group = wait->group;
    if (group) {
        strlcpy(name, group->name, sizeof name);
        count = lc_task_group_count(group);
    }
    lc__spinlock_unlock(&wait->lock);
    if (group)
        snprintf(text, LC__TASKS_TEXT_SIZE, "the end of tasks of %s: %zu", name, count);
    return group != NULL;
}

/* As task_waiter_park; reports find which group the calling worker waits for. */
static int task_waiter_park_seen(lc_task_group *group, struct lc__waiter *waiter, int64_t deadline)
{
    const struct lc__worker_call *call = lc__task_current()->worker;
    struct lc__worker_wait *wait = call ? call->wait : NULL;
    worker_wait_show(wait, group);
    int result = task_waiter_park(group, waiter, deadline);
    worker_wait_show(wait, NULL);
    return result;
}

static int task_group_wait(lc_task_group *group, int64_t deadline)
{
    struct lc__parker parker;
    struct lc__waiter waiter = {.parker = &parker};
    bool inside = lc__owner_owns(&group->owner, lc__worker_context());
    lc__parker_init(&parker);
    lc__spinlock_lock(&group->lock);
    bool waits = group->count > 0;
    bool added = waits && !inside && deadline != LC_NOW;
    if (added)
        lc__waiters_append(&group->waiters, &waiter);
    lc__spinlock_unlock(&group->lock);
    if (added)
        return task_waiter_park_seen(group, &waiter, deadline);
    if (!waits)
        return 0;
    return inside ? -EDEADLK : -ETIMEDOUT;
}

int lc_task_group_wait(lc_task_group *group, int64_t deadline)
{
    if (!group)
        return -EINVAL;
    lc__task_check();
    if (lc__forked())
        return -ENOTSUP;
    int result = task_group_wait(group, deadline);
    if (result == -EINTR)
        lc__task_check(); /* does not return */
    return result;
}
