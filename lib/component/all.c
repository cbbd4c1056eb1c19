/*
 * all.c: a handle that closes when all of several handles have closed. See <lifecycle/component.h>.
 *
 * The result has one waiter in the list of each input, and no thread. `users` counts the references
 * to the result. `refs` counts the waiters, and 1 for all users together. The unref of the last
 * user takes the waiters out again. A waiter that an input is calling at that moment gives its own
 * reference back; whichever reference is the last frees the result.
 */
#include "base/assert.h"
#include "base/memory.h"
#include "wait/handle.h"

#include <lifecycle/component.h>

struct all;

struct input {
    struct lc__waiter waiter; /* first */
    struct all *all;
    lc_handle *handle; /* a reference, until the result is freed */
};

struct all {
    lc_handle handle; /* first: the result */
    atomic_uint users;
    atomic_uint refs;      /* 1 for all users together, 1 for each waiter */
    atomic_size_t waiting; /* inputs that have not closed, and 1 until all inputs were added */
    size_t count;
    struct input inputs[];
};

static void all_unref(struct all *all)
{
    /* acq_rel: what other threads did with it before their unref happens before the free. */
    if (atomic_fetch_sub_explicit(&all->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < all->count; i++)
        lc_handle_unref(all->inputs[i].handle);
    lc__handle_destroy(&all->handle);
    lc__free(all);
}

static void all_user_ref(lc_handle *handle)
{
    atomic_fetch_add_explicit(&((struct all *)handle)->users, 1, memory_order_relaxed);
}

static void all_user_unref(lc_handle *handle)
{
    struct all *all = (struct all *)handle;
    if (atomic_fetch_sub_explicit(&all->users, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < all->count; i++)
        if (lc__handle_remove(all->inputs[i].handle, &all->inputs[i].waiter))
            all_unref(all); /* the reference of a waiter that is not called any more */
    all_unref(all);
}

static const struct lc__handle_owner owner = {all_user_ref, all_user_unref};

/* acq_rel: what happened before any input closed happens before the result closes. */
static void all_count_down(struct all *all)
{
    size_t waiting = atomic_fetch_sub_explicit(&all->waiting, 1, memory_order_acq_rel);
    LC__ASSERT(waiting > 0);
    if (waiting == 1)
        lc_handle_close(&all->handle);
}

static void all_input_closed(struct lc__waiter *waiter)
{
    struct all *all = ((struct input *)waiter)->all;
    all_count_down(all);
    all_unref(all);
}

static struct all *all_make(size_t count)
{
    struct all *all = lc__allocate(sizeof *all + count * sizeof all->inputs[0]);
    if (!all)
        return NULL;
    lc__handle_init(&all->handle, &owner);
    atomic_init(&all->users, 1);
    atomic_init(&all->refs, 1 + (unsigned)count);
    atomic_init(&all->waiting, 1 + count);
    all->count = count;
    return all;
}

static void all_input_add(struct all *all, size_t i, lc_handle *handle)
{
    struct input *input = &all->inputs[i];
    input->waiter.closed = all_input_closed;
    input->all = all;
    input->handle = lc_handle_ref(handle);
    if (!lc__handle_add(handle, &input->waiter))
        all_input_closed(&input->waiter);
}

lc_handle *lc_handles_all_closed(lc_handle *const *handles, size_t count)
{
    if (count > 0 && !handles)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (!handles[i])
            return NULL;
    struct all *all = all_make(count);
    if (!all)
        return NULL;
    for (size_t i = 0; i < count; i++)
        all_input_add(all, i, handles[i]);
    all_count_down(all);
    return &all->handle;
}

/* ---- of components ---- */

static lc_handle *all_of_components(lc_component *const *components, size_t count,
                                    lc_handle *(*handle_of)(lc_component *component))
{
    if (count > 0 && !components)
        return NULL;
    lc_handle **handles = lc__allocate_array(count + 1, sizeof(lc_handle *));
    if (!handles)
        return NULL;
    for (size_t i = 0; i < count; i++)
        handles[i] = handle_of(components[i]);
    lc_handle *all = lc_handles_all_closed(handles, count);
    lc__free(handles);
    return all;
}

lc_handle *lc_components_all_ready(lc_component *const *components, size_t count)
{
    return all_of_components(components, count, lc_component_ready);
}

lc_handle *lc_components_all_done(lc_component *const *components, size_t count)
{
    return all_of_components(components, count, lc_component_done);
}
