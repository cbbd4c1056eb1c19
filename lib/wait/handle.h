/*
 * handle.h (internal): the layout of a handle, for what embeds one or waits on several. Floor 2.
 */
#ifndef LIFECYCLE_WAIT_HANDLE_H
#define LIFECYCLE_WAIT_HANDLE_H

#include "base/container.h"
#include "executor/park.h"

#include <lifecycle/handle.h>

#include <stdatomic.h>

/*
 * Somebody to be told: in the list of a handle or a channel, linked and unlinked under its lock.
 * Lives with whoever waits. A waiter that is still in the list belongs to its maker; one that was
 * taken out belongs to who took it, until `closed` has been called, or the parker unparked, which
 * is the last touch.
 */
struct lc__waiter {
    struct lc__waiter *next; /* circular, NULL while in no list */
    struct lc__waiter *previous;
    struct lc__parker *parker; /* to be unparked, if `closed` is NULL */
    bool taken;                /* a channel has taken it out, to unpark it */
    /* The handle has closed. No lock is held. */
    void (*closed)(struct lc__waiter *waiter);
    /* The handle is gone and was never closed. */
    void (*dropped)(struct lc__waiter *waiter);
};

/* What a handle inside a larger object does with references to it: it passes them to the object. */
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
 * An open handle's list is read and changed with LOCKED set, which is held for a few instructions
 * and never across a call. Closing replaces the whole word by CLOSED in one step, and with it takes
 * the list out: after that step the closer has the waiters, and the handle belongs to others.
 */
struct lc_handle {
    _Atomic uintptr_t state;
    _Atomic(struct lc__descriptor *) descriptor; /* made when first asked for */
    const struct lc__handle_owner *owner;        /* NULL: on its own, counted by refs */
    atomic_uint refs;
};

_Static_assert(sizeof(struct lc_handle) <= 32,
               "a handle that nobody waits for is at most 32 bytes");

/* Begins a handle inside something else, and ends it: waiters of a still open one are dropped. */
void lc__handle_init(lc_handle *handle, const struct lc__handle_owner *owner);
void lc__handle_destroy(lc_handle *handle);

/* Adds a waiter. @return false if the handle is closed: the waiter was not added. */
bool lc__handle_add(lc_handle *handle, struct lc__waiter *waiter);
/* Takes a waiter out. @return false if a closer has it: it will be told. */
bool lc__handle_remove(lc_handle *handle, struct lc__waiter *waiter);

/* What a wait returns besides 0 and a negative errno: the handle that was to end it has closed. */
enum { LC__ENDED = 2 };

/*
 * As lc_handle_wait, and ended by the close of `end`, if that is not NULL. The handle wins over
 * `end`. For a caller that holds something: the call does not begin with lc__task_check(), and
 * returns -EINTR, once it no longer waits, if the calling task must end. @return also LC__ENDED.
 */
int lc__handle_wait_or_end(lc_handle *handle, lc_handle *end, int64_t deadline);
static inline int lc__handle_wait(lc_handle *handle, int64_t deadline)
{
    return lc__handle_wait_or_end(handle, NULL, deadline);
}

/* A handle, such as that of a context, whose close ends a wait for something else. */
struct lc__end {
    lc_handle *handle;        /* NULL: nothing ends the wait */
    struct lc__waiter waiter; /* its parker is that of the wait */
    unsigned unparks;         /* how often `handle` has unparked the parker, or is about to */
};

/*
 * Parks until the parker is unparked for the first time, be it by the close of `end`. The parker is
 * in the list of `end` only during the call. The caller waits for `end->unparks`, and for those of
 * its own, before the memory of `end` goes.
 * @return 0: something else than `end` has unparked it; LC__ENDED; or a result of lc__park.
 */
int lc__park_or_end(struct lc__end *end, int64_t deadline, const struct lc__park_reason *reason);

/* Lists of waiters, `*first` being NULL for an empty one. The caller sees to locking. */
void lc__waiters_append(struct lc__waiter **first, struct lc__waiter *waiter);
void lc__waiters_remove(struct lc__waiter **first, struct lc__waiter *waiter);

#endif
