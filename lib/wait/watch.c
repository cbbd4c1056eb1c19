/*
 * watch.c: a value with versions, for many readers. See <lifecycle/watch.h>.
 *
 * The watch has a reference to the current value, and each reader has one to the value it has read.
 * The lock protects the pointer to the current value: a reader takes its reference under it, so
 * that no lc_watch_publish gives back the watch's reference in between. Handles close, and values
 * are released, without the lock.
 */
#include <lifecycle/watch.h>

#include "base/fork.h"
#include "base/memory.h"
#include "base/refs.h"
#include "base/spin.h"
#include "wait/handle.h"

#include <errno.h>
#include <pthread.h>

struct lc_watch {
    atomic_uint refs;
    struct lc__spinlock lock;
    lc_watch_value *current; /* held; NULL: none yet; under the lock */
    lc_handle published;     /* closes after `current` was first set */
};

struct lc_watch_value {
    atomic_uint refs;
    uint64_t version; /* as the next two: never changes once it is current */
    void *data;
    void (*release)(void *data);
    lc_handle replaced; /* closes after a newer one is current */
};

/* ---- the embedded handles ---- */

LC__HANDLE_OWNER(published_owner, lc_watch, published, lc_watch_ref, lc_watch_unref);
LC__HANDLE_OWNER(replaced_owner, lc_watch_value, replaced, lc_watch_value_ref,
                 lc_watch_value_unref);

/* ---- values ---- */

/* NULL: no memory. */
static lc_watch_value *watch_value_new(void *data, void (*release)(void *data))
{
    lc_watch_value *value = lc__allocate(sizeof *value);
    if (!value)
        return NULL;
    atomic_init(&value->refs, 1);
    value->data = data;
    value->release = release;
    lc__handle_init(&value->replaced, &replaced_owner);
    return value;
}

lc_watch_value *lc_watch_value_ref(lc_watch_value *value)
{
    if (value)
        atomic_fetch_add_explicit(&value->refs, 1, memory_order_relaxed);
    return value;
}

static void watch_value_release(const lc_watch_value *value)
{
    int cancelling; /* a thread that is cancelled in the release would leave the rest undone */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    value->release(value->data);
    pthread_setcancelstate(cancelling, NULL);
}

void lc_watch_value_unref(lc_watch_value *value)
{
    /* At a count of 1 no other reference can come: the watch, which gives them, has it. */
    if (!value || !lc__refs_drop(&value->refs))
        return;
    if (value->release)
        watch_value_release(value);
    lc__handle_destroy(&value->replaced);
    lc__free(value);
}

void *lc_watch_value_data(const lc_watch_value *value)
{
    return value ? value->data : NULL;
}

uint64_t lc_watch_value_version(const lc_watch_value *value)
{
    return value ? value->version : 0;
}

lc_handle *lc_watch_value_replaced(lc_watch_value *value)
{
    return value ? &value->replaced : NULL;
}

/* ---- watches ---- */

lc_watch *lc_watch_new(void)
{
    lc_watch *watch = lc__forked() ? NULL : lc__allocate(sizeof *watch);
    if (!watch)
        return NULL;
    atomic_init(&watch->refs, 1);
    lc__handle_init(&watch->published, &published_owner);
    return watch;
}

lc_watch *lc_watch_ref(lc_watch *watch)
{
    if (watch)
        atomic_fetch_add_explicit(&watch->refs, 1, memory_order_relaxed);
    return watch;
}

void lc_watch_unref(lc_watch *watch)
{
    if (!watch || !lc__refs_drop(&watch->refs))
        return;
    lc_watch_value_unref(watch->current);
    lc__handle_destroy(&watch->published);
    lc__free(watch);
}

/*
 * A reader that takes the lock after this call sees the new value with its contents. A reader that
 * takes the lock before this call has the handle that this call closes. A reader that sees the
 * handle closed takes the lock later. So no reader waits for ever, or misses the last value.
 */
int lc_watch_publish(lc_watch *watch, void *value, void (*release)(void *value))
{
    if (!watch)
        return -EINVAL;
    if (lc__forked())
        return -ENOTSUP;
    lc_watch_value *made = watch_value_new(value, release);
    if (!made)
        return -ENOMEM;
    lc__spinlock_lock(&watch->lock);
    lc_watch_value *before = watch->current;
    made->version = lc_watch_value_version(before) + 1;
    watch->current = made;
    lc__spinlock_unlock(&watch->lock);
    lc_handle_close(before ? &before->replaced : &watch->published);
    lc_watch_value_unref(before);
    return 0;
}

lc_watch_value *lc_watch_read(lc_watch *watch)
{
    if (!watch)
        return NULL;
    lc__spinlock_lock(&watch->lock);
    lc_watch_value *value = lc_watch_value_ref(watch->current);
    lc__spinlock_unlock(&watch->lock);
    return value;
}

lc_handle *lc_watch_published(lc_watch *watch)
{
    return watch ? &watch->published : NULL;
}
