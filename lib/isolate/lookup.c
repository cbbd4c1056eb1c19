/*
 * lookup.c: see lookup.h.
 */
#include "isolate/lookup.h"

#include "base/fork.h"
#include "base/memory.h"
#include "isolate/capability.h"

#include <errno.h>

static struct lc__isolate *lock_if(lc_send_port port, bool ending_too)
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
    return lock_if(port, false);
}

static struct lc__isolate *lock_extras(lc_send_port port, bool ending_too, int *error)
{
    struct lc__extras *spare = NULL;
    *error = lc__forked() ? -ENOTSUP : -ESRCH;
    struct lc__isolate *isolate = *error == -ENOTSUP ? NULL : lock_if(port, ending_too);
    if (isolate && !isolate->extras) {
        lc__isolate_unlock(isolate);
        spare = lc__extras_new();
        if (!spare) {
            *error = -ENOMEM;
            return NULL;
        }
        isolate = lock_if(port, ending_too);
        if (isolate && !isolate->extras) {
            isolate->extras = spare;
            spare = NULL;
        }
    }
    if (spare && isolate) { /* somebody was faster */
        lc__isolate_unlock(isolate);
        lc__free(spare);
        isolate = lock_if(port, ending_too);
    } else {
        lc__free(spare);
    }
    return isolate;
}

struct lc__isolate *lc__isolate_lock_extras(lc_send_port port, int *error)
{
    return lock_extras(port, false, error);
}

struct lc__isolate *lc__isolate_lock_to_the_end(lc_send_port port, int *error)
{
    return lock_extras(port, true, error);
}

struct lc__extras *lc__isolate_extras(struct lc__isolate *isolate)
{
    int error;
    struct lc__isolate *locked = lc__isolate_lock_extras(lc__isolate_control_port(isolate), &error);
    struct lc__extras *extras = locked ? locked->extras : NULL;
    if (locked)
        lc__isolate_unlock(locked);
    return extras;
}

/* Any isolate, locked. NULL: why not, in *error. In a forked child its lock may be held for ever. */
struct lc__isolate *lc__isolate_lock_any(lc_send_port control, int *error)
{
    lc__task_check();
    *error = lc__forked() ? -ENOTSUP : -ESRCH;
    return *error == -ENOTSUP ? NULL : lc__isolate_lock(control);
}

/* As lock_any, of the caller's world. */
struct lc__isolate *lc__isolate_lock_of_this_world(lc_send_port control, int *error)
{
    struct lc__isolate *isolate = lc__isolate_lock_any(control, error);
    if (!isolate || lc__executor_is_of_this_world(isolate->job.executor))
        return isolate;
    lc__isolate_unlock(isolate);
    *error = -ENOTSUP;
    return NULL;
}

/* The same with extras, made if need be. NULL: why not, in *error. */
struct lc__isolate *lc__isolate_lock_extras_of_this_world(lc_send_port control, int *error)
{
    struct lc__isolate *isolate = lc__isolate_lock_extras(control, error);
    if (!isolate || lc__executor_is_of_this_world(isolate->job.executor))
        return isolate;
    lc__isolate_unlock(isolate);
    *error = -ENOTSUP;
    return NULL;
}

/* The isolate, locked, if the capability is its. NULL: why not, in *error. */
struct lc__isolate *lc__isolate_lock_for(lc_send_port control, lc_capability shown,
                                         enum lc__right right, int *error)
{
    struct lc__isolate *isolate = lc__isolate_lock_any(control, error);
    if (!isolate)
        return NULL;
    const struct lc__extras *extras = isolate->extras;
    *error = -EPERM;
    if (extras && lc__capability_allows(shown, right == LC__RIGHT_TO_END ? extras->terminate
                                                                         : extras->pause)) {
        if (lc__executor_is_of_this_world(isolate->job.executor))
            return isolate;
        *error = -ENOTSUP;
    }
    lc__isolate_unlock(isolate);
    return NULL;
}
