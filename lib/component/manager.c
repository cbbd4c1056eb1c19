/*
 * manager.c: a component made of workers. See <lifecycle/manager.h>.
 */
#include "component/manager.h"

#include "base/clock.h"
#include "base/fork.h"
#include "component/manager_record.h"
#include "component/manager_warning.h"
#include "component/manager_worker.h"
#include "component/task_group.h"
#include "context/context.h"
#include "context/owner.h"
#include "context/signaler.h"

#include <lifecycle/log.h>

#include <errno.h>

/* ---- errors ---- */

/*
 * Gets the first error that is thrown on the workers' context. The error goes upward at once, on
 * the stack of the thrower, then the workers are cancelled. It counts as an activity, so that done
 * waits for it even if the thrower is not a worker of this manager. An error that is thrown after
 * the last activity is logged.
 */
static void manager_error_relay(void *arg, lc_error *error)
{
    lc_manager *manager = arg;
    if (!lc__manager_enter(manager)) {
        char path[LC__PATH_SIZE];
        lc_log(LC_LOG_ERROR, lc__owner_path_of(manager->context, manager->plan->name, path),
               "unhandled error, thrown after it was done: %s", lc_error_message(error));
        lc_error_unref(error);
        return;
    }
    lc_error *cause = lc_error_ref(error);
    lc__signal_above(manager->parent, error);
    lc_context_cancel(manager->context, cause);
    lc__manager_leave(manager);
}

static void manager_relay_release(void *arg)
{
    lc_manager_unref(arg);
}

/* ---- starting ---- */

/*
 * Counts all workers as activities before the first is launched, so that `active` does not fall to
 * 0 while some are still to be launched. @return whether this is the first start.
 */
static bool manager_start_claim(lc_manager *manager)
{
    size_t count = manager->plan->count;
    int64_t now = lc__now_roughly();
    lc__spinlock_lock(&manager->lock);
    bool first = !manager->started;
    for (size_t i = 0; i < count && first; i++)
        lc__manager_worker_enter(&manager->workers[i], LC_WORKER_STARTING, now);
    if (first) {
        manager->started = true;
        manager->began = now;
        manager->not_ready = count;
        manager->active = count + 1; /* 1: the start itself */
    }
    lc__spinlock_unlock(&manager->lock);
    return first;
}

/* Makes the workers' context and its signaler. @return 0, or -ENOMEM. */
static int manager_context_make(lc_manager *manager, lc_context *parent)
{
    struct lc__relay relay = {manager_error_relay, manager_relay_release, manager, false};
    lc_signaler *signaler = lc__signaler_relaying(&relay);
    if (!signaler)
        return -ENOMEM;
    lc_manager_ref(manager); /* for the signaler */
    manager->context = lc__context_with_own_signaler(parent, signaler);
    if (!manager->context) {
        lc_signaler_unref(signaler);
        return -ENOMEM;
    }
    manager->parent = parent;
    manager->signaler = signaler;
    lc__context_drop_clean_ends(manager->context);
    manager->context_ended.closed = lc__manager_context_ended;
    atomic_init(&manager->halves, 2);
    return 0;
}

static lc_error *manager_launch_error(const lc_manager *manager, size_t index, int code)
{
    return lc_error_new_errno(-code, "worker \"%s\" of \"%s\" could not be launched",
                              manager->plan->workers[index].name, manager->plan->name);
}

/*
 * @return an error if the first worker could not be launched. If a later one cannot, that error is
 * thrown instead: it ends the workers that run.
 */
static lc_error *manager_workers_launch(lc_manager *manager)
{
    size_t count = manager->plan->count;
    size_t launched = 0;
    int result = 0;
    while (launched < count &&
           (result = lc__manager_worker_launch(&manager->workers[launched])) == 0)
        launched++;
    lc_error *error = result < 0 ? manager_launch_error(manager, launched, result) : NULL;
    if (error && launched > 0) {
        lc__signaler_signal(manager->signaler, error);
        error = NULL;
    }
    for (size_t i = launched; i < count; i++)
        lc__manager_worker_unlaunched(&manager->workers[i]);
    return error;
}

/* The start has failed before a worker ran: the manager is done. */
static void manager_finish_unstarted(lc_manager *manager)
{
    int64_t now = lc__now_roughly();
    lc__spinlock_lock(&manager->lock);
    manager->finished = true;
    for (size_t i = 0; i < manager->plan->count; i++)
        lc__manager_worker_enter(&manager->workers[i], LC_WORKER_RETURNED, now);
    lc__spinlock_unlock(&manager->lock);
    lc_handle_close(&manager->shutdown);
    lc_handle_close(&manager->done);
}

lc_error *lc_manager_start(lc_manager *manager, lc_context *context)
{
    if (!manager || !context)
        return lc_error_new(-EINVAL, "lc_manager_start needs a %s",
                            manager ? "context" : "manager");
    if (lc__forked())
        return lc_error_new(-ENOTSUP,
                            "\"%s\" cannot be started in a child forked when there were workers",
                            manager->plan->name);
    if (!manager_start_claim(manager))
        return lc_error_new(-EALREADY, "\"%s\" was started before: build another manager",
                            manager->plan->name);
    int prepared = manager_context_make(manager, context);
    if (prepared < 0) {
        manager_finish_unstarted(manager);
        return lc_error_new(prepared, "no memory to start \"%s\"", manager->plan->name);
    }
    lc_manager_ref(manager); /* for the activities, until done closes */
    if (!lc__handle_add(lc_context_done(manager->context), &manager->context_ended))
        lc__manager_context_ended(&manager->context_ended);
    if (manager->plan->count == 0)
        lc_handle_close(&manager->ready);
    lc_error *error = manager_workers_launch(manager);
    if (!error)
        lc__manager_warning_arm(manager);
    lc__manager_leave(manager);
    return error;
}

/* ---- as a component ---- */

static lc_error *manager_component_start(lc_component *component, lc_context *context)
{
    return lc_manager_start((lc_manager *)component, context);
}

static lc_handle *manager_component_ready(lc_component *component)
{
    return lc_manager_ready((lc_manager *)component);
}

static lc_handle *manager_component_done(lc_component *component)
{
    return lc_manager_done((lc_manager *)component);
}

static void manager_component_destroy(lc_component *component)
{
    lc_manager_unref((lc_manager *)component);
}

/* Under the lock. The worker as a part of a component. */
static lc_part manager_worker_part(const lc_manager *manager,
                                   const struct lc__manager_worker *worker)
{
    LC__ASSERT(lc__spinlock_is_held(&manager->lock));
    static const lc_node_state states[] = {
        [LC_WORKER_PENDING] = LC_NODE_WAITING,
        [LC_WORKER_STARTING] = LC_NODE_STARTING,
        [LC_WORKER_READY] = LC_NODE_READY,
        [LC_WORKER_RETURNED] = LC_NODE_DONE,
    };
    lc_part part = {.name = worker->plan->name,
                    .state = states[worker->state],
                    .since = worker->since,
                    .is_worker = true};
    bool runs = worker->state == LC_WORKER_STARTING || worker->state == LC_WORKER_READY;
    if (runs && manager->told_at != 0) {
        part.state = LC_NODE_STOPPING;
        part.since = manager->told_at;
    } else if (worker->state == LC_WORKER_RETURNED && !worker->was_ready) {
        part.state = LC_NODE_STOPPED; /* the manager will never be ready */
    }
    return part;
}

static void manager_component_parts(lc_component *component, lc_part_visitor visit, void *arg)
{
    lc_manager *manager = (lc_manager *)component;
    char tasks[LC__TASKS_TEXT_SIZE];
    for (size_t i = 0; i < manager->plan->count; i++) {
        lc__spinlock_lock(&manager->lock);
        lc_part part = manager_worker_part(manager, &manager->workers[i]);
        lc__spinlock_unlock(&manager->lock);
        if (lc__task_group_describe_wait(&manager->workers[i].wait, tasks))
            part.waits_for = tasks;
        visit(&part, arg);
    }
}

static const char *manager_component_name(lc_component *component)
{
    return lc_manager_name((lc_manager *)component);
}

static const lc_component_ops manager_ops = {
    .size = sizeof(lc_component_ops),
    .start = manager_component_start,
    .ready = manager_component_ready,
    .done = manager_component_done,
    .destroy = manager_component_destroy,
    .flags = LC_START_INLINE,
    .parts = manager_component_parts,
    .name = manager_component_name,
};

lc_component *lc_manager_component(lc_manager *manager)
{
    return manager ? &manager->component : NULL;
}

/* ---- making and looking ---- */

lc_manager *lc__manager_new(struct lc__plan *plan)
{
    return lc__manager_record_new(plan, &manager_ops);
}

const char *lc_manager_name(const lc_manager *manager)
{
    return manager ? manager->plan->name : "";
}

int lc_manager_set_data(lc_manager *manager, void *data, void (*release)(void *data))
{
    if (!manager)
        return -EINVAL;
    if (manager->data || manager->release)
        return -EALREADY;
    manager->data = data;
    manager->release = release;
    return 0;
}

void *lc_manager_data(const lc_manager *manager)
{
    return manager ? manager->data : NULL;
}

lc_handle *lc_manager_ready(lc_manager *manager)
{
    return manager ? &manager->ready : NULL;
}

lc_handle *lc_manager_done(lc_manager *manager)
{
    return manager ? &manager->done : NULL;
}

lc_handle *lc_manager_shutdown(lc_manager *manager)
{
    return manager ? &manager->shutdown : NULL;
}

size_t lc_manager_copy_workers(lc_manager *manager, lc_worker_status *statuses, size_t capacity)
{
    if (!manager)
        return 0;
    size_t count = manager->plan->count;
    lc__spinlock_lock(&manager->lock);
    for (size_t i = 0; i < count && i < capacity; i++) {
        const struct lc__manager_worker *worker = &manager->workers[i];
        statuses[i] =
            (lc_worker_status){worker->plan->name, worker->state, worker->was_ready, worker->since};
    }
    lc__spinlock_unlock(&manager->lock);
    return count;
}
