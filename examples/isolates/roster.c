/*
 * roster.c: the list of the isolates that are alive. Each has a place, which its exit response
 * names when it has ended. The owner of the roster can pause them all.
 */
#include "isolates.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

lc_error *roster_find_place(struct roster *roster, size_t *place)
{
    if (roster->first_free > 0) {
        *place = roster->first_free - 1;
        return NULL;
    }
    if (roster->count == roster->room) {
        size_t room = roster->room ? roster->room * 2 : 64;
        struct member *members = realloc(roster->members, room * sizeof *members);
        if (!members)
            return lc_error_new(-ENOMEM, "no memory for a list of isolates");
        roster->members = members;
        roster->room = room;
    }
    *place = roster->count;
    roster->members[roster->count++] = (struct member){.alive = false};
    roster->first_free = roster->count;
    return NULL;
}

lc_error *roster_spawn(struct roster *roster, size_t place, lc_isolate_options *options,
                       bool is_file)
{
    struct member *member = &roster->members[place];
    options->on_error = roster->errors;
    options->on_exit = roster->ends;
    options->exit_response = (lc_payload){&place, sizeof place, NULL};
    lc_error *error = lc_isolate_spawn(options, &member->isolate);
    if (error)
        return error;
    member->alive = true;
    member->is_file = is_file;
    roster->first_free = member->next_free;
    roster->alive++;
    roster->files += is_file;
    return NULL;
}

void roster_remove(struct roster *roster, size_t place)
{
    struct member *member = &roster->members[place];
    member->alive = false;
    member->next_free = roster->first_free;
    roster->first_free = place + 1;
    roster->alive--;
    roster->files -= member->is_file;
}

static int order_one(lc_isolate isolate, const struct order *order)
{
    return order->pause ? lc_isolate_pause(isolate, order->resume)
                        : lc_isolate_resume(isolate, order->resume);
}

lc_error *roster_order(const struct roster *roster, const struct order *order)
{
    int failed = 0;
    for (size_t place = 0; place < roster->count; place++) {
        const struct member *member = &roster->members[place];
        int code = member->alive ? order_one(member->isolate, order) : 0;
        /* It has ended, and its message is on its way; or it was spawned after the pause. */
        if (code < 0 && code != -ESRCH && code != -ENOENT)
            failed = code;
    }
    if (failed == 0)
        return NULL;
    return lc_error_new_errno(-failed, "cannot %s an isolate", order->pause ? "pause" : "resume");
}
