/*
 * state.c: questions about an isolate, from any thread. See <lifecycle/isolate.h>.
 */
#include "isolate/lookup.h"
#include "isolate/schedule.h"

#include <bsd/string.h>
#include <errno.h>

static lc_isolate_state isolate_state_of(const struct lc__isolate *isolate)
{
    if (lc__isolate_is_held_at_exit(isolate))
        return LC_ISOLATE_HELD_AT_EXIT;
    if (lc__isolate_is_held_at_start(isolate))
        return LC_ISOLATE_HELD_AT_START;
    if (isolate->flags & LC__PAUSED)
        return LC_ISOLATE_PAUSED;
    return isolate->flags & LC__NOT_ENTERED ? LC_ISOLATE_START : LC_ISOLATE_RUNNING;
}

lc_isolate_state lc_isolate_read_state(lc_isolate isolate)
{
    int error;
    struct lc__isolate *found = lc__isolate_lock_any(isolate.control, &error);
    if (!found)
        return LC_ISOLATE_ENDED;
    lc_isolate_state state = isolate_state_of(found);
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
    strlcpy(name, lc__isolate_name(found), size);
    lc__isolate_unlock(found);
    return 0;
}

/*
 * A reference to a handle of the extras. Makes it if there is none, of the spare or closed. Under
 * the lock.
 */
static lc_handle *extras_handle(lc_handle **at, lc_handle **spare, bool is_closed)
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
        handle = extras_handle(&found->extras->ready, &spare, found->ready);
        lc__isolate_unlock(found);
    } else if (spare && error == -ESRCH) {
        handle = lc_handle_new_closed();
    }
    lc_handle_unref(spare);
    return handle;
}

lc_handle *lc_isolate_done(lc_isolate isolate)
{
    int error;
    lc__task_check();
    /* The handle of an isolate that is ending closes with the others: some wait for it still. */
    lc_handle *spare = lc_handle_new();
    struct lc__isolate *found = spare ? lc__isolate_lock_to_the_end(isolate.control, &error) : NULL;
    lc_handle *handle = NULL;
    if (found) {
        handle = extras_handle(&found->extras->done, &spare, false);
        lc__isolate_unlock(found);
    } else if (spare && error == -ESRCH) {
        handle = lc_handle_new_closed();
    }
    lc_handle_unref(spare);
    return handle;
}
