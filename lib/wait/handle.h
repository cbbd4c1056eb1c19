/*
 * handle.h (internal): the layout of a handle, for objects that embed one and for waits on several.
 * Floor 2.
 */
#ifndef LIFECYCLE_WAIT_HANDLE_H
#define LIFECYCLE_WAIT_HANDLE_H

#include "base/container.h"
#include "executor/park.h"

#include <lifecycle/handle.h>

#include <stdatomic.h>

/*
 * An entry in the list of a handle or a channel, linked and unlinked under its lock. Its memory is
 * that of the call or the object that waits, which owns it while it is in the list. The call that
 * takes a waiter out of the list owns it until it has called `closed` or unparked the parker, which
 * is the last access.
 */
struct lc__waiter {
    struct lc__waiter *next; /* circular; NULL while it is in no list */
    struct lc__waiter *previous;
    struct lc__parker *parker; /* to be unparked, if `closed` is NULL */
    bool taken;                /* a call on a channel has taken it out, to unpark it */
    /* Called when the handle has closed, with no lock held. */
    void (*closed)(struct lc__waiter *waiter);
    /* Called when the handle is freed and was never closed. NULL: nothing is called. */
    void (*dropped)(struct lc__waiter *waiter);
};

/* A handle inside a larger object passes references to it on to the object. */
struct lc__handle_owner {
    void (*ref)(lc_handle *handle);
    void (*unref)(lc_handle *handle);
};

/*
 * Defines `owner`, for the handles that are the `member` of a `type`. `object_ref` and
 * `object_unref` take a pointer to the object.
 */
#define LC__HANDLE_OWNER(owner, type, member, object_ref, object_unref)                            \
    static void owner##_ref(lc_handle *handle)                                                     \
    {                                                                                              \
        object_ref(LC__CONTAINER_OF(handle, type, member));                                        \
    }                                                                                              \
    static void owner##_unref(lc_handle *handle)                                                   \
    {                                                                                              \
        object_unref(LC__CONTAINER_OF(handle, type, member));                                      \
    }                                                                                              \
    static const struct lc__handle_owner owner = {owner##_ref, owner##_unref}

/*
 *     state: bit 63                                  2        1        0
 *           +------------------------------------------+--------+--------+
 *           | the first waiter, or 0                    | CLOSED | LOCKED |
 *           +------------------------------------------+--------+--------+
 *
 * The list of an open handle is read and changed by the thread that has set LOCKED, for a few
 * instructions and never across a call. lc_handle_close replaces the whole word by CLOSED in one
 * step, which takes the list out as well. After that step the closing thread owns the waiters, and
 * no longer touches the handle, which may be freed.
 */
struct lc_handle {
    _Atomic uintptr_t state;
    _Atomic(struct lc__descriptor *) descriptor; /* made by the first lc_handle_fd */
    const struct lc__handle_owner *owner;        /* NULL: it counts its references itself */
    atomic_uint refs;
};

_Static_assert(sizeof(struct lc_handle) <= 32, "a handle without waiters takes 32 bytes at most");

/* Begins a handle inside a larger object. */
void lc__handle_init(lc_handle *handle, const struct lc__handle_owner *owner);
/* Ends it. If it is still open, its waiters are dropped. */
void lc__handle_destroy(lc_handle *handle);

/* Adds a waiter. @return false if the handle is closed: the waiter was not added. */
bool lc__handle_add(lc_handle *handle, struct lc__waiter *waiter);
/*
 * Takes a waiter out. @return false if a closing thread has taken it out, and notifies it or has
 * notified it.
 */
bool lc__handle_remove(lc_handle *handle, struct lc__waiter *waiter);

/* Besides 0 and a negative errno a wait may return this: the handle given as its end has closed. */
enum { LC__ENDED = 2 };

/*
 * Waits as lc_handle_wait does. The close of `end`, which may be NULL, ends the wait, unless the
 * handle has closed. For a caller that holds something: the call does not begin with
 * lc__task_check().
 * @return a result of lc_handle_wait; LC__ENDED; -EINTR: the calling task must end.
 */
int lc__handle_wait_or_end(lc_handle *handle, lc_handle *end, int64_t deadline);
static inline int lc__handle_wait(lc_handle *handle, int64_t deadline)
{
    return lc__handle_wait_or_end(handle, NULL, deadline);
}

/* A handle that ends a wait for something else by its close, such as the `done` of a context. */
struct lc__end {
    lc_handle *handle;        /* NULL: nothing ends the wait */
    struct lc__waiter waiter; /* its parker is that of the wait */
    unsigned unparks;         /* how often `handle` has unparked the parker, or is about to */
};

/*
 * Parks until the first unpark of the parker, which the close of `end` unparks too. `end` is in the
 * list of its handle during this call only. Afterwards the caller waits for `end->unparks` and for
 * the unparks by what it waits for, before the memory of `end` goes.
 * @return 0: something other than `end` has unparked the parker; LC__ENDED; a result of lc__park.
 */
int lc__park_or_end(struct lc__end *end, int64_t deadline, const struct lc__park_reason *reason);

/*
 * Lists of waiters; `*first` is NULL if the list is empty. They are circular, since the state of a
 * handle has room for one pointer, and a queue needs both ends. The caller holds the lock.
 */
void lc__waiters_append(struct lc__waiter **first, struct lc__waiter *waiter);
void lc__waiters_remove(struct lc__waiter **first, struct lc__waiter *waiter);

#endif
