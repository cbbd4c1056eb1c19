/*
 * node_instance.c: see node_instance.h.
 *
 * A task of the node's kind calls the factory and starts the component (instance_work). From then
 * on no task waits for the instance. Two waiters, on the ready handle and the done handle, and a
 * relaying signaler post events to the shell, on the stacks of the tasks that close and throw:
 *
 *     ready handle closes -> instance_ready_closed -> event_ready_apply  -> lc__engine_ready
 *     an error is thrown  -> instance_relay_error  -> event_failed_apply -> lc__engine_failed
 *     done handle closes  -> instance_done_closed  -> component destroyed
 *                                                   -> event_ended_apply  -> lc__engine_ended
 *
 * The component has users: the instance, and each task that holds it to look at it. The last user
 * destroys it, in a task of its own if that may wait.
 *
 * References to an instance: one from the start until event_ended_apply; one of the signaler, until
 * it is sealed; one of the waiter on the ready handle, until its event has been applied or it has
 * been removed; one for each thrown error until its event has been applied.
 */
#include "supervise/node_instance.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/refs.h"
#include "context/context.h"
#include "executor/thread.h"

#include <lifecycle/log.h>

#include <errno.h>

struct lc__node_instance {
    struct lc__instance common;
    atomic_uint refs;
    struct lc__shell *shell; /* held */
    /* Of the serving task, and of the instance's own tasks until its end. NULL: it has ended. */
    struct lc__node *node;
    uint64_t number;
    struct lc__owner *owner; /* held */
    void *data;              /* of the workers: see source.h */
    /* The component once it has been made; read by lc__node_hold(). */
    _Atomic(lc_component *) shown;
    atomic_uint users; /* of the component */
    bool watches_ready;
    struct lc__waiter ready_waiter;
    struct lc__waiter done_waiter;
    lc_error *thrown; /* by the relay, for `failed_event` */
    struct lc__shell_event ready_event;
    struct lc__shell_event failed_event;
    struct lc__shell_event ended_event;
    struct lc__timer destroyer; /* armed while there is no task to destroy the component in */
};

static void instance_unref(struct lc__node_instance *instance)
{
    if (!lc__refs_drop(&instance->refs))
        return;
    struct lc__shell *shell = instance->shell;
    lc__instance_close(&instance->common);
    lc__owner_unref(instance->owner);
    lc__free(instance);
    lc__shell_unref(shell);
}

static void instance_ref(struct lc__node_instance *instance)
{
    atomic_fetch_add_explicit(&instance->refs, 1, memory_order_relaxed);
}

/* ---- ready ---- */

static void event_ready_apply(struct lc__shell *shell, struct lc__shell_event *event)
{
    struct lc__node_instance *instance =
        LC__CONTAINER_OF(event, struct lc__node_instance, ready_event);
    if (instance->node)
        lc__engine_ready(&shell->engine, &instance->node->engine, instance->number, lc_now());
    instance_unref(instance);
}

static void instance_ready_closed(struct lc__waiter *waiter)
{
    struct lc__node_instance *instance =
        LC__CONTAINER_OF(waiter, struct lc__node_instance, ready_waiter);
    lc__shell_post(instance->shell, &instance->ready_event);
}

/*
 * Before the start: a worker may be ready, and then fail, before the start returns. The engine must
 * learn these two in this order.
 */
static void instance_watch_ready(struct lc__node_instance *instance)
{
    instance_ref(instance); /* the waiter's */
    instance->watches_ready = true;
    if (!lc__handle_add(lc_component_ready(instance->common.component), &instance->ready_waiter))
        instance_ready_closed(&instance->ready_waiter);
}

static void instance_unwatch_ready(struct lc__node_instance *instance)
{
    /* If the waiter was taken out, its event has been posted or will be, with the reference. */
    if (instance->watches_ready &&
        lc__handle_remove(lc_component_ready(instance->common.component), &instance->ready_waiter))
        instance_unref(instance);
}

/* ---- thrown ---- */

/* Whether the error is only the answer to the order to stop. */
static bool instance_was_told(const struct lc__node_instance *instance, const lc_error *error)
{
    return instance->node->engine.life == LC__LIFE_TOLD &&
           lc__context_is_clean_end(instance->common.context, error);
}

static void event_failed_apply(struct lc__shell *shell, struct lc__shell_event *event)
{
    struct lc__node_instance *instance =
        LC__CONTAINER_OF(event, struct lc__node_instance, failed_event);
    lc_error *error = instance->thrown;
    instance->thrown = NULL;
    if (!instance->node) {
        lc_log(LC_LOG_ERROR, instance->owner->path,
               "unhandled error, thrown after its component was done: %s", lc_error_message(error));
        lc_error_unref(error);
    } else if (instance_was_told(instance, error)) {
        lc_error_unref(error);
    } else {
        lc__engine_failed(&shell->engine, &instance->node->engine, instance->number, error,
                          (lc_behavior)lc__signaler_asked(instance->common.signaler), lc_now());
    }
    instance_unref(instance);
}

/* Called once, on the stack of the task that throws. */
static void instance_relay_error(void *arg, lc_error *error)
{
    struct lc__node_instance *instance = arg;
    LC__ASSERT(!instance->thrown);
    instance->thrown = error;
    instance_ref(instance);
    lc__shell_post(instance->shell, &instance->failed_event);
}

static void instance_relay_released(void *arg)
{
    instance_unref(arg);
}

/* ---- done ---- */

static void event_ended_apply(struct lc__shell *shell, struct lc__shell_event *event)
{
    struct lc__node_instance *instance =
        LC__CONTAINER_OF(event, struct lc__node_instance, ended_event);
    struct lc__node *node = instance->node;
    lc_error *refused = instance->common.refused;
    LC__ASSERT(node->instance == instance && atomic_load(&instance->users) == 0);
    instance->common.refused = NULL;
    /* The factory has no context of its own. What it waits under may be the context above. */
    if (refused &&
        (instance_was_told(instance, refused) || lc__context_is_clean_end(shell->above, refused))) {
        lc_error_unref(refused);
        refused = NULL;
    }
    instance->node = NULL;
    node->instance = NULL;
    lc__signaler_seal(instance->common.signaler);
    lc_context_cancel(instance->common.context, NULL);
    lc__engine_ended(&shell->engine, &node->engine, instance->number,
                     refused ? LC__ENDED_REFUSED : LC__ENDED_DONE, refused, lc_now());
    instance_unref(instance);
}

/* @return whether that was the last user: then the caller destroys the component. */
static bool instance_drop_user(struct lc__node_instance *instance)
{
    /* Release: what this user did with the component happens before the destroy. Acquire: the last
     * user sees what all others did. */
    return atomic_fetch_sub_explicit(&instance->users, 1, memory_order_acq_rel) == 1;
}

static void instance_destroy(struct lc__node_instance *instance)
{
    LC__ASSERT(atomic_load(&instance->users) == 0);
    lc_component_destroy(instance->common.component);
    if (instance->common.component)
        lc__source_free_data(&instance->node->source, instance->data);
    lc__shell_post(instance->shell, &instance->ended_event);
}

static void instance_destroy_in_task(void *arg)
{
    lc__worker_finishing();
    instance_destroy(arg);
}

static bool instance_launch_destroy(struct lc__node_instance *instance)
{
    return lc__launch(&instance->node->launch, instance->shell->executor, instance_destroy_in_task,
                      instance) == 0;
}

static void instance_retry_destroy(struct lc__timer *timer)
{
    struct lc__node_instance *instance =
        LC__CONTAINER_OF(timer, struct lc__node_instance, destroyer);
    if (!instance_launch_destroy(instance))
        instance_destroy(instance);
}

/*
 * The caller may be the very task that has closed the done handle, and that the destroy joins. So a
 * destroy that may wait gets a task of its own. If none can be started, the launch is tried once
 * more after a pause: by then the task that has closed the handle has ended.
 */
void lc__node_instance_release(struct lc__node_instance *instance)
{
    if (!instance || !instance_drop_user(instance))
        return;
    bool never_waits = instance->common.component->ops->flags & LC_START_INLINE &&
                       !lc__source_has_data(&instance->node->source);
    if (never_waits || (!instance_launch_destroy(instance) &&
                        !lc__launch_later(&instance->destroyer, instance_retry_destroy)))
        instance_destroy(instance);
}

static void instance_done_closed(struct lc__waiter *waiter)
{
    struct lc__node_instance *instance =
        LC__CONTAINER_OF(waiter, struct lc__node_instance, done_waiter);
    instance_unwatch_ready(instance);
    lc__node_instance_release(instance);
}

/* ---- users of the component ---- */

struct lc__node_instance *lc__node_hold(struct lc__node *node)
{
    struct lc__node_instance *instance = node->instance;
    LC__ASSERT(lc__shell_serves(node->shell));
    /* Acquire, with the release of instance_work(): the component is complete. */
    if (!instance || !atomic_load_explicit(&instance->shown, memory_order_acquire))
        return NULL;
    unsigned users = atomic_load_explicit(&instance->users, memory_order_relaxed);
    while (users > 0)
        if (atomic_compare_exchange_weak_explicit(&instance->users, &users, users + 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return instance;
    return NULL; /* the component is being destroyed */
}

lc_component *lc__node_instance_component(const struct lc__node_instance *instance)
{
    return instance->common.component;
}

/* ---- start ---- */

static lc_error *instance_make(struct lc__node_instance *instance)
{
    const struct lc__source *source = &instance->node->source;
    lc_error *error = source->instance(&instance->common.component, &instance->data, source);
    return error ? error : lc__instance_check(&instance->common, true);
}

static lc_error *instance_work(void *arg)
{
    struct lc__node_instance *instance = arg;
    instance->common.refused = instance_make(instance);
    if (instance->common.refused)
        return NULL;
    /* Release: lc__node_hold() finds a complete component. */
    atomic_store_explicit(&instance->shown, instance->common.component, memory_order_release);
    instance_watch_ready(instance);
    return lc__instance_start(&instance->common);
}

/* A start that has failed counts as done. After the last call here the instance may be freed. */
static void instance_work_ended(void *arg)
{
    struct lc__node_instance *instance = arg;
    if (lc__instance_start_ended(&instance->common)) {
        if (!lc__handle_add(lc_component_done(instance->common.component), &instance->done_waiter))
            instance_done_closed(&instance->done_waiter);
        return;
    }
    instance_unwatch_ready(instance);
    if (instance_drop_user(instance))
        instance_destroy(instance);
}

static struct lc__node_instance *instance_new(struct lc__node *node)
{
    struct lc__owner *owner = lc__node_owner(node);
    if (!owner)
        return NULL;
    struct lc__node_instance *instance = lc__allocate(sizeof *instance);
    if (!instance)
        return NULL;
    atomic_init(&instance->refs, 2); /* until its end, and the relay's */
    atomic_init(&instance->users, 1);
    instance->shell = lc__shell_ref(node->shell);
    instance->node = node;
    instance->owner = lc__owner_ref(owner);
    instance->number = node->engine.instance;
    instance->ready_waiter.closed = instance_ready_closed;
    instance->done_waiter.closed = instance_done_closed;
    instance->ready_event.apply = event_ready_apply;
    instance->failed_event.apply = event_failed_apply;
    instance->ended_event.apply = event_ended_apply;
    const struct lc__relay relay = {instance_relay_error, instance_relay_released, instance, false};
    if (lc__instance_open(&instance->common, node->name, node->shell->context, &relay, owner))
        return instance;
    instance_unref(instance);
    return NULL;
}

/* There is no task to start in. That is an error like any other, and is followed by a restart. */
static void node_start_failed(struct lc__node *node, int code)
{
    lc_error *error = lc__launch_error(node->name, code, ++node->starts_without_task);
    node->engine.lacked_task = true;
    lc__engine_ended(&node->shell->engine, &node->engine, node->engine.instance, LC__ENDED_FAILED,
                     error, lc_now());
}

void lc__node_start(struct lc__node *node)
{
    LC__ASSERT(lc__shell_serves(node->shell) && !node->instance);
    struct lc__node_instance *instance = instance_new(node);
    if (!instance) {
        node_start_failed(node, -ENOMEM);
        return;
    }
    node->instance = instance;
    lc__free(node->awaited); /* of the instance before */
    node->awaited = NULL;
    int result = lc__instance_launch(&instance->common, &node->launch, node->shell->executor,
                                     instance_work, instance_work_ended, instance);
    if (result == 0) {
        node->starts_without_task = 0;
        return;
    }
    node->instance = NULL;
    lc__signaler_seal(instance->common.signaler);
    instance_unref(instance);
    node_start_failed(node, result);
}

void lc__node_cancel(struct lc__node *node)
{
    LC__ASSERT(lc__shell_serves(node->shell));
    if (!node->instance)
        return;
    if (node->engine.state == LC_NODE_FAILING)
        lc_context_cancel(node->instance->common.context, lc_error_ref(node->engine.error));
    else
        lc__shell_cancel(node->shell, node->instance->common.context);
}
