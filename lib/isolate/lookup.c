/*
 * lookup.c: see lookup.h.
 */
#include "isolate/lookup.h"

#include "base/fork.h"
#include "base/memory.h"
#include "isolate/capability.h"

#include <errno.h>

static struct lc__isolate *isolate_lock_if(lc_send_port port, bool ending_too)
{
    struct lc__isolate *isolate = lc__pool_at(&lc__isolates, port.place);
    if (!isolate)
        return NULL;
    lc__spinlock_lock(&isolate->lock);
    bool there = isolate->alive || (isolate->ending && ending_too);
    if (there && isolate->serial == port.serial)
        return isolate;
    lc__isolate_unlock(isolate);
    return NULL;
}

struct lc__isolate *lc__isolate_lock(lc_send_port port)
{
    return isolate_lock_if(port, false);
}

/* Allocates and frees without the lock, as both may take long. */
static struct lc__isolate *isolate_lock_with_extras(lc_send_port port, bool ending_too, int *error)
{
    struct lc__extras *spare = NULL;
    *error = lc__forked() ? -ENOTSUP : -ESRCH;
    struct lc__isolate *isolate = *error == -ENOTSUP ? NULL : isolate_lock_if(port, ending_too);
    if (isolate && !isolate->extras) {
        lc__isolate_unlock(isolate);
        spare = lc__extras_new();
        if (!spare) {
            *error = -ENOMEM;
            return NULL;
        }
        isolate = isolate_lock_if(port, ending_too);
        if (isolate && !isolate->extras) {
            isolate->extras = spare;
            spare = NULL;
        }
    }
    if (spare && isolate) { /* another thread has made extras since */
        lc__isolate_unlock(isolate);
        lc__free(spare);
        isolate = isolate_lock_if(port, ending_too);
    } else {
        lc__free(spare);
    }
    return isolate;
}

struct lc__isolate *lc__isolate_lock_extras(lc_send_port port, int *error)
{
    return isolate_lock_with_extras(port, false, error);
}

struct lc__isolate *lc__isolate_lock_to_the_end(lc_send_port port, int *error)
{
    return isolate_lock_with_extras(port, true, error);
}

struct lc__extras *lc__isolate_extras(struct lc__isolate *isolate)
{
    LC__ASSERT(lc__isolate_running() == isolate);
    int error;
    struct lc__isolate *locked = lc__isolate_lock_extras(lc__isolate_control_port(isolate), &error);
    struct lc__extras *extras = locked ? locked->extras : NULL;
    if (locked)
        lc__isolate_unlock(locked);
    return extras;
}

struct lc__isolate *lc__isolate_lock_any(lc_send_port control, int *error)
{
    lc__task_check();
    *error = lc__forked() ? -ENOTSUP : -ESRCH;
    return *error == -ENOTSUP ? NULL : lc__isolate_lock(control);
}

/* Takes a locked isolate, or NULL. @return it, if it is of the caller's world. */
static struct lc__isolate *isolate_check_world(struct lc__isolate *isolate, int *error)
{
    if (!isolate || lc__executor_is_of_this_world(isolate->job.executor))
        return isolate;
    lc__isolate_unlock(isolate);
    *error = -ENOTSUP;
    return NULL;
}

struct lc__isolate *lc__isolate_lock_of_this_world(lc_send_port control, int *error)
{
    return isolate_check_world(lc__isolate_lock_any(control, error), error);
}

struct lc__isolate *lc__isolate_lock_extras_of_this_world(lc_send_port control, int *error)
{
    return isolate_check_world(lc__isolate_lock_extras(control, error), error);
}

struct lc__isolate *lc__isolate_lock_for(lc_send_port control, lc_capability shown,
                                         enum lc__right right, int *error)
{
    struct lc__isolate *isolate = lc__isolate_lock_any(control, error);
    if (!isolate)
        return NULL;
    const struct lc__extras *extras = isolate->extras;
    lc_capability wanted = LC_NO_CAPABILITY;
    if (extras)
        wanted = right == LC__RIGHT_TO_END ? extras->terminate : extras->pause;
    if (lc__capability_allows(shown, wanted))
        return isolate_check_world(isolate, error);
    lc__isolate_unlock(isolate);
    *error = -EPERM;
    return NULL;
}
