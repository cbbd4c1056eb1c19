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
 * A reference to the handle `done`, or `ready`, made if there is none. The handle `done` of an
 * isolate that is ending is found too: it closes last.
 */
static lc_handle *isolate_handle(lc_send_port control, bool done)
{
    int error;
    lc__task_check();
    lc_handle *spare = lc_handle_new(), *handle = NULL;
    if (!spare)
        return NULL;
    struct lc__isolate *found = done ? lc__isolate_lock_to_the_end(control, &error)
                                     : lc__isolate_lock_extras(control, &error);
    if (found) {
        lc_handle **at = done ? &found->extras->done : &found->extras->ready;
        bool is_closed = !done && found->ready;
        if (!*at) {
            *at = is_closed ? lc_handle_new_closed() : spare;
            spare = is_closed ? spare : NULL;
        }
        handle = lc_handle_ref(*at);
        lc__isolate_unlock(found);
    } else if (error == -ESRCH) {
        handle = lc_handle_new_closed();
    }
    lc_handle_unref(spare);
    return handle;
}

lc_handle *lc_isolate_ready(lc_isolate isolate)
{
    return isolate_handle(isolate.control, false);
}

lc_handle *lc_isolate_done(lc_isolate isolate)
{
    return isolate_handle(isolate.control, true);
}
