/*
 * node_instance.c: see node_instance.h.
 *
 * An instance from its start to its end: a task of the node's kind calls the factory and starts the
 * component; two waiters, on its ready and its done handle, and a signaler that relays tell the
 * shell what becomes of it, on the stacks of those who close and throw. Once it is done it
 * is destroyed, in a task of its own if that might wait, and then it has ended.
 *
 * References to an instance: one from the start until its end has been dealt with; one of the
 * signaler, until it is sealed; one of the waiter for readiness, until that has come or cannot.
 */
#include "supervise/node_instance.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/refs.h"
#include "context/context.h"
#include "context/owner.h"
#include "context/signaler.h"
#include "executor/thread.h"

#include <lifecycle/log.h>

#include <errno.h>

#define OF(type, member, pointer) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct lc__node_instance {
    atomic_uint refs;
    struct lc__shell *shell; /* held */
    struct lc__node *node; /* NULL: its end has been dealt with. In the service, but for the task */
    uint64_t number;
    struct lc__instance common;
    struct lc__owner *owner;       /* held */
    void *data;                    /* of the workers: see source.h */
    _Atomic(lc_component *) shown; /* the component, for other threads; NULL: it is not made yet */
    atomic_uint users; /* of the component: the instance, and its readers; the last destroys it */
    bool watches_ready;
    struct lc__waiter ready_waiter;
    struct lc__waiter done_waiter;
    lc_error *thrown;
    struct lc__post ready_post;
    struct lc__post failed_post;
    struct lc__post ended_post;
    struct lc__timer destroyer; /* armed while there is no task to destroy it in */
};

static void unref_instance(struct lc__node_instance *instance)
{
    if (!lc__refs_drop(&instance->refs))
        return;
    struct lc__shell *shell = instance->shell;
    lc__instance_close(&instance->common);
    lc__owner_unref(instance->owner);
    lc__free(instance);
    lc__shell_unref(shell);
}

static void ref_instance(struct lc__node_instance *instance)
{
    atomic_fetch_add_explicit(&instance->refs, 1, memory_order_relaxed);
}

/* ---- what it tells ---- */

static void deal_with_ready(struct lc__shell *shell, struct lc__post *post)
{
    struct lc__node_instance *instance = OF(struct lc__node_instance, ready_post, post);
    if (instance->node)
        lc__engine_ready(&shell->engine, &instance->node->engine, instance->number, lc_now());
    unref_instance(instance);
}

static void is_ready(struct lc__waiter *waiter)
{
    struct lc__node_instance *instance = OF(struct lc__node_instance, ready_waiter, waiter);
    lc__shell_post(instance->shell, &instance->ready_post);
}

/* Whether the error is only the answer to the order to stop. */
static bool is_cancellation(const struct lc__node_instance *instance, const lc_error *error)
{
    return instance->node->engine.life == LC__LIFE_TOLD &&
           lc__context_is_clean_end(instance->common.context, error);
}

static void deal_with_failure(struct lc__shell *shell, struct lc__post *post)
{
    struct lc__node_instance *instance = OF(struct lc__node_instance, failed_post, post);
    lc_error *error = instance->thrown;
    instance->thrown = NULL;
    if (!instance->node) {
        lc_log(LC_LOG_ERROR, instance->owner->path,
               "unhandled error, thrown after its component was done: %s", lc_error_message(error));
        lc_error_unref(error);
    } else if (is_cancellation(instance, error)) {
        lc_error_unref(error);
    } else {
        lc__engine_failed(&shell->engine, &instance->node->engine, instance->number, error,
                          (lc_behavior)lc__signaler_asked(instance->common.signaler), lc_now());
    }
    unref_instance(instance);
}

static void relay_error(void *arg, lc_error *error)
{
    struct lc__node_instance *instance = arg;
    instance->thrown = error;
    ref_instance(instance);
    lc__shell_post(instance->shell, &instance->failed_post);
}

static void release_relay(void *arg)
{
    unref_instance(arg);
}

static void deal_with_end(struct lc__shell *shell, struct lc__post *post)
{
    struct lc__node_instance *instance = OF(struct lc__node_instance, ended_post, post);
    struct lc__node *node = instance->node;
    lc_error *refused = instance->common.refused;
    instance->common.refused = NULL;
    if (refused &&
        (is_cancellation(instance, refused) || lc__context_is_clean_end(shell->above, refused))) {
        lc_error_unref(refused); /* its factory has no context, and may wait under one above */
        refused = NULL;
    }
    instance->node = NULL;
    node->instance = NULL;
    lc__signaler_seal(instance->common.signaler);
    lc_context_cancel(instance->common.context, NULL);
    lc__engine_ended(&shell->engine, &node->engine, instance->number,
                     refused ? LC__ENDED_REFUSED : LC__ENDED_DONE, refused, lc_now());
    unref_instance(instance);
}

/* ---- its end ---- */

/* @return whether that was the last user: then the component is the caller's, to be destroyed. */
static bool drop_user(struct lc__node_instance *instance)
{
    /* Release, then acquire by the last: what others did with it comes before the destroy. */
    return atomic_fetch_sub_explicit(&instance->users, 1, memory_order_acq_rel) == 1;
}

static void destroy(struct lc__node_instance *instance)
{
    lc_component_destroy(instance->common.component);
    if (instance->common.component)
        lc__source_free_data(&instance->node->source, instance->data);
    lc__shell_post(instance->shell, &instance->ended_post);
}

static void destroy_in_task(void *arg)
{
    lc__worker_finishing();
    destroy(arg);
}

static void unwatch_ready(struct lc__node_instance *instance)
{
    /* A waiter that is not there any more is being told, or has been. */
    if (instance->watches_ready &&
        lc__handle_remove(lc_component_ready(instance->common.component), &instance->ready_waiter))
        unref_instance(instance);
}

static bool start_destroy(struct lc__node_instance *instance)
{
    const struct lc__node *node = instance->node;
    return lc__launch(&node->launch, instance->shell->executor, destroy_in_task, instance) == 0;
}

static void destroy_by_timer(struct lc__timer *timer)
{
    struct lc__node_instance *instance = OF(struct lc__node_instance, destroyer, timer);
    if (!start_destroy(instance))
        destroy(instance);
}

/*
 * Runs on the stack of the task that has closed the done handle, or of the last reader of the
 * component. The destroy may join that very thread, so one that may wait needs a task of its own.
 * If there is none, it is tried again after a pause: the thread has ended, and there is room for
 * another.
 */
void lc__node_instance_release(struct lc__node_instance *instance)
{
    if (!instance || !drop_user(instance))
        return;
    bool never_waits = instance->common.component->ops->flags & LC_START_INLINE &&
                       !lc__source_has_data(&instance->node->source);
    if (never_waits ||
        (!start_destroy(instance) && !lc__launch_later(&instance->destroyer, destroy_by_timer)))
        destroy(instance);
}

static void is_done(struct lc__waiter *waiter)
{
    struct lc__node_instance *instance = OF(struct lc__node_instance, done_waiter, waiter);
    unwatch_ready(instance);
    lc__node_instance_release(instance);
}

/* ---- readers of the component ---- */

struct lc__node_instance *lc__node_hold(struct lc__node *node)
{
    struct lc__node_instance *instance = node->instance;
    /* Acquire: a reader that finds the component finds it complete. */
    if (!instance || !atomic_load_explicit(&instance->shown, memory_order_acquire))
        return NULL;
    unsigned users = atomic_load_explicit(&instance->users, memory_order_relaxed);
    while (users > 0)
        if (atomic_compare_exchange_weak_explicit(&instance->users, &users, users + 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return instance;
    return NULL; /* it is being destroyed */
}

lc_component *lc__node_instance_component(const struct lc__node_instance *instance)
{
    return instance->common.component;
}

/* ---- its start ---- */

static lc_error *make(struct lc__node_instance *instance)
{
    const struct lc__source *source = &instance->node->source;
    lc_error *error = source->instance(&instance->common.component, &instance->data, source);
    return error ? error : lc__instance_check(&instance->common, true);
}

/*
 * Before the start: else a worker that is ready, and then fails, before the start has returned,
 * would be seen to fail first, and never to have been ready.
 */
static void watch_ready(struct lc__node_instance *instance)
{
    ref_instance(instance); /* the waiter's */
    instance->watches_ready = true;
    if (!lc__handle_add(lc_component_ready(instance->common.component), &instance->ready_waiter))
        is_ready(&instance->ready_waiter);
}

static lc_error *make_and_start(void *arg)
{
    struct lc__node_instance *instance = arg;
    instance->common.refused = make(instance);
    if (instance->common.refused)
        return NULL;
    /* Release: with lc__node_hold. */
    atomic_store_explicit(&instance->shown, instance->common.component, memory_order_release);
    watch_ready(instance);
    return lc__instance_start(&instance->common);
}

/* Once it waits for the done handle, the instance may go at any time. */
static void watch_done(struct lc__node_instance *instance)
{
    if (!lc__handle_add(lc_component_done(instance->common.component), &instance->done_waiter))
        is_done(&instance->done_waiter);
}

/* A start that has failed counts as done. */
static void start_ended(void *arg)
{
    struct lc__node_instance *instance = arg;
    if (lc__instance_started(&instance->common)) {
        watch_done(instance);
        return;
    }
    unwatch_ready(instance);
    if (drop_user(instance))
        destroy(instance);
}

static struct lc__node_instance *new_instance(struct lc__node *node)
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
    instance->ready_waiter.closed = is_ready;
    instance->done_waiter.closed = is_done;
    instance->ready_post.deal = deal_with_ready;
    instance->failed_post.deal = deal_with_failure;
    instance->ended_post.deal = deal_with_end;
    /* The program throws on the context, and is found by it to be part of the node. */
    const struct lc__relay relay = {relay_error, release_relay, instance, false};
    if (lc__instance_open(&instance->common, node->name, node->shell->context, &relay, owner))
        return instance;
    unref_instance(instance);
    return NULL;
}

/* There is nothing to run it in: an error like any other, so that it is tried again. */
static void cannot_start(struct lc__node *node, int code)
{
    lc_error *error = lc__launch_error(node->name, code, ++node->starts_without_task);
    node->engine.lacked_task = true;
    lc__engine_ended(&node->shell->engine, &node->engine, node->engine.instance, LC__ENDED_FAILED,
                     error, lc_now());
}

void lc__node_start(struct lc__node *node)
{
    struct lc__node_instance *instance = new_instance(node);
    if (!instance) {
        cannot_start(node, -ENOMEM);
        return;
    }
    node->instance = instance;
    lc__free(node->awaited); /* of an instance before */
    node->awaited = NULL;
    int result = lc__instance_launch(&instance->common, &node->launch, node->shell->executor,
                                     make_and_start, start_ended, instance);
    if (result == 0) {
        node->starts_without_task = 0;
        return;
    }
    node->instance = NULL;
    lc__signaler_seal(instance->common.signaler);
    unref_instance(instance);
    cannot_start(node, result);
}

void lc__node_cancel(struct lc__node *node)
{
    if (!node->instance)
        return;
    if (node->engine.state == LC_NODE_FAILING)
        lc_context_cancel(node->instance->common.context, lc_error_ref(node->engine.error));
    else
        lc__shell_cancel(node->shell, node->instance->common.context);
}
