/*
 * handle.c: one-shot events. See <lifecycle/handle.h> and handle.h.
 */
#include "wait/handle.h"

#include "base/assert.h"
#include "base/fork.h"
#include "base/library.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/refs.h"
#include "base/spin.h"
#include "base/system.h"
#include "base/task.h"
#include "executor/callback.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>

enum { LOCKED = 1, CLOSED = 2, FLAGS = LOCKED | CLOSED };

/* ---- lists of waiters ---- */

void lc__waiters_append(struct lc__waiter **first, struct lc__waiter *waiter)
{
    LC__ASSERT(!waiter->next);
    struct lc__waiter *head = *first ? *first : waiter;
    struct lc__waiter *tail = *first ? head->previous : waiter;
    waiter->next = head;
    waiter->previous = tail;
    tail->next = waiter;
    head->previous = waiter;
    *first = head;
}

void lc__waiters_remove(struct lc__waiter **first, struct lc__waiter *waiter)
{
    LC__ASSERT(*first && waiter->next);
    if (*first == waiter)
        *first = waiter->next == waiter ? NULL : waiter->next;
    waiter->next->previous = waiter->previous;
    waiter->previous->next = waiter->next;
    waiter->next = waiter->previous = NULL;
}

/* Takes the first waiter out. @return NULL: the list is empty. */
static struct lc__waiter *waiters_shift(struct lc__waiter **first)
{
    struct lc__waiter *waiter = *first;
    if (waiter)
        lc__waiters_remove(first, waiter);
    return waiter;
}

/* ---- the state ---- */

/*
 * Locks an open handle and reads its list. @return false if the handle is closed.
 * Acquire: this thread sees what was done under the lock, or before the close.
 */
static bool handle_lock_open(lc_handle *handle, struct lc__waiter **first)
{
    unsigned round = 0;
    uintptr_t state = atomic_load_explicit(&handle->state, memory_order_acquire);
    for (;;) {
        if (state & CLOSED)
            return false;
        if (state & LOCKED) {
            lc__spin(&round);
            state = atomic_load_explicit(&handle->state, memory_order_acquire);
            continue;
        }
        if (atomic_compare_exchange_weak_explicit(&handle->state, &state, state | LOCKED,
                                                  memory_order_acquire, memory_order_acquire))
            break;
    }
    *first = (struct lc__waiter *)state;
    return true;
}

/* Release: pairs with the acquire of the thread that locks or closes the handle next. */
static void handle_unlock(lc_handle *handle, struct lc__waiter *first)
{
    LC__ASSERT(atomic_load_explicit(&handle->state, memory_order_relaxed) & LOCKED);
    LC__ASSERT(((uintptr_t)first & FLAGS) == 0);
    atomic_store_explicit(&handle->state, (uintptr_t)first, memory_order_release);
}

bool lc__handle_add(lc_handle *handle, struct lc__waiter *waiter)
{
    struct lc__waiter *first;
    LC__ASSERT(waiter->closed || waiter->parker);
    if (!handle_lock_open(handle, &first))
        return false;
    lc__waiters_append(&first, waiter);
    handle_unlock(handle, first);
    return true;
}

bool lc__handle_remove(lc_handle *handle, struct lc__waiter *waiter)
{
    struct lc__waiter *first;
    if (!handle_lock_open(handle, &first))
        return false;
    lc__waiters_remove(&first, waiter);
    handle_unlock(handle, first);
    return true;
}

/*
 * Unparks all parkers before it calls the first function: a function may take long, or may itself
 * wait for one of the workers. It takes each waiter out of the list first, since the memory of a
 * waiter may be gone once it is notified.
 */
static void waiters_notify(struct lc__waiter *first)
{
    struct lc__waiter *callbacks = NULL;
    for (struct lc__waiter *waiter; (waiter = waiters_shift(&first));) {
        if (waiter->closed)
            lc__waiters_append(&callbacks, waiter);
        else
            lc__unpark(waiter->parker);
    }
    for (struct lc__waiter *waiter; (waiter = waiters_shift(&callbacks));)
        waiter->closed(waiter);
}

void lc_handle_close(lc_handle *handle)
{
    if (!handle)
        return;
    unsigned round = 0;
    uintptr_t state = atomic_load_explicit(&handle->state, memory_order_relaxed);
    for (;;) {
        if (state & CLOSED)
            return;
        if (state & LOCKED) {
            lc__spin(&round);
            state = atomic_load_explicit(&handle->state, memory_order_relaxed);
            continue;
        }
        /*
         * Release: a thread that sees the handle closed sees what was done before the close.
         * Acquire: this thread sees the list. From here on the handle may be gone.
         */
        if (atomic_compare_exchange_weak_explicit(&handle->state, &state, CLOSED,
                                                  memory_order_acq_rel, memory_order_relaxed))
            break;
    }
    waiters_notify((struct lc__waiter *)state);
}

bool lc_handle_is_closed(const lc_handle *handle)
{
    return handle && atomic_load_explicit(&handle->state, memory_order_acquire) & CLOSED;
}

int lc__park_or_end(struct lc__end *end, int64_t deadline, const struct lc__park_reason *reason)
{
    struct lc__parker *parker = end->waiter.parker;
    LC__ASSERT(parker && end->unparks == 0);
    if (end->handle && !lc__handle_add(end->handle, &end->waiter))
        return LC__ENDED;
    int result = 0;
    while (result == 0 && lc__parker_count(parker) == 0)
        result = lc__park(parker, 0, deadline, reason);
    if (!end->handle || lc__handle_remove(end->handle, &end->waiter))
        return result;
    end->unparks = 1;
    return result == -EINTR ? result : LC__ENDED;
}

/* Waits, not directly, for the handle that has the waiter, or for the end. */
static int handle_park(lc_handle *handle, struct lc__waiter *waiter, lc_handle *end_handle,
                       int64_t deadline, const struct lc__park_reason *reason)
{
    struct lc__parker *parker = waiter->parker;
    struct lc__end end = {.handle = end_handle, .waiter = {.parker = parker}};
    int result = lc__park_or_end(&end, deadline, reason);
    if (result == 0)
        return 0;
    bool closed = !lc__handle_remove(handle, waiter);
    /* A closing thread that has taken a waiter out unparks the parker, if it has not yet. */
    lc__park_until(parker, end.unparks + closed);
    return closed && result != -EINTR ? 0 : result;
}

int lc__handle_wait_or_end(lc_handle *handle, lc_handle *end, int64_t deadline)
{
    struct lc__park_reason reason = {"handle", handle};
    struct lc__parker parker;
    struct lc__waiter waiter = {.parker = &parker};
    if (!handle)
        return -EINVAL;
    if (lc__forked())
        return -ENOTSUP;
    bool direct = lc__parker_init_direct(&parker, end ? LC_NOW : deadline);
    if (!lc__handle_add(handle, &waiter))
        return 0;
    if (!direct)
        return handle_park(handle, &waiter, end, deadline, &reason);
    lc__park_direct(&parker, &reason);
    return 0;
}

int lc_handle_wait(lc_handle *handle, int64_t deadline)
{
    if (!handle)
        return lc__refuse("lc_handle_wait: the handle is NULL; lc_handle_new returns that when "
                          "memory has run out");
    lc__task_check();
    int result = lc__handle_wait(handle, deadline);
    if (result == -EINTR)
        lc__task_check(); /* does not return */
    return result;
}

/* ---- a descriptor that becomes readable ---- */

/* Held by the handle, and by its list until the close has been written to the descriptor. */
struct lc__descriptor {
    struct lc__waiter waiter;
    int number;
    atomic_uint refs;
};

static void descriptor_unref(struct lc__descriptor *descriptor)
{
    /* Release by each thread, acquire by the last: the write happens before the close. */
    unsigned refs = atomic_fetch_sub_explicit(&descriptor->refs, 1, memory_order_acq_rel);
    LC__ASSERT(refs > 0);
    if (refs > 1)
        return;
    lc__close(descriptor->number);
    lc__free(descriptor);
}

static void descriptor_closed(struct lc__waiter *waiter)
{
    struct lc__descriptor *descriptor = LC__CONTAINER_OF(waiter, struct lc__descriptor, waiter);
    uint64_t one = 1;
    lc__write_all(descriptor->number, &one, sizeof one);
    descriptor_unref(descriptor);
}

static void descriptor_dropped(struct lc__waiter *waiter)
{
    descriptor_unref(LC__CONTAINER_OF(waiter, struct lc__descriptor, waiter));
}

/* @return NULL, with a negative errno in *error, if there is no memory or no descriptor. */
static struct lc__descriptor *descriptor_new(int *error)
{
    *error = -ENOMEM;
    struct lc__descriptor *descriptor = lc__allocate(sizeof *descriptor);
    if (!descriptor)
        return NULL;
    descriptor->number = lc__memory_must_fail() ? -EMFILE : lc__eventfd(EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor->number < 0) {
        *error = descriptor->number;
        lc__free(descriptor);
        return NULL;
    }
    descriptor->waiter.closed = descriptor_closed;
    descriptor->waiter.dropped = descriptor_dropped;
    atomic_init(&descriptor->refs, 2); /* the handle's, and the list's */
    return descriptor;
}

/* lc_handle_new_closed's is never freed. Its descriptor is, in the library's shutdown. */
static void closed_handle_keep(lc_handle *handle)
{
    (void)handle;
}

static const struct lc__handle_owner closed_handle_owner = {closed_handle_keep, closed_handle_keep};
static lc_handle closed_handle = {CLOSED, NULL, &closed_handle_owner, 1};

lc_handle *lc_handle_new_closed(void)
{
    return &closed_handle;
}

static void closed_handle_shut_down(void)
{
    struct lc__descriptor *descriptor = atomic_exchange(&closed_handle.descriptor, NULL);
    if (descriptor)
        descriptor_unref(descriptor);
}

static struct lc__facility closed_facility = {.shut_down = closed_handle_shut_down};

int lc_handle_fd(lc_handle *handle)
{
    if (!handle)
        return -EINVAL;
    if (lc__forked())
        return -ENOTSUP;
    if (handle == &closed_handle)
        lc__facility_register(&closed_facility);
    struct lc__descriptor *there = atomic_load_explicit(&handle->descriptor, memory_order_acquire);
    if (there)
        return there->number;
    int error;
    struct lc__descriptor *made = descriptor_new(&error);
    if (!made)
        return error;
    int number = made->number;
    /* Release and acquire: a thread that reads the pointer sees what it points to. */
    if (!atomic_compare_exchange_strong_explicit(&handle->descriptor, &there, made,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        number = there->number; /* another thread was faster */
        descriptor_unref(made);
        descriptor_unref(made);
    } else if (!lc__handle_add(handle, &made->waiter)) {
        descriptor_closed(&made->waiter);
    }
    return number;
}

/* ---- callbacks ---- */

struct lc_handle_callback {
    struct lc__waiter waiter;
    lc_handle *handle;
    void (*function)(void *arg);
    void *arg;
    bool kept; /* the program cancels it; otherwise it is freed when its function has run */
    /*
     * Shared by the closing thread, which runs the function, and the thread that cancels it:
     *
     *     WAITING --close--> RUNNING --> OVER        the cancelling thread frees the callback
     *        |                  |
     *        |                  +--> the parker of a cancelling thread, unparked when OVER
     *        |                  +--> ABANDONED       cancelled without a wait: freed after the run
     *        +--cancel, after a closing thread has taken the callback out of the list-->
     *                                ABANDONED       the closing thread frees it, without a run
     */
    _Atomic uintptr_t phase;
};

/* No parker has such an address. */
enum { WAITING = 0, RUNNING = 1, OVER = 2, ABANDONED = 3 };

/* Acquire and release: after its step a thread sees what the other did before its own step. */
static bool callback_step(struct lc_handle_callback *callback, uintptr_t from, uintptr_t to)
{
    return atomic_compare_exchange_strong_explicit(&callback->phase, &from, to,
                                                   memory_order_acq_rel, memory_order_acquire);
}

/* Called once, when the function has run, or never will. */
static void callback_over(struct lc_handle_callback *callback)
{
    if (!callback->kept) {
        lc__free(callback);
        return;
    }
    uintptr_t before = atomic_exchange_explicit(&callback->phase, OVER, memory_order_acq_rel);
    LC__ASSERT(before != OVER);
    if (before == ABANDONED)
        lc__free(callback);
    else if (before != WAITING && before != RUNNING)
        lc__unpark((struct lc__parker *)before);
}

static void callback_run(struct lc_handle_callback *callback)
{
    int cancelling;
    lc__callback_enter();
    /* A thread that is cancelled in a callback would never notify the other waiters. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    callback->function(callback->arg);
    pthread_setcancelstate(cancelling, NULL);
    lc__callback_leave();
}

static void callback_closed(struct lc__waiter *waiter)
{
    struct lc_handle_callback *callback =
        LC__CONTAINER_OF(waiter, struct lc_handle_callback, waiter);
    if (!callback_step(callback, WAITING, RUNNING)) {
        lc__free(callback); /* abandoned since it was taken out of the list */
        return;
    }
    callback_run(callback);
    callback_over(callback);
}

static void callback_dropped(struct lc__waiter *waiter)
{
    callback_over(LC__CONTAINER_OF(waiter, struct lc_handle_callback, waiter));
}

int lc_handle_on_close(lc_handle *handle, void (*function)(void *arg), void *arg,
                       lc_handle_callback **kept)
{
    if (!handle || !function)
        return -EINVAL;
    if (lc__forked())
        return -ENOTSUP;
    struct lc_handle_callback *callback = lc__allocate(sizeof *callback);
    if (!callback)
        return -ENOMEM;
    callback->waiter.closed = callback_closed;
    callback->waiter.dropped = callback_dropped;
    callback->handle = handle;
    callback->function = function;
    callback->arg = arg;
    callback->kept = kept != NULL;
    if (kept)
        *kept = callback; /* before the function can run: it may cancel itself */
    if (!lc__handle_add(handle, &callback->waiter))
        callback_closed(&callback->waiter);
    return 0;
}

/* Waits until no other thread runs the function. */
static void callback_await_over(struct lc_handle_callback *callback)
{
    struct lc__parker parker;
    lc__parker_init(&parker);
    if (callback_step(callback, RUNNING, (uintptr_t)&parker))
        lc__park_until(&parker, 1);
}

/*
 * @return whether the function has not run and never will; then the callback no longer is the
 * caller's.
 */
static bool callback_prevent(struct lc_handle_callback *callback)
{
    uintptr_t phase = atomic_load_explicit(&callback->phase, memory_order_acquire);
    if (phase == WAITING && lc__handle_remove(callback->handle, &callback->waiter)) {
        lc__free(callback);
        return true;
    }
    /* A closing thread has taken it out of the list, and frees it. */
    return callback_step(callback, WAITING, ABANDONED);
}

bool lc_handle_callback_abandon(lc_handle_callback *callback)
{
    if (!callback)
        return false;
    if (callback_prevent(callback))
        return true;
    /* The thread that runs the function frees the callback; if the run is over, this call does. */
    if (!callback_step(callback, RUNNING, ABANDONED))
        lc__free(callback);
    return false;
}

bool lc_handle_callback_cancel(lc_handle_callback *callback)
{
    /* A callback waits for no other callback: that one may wait for this one, or be this one. */
    if (!callback || lc__in_callback())
        return lc_handle_callback_abandon(callback);
    if (callback_prevent(callback))
        return true;
    callback_await_over(callback);
    lc__free(callback);
    return false;
}

/* ---- references ---- */

void lc__handle_init(lc_handle *handle, const struct lc__handle_owner *owner)
{
    atomic_init(&handle->state, 0);
    atomic_init(&handle->descriptor, NULL);
    handle->owner = owner;
    atomic_init(&handle->refs, 1);
}

void lc__handle_destroy(lc_handle *handle)
{
    uintptr_t state = atomic_load_explicit(&handle->state, memory_order_acquire);
    LC__ASSERT(!(state & LOCKED));
    struct lc__waiter *left = (struct lc__waiter *)(state & ~(uintptr_t)FLAGS);
    for (struct lc__waiter *waiter; (waiter = waiters_shift(&left));)
        if (waiter->dropped)
            waiter->dropped(waiter);
    struct lc__descriptor *descriptor =
        atomic_load_explicit(&handle->descriptor, memory_order_acquire);
    if (descriptor)
        descriptor_unref(descriptor);
}

lc_handle *lc_handle_new(void)
{
    lc_handle *handle = lc__allocate(sizeof *handle);
    if (handle)
        lc__handle_init(handle, NULL);
    return handle;
}

lc_handle *lc_handle_ref(lc_handle *handle)
{
    if (!handle)
        return NULL;
    if (handle->owner)
        handle->owner->ref(handle);
    else
        atomic_fetch_add_explicit(&handle->refs, 1, memory_order_relaxed);
    return handle;
}

void lc_handle_unref(lc_handle *handle)
{
    if (!handle)
        return;
    if (handle->owner) {
        handle->owner->unref(handle);
        return;
    }
    if (!lc__refs_drop(&handle->refs))
        return;
    lc__handle_destroy(handle);
    lc__free(handle);
}
