/*
 * dispenser.c: the isolate that hands out the files. It finds them a few ahead, spawns an isolate
 * for each, and waits while as many are open as allowed; so the number of files does not matter. It
 * spawns all isolates, gets a message at the end of each, and ends last.
 *
 * After each event (a file has ended, a reducer has announced itself) it calls one function, go_on,
 * which does what can be done now.
 */
#include "isolates.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The most steps of the walk for one message: a pause or a kill waits until they are done. */
#define STEPS 256

/* ---- looking for files ---- */

/* On a thread that may wait for the disk. */
static void look_ahead(void *arg)
{
    struct dispenser *dispenser = arg;
    struct walk *walk = &dispenser->walk;
    for (unsigned steps = STEPS; steps > 0 && !walk_is_over(walk); steps--) {
        char *path;
        dispenser->batch_error = walk_step(walk, &path);
        if (path)
            dispenser->batch[dispenser->batch_count++] = path;
        if (dispenser->batch_error || dispenser->batch_count == BATCH)
            return;
    }
}

/* ---- going on ---- */

static lc_error *explain(int code, const char *what)
{
    return code == 0 ? NULL : lc_error_new_errno(-code, "cannot %s", what);
}

/* The total cannot be sent any more: the dispenser ends, which tells the main thread. */
static lc_error *give_up(lc_error *error)
{
    lc_isolate self;
    lc_isolate_current(&self);
    lc_isolate_set_errors_fatal(self, true);
    return error;
}

/* Goes on with the next message, so that it can be paused or killed before. Reports `error`. */
static lc_error *go_on_later(const struct dispenser *dispenser, lc_error *error)
{
    int code = lc_send(dispenser->self, NULL, 0);
    if (code == 0)
        return error;
    lc_error_unref(error);
    return give_up(explain(code, "go on"));
}

static lc_error *find_more(struct dispenser *dispenser)
{
    int code = lc_call_blocking(look_ahead, dispenser);
    if (code < 0)
        return give_up(explain(code, "look for files"));
    atomic_fetch_add_explicit(&dispenser->tally->found, dispenser->batch_count,
                              memory_order_relaxed);
    lc_error *error = dispenser->batch_error;
    dispenser->batch_error = NULL;
    return go_on_later(dispenser, error);
}

/* As many as may be open, as long as a reducer takes their reports. */
static lc_error *hand_out(struct dispenser *dispenser)
{
    while (dispenser->batch_count > 0 && dispenser->roster.files < dispenser->options->open) {
        lc_send_port parts;
        lc_error *error = tree_room(&dispenser->tree, &parts);
        if (error)
            return give_up(error);
        if (!lc_send_port_is_set(parts))
            return NULL;
        error = file_spawn(&dispenser->roster, dispenser->batch[--dispenser->batch_count],
                           dispenser->options->step, parts);
        if (error)
            return go_on_later(dispenser, error);
        tree_add(&dispenser->tree);
    }
    return NULL;
}

static lc_error *go_on(struct dispenser *dispenser)
{
    if (dispenser->batch_count > 0)
        return hand_out(dispenser);
    if (!walk_is_over(&dispenser->walk))
        return find_more(dispenser);
    if (!dispenser->tree.complete) {
        lc_error *error = tree_complete(&dispenser->tree);
        if (error)
            return give_up(error);
    }
    if (dispenser->tree.complete && dispenser->roster.alive == 0)
        lc_isolate_exit(LC_NO_PORT, NULL);
    return NULL;
}

/* ---- messages ---- */

static lc_error *on_go_on(lc_message *message, void *arg)
{
    (void)message;
    return go_on(arg);
}

static lc_error *on_announcement(lc_message *message, void *arg)
{
    struct dispenser *dispenser = arg;
    tree_announced(&dispenser->tree, lc_message_data(message));
    return go_on(dispenser);
}

static lc_error *on_end(lc_message *message, void *arg)
{
    struct dispenser *dispenser = arg;
    size_t place = *(const size_t *)lc_message_data(message);
    if (tree_needs(&dispenser->tree, place))
        return give_up(lc_error_new(-ECANCELED, "a reducer has ended too early"));
    roster_remove(&dispenser->roster, place);
    return go_on(dispenser);
}

static lc_error *on_order(lc_message *message, void *arg)
{
    struct dispenser *dispenser = arg;
    const struct order *order = lc_message_data(message);
    lc_error *error = roster_order(&dispenser->roster, order);
    if (!order->pause)
        return error;
    /* It pauses itself before it says so: else it could be resumed before it is paused. */
    lc_isolate self;
    lc_isolate_current(&self);
    int code = lc_isolate_pause(self, order->resume);
    struct news paused = {.kind = NEWS_PAUSED};
    if (code == 0)
        code = lc_send(dispenser->news, &paused, sizeof paused);
    return error ? error : explain(code, "pause");
}

/* ---- beginning and end ---- */

/* Unless something has failed before. */
static lc_error *open_port(struct dispenser *dispenser, lc_error *before,
                           lc_message_handler handler, lc_send_port *opened)
{
    lc_receive_port port = {LC_NO_PORT};
    if (!before)
        before = lc_port_open(LC_PORT(.handler = handler, .arg = dispenser), &port);
    *opened = port.send;
    return before;
}

static lc_error *begin(void *arg)
{
    struct dispenser *dispenser = arg;
    struct news started = {.kind = NEWS_STARTED};
    lc_error *error = open_port(dispenser, NULL, on_go_on, &dispenser->self);
    error = open_port(dispenser, error, on_announcement, &dispenser->tree.announcements);
    error = open_port(dispenser, error, on_end, &dispenser->roster.ends);
    error = open_port(dispenser, error, on_order, &started.orders);
    if (!error)
        error = explain(lc_send(dispenser->news, &started, sizeof started), "begin");
    if (!error)
        error = walk_begin(&dispenser->walk, dispenser->options->directory);
    return error ? give_up(error) : go_on_later(dispenser, NULL);
}

static void release(void *arg)
{
    struct dispenser *dispenser = arg;
    while (dispenser->batch_count > 0)
        free(dispenser->batch[--dispenser->batch_count]);
    lc_error_unref(dispenser->batch_error);
    walk_end(&dispenser->walk);
    free(dispenser->roster.members);
}

lc_error *dispenser_spawn(struct dispenser *dispenser, lc_isolate_group *group, lc_isolate *isolate)
{
    static const struct news ended = {.kind = NEWS_ENDED};
    dispenser->roster.errors = dispenser->errors;
    dispenser->tree.roster = &dispenser->roster;
    dispenser->tree.fan_in = dispenser->options->fan_in;
    dispenser->tree.top = dispenser->total;
    return lc_isolate_spawn(
        LC_ISOLATE(.name = "dispenser", .entry = begin, .arg = dispenser, .release = release,
                   .group = group,
                   .errors_not_fatal = true, /* a directory that cannot be read is left out */
                   .on_error = dispenser->errors, .on_exit = dispenser->news,
                   .exit_response = {(void *)(uintptr_t)&ended, sizeof ended, NULL}),
        isolate);
}
