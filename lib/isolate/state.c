/*
 * state.c: what can be seen of an isolate. See <lifecycle/isolate.h>.
 */
#include "isolate/lookup.h"
#include "isolate/schedule.h"

#include <bsd/string.h>
#include <errno.h>

static lc_isolate_state state_of(const struct lc__isolate *isolate)
{
    if (lc__isolate_is_held_at_exit(isolate))
        return LC_ISOLATE_HELD_AT_EXIT;
    if (lc__isolate_is_held_at_start(isolate))
        return LC_ISOLATE_HELD_AT_START;
    if (isolate->bars & LC__PAUSED)
        return LC_ISOLATE_PAUSED;
    return isolate->bars & LC__NOT_ENTERED ? LC_ISOLATE_START : LC_ISOLATE_RUNNING;
}

lc_isolate_state lc_isolate_read_state(lc_isolate isolate)
{
    int error;
    struct lc__isolate *found = lc__isolate_lock_any(isolate.control, &error);
    if (!found)
        return LC_ISOLATE_ENDED;
    lc_isolate_state state = state_of(found);
    lc__isolate_unlock(found);
    return state;
}

int lc_isolate_copy_name(lc_isolate isolate, char *name, size_t size)
{
    int error;
    if (!name || size == 0)
        return -EINVAL;
    struct lc__isolate *found = lc__isolate_lock_any(isolate.control, &error);
    if (!found)
        return error;
    const struct lc__extras *extras = found->extras;
    strlcpy(name, extras && extras->name ? extras->name : "isolate", size);
    lc__isolate_unlock(found);
    return 0;
}

/* The handle at a place of the extras, made if need be; under the lock. */
static lc_handle *handle_at(lc_handle **at, lc_handle **spare, bool is_closed)
{
    if (!*at) {
        *at = is_closed ? lc_handle_new_closed() : *spare;
        *spare = is_closed ? *spare : NULL;
    }
    return lc_handle_ref(*at);
}

lc_handle *lc_isolate_ready(lc_isolate isolate)
{
    int error;
    lc__task_check();
    lc_handle *spare = lc_handle_new();
    struct lc__isolate *found = spare ? lc__isolate_lock_extras(isolate.control, &error) : NULL;
    lc_handle *handle = NULL;
    if (found) {
        handle = handle_at(&found->extras->ready, &spare, found->ready);
        lc__isolate_unlock(found);
    } else if (spare && error == -ESRCH) {
        handle = lc_handle_new_closed();
    }
    lc_handle_unref(spare);
    return handle;
}

/* Of one that is ending, too, though it is nobody's address any more: not all have been told. */
lc_handle *lc_isolate_done(lc_isolate isolate)
{
    int error;
    lc__task_check();
    lc_handle *spare = lc_handle_new();
    struct lc__isolate *found = spare ? lc__isolate_lock_to_the_end(isolate.control, &error) : NULL;
    lc_handle *handle = NULL;
    if (found) {
        handle = handle_at(&found->extras->done, &spare, false);
        lc__isolate_unlock(found);
    } else if (spare && error == -ESRCH) {
        handle = lc_handle_new_closed();
    }
    lc_handle_unref(spare);
    return handle;
}
