/*
 * reducer.c: an isolate that adds up the reports that it gets. When it has been told how many
 * isolates report, and all of those have ended, it reports the sum as its last message.
 *
 * It counts ends, not reports: an isolate that has failed sends no report, but has an end.
 */
#include "isolates.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reducer {
    struct announcement announcement;
    lc_send_port announcements;
    struct part sum;
    bool sealed;
    struct seal seal;
};

static lc_error *end_when_complete(const struct reducer *reducer)
{
    if (!reducer->sealed || reducer->sum.ended < reducer->seal.reporters)
        return NULL;
    struct part sum = reducer->sum;
    sum.ended = 0; /* the library reports the end itself */
    lc_isolate_exit(reducer->seal.parent, &(lc_payload){&sum, sizeof sum, NULL});
}

static lc_error *add(lc_message *message, void *arg)
{
    struct reducer *reducer = arg;
    const struct part *part = lc_message_data(message);
    reducer->sum.words += part->words;
    reducer->sum.files += part->files;
    reducer->sum.ended += part->ended;
    return end_when_complete(reducer);
}

static lc_error *seal(lc_message *message, void *arg)
{
    struct reducer *reducer = arg;
    reducer->seal = *(const struct seal *)lc_message_data(message);
    reducer->sealed = true;
    return end_when_complete(reducer);
}

static lc_error *begin(void *arg)
{
    struct reducer *reducer = arg;
    lc_receive_port parts, seals;
    lc_error *error = lc_port_open(LC_PORT(.handler = add, .arg = reducer), &parts);
    if (!error)
        error = lc_port_open(LC_PORT(.handler = seal, .arg = reducer), &seals);
    if (error)
        return error;
    reducer->announcement.parts = parts.send;
    reducer->announcement.seals = seals.send;
    int code =
        lc_send(reducer->announcements, &reducer->announcement, sizeof reducer->announcement);
    return code == 0 ? NULL : lc_error_new_errno(-code, "a reducer cannot begin");
}

lc_error *reducer_spawn(struct roster *roster, lc_send_port announcements, size_t *place)
{
    lc_error *error = roster_find_place(roster, place);
    if (error)
        return error;
    struct reducer *reducer = calloc(1, sizeof *reducer);
    if (!reducer)
        return lc_error_new(-ENOMEM, "no memory for a reducer");
    reducer->announcement.place = *place;
    reducer->announcements = announcements;
    lc_isolate_options options = {
        .size = sizeof options, .name = "reducer", .entry = begin, .arg = reducer, .release = free};
    error = roster_spawn(roster, *place, &options, false);
    if (error)
        free(reducer);
    return error;
}
