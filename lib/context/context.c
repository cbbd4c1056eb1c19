/*
 * context.c: trees of cancellation. See <lifecycle/context.h>.
 *
 * Locks: each context has one, for its list of children and for the step from live to ended. No
 * thread holds two. References: a child holds its parent; a parent does not hold its children. A
 * walk down the tree takes a reference to each child under the parent's lock. It passes over a
 * child with a count of 0: the thread that gave the last reference back waits for the lock to
 * unlink it.
 */
#include "context/context.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/fork.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/refs.h"
#include "base/spin.h"
#include "base/task.h"
#include "context/signaler.h"
#include "executor/timers.h"
#include "wait/channel.h"
#include "wait/handle.h"
#include "wait/wait.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <pthread.h>

TAILQ_HEAD(context_list, lc_context);

/*
 * The bits say what a context has beside the common part. A context does not have the memory for
 * what it does not have. No context has both a deadline and a value.
 */
enum context_kind {
    PLAIN = 0,
    WITH_SIGNALER = 1,
    WITH_DEADLINE = 2,
    WITH_VALUE = 4,
    WITH_GRACE = 8 /* with WITH_DEADLINE: the timer is armed when the parent has ended */
};

/* The fields that a cancel touches come first, close together: memory is slow for large trees. */
struct lc_context {
    atomic_uint refs;
    bool linked;           /* in the parent's list; under the parent's lock */
    unsigned char kind;    /* never changes, like parent, deadline and signaler */
    atomic_bool settled;   /* ended, not with its parent, and so is all below it */
    bool drops_clean_ends; /* set before an error can be thrown on it */
    TAILQ_ENTRY(lc_context)
    link; /* in parent->children, under its lock; then in a list of context_end_tree() */
    _Atomic(lc_error *) error; /* held; NULL while live; set once, under the lock */
    lc_handle done;            /* closes after `error` is set */
    struct lc__spinlock lock;
    struct context_list children; /* under the lock; empty once ended */
    lc_context *parent;           /* held */
    int64_t deadline;             /* the nearest of its own and its ancestors' */
    lc_signaler *signaler;        /* the nearest upward; held if the kind has WITH_SIGNALER */
};

struct deadline_context {
    lc_context context; /* first */
    struct lc__timer timer;
};

struct value_context {
    lc_context context; /* first */
    const void *key;
    void *value;
    void (*release)(void *value);
};

/*
 * Waits for the parent's end. It is apart from the context, which may be freed while the parent's
 * end notifies the waiter: the context and the parent's list each have a reference.
 */
struct grace_link {
    struct lc__waiter waiter; /* first; of the parent's done handle */
    atomic_uint refs;
    struct lc__spinlock lock;
    struct grace_context *graced; /* NULL: it is being freed. Under the lock */
};

struct grace_context {
    struct deadline_context timed; /* first */
    int64_t timeout;
    struct grace_link *link; /* held */
    atomic_bool holds;       /* the thread for timers: so that to arm the timer does not fail */
};

static struct lc_error cancelled = LC__ERROR_IMMORTAL(-ECANCELED, "context cancelled");
static struct lc_error timed_out = LC__ERROR_IMMORTAL(-ETIMEDOUT, "context deadline exceeded");

/* ---- the embedded handle ---- */

LC__HANDLE_OWNER(context_done_owner, lc_context, done, lc_context_ref, lc_context_unref);

/* ---- references ---- */

lc_context *lc_context_ref(lc_context *context)
{
    if (context)
        atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    return context;
}

static bool context_is_unreferenced(const lc_context *context)
{
    return atomic_load_explicit(&context->refs, memory_order_relaxed) == 0;
}

/* For a caller that has no reference. @return false: the last reference is gone. */
static bool context_try_ref(lc_context *context)
{
    unsigned refs = atomic_load_explicit(&context->refs, memory_order_relaxed);
    while (refs > 0)
        if (atomic_compare_exchange_weak_explicit(&context->refs, &refs, refs + 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    return false;
}

static struct deadline_context *context_of_timer(struct lc__timer *timer)
{
    return LC__CONTAINER_OF(timer, struct deadline_context, timer);
}

/* Called when the context has ended, and when it is freed. The first call has an effect. */
static void grace_release_timers(struct grace_context *graced)
{
    /* Relaxed: only one call may release; nothing is ordered. */
    bool held = atomic_exchange_explicit(&graced->holds, false, memory_order_relaxed);
    lc__timers_release(&held);
}

/* Disarms the timer of a context that has ended or is freed. */
static void context_disarm(lc_context *context)
{
    LC__ASSERT(lc_context_error(context) || context_is_unreferenced(context));
    if (context->kind & WITH_DEADLINE)
        lc__timer_disarm(&((struct deadline_context *)context)->timer);
    if (context->kind & WITH_GRACE)
        grace_release_timers((struct grace_context *)context);
}

static void grace_link_unref(struct grace_link *link)
{
    if (lc__refs_drop(&link->refs))
        lc__free(link);
}

/* From here on the end of the parent does not reach the context. */
static void grace_leave_parent(lc_context *context)
{
    struct grace_link *link = ((struct grace_context *)context)->link;
    LC__ASSERT(context->kind & WITH_GRACE && context_is_unreferenced(context));
    if (!link)
        return;
    lc__spinlock_lock(&link->lock);
    link->graced = NULL;
    lc__spinlock_unlock(&link->lock);
    if (lc__handle_remove(&context->parent->done, &link->waiter))
        grace_link_unref(link); /* the list's */
    grace_link_unref(link);
}

/* Gives back what the kind of context holds. */
static void context_free_extra(lc_context *context)
{
    int cancelling; /* a thread that is cancelled in the release would not free the context */
    context_disarm(context);
    if (context->kind & WITH_GRACE)
        grace_leave_parent(context);
    if (context->kind & WITH_SIGNALER)
        lc_signaler_unref(context->signaler);
    const struct value_context *with_value = (struct value_context *)context;
    if (!(context->kind & WITH_VALUE) || !with_value->release)
        return;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    with_value->release(with_value->value);
    pthread_setcancelstate(cancelling, NULL);
}

/*
 * The last reference is gone. No thread gets a new one once the parent's lock and the lock of the
 * timers, which context_disarm() takes, have been held. @return the parent.
 */
static lc_context *context_free_one(lc_context *context)
{
    lc_context *parent = context->parent;
    LC__ASSERT(context_is_unreferenced(context));
    LC__ASSERT(TAILQ_EMPTY(&context->children)); /* each child holds its parent */
    if (parent) {
        lc__spinlock_lock(&parent->lock);
        if (context->linked)
            TAILQ_REMOVE(&parent->children, context, link);
        lc__spinlock_unlock(&parent->lock);
    }
    context_free_extra(context);
    lc_error_unref(atomic_load_explicit(&context->error, memory_order_relaxed));
    lc__handle_destroy(&context->done);
    lc__free(context);
    return parent;
}

void lc_context_unref(lc_context *context)
{
    /*
     * A loop, not a recursion: a chain of contexts may be long. Release by each thread, acquire by
     * the last: all uses of the context happen before the free.
     */
    while (context && atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) == 1)
        context = context_free_one(context);
}

/* ---- ending ---- */

/*
 * Takes the step from live to ended, and moves the children to a list, with a reference to each.
 * @return whether the context was live. The caller has a reference to it.
 */
static bool context_end_one(lc_context *context, const lc_error *error,
                            struct context_list *children)
{
    LC__ASSERT(error && !context_is_unreferenced(context));
    lc__spinlock_lock(&context->lock);
    bool was_live = !atomic_load_explicit(&context->error, memory_order_relaxed);
    if (was_live)
        /* Release: a thread that reads the error without the lock sees its contents. */
        atomic_store_explicit(&context->error, lc_error_ref(error), memory_order_release);
    for (lc_context *child; (child = TAILQ_FIRST(&context->children));) {
        TAILQ_REMOVE(&context->children, child, link);
        LC__ASSERT(child->linked && child->parent == context);
        child->linked = false;
        if (context_try_ref(child))
            TAILQ_INSERT_TAIL(children, child, link);
    }
    lc__spinlock_unlock(&context->lock);
    return was_live;
}

/*
 * A child that was in its parent's list and has ended is the root of another cancel, perhaps one
 * that another thread is in. This waits for the first pass of that cancel, which calls no code of
 * the program and waits only for such roots further down.
 */
static void context_await_settled(lc_context *child)
{
    LC__ASSERT(lc_context_error(child));
    unsigned round = 0;
    while (!atomic_load_explicit(&child->settled, memory_order_acquire))
        lc__spin(&round);
}

/*
 * Ends a context and all below it, in two passes without recursion. The first gives every context
 * of the tree its error, the second closes the handles, top down. So a thread that sees a handle
 * closed finds everything below that context ended. Takes `error` over.
 */
static void context_end_tree(lc_context *context, lc_error *error)
{
    struct context_list living = TAILQ_HEAD_INITIALIZER(living);
    struct context_list ended = TAILQ_HEAD_INITIALIZER(ended);
    lc_context_ref(context);
    /* The root may still be in its parent's list, by the same link: it is in neither list here. */
    bool root_was_live = context_end_one(context, error, &living);
    for (lc_context *child; (child = TAILQ_FIRST(&living));) {
        TAILQ_REMOVE(&living, child, link);
        if (!context_end_one(child, error, &living))
            context_await_settled(child);
        /* Its reference is given back below, since that may call the program's code. */
        TAILQ_INSERT_TAIL(&ended, child, link);
    }
    if (root_was_live) {
        /* Release: pairs with context_await_settled(), which then finds the errors below. */
        atomic_store_explicit(&context->settled, true, memory_order_release);
        context_disarm(context);
        lc_handle_close(&context->done);
    }
    for (lc_context *child; (child = TAILQ_FIRST(&ended));) {
        TAILQ_REMOVE(&ended, child, link);
        context_disarm(child);
        lc_handle_close(&child->done);
        lc_context_unref(child);
    }
    lc_context_unref(context);
    lc_error_unref(error);
}

lc_error *lc__context_cancellation(lc_error *cause)
{
    return cause ? lc_error_wrap(cause, -ECANCELED, "context cancelled") : &cancelled;
}

void lc_context_cancel(lc_context *context, lc_error *cause)
{
    if (!context || lc_context_error(context)) {
        lc_error_unref(cause);
        return;
    }
    context_end_tree(context, lc__context_cancellation(cause));
}

void lc__context_cancel_by(lc_context *context, lc_error *cancellation)
{
    if (lc_context_error(context))
        lc_error_unref(cancellation);
    else
        context_end_tree(context, cancellation);
}

/* ---- the deadline ---- */

/*
 * Called under the lock of the timers: takes a reference for deadline_fire(). @return false: the
 * context is being freed.
 */
static bool deadline_due(struct lc__timer *timer)
{
    return context_try_ref(&context_of_timer(timer)->context);
}

static void deadline_fire(struct lc__timer *timer)
{
    lc_context *context = &context_of_timer(timer)->context;
    LC__ASSERT(context->kind & WITH_DEADLINE && !(context->kind & WITH_GRACE));
    context_end_tree(context, &timed_out);
    lc_context_unref(context);
}

/* ---- making ---- */

/* `size` is that of the struct of this kind. NULL: no memory. */
static void *context_make(lc_context *parent, unsigned kind, size_t size)
{
    LC__ASSERT(!(kind & WITH_DEADLINE && kind & WITH_VALUE));
    lc_context *context = lc__forked() ? NULL : lc__allocate(size);
    if (!context)
        return NULL;
    context->kind = (unsigned char)kind;
    atomic_init(&context->refs, 1);
    TAILQ_INIT(&context->children);
    atomic_init(&context->error, NULL);
    lc__handle_init(&context->done, &context_done_owner);
    context->parent = lc_context_ref(parent);
    context->deadline = parent ? parent->deadline : LC_FOREVER;
    context->signaler = parent ? parent->signaler : NULL;
    return context;
}

/*
 * Puts a finished context below its parent: from here on the end of the parent ends it. A parent
 * that has ended ends it at once.
 */
static lc_context *context_link_to_parent(lc_context *context)
{
    lc_context *parent = context ? context->parent : NULL;
    if (!parent)
        return context;
    LC__ASSERT(!context->linked);
    lc__spinlock_lock(&parent->lock);
    const lc_error *error = atomic_load_explicit(&parent->error, memory_order_relaxed);
    if (!error) {
        TAILQ_INSERT_TAIL(&parent->children, context, link);
        context->linked = true;
    }
    lc__spinlock_unlock(&parent->lock);
    if (error)
        context_end_tree(context, lc_error_ref(error));
    return context;
}

lc_context *lc_context_new(lc_context *parent)
{
    return context_link_to_parent(context_make(parent, PLAIN, sizeof(lc_context)));
}

lc_context *lc__context_apart(lc_context *parent)
{
    lc_context *context = context_make(parent, PLAIN, sizeof *context);
    if (context)
        context->deadline = LC_FOREVER;
    return context;
}

lc_context *lc_context_with_deadline(lc_context *parent, int64_t deadline)
{
    if (deadline >= lc_context_deadline(parent))
        return lc_context_new(parent);
    struct deadline_context *made = context_make(parent, WITH_DEADLINE, sizeof *made);
    if (!made)
        return NULL;
    lc_context *context = &made->context;
    context->deadline = deadline;
    made->timer.due = deadline_due;
    made->timer.fire = deadline_fire;
    if (lc_now() >= deadline) {
        /* The parent's error, if it has one, comes before the deadline's. */
        context_link_to_parent(context);
        context_end_tree(context, &timed_out);
        return context;
    }
    /* Armed before it is linked: a cancel of the parent finds the timer and disarms it. */
    if (lc__timer_arm(&made->timer, deadline) < 0) {
        lc_context_unref(context);
        return NULL;
    }
    return context_link_to_parent(context);
}

/* ---- a grace ---- */

static void grace_fire(struct lc__timer *timer)
{
    lc_context *context = &context_of_timer(timer)->context;
    LC__ASSERT(context->kind & WITH_GRACE && lc_context_error(context->parent));
    context_end_tree(context, lc_error_ref(lc_context_error(context->parent)));
    lc_context_unref(context);
}

/* Takes the lock for the sake of grace_begin(). */
static bool context_has_ended(lc_context *context)
{
    lc__spinlock_lock(&context->lock);
    bool ended = atomic_load_explicit(&context->error, memory_order_relaxed) != NULL;
    lc__spinlock_unlock(&context->lock);
    return ended;
}

/*
 * The parent has ended: the time begins. A cancel at the same time sets the error under the lock
 * and then disarms the timer. If this call takes the lock after the cancel, it finds the error. If
 * the cancel takes the lock later, it finds the timer armed. If there is no timer, which the hold
 * excludes in the world where the context was made, the context ends at once: otherwise work would
 * go on for ever.
 */
static void grace_begin(struct grace_context *graced)
{
    lc_context *context = &graced->timed.context;
    LC__ASSERT(lc_context_error(context->parent));
    int64_t deadline = lc_deadline_after(graced->timeout);
    if (deadline > context->deadline)
        deadline = context->deadline; /* the parent's deadline came a little late */
    if (lc__timer_arm_apart(&graced->timed.timer, deadline) < 0)
        context_end_tree(context, lc_error_ref(lc_context_error(context->parent)));
    else if (context_has_ended(context))
        lc__timer_disarm(&graced->timed.timer);
}

/* Runs on the stack of the call that ends the parent. */
static void grace_parent_ended(struct lc__waiter *waiter)
{
    struct grace_link *link = LC__CONTAINER_OF(waiter, struct grace_link, waiter);
    lc__spinlock_lock(&link->lock);
    struct grace_context *graced = link->graced;
    if (graced && !context_try_ref(&graced->timed.context))
        graced = NULL;
    lc__spinlock_unlock(&link->lock);
    if (graced) {
        grace_begin(graced);
        lc_context_unref(&graced->timed.context);
    }
    grace_link_unref(link);
}

/* @return false: no memory, or no thread for timers. */
static bool grace_prepare(struct grace_context *graced)
{
    bool held = false;
    graced->timed.timer.due = deadline_due;
    graced->timed.timer.fire = grace_fire;
    graced->link = lc__allocate(sizeof *graced->link);
    if (!graced->link)
        return false;
    atomic_init(&graced->link->refs, 1);
    graced->link->graced = graced;
    graced->link->waiter.closed = grace_parent_ended;
    int result = lc__timers_hold(&held);
    atomic_init(&graced->holds, held);
    return result == 0;
}

/* When the context ends by itself, as far as that is known when it is made. */
static int64_t grace_end(const lc_context *parent, int64_t timeout)
{
    if (lc_context_error(parent))
        return lc_deadline_after(timeout);
    return parent->deadline > LC_FOREVER - timeout ? LC_FOREVER : parent->deadline + timeout;
}

lc_context *lc_context_with_grace(lc_context *parent, int64_t timeout)
{
    if (!parent || timeout <= 0)
        return lc_context_new(parent);
    if (timeout == LC_FOREVER)
        return lc__context_apart(parent);
    struct grace_context *graced = context_make(parent, WITH_DEADLINE | WITH_GRACE, sizeof *graced);
    if (!graced)
        return NULL;
    lc_context *context = &graced->timed.context;
    graced->timeout = timeout;
    context->deadline = grace_end(parent, timeout);
    if (!grace_prepare(graced)) {
        lc_context_unref(context);
        return NULL;
    }
    atomic_fetch_add_explicit(&graced->link->refs, 1, memory_order_relaxed); /* the list's */
    if (!lc__handle_add(&parent->done, &graced->link->waiter))
        grace_parent_ended(&graced->link->waiter);
    return context;
}

lc_context *lc_context_with_value(lc_context *parent, const void *key, void *value,
                                  void (*release)(void *value))
{
    struct value_context *made = key ? context_make(parent, WITH_VALUE, sizeof *made) : NULL;
    if (!made)
        return NULL;
    made->key = key;
    made->value = value;
    made->release = release;
    return context_link_to_parent(&made->context);
}

lc_context *lc__context_with_own_signaler(lc_context *parent, lc_signaler *signaler)
{
    lc_context *context = context_make(parent, WITH_SIGNALER, sizeof *context);
    if (!context)
        return NULL;
    context->signaler = signaler;
    return context_link_to_parent(context);
}

lc_context *lc__context_with_own_signaler_and_value(lc_context *parent, lc_signaler *signaler,
                                                    const void *key, void *value,
                                                    void (*release)(void *value))
{
    struct value_context *made = context_make(parent, WITH_SIGNALER | WITH_VALUE, sizeof *made);
    if (!made)
        return NULL;
    made->context.signaler = signaler;
    made->key = key;
    made->value = value;
    made->release = release;
    return context_link_to_parent(&made->context);
}

lc_context *lc_context_with_signaler(lc_context *parent, lc_signaler *signaler)
{
    lc_context *context = NULL;
    if (signaler)
        context = lc__context_with_own_signaler(parent, lc_signaler_ref(signaler));
    if (!context)
        lc_signaler_unref(signaler);
    return context;
}

/* ---- looking ---- */

const lc_error *lc_context_error(const lc_context *context)
{
    /* Acquire: pairs with the release in context_end_one(). */
    return context ? atomic_load_explicit(&context->error, memory_order_acquire) : NULL;
}

bool lc__context_is_clean_end(const lc_context *context, const lc_error *error)
{
    const lc_error *ended = lc_context_error(context);
    return ended && (!error || lc_error_is(error, lc_error_code(ended)));
}

void lc__context_drop_clean_ends(lc_context *context)
{
    context->drops_clean_ends = true;
}

bool lc__context_drops(const lc_context *context, const lc_error *error)
{
    for (; context; context = context->parent) {
        if (context->drops_clean_ends && lc__context_is_clean_end(context, error))
            return true;
        if (context->kind & WITH_SIGNALER)
            return false;
    }
    return false;
}

lc_handle *lc_context_done(lc_context *context)
{
    return context ? &context->done : NULL;
}

int64_t lc_context_deadline(const lc_context *context)
{
    return context ? context->deadline : LC_FOREVER;
}

void *lc_context_value(const lc_context *context, const void *key)
{
    for (; context; context = context->parent) {
        const struct value_context *with_value = (const struct value_context *)context;
        if (context->kind & WITH_VALUE && with_value->key == key)
            return with_value->value;
    }
    return NULL;
}

void *lc__context_next_value(const lc_context **context, const void *key)
{
    for (const lc_context *one = *context; one; one = one->parent) {
        const struct value_context *with_value = (const struct value_context *)one;
        if (!(one->kind & WITH_VALUE) || with_value->key != key)
            continue;
        *context = one->parent;
        return with_value->value;
    }
    *context = NULL;
    return NULL;
}

lc_signaler *lc__context_signaler(const lc_context *context)
{
    return context ? context->signaler : NULL;
}

/* ---- waiting ---- */

int lc_context_wait_any(lc_context *context, lc_waitable *waitables, size_t count, int64_t deadline)
{
    int result = lc__wait_any(waitables, count, lc_context_done(context), deadline);
    if (result == -EINVAL)
        return lc__wait_refuse("lc_context_wait_any", waitables, count);
    if (result >= 0 && (size_t)result == count)
        return lc_error_code(lc_context_error(context));
    return result;
}

/* @return the result of a wait that the end of the context ends. */
static int context_wait_result(const lc_context *context, int result)
{
    return result == LC__ENDED ? lc_error_code(lc_context_error(context)) : result;
}

int lc_context_wait(lc_context *context, lc_handle *handle, int64_t deadline)
{
    if (!handle)
        return lc__refuse("lc_context_wait: the handle is NULL; to wait for the end of the context "
                          "alone, call lc_handle_wait with lc_context_done(context)");
    lc__task_check();
    int result = lc__handle_wait_or_end(handle, lc_context_done(context), deadline);
    if (result == -EINTR)
        lc__task_check(); /* does not return */
    return context_wait_result(context, result);
}

int lc_context_sleep(lc_context *context, int64_t timeout)
{
    const lc_error *ended = lc_context_error(context);
    if (ended)
        return lc_error_code(ended);
    /* Not lc_context_wait_any, where -ETIMEDOUT may also be the code of the context's error. */
    int result = lc__wait_any(NULL, 0, lc_context_done(context), lc_deadline_after(timeout));
    if (result == -ETIMEDOUT)
        return 0;
    return result < 0 ? result : lc_error_code(lc_context_error(context));
}

int lc_context_send(lc_context *context, lc_channel *channel, void *item, int64_t deadline)
{
    if (!channel)
        return lc__refuse("lc_context_send: the channel is NULL; lc_channel_new makes one");
    return context_wait_result(
        context, lc__channel_send_or_end(channel, item, lc_context_done(context), deadline));
}

int lc_context_receive(lc_context *context, lc_channel *channel, void **item, int64_t deadline)
{
    if (!channel || !item)
        return lc__refuse("lc_context_receive: the %s is NULL",
                          channel ? "place for the item" : "channel");
    return context_wait_result(
        context, lc__channel_receive_or_end(channel, item, lc_context_done(context), deadline));
}
