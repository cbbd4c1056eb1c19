/*
 * context.c: trees of cancellation. See <lifecycle/context.h>.
 *
 * Locks: each context has one, for its list of children and for the step from live to ended. Nobody
 * holds two. References: a child holds its parent, never the other way round. Who walks down takes
 * a reference to each child under the parent's lock, and passes over a child whose count is already
 * 0: its last owner waits for that lock to unlink it.
 */
#include "context/context.h"

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
 * Bits of what a context has beside the common part; one without any of it does not pay for it. A
 * deadline and a value do not go together.
 */
enum context_kind {
    PLAIN = 0,
    WITH_SIGNALER = 1,
    WITH_DEADLINE = 2,
    WITH_VALUE = 4,
    WITH_GRACE = 8 /* and with it WITH_DEADLINE: the timer is armed when the parent has ended */
};

/* What cancelling touches comes first, close together: trees are large, and memory is slow. */
struct lc_context {
    atomic_uint refs;
    bool linked;                  /* whether the parent has it; under the parent's lock */
    unsigned char kind;           /* never changes, as parent, deadline and signaler */
    atomic_bool settled;          /* ended by itself, not with its parent: and so is all below */
    bool drops_clean_ends;        /* set before others have it */
    TAILQ_ENTRY(lc_context) link; /* in parent->children, under its lock; then the canceller's */
    _Atomic(lc_error *) error;    /* held; NULL while live; set once, under the lock */
    lc_handle done;               /* closes after `error` was set */
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
 * What hears of the parent's end. It is apart from the context, which may be freed while the parent
 * is just telling: each of the two has a reference.
 */
struct grace_link {
    struct lc__waiter waiter; /* first; of the parent's done handle */
    atomic_uint refs;
    struct lc__spinlock lock;
    struct grace_context *graced; /* NULL: it is being freed; under the lock */
};

struct grace_context {
    struct deadline_context timed; /* first */
    int64_t timeout;
    struct grace_link *link; /* held */
    atomic_bool holds;       /* the thread for timers: so to arm cannot fail for want of it */
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

/* For who has no reference: fails if the last one is already gone. */
static bool try_ref(lc_context *context)
{
    unsigned refs = atomic_load_explicit(&context->refs, memory_order_relaxed);
    while (refs > 0)
        if (atomic_compare_exchange_weak_explicit(&context->refs, &refs, refs + 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    return false;
}

static struct deadline_context *of_timer(struct lc__timer *timer)
{
    return (struct deadline_context *)((char *)timer - offsetof(struct deadline_context, timer));
}

/* The context has ended, or is freed: the first of these calls has an effect. */
static void grace_release_timers(struct grace_context *graced)
{
    /* Only the atomicity counts. */
    bool held = atomic_exchange_explicit(&graced->holds, false, memory_order_relaxed);
    lc__timers_release(&held);
}

/* A deadline that is not needed any more need not come. */
static void disarm(lc_context *context)
{
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

/* From here on the end of the parent does not find the context. */
static void grace_leave_parent(lc_context *context)
{
    struct grace_link *link = ((struct grace_context *)context)->link;
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
static void free_extra(lc_context *context)
{
    int cancelling; /* a thread that is cancelled in the release would leave the rest undone */
    disarm(context);
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
 * The last reference is gone. Nobody can get a new one once the two locks taken here have been
 * held.
 */
static lc_context *free_one(lc_context *context)
{
    lc_context *parent = context->parent;
    if (parent) {
        lc__spinlock_lock(&parent->lock);
        if (context->linked)
            TAILQ_REMOVE(&parent->children, context, link);
        lc__spinlock_unlock(&parent->lock);
    }
    free_extra(context);
    lc_error_unref(atomic_load_explicit(&context->error, memory_order_relaxed));
    lc__handle_destroy(&context->done);
    lc__free(context);
    return parent;
}

void lc_context_unref(lc_context *context)
{
    /*
     * A loop, not a recursion: a chain of contexts may be long. Release, then acquire by the last.
     */
    while (context && atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) == 1)
        context = free_one(context);
}

/* ---- ending ---- */

/*
 * Takes the step from live to ended, and takes the children out, a reference to each. @return
 * whether it was live. The caller has a reference.
 */
static bool end_one(lc_context *context, const lc_error *error, struct context_list *children)
{
    lc__spinlock_lock(&context->lock);
    bool was_live = !atomic_load_explicit(&context->error, memory_order_relaxed);
    if (was_live)
        /* Release: who sees it ended by the error alone sees the error's contents. */
        atomic_store_explicit(&context->error, lc_error_ref(error), memory_order_release);
    for (lc_context *child; (child = TAILQ_FIRST(&context->children));) {
        TAILQ_REMOVE(&context->children, child, link);
        child->linked = false;
        if (try_ref(child))
            TAILQ_INSERT_TAIL(children, child, link);
    }
    lc__spinlock_unlock(&context->lock);
    return was_live;
}

/*
 * A child that its parent still had, and that has ended, is the root of a cancel of its own,
 * perhaps one under way in another thread: in its first pass, which calls nobody and waits for none
 * but such roots further down.
 */
static void await_settled(lc_context *child)
{
    unsigned round = 0;
    while (!atomic_load_explicit(&child->settled, memory_order_acquire))
        lc__spin(&round);
}

/*
 * Ends a context and all below it, in two passes, neither of them recursive: first every context of
 * the tree gets its error, then the handles close, top down. So who sees one closed finds
 * everything below it ended. Takes `error` over.
 */
static void end_tree(lc_context *context, lc_error *error)
{
    struct context_list living = TAILQ_HEAD_INITIALIZER(living);
    struct context_list ended = TAILQ_HEAD_INITIALIZER(ended);
    lc_context_ref(context);
    /* The root's own link may still be in its parent's list: it gets no place in ours. */
    bool root_was_live = end_one(context, error, &living);
    for (lc_context *child; (child = TAILQ_FIRST(&living));) {
        TAILQ_REMOVE(&living, child, link);
        if (!end_one(child, error, &living))
            await_settled(child);
        /* Given back only below: what a last reference releases is the program's code. */
        TAILQ_INSERT_TAIL(&ended, child, link);
    }
    if (root_was_live) {
        /* Release: who finds it settled finds the errors below it. */
        atomic_store_explicit(&context->settled, true, memory_order_release);
        disarm(context);
        lc_handle_close(&context->done);
    }
    for (lc_context *child; (child = TAILQ_FIRST(&ended));) {
        TAILQ_REMOVE(&ended, child, link);
        disarm(child);
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
    end_tree(context, lc__context_cancellation(cause));
}

void lc__context_cancel_by(lc_context *context, lc_error *cancellation)
{
    if (lc_context_error(context))
        lc_error_unref(cancellation);
    else
        end_tree(context, cancellation);
}

/* ---- the deadline ---- */

/*
 * Under the timers' lock: keeps the context for the call that follows, if it is not just being
 * freed.
 */
static bool deadline_due(struct lc__timer *timer)
{
    return try_ref(&of_timer(timer)->context);
}

static void deadline_fire(struct lc__timer *timer)
{
    lc_context *context = &of_timer(timer)->context;
    end_tree(context, &timed_out);
    lc_context_unref(context);
}

/* ---- making ---- */

/* `size` is that of the kind's struct. */
static void *make(lc_context *parent, unsigned kind, size_t size)
{
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
 * Puts a finished context below its parent: from here on it can be ended by it; if the parent has
 * ended, it is at once.
 */
static lc_context *link_to_parent(lc_context *context)
{
    lc_context *parent = context ? context->parent : NULL;
    if (!parent)
        return context;
    lc__spinlock_lock(&parent->lock);
    const lc_error *error = atomic_load_explicit(&parent->error, memory_order_relaxed);
    if (!error) {
        TAILQ_INSERT_TAIL(&parent->children, context, link);
        context->linked = true;
    }
    lc__spinlock_unlock(&parent->lock);
    if (error)
        end_tree(context, lc_error_ref(error));
    return context;
}

lc_context *lc_context_new(lc_context *parent)
{
    return link_to_parent(make(parent, PLAIN, sizeof(lc_context)));
}

lc_context *lc__context_apart(lc_context *parent)
{
    lc_context *context = make(parent, PLAIN, sizeof *context);
    if (context)
        context->deadline = LC_FOREVER;
    return context;
}

lc_context *lc_context_with_deadline(lc_context *parent, int64_t deadline)
{
    if (deadline >= lc_context_deadline(parent))
        return lc_context_new(parent);
    struct deadline_context *made = make(parent, WITH_DEADLINE, sizeof *made);
    if (!made)
        return NULL;
    lc_context *context = &made->context;
    context->deadline = deadline;
    made->timer.due = deadline_due;
    made->timer.fire = deadline_fire;
    if (lc_now() >= deadline) {
        /* Its parent's error, if there is one, comes first. */
        link_to_parent(context);
        end_tree(context, &timed_out);
        return context;
    }
    /* Armed before it is linked: who cancels it, by way of the parent, finds the timer. */
    if (lc__timer_arm(&made->timer, deadline) < 0) {
        lc_context_unref(context);
        return NULL;
    }
    return link_to_parent(context);
}

/* ---- a grace ---- */

static void grace_fire(struct lc__timer *timer)
{
    lc_context *context = &of_timer(timer)->context;
    end_tree(context, lc_error_ref(lc_context_error(context->parent)));
    lc_context_unref(context);
}

/* Whether it has ended. With the lock: see grace_begin. */
static bool context_has_ended(lc_context *context)
{
    lc__spinlock_lock(&context->lock);
    bool ended = atomic_load_explicit(&context->error, memory_order_relaxed) != NULL;
    lc__spinlock_unlock(&context->lock);
    return ended;
}

/*
 * The parent has ended: the time begins. A cancel that comes meanwhile sets the error, under the
 * lock, and then disarms. Either this call takes the lock later, and finds the error, or the cancel
 * does, and then finds the timer armed. Where no timer can be had, which the hold excludes in the
 * world that the context was made in, there is no grace: no work is to go on for ever for want of
 * memory.
 */
static void grace_begin(struct grace_context *graced)
{
    lc_context *context = &graced->timed.context;
    int64_t deadline = lc_deadline_after(graced->timeout);
    if (deadline > context->deadline)
        deadline = context->deadline; /* the parent's own deadline came a little late */
    if (lc__timer_arm_apart(&graced->timed.timer, deadline) < 0)
        end_tree(context, lc_error_ref(lc_context_error(context->parent)));
    else if (context_has_ended(context))
        lc__timer_disarm(&graced->timed.timer);
}

/* On the stack of the call that ends the parent. */
static void grace_parent_ended(struct lc__waiter *waiter)
{
    struct grace_link *link = (struct grace_link *)waiter;
    lc__spinlock_lock(&link->lock);
    struct grace_context *graced = link->graced;
    if (graced && !try_ref(&graced->timed.context))
        graced = NULL;
    lc__spinlock_unlock(&link->lock);
    if (graced) {
        grace_begin(graced);
        lc_context_unref(&graced->timed.context);
    }
    grace_link_unref(link);
}

/* Gives it what it needs. @return false: no memory, or no thread for timers. */
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

/* When it ends by itself, as far as that is known when it is made. */
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
    struct grace_context *graced = make(parent, WITH_DEADLINE | WITH_GRACE, sizeof *graced);
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
    struct value_context *made = key ? make(parent, WITH_VALUE, sizeof *made) : NULL;
    if (!made)
        return NULL;
    made->key = key;
    made->value = value;
    made->release = release;
    return link_to_parent(&made->context);
}

lc_context *lc__context_with_own_signaler(lc_context *parent, lc_signaler *signaler)
{
    lc_context *context = make(parent, WITH_SIGNALER, sizeof *context);
    if (!context)
        return NULL;
    context->signaler = signaler;
    return link_to_parent(context);
}

lc_context *lc__context_with_own_signaler_and_value(lc_context *parent, lc_signaler *signaler,
                                                    const void *key, void *value,
                                                    void (*release)(void *value))
{
    struct value_context *made = make(parent, WITH_SIGNALER | WITH_VALUE, sizeof *made);
    if (!made)
        return NULL;
    made->context.signaler = signaler;
    made->key = key;
    made->value = value;
    made->release = release;
    return link_to_parent(&made->context);
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
    /* Acquire: pairs with the release when it was set. */
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
    /* Not lc_context_wait_any, which answers -ETIMEDOUT to two questions. */
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
